// SPDX-License-Identifier: MIT
/* pool: reuse, the order of it, connections that end, expiry. */
#include "tests/unit/pool_fixture.h"

#include <poll.h>

static int reuse(struct rt *rt, void *arg)
{
	struct origin origin;
	struct pool_conn *conn;
	uint64_t ops;

	(void)arg;
	origin_open(rt, &origin);
	conn = take(rt, &origin);
	CHECK(!conn->reused);
	CHECK_EQ(stream_write(conn->stream, "x", 1, patience(rt)), 0);
	CHECK(until(rt, &origin.accepted, 1));
	ops = rt_counters(rt)->ops;
	for (int i = 0; i < 5; i++) {
		pool_give(origin.pool, conn, true);
		CHECK(take(rt, &origin) == conn);
		CHECK(conn->reused);
	}
	/* Taking and giving it cost no operation. */
	CHECK_EQ(rt_counters(rt)->ops, ops);
	pool_give(origin.pool, conn, false);

	conn = take(rt, &origin);
	CHECK(!conn->reused);
	pool_give(origin.pool, conn, true);
	CHECK_EQ(pool_counters(origin.pool)->opened, 2);
	CHECK_EQ(pool_counters(origin.pool)->reused, 5);
	CHECK(until(rt, &origin.accepted, 2));
	origin_close(rt, &origin);
	return 0;
}

static int last_in_first_out(struct rt *rt, void *arg)
{
	struct origin origin;
	struct pool_conn *conns[3], *fresh = NULL;

	(void)arg;
	origin_open(rt, &origin);
	for (int i = 0; i < 3; i++)
		conns[i] = take(rt, &origin);
	pool_give(origin.pool, conns[1], true);
	pool_give(origin.pool, conns[0], true);
	pool_give(origin.pool, conns[2], true);
	CHECK(take(rt, &origin) == conns[2]);
	CHECK(take(rt, &origin) == conns[0]);
	CHECK_EQ(pool_take(origin.pool, origin.url, POOL_FRESH, &fresh,
			   patience(rt)),
		 0);
	CHECK(fresh != conns[1]);
	CHECK(!fresh->reused);
	CHECK(take(rt, &origin) == conns[1]);
	for (int i = 0; i < 3; i++)
		pool_give(origin.pool, conns[i], i == 1);
	pool_give(origin.pool, fresh, true);
	CHECK(until(rt, &origin.accepted, 4));
	origin_close(rt, &origin);
	return 0;
}

static int origins_are_apart(struct rt *rt, void *arg)
{
	struct origin a, b;
	struct pool_conn *conn;

	(void)arg;
	origin_open(rt, &a);
	origin_open(rt, &b);
	conn = take(rt, &a);
	pool_give(a.pool, conn, true);
	CHECK_EQ(pool_take(a.pool, b.url, false, &conn, patience(rt)), 0);
	CHECK(!conn->reused);
	CHECK_EQ(peer_port(stream_fd(conn->stream)), b.port);
	pool_give(a.pool, conn, true);
	CHECK(until(rt, &a.accepted, 1));
	CHECK(until(rt, &b.accepted, 1));
	origin_close(rt, &a);
	origin_close(rt, &b);
	return 0;
}

static int closed_while_idle(struct rt *rt, void *arg)
{
	const struct pool_counters *counters;
	struct origin origin;
	struct pool_conn *conns[3];
	int fds;

	(void)arg;
	origin_open(rt, &origin);
	counters = pool_counters(origin.pool);
	for (size_t i = 0; i < 3; i++) {
		conns[i] = take(rt, &origin);
		CHECK(until(rt, &origin.accepted, i + 1));
	}
	/* Given back in order, so the second is in the middle. */
	for (int i = 0; i < 3; i++)
		pool_give(origin.pool, conns[i], true);
	fds = fd_count();
	peer_close(rt, &origin, 1);
	CHECK(until(rt, &counters->dropped, 1));
	/* Ours is closed too, without anybody asking for it. */
	for (int i = 0; i < 1000 && fd_count() > fds - 2; i++)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(fd_count(), fds - 2);
	CHECK(take(rt, &origin) == conns[2]);
	CHECK(take(rt, &origin) == conns[0]);
	pool_give(origin.pool, conns[0], true);
	pool_give(origin.pool, conns[2], true);

	/* When all are gone, the next is a new one. */
	peer_close(rt, &origin, 0);
	peer_close(rt, &origin, 2);
	CHECK(until(rt, &counters->dropped, 3));
	conns[0] = take(rt, &origin);
	CHECK(!conns[0]->reused);
	CHECK_EQ(counters->opened, 4);
	pool_give(origin.pool, conns[0], true);
	CHECK(until(rt, &origin.accepted, 4));
	origin_close(rt, &origin);
	return 0;
}

