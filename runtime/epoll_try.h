// SPDX-License-Identifier: MIT
/*
 * epoll_try - one attempt at an operation, without blocking and without
 * touching the flags of descriptors that others share.
 *
 * Sockets are told per call (MSG_DONTWAIT), files and pipes by RWF_NOWAIT.
 * What does not know that is polled first and then read once, or written a
 * piece at a time that fits; a terminal among the standard descriptors is
 * opened anew, since there is no such piece for it.
 */
#ifndef RUNTIME_EPOLL_TRY_H
#define RUNTIME_EPOLL_TRY_H

#include <limits.h>
#include <stdbool.h>

#include "runtime/backend.h"

#define EPOLL_TRY_AGAIN INT_MIN /* wait until it is ready */
#define EPOLL_TRY_FILE                                                         \
	(INT_MIN + 1) /* a plain file: it may wait for a disk                  \
		       */

/* Terminals opened anew; all zero is none yet, -1 one that cannot be. */
struct epoll_terminals {
	int fd[3];
};

/* Tries OP_READ, OP_WRITE, OP_RECV, OP_SEND, OP_EXCHANGE, OP_ACCEPT or
 * OP_CONNECT: its result, or one of the above. `ready`: what it had to wait for
 * holds. `ours`: the descriptor is non-blocking. */
int epoll_try(struct op *op, bool ready, bool ours,
	      struct epoll_terminals *terminals);

/* Closes them. */
void epoll_try_close(struct epoll_terminals *terminals);

#endif
