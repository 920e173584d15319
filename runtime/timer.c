// SPDX-License-Identifier: MIT
#include "runtime/timer.h"

#include <stddef.h>

#include "runtime/sched.h"

/* A pairing heap: `child` is the first child, `next` the next sibling, `prev`
 * the previous sibling or, for a first child, the parent. */

/* Joins two heaps, each a lone root. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->latest < a->latest) {
		struct timer *swap = a;
		a = b;
		b = swap;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Joins a list of siblings into one heap: in pairs from the left, then all
 * pairs from the right, which is what keeps the heap shallow. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL; /* a stack, linked by next */

	while (first) {
		struct timer *a = first;
		struct timer *b = a->next;
		first = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		struct timer *pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	struct timer *root = NULL;
	while (pairs) {
		struct timer *rest = pairs->next;
		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = rest;
	}
	if (root)
		root->prev = NULL;
	return root;
}

static void heap_insert(struct timer_heap *heap, struct timer *timer)
{
	timer->child = timer->next = timer->prev = NULL;
	heap->root = meld(heap->root, timer);
}

static void heap_remove(struct timer_heap *heap, struct timer *timer)
{
	struct timer *below = meld_siblings(timer->child);

	if (timer == heap->root) {
		heap->root = below;
		return;
	}
	if (timer->prev->child == timer)
		timer->prev->child = timer->next;
	else
		timer->prev->next = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	heap->root = meld(heap->root, below);
}

void timer_disarm(struct rt *rt, struct timer *timer)
{
	if (!timer->armed)
		return;
	timer->armed = false;
	heap_remove(&rt->timers[timer->clock], timer);
}

void timer_arm(struct rt *rt, struct timer *timer, struct deadline deadline,
	       void (*fire)(struct timer *timer))
{
	timer_disarm(rt, timer);
	if (deadline_is_never(deadline))
		return;
	timer->at = deadline.ns;
	/* What is due already has had its slack. */
	if (deadline.ns <= clock_now(rt, deadline.clock))
		deadline.slack_ms = 0;
	if (__builtin_add_overflow(deadline.ns,
				   deadline.slack_ms * CLOCK_NS_PER_MS,
				   &timer->latest))
		timer->latest = INT64_MAX - 1;
	timer->clock = deadline.clock;
	timer->fire = fire;
	timer->armed = true;
	heap_insert(&rt->timers[timer->clock], timer);
}

uint32_t timer_expire(struct timer_heap *heap, int64_t now)
{
	uint32_t fired = 0;

	while (heap->root && heap->root->at <= now) {
		struct timer *timer = heap->root;
		heap_remove(heap, timer);
		timer->armed = false;
		timer->fire(timer);
		fired++;
	}
	return fired;
}

int64_t timer_next(const struct timer_heap *heap)
{
	return heap->root ? heap->root->latest : INT64_MAX;
}
