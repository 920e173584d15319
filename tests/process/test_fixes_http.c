// SPDX-License-Identifier: MIT
/*
 * What the original does wrong towards the platform (registration, heartbeat,
 * connections, the end), and ours does right. Each test is named after
 * the row of the list of known faults it answers.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void wait_beats(struct rig *rig, int n)
{
	int now = fake_count(rig->fake, "POST", HEARTBEAT);

	fake_expect(rig->fake, "POST", HEARTBEAT, now + n - 1);
}

static void wait_polls(struct rig *rig, int n)
{
	int now = fake_count(rig->fake, "GET", ACTIVITY);

	fake_expect(rig->fake, "GET", ACTIVITY, now + n - 1);
}

/* F-10: connections are kept, not made anew for each request. */
static void f10_connections_are_kept(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	int after_start;

	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", "0.1");
	mcp = rig_start(rig);

	mcp_hello(mcp);
	wait_beats(rig, 3);
	wait_polls(rig, 5);
	after_start = fake_connections(rig->fake);
	assert_in_range(after_start, 1, 3);
	wait_beats(rig, 10);
	wait_polls(rig, 10);
	assert_int_equal(fake_connections(rig->fake), after_start);
}

/* F-11: a heartbeat comes no earlier than the platform asked for. */
static void f11_retry_after_holds_the_heartbeat(void **state)
{
	struct rig *rig = *state;
	const struct request *refused, *next;

	fake_once(rig->fake, "POST", HEARTBEAT, (struct answer){ 0 });
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 429,
				   .headers = "Retry-After: 2\r\n",
				   .body = "{'error':'rate limit exceeded',"
					   "'retry_after':2}" });
	mcp_hello(rig_start(rig));
	refused = fake_expect(rig->fake, "POST", HEARTBEAT, 1);
	next = fake_expect(rig->fake, "POST", HEARTBEAT, 2);
	assert_true(next->at_ms - refused->at_ms >= 1900);
	wait_beats(rig, 2);
}

/* F-11: nor does a poll. */
static void f11_retry_after_holds_the_poll(void **state)
{
	struct rig *rig = *state;
	const struct request *refused, *next;

	fake_once(rig->fake, "GET", ACTIVITY, (struct answer){ .body = "[]" });
	fake_once(rig->fake, "GET", ACTIVITY,
		  (struct answer){ .status = 503,
				   .headers = "Retry-After: 2\r\n",
				   .body = "{'error':'busy'}" });
	mcp_hello(rig_start(rig));
	refused = fake_expect(rig->fake, "GET", ACTIVITY, 1);
	next = fake_expect(rig->fake, "GET", ACTIVITY, 2);
	assert_true(next->at_ms - refused->at_ms >= 1900);
}

/* F-13: the address is cleaned once, for paths and Origin alike. */
static void f13_a_trailing_slash_changes_nothing(void **state)
{
	static const char *const paths[][2] = {
		{ "POST", REGISTER },
		{ "POST", HEARTBEAT },
		{ "GET", ACTIVITY },
		{ "GET", "/registry/" WS_ID "/peers" },
		{ "POST", NOTIFY },
		{ "GET", "/workspaces/" WS_ID "/memories" },
	};
	struct rig *rig = *state;
	struct child *mcp;
	char buf[256];

	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "  %s/// \n", fake_url(rig->fake)));
	rig_env(rig, "WORKSPACE_ID", " " WS_ID "\t");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_call(mcp, 3, "send_message_to_user", "{'message':'m'}");
	mcp_call(mcp, 4, "recall_memory", NULL);
	for (int id = 2; id < 5; id++)
		mcp_ok(mcp, id);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		const struct request *r =
			fake_expect(rig->fake, paths[i][0], paths[i][1], 0);

		assert_string_equal(request_header(r, "Origin", buf, 256),
				    fake_url(rig->fake));
	}
}

/* F-14: registration is tried until it succeeds. */
static void f14_registration_is_retried(void **state)
{
	struct rig *rig = *state;
	const struct request *r;
	struct child *mcp;

	fake_once(rig->fake, "POST", REGISTER,
		  (struct answer){ .status = 503, .body = "{'error':'x'}" });
	fake_once(rig->fake, "POST", REGISTER,
		  (struct answer){ .kind = ANSWER_RESET });
	mcp = rig_start(rig);
	mcp_hello(mcp);
	r = fake_expect(rig->fake, "POST", REGISTER, 2);
	assert_string_equal(
		json_string_value(json_object_get(r->json, "delivery_mode")),
		"poll");
	wait_beats(rig, 8);
	assert_int_equal(fake_count(rig->fake, "POST", REGISTER), 3);
}

