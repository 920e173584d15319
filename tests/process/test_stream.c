// SPDX-License-Identifier: MIT
/*
 * The event stream as a bell: with it messages and broadcasts come at once
 * however rare the polls are, and without it, or with one that is not to be
 * trusted, polls go on. Nothing is lost on the way.
 */
#include "harness.h"
#include "harness_platform.h"
#include "harness_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "notifications/claude/channel"
#define POLLS "GET /workspaces/:id/activity"
#define NEVER_SECS "3600" /* an interval at whose end no test arrives */
#define MORE "150"	  /* workspaces beside the two */
#define FLOW_MS 6000	  /* how long messages flow */

static struct reader reader; /* too large for a stack */
static struct platform platform;

static struct child *begin(struct rig *rig)
{
	struct child *mcp = rig_start(rig);

	memset(&reader, 0, sizeof reader);
	mcp_hello(mcp);
	reader_begin(&reader, mcp);
	return mcp;
}

static const char *text_of(const json_t *notification)
{
	return json_string_value(json_object_get(
		json_object_get(notification, "params"), "content"));
}

struct count_wait {
	const char *group, *name;
	json_int_t least;
};

static bool count_reached(void *arg)
{
	const struct count_wait *w = arg;

	return platform_count(&platform, w->group, w->name) >= w->least;
}

/* Waits until one of the platform's counters is there. */
static void expect_count(const char *group, const char *name, json_int_t least)
{
	struct count_wait w = { group, name, least };

	if (!wait_until(count_reached, &w, BOUND_MS))
		child_fail(reader.c, "%s: %s is %d, not %d", group, name,
			   (int)platform_count(&platform, group, name),
			   (int)least);
}

static json_int_t polls(void)
{
	return platform_count(&platform, "endpoints", POLLS);
}

/* The stream is open and has been looked after: its poll is over. */
static void expect_stream(void)
{
	expect_count("streams", "opened", 1);
	expect_count("endpoints", POLLS, 2);
}

static void say(int number)
{
	char text[32];

	snprintf(text, sizeof text, "m 0 %d", number);
	reader_wrote(&reader, 0, 1);
	platform_say(&platform, WS_ID, text, 0);
}

static void messages_come_at_once(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	mcp = begin(rig);
	expect_stream();
	for (int i = 1; i <= 20; i++) {
		say(i);
		child_notification(mcp, CHANNEL, i - 1);
	}
	reader_drain(&reader, READER_LISTED_MAX, NULL, NULL);
	assert_int_equal(reader.popped, 20);
}

/* Many events are one poll, or a few. */
static void a_burst_is_not_a_poll_for_each(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	json_int_t before;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	mcp = begin(rig);
	expect_stream();
	before = polls();
	reader_wrote(&reader, 0, 60);
	platform_say(&platform, WS_ID, "m 0", 60);
	child_notification(mcp, CHANNEL, 59);
	assert_in_range(polls() - before, 1, 20);
}

static bool no_stream_open(void *arg)
{
	(void)arg;
	return platform_count(&platform, "streams", "open") == 0;
}

/* What comes while the stream is cut is fetched when it is back. Without
 * heartbeats there is no other reason for a poll. */
static void a_cut_stream_is_opened_again(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	rig_env(rig, "MOLECULE_MCP_DISABLE_HEARTBEAT", "1");
	mcp = begin(rig);
	expect_stream();
	platform_ask(&platform, "DELETE", "/demo/streams", NULL, NULL);
	assert_true(wait_until(no_stream_open, NULL, BOUND_MS));
	say(1);
	child_notification(mcp, CHANNEL, 0);
	expect_count("streams", "opened", 2);
}

static json_int_t streams_cut(void)
{
	return platform_count(&platform, "streams", "cut");
}

/* Streams end at random, polls fail at random: all comes, once. */
static void nothing_is_lost_when_all_is_cut_at_random(void **state)
{
	static const char *const faults[] = {
		("{'endpoint':'" POLLS "','times':0,'chance':0.15,"
		 "'cut':'before'}"),
		("{'endpoint':'" POLLS "','times':0,'chance':0.15,"
		 "'cut':'after'}"),
		("{'endpoint':'" POLLS "','times':0,'chance':0.15,"
		 "'status':503}"),
		("{'endpoint':'GET /workspaces/:id/events/stream','times':0,"
		 "'chance':0.3,'status':502}"),
	};
	struct rig *rig = *state;
	int64_t until;
	int number = 0;

	local_platform_start(&platform, rig,
			     (const char *[]){ "--cut-streams", "0.3", NULL });
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		platform_ask(&platform, "POST", "/demo/faults", NULL,
			     faults[i]);
	begin(rig);
	until = now_ms() + FLOW_MS;
	/* Luck may have it that no stream came about so far. */
	while (now_ms() < until ||
	       (now_ms() < until + BOUND_MS && streams_cut() == 0)) {
		for (int i = (int)(random() % 4); i > 0; i--)
			say(++number);
		reader_take(&reader);
		if (reader_settled(&reader)) {
			for (int i = 0; i < reader.listed_count; i++)
				reader_pop(&reader, i);
			reader_peek(&reader, READER_LISTED_MAX);
		}
		pause_ms((int)(random() % 30));
	}
	while (reader.list_id != 0) {
		reader_take(&reader);
		pause_ms(1);
	}
	reader_drain(&reader, READER_LISTED_MAX, NULL, NULL);
	assert_int_equal(reader.popped, number);
	assert_true(streams_cut() > 0);
}

