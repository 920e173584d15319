// SPDX-License-Identifier: MIT
/*
 * MCP on stdin and stdout: the handshake of each revision, ids, lists, calls,
 * cancellation, many calls at once.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define CHANNEL "notifications/claude/channel"

static void assert_alive(struct child *mcp, json_int_t id)
{
	child_send(mcp, "{'jsonrpc':'2.0','id':%lld,'method':'ping'}",
		   (long long)id);
	assert_int_equal(json_object_size(child_result(mcp, id)), 0);
}

static const char *version_for(struct rig *rig, const char *asked)
{
	struct child *mcp = rig_start(rig);

	mcp_initialize(mcp, asked);
	return json_string_value(
		json_object_get(child_result(mcp, 1), "protocolVersion"));
}

static void each_revision_is_spoken(void **state)
{
	static const char *const known[] = { "2024-11-05", "2025-03-26",
					     "2025-06-18", "2025-11-25" };
	struct rig *rig = *state;

	for (int i = 0; i < 4; i++)
		assert_string_equal(version_for(rig, known[i]), known[i]);
	assert_string_equal(version_for(rig, "2099-01-01"), "2025-11-25");
	assert_string_equal(version_for(rig, ""), "2025-11-25");
}

static void initialize_says_what_we_are(void **state)
{
	static const char *const words[] = {
		"wait_for_message", "inbox_pop",   "send_message_to_user",
		"delegate_task",    "canvas_user", "peer_agent",
		"timeout_secs=7"
	};
	struct rig *rig = *state;
	struct child *mcp;
	json_t *result, *capabilities;
	const char *text;

	rig_env(rig, "MOLECULE_MCP_POLL_TIMEOUT_SECS", "7");
	mcp = rig_start(rig);
	mcp_initialize(mcp, "2025-06-18");
	result = child_result(mcp, 1);
	capabilities = json_object_get(result, "capabilities");
	assert_true(json_is_object(json_object_get(capabilities, "tools")));
	assert_true(json_is_object(
		json_object_get(json_object_get(capabilities, "experimental"),
				"claude/channel")));
	assert_null(json_object_get(capabilities, "resources"));
	assert_null(json_object_get(capabilities, "prompts"));
	assert_null(json_object_get(capabilities, "logging"));
	assert_true(json_is_string(json_object_get(
		json_object_get(result, "serverInfo"), "name")));
	assert_true(json_is_string(json_object_get(
		json_object_get(result, "serverInfo"), "version")));
	text = json_string_value(json_object_get(result, "instructions"));
	assert_non_null(text);
	/* A host cuts instructions at 2 KB. */
	assert_true(strlen(text) <= 2048);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strstr(text, words[i]))
			child_fail(mcp, "instructions lack %s", words[i]);
	assert_int_equal(child_messages(mcp), 1);
}

static void initialize_before_all_else_is_not_asked_for(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	assert_alive(mcp, 5);
	child_send(mcp, "{'jsonrpc':'2.0','id':6,'method':'server/discover',"
			"'params':{'_meta':{}}}");
	assert_int_equal(json_integer_value(
				 json_object_get(child_error(mcp, 6), "code")),
			 -32602);
	mcp_hello(mcp);
	assert_alive(mcp, 7);
	/* A second initialize is answered again. */
	child_send(mcp, "{'jsonrpc':'2.0','id':8,'method':'initialize',"
			"'params':{'protocolVersion':'2024-11-05'}}");
	child_result(mcp, 8);
}

/* Compared as text: a number may not pass through a double. */
static void ids_come_back_exactly(void **state)
{
	static const char *const ids[] = { "0",
					   "-1",
					   "9007199254740993",
					   "9223372036854775807",
					   "-9223372036854775808",
					   "\"\"",
					   "\"7\"",
					   "7",
					   "\"a b/c:d\"" };
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		child_send(mcp, "{'jsonrpc':'2.0','id':%s,'method':'ping'}",
			   ids[i]);
		child_response_text(mcp, ids[i]);
		if (!strstr(child_stdout(mcp),
			    rig_text(rig, "\"id\":%s", ids[i])))
			child_fail(mcp, "id %s is not echoed", ids[i]);
	}
	child_send(mcp, "{'method':'ping','id':'\\u00fc\\\\\\u0001','jsonrpc':"
			"'2.0'}");
	child_response_text(mcp, "\"\\u00fc\\\\\\u0001\"");
	child_send(mcp, "{'jsonrpc':'2.0','id':'7','method':'tools/call',"
			"'params':{'name':'inbox_peek','arguments':{}}}");
	child_send(mcp, "{'jsonrpc':'2.0','id':123456789012345678,'method':"
			"'tools/call','params':{'name':'inbox_peek'}}");
	mcp_ok(mcp, 123456789012345678);
}

