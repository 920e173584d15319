// SPDX-License-Identifier: MIT
/*
 * Kill -9 at random moments, while messages flow to two workspaces of one
 * process and are popped: each message is given at least once, none after its
 * pop was answered, and their order is kept, over as many processes as it
 * takes. KILLS says how many are killed, SEED repeats a run.
 */
#include "harness.h"
#include "harness_platform.h"
#include "harness_reader.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KILLS 40
#define LIFE_MAX_MS 220 /* of a process, from its start */
#define BURST_MAX 12	/* messages at a time */
/* Messages that wait at a time, so that with as many in doubt none must be
 * given up for lack of room. */
#define WAITING_MAX 90
#define LAST_US 1500 /* from the last requests to the end, at most */
#define POLLS "GET /workspaces/:id/activity"

static struct reader reader; /* too large for a stack */
static struct platform platform;
static const char *const workspaces[READER_SERIES] = { WS_ID, PEER_ID };

static long setting(const char *name, long preset)
{
	const char *text = getenv(name);

	return text && *text ? strtol(text, NULL, 10) : preset;
}

static int below(int n)
{
	return (int)(random() % n);
}

static int waiting(void)
{
	int count = 0;

	for (int series = 0; series < READER_SERIES; series++)
		for (int n = 1; n <= reader.written[series]; n++) {
			const struct reader_row *row = &reader.rows[series][n];

			count += !row->popped && !row->doubtful;
		}
	return count;
}

/* How many were written. */
static int write_some(int most)
{
	int series = below(READER_SERIES);
	int count = 1 + below(BURST_MAX);

	if (count > most || waiting() + count > WAITING_MAX)
		return 0;
	for (int i = 0; i < count; i++) {
		char text[40];

		reader_wrote(&reader, series, 1);
		snprintf(text, sizeof text, "m %d %d", series,
			 reader.written[series]);
		platform_say(&platform, workspaces[series], text, 0);
	}
	return count;
}

/* Looks at what has come, and goes on: pops what was listed, or some of it, and
 * asks for the list again. */
static void read_some(void)
{
	int most = 1 + below(READER_LISTED_MAX);

	reader_take(&reader);
	if (!reader_settled(&reader))
		return;
	for (int i = 0; i < reader.listed_count && i < most; i++)
		reader_pop(&reader, i);
	reader_peek(&reader, most);
}

/* One process, from its start to its end. So many messages may be written. */
static void live(struct rig *rig, int left)
{
	struct child *mcp = rig_start(rig);
	int64_t end = now_ms() + below(LIFE_MAX_MS);
	bool hello = below(20) > 0; /* else it is killed while it starts */
	bool reads = hello && below(3) > 0; /* else messages only come */

	if (hello) {
		mcp_hello(mcp);
		reader_begin(&reader, mcp);
	}
	while (now_ms() < end) {
		if (below(3) == 0)
			left -= write_some(left);
		if (reads)
			read_some();
		pause_ms(below(6));
	}
	/* Mostly in the midst of pops. */
	if (reads)
		read_some();
	usleep((useconds_t)below(LAST_US));
	child_signal(mcp, SIGKILL);
	assert_int_equal(child_wait(mcp, BOUND_MS), 128 + SIGKILL);
	/* What it had answered by then counts. */
	if (hello)
		reader_take(&reader);
	rig_drop(rig, mcp);
}

static void messages_outlive_kill_9(void **state)
{
	static const char *const faults[] = {
		"{'endpoint':'" POLLS "','times':0,'chance':0.05,"
		"'cut':'before'}",
		"{'endpoint':'" POLLS "','times':0,'chance':0.05,"
		"'cut':'after'}",
	};
	struct rig *rig = *state;
	long kills = setting("KILLS", KILLS);
	long seed = setting("SEED", (long)time(NULL) ^ getpid());
	int each = (int)(READER_SERIES * READER_ROWS_MAX / 2 / kills);

	srandom((unsigned int)seed);
	print_message("SEED=%ld KILLS=%ld\n", seed, kills);
	local_platform_start(&platform, rig,
			     (const char *[]){ "--cut-streams", "1", NULL });
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		platform_ask(&platform, "POST", "/demo/faults", NULL,
			     faults[i]);
	rig_env(rig, "MOLECULE_WORKSPACES",
		rig_quoted(rig,
			   "[{'id':'" WS_ID "','token':'" TOKEN "'},"
			   "{'id':'" PEER_ID "','token':'" BETA_TOKEN "'}]"));
	for (long i = 0; i < kills; i++)
		live(rig, each);
	reader_begin(&reader, rig_start(rig));
	mcp_hello(reader.c);
	reader_drain(&reader, READER_LISTED_MAX, NULL, NULL);
	print_message("%d and %d messages, %d popped, %d pops in doubt, "
		      "%d processes\n",
		      reader.written[0], reader.written[1], reader.popped,
		      reader.lost, reader.lives);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_outlive_kill_9),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
