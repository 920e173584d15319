// SPDX-License-Identifier: MIT
/* mcp_server: the handshake, the list of tools, lines of any kind and size,
 * announcements, batches, and plain files. */
#include "tests/unit/mcp_fixture.h"

#include "proto/mcp.h"

static int handshake_body(struct rt *rt, void *arg)
{
	static const char *const versions[][2] = {
		{ "2024-11-05", "2024-11-05" }, { "2025-03-26", "2025-03-26" },
		{ "2025-06-18", "2025-06-18" }, { "2025-11-25", "2025-11-25" },
		{ "2031-01-01", MCP_LATEST },	{ "", MCP_LATEST },
	};
	struct host host;

	(void)arg;
	host_open(&host, rt, false, 0);
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		json_t *json, *result;

		host_send(&host,
			  "{'jsonrpc':'2.0','id':%zu,'method':'initialize',"
			  "'params':{'protocolVersion':'%s'}}",
			  i, versions[i][0]);
		json = host_message(&host);
		result = json_object_get(json, "result");
		CHECK_EQ(json_integer_value(json_object_get(json, "id")), i);
		CHECK(strcmp(text_at(result, "protocolVersion"),
			     versions[i][1]) == 0);
		CHECK(*text_at(result, "instructions"));
		CHECK(*text_at(json_object_get(result, "serverInfo"), "name"));
		json_decref(json);
	}
	/* Odd parameters are no reason to refuse. */
	host_send(&host, "{'jsonrpc':'2.0','id':'x','method':'initialize'}");
	json_decref(host_message(&host));
	CHECK_EQ(host.ready, 0);
	host_send(&host,
		  "{'jsonrpc':'2.0','method':'notifications/initialized'}");
	host_send(&host,
		  "{'jsonrpc':'2.0','method':'notifications/initialized'}");
	host_quiet(&host);
	CHECK_EQ(host.ready, 1);
	CHECK(host_stop(&host, 1000));
	CHECK_EQ(host.ended, 0);
	host_close(&host);
	return 0;
}

static void handshake(void **state)
{
	(void)state;
	in_runtime(handshake_body, NULL);
}

static int tools_list_body(struct rt *rt, void *arg)
{
	static const char *const names[] = {
		"delegate_task",	"delegate_task_async",
		"check_task_status",	"list_peers",
		"get_workspace_info",	"get_runtime_identity",
		"update_agent_card",	"broadcast_message",
		"send_message_to_user", "wait_for_message",
		"inbox_peek",		"inbox_pop",
		"chat_history",		"commit_memory",
		"recall_memory",
	};
	const size_t count = sizeof(names) / sizeof(*names);
	struct host host;
	json_t *json, *tools;

	(void)arg;
	host_open(&host, rt, true, 0);
	host_send(&host, "{'jsonrpc':'2.0','id':1,'method':'tools/list'}");
	json = host_message(&host);
	tools = json_object_get(json_object_get(json, "result"), "tools");
	CHECK_EQ(json_array_size(tools), count);
	for (size_t i = 0; i < count; i++)
		CHECK(strcmp(text_at(json_array_get(tools, i), "name"),
			     names[i]) == 0);
	json_decref(json);
	host_send(&host, "{'jsonrpc':'2.0','id':2,'method':'tools/list',"
			 "'params':{'cursor':'x'}}");
	json = host_message(&host);
	CHECK_EQ(json_integer_value(json_object_get(
			 json_object_get(json, "error"), "code")),
		 -32602);
	json_decref(json);
	/* Each has a function behind it. */
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], "wait_for_message") == 0)
			continue;
		host_send(&host,
			  "{'jsonrpc':'2.0','id':3,'method':'tools/call',"
			  "'params':{'name':'%s'}}",
			  names[i]);
		json = host_message(&host);
		CHECK(*tool_text(json));
		CHECK(strstr(tool_text(json), "is not available") == NULL);
		json_decref(json);
	}
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void tools_are_listed_and_there(void **state)
{
	(void)state;
	in_runtime(tools_list_body, NULL);
}

