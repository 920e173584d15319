// SPDX-License-Identifier: MIT
/*
 * pool - connections kept alive, by origin (scheme, host, port).
 *
 * Every connection is watched from the moment it is open, also while somebody
 * uses it, so that taking and giving cost no operation. When the other side
 * closes an idle one, it is gone as soon as that is known here; one in use is
 * merely not kept. Data arriving on a connection wakes nobody here. Idle ones
 * are used last in, first out, and dropped after POOL_IDLE_MS (on
 * CLOCK_BOOTTIME: what was idle through a suspend is not trusted). How many
 * connections an origin has is bounded; whoever comes when all are busy waits
 * its turn, first come first served. Some of them are only for what is urgent,
 * which waits in a line of its own, so that it never waits for what is slow.
 * One that is kept for long (pool_keep) does not count: how many of those there
 * are is for the caller to bound.
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/stream.h"
#include "net/url.h"

struct rt;
struct pool;
struct trust_options;
struct proxy_options;
struct resolver;

#define POOL_PER_ORIGIN_MAX 176
#define POOL_COMMON_MAX 144 /* of them for what is not urgent */
#define POOL_IDLE_MS 90000
/* How late an idle connection may be dropped: the process is not woken for
 * it if it wakes for anything else by then. */
#define POOL_IDLE_SLACK_MS 15000

/* A connection that somebody holds. Read-only but for `stream` and `scratch`,
 * which is memory that the next holder may use: malloc'd, freed with the
 * connection; NULL: none. */
struct pool_conn {
	struct stream *stream;
	void *scratch;
	bool reused; /* it has carried a request before */
};

struct pool_counters {
	uint64_t opened;     /* connections made */
	uint64_t reused;     /* times an idle one was taken */
	uint64_t dropped;    /* idle ones that the peer closed */
	uint64_t expired;    /* idle ones not used for POOL_IDLE_MS */
	uint64_t handshakes; /* of TLS, begun */
};

/* A pool that dials with `resolver` (borrowed for the pool's life; NULL where
 * only literals are dialled). NULL when out of memory. Does not park. */
struct pool *pool_new(struct rt *rt, struct resolver *resolver);
/* Which roots https origins must lead to (borrowed for the pool's life); call
 * it before the first take. Without it they are the machine's. Does not park.
 */
void pool_set_roots(struct pool *pool, const struct trust_options *roots);
/* Which proxies lead to https origins (borrowed for the pool's life; http ones
 * are reached directly); call it before the first take. Without it there are
 * none. Does not park. */
void pool_set_proxies(struct pool *pool, const struct proxy_options *proxies);
/* Closes every idle connection and frees the pool; nobody may hold one. Parks
 * briefly, always completes. */
void pool_free(struct pool *pool);

enum pool_how {
	POOL_FRESH = 1,	 /* a new one */
	POOL_URGENT = 2, /* before others, and from what is kept for such */
};

/* Takes an idle connection to the origin of `url` (scheme, host, port), or
 * opens one; `how` is 0 or some of pool_how. Returns 0 with *out set; else what
 * dial or proxy_connect gave, -ETIMEDOUT, -ENOMEM, -EKEYREJECTED (TLS was
 * refused), or the cancellation's reason; pool_refusal tells more. For https a
 * task needs TASK_STACK_NORMAL. Parks. */
int pool_take(struct pool *pool, const struct url *url, unsigned int how,
	      struct pool_conn **out, struct deadline deadline);

/* The holder keeps the connection for long: it counts no more among those of
 * its origin, and is closed when it is given back. Does not park. */
void pool_keep(struct pool_conn *conn);

/* Gives it back: idle when `reusable` (the answer was read to its end and
 * neither side asked to close), else closed. Parks only to close, and always
 * completes. */
void pool_give(struct pool *pool, struct pool_conn *conn, bool reusable);

/* Drops what will have been idle for POOL_IDLE_MS at `boot_ns` on
 * CLOCK_BOOTTIME. The pool does it by itself; callers need it only to be rid
 * of connections early. Does not park: closing is left to a task. */
void pool_expire(struct pool *pool, int64_t boot_ns);

/* Why the proxy or the TLS handshake of the pool_take that has just failed did
 * not come about, as words in buf, which it returns; "" when it was neither.
 * Ask before parking again. */
const char *pool_refusal(const struct pool *pool, char *buf, size_t cap);

/* A number for those words; the same as long as the reason is, whatever the
 * clock says in them. 0 for "". Ask when asking for them. */
uint32_t pool_refusal_mark(const struct pool *pool);

const struct pool_counters *pool_counters(const struct pool *pool);

#endif