static void unknown_methods_are_named_so(void **state)
{
	static const char *const methods[] = { "resources/list",
					       "prompts/list",
					       "logging/setLevel",
					       "completion/complete",
					       "",
					       "no such thing" };
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (int i = 0; i < 6; i++) {
		child_send(mcp, "{'jsonrpc':'2.0','id':%d,'method':'%s'}",
			   10 + i, methods[i]);
		assert_int_equal(json_integer_value(json_object_get(
					 child_error(mcp, 10 + i), "code")),
				 -32601);
	}
	/* A response to nothing, and a request with something more. */
	child_send(mcp, "{'jsonrpc':'2.0','id':99,'result':{}}");
	child_send(mcp, "{'jsonrpc':'2.0','id':98,'error':{'code':1,"
			"'message':'x'}}");
	child_send(mcp, "{'jsonrpc':'2.0','id':20,'method':'ping','params':{"
			"'_meta':{'progressToken':1}},'more':[1,2]}");
	child_result(mcp, 20);
	assert_int_equal(child_responses(mcp, 99), 0);
	assert_int_equal(child_responses(mcp, 98), 0);
}

static void the_tools_are_listed(void **state)
{
	static const char *const names[] = {
		"delegate_task",	"delegate_task_async",
		"check_task_status",	"list_peers",
		"get_workspace_info",	"get_runtime_identity",
		"update_agent_card",	"broadcast_message",
		"send_message_to_user", "wait_for_message",
		"inbox_peek",		"inbox_pop",
		"chat_history",		"commit_memory",
		"recall_memory"
	};
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *tools, *tool;
	size_t i;

	mcp_hello(mcp);
	child_send(mcp, "{'jsonrpc':'2.0','id':2,'method':'tools/list',"
			"'params':{}}");
	tools = json_object_get(child_result(mcp, 2), "tools");
	assert_int_equal(json_array_size(tools), 15);
	json_array_foreach(tools, i, tool)
	{
		json_t *schema = json_object_get(tool, "inputSchema");
		const char *about =
			json_string_value(json_object_get(tool, "description"));

		assert_string_equal(
			json_string_value(json_object_get(tool, "name")),
			names[i]);
		assert_string_equal(
			json_string_value(json_object_get(schema, "type")),
			"object");
		assert_true(
			json_is_object(json_object_get(schema, "properties")));
		assert_null(json_object_get(schema, "anyOf"));
		assert_non_null(about);
		assert_true(strlen(about) <= 2048);
		if (strcmp(names[i], "send_message_to_user") == 0)
			assert_non_null(strstr(about, "REQUIRED"));
	}
	assert_null(json_object_get(child_result(mcp, 2), "nextCursor"));
	child_send(mcp, "{'jsonrpc':'2.0','id':3,'method':'tools/list',"
			"'params':{'cursor':'bogus'}}");
	assert_int_equal(json_integer_value(
				 json_object_get(child_error(mcp, 3), "code")),
			 -32602);
}

/* An error of the protocol or of the tool; but the name is said. */
/* A request in its plainest form, which is answered by a shorter way. */
static void the_plainest_list_is_the_same(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *list, *other;

	mcp_hello(mcp);
	child_send(mcp, "{'jsonrpc':'2.0','id':2,'method':'tools/list',"
			"'params':{}}");
	list = child_result(mcp, 2);
	child_send(mcp, "{'jsonrpc':'2.0','id':3,'method':'tools/list'}");
	assert_true(json_equal(list, child_result(mcp, 3)));
	child_send(mcp, " {'id' : '\x7e', 'method' : 'tools/list' } \r");
	other = child_response_text(mcp, "\"\x7e\"");
	assert_true(json_equal(list, json_object_get(other, "result")));
}

static void an_unknown_tool_is_named(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *answer;
	char *text;

	mcp_hello(mcp);
	mcp_call(mcp, 2, "no_such_tool", NULL);
	answer = child_response(mcp, 2);
	text = json_dumps(answer, 0);
	assert_non_null(strstr(text, "no_such_tool"));
	free(text);
	if (json_object_get(answer, "error"))
		assert_int_equal(
			json_integer_value(json_object_get(
				json_object_get(answer, "error"), "code")),
			-32602);
	else
		mcp_failed(mcp, 2);
	assert_alive(mcp, 3);
}

