// SPDX-License-Identifier: MIT
#include "runtime/uring_arrivals.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAP 64u

bool uring_arrival_take(struct io_uring *ring, struct uring_arrival *arrival)
{
	struct io_uring_cq *cq = &ring->cq;
	unsigned head = *cq->khead;

	if (head == __atomic_load_n(cq->ktail, __ATOMIC_ACQUIRE))
		return false;
	const struct io_uring_cqe *cqe = &cq->cqes[head & *cq->kring_mask];
	arrival->user_data = cqe->user_data;
	arrival->res = cqe->res;
	io_uring_cq_advance(ring, 1);
	return true;
}

int uring_aside_put(struct uring_aside *aside, struct io_uring *ring)
{
	struct uring_arrival arrival;

	while (uring_arrival_take(ring, &arrival)) {
		if (aside->len == aside->cap) {
			uint32_t cap = aside->cap ? aside->cap * 2 : FIRST_CAP;
			struct uring_arrival *more =
				realloc(aside->at, cap * sizeof(*more));

			if (!more)
				return -ENOMEM;
			aside->at = more;
			aside->cap = cap;
		}
		aside->at[aside->len++] = arrival;
	}
	return 0;
}

void uring_aside_free(struct uring_aside *aside)
{
	free(aside->at);
	*aside = (struct uring_aside){ 0 };
}
