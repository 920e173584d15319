// SPDX-License-Identifier: MIT
/* The tools that talk to the user and to everybody, look back, and tell who
 * this agent is: what they ask of the platform, and what they tell. */
#include "tests/unit/tools_fixture.h"

#include "app/config.h"
#include "proto/json.h"

#define LOG "GET /workspaces/" OWN_ID "/activity"
#define NOTIFY "POST /workspaces/" OWN_ID "/notify"
#define BROADCAST "POST /workspaces/" OWN_ID "/broadcast"
#define MEMORIES "/workspaces/" OWN_ID "/memories"
#define PEER "22222222-2222-4222-8222-222222222222"
#define OTHER "33333333-3333-4333-8333-333333333333"
#define LINE_MAX_BYTES (8u * 1024 * 1024)

/* The structured answer of a call that succeeds, as text; free. */
static char *structured(struct fake *fake, const char *tool,
			const char *arguments)
{
	struct tool_call call = fake_run(fake, tool, arguments);
	char *text = call.structured ? json_dump_text(call.structured, 0)
				     : strdup("(none)");

	CHECK(!call.is_error);
	fake_done(&call);
	return text;
}

static void want_structured(struct fake *fake, const char *tool,
			    const char *arguments, const char *want_text)
{
	char *text = structured(fake, tool, arguments);

	for (char *at = text; *at; at++)
		if (*at == '"')
			*at = '\'';
	if (!CHECK(strcmp(text, want_text) == 0))
		fprintf(stderr, "got  %s\nwant %s\n", text, want_text);
	free(text);
}

/* From here on nobody answers. */
static void away(struct fake *fake)
{
	static struct url nowhere;

	CHECK_EQ(url_parse(&nowhere, "http://127.0.0.1:1", NULL), 0);
	fake->host.member.who.url = &nowhere;
}

static int history_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, { LOG, 200,
		       "[{'id':'2','summary':'later','request_body':{'a':[1]}},"
		       "7,{'id':'1','summary':'first \xc3\xa9'}]",
		       0, 0 });
	call = fake_run(&fake, "chat_history", "{'peer_id':'" PEER "'}");
	CHECK(!call.is_error && call.untrusted);
	CHECK(strcmp(call.text,
		     "[{\"id\": \"1\", \"summary\": \"first \xc3\xa9\"}, "
		     "{\"id\": \"2\", \"summary\": \"later\", "
		     "\"request_body\": {\"a\": [1]}}]") == 0);
	fake_done(&call);
	want_structured(&fake, "chat_history", "{'peer_id':'" PEER "'}",
			"{'messages': [{'id': '1', 'summary': 'first \xc3\xa9'}"
			", {'id': '2', 'summary': 'later', 'request_body': "
			"{'a': [1]}}], 'untrusted': true}");
	CHECK_EQ(seen(&fake, LOG "?peer_id=" PEER "&limit=20 "), 2);
	/* Lenient limits; no type, no window. */
	RULES(&fake, { LOG, 200, "[]", 0, 0 });
	want(&fake, "chat_history",
	     "{'peer_id':'" PEER "','limit':0,'before_ts':"
	     "'2026-05-01T10:00:00+02:00'}",
	     false, "[]");
	CHECK_EQ(seen(&fake, LOG "?before_ts=2026-05-01T10%3A00%3A00%2B02%3A00"
				 "&peer_id=" PEER "&limit=20 "),
		 1);
	want_structured(&fake, "chat_history",
			"{'peer_id':'" PEER "','limit':9999}",
			"{'messages': [], 'untrusted': true}");
	CHECK_EQ(seen(&fake, "&limit=500 "), 1);
	want(&fake, "chat_history", "{'peer_id':'" PEER "','limit':'x'}", false,
	     "[]");
	want(&fake, "chat_history", "{'peer_id':'" PEER "','limit':-3}", false,
	     "[]");
	want(&fake, "chat_history", "{'peer_id':'" PEER "','limit':'7'}", false,
	     "[]");
	CHECK_EQ(seen(&fake, "&limit=20 "), 3);
	CHECK_EQ(seen(&fake, "&limit=7 "), 1);
	/* What fails. */
	want(&fake, "chat_history", "{}", true, "Error: peer_id is required");
	want(&fake, "chat_history", "{'peer_id':''}", true,
	     "Error: peer_id is required");
	want(&fake, "chat_history", "{'peer_id':7}", true,
	     "Error: peer_id must be a string");
	want(&fake, "chat_history", "{'peer_id':'x','before_ts':[]}", true,
	     "Error: before_ts must be a string");
	RULES(&fake, { LOG, 400, "{'error':'peer_id must be a UUID'}", 0, 0 });
	want(&fake, "chat_history", "{'peer_id':'x'}", true,
	     "Error: peer_id must be a UUID");
	RULES(&fake, { LOG, 500, "{}", 0, 0 });
	want(&fake, "chat_history", "{'peer_id':'x'}", true,
	     "Error: chat_history returned HTTP 500");
	RULES(&fake, { LOG, 402, "{'error':'no credit'}", 0, 0 });
	want_part(&fake, "chat_history", "{'peer_id':'x'}", true,
		  "Error: chat_history returned HTTP 402: no credit (the "
		  "workspace's budget is used up");
	RULES(&fake, { LOG, 200, "<html>", 0, 0 });
	want(&fake, "chat_history", "{'peer_id':'x'}", true,
	     "Error: chat_history response was not JSON");
	RULES(&fake, { LOG, 200, "{}", 0, 0 });
	want(&fake, "chat_history", "{'peer_id':'x'}", true,
	     "Error: chat_history response was not a list");
	away(&fake);
	want_part(&fake, "chat_history", "{'peer_id':'x'}", true,
		  "Error: chat_history request failed: ");
	fake_close(&fake);
	return 0;
}

