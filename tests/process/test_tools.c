// SPDX-License-Identifier: MIT
/*
 * The tools that ask the platform: what they send, what they say when it went
 * well, and what they say when it did not. (Those of the inbox: test_inbox.c.)
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define A2A "/workspaces/" PEER_ID "/a2a"
#define DELEGATE "/workspaces/" WS_ID "/delegate"
#define DELEGATIONS "/workspaces/" WS_ID "/delegations"
#define MEMORIES "/workspaces/" WS_ID "/memories"

/* Quiet: only what a tool sends reaches the platform. */
static struct child *start(struct rig *rig)
{
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", NULL);
	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "(absent)";
}

static void assert_begins(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)))
		fail_msg("\"%s\" does not begin with \"%s\"", text, start);
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" has no \"%s\"", text, part);
}

/* One call that must fail, with a text that begins so. */
static void fails(struct child *mcp, const char *tool, const char *args,
		  const char *start)
{
	static const char *const nothing = "{}";
	json_int_t id = 1000 + child_messages(mcp);

	mcp_call(mcp, id, tool, "%s", args ? args : nothing);
	assert_begins(mcp_failed(mcp, id), start);
}

static void delegate_task_asks_the_peer(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const json_t *message, *part;
	const struct request *r;
	char buf[256];

	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'do \\u00fc\\nit'}");
	assert_string_equal(mcp_ok(mcp, 2), "the peer answers");
	r = fake_seen(rig->fake, "GET", "/registry/discover/" PEER_ID, 0);
	assert_non_null(r);
	assert_string_equal(request_header(r, "X-Workspace-ID", buf, 256),
			    WS_ID);
	r = fake_seen(rig->fake, "POST", A2A, 0);
	assert_string_equal(request_header(r, "X-Workspace-ID", buf, 256),
			    WS_ID);
	assert_string_equal(request_header(r, "Authorization", buf, 256),
			    "Bearer " TOKEN);
	assert_string_equal(field(r->json, "jsonrpc"), "2.0");
	assert_string_equal(field(r->json, "method"), "message/send");
	assert_true(json_is_string(json_object_get(r->json, "id")));
	message =
		json_object_get(json_object_get(r->json, "params"), "message");
	part = json_array_get(json_object_get(message, "parts"), 0);
	assert_string_equal(field(message, "role"), "user");
	assert_string_equal(field(part, "kind"), "text");
	assert_string_equal(field(part, "text"), "do \xc3\xbc\nit");
}

static void delegate_task_reports_what_it_does(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const struct request *r;

	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'t'}");
	mcp_ok(mcp, 2);
	r = fake_expect(rig->fake, "POST", ACTIVITY, 0);
	assert_string_equal(field(r->json, "activity_type"), "a2a_send");
	assert_string_equal(field(r->json, "source_id"), WS_ID);
	assert_string_equal(field(r->json, "target_id"), PEER_ID);
	assert_string_equal(field(r->json, "summary"), "Delegating to Peer");
	r = fake_expect(rig->fake, "POST", ACTIVITY, 1);
	assert_string_equal(field(r->json, "activity_type"), "a2a_receive");
	assert_begins(field(r->json, "summary"), "Peer responded (16 chars)");

	fake_once(rig->fake, "POST", A2A, (struct answer){ .status = 503 });
	mcp_call(mcp, 3, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'t'}");
	mcp_failed(mcp, 3);
	r = fake_expect(rig->fake, "POST", ACTIVITY, 3);
	assert_begins(field(r->json, "summary"), "Peer failed");
	assert_string_equal(field(r->json, "status"), "error");
}

/* That the report fails is no reason not to delegate. */
static void delegate_task_needs_no_report(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	fake_always(rig->fake, "POST", ACTIVITY,
		    (struct answer){ .status = 500 });
	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'t'}");
	assert_string_equal(mcp_ok(mcp, 2), "the peer answers");
}

