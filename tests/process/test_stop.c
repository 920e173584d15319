// SPDX-License-Identifier: MIT
/*
 * The end of molecule-mcp: at the end of stdin, at SIGTERM and SIGINT, with
 * calls under way, with a host that does not read. Always exit 0, always soon,
 * and never with half a file or half a line.
 *
 * What is promised to take under 0.1 s is tried three times, and one of them
 * must be done in under 0.8 s: a program that waits for its 1 s of grace fails,
 * a noisy machine does not.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PROMPT_MS 800

enum stop { STOP_EOF, STOP_TERM, STOP_INT, STOPS };

static void stop(struct child *mcp, enum stop how)
{
	child_mark(mcp);
	if (how == STOP_EOF)
		child_close_stdin(mcp);
	else
		child_signal(mcp, how == STOP_TERM ? SIGTERM : SIGINT);
}

/* The end within bounds, and nothing left behind. */
static int64_t ended(struct rig *rig, struct child *mcp)
{
	int code = child_wait(mcp, STOP_BOUND_MS);

	if (code)
		child_fail(mcp, "exit code %d", code);
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
	return child_stop_ms(mcp);
}

/* A child that has said hello and has all services running. */
static struct child *running(struct rig *rig)
{
	int beats = fake_count(rig->fake, "POST", HEARTBEAT);
	int polls = fake_count(rig->fake, "GET", ACTIVITY);
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats);
	fake_expect(rig->fake, "GET", ACTIVITY, polls);
	return mcp;
}

typedef void (*situation_fn)(struct rig *rig, struct child *mcp);

/* Each way of stopping, in this situation, is prompt. */
static void assert_prompt(struct rig *rig, situation_fn prepare)
{
	for (enum stop how = 0; how < STOPS; how++) {
		int64_t best = STOP_BOUND_MS;

		for (int i = 0; i < 3 && best >= PROMPT_MS; i++) {
			struct child *mcp = running(rig);
			int64_t took;

			if (prepare)
				prepare(rig, mcp);
			stop(mcp, how);
			took = ended(rig, mcp);
			best = took < best ? took : best;
		}
		if (best >= PROMPT_MS)
			fail_msg("stop %d took %lld ms", how, (long long)best);
	}
}

static void nothing_in_flight(void **state)
{
	assert_prompt(*state, NULL);
}

static void waiting(struct rig *rig, struct child *mcp)
{
	(void)rig;
	for (int id = 10; id < 13; id++)
		mcp_call(mcp, id, "wait_for_message", "{'timeout_secs':300}");
	child_send(mcp, "{'jsonrpc':'2.0','id':20,'method':'ping'}");
	child_result(mcp, 20);
}

static void waits_are_cancelled_at_once(void **state)
{
	assert_prompt(*state, waiting);
}

/* Requests of our own that hang: no reason to stay. */
static void polls_and_heartbeats_hang(void **state)
{
	struct rig *rig = *state;

	fake_once(rig->fake, "POST", HEARTBEAT, (struct answer){ 0 });
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .kind = ANSWER_HANG });
	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .kind = ANSWER_HANG });
	fake_always(rig->fake, "GET", ACTIVITY,
		    (struct answer){ .kind = ANSWER_HANG });
	assert_prompt(rig, NULL);
}

static void the_platform_is_away(void **state)
{
	struct rig *rig = *state;

	fake_down(rig->fake);
	for (enum stop how = 0; how < STOPS; how++) {
		struct child *mcp = rig_start(rig);

		mcp_hello(mcp);
		child_expect_stderr(mcp, "[molecule-mcp]");
		stop(mcp, how);
		ended(rig, mcp);
	}
}

/* A call that never ends gets its second, and no more. */
static void a_hanging_call_is_given_up(void **state)
{
	struct rig *rig = *state;

	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .kind = ANSWER_HANG });
	for (enum stop how = 0; how < STOPS; how++) {
		int n = fake_count(rig->fake, "GET", "/registry/*/peers");
		struct child *mcp = running(rig);

		mcp_call(mcp, 10, "list_peers", NULL);
		fake_expect(rig->fake, "GET", "/registry/*/peers", n);
		stop(mcp, how);
		ended(rig, mcp);
	}
}

