// SPDX-License-Identifier: MIT
/*
 * pool_line - those who wait at an origin for a connection (pool.h), in two
 * lines: the urgent go first, and within a line who came first. A waiter lives
 * on the stack of the task that waits.
 */
#ifndef NET_POOL_LINE_H
#define NET_POOL_LINE_H

#include <stdbool.h>

#include "runtime/clock.h"
#include "runtime/event.h"

struct rt;

struct pool_waiter {
	struct pool_waiter *prev, *next;
	struct event granted;
	bool urgent;
	void *given; /* when granted: a connection, or NULL */
};

/* All zero is empty. */
struct pool_line {
	struct pool_waiter *first[2], *last[2]; /* [1]: the urgent */
};

/* Waits in line until pool_line_grant: 0; -ETIMEDOUT, or the cancellation's
 * reason. waiter->granted.set says whether it was granted even so. Parks. */
int pool_line_wait(struct rt *rt, struct pool_line *line,
		   struct pool_waiter *waiter, struct deadline deadline);

/* Grants who is first, in the common line only if `common`: the waiter, which
 * has left the line; NULL when nobody waits. Does not park. */
struct pool_waiter *pool_line_grant(struct pool_line *line, bool common,
				    void *given);

#endif
