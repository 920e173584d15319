// SPDX-License-Identifier: MIT
/* The event stream: what is news, what proves it, and what comes after it. */
#include "tests/unit/app_fixture.h"

#include "app/follower.h"

#define EVENT(type, payload)                                                   \
	"data: {\"type\":\"" type "\",\"timestamp\":1,\"data\":" payload "}\n" \
	"\n"
#define BEAT EVENT("WORKSPACE_HEARTBEAT", "{\"active_tasks\":0}")
#define ROW(source)                                                            \
	EVENT("ACTIVITY_LOGGED", "{\"activity_type\":\"a2a_receive\","         \
				 "\"source_id\":" source "}")

struct kit {
	struct world w;
	struct scope scope;
	struct follower follower;
	uint64_t news[3]; /* by kind */
	uint64_t trusted, distrusted;
	/* What the platform does with each stream. */
	const char *say;
	int status;
	uint64_t streams;
	uint32_t hold_ms;
};

static void on_news(void *arg, enum follower_news news)
{
	((struct kit *)arg)->news[news]++;
}

static void on_trust(void *arg, bool trusted)
{
	struct kit *k = arg;

	k->trusted += trusted;
	k->distrusted += !trusted;
}

static void answer(struct world *w, int number, struct http_incoming *request)
{
	struct kit *k = w->arg;

	(void)number;
	k->streams++;
	if (k->status != 200) {
		world_json(request, k->status, "{\"error\":\"no\"}");
		return;
	}
	if (http_reply_start(request->conn, 200, NULL, "text/event-stream",
			     false) == 0 &&
	    http_reply_write(request->conn, k->say, strlen(k->say)) == 0)
		task_sleep(w->rt, deadline_in_ms(w->rt, k->hold_ms));
}

static void kit_open(struct kit *k, struct rt *rt, uint32_t silence_ms)
{
	*k = (struct kit){ .status = 200, .say = "", .hold_ms = 600000 };
	world_open(&k->w, rt, answer, k);
	follower_init(&k->follower,
		      &(struct follower_deps){ .rt = rt,
					       .log = &k->w.log,
					       .client = &k->w.client,
					       .who = &k->w.who,
					       .silence_ms = silence_ms,
					       .news = on_news,
					       .trust = on_trust,
					       .arg = k });
	scope_open(rt, &k->scope, DEADLINE_NEVER);
}

static void kit_start(struct kit *k)
{
	CHECK_EQ(follower_start(&k->follower, &k->scope), 0);
}

static void kit_close(struct kit *k)
{
	scope_close(&k->scope);
	world_close(&k->w);
}

static int follows(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 60000);
	k.say = ": ping\n\n" ROW("null") ROW("\"" WORLD_ID "\"")
		EVENT("TASK_UPDATED", "{}") EVENT("USER_MESSAGE", "{}") EVENT(
			"BROADCAST_MESSAGE", "{}") "data: no json\n\n" BEAT;
	kit_start(&k);
	CHECK(until(rt, &k.trusted, 1));
	CHECK_EQ(k.news[FOLLOWER_OPEN], 1);
	CHECK_EQ(k.news[FOLLOWER_MESSAGE], 2);
	CHECK_EQ(k.news[FOLLOWER_BROADCAST], 1);
	CHECK(k.follower.open);
	CHECK(k.follower.trusted);
	CHECK_EQ(k.distrusted, 0);
	CHECK(strncmp(k.w.seen[0].line,
		      "GET /workspaces/" WORLD_ID "/events/stream", 60) == 0);
	kit_close(&k);
	return 0;
}

/* It is open again soon after it ended, and there is news each time. */
static int comes_back(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 60000);
	k.say = BEAT;
	k.hold_ms = 1;
	kit_start(&k);
	CHECK(until(rt, &k.streams, 2));
	CHECK(until(rt, &k.news[FOLLOWER_OPEN], 2));
	CHECK(k.trusted >= 1);
	CHECK(until(rt, &k.distrusted, 1));
	kit_close(&k);
	return 0;
}

/* A stream that shows no heartbeat is not trusted, and closed. */
static int silent(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 50);
	k.say = ": ping\n\n" ROW("null");
	kit_start(&k);
	CHECK(until(rt, &k.streams, 2));
	CHECK_EQ(k.trusted, 0);
	CHECK_EQ(k.follower.trusted, false);
	kit_close(&k);
	return 0;
}

static int without_heartbeats(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 0);
	k.say = BEAT ROW("null");
	kit_start(&k);
	CHECK(until(rt, &k.news[FOLLOWER_MESSAGE], 1));
	CHECK_EQ(k.trusted, 0);
	CHECK(k.follower.open);
	kit_close(&k);
	return 0;
}

static int absent(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 60000);
	k.status = 404;
	kit_start(&k);
	CHECK(until(rt, &k.streams, 1));
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 50)), 0);
	CHECK(k.follower.absent);
	CHECK(!k.follower.open);
	CHECK_EQ(k.streams, 1);
	CHECK_EQ(k.news[FOLLOWER_OPEN], 0);
	kit_close(&k);
	return 0;
}

/* Whatever a large event holds, it is worth a look. */
static int large_event(struct rt *rt, void *arg)
{
	static char say[200000];
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 60000);
	memset(say, 'x', sizeof(say) - 1);
	memcpy(say, "data: ", 6);
	memcpy(say + sizeof(say) - 3, "\n\n", 2);
	k.say = say;
	kit_start(&k);
	CHECK(until(rt, &k.news[FOLLOWER_MESSAGE], 1));
	kit_close(&k);
	return 0;
}

static void pauses(void **state)
{
	int64_t last = 0;

	(void)state;
	for (uint32_t n = 1; n < 40; n++) {
		int64_t least = follower_pause_ms(n, false, 0);
		int64_t most = follower_pause_ms(n, false,
						 (uint32_t)(least * 4 / 3 / 2));

		assert_true(least >= last || least >= 225000);
		assert_in_range(least, 750, FOLLOWER_BACKOFF_MAX_MS);
		assert_true(most <= FOLLOWER_BACKOFF_MAX_MS * 5 / 4);
		assert_true(most > least);
		assert_true(follower_pause_ms(n, true, 0) >=
			    FOLLOWER_ABSENT_MS * 3 / 4);
		last = least;
	}
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(follows)
TEST(comes_back)
TEST(silent)
TEST(without_heartbeats)
TEST(absent)
TEST(large_event)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_without_heartbeats),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_large_event),
		cmocka_unit_test(pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