static void extra_arguments_are_no_error(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	mcp_call(mcp, 2, "list_peers", "{'random_string':'x'}");
	mcp_ok(mcp, 2);
	mcp_call(mcp, 3, "inbox_peek", "{'limit':'many','y':{}}");
	mcp_ok(mcp, 3);
}

static void cancelling_is_exact(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	mcp_call(mcp, 7, "wait_for_message", "{'timeout_secs':60}");
	/* "7" is not 7; the rest is unknown or makes no sense. */
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':{'requestId':'7'}}");
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':{'requestId':8}}");
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':{}}");
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled'}");
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':[7]}");
	assert_alive(mcp, 20);
	fake_message(rig->fake, 1, NULL, "for the wait");
	assert_string_equal(
		json_string_value(json_object_get(mcp_json(mcp, 7), "text")),
		"for the wait");
	/* Finished: nothing to cancel. */
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':{'requestId':7}}");
	assert_alive(mcp, 21);
}

static void cancelling_stops_a_request_to_the_platform(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .kind = ANSWER_HANG });
	mcp_hello(mcp);
	mcp_call(mcp, 7, "list_peers", NULL);
	fake_expect(rig->fake, "GET", "/registry/*/peers", 0);
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':{'requestId':7}}");
	assert_alive(mcp, 20);
	fake_forget(rig->fake, "GET", "/registry/*/peers");
	fake_release(rig->fake);
	mcp_call(mcp, 8, "list_peers", NULL);
	mcp_ok(mcp, 8);
	assert_int_equal(child_responses(mcp, 7), 0);
}

/* Calls beyond any reason: an error for each too many, no hang; and those that
 * were taken get their turn. */
static void calls_at_once_are_bounded(void **state)
{
	enum { FIRST = 1000, LAST = 3000 };
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	int refused = 0;

	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .kind = ANSWER_HANG });
	mcp_hello(mcp);
	for (int id = FIRST; id < LAST; id++)
		mcp_call(mcp, id, "list_peers", NULL);
	assert_alive(mcp, 20);
	for (int id = FIRST; id < LAST; id++)
		refused += child_responses(mcp, id);
	assert_in_range(refused, 100, LAST - FIRST - 64);
	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .body = "[]" });
	fake_release(rig->fake);
	for (int id = FIRST; id < LAST; id++)
		child_response(mcp, id);
	mcp_call(mcp, 400, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(mcp, 400)), 0);
}

/* Waits are cheap: all of them are answered by one message. */
static void waits_at_once_are_many(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (int id = 1000; id < 2000; id++)
		mcp_call(mcp, id, "wait_for_message", "{'timeout_secs':60}");
	assert_alive(mcp, 20);
	fake_message(rig->fake, 1, NULL, "to all that wait");
	for (int id = 1000; id < 2000; id++)
		mcp_ok(mcp, id);
	assert_int_equal(child_notifications(mcp, CHANNEL), 1);
}

static void calls_run_side_by_side(void **state)
{
	static const char *const paths[] = { "/registry/*/peers",
					     "/workspaces/*/memories",
					     "/workspaces/*/delegations" };
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	for (int i = 0; i < 3; i++)
		fake_always(rig->fake, "GET", paths[i],
			    (struct answer){ .kind = ANSWER_HANG });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_call(mcp, 3, "recall_memory", NULL);
	mcp_call(mcp, 4, "check_task_status", "{'task_id':''}");
	/* All three have reached the platform while none is answered. */
	for (int i = 0; i < 3; i++)
		fake_expect(rig->fake, "GET", paths[i], 0);
	fake_release(rig->fake);
	for (int id = 2; id < 5; id++)
		mcp_ok(mcp, id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_revision_is_spoken),
		TEST(initialize_says_what_we_are),
		TEST(initialize_before_all_else_is_not_asked_for),
		TEST(ids_come_back_exactly),
		TEST(unknown_methods_are_named_so),
		TEST(the_tools_are_listed),
		TEST(the_plainest_list_is_the_same),
		TEST(an_unknown_tool_is_named),
		TEST(extra_arguments_are_no_error),
		TEST(cancelling_is_exact),
		TEST(cancelling_stops_a_request_to_the_platform),
		TEST(calls_at_once_are_bounded),
		TEST(waits_at_once_are_many),
		TEST(calls_run_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
