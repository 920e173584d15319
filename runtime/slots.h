// SPDX-License-Identifier: MIT
/*
 * slots - leave for so many tasks at once: a counting semaphore.
 *
 *	slots_init(rt, &slots, 4);
 *	err = slots_take(&slots, deadline);
 *	if (!err) {
 *		…what only four tasks may do at a time…
 *		slots_give(&slots);
 *	}
 *
 * First come, first served: a slot that is given back goes straight to the
 * task that waits longest, so nobody who comes later can take it before. A
 * task that gives up leaves the line.
 *
 * Storage is the caller's. Nobody may wait when it goes.
 */
#ifndef RUNTIME_SLOTS_H
#define RUNTIME_SLOTS_H

#include <stdint.h>

#include "runtime/clock.h"
#include "runtime/wait.h"

struct rt;

struct slots {
	struct rt *rt;
	uint32_t free;	  /* nobody waits unless this is 0 */
	uint32_t waiting; /* tasks in line */
	struct wait_queue waiters;
};

/* `count` slots, all free. Does not park. */
void slots_init(struct rt *rt, struct slots *slots, uint32_t count);

/* Takes a slot; parks while none is free. Returns 0, and the caller owes a
 * slots_give; -ETIMEDOUT past the deadline, or the cancellation's reason, and
 * it owes nothing. */
int slots_take(struct slots *slots, struct deadline deadline);

/* Gives a slot back. Does not park, and works in a cancelled task. */
void slots_give(struct slots *slots);

#endif
