// SPDX-License-Identifier: MIT
/*
 * F-41: several processes for one workspace. One of them receives and
 * heartbeats; the others serve tools, and one of those takes over at once when
 * that one ends, however it ends.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANNEL "notifications/claude/channel"
#define LOCK ".mcp_lock_" WS_ID
#define WAITS "this one serves the tools, and takes over"

/* Starts one whose client has begun. */
static struct child *begin(struct rig *rig)
{
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	return mcp;
}

/* Starts one while another has the workspace. */
static struct child *begin_second(struct rig *rig)
{
	struct child *mcp = begin(rig);

	child_expect_stderr(mcp, WAITS);
	return mcp;
}

static void f41_the_second_serves_tools_and_names_the_holder(void **state)
{
	struct rig *rig = *state;
	struct child *one = begin(rig);
	struct child *two;
	const char *pid =
		rig_text(rig, "process %d on the host ", (int)child_pid(one));

	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	two = begin_second(rig);
	assert_non_null(strstr(child_stderr(two), pid));
	assert_non_null(strstr(child_stderr(two), WS_ID));
	assert_int_equal(file_mode(rig_text(rig, "%s/" LOCK, rig->configs)),
			 0600);
	fake_message(rig->fake, 1, NULL, "hello");
	child_notification(one, CHANNEL, 0);
	mcp_call(two, 2, "inbox_peek", NULL);
	mcp_call(two, 3, "wait_for_message", "{'timeout_secs':60}");
	mcp_call(two, 4, "inbox_pop", "{'activity_id':'x'}");
	for (int id = 2; id < 5; id++)
		if (strstr(mcp_failed(two, id), pid) == NULL)
			child_fail(two, "no holder in: %s",
				   mcp_failed(two, id));
	mcp_call(two, 5, "list_peers", NULL);
	mcp_ok(two, 5);
	assert_int_equal(child_notifications(two, CHANNEL), 0);
}

/* While the first one is only stopped, nobody heartbeats or polls for it. */
static void f41_the_second_neither_beats_nor_polls(void **state)
{
	struct rig *rig = *state;
	struct child *one = begin(rig);
	int beats, polls;

	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	begin_second(rig);
	child_signal(one, SIGSTOP);
	pause_ms(500);
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	polls = fake_count(rig->fake, "GET", ACTIVITY);
	pause_ms(1500);
	assert_int_equal(fake_count(rig->fake, "POST", HEARTBEAT), beats);
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), polls);
	child_signal(one, SIGCONT);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats + 2);
}

/* What the first one has not seen any more the second one gets. */
static void take_over(struct rig *rig, struct child *one, struct child *two,
		      int end)
{
	char id[40];
	int beats;

	fake_message(rig->fake, 1, NULL, "before");
	child_notification(one, CHANNEL, 0);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
	if (end == 0)
		child_close_stdin(one);
	else
		child_signal(one, end);
	child_wait(one, BOUND_MS);
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	fake_message(rig->fake, 2, NULL, "after");
	child_expect_stderr(two, "has ended; this one does from now on");
	child_notification(two, CHANNEL, 0);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(2, id));
	mcp_call(two, 9, "inbox_peek", NULL);
	assert_non_null(strstr(mcp_ok(two, 9), "after"));
}

static void f41_the_second_takes_over_after_a_kill(void **state)
{
	struct rig *rig = *state;
	struct child *one = begin(rig);

	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	take_over(rig, one, begin_second(rig), SIGKILL);
}

static void f41_the_second_takes_over_after_a_stop(void **state)
{
	struct rig *rig = *state;
	struct child *one = begin(rig);

	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	take_over(rig, one, begin_second(rig), 0);
}

/* Beats do not wait for their interval when the workspace changes hands. */
static void f41_the_first_beat_after_a_takeover_comes_at_once(void **state)
{
	struct rig *rig = *state;
	struct child *one;
	int beats, polls;

	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", "3600");
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "3600");
	one = begin(rig);
	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	begin_second(rig);
	fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	pause_ms(300);
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	polls = fake_count(rig->fake, "GET", ACTIVITY);
	child_signal(one, SIGKILL);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats);
	fake_expect(rig->fake, "GET", ACTIVITY, polls);
}

/* Health checks and probes take nothing. */
static void nothing_is_locked_before_a_client_has_begun(void **state)
{
	struct rig *rig = *state;
	struct child *probe = rig_start(rig);
	struct child *real;

	mcp_initialize(probe, "2025-06-18");
	child_result(probe, 1);
	child_send(probe, "{'jsonrpc':'2.0','id':2,'method':'tools/list'}");
	child_result(probe, 2);
	fake_expect(rig->fake, "POST", HEARTBEAT, 1);
	assert_null(rig_state(rig, LOCK));
	real = begin(rig);
	fake_message(rig->fake, 1, NULL, "hello");
	child_notification(real, CHANNEL, 0);
	mcp_initialized(probe);
	child_expect_stderr(probe, WAITS);
	assert_string_equal(child_stderr(real), "");
}

/* Workspaces are apart, also in one directory. */
static void another_workspace_is_not_concerned(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	rig_env(rig, "WORKSPACE_ID", PEER_ID);
	begin(rig);
	fake_expect(rig->fake, "GET", "/workspaces/" PEER_ID "/activity", 2);
	assert_int_equal(dir_count(rig->configs, ".mcp_lock_"), 2);
}

/* One that does not receive is nobody's holder, and heartbeats. */
static void without_an_inbox_nothing_is_locked(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	mcp = begin(rig);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_ok(mcp, 2);
	fake_expect(rig->fake, "POST", HEARTBEAT, 3);
	assert_null(rig_state(rig, LOCK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f41_the_second_serves_tools_and_names_the_holder),
		TEST(f41_the_second_neither_beats_nor_polls),
		TEST(f41_the_second_takes_over_after_a_kill),
		TEST(f41_the_second_takes_over_after_a_stop),
		TEST(f41_the_first_beat_after_a_takeover_comes_at_once),
		TEST(nothing_is_locked_before_a_client_has_begun),
		TEST(another_workspace_is_not_concerned),
		TEST(without_an_inbox_nothing_is_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