/* A call that needs a moment is answered, and the answer is whole. */
static void a_short_call_is_finished(void **state)
{
	struct rig *rig = *state;

	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .delay_ms = 150, .body = "[]" });
	for (enum stop how = 0; how < STOPS; how++) {
		int n = fake_count(rig->fake, "GET", "/registry/*/peers");
		struct child *mcp = running(rig);

		mcp_call(mcp, 10, "list_peers", NULL);
		mcp_call(mcp, 11, "wait_for_message", "{'timeout_secs':60}");
		fake_expect(rig->fake, "GET", "/registry/*/peers", n);
		stop(mcp, how);
		ended(rig, mcp);
		assert_non_null(strstr(mcp_ok(mcp, 10), "No peers"));
	}
}

/* What was read before the end of stdin is answered, all of it. (It fits into
 * a pipe: a host that reads no more at the end is not waited for.) */
static void what_was_asked_is_answered(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = running(rig);

	for (int id = 100; id < 500; id++)
		child_send(mcp, "{'jsonrpc':'2.0','id':%d,'method':'ping'}",
			   id);
	child_send(mcp, "{'jsonrpc':'2.0','id':500,'method':'tools/list'}");
	mcp_call(mcp, 501, "inbox_peek", NULL);
	stop(mcp, STOP_EOF);
	ended(rig, mcp);
	for (int id = 100; id < 501; id++)
		child_result(mcp, id);
	mcp_ok(mcp, 501);
}

/* The pipe is full and nobody reads: no reason to stay either. */
static void fill_stdout(struct child *mcp, int lists)
{
	mcp_initialize(mcp, "2025-06-18");
	mcp_initialized(mcp);
	for (int id = 100; id < 100 + lists; id++)
		child_send(mcp,
			   "{'jsonrpc':'2.0','id':%d,'method':"
			   "'tools/list'}",
			   id);
}

static void stdout_is_stuck(void **state)
{
	struct rig *rig = *state;

	for (enum stop how = 0; how < STOPS; how++) {
		int64_t best = STOP_BOUND_MS;

		for (int i = 0; i < 3 && best >= PROMPT_MS; i++) {
			int beats = fake_count(rig->fake, "POST", HEARTBEAT);
			struct child *mcp = rig_spawn(
				rig, (struct child_how){ .hold_stdout = true });
			int64_t took;

			/* 40 lists: more than a pipe takes. */
			fill_stdout(mcp, 40);
			/* It lives on meanwhile. */
			fake_expect(rig->fake, "POST", HEARTBEAT, beats + 3);
			stop(mcp, how);
			took = ended(rig, mcp);
			best = took < best ? took : best;
		}
		if (best >= PROMPT_MS)
			fail_msg("stop %d took %lld ms", how, (long long)best);
	}
}

/* The same with so much asked that it stopped reading: a signal must do. */
static void stdout_is_stuck_and_stdin_too(void **state)
{
	struct rig *rig = *state;

	for (enum stop how = STOP_TERM; how < STOPS; how++) {
		int beats = fake_count(rig->fake, "POST", HEARTBEAT);
		struct child *mcp = rig_spawn(
			rig, (struct child_how){ .hold_stdout = true });

		fill_stdout(mcp, 600);
		fake_expect(rig->fake, "POST", HEARTBEAT, beats + 3);
		stop(mcp, how);
		ended(rig, mcp);
	}
}

/* A terminal nobody reads blocks whoever writes to it, not the program. */
static void stdout_is_a_stuck_terminal(void **state)
{
	struct rig *rig = *state;

	for (enum stop how = 0; how < STOPS; how++) {
		int beats = fake_count(rig->fake, "POST", HEARTBEAT);
		struct child *mcp = rig_spawn(
			rig, (struct child_how){ .out = STDIO_PTY,
						 .hold_stdout = true });

		fill_stdout(mcp, 40);
		fake_expect(rig->fake, "POST", HEARTBEAT, beats + 3);
		stop(mcp, how);
		ended(rig, mcp);
	}
}

