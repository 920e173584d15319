// SPDX-License-Identifier: MIT
#include "runtime/sim_event.h"

#include <stdio.h>
#include <stdlib.h>

/* Four children to a node: half as deep as two, and still in a cache line or
 * two. */
#define CHILDREN 4u
#define FIRST_CAP 64u

static bool is_before(const struct sim_event_slot *a,
		      const struct sim_event_slot *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct sim_events *events, uint32_t place,
		struct sim_event_slot slot)
{
	events->heap[place] = slot;
	slot.event->place = place + 1;
}

static void move_up(struct sim_events *events, uint32_t place,
		    struct sim_event_slot slot)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / CHILDREN;

		if (!is_before(&slot, &events->heap[parent]))
			break;
		put(events, place, events->heap[parent]);
		place = parent;
	}
	put(events, place, slot);
}

static void move_down(struct sim_events *events, uint32_t place,
		      struct sim_event_slot slot)
{
	for (;;) {
		uint32_t least = place * CHILDREN + 1;
		uint32_t end = least + CHILDREN;

		if (least >= events->count)
			break;
		if (end > events->count)
			end = events->count;
		for (uint32_t i = least + 1; i < end; i++)
			if (is_before(&events->heap[i], &events->heap[least]))
				least = i;
		if (!is_before(&events->heap[least], &slot))
			break;
		put(events, place, events->heap[least]);
		place = least;
	}
	put(events, place, slot);
}

static void grow(struct sim_events *events)
{
	uint32_t cap = events->cap > 0 ? events->cap * 2 : FIRST_CAP;
	struct sim_event_slot *heap =
		realloc(events->heap, cap * sizeof(*heap));

	if (!heap) {
		fputs("sim: out of memory\n", stderr);
		abort();
	}
	events->heap = heap;
	events->cap = cap;
}

void sim_events_add(struct sim_events *events, struct sim_event *event)
{
	if (events->count == events->cap)
		grow(events);
	move_up(events, events->count++,
		(struct sim_event_slot){ .at = event->at,
					 .order = event->order,
					 .event = event });
}

void sim_events_remove(struct sim_events *events, struct sim_event *event)
{
	struct sim_event_slot last;
	uint32_t place = event->place - 1;

	if (event->place == 0)
		return;
	event->place = 0;
	last = events->heap[--events->count];
	if (place == events->count)
		return;
	if (place > 0 &&
	    is_before(&last, &events->heap[(place - 1) / CHILDREN]))
		move_up(events, place, last);
	else
		move_down(events, place, last);
}

void sim_events_free(struct sim_events *events)
{
	free(events->heap);
	*events = (struct sim_events){ 0 };
}
