// SPDX-License-Identifier: MIT
/*
 * sim_event - what will happen in a simulated world, by time.
 *
 * An event is storage of whoever armed it; the heap only points to it. Events
 * of the same time come in the order that `order` gives, which the world draws
 * by lot. Arming and disarming cost a logarithm and allocate nothing but room
 * in the heap's one array.
 */
#ifndef RUNTIME_SIM_EVENT_H
#define RUNTIME_SIM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_event {
	int64_t at; /* the world's time */
	uint64_t order;
	void (*fire)(struct sim_event *event);
	uint32_t place; /* in the heap, from 1; 0: not armed */
};

struct sim_event_slot {
	int64_t at;
	uint64_t order;
	struct sim_event *event;
};

/* All zero is empty. */
struct sim_events {
	struct sim_event_slot *heap;
	uint32_t count, cap;
};

/* Puts the event in, which must not be armed; its at, order and fire are set.
 * Ends the program when out of memory. */
void sim_events_add(struct sim_events *events, struct sim_event *event);

/* Takes the event out; harmless when it is not armed. */
void sim_events_remove(struct sim_events *events, struct sim_event *event);

/* The first to come, NULL when there is none; it stays armed. */
static inline struct sim_event *
sim_events_first(const struct sim_events *events)
{
	return events->count > 0 ? events->heap[0].event : NULL;
}

void sim_events_free(struct sim_events *events);

#endif
