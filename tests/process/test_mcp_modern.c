// SPDX-License-Identifier: MIT
/*
 * Revision 2026-07-28 from outside: clients that have no handshake, clients
 * that look for it first, and that looking costs nothing.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define META                                                                   \
	"'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28',"     \
	"'io.modelcontextprotocol/clientCapabilities':{},"                     \
	"'io.modelcontextprotocol/clientInfo':{'name':'t','version':'1'}}"
#define CHANNEL "notifications/claude/channel"
#define PROGRESS "notifications/progress"

/* A request of that revision; `more` is empty or begins with a comma. */
static void ask(struct rig *rig, struct child *mcp, json_int_t id,
		const char *method, const char *more)
{
	child_send(mcp,
		   "{'jsonrpc':'2.0','id':%lld,'method':'%s','params':{" META
		   "%s}}",
		   (long long)id, method, rig_quoted(rig, more));
}

static void assert_complete(const json_t *result)
{
	assert_string_equal(
		json_string_value(json_object_get(result, "resultType")),
		"complete");
	assert_true(json_is_object(
		json_object_get(json_object_get(result, "_meta"),
				"io.modelcontextprotocol/serverInfo")));
}

/* From the first look to a message and its answer, all without a handshake. */
static void a_session_without_handshake(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *result, *message;
	char id[40];

	ask(rig, mcp, 1, "server/discover", "");
	result = child_result(mcp, 1);
	assert_complete(result);
	assert_true(json_is_integer(json_object_get(result, "ttlMs")));
	ask(rig, mcp, 2, "tools/list", "");
	assert_complete(child_result(mcp, 2));
	ask(rig, mcp, 3, "tools/call", ",'name':'list_peers'");
	assert_complete(child_result(mcp, 3));
	/* Now it has begun. */
	ask(rig, mcp, 4, "tools/call", ",'name':'wait_for_message'");
	fake_message(rig->fake, 1, NULL, "hello");
	result = child_result(mcp, 4);
	assert_complete(result);
	message = json_object_get(result, "structuredContent");
	assert_string_equal(json_string_value(json_object_get(message, "text")),
			    "hello");
	ask(rig, mcp, 5, "tools/call",
	    rig_text(rig,
		     ",'name':'inbox_pop','arguments':{'activity_id':'%s'"
		     "}",
		     row_id(1, id)));
	assert_true(json_is_true(json_object_get(
		json_object_get(child_result(mcp, 5), "structuredContent"),
		"removed")));
	ask(rig, mcp, 6, "ping", "");
	assert_int_equal(json_integer_value(
				 json_object_get(child_error(mcp, 6), "code")),
			 -32601);
	/* Nothing was said that was not asked for. */
	assert_int_equal(child_messages(mcp), 6);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
}

/* A client that looks whether there is such a server, in a process that it
 * ends at once; in the same process as what follows; in either way. */
static void looking_and_going_on(void **state)
{
	static const char *const probes[] = {
		"{'jsonrpc':'2.0','id':'server-discover-probe-1','method':"
		"'server/discover','params':{" META "}}",
		"{'jsonrpc':'2.0','id':'server-discover-probe-1','method':"
		"'server/discover'}",
		"{'jsonrpc':'2.0','id':'server-discover-probe-1','method':"
		"'server/discover','params':{'_meta':{"
		"'io.modelcontextprotocol/protocolVersion':'2030-01-01',"
		"'io.modelcontextprotocol/clientCapabilities':{}}}}",
	};
	struct rig *rig = *state;

	fake_message(rig->fake, 1, NULL, "hello");
	for (int i = 0; i < 3; i++) {
		struct child *mcp = rig_start(rig);

		child_send_json(mcp, probes[i]);
		child_response_text(mcp, "\"server-discover-probe-1\"");
		child_signal(mcp, SIGTERM);
		assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
	}
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), 0);
	for (int i = 0; i < 3; i++) {
		struct child *mcp = rig_start(rig);

		child_send_json(mcp, probes[i]);
		child_response_text(mcp, "\"server-discover-probe-1\"");
		mcp_hello(mcp);
		/* The message waited for a client that has begun. */
		child_notification(mcp, CHANNEL, 0);
		mcp_call(mcp, 5, "inbox_peek", NULL);
		assert_int_equal(json_array_size(mcp_json(mcp, 5)), 1);
		/* It is fetched anew by the next one. */
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
		dir_remove(rig->configs);
	}
}

/* Health checks and the like: nothing is fetched, no cursor moves. */
static void looking_costs_nothing(void **state)
{
	struct rig *rig = *state;

	fake_message(rig->fake, 1, NULL, "hello");
	for (int era = 0; era < 2; era++) {
		int beats = fake_count(rig->fake, "POST", HEARTBEAT);
		struct child *mcp = rig_start(rig);

		if (era == 0) {
			mcp_initialize(mcp, "2025-11-25");
			child_result(mcp, 1);
			child_send(mcp, "{'jsonrpc':'2.0','id':2,'method':"
					"'tools/list'}");
			child_send(mcp, "{'jsonrpc':'2.0','id':3,'method':"
					"'ping'}");
		} else {
			ask(rig, mcp, 1, "server/discover", "");
			ask(rig, mcp, 2, "tools/list", "");
			ask(rig, mcp, 3, "prompts/list", "");
			ask(rig, mcp, 4, "subscriptions/listen",
			    ",'notifications':{'toolsListChanged':true}");
		}
		child_response(mcp, 1);
		child_response(mcp, 2);
		child_response(mcp, 3);
		fake_expect(rig->fake, "POST", HEARTBEAT, beats + 2);
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
		assert_int_equal(child_notifications(mcp, CHANNEL), 0);
		if (era == 1)
			assert_complete(child_result(mcp, 4));
	}
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), 0);
	assert_null(rig_state(rig, ".mcp_inbox_cursor"));
}

/* A host that gives up after 60 s hears in time that its call lives. */
static void progress_comes_in_time(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	int64_t start = now_ms();
	json_t *params;

	child_send(mcp, "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
			"'params':{'name':'wait_for_message','arguments':{"
			"'timeout_secs':13},'_meta':{'progressToken':'p 1'}}}");
	mcp_call(mcp, 2, "wait_for_message", "{'timeout_secs':0.1}");
	mcp_ok(mcp, 2);
	params =
		json_object_get(child_notification(mcp, PROGRESS, 0), "params");
	/* Every 10 to 15 s; the upper bound is a busy machine's. */
	assert_true(now_ms() - start >= 10000);
	assert_string_equal(
		json_string_value(json_object_get(params, "progressToken")),
		"p 1");
	assert_true(json_number_value(json_object_get(params, "progress")) >=
		    10);
	assert_true(json_is_true(json_object_get(mcp_json(mcp, 1), "timeout")));
	assert_int_equal(child_notifications(mcp, PROGRESS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_without_handshake),
		TEST(looking_and_going_on),
		TEST(looking_costs_nothing),
		TEST(progress_comes_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
