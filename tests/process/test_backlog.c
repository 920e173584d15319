// SPDX-License-Identifier: MIT
/*
 * A backlog that has gathered behind a cursor comes whole and in order, page
 * after page, while the client pops; memory does not grow with it. So does one
 * behind a cursor that the platform has forgotten.
 */
#include "harness.h"
#include "harness_platform.h"
#include "harness_reader.h"

#include <stdio.h>
#include <string.h>

#define BACKLOG 10000
#define PARTLY 2000
#define NEVER_SECS "3600"
#define CHANNEL "notifications/claude/channel"
#define CURSOR ".mcp_inbox_cursor"
#define FILLER 1000 /* bytes of each message, beside its number */
/* Two pages and an inbox; the backlog is several times that. */
#define GROWTH_MAX_KIB (6 * 1024L)
#ifdef __SANITIZE_ADDRESS__
#define MEASURED 0 /* what is freed is kept for a while */
#else
#define MEASURED 1
#endif

static struct reader reader; /* too large for a stack */
static struct platform platform;

static void say_many(int count)
{
	char text[FILLER + 64];

	memset(text, 'x', FILLER);
	snprintf(text + FILLER, sizeof text - FILLER, "\\nm 0");
	reader_wrote(&reader, 0, count);
	platform_say(&platform, WS_ID, text, count);
}

static struct child *begin(struct rig *rig)
{
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	reader_begin(&reader, mcp);
	return mcp;
}

static void end(struct child *mcp)
{
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void end_after_drain(struct rig *rig, int limit, int popped)
{
	struct child *mcp = begin(rig);

	reader_drain(&reader, limit, NULL, NULL);
	assert_int_equal(reader.popped, popped);
	end(mcp);
}

/* A first message gives the workspace a cursor. */
static void leave_a_cursor(struct rig *rig)
{
	struct child *mcp;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	memset(&reader, 0, sizeof reader);
	mcp = begin(rig);
	reader_wrote(&reader, 1, 1);
	platform_say(&platform, WS_ID, "m 1 1", 0);
	child_notification(mcp, CHANNEL, 0);
	reader_drain(&reader, READER_LISTED_MAX, NULL, NULL);
	end(mcp);
	assert_non_null(rig_state(rig, CURSOR));
}

static void a_backlog_comes_whole_and_in_order(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	long before;

	leave_a_cursor(rig);
	mcp = begin(rig);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	mcp_ok(mcp, 2);
	before = proc_peak_kib(child_pid(mcp));
	say_many(BACKLOG);
	reader_drain(&reader, READER_LISTED_MAX, NULL, NULL);
	assert_int_equal(reader.popped, BACKLOG + 1);
	print_message("memory at most: %ld KiB before, %ld KiB after\n", before,
		      proc_peak_kib(child_pid(mcp)));
	if (MEASURED && before >= 0)
		assert_true(proc_peak_kib(child_pid(mcp)) <=
			    before + GROWTH_MAX_KIB);
	end(mcp);
}

/* The same for a process that finds it when it starts, and whose client looks
 * at little at a time. */
static void a_backlog_is_found_at_the_start(void **state)
{
	struct rig *rig = *state;

	leave_a_cursor(rig);
	say_many(PARTLY);
	end_after_drain(rig, 7, PARTLY + 1);
}

/* What came while nobody was there is read to its end, although the platform
 * no longer knows where that was. */
static void a_window_is_read_to_its_end(void **state)
{
	struct rig *rig = *state;

	leave_a_cursor(rig);
	platform_ask(&platform, "DELETE", "/demo/workspaces/" WS_ID "/activity",
		     NULL, NULL);
	say_many(PARTLY);
	end_after_drain(rig, READER_LISTED_MAX, PARTLY + 1);
}

/* A cursor that leads nowhere: all of the window is given by the platform
 * again, and to the client only what it has not popped. */
static void nothing_popped_comes_back(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	leave_a_cursor(rig);
	say_many(PARTLY);
	end_after_drain(rig, READER_LISTED_MAX, PARTLY + 1);
	file_write(rig_text(rig, "%s/" CURSOR, rig->configs), PEER_ID, 0600);
	mcp = begin(rig);
	reader_wrote(&reader, 1, 1);
	platform_say(&platform, WS_ID, "m 1 2", 0);
	reader_drain(&reader, READER_LISTED_MAX, NULL, NULL);
	assert_int_equal(reader.popped, PARTLY + 2);
	assert_int_equal(child_notifications(mcp, CHANNEL), 1);
	end(mcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_backlog_comes_whole_and_in_order),
		TEST(a_backlog_is_found_at_the_start),
		TEST(a_window_is_read_to_its_end),
		TEST(nothing_popped_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