static int closed_in_use(struct rt *rt, void *arg)
{
	struct origin origin;
	struct pool_conn *conn;
	char byte;
	int fds;

	(void)arg;
	origin_open(rt, &origin);
	conn = take(rt, &origin);
	CHECK(until(rt, &origin.accepted, 1));
	/* What was sent before the end can still be read. */
	CHECK_EQ(io_send_all(rt, origin.peers[0], "y", 1, NULL, patience(rt)),
		 0);
	peer_close(rt, &origin, 0);
	CHECK_EQ(stream_read(conn->stream, &byte, 1, patience(rt)), 1);
	CHECK_EQ(stream_read(conn->stream, &byte, 1, patience(rt)), 0);
	fds = fd_count();
	pool_give(origin.pool, conn, true);
	CHECK_EQ(fd_count(), fds - 1);
	conn = take(rt, &origin);
	CHECK(!conn->reused);
	CHECK_EQ(pool_counters(origin.pool)->dropped, 0);
	pool_give(origin.pool, conn, false);
	CHECK(until(rt, &origin.accepted, 2));
	origin_close(rt, &origin);
	return 0;
}

/* Bytes that nobody asked for wake nobody. */
static int data_while_idle(struct rt *rt, void *arg)
{
	struct origin origin;
	struct pool_conn *conn;

	(void)arg;
	origin_open(rt, &origin);
	conn = take(rt, &origin);
	pool_give(origin.pool, conn, true);
	CHECK(until(rt, &origin.accepted, 1));
	CHECK_EQ(io_send_all(rt, origin.peers[0], "y", 1, NULL, patience(rt)),
		 0);
	task_sleep(rt, deadline_in_ms(rt, 5));
	CHECK(take(rt, &origin) == conn);
	pool_give(origin.pool, conn, true);
	origin_close(rt, &origin);
	return 0;
}

static int expiry(struct rt *rt, void *arg)
{
	const struct pool_counters *counters;
	struct origin origin;
	struct pool_conn *conns[2];
	int64_t now = clock_now(rt, CLOCK_ID_BOOTTIME);
	int64_t idle = POOL_IDLE_MS * CLOCK_NS_PER_MS;

	(void)arg;
	origin_open(rt, &origin);
	counters = pool_counters(origin.pool);
	conns[0] = take(rt, &origin);
	conns[1] = take(rt, &origin);
	CHECK(until(rt, &origin.accepted, 2));
	pool_give(origin.pool, conns[0], true);
	pool_expire(origin.pool, now + idle - 1);
	CHECK_EQ(counters->expired, 0);
	/* Only what is idle; the other goes on. */
	pool_expire(origin.pool, now + 2 * idle);
	CHECK_EQ(counters->expired, 1);
	CHECK_EQ(counters->dropped, 0);
	pool_give(origin.pool, conns[1], true);
	CHECK(take(rt, &origin) == conns[1]);
	pool_give(origin.pool, conns[1], true);
	origin_close(rt, &origin);
	return 0;
}

/* A place whose connection could not be opened goes to the next in line. */
static int refused(struct rt *rt, void *arg)
{
	struct origin origin;
	struct pool_conn *conn = NULL;

	(void)arg;
	origin_open(rt, &origin);
	scope_close(&origin.scope);
	shutdown(origin.listener, SHUT_RD);
	for (int i = 0; i < POOL_PER_ORIGIN_MAX + 3; i++)
		CHECK_EQ(pool_take(origin.pool, origin.url, 0, &conn,
				   patience(rt)),
			 -ECONNREFUSED);
	CHECK_EQ(pool_counters(origin.pool)->opened, 0);
	origin_close(rt, &origin);
	return 0;
}

/* The other side ends some while they are handed about. */
static int churn(struct rt *rt, void *arg)
{
	struct pool_conn *conns[8];
	struct origin origin;
	unsigned seed = 1;

	(void)arg;
	origin_open(rt, &origin);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 8; i++)
			conns[i] = take(rt, &origin);
		task_yield(rt);
		for (uint64_t i = 0; i < origin.accepted; i++)
			if (rand_r(&seed) % 5 == 0)
				peer_close(rt, &origin, i);
		for (int i = 0; i < 8; i++)
			pool_give(origin.pool, conns[i], i % 7);
	}
	CHECK(until(rt, &origin.accepted, pool_counters(origin.pool)->opened));
	origin_close(rt, &origin);
	return 0;
}

TEST(reuse)
TEST(last_in_first_out)
TEST(origins_are_apart)
TEST(closed_while_idle)
TEST(closed_in_use)
TEST(data_while_idle)
TEST(expiry)
TEST(refused)
TEST(churn)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_last_in_first_out),
		cmocka_unit_test(test_origins_are_apart),
		cmocka_unit_test(test_closed_while_idle),
		cmocka_unit_test(test_closed_in_use),
		cmocka_unit_test(test_data_while_idle),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