/* A page of `count` rows with texts that grow when they are escaped. */
struct big {
	char *body;
	size_t len;
};

static void big_page(struct big *big, unsigned int count, size_t each,
		     const char *filling)
{
	size_t unit = strlen(filling);
	char *at = malloc(count * (each * unit + 256) + 16);

	big->body = at;
	at += sprintf(at, "[");
	for (unsigned int i = 0; i < count; i++) {
		at += sprintf(at,
			      "%s{\"id\":\"row-%u\",\"created_at\":\"t-%u\","
			      "\"summary\":\"s\",\"request_body\":{\"x\":\"",
			      i ? "," : "", count - i, count - i);
		for (size_t k = 0; k < each; k++)
			at = stpcpy(at, filling);
		at += sprintf(at, "\"}}");
	}
	at += sprintf(at, "]");
	big->len = (size_t)(at - big->body);
}

static void big_handle(void *arg, struct http_incoming *request)
{
	const struct big *big = arg;

	http_reply(request->conn, 200, NULL, "application/json", big->body,
		   big->len);
}

/* The bytes that the answer takes in the line to the host. */
static size_t line_size(const struct tool_call *call)
{
	json_t *result =
		json_pack("{s:[{s:s, s:o}], s:O}", "content", "type", "text",
			  "text", json_string_clean(call->text, call->text_len),
			  "structuredContent", call->structured);
	size_t len = 0;
	char *line = json_dump_line(result, &len);

	free(line);
	json_decref(result);
	return len;
}