static void without_a_stream_polls_go_on(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	local_platform_start(&platform, rig,
			     (const char *[]){ "--no-stream", NULL });
	mcp = begin(rig);
	expect_count("streams", "refused", 1);
	for (int i = 1; i <= 3; i++) {
		say(i);
		child_notification(mcp, CHANNEL, i - 1);
	}
}

static void a_silent_stream_is_not_trusted(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	json_int_t before;

	local_platform_start(&platform, rig,
			     (const char *[]){ "--silent-stream", NULL });
	mcp = begin(rig);
	expect_count("streams", "opened", 1);
	before = polls();
	expect_count("endpoints", POLLS, before + 5);
	say(1);
	child_notification(mcp, CHANNEL, 0);
}

/* One that was trusted falls silent. */
static void polls_resume_when_a_stream_falls_silent(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	mcp = begin(rig);
	expect_count("streams", "opened", 1);
	say(1);
	child_notification(mcp, CHANNEL, 0);
	platform_ask(&platform, "PATCH", "/demo/streams", NULL,
		     "{'silent':true}");
	say(2);
	child_notification(mcp, CHANNEL, 1);
	expect_count("endpoints", POLLS, polls() + 5);
}

/* Nothing proves a stream without heartbeats of one's own. */
static void without_heartbeats_no_stream_is_trusted(void **state)
{
	struct rig *rig = *state;
	json_int_t before;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	rig_env(rig, "MOLECULE_MCP_DISABLE_HEARTBEAT", "1");
	begin(rig);
	expect_count("streams", "opened", 1);
	before = polls();
	expect_count("endpoints", POLLS, before + 10);
}

/* With a stream that is proven polls are rare: here the interval is 0.1 s, and
 * that of the safety polls is a minute. */
static void a_proven_stream_spares_polls(void **state)
{
	struct rig *rig = *state;
	json_int_t before;

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	begin(rig);
	expect_count("streams", "opened", 1);
	expect_count("heartbeats", "received",
		     platform_count(&platform, "heartbeats", "received") + 3);
	before = polls();
	pause_ms(3000);
	assert_in_range(polls() - before, 0, 10);
}

/* F-35: what is for everybody reaches the agent. */
static void f35_broadcasts_come_at_once(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	local_platform_start(&platform, rig,
			     (const char *[]){ "--allow-broadcast", NULL });
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	mcp = begin(rig);
	expect_stream();
	platform_ask(&platform, "POST", "/workspaces/" PEER_ID "/broadcast",
		     BETA_TOKEN, "{'message':'to everybody'}");
	assert_non_null(strstr(text_of(child_notification(mcp, CHANNEL, 0)),
			       "to everybody"));
}

/* Streams are no connections that others wait for, however many are open. */
static void many_streams_leave_room_for_the_rest(void **state)
{
	struct rig *rig = *state;
	const char *list = rig_text(rig, "%s/list", rig->dir);
	struct child *mcp;

	local_platform_start(&platform, rig,
			     (const char *[]){ "--workspaces", MORE,
					       "--workspaces-file", list,
					       NULL });
	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "MOLECULE_WORKSPACES_FILE", list);
	rig_env(rig, "MOLECULE_MCP_STREAMS_MAX", "1000");
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", "2");
	mcp = begin(rig);
	expect_count("streams", "opened", atoi(MORE) + 2);
	expect_count("heartbeats", "received",
		     platform_count(&platform, "heartbeats", "received") +
			     2 * atoi(MORE));
	say(1);
	child_notification(mcp, CHANNEL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_come_at_once),
		TEST(a_burst_is_not_a_poll_for_each),
		TEST(a_cut_stream_is_opened_again),
		TEST(nothing_is_lost_when_all_is_cut_at_random),
		TEST(without_a_stream_polls_go_on),
		TEST(a_silent_stream_is_not_trusted),
		TEST(polls_resume_when_a_stream_falls_silent),
		TEST(without_heartbeats_no_stream_is_trusted),
		TEST(a_proven_stream_spares_polls),
		TEST(f35_broadcasts_come_at_once),
		TEST(many_streams_leave_room_for_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
