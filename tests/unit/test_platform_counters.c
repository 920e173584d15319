// SPDX-License-Identifier: MIT
/* What benches read: requests, connections, heartbeats; and many workspaces. */
#include "tests/unit/platform_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/platform/populate.h"

#define SECOND INT64_C(1000000000)

static json_t *counters(struct bed *b)
{
	CHECK_EQ(ask(b, "GET", "/demo/counters", NULL, NULL), 200);
	return b->json;
}

static int beat(struct bed *b, const char *id, const char *token)
{
	char body[96];

	snprintf(body, sizeof(body), "{'workspace_id':'%s'}", id);
	return ask(b, "POST", "/registry/heartbeat", token, body);
}

static double seconds_in(json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static int requests_are_counted(struct rt *rt, void *arg)
{
	struct bed b;
	json_t *json;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(beat(&b, ANN, ANN_TOKEN), 200);
	CHECK_EQ(beat(&b, ANN, "wrong"), 401);
	CHECK_EQ(ask(&b, "GET", "/nowhere", NULL, NULL), 404);
	json = counters(&b);
	CHECK_EQ(number_in(json, "requests"), 3);
	CHECK_EQ(number_in(AT(json, "responses"), "2xx"), 1);
	CHECK_EQ(number_in(AT(json, "responses"), "4xx"), 2);
	CHECK_EQ(number_in(AT(json, "statuses"), "401"), 1);
	CHECK_EQ(number_in(AT(json, "statuses"), "404"), 1);
	CHECK_EQ(number_in(AT(json, "endpoints"), "POST /registry/heartbeat"),
		 2);
	CHECK_EQ(number_in(AT(json, "endpoints"), "other"), 1);
	CHECK_EQ(number_in(json, "connections_open"), 1);
	CHECK_EQ(number_in(json, "connections_accepted"), 1);
	CHECK_EQ(number_in(AT(json, "heartbeats"), "received"), 1);
	CHECK_EQ(ask(&b, "DELETE", "/demo/counters", NULL, NULL), 200);
	json = counters(&b);
	CHECK_EQ(number_in(json, "requests"), 0);
	CHECK_EQ(json_object_size(AT(json, "statuses")), 0);
	CHECK_EQ(json_object_size(AT(json, "endpoints")), 0);
	CHECK_EQ(number_in(AT(json, "heartbeats"), "received"), 0);
	CHECK_EQ(number_in(json, "connections_open"), 1);
	CHECK_EQ(number_in(json, "connections_accepted"), 0);
	bed_close(&b);
	return 0;
}

/* The longest time between two beats, that which lasts included. */
static int late_heartbeats_are_found(struct rt *rt, void *arg)
{
	struct bed b;
	struct member *ann, *bob;
	json_t *beats;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	ann = members_find(b.platform, &(struct ident){ ANN });
	bob = members_find(b.platform, &(struct ident){ BOB });
	beats = AT(counters(&b), "heartbeats");
	CHECK_EQ(number_in(beats, "workspaces"), 0);
	CHECK(json_is_null(AT(beats, "max_gap_workspace")));
	CHECK_EQ(beat(&b, ANN, ANN_TOKEN), 200);
	CHECK_EQ(beat(&b, BOB, BOB_TOKEN), 200);
	ann->beat_ns -= 30 * SECOND;
	CHECK_EQ(beat(&b, ANN, ANN_TOKEN), 200);
	beats = AT(counters(&b), "heartbeats");
	CHECK_TEXT(text_in(beats, "max_gap_workspace"), ANN);
	CHECK(seconds_in(beats, "max_gap_seconds") >= 30);
	CHECK(seconds_in(beats, "max_gap_seconds") < 59);
	CHECK_EQ(number_in(beats, "workspaces"), 2);
	CHECK_EQ(number_in(beats, "workspaces_over_25s"), 1);
	CHECK_EQ(number_in(beats, "workspaces_over_60s"), 0);
	bob->beat_ns -= 70 * SECOND;
	beats = AT(counters(&b), "heartbeats");
	CHECK_TEXT(text_in(beats, "max_gap_workspace"), BOB);
	CHECK_EQ(number_in(beats, "workspaces_over_60s"), 1);
	CHECK_EQ(ask(&b, "GET", "/demo/state", NULL, NULL), 200);
	CHECK(seconds_in(json_array_get(AT(b.json, "workspaces"), 0),
			 "max_heartbeat_gap_seconds") >= 30);
	/* Ann's is over, Bob's lasts. */
	CHECK_EQ(ask(&b, "DELETE", "/demo/counters", NULL, NULL), 200);
	beats = AT(counters(&b), "heartbeats");
	CHECK_EQ(number_in(beats, "workspaces_over_25s"), 1);
	CHECK_TEXT(text_in(beats, "max_gap_workspace"), BOB);
	bed_close(&b);
	return 0;
}

static char *read_all(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

/* The list that is written opens the same workspaces on another platform. */
static int many_are_made(struct rt *rt, void *arg)
{
	char path[] = "/tmp/populate-XXXXXX", fault[SEED_FAULT_MAX];
	char target[128], id[IDENT_LEN + 1];
	struct platform *another;
	struct stat st;
	struct bed b;
	json_t *list;

	(void)arg;
	close(mkstemp(path));
	chmod(path, 0644);
	bed_open(&b, rt, &(struct platform_options){ .allow_broadcast = true });
	CHECK_EQ(populate(b.platform, 100), 0);
	CHECK_EQ(populate_write(b.platform, path), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	list = json_loads(read_all(path), 0, NULL);
	CHECK_EQ(json_array_size(list), 104);
	CHECK_TEXT(text_in(json_array_get(list, 0), "token"), ANN_TOKEN);
	snprintf(id, sizeof(id), "%s",
		 text_in(json_array_get(list, 103), "id"));
	snprintf(target, sizeof(target), "/workspaces/%s/activity", id);
	CHECK_EQ(ask(&b, "GET", target,
		     text_in(json_array_get(list, 103), "token"), NULL),
		 200);
	CHECK_TEXT(b.platform->members.last->name, "Workspace 100");
	CHECK(b.platform->members.last->may_broadcast);
	another = platform_new(rt, &(struct platform_options){ 0 });
	CHECK_EQ(seed(another, read_all(path), fault), 0);
	CHECK_EQ(another->members.count, 104);
	CHECK(member_token_matches(
		members_find(another, &b.platform->members.last->id),
		b.platform->members.last->tokens[0]));
	CHECK_EQ(populate(another, MEMBERS_MAX), -ENOSPC);
	platform_free(another);
	CHECK(populate_write(b.platform, "/no/such/dir/list") < 0);
	unlink(path);
	json_decref(list);
	bed_close(&b);
	return 0;
}

CASE(requests_are_counted)
CASE(late_heartbeats_are_found)
CASE(many_are_made)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_counted_test),
		cmocka_unit_test(late_heartbeats_are_found_test),
		cmocka_unit_test(many_are_made_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
