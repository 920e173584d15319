// SPDX-License-Identifier: MIT
/* mcp_server: waiting for messages, by thousands, with deadlines, progress and
 * cancellation, and while it is not known who gets them. */
#define HOST_PROGRESS_MS 20
#include "tests/unit/mcp_fixture.h"

#include "app/mcp_waits.h"
#include "app/tools_inbox.h"

#define MANY 10000

static json_t *quoted(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(copy, 0, NULL);
	free(copy);
	return json;
}

/* The lenient readings of the contract; 55 s where nobody hears of
 * progress. */
static void how_long(void **state)
{
	static const struct {
		const char *arguments;
		double quiet, progress;
	} cases[] = {
		{ "{}", 55, 60 },
		{ "{'timeout_secs':null}", 55, 60 },
		{ "{'timeout_secs':'soon'}", 55, 60 },
		{ "{'timeout_secs':true}", 55, 60 },
		{ "{'timeout_secs':[5]}", 55, 60 },
		{ "{'timeout_secs':60}", 60, 60 },
		{ "{'timeout_secs':'7.5'}", 7.5, 7.5 },
		{ "{'timeout_secs':0}", 0, 0 },
		{ "{'timeout_secs':-3}", 0, 0 },
		{ "{'timeout_secs':300}", 300, 300 },
		{ "{'timeout_secs':301}", 300, 300 },
		{ "{'timeout_secs':1e300}", 300, 300 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *arguments = quoted(cases[i].arguments);

		print_message("%s\n", cases[i].arguments);
		assert_non_null(arguments);
		assert_true(tools_wait_secs(arguments, false) ==
			    cases[i].quiet);
		assert_true(tools_wait_secs(arguments, true) ==
			    cases[i].progress);
		json_decref(arguments);
	}
	assert_true(tools_wait_secs(NULL, false) == 55);
}

static void send_waits(struct host *host, int from, int to)
{
	for (int i = from; i < to; i++)
		host_send(host,
			  "{'id':%d,'method':'tools/call','params':{'name':"
			  "'wait_for_message','arguments':{'timeout_secs':300}"
			  "}}",
			  i);
}

/* Every id from `from` to `to` comes once, with this text in its answer. */
static void expect_answers(struct host *host, int from, int to,
			   const char *text)
{
	char *seen = calloc(1, (size_t)(to - from));

	for (int i = from; i < to; i++) {
		char *line = host_line(host, patience(host->rt));
		char *end;
		long id;

		if (!CHECK(line && strstr(line, text)))
			fprintf(stderr, "got %s\n", line ? line : "nothing");
		if (!line)
			break;
		id = strtol(line + strlen("{\"jsonrpc\":\"2.0\",\"id\":"), &end,
			    10);
		if (CHECK(id >= from && id < to && !seen[id - from]))
			seen[id - from] = 1;
		free(line);
	}
	free(seen);
}

struct sending {
	struct host *host;
	int from, to;
};

static void send_all(struct rt *rt, void *arg)
{
	struct sending *sending = arg;

	(void)rt;
	send_waits(sending->host, sending->from, sending->to);
}

static int many_body(struct rt *rt, void *arg)
{
	struct host host;

	(void)arg;
	host_open(&host, rt, true, 0);
	for (int round = 0; round < 2; round++) {
		char id[16];

		send_waits(&host, 0, MANY);
		host_quiet(&host);
		CHECK_EQ(mcp_server_calls(host.server), MANY);
		snprintf(id, sizeof(id), "m%d", round);
		CHECK_EQ(host_put(&host, id, "to all"), 0);
		expect_answers(&host, 0, MANY, "to all");
		CHECK_EQ(mcp_server_calls(host.server), 0);
		CHECK_EQ(inbox_pop(host.tools.inbox, id), 1);
		host_quiet(&host);
	}
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void ten_thousand(void **state)
{
	(void)state;
	in_runtime(many_body, NULL);
}

static int bound_body(struct rt *rt, void *arg)
{
	struct host host;
	char id[16];
	json_t *json;

	(void)arg;
	host_open(&host, rt, true, 0);
	send_waits(&host, 0, MCP_WAITS_MAX);
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), MCP_WAITS_MAX);
	host_send(&host, WAIT("'x'", "300"));
	json = host_message(&host);
	CHECK(strcmp(text_at(json, "id"), "x") == 0);
	CHECK(tool_failed(json));
	json_decref(json);
	/* Type and value; a cancelled one is gone, and its id free again. */
	host_cancel(&host, "'5'");
	host_cancel(&host, "99999");
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), MCP_WAITS_MAX);
	for (int i = 0; i < MCP_WAITS_MAX; i += 2) {
		snprintf(id, sizeof(id), "%d", i);
		host_cancel(&host, id);
	}
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), MCP_WAITS_MAX / 2);
	host_send(&host, WAIT("'\\u0061'", "300"));
	host_cancel(&host, "'a'");
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), MCP_WAITS_MAX / 2);
	/* The end does not wait for any, and answers none. */
	CHECK(host_stop(&host, 60000));
	CHECK_EQ(mcp_server_calls(host.server), 0);
	close(host.out);
	host.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK(host_line(&host, patience(rt)) == NULL);
	host_close(&host);
	return 0;
}

