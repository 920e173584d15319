// SPDX-License-Identifier: MIT
/* pool: the bound and the line of those who wait at it, what is urgent, and
 * what is kept for long. */
#include "tests/unit/pool_fixture.h"

static int bound(struct rt *rt, void *arg)
{
	struct pool_conn *conns[POOL_PER_ORIGIN_MAX], *late = NULL;
	struct origin origin;
	uint64_t arrivals = 0;
	struct guest guests[5] = { 0 };
	struct scope scopes[5];

	(void)arg;
	origin_open(rt, &origin);
	fill(rt, &origin, conns);
	CHECK_EQ(pool_take(origin.pool, origin.url, 0, &late,
			   deadline_in_ms(rt, 5)),
		 -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		guests[i].origin = &origin;
		guests[i].arrivals = &arrivals;
		guests[i].how = i == 3 ? POOL_FRESH : 0;
		scope_open(rt, &scopes[i], DEADLINE_NEVER);
		task_spawn(&scopes[i], "guest", TASK_STACK_SMALL, guest_task,
			   &guests[i]);
	}
	task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(arrivals, 0);

	/* One leaves the line, one is cancelled just when its turn comes. */
	scope_close(&scopes[0]);
	CHECK_EQ(guests[0].err, -ECANCELED);
	scope_cancel(&scopes[1], -ECANCELED);
	pool_give(origin.pool, conns[0], true);
	scope_join(&scopes[1]);
	CHECK_EQ(guests[1].err, -ECANCELED);
	/* What was given went to the next in line. */
	scope_join(&scopes[2]);
	CHECK_EQ(guests[2].err, 0);
	CHECK(guests[2].conn == conns[0]);
	CHECK(guests[2].conn->reused);
	CHECK_EQ(arrivals, 3);

	/* The one who insists on a new one gets it in the place of an old;
	 * the last one gets the place of one that was closed. */
	pool_give(origin.pool, conns[1], true);
	scope_join(&scopes[3]);
	CHECK_EQ(guests[3].err, 0);
	CHECK(!guests[3].conn->reused);
	pool_give(origin.pool, conns[2], false);
	scope_join(&scopes[4]);
	CHECK_EQ(guests[4].err, 0);
	CHECK(!guests[4].conn->reused);
	CHECK_EQ(pool_counters(origin.pool)->opened, POOL_PER_ORIGIN_MAX + 2);

	for (int i = 2; i < 5; i++)
		pool_give(origin.pool, guests[i].conn, true);
	for (int i = 3; i < POOL_PER_ORIGIN_MAX; i++)
		pool_give(origin.pool, conns[i], i % 2);
	CHECK(until(rt, &origin.accepted, POOL_PER_ORIGIN_MAX + 2));
	origin_close(rt, &origin);
	return 0;
}

static void idler(struct rt *rt, void *arg)
{
	(void)rt;
	(void)arg;
}

/* A connection that ends on its way to the one who waits for it: between the
 * two, enough tasks run for the runtime to look at what has completed. */
static int closed_while_handed_over(struct rt *rt, void *arg)
{
	struct pool_conn *conns[POOL_PER_ORIGIN_MAX];
	struct origin origin;
	uint64_t arrivals = 0;
	struct guest guest = { .origin = &origin, .arrivals = &arrivals };
	struct scope scope, idlers;

	(void)arg;
	origin_open(rt, &origin);
	fill(rt, &origin, conns);
	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &idlers, DEADLINE_NEVER);
	task_spawn(&scope, "guest", TASK_STACK_SMALL, guest_task, &guest);
	task_sleep(rt, deadline_in_ms(rt, 1));
	for (int i = 0; i < 300; i++)
		task_spawn(&idlers, "idler", TASK_STACK_SMALL, idler, NULL);
	for (uint64_t i = 0; i < origin.accepted; i++)
		shutdown(origin.peers[i], SHUT_WR);
	pool_give(origin.pool, conns[0], true);
	scope_join(&idlers);
	scope_join(&scope);
	CHECK_EQ(guest.err, 0);
	CHECK(!guest.conn->reused);
	pool_give(origin.pool, guest.conn, true);
	for (int i = 1; i < POOL_PER_ORIGIN_MAX; i++)
		pool_give(origin.pool, conns[i], true);
	CHECK(until(rt, &origin.accepted, POOL_PER_ORIGIN_MAX + 1));
	origin_close(rt, &origin);
	return 0;
}

