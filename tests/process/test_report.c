// SPDX-License-Identifier: MIT
/*
 * What SIGUSR1 prints: its counters are what the platform, the system and the
 * client have seen.
 */
#include "harness.h"
#include "harness_platform.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "notifications/claude/channel"
#define POLLS "GET /workspaces/:id/activity"
#define NEVER_SECS "3600"

static struct platform platform;

struct report_wait {
	struct child *c;
	int n;
};

/* The tasks come last; one of them listens for signals. */
static bool has_reports(void *arg)
{
	const struct report_wait *w = arg;
	const char *all = child_stderr(w->c);

	for (int i = 0; i < w->n && all; i++) {
		all = strstr(all, "counters since the start:");
		all = all ? strstr(all, "  signals ") : NULL;
	}
	return all != NULL;
}

/* Asks for the n-th report (from 1), and gives its text from there. */
static const char *report(struct child *c, int n)
{
	struct report_wait w = { c, n };
	const char *text;

	child_signal(c, SIGUSR1);
	if (!wait_until(has_reports, &w, BOUND_MS))
		child_fail(c, "no report");
	text = child_stderr(c);
	for (int i = 0; i < n; i++)
		text = strstr(text, "counters since the start:") + 1;
	return text;
}

/* The number of the line that begins so which has `words` behind it, or before
 * it when they end in a blank. */
static long number_of(struct child *c, const char *report, const char *line,
		      const char *words)
{
	const char *at = strstr(report, line), *hit;

	hit = at ? strstr(at, words) : NULL;
	if (!hit || memchr(at, '\n', (size_t)(hit - at))) {
		child_fail(c, "the report says nothing of %s%s", line, words);
		return -1;
	}
	if (words[strlen(words) - 1] == ' ')
		return strtol(hit + strlen(words), NULL, 10);
	while (hit[-1] >= '0' && hit[-1] <= '9')
		hit--;
	return strtol(hit, NULL, 10);
}

static bool polled_twice(void *arg)
{
	(void)arg;
	return platform_count(&platform, "endpoints", POLLS) >= 2;
}

static bool has_beaten(void *arg)
{
	(void)arg;
	return platform_count(&platform, "heartbeats", "received") >= 1;
}

/* Registration, a beat, a stream, three messages. Then nothing happens. */
static struct child *live(struct rig *rig)
{
	struct child *mcp;
	const char *id = "";

	local_platform_start(&platform, rig, (const char *[]){ NULL });
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NEVER_SECS);
	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", NEVER_SECS);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	assert_true(wait_until(polled_twice, NULL, BOUND_MS));
	assert_true(wait_until(has_beaten, NULL, BOUND_MS));
	for (int i = 0; i < 3; i++) {
		id = platform_say(&platform, WS_ID, "hello", 0);
		child_notification(mcp, CHANNEL, i);
	}
	mcp_call(mcp, 2, "inbox_pop", "{'activity_id':'%s'}", id);
	mcp_ok(mcp, 2);
	/* By the time of this answer those before it are here. */
	mcp_call(mcp, 3, "get_workspace_info", NULL);
	mcp_ok(mcp, 3);
	return mcp;
}

static void counters_are_true(void **state)
{
	struct child *mcp = live(*state);
	const char *text = report(mcp, 1);
	json_t *all =
		platform_ask(&platform, "GET", "/demo/counters", NULL, NULL);

	/* The stream was opened with a request, too. */
	assert_int_equal(number_of(mcp, text, "  requests: ", " sent"),
			 json_integer_value(json_object_get(all, "requests")));
	assert_int_equal(
		number_of(mcp, text, "  requests: ", " without an answer"), 0);
	assert_int_equal(number_of(mcp, text, "  connections: ", " opened"),
			 platform_count(&platform, "streams", "opened") + 1);
	assert_int_equal(number_of(mcp, text, "  connections: ", "handshakes "),
			 0);
	assert_int_equal(number_of(mcp, text, "  heartbeats: ", " got through"),
			 platform_count(&platform, "heartbeats", "received"));
	assert_int_equal(number_of(mcp, text, "  event streams: ", " open,"),
			 1);
	assert_int_equal(number_of(mcp, text, "  messages: ", " received"), 3);
	assert_int_equal(number_of(mcp, text, "  messages: ", " popped"), 1);
	assert_int_equal(number_of(mcp, text, "  messages: ", " given up"), 0);
	assert_int_equal(number_of(mcp, text, "  messages: ", " waiting"), 2);
	assert_true(number_of(mcp, text, "  process: ", "system calls ") >=
		    number_of(mcp, text, "  runtime: ", "waits "));
	assert_true(number_of(mcp, text, "  process: ", "wake-ups ") > 0);
}

/* What an earlier process left counts as that. */
static void kept_messages_are_counted(void **state)
{
	struct child *mcp = live(*state);
	const char *text;

	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	mcp = rig_start(*state);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 1);
	text = report(mcp, 1);
	assert_int_equal(
		number_of(mcp, text, "  messages: ", " found in the journal"),
		2);
	assert_int_equal(number_of(mcp, text, "  messages: ", " received"), 0);
}

/* Counting is asked for again and again. */
static void a_second_report_goes_on(void **state)
{
	struct child *mcp = live(*state);
	long first =
		number_of(mcp, report(mcp, 1), "  process: ", "system calls ");

	assert_true(number_of(mcp, report(mcp, 2),
			      "  process: ", "system calls ") > first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counters_are_true),
		TEST(kept_messages_are_counted),
		TEST(a_second_report_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
