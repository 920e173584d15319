// SPDX-License-Identifier: MIT
/* mcp_server: more calls at once than run at once. */
#include "tests/unit/mcp_fixture.h"

#include "app/mcp_calls.h"

/* Many at once that need not wait. */
static int many_body(struct rt *rt, void *arg)
{
	enum { COUNT = 3 * MCP_CALLS_MAX };
	/* Short: they must come with one read. */
	static const char peek[] = "{\"id\":1,\"method\":\"tools/call\","
				   "\"params\":{\"name\":\"inbox_peek\"}}\n";
	static char burst[COUNT * (sizeof(peek) - 1)];
	struct host host;

	(void)arg;
	_Static_assert(sizeof(burst) <= JSONRPC_LINES_INITIAL, "one read");
	host_open(&host, rt, true, 0);
	for (int i = 0; i < COUNT; i++)
		memcpy(burst + (size_t)i * (sizeof(peek) - 1), peek,
		       sizeof(peek) - 1);
	host_send_bytes(&host, burst, sizeof(burst));
	for (int i = 0; i < COUNT; i++) {
		json_t *json = host_message(&host);

		CHECK(!tool_failed(json));
		json_decref(json);
	}
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), 0);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void many_at_once(void **state)
{
	(void)state;
	in_runtime(many_body, NULL);
}

/* More calls than run at once, to a platform that does not answer. */
static int line_body(struct rt *rt, void *arg)
{
	const int all = MCP_CALLS_MAX + MCP_CALLS_QUEUED_MAX;
	uint16_t port = 0;
	int fd = bound_socket(AF_INET, SOCK_STREAM, &port, 4);
	struct host host;
	char id[16];
	json_t *json;

	(void)arg;
	host_open(&host, rt, true, port);
	for (int i = 0; i < all; i++)
		host_send(&host,
			  "{'id':%d,'method':'tools/call','params':{'name':"
			  "'list_peers'}}",
			  i);
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), all);
	/* The line is full: the model is told. */
	host_send(&host, "{'id':'x','method':'tools/call','params':{'name':"
			 "'list_peers'}}");
	json = host_message(&host);
	CHECK(strcmp(text_at(json, "id"), "x") == 0);
	CHECK(tool_failed(json));
	CHECK(strstr(tool_text(json), "too many tool calls") != NULL);
	json_decref(json);
	/* One of them, and the one that stands last, and those that run. */
	host_cancel(&host, "500");
	snprintf(id, sizeof(id), "%d", all - 1);
	host_cancel(&host, id);
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), all - 2);
	for (int i = 0; i < MCP_CALLS_MAX; i++) {
		snprintf(id, sizeof(id), "%d", i);
		host_cancel(&host, id);
	}
	host_quiet(&host);
	/* They end when the kernel has let go of their operations. */
	for (int i = 0; i < 1000 && mcp_server_calls(host.server) >
					    MCP_CALLS_QUEUED_MAX - 2;
	     i++)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(mcp_server_calls(host.server), MCP_CALLS_QUEUED_MAX - 2);
	host_send(&host, "{'id':'y','method':'tools/call','params':{'name':"
			 "'list_peers'}}");
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), MCP_CALLS_QUEUED_MAX - 1);
	/* None of them holds up the end, or is answered. */
	CHECK(host_stop(&host, 30));
	CHECK_EQ(mcp_server_calls(host.server), 0);
	close(fd);
	host_close(&host);
	return 0;
}

static void calls_stand_in_line(void **state)
{
	(void)state;
	in_runtime(line_body, NULL);
}

/* Those in line come to their turn, each answered once. */
static int turn_body(struct rt *rt, void *arg)
{
	enum { COUNT = 3 * MCP_CALLS_MAX };
	static bool answered[COUNT];
	uint16_t port = 0;
	int fd = bound_socket(AF_INET, SOCK_STREAM, &port, 4);
	struct host host;

	(void)arg;
	host_open(&host, rt, true, port);
	for (int i = 0; i < COUNT; i++)
		host_send(&host,
			  "{'id':%d,'method':'tools/call','params':{'name':"
			  "'list_peers'}}",
			  i);
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), COUNT);
	close(fd); /* resets what hangs, and refuses what comes */
	for (int i = 0; i < COUNT; i++) {
		json_t *json = host_message(&host);
		json_int_t id = json_integer_value(json_object_get(json, "id"));

		CHECK(tool_failed(json));
		if (CHECK(id >= 0 && id < COUNT && !answered[id]))
			answered[id] = true;
		json_decref(json);
	}
	CHECK_EQ(mcp_server_calls(host.server), 0);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void each_has_its_turn(void **state)
{
	(void)state;
	in_runtime(turn_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(calls_stand_in_line),
		cmocka_unit_test(each_has_its_turn),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