static int history_is_cut(struct rt *rt, void *arg)
{
	static const char *const fillings[] = { "abcdefgh", "\\\"\\\\\\n",
						"\xc3\xa9",
						"\xf0\x9f\x98\x80" };

	(void)arg;
	for (size_t i = 0; i < 4; i++) {
		struct tool_call call;
		struct fake fake;
		struct big big;
		json_t *list, *oldest;
		json_int_t omitted = 0;
		size_t count;

		fake_open(&fake, rt);
		fake.server.options.handler = big_handle;
		fake.server.options.arg = &big;
		big_page(&big, 100, 25000, fillings[i]);
		call = fake_run(&fake, "chat_history",
				"{'peer_id':'p','limit':100}");
		CHECK(!call.is_error && call.untrusted);
		CHECK(line_size(&call) < LINE_MAX_BYTES);
		CHECK(json_get_true(call.structured, "truncated"));
		CHECK(json_get_integer(call.structured, "omitted", &omitted));
		list = json_object_get(call.structured, "messages");
		count = json_array_size(list);
		CHECK_EQ((size_t)omitted + count, 100);
		CHECK(count > 3);
		/* The newest are there, and where they begin. */
		oldest = json_array_get(list, 0);
		CHECK(strcmp(json_get_text_or(json_array_get(list, count - 1),
					      "id", ""),
			     "row-100") == 0);
		CHECK(strcmp(json_get_text_or(call.structured, "before_ts", ""),
			     json_get_text_or(oldest, "created_at", "-")) == 0);
		CHECK(strncmp(call.text, "[{\"truncated\": true, ", 21) == 0);
		list = json_loads(call.text, 0, NULL);
		CHECK_EQ(json_array_size(list), count + 1);
		json_decref(list);
		fake_done(&call);
		free(big.body);
		fake_close(&fake);
	}
	return 0;
}

/* One row that is too much is shown without its body, and others whole. */
static int history_of_long_rows(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;
	struct big big;
	json_t *list;

	(void)arg;
	fake_open(&fake, rt);
	fake.server.options.handler = big_handle;
	fake.server.options.arg = &big;
	big_page(&big, 3, 3000000, "x");
	call = fake_run(&fake, "chat_history", "{'peer_id':'p'}");
	CHECK(!call.is_error);
	CHECK(line_size(&call) < LINE_MAX_BYTES);
	list = json_object_get(call.structured, "messages");
	CHECK_EQ(json_array_size(list), 3);
	CHECK(json_object_get(call.structured, "truncated") == NULL);
	for (size_t i = 0; i < 3; i++) {
		const json_t *row = json_array_get(list, i);

		CHECK(json_get_true(row, "truncated"));
		CHECK(json_get_text(row, "summary") != NULL);
		CHECK(json_object_get(row, "request_body") == NULL);
	}
	fake_done(&call);
	free(big.body);
	fake_close(&fake);
	return 0;
}

static int broadcast_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake,
	      { BROADCAST, 200, "{'status':'sent','delivered':3}", 0, 0 });
	want(&fake, "broadcast_message", "{'message':'to all'}", false,
	     "Broadcast sent to 3 workspace(s)");
	CHECK_EQ(seen(&fake, "{\"message\":\"to all\"}"), 1);
	want(&fake, "broadcast_message", "{}", true,
	     "Error: message is required");
	want(&fake, "broadcast_message", "{'message':7}", true,
	     "Error: message must be a string");
	RULES(&fake,
	      { BROADCAST, 403,
		"{'error':'broadcast_disabled','hint':'Ask Eve.'}", 0, 0 });
	want(&fake, "broadcast_message", "{'message':'m'}", true,
	     "Error: broadcast ability not enabled. Ask Eve.");
	RULES(&fake, { BROADCAST, 403, "{'error':'broadcast is off'}", 0, 0 });
	want_part(&fake, "broadcast_message", "{'message':'m'}", true,
		  "Error: broadcast ability not enabled. An administrator");
	/* A token that is refused is something else. */
	RULES(&fake, { BROADCAST, 403, "{'error':'invalid token'}", 0, 0 });
	want(&fake, "broadcast_message", "{'message':'m'}", true,
	     "Error: platform returned 403: invalid token");
	RULES(&fake, { BROADCAST, 409, "{}", 0, 0 });
	want_part(&fake, "broadcast_message", "{'message':'m'}", true,
		  "Error: platform returned 409 (that is in conflict with");
	RULES(&fake, { BROADCAST, 410, "{}", 0, 0 });
	want_part(&fake, "broadcast_message", "{'message':'m'}", true,
		  "410 (the workspace has been removed");
	RULES(&fake, { BROADCAST, 200, "nonsense", 0, 0 });
	want(&fake, "broadcast_message", "{'message':'m'}", false,
	     "Broadcast sent");
	away(&fake);
	want_part(&fake, "broadcast_message", "{'message':'m'}", true,
		  "Error sending broadcast: ");
	fake_close(&fake);
	return 0;
}

