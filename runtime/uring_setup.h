// SPDX-License-Identifier: MIT
/*
 * uring_setup - makes a ring with the best flags that the kernel takes and
 * with what memory there is.
 */
#ifndef RUNTIME_URING_SETUP_H
#define RUNTIME_URING_SETUP_H

#include <liburing.h>
#include <stdbool.h>

/* Sets `ring` up with `entries` submission entries, and tries it out. Rings are
 * charged to RLIMIT_MEMLOCK by some kernels, for all processes of the user
 * together, and given back late: where memory is short it is fewer entries, and
 * who is `patient` sleeps some tens of milliseconds until there is some. 0 or
 * -errno. */
int uring_setup(struct io_uring *ring, unsigned entries, bool patient);

/* Whether the kernel knows all that is used of it. */
bool uring_knows_all(struct io_uring *ring);

/* Has the ring's waits be on that clock: false where kernels cannot. */
bool uring_set_clock(struct io_uring *ring, int clock_id);

#endif
