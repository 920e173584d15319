// SPDX-License-Identifier: MIT
/*
 * Heartbeats: what they say, that they keep their cadence, what is said when
 * they are refused, and that a workspace comes back by itself.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void fast(struct rig *rig)
{
	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", "0.1");
}

static void more_beats(struct rig *rig, int n)
{
	int now = fake_count(rig->fake, "POST", HEARTBEAT);

	fake_expect(rig->fake, "POST", HEARTBEAT, now + n);
}

static void a_heartbeat_says_how_it_is(void **state)
{
	struct rig *rig = *state;
	const struct request *r;
	char buf[256];

	rig_start(rig);
	r = fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	assert_string_equal(
		json_string_value(json_object_get(r->json, "workspace_id")),
		WS_ID);
	assert_true(json_is_number(json_object_get(r->json, "error_rate")));
	assert_string_equal(
		json_string_value(json_object_get(r->json, "sample_error")),
		"");
	assert_true(json_is_integer(json_object_get(r->json, "active_tasks")));
	assert_true(
		json_is_integer(json_object_get(r->json, "uptime_seconds")));
	assert_null(json_object_get(r->json, "runtime_state"));
	assert_string_equal(request_header(r, "Authorization", buf, 256),
			    "Bearer " TOKEN);
	assert_string_equal(request_header(r, "Origin", buf, 256),
			    fake_url(rig->fake));
	assert_string_equal(request_header(r, "Content-Type", buf, 256),
			    "application/json");
	/* No client has said a word yet: the workspace lives all the same. */
	more_beats(rig, 2);
}

/* A poll that hangs, or a slow tool, does not hold up a heartbeat. */
static void a_slow_poll_delays_no_heartbeat(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	int n;

	fake_always(rig->fake, "GET", ACTIVITY,
		    (struct answer){ .kind = ANSWER_HANG });
	fake_always(rig->fake, "POST", "/workspaces/*/a2a",
		    (struct answer){ .kind = ANSWER_HANG });
	mcp_hello(mcp);
	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'t'}");
	fake_expect(rig->fake, "POST", "/workspaces/" PEER_ID "/a2a", 0);
	n = fake_count(rig->fake, "POST", HEARTBEAT);
	fake_expect(rig->fake, "POST", HEARTBEAT, n + 6);
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), 1);
	assert_int_equal(child_responses(mcp, 2), 0);
}

/* Every answer but one with Retry-After is followed at the usual pace. */
static void the_cadence_is_kept_whatever_the_answer(void **state)
{
	static const struct answer bad[] = {
		{ .status = 400, .body = "{'error':'x'}" },
		{ .status = 429 },
		{ .status = 500, .body = "oops" },
		{ .status = 503 },
		{ .status = 302, .headers = "Location: http://x.invalid/\r\n" },
		{ .body = "not json" },
		{ .body = "[]" },
		{ .body = "{'platform_inbound_secret':7}" },
		{ .body = "{'platform_inbound_secret':''}" },
		{ .kind = ANSWER_RESET },
		{ .kind = ANSWER_CLOSE },
		{ .kind = ANSWER_TRUNCATED, .body = "{" },
		{ .kind = ANSWER_RAW, .body = "garbage\r\n\r\n" },
	};
	const int count = (int)(sizeof bad / sizeof *bad);
	struct rig *rig = *state;
	struct child *mcp;

	fast(rig);
	mcp = rig_start(rig);
	fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	for (int i = 0; i < count; i++)
		fake_once(rig->fake, "POST", HEARTBEAT, bad[i]);
	fake_expect(rig->fake, "POST", HEARTBEAT, count + 3);
	assert_true(child_running(mcp));
	assert_int_equal(dir_count(rig->configs, "secret"), 0);
	/* Nothing here says that the token is revoked. */
	assert_false(has_word(child_stderr(mcp), "revoked"));
}

static void the_secret_is_written_when_it_changes(void **state)
{
	struct rig *rig = *state;
	const char *path =
		rig_text(rig, "%s/.platform_inbound_secret", rig->configs);
	struct child *mcp;

	fast(rig);
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .body = "{'status':'ok','platform_inbound_"
					     "secret':'one-secret'}" });
	mcp = rig_start(rig);
	rig_expect_state(rig, ".platform_inbound_secret", "one-secret");
	/* The same again is no reason to write: a mark in its place stays. */
	file_write(path, "mark", 0600);
	more_beats(rig, 4);
	rig_expect_state(rig, ".platform_inbound_secret", "mark");
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .body = "{'status':'ok','platform_inbound_"
					     "secret':'two-secret'}" });
	rig_expect_state(rig, ".platform_inbound_secret", "two-secret");
	/* Not taken from a refusal. */
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .status = 401,
				     .body = "{'platform_inbound_secret':"
					     "'bad-secret'}" });
	more_beats(rig, 3);
	rig_expect_state(rig, ".platform_inbound_secret", "two-secret");
	assert_null(strstr(child_stderr(mcp), "-secret'"));
	assert_null(strstr(child_stderr(mcp), "one-secret"));
}