static void delegate_task_fails_in_words(void **state)
{
	static const char args[] = "{\"workspace_id\":\"" PEER_ID
				   "\",\"task\":\"t\"}";
	static const struct {
		struct answer answer;
		const char *says;
	} bad[] = {
		{ { .body = "{'jsonrpc':'2.0','id':1,'error':{'code':-32001,"
			    "'message':'peer is upset'}}" },
		  "peer is upset" },
		{ { .body = "{'jsonrpc':'2.0','id':1,'result':{'parts':[{"
			    "'kind':'text','text':'Agent error: it "
			    "broke'}]}}" },
		  "it broke" },
		{ { .status = 503, .body = "{'error':'busy','busy':true}" },
		  "503" },
		{ { .status = 402, .body = "{'error':'no budget'}" }, "402" },
		{ { .body = "not json at all" }, "" },
		{ { .body = "[]" }, "" },
		{ { .kind = ANSWER_RAW, .body = "garbage\r\n\r\n" }, "" },
		{ { .kind = ANSWER_TRUNCATED, .body = "{'result':" }, "" },
	};
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	fails(mcp, "delegate_task", "{\"task\":\"x\"}",
	      "Error: workspace_id and task are required");
	fails(mcp, "delegate_task", "{\"workspace_id\":\"" PEER_ID "\"}",
	      "Error: workspace_id and task are required");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fake_once(rig->fake, "POST", A2A, bad[i].answer);
		mcp_call(mcp, 10 + (json_int_t)i, "delegate_task", "%s", args);
		assert_begins(mcp_failed(mcp, 10 + (json_int_t)i),
			      "DELEGATION FAILED to Peer: [A2A_ERROR]");
		assert_holds(mcp_failed(mcp, 10 + (json_int_t)i), bad[i].says);
	}
	fake_once(rig->fake, "GET", "/registry/discover/*",
		  (struct answer){ .status = 404 });
	fails(mcp, "delegate_task", args,
	      "Error: workspace " PEER_ID " not found or not accessible");
	fake_once(rig->fake, "GET", "/registry/discover/*",
		  (struct answer){ .status = 403 });
	fails(mcp, "delegate_task", args,
	      "Error: workspace " PEER_ID " not found or not accessible");
}

static void no_id_of_the_model_changes_a_path(void **state)
{
	static const char *const ids[] = { "../../registry/register",
					   "..",
					   "a/b",
					   "x?y=z",
					   "x#y",
					   "a b",
					   "x\\r\\nX-Evil: 1",
					   "%2e%2e%2fz",
					   "\\u0000" };
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	int before;

	fake_expect(rig->fake, "POST", REGISTER, 0);
	fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	before = fake_count(rig->fake, "POST", "/registry/*");
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		json_int_t id = 10 + 2 * (json_int_t)i;

		mcp_call(mcp, id, "delegate_task",
			 "{'workspace_id':'%s','task':'t'}", ids[i]);
		mcp_call(mcp, id + 1, "delegate_task_async",
			 "{'workspace_id':'%s','task':'t'}", ids[i]);
		mcp_text(mcp, id, NULL);
		mcp_text(mcp, id + 1, NULL);
	}
	assert_int_equal(fake_count(rig->fake, "GET", "/*"), 0);
	assert_int_equal(fake_count(rig->fake, "GET", "/registry/register"), 0);
	assert_int_equal(fake_count(rig->fake, "POST", "/registry/*"), before);
	assert_int_equal(fake_count(rig->fake, "GET", "/registry/discover/.."),
			 0);
	assert_int_equal(fake_count(rig->fake, "GET", "/registry/discover/x"),
			 0);
	assert_int_equal(fake_count(rig->fake, "GET", "/registry/discover/*/*"),
			 0);
}