static int card_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, { "POST /registry/update-card", 200,
		       "{'status':'updated'}", 0, 0 });
	want(&fake, "update_agent_card", "{'card':{'name':'N','x':[1]}}", false,
	     "{\n  \"success\": true,\n  \"status\": \"updated\"\n}");
	CHECK_EQ(seen(&fake, "{\"workspace_id\":\"" OWN_ID "\",\"agent_card\":"
			     "{\"name\":\"N\",\"x\":[1]}}"),
		 1);
	want_structured(&fake, "update_agent_card", "{'card':{}}",
			"{'success': true, 'status': 'updated'}");
	/* A later registration keeps it; what is refused changes nothing. */
	CHECK_EQ(json_object_size(fake.host.member.workspace.card), 0);
	want(&fake, "update_agent_card", "{}", true,
	     "{\n  \"success\": false,\n  \"error\": \"card is required\"\n}");
	want_part(&fake, "update_agent_card", "{'card':'{}'}", true,
		  "\"error\": \"card must be an object");
	RULES(&fake, { "POST /registry/update-card", 403,
		       "{'error':'not yours'}", 0, 0 });
	want(&fake, "update_agent_card", "{'card':{}}", true,
	     "{\n  \"success\": false,\n  \"error\": \"not yours\",\n  "
	     "\"status_code\": 403\n}");
	RULES(&fake, { "POST /registry/update-card", 500, "", 0, 0 });
	want_part(&fake, "update_agent_card", "{'card':{}}", true,
		  "\"error\": \"the platform refused it\",\n  "
		  "\"status_code\": 500");
	want_part(&fake, "update_agent_card", "{'card':{'name':'n'}}", true,
		  "500");
	CHECK(fake.host.member.workspace.card != NULL);
	CHECK_EQ(json_object_size(fake.host.member.workspace.card), 0);
	away(&fake);
	want_part(&fake, "update_agent_card", "{'card':{}}", true,
		  "\"success\": false,\n  \"error\": \"connection refused");
	fake_close(&fake);
	return 0;
}

static char text_of_model[] = "m-1";
static char text_of_url[] = "https://user:p%40ss@api.example:8/v1?x=@y";
static char text_of_tier[] = "2";
static char text_of_adapter[] = "claude_code";

static int identity_body(struct rt *rt, void *arg)
{
	struct fake fake, second;
	struct member members[2];

	(void)arg;
	fake_open(&fake, rt);
	want_structured(&fake, "get_runtime_identity", "{}",
			"{'model': '', 'model_provider': '', 'molecule_model': "
			"'', 'anthropic_base_url': '', 'tier': '', "
			"'workspace_id': '" OWN_ID "', 'runtime': ''}");
	fake.config.model = text_of_model;
	fake.config.anthropic_base_url = text_of_url;
	fake.config.tier = text_of_tier;
	fake.config.adapter_module = text_of_adapter;
	want(&fake, "get_runtime_identity", "{'random_string':'x'}", false,
	     "{\n  \"model\": \"m-1\",\n  \"model_provider\": \"\",\n  "
	     "\"molecule_model\": \"\",\n  \"anthropic_base_url\": "
	     "\"https://api.example:8/v1?x=@y\",\n  \"tier\": \"2\",\n  "
	     "\"workspace_id\": \"" OWN_ID "\",\n  \"runtime\": "
	     "\"claude_code\"\n}");
	fake_open(&second, rt);
	fake_join(&fake, &second, members, OTHER, "tok-2");
	want_part(&fake, "get_runtime_identity", "{}", false,
		  "\"workspaces\": [\n    \"" OWN_ID "\",\n    \"" OTHER "\"");
	CHECK_EQ(fake.seen_len, 0);
	fake_close(&second);
	fake_close(&fake);
	return 0;
}