/* F-33, F-38, F-39: none of these ends the loop, errors say so. */
static int odd_lines_body(struct rt *rt, void *arg)
{
	struct host host;

	(void)arg;
	host_open(&host, rt, true, 0);
	ask(&host, "{'jsonrpc':'2.0','id':1,'method':'nope'}", "-32601");
	ask(&host, "{'jsonrpc':'2.0','method':'nope'}", NULL);
	ask(&host, "{'jsonrpc':'2.0','method':'notifications/unheard/of'}",
	    NULL);
	ask(&host, "{'jsonrpc':'2.0','id':9,'result':{}}", NULL);
	ask(&host, "{'jsonrpc':'2.0','id':1,'method':'ping','params':[]}",
	    "-32602");
	ask(&host, "{'jsonrpc':'2.0','id':1,'method':7}", "-32600");
	ask(&host, "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{}}",
	    "-32602");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
	    "'params':{'name':'rm_rf'}}",
	    "-32602");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
	    "'params':{'name':'inbox_peek','arguments':null}}",
	    "\"[]\"");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
	    "'params':{'name':'inbox_peek','arguments':[]}}",
	    "-32602");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
	    "'params':{'name':'inbox_peek','arguments':{'random':1}}}",
	    "\"[]\"");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
	    "'params':{'name':'inbox_pop','arguments':{}}}",
	    "\"isError\":true");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{"
	    "'name':'commit_memory','arguments':{'content':7}}}",
	    "\"isError\":true");
	/* Ids go back as they came. */
	ask(&host,
	    "{'jsonrpc':'2.0','id':123456789012345678901234567890,"
	    "'method':'ping'}",
	    "\"id\":123456789012345678901234567890,");
	ask(&host, "{'jsonrpc':'2.0','id':'7','method':'ping'}",
	    "\"id\":\"7\",");
	ask(&host, "{'jsonrpc':'2.0','id':'','method':'ping'}", "\"id\":\"\",");
	CHECK_EQ(host_logged(&host, "WARN") + host_logged(&host, "ignored"), 0);

	/* What is no message gets no answer, and one warning. */
	ask(&host, "", NULL);
	ask(&host, "   \r", NULL);
	ask(&host, "hello", NULL);
	ask(&host, "{'jsonrpc':'2.0','id':1,'method':'ping'", NULL);
	ask(&host, "17", NULL);
	ask(&host, "null", NULL);
	ask(&host, "'text'", NULL);
	ask(&host, "[]", NULL);
	ask(&host, "{'jsonrpc':'2.0','id':null,'method':'ping'}", NULL);
	ask(&host, "{'jsonrpc':'2.0','id':true,'method':'ping'}", NULL);
	ask(&host, "{}", NULL);
	CHECK_EQ(host_logged(&host, "ignored a line on stdin"), 1);
	CHECK_EQ(host_logged(&host, "hello"), 0);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void odd_lines(void **state)
{
	(void)state;
	in_runtime(odd_lines_body, NULL);
}

static int chunks_body(struct rt *rt, void *arg)
{
	static const char text[] =
		"\r\n \n"
		"{\"jsonrpc\":\"2.0\",\"id\":\"\xC3\xA9\",\"method\":\"ping\"}"
		"\r\n\n"
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}";
	struct host host;
	json_t *json;

	(void)arg;
	host_open(&host, rt, false, 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		host_send_bytes(&host, text + i, 1);
		task_yield(rt);
	}
	host_close_end(&host.to); /* the last line has no newline */
	json = host_message(&host);
	CHECK(strcmp(text_at(json, "id"), "\xC3\xA9") == 0);
	json_decref(json);
	json = host_message(&host);
	CHECK_EQ(json_integer_value(json_object_get(json, "id")), 2);
	json_decref(json);
	json = host_message(&host);
	CHECK_EQ(json_integer_value(json_object_get(json, "id")), 3);
	json_decref(json);
	CHECK(until(rt, &host.ended, 1));
	CHECK_EQ(host.ended_err, 0);
	CHECK(host_stop(&host, 1000));
	CHECK_EQ(host.ended, 1);
	host_close(&host);
	return 0;
}

static void any_chunks(void **state)
{
	(void)state;
	in_runtime(chunks_body, NULL);
}