static void bounded_and_cancelled(void **state)
{
	(void)state;
	in_runtime(bound_body, NULL);
}

/* Long ids are bounded in bytes. */
static int bytes_body(struct rt *rt, void *arg)
{
	struct host host;
	char *id = malloc(JSONRPC_ID_MAX - 15);
	bool refused = false;
	int sent;

	(void)arg;
	memset(id, 'x', JSONRPC_ID_MAX - 16);
	id[JSONRPC_ID_MAX - 16] = '\0';
	host_open(&host, rt, true, 0);
	for (sent = 0; sent < 200 && !refused; sent++) {
		host_send(&host,
			  "{'id':'%s%d','method':'tools/call','params':{'name':"
			  "'wait_for_message'}}",
			  id, sent);
		host_send(&host, "{'id':'p','method':'ping'}");
		json_t *json = host_message(&host);
		refused = tool_failed(json);
		json_decref(json);
	}
	CHECK(refused);
	CHECK(sent > 100 && sent < 140);
	json_decref(host_message(&host)); /* the last pong */
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	free(id);
	return 0;
}

static void bytes_are_bounded(void **state)
{
	(void)state;
	in_runtime(bytes_body, NULL);
}

/* Each ends in its own time, in the form that it always had and as an
 * object. */
static int timeout_body(struct rt *rt, void *arg)
{
	struct host host;
	json_t *json, *structured;

	(void)arg;
	host_open(&host, rt, true, 0);
	host_send(&host, WAIT("3", "300"));
	host_send(&host, WAIT("2", "0.2"));
	host_send(&host, WAIT("1", "'0.05'"));
	host_send(&host, WAIT("0", "-1"));
	for (int i = 0; i < 3; i++) {
		static const char *const texts[] = {
			"{\"timeout\": true, \"timeout_secs\": 0.0}",
			"{\"timeout\": true, \"timeout_secs\": 0.05}",
			"{\"timeout\": true, \"timeout_secs\": 0.2}",
		};

		json = host_message(&host);
		CHECK_EQ(json_integer_value(json_object_get(json, "id")), i);
		CHECK(strcmp(tool_text(json), texts[i]) == 0);
		CHECK(!tool_failed(json));
		structured = json_object_get(json_object_get(json, "result"),
					     "structuredContent");
		CHECK(json_is_true(json_object_get(structured, "timeout")));
		CHECK(json_is_number(
			json_object_get(structured, "timeout_secs")));
		CHECK(json_object_get(json_object_get(json, "result"),
				      "_meta") == NULL);
		json_decref(json);
	}
	CHECK_EQ(mcp_server_calls(host.server), 1);
	/* At once where there is a message, which stays. */
	CHECK_EQ(host_put(&host, "m1", "hello"), 0);
	for (int i = 3; i < 5; i++) {
		json = host_message(&host);
		CHECK_EQ(json_integer_value(json_object_get(json, "id")), i);
		structured = json_object_get(json_object_get(json, "result"),
					     "structuredContent");
		CHECK(strcmp(text_at(structured, "activity_id"), "m1") == 0);
		CHECK(strcmp(text_at(structured, "text"), "hello") == 0);
		CHECK(json_is_true(json_object_get(structured, "untrusted")));
		CHECK(strstr(tool_text(json), "untrusted") == NULL);
		CHECK(json_is_true(json_object_get(
			json_object_get(json_object_get(json, "result"),
					"_meta"),
			"molecule/untrusted")));
		json_decref(json);
		if (i == 3)
			host_send(&host, WAIT("4", "300"));
	}
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void times_and_forms(void **state)
{
	(void)state;
	in_runtime(timeout_body, NULL);
}

/* Only for a token, echoed exactly, rising, with the time to come; none after
 * the answer, or after a cancellation. */
static int progress_body(struct rt *rt, void *arg)
{
	struct host host;
	double last = 0;
	int count = 0;

	(void)arg;
	host_open(&host, rt, true, 0);
	host_send(&host, "{'id':1,'method':'tools/call','params':{'name':"
			 "'wait_for_message','arguments':{'timeout_secs':0.3},"
			 "'_meta':{'progressToken':'t'}}}");
	host_send(&host, WAIT("2", "0.01"));
	host_send(&host, "{'id':3,'method':'tools/call','params':{'name':"
			 "'wait_for_message','_meta':{'progressToken':9}}}");
	host_cancel(&host, "3");
	for (;;) {
		json_t *json = host_message(&host);
		const json_t *params = json_object_get(json, "params");
		json_int_t id = json_integer_value(json_object_get(json, "id"));
		double progress =
			json_number_value(json_object_get(params, "progress"));

		if (id == 0) {
			CHECK(strcmp(text_at(json, "method"),
				     "notifications/progress") == 0);
			CHECK(strcmp(text_at(params, "progressToken"), "t") ==
			      0);
			CHECK(strcmp(text_at(params, "message"),
				     "waiting for a message") == 0);
			CHECK(json_number_value(
				      json_object_get(params, "total")) == 0.3);
			CHECK(progress > last);
			last = progress;
			count++;
		}
		json_decref(json);
		if (id == 1)
			break;
	}
	CHECK(count >= 1);
	task_sleep(rt, deadline_in_ms(rt, 5 * HOST_PROGRESS_MS));
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void progress(void **state)
{
	(void)state;
	in_runtime(progress_body, NULL);
}

/* A host that reads late gets every answer; meanwhile memory is bounded, and
 * what is not read can be cancelled. */
static int late_body(struct rt *rt, void *arg)
{
	enum { COUNT = 3000 };
	struct host host;
	struct scope scope;
	struct sending sending = { &host, 0, COUNT };
	char text[4001];

	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	host_open(&host, rt, false, 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "host", TASK_STACK_NORMAL, send_all,
			    &sending),
		 0);
	CHECK_EQ(scope_join(&scope), 0);
	host_quiet(&host);
	CHECK_EQ(host_put(&host, "m1", text), 0);
	/* 8 KiB each, and room for 1 MiB and a pipe: most of them wait. */
	task_sleep(rt, deadline_in_ms(rt, 100));
	CHECK(mcp_server_calls(host.server) > COUNT / 2);
	host_cancel(&host, "2999");
	for (int i = 0; i < 1000 && mcp_server_calls(host.server) == COUNT; i++)
		task_sleep(rt, deadline_in_ms(rt, 1));
	expect_answers(&host, 0, COUNT - 1, "xxx");
	host_quiet(&host);
	CHECK_EQ(mcp_server_calls(host.server), 0);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void a_host_that_reads_late(void **state)
{
	(void)state;
	in_runtime(late_body, NULL);
}

/* Another process may get the messages: until that is known a wait waits, then
 * it is told so, as is every later one. */
static int elsewhere_body(struct rt *rt, void *arg)
{
	bool here = *(bool *)arg;
	struct host host;
	char by[] = "12 ada";
	json_t *json;

	host_open(&host, rt, true, 0);
	host.fleet.inbox = host.tools.inbox;
	host.member.holder.workspace_id = OWN_ID;
	event_init(rt, &host.fleet.holders.known);
	host_send(&host, WAIT("1", "300"));
	host_send(&host, WAIT("2", "0"));
	json = host_message(&host);
	CHECK_EQ(json_integer_value(json_object_get(json, "id")), 2);
	CHECK(!tool_failed(json));
	json_decref(json);
	CHECK_EQ(mcp_server_calls(host.server), 1);
	host.member.holder.by = here ? NULL : by;
	host.member.holder.state = here ? HOLDER_HERE : HOLDER_ELSEWHERE;
	event_set(&host.fleet.holders.known);
	if (here) {
		host_quiet(&host);
		CHECK_EQ(mcp_server_calls(host.server), 1);
		CHECK_EQ(host_put(&host, "m1", "hello"), 0);
	}
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "wait_for_message",
						     "inbox_peek",
						     "inbox_pop" };

		json = host_message(&host);
		CHECK_EQ(json_integer_value(json_object_get(json, "id")), 1);
		CHECK(tool_failed(json) == !here);
		if (!here)
			CHECK(strstr(tool_text(json), "ada") != NULL);
		json_decref(json);
		host_send(&host,
			  "{'id':1,'method':'tools/call','params':{'name':'%s',"
			  "'arguments':{'activity_id':'m1'}}}",
			  names[i]);
	}
	json_decref(host_message(&host));
	CHECK(host_stop(&host, 1000));
	host.fleet.inbox = NULL;
	host_close(&host);
	return 0;
}

static void who_gets_the_messages(void **state)
{
	bool here = false;

	(void)state;
	in_runtime(elsewhere_body, &here);
	here = true;
	in_runtime(elsewhere_body, &here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_long),
		cmocka_unit_test(ten_thousand),
		cmocka_unit_test(bounded_and_cancelled),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(times_and_forms),
		cmocka_unit_test(progress),
		cmocka_unit_test(a_host_that_reads_late),
		cmocka_unit_test(who_gets_the_messages),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
