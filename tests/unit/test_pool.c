// SPDX-License-Identifier: MIT
/* pool: reuse, the order of it, connections that end, the bound and its line,
 * expiry; no descriptor is left behind by any of them. */
#include "tests/unit/net_fixture.h"

#include <poll.h>
#include <stdlib.h>

#include "net/pool.h"

#define PEERS_MAX 200

/* The other side: accepts everything, and closes what it is told to. */
struct origin {
	int listener;
	uint16_t port;
	int peers[PEERS_MAX];
	uint64_t accepted;
	struct url *url;
	struct scope scope;
	struct pool *pool;
};

static void accept_all(struct rt *rt, void *arg)
{
	struct origin *origin = arg;

	while (origin->accepted < PEERS_MAX) {
		int fd = io_accept(rt, origin->listener, NULL, DEADLINE_NEVER);

		if (fd < 0)
			return;
		origin->peers[origin->accepted++] = fd;
	}
}

static void origin_open(struct rt *rt, struct origin *origin)
{
	memset(origin, 0, sizeof(*origin));
	origin->listener =
		bound_socket(AF_INET, SOCK_STREAM, &origin->port, 128);
	origin->url = calloc(1, sizeof(*origin->url));
	origin->url->port = origin->port;
	snprintf(origin->url->host, sizeof(origin->url->host), "127.0.0.1");
	scope_open(rt, &origin->scope, DEADLINE_NEVER);
	task_spawn(&origin->scope, "accept", TASK_STACK_SMALL, accept_all,
		   origin);
	origin->pool = pool_new(rt, NULL);
}

/* Ends the connection that was accepted as number `i`. */
static void peer_close(struct rt *rt, struct origin *origin, size_t i)
{
	if (origin->peers[i] > 0)
		io_close(rt, origin->peers[i]);
	origin->peers[i] = 0;
}

/* Every connection that the other side still has must have been closed. */
static void origin_close(struct rt *rt, struct origin *origin)
{
	char byte;
	ssize_t n;

	pool_free(origin->pool);
	for (size_t i = 0; i < origin->accepted; i++) {
		if (origin->peers[i] == 0)
			continue;
		do {
			n = io_recv(rt, origin->peers[i], &byte, 1,
				    patience(rt));
		} while (n > 0);
		CHECK(n == 0 || n == -ECONNRESET);
		peer_close(rt, origin, i);
	}
	scope_close(&origin->scope);
	close(origin->listener);
	free(origin->url);
}

static struct pool_conn *take(struct rt *rt, struct origin *origin)
{
	struct pool_conn *conn = NULL;

	CHECK_EQ(pool_take(origin->pool, origin->url, false, &conn,
			   patience(rt)),
		 0);
	return conn;
}

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
	CHECK_EQ(pool_take(origin.pool, origin.url, true, &fresh, patience(rt)),
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

struct guest {
	struct origin *origin;
	bool fresh;
	struct pool_conn *conn;
	uint64_t *arrivals; /* how many came before it */
	uint64_t place;
	int err;
};

static void guest_task(struct rt *rt, void *arg)
{
	struct guest *guest = arg;

	guest->err = pool_take(guest->origin->pool, guest->origin->url,
			       guest->fresh, &guest->conn, patience(rt));
	guest->place = ++*guest->arrivals;
}

/* Fills the origin up to its bound. */
static void fill(struct rt *rt, struct origin *origin, struct pool_conn **conns)
{
	for (int i = 0; i < POOL_PER_ORIGIN_MAX; i++)
		conns[i] = take(rt, origin);
	CHECK(until(rt, &origin->accepted, POOL_PER_ORIGIN_MAX));
}

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
	CHECK_EQ(pool_take(origin.pool, origin.url, false, &late,
			   deadline_in_ms(rt, 5)),
		 -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		guests[i].origin = &origin;
		guests[i].arrivals = &arrivals;
		guests[i].fresh = i == 3;
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
	CHECK_EQ(pool_take(origin.pool, origin.url, true, &fresh, patience(rt)),
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
		CHECK_EQ(pool_take(origin.pool, origin.url, false, &conn,
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

static void run(int (*body)(struct rt *rt, void *arg))
{
	int before = fd_count();

	in_runtime(body, NULL);
	assert_int_equal(fd_count(), before);
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		run(name);                                                     \
	}

TEST(reuse)
TEST(last_in_first_out)
TEST(origins_are_apart)
TEST(closed_while_idle)
TEST(closed_in_use)
TEST(data_while_idle)
TEST(expiry)
TEST(bound)
TEST(closed_while_handed_over)
TEST(fresh_at_the_bound)
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
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_closed_while_handed_over),
		cmocka_unit_test(test_fresh_at_the_bound),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
