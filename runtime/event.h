// SPDX-License-Identifier: MIT
/*
 * event - a flag that tasks wait for; cond - a place where tasks wait for
 * shared state to change.
 *
 * Tasks share state without locks, because nothing else runs between two
 * parking calls. An event stays set until it is cleared, so a set that comes
 * before the wait is not lost. A cond has no memory: test the state, wait,
 * test again.
 *
 * Storage is the caller's; all zero (with rt filled in by _init) is ready.
 * Nobody may be parked in one when its storage goes.
 */
#ifndef RUNTIME_EVENT_H
#define RUNTIME_EVENT_H

#include <stdbool.h>

#include "runtime/clock.h"
#include "runtime/wait.h"

struct rt;

struct cond {
	struct rt *rt;
	struct wait_queue waiters;
};

struct event {
	struct cond cond;
	bool set;
};

void cond_init(struct rt *rt, struct cond *cond);
/* Parks until signalled. 0, -ETIMEDOUT, or the cancellation's reason. */
int cond_wait(struct cond *cond, struct deadline deadline);
/* Wakes the task that waits longest, or all of them. Do not park. */
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

void event_init(struct rt *rt, struct event *event);
/* Sets the flag and wakes all who wait. Does not park. */
void event_set(struct event *event);
void event_clear(struct event *event);
/* Parks until the flag is set (at once when it is). 0, -ETIMEDOUT, or the
 * cancellation's reason. The flag stays set. */
int event_wait(struct event *event, struct deadline deadline);

#endif