static int user_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake,
	      { NOTIFY, 403,
		"{'error':'talk_to_user_disabled','hint':'See Ann.'}", 0, 0 });
	want(&fake, "send_message_to_user", "{'message':'m'}", true,
	     "Error: this workspace may not talk to the user "
	     "(talk_to_user_disabled). See Ann. Hand what you have to say to a "
	     "workspace that may, usually the parent, with delegate_task "
	     "(list_peers finds it).");
	RULES(&fake,
	      { NOTIFY, 403, "{'error':'talk_to_user_disabled'}", 0, 0 });
	want_part(&fake, "send_message_to_user", "{'message':'m'}", true,
		  "(talk_to_user_disabled). Hand what");
	RULES(&fake, { NOTIFY, 403, "{'error':'invalid token'}", 0, 0 });
	want(&fake, "send_message_to_user", "{'message':'m'}", true,
	     "Error: platform returned 403: invalid token");
	RULES(&fake, { NOTIFY, 402, "{'error':'no credit'}", 0, 0 });
	want_part(&fake, "send_message_to_user", "{'message':'m'}", true,
		  "402: no credit (the workspace's budget is used up");
	RULES(&fake, { NOTIFY, 409, "", 0, 0 });
	want_part(&fake, "send_message_to_user", "{'message':'m'}", true,
		  "409 (that is in conflict");
	RULES(&fake, { NOTIFY, 410, "{'hint':'Make a new one.'}", 0, 0 });
	want_part(&fake, "send_message_to_user", "{'message':'m'}", true,
		  "410: Make a new one. (the workspace has been removed");
	fake_close(&fake);
	return 0;
}

static int memory_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake,
	      { "POST " MEMORIES, 201, "{'id':'m-1','scope':'GLOBAL'}", 0, 0 });
	/* F-34: the platform is asked, whatever the tier here. */
	fake.config.workspace_tier = 1;
	want(&fake, "commit_memory", "{'content':'c','scope':'global'}", false,
	     "{\"success\": true, \"id\": \"m-1\", \"scope\": \"GLOBAL\"}");
	CHECK_EQ(seen(&fake, "\"scope\":\"GLOBAL\""), 1);
	want_structured(&fake, "commit_memory", "{'content':'c'}",
			"{'success': true, 'id': 'm-1', 'scope': 'LOCAL'}");
	RULES(&fake, { "POST " MEMORIES, 403,
		       "{'error':'only root workspaces write GLOBAL'}", 0, 0 });
	want(&fake, "commit_memory", "{'content':'c','scope':'GLOBAL'}", true,
	     "Error: only root workspaces write GLOBAL");
	RULES(&fake, { "POST " MEMORIES, 201, "{'id':{}}", 0, 0 });
	want_structured(&fake, "commit_memory", "{'content':'c'}",
			"{'success': true, 'id': null, 'scope': 'LOCAL'}");
	RULES(&fake, { "POST " MEMORIES, 500, "oops", 0, 0 });
	want(&fake, "commit_memory", "{'content':'c'}", true,
	     "Error: the platform answered 500: oops");

	/* F-49: an error is never handed over as the result. */
	RULES(&fake, { "GET " MEMORIES, 500, "{'error':'down'}", 0, 0 });
	want(&fake, "recall_memory", "{}", true,
	     "Error recalling memory: down");
	RULES(&fake, { "GET " MEMORIES, 500,
		       "[{'scope':'LOCAL','content':'x'}]", 0, 0 });
	want_part(&fake, "recall_memory", "{}", true,
		  "Error recalling memory: the platform answered 500: ");
	/* What others may have written is marked. */
	RULES(&fake, { "GET " MEMORIES, 200,
		       "[{'scope':'LOCAL','content':'x'}]", 0, 0 });
	call = fake_run(&fake, "recall_memory", "{}");
	CHECK(!call.untrusted && strcmp(call.text, "[LOCAL] x") == 0);
	fake_done(&call);
	RULES(&fake, { "GET " MEMORIES, 200,
		       "[{'scope':'LOCAL','content':'x'},"
		       "{'scope':'TEAM','content':'y'}]",
		       0, 0 });
	call = fake_run(&fake, "recall_memory", "{}");
	CHECK(call.untrusted);
	fake_done(&call);
	fake_close(&fake);
	return 0;
}

