// SPDX-License-Identifier: MIT
/*
 * Lanes and time: how long they are when answers are slow, what becomes of
 * those behind when the process itself was not running, and connections that
 * end because they are old, or that nobody answers on.
 */
#include "tests/unit/lane_fixture.h"

#include <time.h>

#define LONG_MS (HTTP_LANE_PATIENCE_MS + 200)

/* As SIGSTOP does, or a machine that has no time. */
static void stall(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000,
				 .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0)
		continue;
}

/* The answers were there in time, only nobody looked. */
static void is_stalled(struct rt *rt, const struct step *steps)
{
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);

	crowd_start(c);
	while (p->requests < 3)
		task_yield(rt);
	stall(LONG_MS);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(c->right, 3);
	crowd_close(c, p);
}

static int bears_a_stall(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") ANSWER("b") ANSWER("c") },
		ALONE,
		ALONE,
		{ END, NULL },
	};
	static const struct step broken[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, LAST("a") },
		ALONE,
		ALONE,
		{ END, NULL },
	};
	(void)arg;

	is_stalled(rt, steps);
	is_stalled(rt, broken);
	return 0;
}

/* To get a connection takes longer than patience lasts. */
static int waits_for_the_connection(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") ANSWER("b") ANSWER("c") },
		{ END, NULL },
	};
	static struct pool_conn *conns[POOL_COMMON_MAX];
	static const struct step none[] = { { END, NULL } };
	struct peer *p = peer_open(rt, none);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	listen(p->listener, 512);
	for (uint32_t i = 0; i < POOL_COMMON_MAX; i++) {
		CHECK_EQ(
			pool_take(p->pool, &p->url, 0, &conns[i], patience(rt)),
			0);
		io_close(rt, io_accept(rt, p->listener, NULL, patience(rt)));
	}
	crowd_start(c);
	task_sleep(rt, deadline_in_ms(rt, LONG_MS));
	p->steps = steps;
	CHECK_EQ(task_spawn(&p->scope, "peer", TASK_STACK_NORMAL, play, p), 0);
	pool_give(p->pool, conns[0], false);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(c->right, 3);
	CHECK_EQ(c->lanes.shared, 2);
	CHECK_EQ(c->lanes.alone_until, 0);
	for (uint32_t i = 1; i < POOL_COMMON_MAX; i++)
		pool_give(p->pool, conns[i], false);
	crowd_close(c, p);
	return 0;
}

/* Such as one that serves only so many requests. */
static int an_old_connection_ends(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") ANSWER("b") ANSWER("c") },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") LAST("b") },
		ALONE,
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	crowd_run(c);
	crowd_run(c);
	CHECK_EQ(c->right, 3);
	CHECK_EQ(c->lanes.shared, 3);
	CHECK_EQ(c->lanes.alone_until, 0);
	crowd_close(c, p);
	return 0;
}

/* One that is by itself is not asked for twice. */
static int nobody_answers(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL }, { REQUEST, NULL }, { CLOSE, NULL },
		{ ACCEPT, NULL }, { REQUEST, NULL }, { CLOSE, NULL },
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 1);
	(void)arg;

	crowd_run(c);
	CHECK_EQ(c->askers[0].result, -ECONNRESET);
	CHECK_EQ(p->requests, 1);
	crowd_close(c, p);
	return 0;
}

static int slow_answers_make_short_lanes(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") },
		{ WAIT, NULL },
		{ SEND, ANSWER("b") ANSWER("c") },
		ALONE,
		ALONE,
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	crowd_start(c);
	CHECK(until(rt, &c->ended, 1));
	task_sleep(rt, deadline_in_ms(rt, 3 * HTTP_LANE_WAIT_MS));
	event_set(&p->go);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(c->right, 3);
	CHECK_EQ(c->lanes.most, 2);
	crowd_close(c, p);
	return 0;
}

/* A request that is too large for a lane and cannot be sent at all. */
static void ask_too_much(struct rt *rt, void *arg)
{
	static char target[HTTP_LANE_BYTES + 1000];
	struct crowd *c = arg;
	struct http_request request = { .method = "GET",
					.url = c->url,
					.target = target,
					.fields = { { "Host", "x" } },
					.field_count = 1,
					.lanes = &c->lanes };
	struct http_response r;

	memset(target, 'a', sizeof(target) - 1);
	*target = '/';
	task_patient(rt, 1);
	CHECK_EQ(http_fetch(c->pool, &request, &r, NULL, patience(rt)),
		 -EINVAL);
	CHECK(!c->lanes.forming);
}

static int refuses_to_send(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { END, NULL } };
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 0);
	(void)arg;

	crowd_start(c);
	CHECK_EQ(task_spawn(&c->scope, "asker", TASK_STACK_NORMAL, ask_too_much,
			    c),
		 0);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(pool_counters(p->pool)->opened, 0);
	crowd_close(c, p);
	return 0;
}

RUN(bears_a_stall)
RUN(waits_for_the_connection)
RUN(an_old_connection_ends)
RUN(nobody_answers)
RUN(slow_answers_make_short_lanes)
RUN(refuses_to_send)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bears_a_stall),
		cmocka_unit_test(test_waits_for_the_connection),
		cmocka_unit_test(test_an_old_connection_ends),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_slow_answers_make_short_lanes),
		cmocka_unit_test(test_refuses_to_send),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