static void delegate_task_async_gives_an_id(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const struct request *r;
	json_t *result;

	mcp_call(mcp, 2, "delegate_task_async",
		 "{'workspace_id':'" PEER_ID "','task':'later'}");
	result = mcp_json(mcp, 2);
	assert_string_equal(field(result, "delegation_id"), "d-1");
	assert_string_equal(field(result, "workspace_id"), PEER_ID);
	assert_string_equal(field(result, "status"), "delegated");
	assert_true(json_is_string(json_object_get(result, "note")));
	r = fake_seen(rig->fake, "POST", DELEGATE, 0);
	assert_string_equal(field(r->json, "target_id"), PEER_ID);
	assert_string_equal(field(r->json, "task"), "later");
	assert_int_equal(strlen(field(r->json, "idempotency_key")), 32);

	fails(mcp, "delegate_task_async", NULL,
	      "Error: workspace_id and task are required");
	fake_once(rig->fake, "POST", DELEGATE,
		  (struct answer){ .status = 403,
				   .body = "{'error':'not yours'}" });
	fails(mcp, "delegate_task_async",
	      "{\"workspace_id\":\"" PEER_ID "\",\"task\":\"t\"}",
	      "Error: delegation failed with status 403: {\"error\":\"not "
	      "yours\"}");
	fake_always(rig->fake, "POST", DELEGATE,
		    (struct answer){ .kind = ANSWER_RESET });
	fails(mcp, "delegate_task_async",
	      "{\"workspace_id\":\"" PEER_ID "\",\"task\":\"t\"}",
	      "Error: delegation failed \xe2\x80\x94 ");
}

static void check_task_status_finds_the_row(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	json_t *result;

	fake_always(rig->fake, "GET", DELEGATIONS,
		    (struct answer){
			    .body = "[{'id':'r2','delegation_id':'d-2',"
				    "'target_id':'" PEER_ID "','summary':'s2',"
				    "'status':'completed','response_preview':"
				    "'done'},{'id':'r1','delegation_id':'d-1',"
				    "'target_id':'" PEER_ID "','summary':'s1',"
				    "'status':'pending'}]" });
	mcp_call(mcp, 2, "check_task_status", "{'task_id':'d-2'}");
	result = mcp_json(mcp, 2);
	assert_string_equal(field(result, "status"), "completed");
	assert_string_equal(field(result, "response_preview"), "done");
	mcp_call(mcp, 3, "check_task_status",
		 "{'workspace_id':'" PEER_ID "','task_id':'d-9'}");
	result = child_keep_json(mcp,
				 json_loads(mcp_text(mcp, 3, NULL), 0, NULL));
	assert_string_equal(field(result, "status"), "not_found");
	assert_string_equal(field(result, "delegation_id"), "d-9");
	mcp_call(mcp, 4, "check_task_status", "{'task_id':''}");
	result = mcp_json(mcp, 4);
	assert_int_equal(json_integer_value(json_object_get(result, "count")),
			 2);
	assert_string_equal(
		field(json_array_get(json_object_get(result, "delegations"), 1),
		      "delegation_id"),
		"d-1");
	fake_always(rig->fake, "GET", DELEGATIONS,
		    (struct answer){ .status = 500 });
	fails(mcp, "check_task_status", "{\"task_id\":\"d-1\"}",
	      "Error: failed to check delegations (500)");
	fake_always(rig->fake, "GET", DELEGATIONS,
		    (struct answer){ .kind = ANSWER_CLOSE });
	fails(mcp, "check_task_status", "{\"task_id\":\"d-1\"}",
	      "Error checking delegations: ");
}

static void list_peers_has_a_line_for_each(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const struct request *r;
	char buf[256];

	mcp_call(mcp, 2, "list_peers", NULL);
	assert_string_equal(mcp_ok(mcp, 2), "- Peer (ID: " PEER_ID
					    ", status: online, role: tester)");
	r = fake_seen(rig->fake, "GET", "/registry/" WS_ID "/peers", 0);
	assert_string_equal(request_header(r, "X-Workspace-ID", buf, 256),
			    WS_ID);
	fake_once(rig->fake, "GET", "/registry/*/peers",
		  (struct answer){ .body = "[]" });
	mcp_call(mcp, 3, "list_peers", NULL);
	assert_begins(mcp_ok(mcp, 3),
		      "No peers available (this workspace may be isolated: it "
		      "has no parent, children or siblings)");
}