/* What is urgent finds a connection although all that others may have are
 * taken, and goes before them when there is none either. */
static int urgent_first(struct rt *rt, void *arg)
{
	struct pool_conn *conns[POOL_PER_ORIGIN_MAX];
	struct origin origin;
	uint64_t arrivals = 0;
	struct guest guests[2] = { 0 };
	struct scope scopes[2];

	(void)arg;
	origin_open(rt, &origin);
	fill(rt, &origin, conns);
	/* An idle one is not for who is not urgent. */
	pool_give(origin.pool, conns[POOL_COMMON_MAX], true);
	for (int i = 0; i < 2; i++) {
		guests[i] = (struct guest){ .origin = &origin,
					    .arrivals = &arrivals,
					    .how = i == 1 ? POOL_URGENT : 0 };
		scope_open(rt, &scopes[i], DEADLINE_NEVER);
		if (i == 1)
			conns[POOL_COMMON_MAX] =
				take_how(rt, &origin, POOL_URGENT);
		task_spawn(&scopes[i], "guest", TASK_STACK_SMALL, guest_task,
			   &guests[i]);
		task_sleep(rt, deadline_in_ms(rt, 1));
	}
	CHECK_EQ(arrivals, 0);
	pool_give(origin.pool, conns[0], true);
	scope_join(&scopes[1]);
	CHECK(guests[1].conn == conns[0]);
	CHECK_EQ(arrivals, 1);
	/* One that others may have is left for the one who waits. */
	pool_give(origin.pool, guests[1].conn, true);
	scope_join(&scopes[0]);
	CHECK(guests[0].conn == conns[0]);
	for (int i = 0; i < POOL_PER_ORIGIN_MAX; i++)
		pool_give(origin.pool, conns[i], true);
	origin_close(rt, &origin);
	return 0;
}

/* Those that are kept for long leave their places to others. */
static int kept(struct rt *rt, void *arg)
{
	struct pool_conn *conns[POOL_PER_ORIGIN_MAX];
	struct origin origin;
	uint64_t arrivals = 0;
	struct guest guest = { .origin = &origin, .arrivals = &arrivals };
	struct scope scope;

	(void)arg;
	origin_open(rt, &origin);
	for (int i = 0; i < (int)POOL_COMMON_MAX; i++)
		conns[i] = take(rt, &origin);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "guest", TASK_STACK_SMALL, guest_task, &guest);
	task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(arrivals, 0);
	for (int i = 0; i < (int)POOL_COMMON_MAX; i++)
		pool_keep(conns[i]);
	scope_join(&scope);
	CHECK_EQ(guest.err, 0);
	pool_give(origin.pool, guest.conn, false);
	/* Closed, not used again. */
	pool_give(origin.pool, conns[0], true);
	guest.conn = take(rt, &origin);
	CHECK(!guest.conn->reused);
	pool_give(origin.pool, guest.conn, true);
	for (int i = 1; i < (int)POOL_COMMON_MAX; i++)
		pool_give(origin.pool, conns[i], true);
	CHECK(until(rt, &origin.accepted, POOL_COMMON_MAX + 2));
	origin_close(rt, &origin);
	return 0;
}

/* `fresh` at the bound replaces the connection that has been idle longest. */
static int fresh_at_the_bound(struct rt *rt, void *arg)
{
	struct pool_conn *conns[POOL_PER_ORIGIN_MAX], *fresh = NULL;
	struct origin origin;

	(void)arg;
	origin_open(rt, &origin);
	fill(rt, &origin, conns);
	for (int i = 0; i < 3; i++)
		pool_give(origin.pool, conns[i], true);
	CHECK_EQ(pool_take(origin.pool, origin.url, POOL_FRESH, &fresh,
			   patience(rt)),
		 0);
	CHECK(!fresh->reused);
	CHECK(take(rt, &origin) == conns[2]);
	CHECK(take(rt, &origin) == conns[1]);
	pool_give(origin.pool, fresh, true);
	for (int i = 1; i < POOL_PER_ORIGIN_MAX; i++)
		pool_give(origin.pool, conns[i], true);
	CHECK(until(rt, &origin.accepted, POOL_PER_ORIGIN_MAX + 1));
	origin_close(rt, &origin);
	return 0;
}

TEST(bound)
TEST(closed_while_handed_over)
TEST(urgent_first)
TEST(kept)
TEST(fresh_at_the_bound)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_closed_while_handed_over),
		cmocka_unit_test(test_urgent_first),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_fresh_at_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