/* A host that reads late gets every byte. */
static void a_slow_host_gets_it_all(void **state)
{
	struct rig *rig = *state;
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .hold_stdout = true });

	fill_stdout(mcp, 300);
	fake_expect(rig->fake, "POST", HEARTBEAT, 3);
	child_unhold(mcp);
	for (int id = 100; id < 400; id++)
		child_result(mcp, id);
	stop(mcp, STOP_EOF);
	ended(rig, mcp);
}

/* The host is gone: the first write that fails ends it. */
static void a_closed_stdout_ends_it(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = running(rig);

	child_close_stdout(mcp);
	child_mark(mcp);
	child_send(mcp, "{'jsonrpc':'2.0','id':5,'method':'ping'}");
	ended(rig, mcp);
}

/* Nobody reads stderr either, and there is much to say. */
static void stderr_nobody_reads(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_VERBOSE", "1");
	mcp = rig_spawn(rig, (struct child_how){ .hold_stderr = true });
	mcp_hello(mcp);
	for (int i = 0; i < 3000; i++)
		child_send(mcp,
			   "{'jsonrpc':'2.0','id':%d,'method':"
			   "'tools/call','params':{'name':'inbox_peek'}}",
			   1000 + i);
	for (int i = 0; i < 200; i++)
		child_send(mcp, "no message %d", i);
	child_result(mcp, 3999);
	fake_expect(rig->fake, "POST", HEARTBEAT, 4);
	stop(mcp, STOP_TERM);
	ended(rig, mcp);
}

/* Signals one after the other, and the end of stdin with them. */
static void several_reasons_at_once(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 4; i++) {
		struct child *mcp = running(rig);

		waiting(rig, mcp);
		child_mark(mcp);
		child_signal(mcp, SIGINT);
		child_close_stdin(mcp);
		child_signal(mcp, SIGTERM);
		child_signal(mcp, SIGTERM);
		ended(rig, mcp);
	}
}

/* A stop before anything has happened. */
static void a_stop_at_once(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 10; i++) {
		struct child *mcp = rig_start(rig);
		int code;

		child_mark(mcp);
		if (i % 2)
			child_close_stdin(mcp);
		pause_ms(i);
		child_signal(mcp, SIGTERM);
		code = child_wait(mcp, STOP_BOUND_MS);
		/* Before its handlers stand a signal ends any program. */
		if (code != 0 && code != 128 + SIGTERM)
			child_fail(mcp, "exit code %d", code);
	}
}

/* Stopped in the middle of writing state, over and over: files stay whole. */
static void state_files_are_whole(void **state)
{
	struct rig *rig = *state;
	char id[40];

	fake_message(rig->fake, 0, NULL, "first");
	for (int i = 1; i <= 12; i++) {
		struct child *mcp = running(rig);
		const char *cursor;

		rig_expect_state(rig, ".mcp_inbox_cursor",
				 row_id(5 * (i - 1), id));
		for (int k = 1; k <= 5; k++)
			fake_message(rig->fake, 5 * (i - 1) + k, NULL, "m");
		pause_ms(8 * i);
		stop(mcp, (enum stop)(i % STOPS));
		ended(rig, mcp);
		cursor = rig_state(rig, ".mcp_inbox_cursor");
		assert_non_null(cursor);
		assert_int_equal(strlen(cursor), 36);
		mcp = running(rig);
		rig_expect_state(rig, ".mcp_inbox_cursor", row_id(5 * i, id));
		stop(mcp, STOP_EOF);
		ended(rig, mcp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_in_flight),
		TEST(waits_are_cancelled_at_once),
		TEST(polls_and_heartbeats_hang),
		TEST(the_platform_is_away),
		TEST(a_hanging_call_is_given_up),
		TEST(a_short_call_is_finished),
		TEST(what_was_asked_is_answered),
		TEST(stdout_is_stuck),
		TEST(stdout_is_stuck_and_stdin_too),
		TEST(stdout_is_a_stuck_terminal),
		TEST(a_slow_host_gets_it_all),
		TEST(a_closed_stdout_ends_it),
		TEST(stderr_nobody_reads),
		TEST(several_reasons_at_once),
		TEST(a_stop_at_once),
		TEST(state_files_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