static void get_workspace_info_is_the_platforms_object(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	mcp_call(mcp, 2, "get_workspace_info", NULL);
	assert_string_equal(field(mcp_json(mcp, 2), "name"), "Mine");
	fake_once(rig->fake, "GET", "/workspaces/" WS_ID,
		  (struct answer){ .status = 404 });
	mcp_call(mcp, 3, "get_workspace_info", NULL);
	assert_holds(mcp_failed(mcp, 3), "not found");
	fake_always(rig->fake, "GET", "/workspaces/" WS_ID,
		    (struct answer){ .kind = ANSWER_RESET });
	mcp_call(mcp, 4, "get_workspace_info", NULL);
	assert_holds(mcp_failed(mcp, 4), "error");
}

static void commit_memory_sends_what_is_no_secret(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const struct request *r;
	const char *content;

	mcp_call(mcp, 2, "commit_memory",
		 "{'content':'key sk-abcdefghijklmnopqrstuvwx and AKIAABCDEFGH"
		 "IJKLMNOP, "
		 "token=QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq end',"
		 "'scope':'team'}");
	assert_true(json_is_true(json_object_get(mcp_json(mcp, 2), "success")));
	assert_string_equal(field(mcp_json(mcp, 2), "id"), "mem-1");
	r = fake_seen(rig->fake, "POST", MEMORIES, 0);
	content = field(r->json, "content");
	assert_string_equal(content, "key [REDACTED] and [REDACTED], "
				     "token=[REDACTED] end");
	assert_string_equal(field(r->json, "scope"), "TEAM");
	assert_string_equal(field(r->json, "workspace_id"), WS_ID);
	mcp_call(mcp, 3, "commit_memory", "{'content':'x','scope':'ODD'}");
	mcp_ok(mcp, 3);
	assert_string_equal(
		field(fake_seen(rig->fake, "POST", MEMORIES, 1)->json, "scope"),
		"LOCAL");

	fails(mcp, "commit_memory", NULL, "Error: content is required");
	fake_once(rig->fake, "POST", MEMORIES,
		  (struct answer){ .status = 403,
				   .body = "{'error':'only root'}" });
	fails(mcp, "commit_memory", "{\"content\":\"x\"}", "Error: only root");
	fake_always(rig->fake, "POST", MEMORIES,
		    (struct answer){ .kind = ANSWER_RESET });
	fails(mcp, "commit_memory", "{\"content\":\"x\"}",
	      "Error saving memory: ");
}

static void recall_memory_has_a_line_for_each(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *query;

	fake_once(rig->fake, "GET", MEMORIES,
		  (struct answer){
			  .body = "[{'id':'1','scope':'LOCAL','content':'a'},"
				  "{'id':'2','scope':'TEAM','content':'b'}]" });
	mcp_call(mcp, 2, "recall_memory",
		 "{'query':'x y&z=\\u00fc/?#','scope':'team'}");
	assert_string_equal(mcp_ok(mcp, 2), "[LOCAL] a\n[TEAM] b");
	query = fake_seen(rig->fake, "GET", MEMORIES, 0)->query;
	assert_holds(query, "workspace_id=" WS_ID);
	assert_holds(query, "scope=TEAM");
	assert_true(strstr(query, "q=x%20y%26z%3D%C3%BC") ||
		    strstr(query, "q=x+y%26z%3D%C3%BC") ||
		    strstr(query, "q=x%20y%26z%3d%c3%bc"));
	mcp_call(mcp, 3, "recall_memory", NULL);
	assert_string_equal(mcp_ok(mcp, 3), "No memories found.");
	fake_always(rig->fake, "GET", MEMORIES,
		    (struct answer){ .kind = ANSWER_RESET });
	fails(mcp, "recall_memory", NULL, "Error recalling memory: ");
}

