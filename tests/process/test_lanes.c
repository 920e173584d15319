// SPDX-License-Identifier: MIT
/*
 * Many workspaces that poll together, whose requests go one behind the other:
 * every message arrives where it was sent to, whatever befalls connections.
 */
#include "harness.h"
#include "harness_platform.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "notifications/claude/channel"
#define POLLS "GET /workspaces/:id/activity"
#define MORE "40" /* workspaces */
#define EACH 5	  /* messages to each of them */

static struct platform platform;
static json_t *list; /* of the workspaces */

/* Starts both programs; all polls are due at the same moments. */
static struct child *begin(struct rig *rig)
{
	const char *path = rig_text(rig, "%s/list", rig->dir);
	struct child *mcp;
	char *text;

	local_platform_start(&platform, rig,
			     (const char *[]){ "--workspaces", MORE,
					       "--workspaces-file", path,
					       "--no-stream", NULL });
	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "MOLECULE_WORKSPACES_FILE", path);
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "0.2");
	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", "2");
	text = file_read(path);
	assert_non_null(text);
	json_decref(list);
	list = json_loads(text, 0, NULL);
	free(text);
	assert_true(json_array_size(list) >= (size_t)atoi(MORE));
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static const char *workspace(size_t i)
{
	return json_string_value(
		json_object_get(json_array_get(list, i), "id"));
}

/* Everybody gets a message that says to whom it goes. */
static void write_all(int round)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		char *text = text_new("message %d to %s.", round, workspace(i));

		platform_say(&platform, workspace(i), text, 0);
		free(text);
	}
}

static void check_place(const json_t *notification, int *rounds)
{
	const json_t *params = json_object_get(notification, "params");
	const char *text =
		json_string_value(json_object_get(params, "content"));
	const char *at = json_string_value(json_object_get(
		json_object_get(params, "meta"), "arrival_workspace_id"));
	size_t who = 0;
	char *want;

	assert_non_null(text);
	assert_non_null(at);
	while (strcmp(workspace(who), at) != 0)
		who++;
	/* The next one in order, so none twice and none missing. */
	want = text_new("message %d to %s.", ++rounds[who], at);
	assert_non_null(strstr(text, want));
	free(want);
}

/* All that was written arrives, each message once, in order, at its place. */
static void expect_all(struct child *mcp)
{
	size_t count = json_array_size(list);
	int *rounds = calloc(count, sizeof *rounds);

	for (size_t i = 0; i < EACH * count; i++)
		check_place(child_notification(mcp, CHANNEL, (int)i), rounds);
	free(rounds);
}

static json_int_t connections(void)
{
	json_t *all =
		platform_ask(&platform, "GET", "/demo/counters", NULL, NULL);

	return json_integer_value(json_object_get(all, "connections_accepted"));
}

static bool polled_often(void *arg)
{
	return platform_count(&platform, "endpoints", POLLS) >=
	       *(json_int_t *)arg;
}

/* The polls of some seconds. */
static void let_poll(struct child *mcp)
{
	json_int_t until = platform_count(&platform, "endpoints", POLLS) +
			   10 * (json_int_t)json_array_size(list);

	if (!wait_until(polled_often, &until, BOUND_MS))
		child_fail(mcp, "there are too few polls");
}

static void messages_arrive_where_they_were_sent_to(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = begin(rig);

	for (int round = 1; round <= EACH; round++)
		write_all(round);
	expect_all(mcp);
	let_poll(mcp);
	/* Those of the beginning, when each came by itself, among them. */
	child_signal(mcp, SIGUSR1);
	child_expect_stderr(mcp, "answers came behind another's");
	assert_null(strstr(child_stderr(mcp), " 0 answers came behind"));
}

/* Polls are answered late, wrongly, or not at all, at random. */
static void nothing_goes_astray_under_faults(void **state)
{
	static const char *const faults[] = {
		"{'endpoint':'" POLLS "','times':0,'chance':0.02,"
		"'cut':'before'}",
		"{'endpoint':'" POLLS "','times':0,'chance':0.02,"
		"'cut':'after'}",
		"{'endpoint':'" POLLS "','times':0,'chance':0.01,"
		"'delay_ms':1500}",
		"{'endpoint':'" POLLS "','times':0,'chance':0.02,"
		"'status':503,'headers':{'Connection':'close'}}",
		"{'endpoint':'" POLLS "','times':0,'chance':0.02,"
		"'status':200,'body':'nonsense'}",
	};
	struct rig *rig = *state;
	struct child *mcp = begin(rig);

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		platform_ask(&platform, "POST", "/demo/faults", NULL,
			     faults[i]);
	for (int round = 1; round <= EACH; round++) {
		write_all(round);
		let_poll(mcp);
	}
	platform_ask(&platform, "DELETE", "/demo/faults", NULL, NULL);
	expect_all(mcp);
}

static void pipelining_can_be_turned_off(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_DISABLE_PIPELINING", "1");
	mcp = begin(rig);
	for (int round = 1; round <= EACH; round++)
		write_all(round);
	expect_all(mcp);
	assert_true(connections() > 20);
	child_signal(mcp, SIGUSR1);
	child_expect_stderr(mcp, " 0 answers came behind another's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_arrive_where_they_were_sent_to),
		TEST(nothing_goes_astray_under_faults),
		TEST(pipelining_can_be_turned_off),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(list);
	return failed;
}
