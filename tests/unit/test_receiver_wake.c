// SPDX-License-Identifier: MIT
/*
 * When the receiver polls: at once when something tells it to, rarely while the
 * event stream can be trusted, and rarer and rarer while the platform is in
 * trouble.
 */
#include "tests/unit/receiver_fixture.h"

#define BROADCAST                                                              \
	"[{\"id\":\"bbbbbbbb-0000-4000-8000-000000000001\","                   \
	"\"activity_type\":\"broadcast_receive\",\"summary\":\"all\"}]"
#define BROADCAST_NEWS "data: {\"type\":\"BROADCAST_MESSAGE\",\"data\":{}}\n\n"
#define MANY(news) news news news news news news news news

/* Waits until the receiver has done what it was asked for. Returns when it
 * polls next, as BOOTTIME. */
static int64_t at_rest(struct post *p)
{
	struct rt *rt = p->w.rt;
	struct deadline limit = patience(rt);
	struct agenda_item *item = &p->receiver.item;

	while ((item->running || p->receiver.hurry ||
		agenda_due(item) == INT64_MAX) &&
	       deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK(!item->running);
	CHECK(agenda_due(item) < INT64_MAX);
	return agenda_due(item);
}

/* A process that follows the stream, which has proved to be alive. */
static void begin_trusted(struct post *p, struct rt *rt, int rows)
{
	struct deadline limit = patience(rt);

	post_open(p, rt, rows);
	p->w.config.poll_ms = 100;
	p->w.config.heartbeat = true;
	p->w.config.heartbeat_ms = 20000;
	p->follow = true;
	p->say = POST_BEAT;
	post_begin(p);
	receiver_begin(&p->receiver);
	while (!p->receiver.trusted && deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK(p->receiver.trusted);
	at_rest(p);
}

/* In how many milliseconds the next poll is. */
static int64_t next_poll_ms(struct post *p)
{
	return (at_rest(p) - clock_now(p->w.rt, CLOCK_ID_BOOTTIME)) /
	       CLOCK_NS_PER_MS;
}

/* Whatever asks while a poll is under way is served by one more. */
static int wakes_coalesce(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 0);
	post_begin(&p);
	event_clear(&p.gate);
	receiver_begin(&p.receiver);
	CHECK(until(rt, &p.begun, 1));
	for (int i = 0; i < 10; i++) {
		receiver_wake(&p.receiver);
		task_sleep(rt, deadline_in_ms(rt, 2));
	}
	CHECK_EQ(p.begun, 1);
	p.rows.end = 2; /* seen by the one that is under way */
	event_set(&p.gate);
	CHECK(until(rt, &p.polls, 2));
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(p.begun, 2);
	CHECK_EQ(p.fetches, 1);
	expect_inbox(&p, "0 1");
	post_close(&p);
	return 0;
}

/* The stream tells of a message, and it is here; a burst costs two polls. */
static int the_stream_wakes(struct rt *rt, void *arg)
{
	struct post p;
	uint64_t polls;

	(void)arg;
	begin_trusted(&p, rt, 0);
	polls = p.polls;
	p.rows.end = 1;
	p.say = POST_NEWS;
	CHECK_EQ(inbox_wait(p.inbox, patience(rt)), 0);
	CHECK(until(rt, &p.polls, polls + 1));
	expect_inbox(&p, "0");
	event_clear(&p.gate);
	polls = p.begun;
	p.say = POST_NEWS;
	CHECK(until(rt, &p.begun, polls + 1));
	p.say = MANY(POST_NEWS);
	while (p.say)
		task_sleep(rt, deadline_in_ms(rt, 1));
	task_sleep(rt, deadline_in_ms(rt, 50));
	event_set(&p.gate);
	CHECK(until(rt, &p.polls, polls + 2));
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(p.begun, polls + 2);
	post_close(&p);
	return 0;
}

/* While it is trusted, polls are a matter of a minute, with a heartbeat; when
 * it is gone they are as before. */
static int trust(struct rt *rt, void *arg)
{
	struct post p;
	uint64_t polls, fetches;
	int64_t since;

	(void)arg;
	begin_trusted(&p, rt, 1);
	CHECK_EQ(p.streams, 1);
	since = at_rest(&p) - p.receiver.options.started_ns;
	CHECK_EQ(since, RECEIVER_SAFETY_MS * CLOCK_NS_PER_MS);
	polls = p.polls;
	fetches = p.fetches;
	task_sleep(rt, deadline_in_ms(rt, 500));
	CHECK_EQ(p.polls, polls);
	CHECK_EQ(p.fetches, fetches);
	p.hang_up = true;
	p.no_stream = true;
	CHECK(until(rt, &p.polls, polls + 4));
	CHECK(!p.receiver.trusted);
	/* What it would have announced is looked for, too. */
	CHECK(until(rt, &p.fetches, fetches + 1));
	CHECK(p.receiver.broadcasts_ns < INT64_MAX);
	post_close(&p);
	return 0;
}

/* A cadence that is slower anyway stays; and a stream that proves nothing, with
 * heartbeats switched off, changes nothing. */
static int slow_and_unproven(struct rt *rt, void *arg)
{
	struct post p;
	int64_t since;

	(void)arg;
	begin_trusted(&p, rt, 1);
	p.w.config.poll_ms = 3600000;
	receiver_wake(&p.receiver);
	CHECK(until(rt, &p.polls, p.polls + 1));
	since = at_rest(&p) - p.receiver.options.started_ns;
	CHECK_EQ(since, 3600000 * CLOCK_NS_PER_MS);
	post_close(&p);

	post_open(&p, rt, 0);
	p.w.config.poll_ms = 100;
	p.w.config.heartbeat_ms = 20000;
	p.follow = true;
	p.say = POST_BEAT;
	post_begin(&p);
	receiver_begin(&p.receiver);
	CHECK(until(rt, &p.receiver.follower.events, 1));
	CHECK(until(rt, &p.polls, p.polls + 5));
	CHECK(!p.receiver.trusted);
	post_close(&p);
	return 0;
}

/* A broadcast that was announced is not forgotten because it could not be had
 * just then: the platform failed, or there was no room. */
static int announced_broadcasts(struct rt *rt, void *arg)
{
	struct post p;
	uint64_t fetches;

	(void)arg;
	begin_trusted(&p, rt, 0);
	fetches = p.fetches;
	p.broadcasts = BROADCAST;
	p.broadcasts_status = 503;
	p.say = BROADCAST_NEWS;
	CHECK(until(rt, &p.fetches, fetches + 1));
	at_rest(&p);
	CHECK(p.receiver.broadcasts_ns <=
	      clock_now(rt, CLOCK_ID_BOOTTIME) +
		      RECEIVER_BROADCASTS_MS * CLOCK_NS_PER_MS);
	post_close(&p);

	begin_trusted(&p, rt, INBOX_CAPACITY);
	until(rt, &p.receiver.received, INBOX_CAPACITY);
	CHECK_EQ(inbox_count(p.inbox), INBOX_CAPACITY);
	fetches = p.fetches;
	p.broadcasts = BROADCAST;
	p.say = BROADCAST_NEWS;
	task_sleep(rt, deadline_in_ms(rt, 100));
	CHECK_EQ(p.fetches, fetches);
	CHECK_EQ(post_pop(&p, 0), 1);
	CHECK(until(rt, &p.fetches, fetches + 1));
	CHECK(until(rt, &p.receiver.received, INBOX_CAPACITY + 1));
	CHECK(inbox_find(p.inbox, "bbbbbbbb-0000-4000-8000-000000000001"));
	post_close(&p);
	return 0;
}

/* Ten failures in a row, and polls come at growing pauses; a refusal is none of
 * the platform's trouble, and the first success ends it. */
static int backing_off(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 0);
	p.w.config.poll_ms = 100;
	p.rows.status = 503;
	post_begin(&p);
	receiver_begin(&p.receiver);
	CHECK(until(rt, &p.polls, 9));
	CHECK(next_poll_ms(&p) <= 100);
	CHECK(until(rt, &p.polls, 12));
	at_rest(&p);
	CHECK(p.receiver.messages.trouble >= 12);
	p.receiver.messages.trouble = 30;
	CHECK(until(rt, &p.polls, p.polls + 1));
	CHECK(next_poll_ms(&p) > 30000);
	CHECK(next_poll_ms(&p) <= RECEIVER_BACKOFF_MAX_MS);
	/* The platform's own word counts, also here. */
	p.rows.status = 500;
	p.rows.retry = "120";
	receiver_wake(&p.receiver);
	CHECK(until(rt, &p.polls, p.polls + 1));
	CHECK(next_poll_ms(&p) > 110000);
	p.rows.retry = NULL;
	/* Who wakes it is not put off. */
	p.rows.status = 0;
	receiver_wake(&p.receiver);
	CHECK(until(rt, &p.polls, p.polls + 4));
	CHECK_EQ(p.receiver.messages.trouble, 0);

	p.rows.status = 401;
	CHECK(until(rt, &p.polls, p.polls + 14));
	CHECK_EQ(p.receiver.messages.trouble, 0);
	CHECK(p.receiver.messages.failures.count >= 13);
	CHECK(next_poll_ms(&p) <= 100);
	post_close(&p);
	return 0;
}