/* With nothing listening each tool fails in words. */
static void a_platform_that_is_away_is_said(void **state)
{
	static const char *const calls[][2] = {
		{ "delegate_task",
		  "{\"workspace_id\":\"" PEER_ID "\",\"task\":\"t\"}" },
		{ "delegate_task_async",
		  "{\"workspace_id\":\"" PEER_ID "\",\"task\":\"t\"}" },
		{ "check_task_status", "{\"task_id\":\"x\"}" },
		{ "list_peers", "{}" },
		{ "get_workspace_info", "{}" },
		{ "send_message_to_user", "{\"message\":\"x\"}" },
		{ "commit_memory", "{\"content\":\"x\"}" },
		{ "recall_memory", "{}" },
	};
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	fake_down(rig->fake);
	for (int i = 0; i < 8; i++)
		mcp_call(mcp, 10 + i, calls[i][0], "%s", calls[i][1]);
	for (int i = 0; i < 8; i++) {
		const char *text = mcp_failed(mcp, 10 + i);

		assert_true(has_word(text, "error") ||
			    strstr(text, "could not be asked"));
	}
	fake_up(rig->fake);
	mcp_call(mcp, 30, "list_peers", NULL);
	mcp_ok(mcp, 30);
}

/* What a refusal means is said by every tool, not only its number. */
static void refusals_are_explained(void **state)
{
	static const struct {
		const char *tool, *args, *method, *path;
	} calls[] = {
		{ "delegate_task", "{'workspace_id':'" PEER_ID "','task':'t'}",
		  "POST", "/workspaces/*/a2a" },
		{ "delegate_task", "{'workspace_id':'" PEER_ID "','task':'t'}",
		  "GET", "/registry/discover/*" },
		{ "delegate_task_async",
		  "{'workspace_id':'" PEER_ID "','task':'t'}", "POST",
		  "/workspaces/*/delegate" },
		{ "check_task_status", "{'workspace_id':'x','task_id':'x'}",
		  "GET", "/workspaces/*/delegations" },
		{ "list_peers", NULL, "GET", "/registry/*/peers" },
		{ "get_workspace_info", NULL, "GET", "/workspaces/*" },
		{ "update_agent_card", "{'card':{}}", "POST",
		  "/registry/update-card" },
		{ "broadcast_message", "{'message':'m'}", "POST",
		  "/workspaces/*/broadcast" },
		{ "send_message_to_user", "{'message':'m'}", "POST",
		  "/workspaces/*/notify" },
		{ "send_message_to_user",
		  "{'message':'m','attachments':['/etc/hostname']}", "POST",
		  "/workspaces/*/chat/uploads" },
		{ "chat_history", "{'peer_id':'" PEER_ID "'}", "GET",
		  "/workspaces/*/activity" },
		{ "commit_memory", "{'content':'c'}", "POST",
		  "/workspaces/*/memories" },
		{ "recall_memory", NULL, "GET", "/workspaces/*/memories" },
	};
	static const struct {
		int status;
		const char *meaning;
	} refusals[] = {
		{ 402, "budget" },
		{ 403, "allow" },
		{ 409, "state" },
		{ 410, "removed" },
	};
	struct rig *rig = *state;
	struct child *mcp;
	json_int_t id = 2;

	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (size_t k = 0; k < sizeof refusals / sizeof *refusals;
		     k++, id++) {
			const char *text;

			fake_always(rig->fake, calls[i].method, calls[i].path,
				    (struct answer){
					    .status = refusals[k].status });
			/* Of formats without arguments clang is wary. */
			mcp_call(mcp, id, calls[i].tool, calls[i].args, "");
			text = mcp_failed(mcp, id);
			/* A token may be the reason, too; its source is said.
			 */
			if (!strstr(text, refusals[k].meaning) &&
			    !(refusals[k].status == 403 &&
			      strstr(text, "token")))
				fail_msg("%s, %d: %s", calls[i].tool,
					 refusals[k].status, text);
			fake_forget(rig->fake, calls[i].method, calls[i].path);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delegate_task_asks_the_peer),
		TEST(delegate_task_reports_what_it_does),
		TEST(delegate_task_needs_no_report),
		TEST(delegate_task_fails_in_words),
		TEST(no_id_of_the_model_changes_a_path),
		TEST(delegate_task_async_gives_an_id),
		TEST(check_task_status_finds_the_row),
		TEST(list_peers_has_a_line_for_each),
		TEST(get_workspace_info_is_the_platforms_object),
		TEST(commit_memory_sends_what_is_no_secret),
		TEST(recall_memory_has_a_line_for_each),
		TEST(refusals_are_explained),
		TEST(a_platform_that_is_away_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
