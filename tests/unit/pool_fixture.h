// SPDX-License-Identifier: MIT
/*
 * pool_fixture - a pool and the other side of its connections; no descriptor is
 * left behind by a test.
 */
#ifndef TESTS_UNIT_POOL_FIXTURE_H
#define TESTS_UNIT_POOL_FIXTURE_H

#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#include "net/pool.h"

#define PEERS_MAX 256

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

static inline void accept_all(struct rt *rt, void *arg)
{
	struct origin *origin = arg;

	while (origin->accepted < PEERS_MAX) {
		int fd = io_accept(rt, origin->listener, NULL, DEADLINE_NEVER);

		if (fd < 0)
			return;
		origin->peers[origin->accepted++] = fd;
	}
}

static inline void origin_open(struct rt *rt, struct origin *origin)
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
static inline void peer_close(struct rt *rt, struct origin *origin, size_t i)
{
	if (origin->peers[i] > 0)
		io_close(rt, origin->peers[i]);
	origin->peers[i] = 0;
}

/* Every connection that the other side still has must have been closed. */
static inline void origin_close(struct rt *rt, struct origin *origin)
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

static inline struct pool_conn *take_how(struct rt *rt, struct origin *origin,
					 unsigned int how)
{
	struct pool_conn *conn = NULL;

	CHECK_EQ(pool_take(origin->pool, origin->url, how, &conn, patience(rt)),
		 0);
	return conn;
}

static inline struct pool_conn *take(struct rt *rt, struct origin *origin)
{
	return take_how(rt, origin, 0);
}

struct guest {
	struct origin *origin;
	unsigned int how;
	struct pool_conn *conn;
	uint64_t *arrivals; /* how many came before it */
	uint64_t place;
	int err;
};

static inline void guest_task(struct rt *rt, void *arg)
{
	struct guest *guest = arg;

	guest->err = pool_take(guest->origin->pool, guest->origin->url,
			       guest->how, &guest->conn, patience(rt));
	guest->place = ++*guest->arrivals;
}

/* Fills the origin up to its bound: the last ones are the urgent's. */
static inline void fill(struct rt *rt, struct origin *origin,
			struct pool_conn **conns)
{
	for (int i = 0; i < POOL_PER_ORIGIN_MAX; i++)
		conns[i] = take_how(rt, origin,
				    i < (int)POOL_COMMON_MAX ? 0 : POOL_URGENT);
	CHECK(until(rt, &origin->accepted, POOL_PER_ORIGIN_MAX));
}

static inline void run(int (*body)(struct rt *rt, void *arg))
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

#endif