/* After so many refusals with this status: what was said. The next beat is
 * held, so that all of them, and no more, have been dealt with. */
static const char *refused(struct rig *rig, int status, int times)
{
	int before = fake_count(rig->fake, "POST", HEARTBEAT);
	struct child *mcp;
	const char *err;

	for (int i = 0; i < times; i++)
		fake_once(rig->fake, "POST", HEARTBEAT,
			  (struct answer){ .status = status,
					   .body = "{'error':'invalid'}" });
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .kind = ANSWER_HANG });
	mcp = rig_start(rig);
	fake_expect(rig->fake, "POST", HEARTBEAT, before + times);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	err = child_stderr(mcp);
	if (lines_with(err, "1/3") != 1 || lines_with(err, "2/3") != 1)
		child_fail(mcp, "no warnings 1/3 and 2/3");
	assert_non_null(strstr(err, rig_text(rig, "%d", status)));
	return err;
}

/* n/3, n/3, then once aloud, then silence until 20 more. */
static void refused_heartbeats_escalate(void **state)
{
	struct rig *rig = *state;
	const char *err;

	fast(rig);
	assert_int_equal(lines_with(refused(rig, 401, 2), "revoked"), 0);
	err = refused(rig, 401, 22);
	assert_int_equal(lines_with(err, "revoked"), 1);
	assert_int_equal(lines_with(err, "[molecule-mcp]"), 3);
	assert_non_null(strstr(err, WS_ID));
	assert_true(has_word(err, "regenerate"));
	assert_int_equal(lines_with(refused(rig, 403, 23), "revoked"), 2);
}

/* A success in between starts the count anew; a 500 does not touch it. */
static void a_success_forgives(void **state)
{
	static const int series[] = { 200, 401, 401, 200, 401,
				      500, 200, 401, 401 };
	struct rig *rig = *state;
	struct child *mcp;

	fast(rig);
	for (size_t i = 0; i < sizeof series / sizeof *series; i++)
		fake_once(rig->fake, "POST", HEARTBEAT,
			  (struct answer){ .status = series[i],
					   .body = "{'error':'x'}" });
	mcp = rig_start(rig);
	fake_expect(rig->fake, "POST", HEARTBEAT, 11);
	assert_false(has_word(child_stderr(mcp), "revoked"));
	assert_int_equal(lines_with(child_stderr(mcp), "1/3"), 3);
	assert_int_equal(lines_with(child_stderr(mcp), "2/3"), 2);
}

/* Away and back: beats go on, and there is at most one line per attempt. */
static void it_comes_back_after_an_outage(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	int64_t away_ms;
	int lines, attempts;

	fast(rig);
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "0.5");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	more_beats(rig, 2);
	fake_down(rig->fake);
	away_ms = now_ms();
	child_expect_stderr(mcp, "[molecule-mcp]");
	while (now_ms() - away_ms < 2000)
		pause_ms(20);
	fake_up(rig->fake);
	away_ms = now_ms() - away_ms;
	more_beats(rig, 3);
	fake_message(rig->fake, 1, NULL, "back");
	child_notification(mcp, "notifications/claude/channel", 0);
	lines = lines_with(child_stderr(mcp), "[molecule-mcp]");
	attempts = (int)(away_ms / 100 + away_ms / 500) + 6;
	if (lines > attempts)
		child_fail(mcp, "%d lines in %d attempts", lines, attempts);
}

/* Connections the platform closes while they idle are no failures. */
static void closed_idle_connections_are_noticed(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (int i = 0; i < 5; i++) {
		more_beats(rig, 1);
		fake_cut(rig->fake);
	}
	more_beats(rig, 2);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_ok(mcp, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_heartbeat_says_how_it_is),
		TEST(a_slow_poll_delays_no_heartbeat),
		TEST(the_cadence_is_kept_whatever_the_answer),
		TEST(the_secret_is_written_when_it_changes),
		TEST(refused_heartbeats_escalate),
		TEST(a_success_forgives),
		TEST(it_comes_back_after_an_outage),
		TEST(closed_idle_connections_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
