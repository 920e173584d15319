// SPDX-License-Identifier: MIT
/* mcp_server: calls beside each other, their cancellation and their end, and a
 * host that does not read the answers. */
#define HOST_PROGRESS_MS 20
#include "tests/unit/mcp_fixture.h"

/* F-1: everything goes on while a wait is outstanding, and it can be
 * cancelled. */
static int wait_body(struct rt *rt, void *arg)
{
	struct host host;

	(void)arg;
	host_open(&host, rt, true, 0);
	host_initialize(&host, "2025-06-18");
	host_send(&host, WAIT("7", "300"));
	host_send(&host, WAIT("'7'", "300"));
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), 2);
	ask(&host, "{'jsonrpc':'2.0','id':8,'method':'tools/list'}",
	    "\"tools\"");
	ask(&host,
	    "{'jsonrpc':'2.0','id':9,'method':'tools/call',"
	    "'params':{'name':'inbox_peek'}}",
	    "\"[]\"");
	/* What names no call is ignored. */
	ask(&host,
	    "{'jsonrpc':'2.0','method':'notifications/cancelled',"
	    "'params':{'requestId':77}}",
	    NULL);
	ask(&host, "{'jsonrpc':'2.0','method':'notifications/cancelled'}",
	    NULL);
	ask(&host,
	    "{'jsonrpc':'2.0','method':'notifications/cancelled',"
	    "'params':{'requestId':null}}",
	    NULL);
	CHECK_EQ(mcp_server_calls(host.server), 2);
	/* 7 is not "7". */
	host_send(&host, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			 "'params':{'requestId':7,'reason':'x'}}");
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), 1);
	/* The other one still gets its message. */
	CHECK_EQ(host_put(&host, "m1", "hello"), 0);
	for (int i = 0; i < 2; i++) {
		json_t *json = host_message(&host);

		if (*text_at(json, "method"))
			CHECK(strcmp(text_at(json, "method"),
				     "notifications/claude/channel") == 0);
		else
			CHECK(strcmp(text_at(json, "id"), "7") == 0 &&
			      strstr(tool_text(json), "hello"));
		json_decref(json);
	}
	CHECK_EQ(mcp_server_calls(host.server), 0);
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void waiting_holds_up_nothing(void **state)
{
	(void)state;
	in_runtime(wait_body, NULL);
}

static int no_inbox_body(struct rt *rt, void *arg)
{
	struct inbox *inbox;
	struct host host;
	json_t *json;

	(void)arg;
	host_open(&host, rt, true, 0);
	inbox = host.tools.inbox;
	inbox_on_put(inbox, NULL, NULL);
	host.tools.inbox = NULL;
	host_initialize(&host, "2025-06-18");
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "wait_for_message",
						     "inbox_peek",
						     "inbox_pop" };

		host_send(&host,
			  "{'jsonrpc':'2.0','id':1,'method':'tools/call',"
			  "'params':{'name':'%s'}}",
			  names[i]);
		json = host_message(&host);
		CHECK(tool_failed(json));
		CHECK(strstr(tool_text(json), "not enabled") != NULL);
		json_decref(json);
	}
	CHECK(host_stop(&host, 1000));
	host.tools.inbox = inbox;
	host_close(&host);
	return 0;
}

static void inbox_switched_off(void **state)
{
	(void)state;
	in_runtime(no_inbox_body, NULL);
}

/* A platform that answers when it is told to. */
struct slow {
	int fd;
	uint16_t port;
	uint64_t asked;
	struct event go;
};

static void answer_later(struct rt *rt, void *arg)
{
	static const char answer[] =
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Content-Length: 2\r\n\r\n[]";
	struct slow *slow = arg;
	char buf[4096];
	int fd = io_accept(rt, slow->fd, NULL, DEADLINE_NEVER);

	if (fd < 0)
		return;
	if (io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER) > 0) {
		slow->asked++;
		if (event_wait(&slow->go, DEADLINE_NEVER) == 0)
			io_send_all(rt, fd, answer, sizeof(answer) - 1, NULL,
				    DEADLINE_NEVER);
		io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER);
	}
	io_close(rt, fd);
}

static void slow_open(struct rt *rt, struct slow *slow, struct scope *scope)
{
	*slow = (struct slow){ 0 };
	slow->fd = bound_socket(AF_INET, SOCK_STREAM, &slow->port, 4);
	event_init(rt, &slow->go);
	scope_open(rt, scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(scope, "platform", TASK_STACK_NORMAL, answer_later,
			    slow),
		 0);
}

#define PEERS                                                                  \
	"{'jsonrpc':'2.0','id':'p','method':'tools/call','params':{"           \
	"'name':'list_peers'}}"