static void send_long(struct rt *rt, void *arg)
{
	struct host *host = arg;
	size_t len = (size_t)5 * 1024 * 1024;
	static const char head[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"";
	char *text = malloc(len);

	(void)rt;
	memset(text, 'x', len);
	host_send_bytes(host, head, sizeof(head) - 1);
	host_send_bytes(host, text, len);
	host_send_bytes(host, "\"}\n", 3);
	/* Longer than any line may be. */
	for (int i = 0; i < 4; i++)
		host_send_bytes(host, text, len);
	host_send_bytes(host, "\n", 1);
	free(text);
}

static int long_body(struct rt *rt, void *arg)
{
	struct scope scope;
	struct host host;
	char *line;

	(void)arg;
	host_open(&host, rt, false, 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(
		task_spawn(&scope, "long", TASK_STACK_NORMAL, send_long, &host),
		0);
	line = host_line(&host, patience(rt));
	CHECK(line && strstr(line, "-32601"));
	free(line);
	CHECK_EQ(scope_join(&scope), 0);
	host_quiet(&host);
	CHECK_EQ(host_logged(&host, "longer than 16 MiB"), 1);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void long_lines(void **state)
{
	(void)state;
	in_runtime(long_body, NULL);
}

#define USER_HEAD                                                              \
	"[from canvas user]\n\xE2\x86\xA9 Reply: "                             \
	"send_message_to_user({message: "                                      \
	"\"...\"})\n"

static int announce_body(struct rt *rt, void *arg)
{
	struct host host;

	(void)arg;
	host_open(&host, rt, true, 0);
	CHECK_EQ(host_put(&host, "m1", "first"), 0);
	CHECK_EQ(host_put(&host, "m2", "popped before it was told"), 0);
	CHECK_EQ(inbox_pop(host.tools.inbox, "m2"), 1);
	host_quiet(&host);
	host_initialize(&host, "2025-11-25");
	CHECK_EQ(host_put(&host, "m3", "third"), 0);
	CHECK_EQ(host_put(&host, "m3", "third"), -EEXIST);
	for (int i = 1; i <= 3; i += 2) {
		json_t *json = host_message(&host);
		const json_t *params = json_object_get(json, "params");
		char id[16];

		snprintf(id, sizeof(id), "m%d", i);
		CHECK(strcmp(text_at(json, "method"),
			     "notifications/claude/channel") == 0);
		CHECK(strcmp(text_at(params, "content"),
			     i == 1 ? USER_HEAD "first" : USER_HEAD "third") ==
		      0);
		CHECK(strcmp(text_at(json_object_get(params, "meta"),
				     "activity_id"),
			     id) == 0);
		json_decref(json);
	}
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	/* Nobody is told after the end. */
	CHECK_EQ(host_put(&host, "m4", "fourth"), 0);
	host_close(&host);
	return 0;
}

static void new_messages_are_announced(void **state)
{
	(void)state;
	in_runtime(announce_body, NULL);
}

#define BATCH                                                                  \
	"[{'jsonrpc':'2.0','id':1,'method':'ping'},"                           \
	"{'jsonrpc':'2.0','method':'notifications/x'},"                        \
	"{'jsonrpc':'2.0','id':2,'method':'tools/call','params':"              \
	"{'name':'inbox_peek'}},7,"                                            \
	"{'jsonrpc':'2.0','id':3,'method':'nope'}]"

static int batch_body(struct rt *rt, void *arg)
{
	struct host host;
	json_t *json;

	(void)arg;
	host_open(&host, rt, true, 0);
	host_initialize(&host, "2025-03-26");
	host_send(&host, BATCH);
	json = host_message(&host);
	CHECK_EQ(json_array_size(json), 3);
	json_decref(json);
	ask(&host, "[{'jsonrpc':'2.0','method':'notifications/x'}]", NULL);
	/* The whole waits for its slowest part; cancelled ones are left out. */
	host_send(&host, "[" WAIT("'w'", "300") ",{'jsonrpc':'2.0','id':1,"
						"'method':'ping'}]");
	host_quiet(&host);
	host_send(&host, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			 "'params':{'requestId':'w'}}");
	json = host_message(&host);
	CHECK_EQ(json_array_size(json), 1);
	json_decref(json);
	host_quiet(&host);

	ask(&host, "[{'jsonrpc':'2.0','id':4,'method':'initialize'}]",
	    "-32600");

	/* Elsewhere: each request is told. */
	host_initialize(&host, "2025-11-25");
	host_send(&host, BATCH);
	for (int i = 0; i < 3; i++) {
		json = host_message(&host);
		CHECK_EQ(json_integer_value(json_object_get(json, "id")),
			 i + 1);
		CHECK_EQ(json_integer_value(json_object_get(
				 json_object_get(json, "error"), "code")),
			 -32600);
		json_decref(json);
	}
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void batches(void **state)
{
	(void)state;
	in_runtime(batch_body, NULL);
}

/* Plain files as stdin and stdout. */
static int files_body(struct rt *rt, void *arg)
{
	static const char text[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\","
		"\"params\":{\"name\":\"inbox_peek\"}}\n";
	struct host host;

	(void)arg;
	host_tools(&host, rt, 0);
	host.in = memfd_create("in", MFD_CLOEXEC);
	host.out = memfd_create("out", MFD_CLOEXEC);
	host.from = dup(host.out);
	CHECK(pwrite(host.in, text, sizeof(text) - 1, 0) ==
	      (ssize_t)sizeof(text) - 1);
	CHECK_EQ(mcp_server_new(
			 &host.server,
			 &(struct mcp_server_options){ .rt = rt,
						       .log = &host.log,
						       .tools = &host.tools,
						       .in_fd = host.in,
						       .out_fd = host.out,
						       .ended = host_ended,
						       .arg = &host }),
		 0);
	CHECK_EQ(mcp_server_start(host.server), 0);
	CHECK(until(rt, &host.ended, 1));
	CHECK(host_stop(&host, 1000));
	CHECK(lseek(host.from, 0, SEEK_SET) == 0);
	for (int i = 1; i <= 3; i++) {
		json_t *json = host_message(&host);

		CHECK_EQ(json_integer_value(json_object_get(json, "id")), i);
		json_decref(json);
	}
	CHECK(host_line(&host, patience(rt)) == NULL);
	host_close(&host);
	return 0;
}

static void plain_files(void **state)
{
	(void)state;
	in_runtime(files_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake),
		cmocka_unit_test(tools_are_listed_and_there),
		cmocka_unit_test(odd_lines),
		cmocka_unit_test(any_chunks),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(new_messages_are_announced),
		cmocka_unit_test(batches),
		cmocka_unit_test(plain_files),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