static void pauses(void **state)
{
	(void)state;
	assert_int_equal(receiver_pause_ms(0, 5000, 77), 5000);
	assert_int_equal(receiver_pause_ms(9, 5000, 77), 5000);
	assert_int_equal(receiver_pause_ms(10, 5000, 0), 7500);
	assert_int_equal(receiver_pause_ms(10, 5000, 5000), 12500);
	assert_int_equal(receiver_pause_ms(11, 5000, 0), 15000);
	assert_int_equal(receiver_pause_ms(12, 5000, 0), 30000);
	assert_int_equal(receiver_pause_ms(13, 5000, 0), 45000);
	assert_int_equal(receiver_pause_ms(4000000000u, 5000, 0), 45000);
	assert_int_equal(receiver_pause_ms(4000000000u, 100, 0), 45000);
	assert_int_equal(receiver_pause_ms(50, 3600000, 1), 3600000);
	for (uint32_t i = 0; i < 100000; i += 77) {
		assert_in_range(receiver_pause_ms(10, 5000, i), 7500, 12500);
		assert_in_range(receiver_pause_ms(20, 5000, i), 45000, 60000);
	}
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(wakes_coalesce)
TEST(the_stream_wakes)
TEST(trust)
TEST(slow_and_unproven)
TEST(announced_broadcasts)
TEST(backing_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wakes_coalesce),
		cmocka_unit_test(test_the_stream_wakes),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_slow_and_unproven),
		cmocka_unit_test(test_announced_broadcasts),
		cmocka_unit_test(test_backing_off),
		cmocka_unit_test(pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
