// SPDX-License-Identifier: MIT
/*
 * uring_arrivals - completions out of a ring, and those put aside: a kernel
 * with no room for more takes no entries, and nobody may be woken where an
 * operation is being submitted.
 */
#ifndef RUNTIME_URING_ARRIVALS_H
#define RUNTIME_URING_ARRIVALS_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

/* A completion, out of the ring. */
struct uring_arrival {
	uint64_t user_data;
	int32_t res;
};

/* Oldest first; all zero is none. */
struct uring_aside {
	struct uring_arrival *at;
	uint32_t len, cap;
};

/* Takes the oldest completion off the ring, if there is one. */
bool uring_arrival_take(struct io_uring *ring, struct uring_arrival *arrival);

/* Puts all that are there aside: 0 or -ENOMEM. */
int uring_aside_put(struct uring_aside *aside, struct io_uring *ring);
void uring_aside_free(struct uring_aside *aside);

#endif