/* Too many memories for a line: what is left out is said. */
static int many_memories(struct rt *rt, void *arg)
{
	size_t each = 400000;
	struct tool_call call;
	struct fake fake;
	struct big big;
	char *at = big.body = malloc(10 * (each + 64));

	(void)arg;
	*at++ = '[';
	for (int i = 0; i < 10; i++) {
		at += sprintf(at, "%s{\"scope\":\"LOCAL\",\"content\":\"",
			      i ? "," : "");
		for (size_t k = 0; k < each / 2; k++)
			at = stpcpy(at, "\xc3\xa9");
		at = stpcpy(at, "\"}");
	}
	*at++ = ']';
	big.len = (size_t)(at - big.body);
	fake_open(&fake, rt);
	fake.server.options.handler = big_handle;
	fake.server.options.arg = &big;
	call = fake_run(&fake, "recall_memory", "{}");
	CHECK(!call.is_error);
	CHECK(line_size(&call) < LINE_MAX_BYTES);
	CHECK(strstr(call.text, "\n(truncated: 4 more memories;") != NULL);
	fake_done(&call);
	fake_close(&fake);
	free(big.body);
	return 0;
}

/* F-22: each workspace with its own platform and its own token. */
static int f22_source_body(struct rt *rt, void *arg)
{
	static const struct {
		const char *tool, *arguments, *request;
	} calls[] = {
		{ "send_message_to_user", "{'message':'m','workspace_id':'%s'}",
		  "/notify [tok-2]" },
		{ "broadcast_message", "{'message':'m','workspace_id':'%s'}",
		  "/broadcast [tok-2]" },
		{ "update_agent_card", "{'card':{},'source_workspace_id':'%s'}",
		  "/registry/update-card [tok-2]" },
		{ "commit_memory", "{'content':'c','source_workspace_id':'%s'}",
		  "/memories [tok-2]" },
		{ "recall_memory", "{'source_workspace_id':'%s'}",
		  "&scope= [tok-2]" },
		{ "chat_history", "{'peer_id':'p','source_workspace_id':'%s'}",
		  "&limit=20 [tok-2]" },
	};
	struct member members[2];
	struct fake one, two;
	char arguments[256];

	(void)arg;
	fake_open(&one, rt);
	fake_open(&two, rt);
	fake_join(&one, &two, members, OTHER, "tok-2");
	RULES(&two, { "GET /", 200, "[]", 0, 0 },
	      { "POST /", 200, "{}", 0, 0 });
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		struct tool_call call;

		snprintf(arguments, sizeof(arguments), calls[i].arguments,
			 OTHER);
		call = fake_run(&one, calls[i].tool, arguments);
		CHECK(!call.is_error);
		fake_done(&call);
		CHECK_EQ(seen(&two, calls[i].request), 1);
		/* A workspace of somebody else. */
		snprintf(arguments, sizeof(arguments), calls[i].arguments,
			 PEER);
		want_part(&one, calls[i].tool, arguments, true, OTHER);
	}
	CHECK_EQ(one.seen_len, 0);
	CHECK_EQ(seen(&two, "tok-1"), 0);
	fake_close(&two);
	fake_close(&one);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(history_body)
TEST(history_is_cut)
TEST(history_of_long_rows)
TEST(broadcast_body)
TEST(card_body)
TEST(identity_body)
TEST(user_body)
TEST(memory_body)
TEST(many_memories)
TEST(f22_source_body)

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "chat_history", test_history_body, NULL, NULL, NULL },
		{ "chat_history_is_cut", test_history_is_cut, NULL, NULL,
		  NULL },
		{ "chat_history_of_long_rows", test_history_of_long_rows, NULL,
		  NULL, NULL },
		{ "broadcast_message", test_broadcast_body, NULL, NULL, NULL },
		{ "update_agent_card", test_card_body, NULL, NULL, NULL },
		{ "get_runtime_identity", test_identity_body, NULL, NULL,
		  NULL },
		{ "send_message_to_user_refused", test_user_body, NULL, NULL,
		  NULL },
		{ "f34_f49_memory", test_memory_body, NULL, NULL, NULL },
		{ "recall_memory_of_many", test_many_memories, NULL, NULL,
		  NULL },
		{ "f22_each_workspace_its_own_token", test_f22_source_body,
		  NULL, NULL, NULL },
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
