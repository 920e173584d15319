// SPDX-License-Identifier: MIT
/*
 * timer - deadlines in user space, in one heap for each clock.
 *
 * A heap is ordered by the latest moment at which its timers may fire (their
 * time plus their slack). The process sleeps until the earliest such moment
 * and then fires every timer at the top whose own time has come: timers due
 * close together share one wake-up. The heap is a pairing heap threaded
 * through the timers themselves, so arming cannot fail; it costs some ten
 * nanoseconds and no system call. The storage of a timer is its owner's and
 * must stay put while it is armed.
 */
#ifndef RUNTIME_TIMER_H
#define RUNTIME_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/clock.h"

struct rt;

struct timer {
	int64_t at;	     /* not before */
	int64_t latest;	     /* at + slack: the heap's key */
	struct timer *child; /* first of those that come after this one */
	struct timer *next;  /* next child of the same parent */
	struct timer *prev;  /* previous child, or the parent */
	enum clock_id clock;
	bool armed;
	void (*fire)(struct timer *timer); /* called once, after disarming */
};

/* All zero is empty. */
struct timer_heap {
	struct timer *root;
};

/* Arms `timer` to call fire(timer) at `deadline`. `fire` must not park. An
 * armed timer is moved. DEADLINE_NEVER disarms. Does not park. */
void timer_arm(struct rt *rt, struct timer *timer, struct deadline deadline,
	       void (*fire)(struct timer *timer));

/* Disarms; harmless when not armed. */
void timer_disarm(struct rt *rt, struct timer *timer);

/* Fires what is due at `now`; returns how many fired. For the scheduler. */
uint32_t timer_expire(struct timer_heap *heap, int64_t now);

/* The latest moment by which somebody must look again, INT64_MAX if never.
 * For the scheduler. */
int64_t timer_next(const struct timer_heap *heap);

#endif
