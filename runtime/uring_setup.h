// SPDX-License-Identifier: MIT
/*
 * uring_setup - makes a ring with the best flags that the kernel takes and
 * with what memory there is.
 */
#ifndef RUNTIME_URING_SETUP_H
#define RUNTIME_URING_SETUP_H

#include <liburing.h>
#include <stdbool.h>

/* Sets `ring` up with `entries` submission entries, fewer where locked memory
 * is short. Returns 0 or -errno. May sleep some tens of milliseconds while
 * memory of rings just closed comes back. */
int uring_setup(struct io_uring *ring, unsigned entries);

/* Has the ring's waits be on that clock: false where kernels cannot. */
bool uring_set_clock(struct io_uring *ring, int clock_id);

#endif