/* A host that asked for it is told every so often, until the call ends. */
static int progress_body(struct rt *rt, void *arg)
{
	struct scope scope;
	struct host host;
	struct slow slow;
	double last = 0;
	json_t *json;

	(void)arg;
	slow_open(rt, &slow, &scope);
	host_open(&host, rt, false, slow.port);
	host_send(&host, "{'jsonrpc':'2.0','id':'p','method':'tools/call',"
			 "'params':{'name':'list_peers','_meta':{"
			 "'progressToken':123456789012345678901234567890}}}");
	for (int i = 0; i < 3; i++) {
		char *line = host_line(&host, patience(rt));
		json_t *params;

		CHECK(line && strstr(line, "\"progressToken\":"
					   "123456789012345678901234567890,"));
		json = line ? json_parse_bounded(line, strlen(line), NULL)
			    : NULL;
		params = json_object_get(json, "params");
		CHECK(strcmp(text_at(json, "method"),
			     "notifications/progress") == 0);
		CHECK(json_number_value(json_object_get(params, "progress")) >
		      last);
		last = json_number_value(json_object_get(params, "progress"));
		json_decref(json);
		free(line);
	}
	event_set(&slow.go);
	do {
		json = host_message(&host);
		if (strcmp(text_at(json, "id"), "p") == 0)
			break;
		json_decref(json);
	} while (true);
	json_decref(json);
	/* Nothing after it. */
	task_sleep(rt, deadline_in_ms(rt, 5 * HOST_PROGRESS_MS));
	host_quiet(&host);
	/* And none for a call that was cancelled. */
	host_send(&host, "{'jsonrpc':'2.0','id':9,'method':'tools/call',"
			 "'params':{'name':'list_peers','_meta':{"
			 "'progressToken':'t'}}}");
	host_cancel(&host, "9");
	host_quiet(&host);
	task_sleep(rt, deadline_in_ms(rt, 5 * HOST_PROGRESS_MS));
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	scope_close(&scope);
	close(slow.fd);
	host_close(&host);
	return 0;
}

static void progress_is_told(void **state)
{
	(void)state;
	in_runtime(progress_body, NULL);
}

static void go_soon(struct rt *rt, void *arg)
{
	struct slow *slow = arg;

	task_sleep(rt, deadline_in_ms(rt, 20));
	event_set(&slow->go);
}

/* At the end of input a wait is dropped, a call may finish. */
static int grace_body(struct rt *rt, void *arg)
{
	struct scope scope;
	struct host host;
	struct slow slow;
	int64_t start;
	json_t *json;

	(void)arg;
	slow_open(rt, &slow, &scope);
	host_open(&host, rt, false, slow.port);
	host_initialize(&host, "2025-06-18");
	host_send(&host, PEERS);
	host_send(&host, WAIT("'w'", "300"));
	CHECK(until(rt, &slow.asked, 1));
	host_quiet(&host); /* a slow call holds up nothing */
	host_close_end(&host.to);
	CHECK(until(rt, &host.ended, 1));
	CHECK_EQ(mcp_server_calls(host.server), 2);
	CHECK_EQ(task_spawn(&scope, "go", TASK_STACK_NORMAL, go_soon, &slow),
		 0);
	start = clock_now(rt, CLOCK_ID_MONOTONIC);
	CHECK(host_stop(&host, 3 * PATIENCE_MS));
	CHECK(clock_now(rt, CLOCK_ID_MONOTONIC) - start <
	      PATIENCE_MS * CLOCK_NS_PER_MS);
	CHECK_EQ(mcp_server_calls(host.server), 0);
	json = host_message(&host);
	CHECK(strcmp(text_at(json, "id"), "p") == 0);
	CHECK(!tool_failed(json));
	json_decref(json);
	close(host.out);
	host.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK(host_line(&host, patience(rt)) == NULL); /* the end */
	scope_close(&scope);
	close(slow.fd);
	host_close(&host);
	return 0;
}

static void calls_may_finish(void **state)
{
	(void)state;
	in_runtime(grace_body, NULL);
}

/* One that does not finish is cancelled, and so is one when asked to. */
static int no_grace_body(struct rt *rt, void *arg)
{
	struct scope scope;
	struct host host;
	struct slow slow;

	(void)arg;
	slow_open(rt, &slow, &scope);
	host_open(&host, rt, false, slow.port);
	host_send(&host, PEERS);
	CHECK(until(rt, &slow.asked, 1));
	CHECK(host_stop(&host, 30));
	CHECK_EQ(mcp_server_calls(host.server), 0);
	scope_close(&scope);
	close(slow.fd);
	host_close(&host);

	slow_open(rt, &slow, &scope);
	host_open(&host, rt, false, slow.port);
	host_send(&host, PEERS);
	CHECK(until(rt, &slow.asked, 1));
	host_send(&host, "{'jsonrpc':'2.0','method':'notifications/cancelled',"
			 "'params':{'requestId':'p'}}");
	host_quiet(&host);
	/* It ends when the kernel has let go of its operation. */
	for (int i = 0; i < 1000 && mcp_server_calls(host.server); i++)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(mcp_server_calls(host.server), 0);
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	scope_close(&scope);
	close(slow.fd);
	host_close(&host);
	return 0;
}