/* F-14: what the answer carries is used. */
static void f14_the_secret_of_the_answer_is_kept(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .body = "{'status':'registered',"
					     "'delivery_mode':'poll',"
					     "'platform_inbound_secret':"
					     "'from-register'}" });
	mcp = rig_start(rig);
	rig_expect_state(rig, ".platform_inbound_secret", "from-register");
	assert_null(strstr(child_stderr(mcp), "from-register"));
}

/* F-15: a redirect is a failure, is said, and is not followed. */
static void f15_a_redirect_is_a_failure(void **state)
{
	struct rig *rig = *state;
	struct fake *elsewhere = fake_new();
	const char *location = rig_text(rig, "Location: %s/secret-path\r\n",
					fake_url(elsewhere));
	struct child *mcp;

	for (int i = 0; i < 2; i++)
		fake_once(
			rig->fake, "POST", REGISTER,
			(struct answer){ .status = 308, .headers = location });
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 302, .headers = location });
	mcp = rig_start(rig);
	fake_expect(rig->fake, "POST", REGISTER, 2);
	child_expect_stderr(
		mcp, rig_text(rig, "127.0.0.1:%d", fake_port(elsewhere)));
	assert_int_equal(fake_connections(elsewhere), 0);
	fake_free(elsewhere);
}

static json_int_t beat_field(const struct request *r, const char *name)
{
	return json_integer_value(json_object_get(r->json, name));
}

/* F-30: delegating does not reset uptime; active_tasks tells the truth. */
static void f30_every_heartbeat_tells_the_truth(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_int_t uptime = 0;
	int beats, during, n;

	mcp_hello(mcp);
	wait_beats(rig, 7); /* over a second of uptime */
	fake_always(rig->fake, "POST", "/workspaces/*/a2a",
		    (struct answer){ .kind = ANSWER_HANG });
	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'t'}");
	fake_expect(rig->fake, "POST", "/workspaces/" PEER_ID "/a2a", 0);
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	during = beats + 1; /* sent when the delegation surely ran */
	assert_int_equal(
		beat_field(fake_expect(rig->fake, "POST", HEARTBEAT, during),
			   "active_tasks"),
		1);
	fake_release(rig->fake);
	mcp_ok(mcp, 2);
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	assert_int_equal(
		beat_field(fake_expect(rig->fake, "POST", HEARTBEAT, beats + 1),
			   "active_tasks"),
		0);
	n = fake_count(rig->fake, "POST", HEARTBEAT);
	for (int i = 0; i < n; i++) {
		const struct request *r =
			fake_seen(rig->fake, "POST", HEARTBEAT, i);

		assert_true(beat_field(r, "uptime_seconds") >= uptime);
		uptime = beat_field(r, "uptime_seconds");
	}
	assert_true(uptime >= 1);
}

/* F-40: at SIGTERM a call that is nearly done is answered, then it ends. */
static void f40_a_stop_is_graceful(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char id[40];

	fake_message(rig->fake, 1, NULL, "hello");
	fake_always(rig->fake, "POST", NOTIFY,
		    (struct answer){ .delay_ms = 150,
				     .body = "{'status':'sent'}" });
	mcp_hello(mcp);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
	mcp_call(mcp, 2, "send_message_to_user", "{'message':'last words'}");
	fake_expect(rig->fake, "POST", NOTIFY, 0);
	child_signal(mcp, SIGTERM);
	assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
	assert_string_equal(mcp_ok(mcp, 2), "Message sent to user");
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
}

/* F-43: a switch that says no does not disable. */
static void f43_zero_does_not_disable(void **state)
{
	static const char *const no[] = { "0",	"false", "no",	 "off",
					  "  ", "OFF",	 "False" };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		int registered = fake_count(rig->fake, "POST", REGISTER);
		int beats = fake_count(rig->fake, "POST", HEARTBEAT);
		int polls = fake_count(rig->fake, "GET", ACTIVITY);
		struct child *mcp;

		rig_env(rig, "MOLECULE_MCP_DISABLE_HEARTBEAT", no[i]);
		rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", no[i]);
		mcp = rig_start(rig);
		mcp_hello(mcp);
		fake_expect(rig->fake, "POST", REGISTER, registered);
		fake_expect(rig->fake, "POST", HEARTBEAT, beats);
		fake_expect(rig->fake, "GET", ACTIVITY, polls);
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f10_connections_are_kept),
		TEST(f11_retry_after_holds_the_heartbeat),
		TEST(f11_retry_after_holds_the_poll),
		TEST(f13_a_trailing_slash_changes_nothing),
		TEST(f14_registration_is_retried),
		TEST(f14_the_secret_of_the_answer_is_kept),
		TEST(f15_a_redirect_is_a_failure),
		TEST(f30_every_heartbeat_tells_the_truth),
		TEST(f40_a_stop_is_graceful),
		TEST(f43_zero_does_not_disable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
