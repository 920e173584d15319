// SPDX-License-Identifier: MIT
/*
 * What the original's MCP side does wrong, and ours does right. Each test is
 * named after the row of the list of known faults it answers.
 */
#include "harness.h"

#include <string.h>

static void assert_ping(struct child *mcp, json_int_t id)
{
	child_send(mcp, "{'jsonrpc':'2.0','id':%lld,'method':'ping'}",
		   (long long)id);
	assert_true(json_object_size(child_result(mcp, id)) == 0);
}

/* F-1: nothing waits behind a wait_for_message, and it can be cancelled. */
static void f01_a_wait_holds_up_nothing(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	mcp_call(mcp, 10, "wait_for_message", "{'timeout_secs':60}");
	assert_ping(mcp, 11);
	child_send(mcp, "{'jsonrpc':'2.0','id':12,'method':'tools/list'}");
	assert_int_equal(json_array_size(json_object_get(child_result(mcp, 12),
							 "tools")),
			 15);
	mcp_call(mcp, 13, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(mcp, 13)), 0);
	assert_int_equal(child_responses(mcp, 10), 0);

	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			"'params':{'requestId':10,'reason':'test'}}");
	assert_ping(mcp, 14);
	fake_message(rig->fake, 1, NULL, "after the cancel");
	child_notification(mcp, "notifications/claude/channel", 0);
	assert_ping(mcp, 11);
	assert_int_equal(child_responses(mcp, 10), 0);
}

/* F-1: the same for a tool that waits for the platform. */
static void f01_a_slow_tool_holds_up_nothing(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_always(rig->fake, "POST", "/workspaces/*/a2a",
		    (struct answer){ .kind = ANSWER_HANG });
	mcp_hello(mcp);
	mcp_call(mcp, 10, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'slow'}");
	fake_expect(rig->fake, "POST", "/workspaces/" PEER_ID "/a2a", 0);
	assert_ping(mcp, 11);
	mcp_call(mcp, 12, "get_workspace_info", NULL);
	mcp_ok(mcp, 12);
	assert_int_equal(child_responses(mcp, 10), 0);
	fake_release(rig->fake);
	assert_non_null(strstr(mcp_ok(mcp, 10), "the peer answers"));
}

/* F-16: the handshake does not wait for a platform that does not answer. */
static void f16_handshake_does_not_wait_for_register(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .kind = ANSWER_HANG });
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .kind = ANSWER_HANG });
	mcp = rig_start(rig);
	fake_expect(rig->fake, "POST", REGISTER, 0);
	mcp_hello(mcp);
	child_send(mcp, "{'jsonrpc':'2.0','id':2,'method':'tools/list'}");
	child_result(mcp, 2);
	assert_int_equal(fake_count(rig->fake, "POST", REGISTER), 1);
}

/* F-33: inputs that end the original's loop. */
static void f33_nothing_ends_the_loop(void **state)
{
	static const char *const lines[] = {
		"{'jsonrpc':'2.0','id':20,'method':'tools/call','params':{"
		"'name':'list_peers','arguments':null}}",
		"{'jsonrpc':'2.0','id':21,'method':'tools/call','params':{"
		"'name':'commit_memory','arguments':{'content':'x',"
		"'scope':null}}}",
		"{'jsonrpc':'2.0','id':22,'method':'tools/call','params':{"
		"'name':'commit_memory','arguments':{'content':{'a':1}}}}",
		"{'jsonrpc':'2.0','id':23,'method':'tools/call','params':{"
		"'name':'delegate_task','arguments':{'workspace_id':7,"
		"'task':[]}}}",
		"{'jsonrpc':'2.0','id':24,'method':'tools/call','params':7}",
		"{'jsonrpc':'2.0','id':25,'method':'tools/call'}",
		"{'jsonrpc':'2.0','id':26,'method':'tools/call','params':{"
		"'name':null}}",
		"{'jsonrpc':'2.0','id':27,'method':'initialize','params':[]}",
		"{'jsonrpc':'2.0','id':28,'method':'tools/call','params':{"
		"'name':'recall_memory','arguments':{'query':null,"
		"'scope':null}}}",
		"{'jsonrpc':'2.0','id':29,'method':'tools/call','params':{"
		"'name':'send_message_to_user','arguments':{'message':null,"
		"'attachments':'x'}}}",
	};
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "WORKSPACE_TIER", "not a number");
	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .body = "[{'status':'online'},7,null,"
					     "{'id':null,'name':null}]" });
	mcp = rig_spawn(rig, (struct child_how){ .arrays = true });
	mcp_hello(mcp);
	child_send(mcp, "[{'jsonrpc':'2.0','id':30,'method':'ping'}]");
	child_send(mcp, "7");
	child_send(mcp, "null");
	child_send(mcp, "[]");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		child_send(mcp, "%s", "");
		child_send_json(mcp, lines[i]);
	}
	for (int id = 20; id < 30; id++)
		child_response(mcp, id);
	mcp_ok(mcp, 20);
	mcp_ok(mcp, 21);
	mcp_failed(mcp, 22);
	mcp_failed(mcp, 23);
	mcp_failed(mcp, 29);
	assert_ping(mcp, 40);
}

/* F-38: what is no message gets no answer, and one warning, not many. */
static void f38_a_line_that_is_no_message_gets_no_answer(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	int before;

	mcp_hello(mcp);
	assert_ping(mcp, 2);
	before = child_messages(mcp);
	for (int i = 0; i < 60; i++)
		child_send(mcp, "this is no JSON, line %d", i);
	child_send(mcp, "{'jsonrpc':'2.0','method':'notifications/unknown'}");
	child_send(mcp, "{'jsonrpc':'2.0','method':'no/such/notification',"
			"'params':{'x':1}}");
	assert_ping(mcp, 3);
	mcp_call(mcp, 4, "inbox_peek", NULL);
	mcp_ok(mcp, 4);
	assert_int_equal(child_messages(mcp), before + 2);
	child_expect_stderr(mcp, "[molecule-mcp]");
	if (lines_with(child_stderr(mcp), "[molecule-mcp]") > 3)
		child_fail(mcp, "more than one warning (and its summary)");
}

/* F-39: a failure is marked as one, a success is not. */
static void f39_failures_set_is_error(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	bool is_error;

	fake_once(rig->fake, "POST", NOTIFY,
		  (struct answer){ .status = 500, .body = "{'error':'x'}" });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "send_message_to_user", "{'message':'hello'}");
	assert_non_null(
		strstr(mcp_failed(mcp, 2), "Error: platform returned 500"));
	mcp_call(mcp, 3, "send_message_to_user", "{'message':'hello'}");
	assert_string_equal(mcp_text(mcp, 3, &is_error),
			    "Message sent to user");
	assert_false(is_error);
	mcp_call(mcp, 4, "send_message_to_user", "{}");
	assert_string_equal(mcp_failed(mcp, 4), "Error: message is required");
	mcp_call(mcp, 5, "inbox_pop", "{}");
	assert_string_equal(mcp_failed(mcp, 5),
			    "Error: activity_id is required.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f01_a_wait_holds_up_nothing),
		TEST(f01_a_slow_tool_holds_up_nothing),
		TEST(f16_handshake_does_not_wait_for_register),
		TEST(f33_nothing_ends_the_loop),
		TEST(f38_a_line_that_is_no_message_gets_no_answer),
		TEST(f39_failures_set_is_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