static void calls_are_cancelled(void **state)
{
	(void)state;
	in_runtime(no_grace_body, NULL);
}

/* Sends pings until the server takes no more. */
static void fill_up(struct host *host)
{
	static const char ping[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n";

	for (;;) {
		size_t done;

		if (io_write_all(host->rt, host->to, ping, sizeof(ping) - 1,
				 &done, deadline_in_ms(host->rt, 200)) != 0)
			break;
	}
}

/* A host that does not read: stopping does not wait for it. */
static int stuck_body(struct rt *rt, void *arg)
{
	bool sockets = *(bool *)arg;
	struct host host;
	int64_t start;

	host_open(&host, rt, sockets, 0);
	fill_up(&host);
	CHECK_EQ(host.ended, 0);
	start = clock_now(rt, CLOCK_ID_MONOTONIC);
	CHECK(!host_stop(&host, 60000));
	/* Far from the grace, even on a busy machine. */
	CHECK(clock_now(rt, CLOCK_ID_MONOTONIC) - start < 10 * CLOCK_NS_PER_S);
	host_close(&host);

	/* The end of input is seen although it cannot be read. */
	host_open(&host, rt, sockets, 0);
	fill_up(&host);
	host_close_end(&host.to);
	CHECK(until(rt, &host.ended, 1));
	CHECK_EQ(host.ended_err, 0);
	CHECK(!host_stop(&host, 60000));
	host_close(&host);

	/* And one that is only slow gets everything. */
	host_open(&host, rt, sockets, 0);
	fill_up(&host);
	for (int i = 0; i < 100; i++)
		json_decref(host_message(&host));
	CHECK_EQ(host.ended, 0);
	host_stop(&host, 10);
	host_close(&host);
	return 0;
}

static void read_all(struct rt *rt, void *arg)
{
	struct host *host = arg;
	char *buf = malloc(65536);

	while (io_read(rt, host->from, buf, 65536, DEADLINE_NEVER) > 0)
		;
	free(buf);
}

/* A call whose answer nobody would see is not waited for; a host that is slow
 * but reads gets everything. */
static int slow_host_body(struct rt *rt, void *arg)
{
	struct scope scope;
	struct host host;
	struct slow slow;
	int64_t start;

	(void)arg;
	slow_open(rt, &slow, &scope);
	host_open(&host, rt, false, slow.port);
	host_send(&host, PEERS);
	CHECK(until(rt, &slow.asked, 1));
	fill_up(&host);
	start = clock_now(rt, CLOCK_ID_MONOTONIC);
	CHECK(!host_stop(&host, 3 * PATIENCE_MS));
	CHECK(clock_now(rt, CLOCK_ID_MONOTONIC) - start <
	      PATIENCE_MS * CLOCK_NS_PER_MS);
	scope_close(&scope);
	close(slow.fd);
	host_close(&host);

	host_open(&host, rt, false, 0);
	fill_up(&host);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "host", TASK_STACK_NORMAL, read_all, &host),
		 0);
	CHECK(host_stop(&host, 3 * PATIENCE_MS));
	scope_close(&scope);
	host_close(&host);
	return 0;
}

static void slow_hosts(void **state)
{
	(void)state;
	in_runtime(slow_host_body, NULL);
}

static void stuck_stdout(void **state)
{
	bool sockets = false;

	(void)state;
	in_runtime(stuck_body, &sockets);
	sockets = true;
	in_runtime(stuck_body, &sockets);
}

static int broken_body(struct rt *rt, void *arg)
{
	struct host host;

	(void)arg;
	host_open(&host, rt, false, 0);
	host_quiet(&host);
	host_close_end(&host.from);
	host_send(&host, "{'jsonrpc':'2.0','id':1,'method':'ping'}");
	CHECK(until(rt, &host.ended, 1));
	CHECK_EQ(host.ended_err, -EPIPE);
	host_send(&host, "{'jsonrpc':'2.0','id':1,'method':'ping'}");
	CHECK(!host_stop(&host, 1000));
	CHECK_EQ(host.ended, 1);
	host_close(&host);
	return 0;
}

static void broken_stdout(void **state)
{
	(void)state;
	in_runtime(broken_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_holds_up_nothing),
		cmocka_unit_test(progress_is_told),
		cmocka_unit_test(inbox_switched_off),
		cmocka_unit_test(calls_may_finish),
		cmocka_unit_test(calls_are_cancelled),
		cmocka_unit_test(stuck_stdout),
		cmocka_unit_test(slow_hosts),
		cmocka_unit_test(broken_stdout),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
