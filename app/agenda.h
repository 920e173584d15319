// SPDX-License-Identifier: MIT
/*
 * agenda - what is to be done when, for many workspaces with one task asleep.
 *
 *	struct agenda_item beat = { .run = send_beat, .class = AGENDA_FIRST };
 *	agenda_at(agenda, &beat, due, 250);
 *
 * An item is run in a task of its own that lives for that run only, so that a
 * thousand of them cost no stack while they wait. Items that are due by the
 * time the process wakes are run together; each has a slack within which it may
 * be late, and the process sleeps until the first slack is used up. At most
 * AGENDA_RUNNING_MAX run at once, AGENDA_LATER_MAX of them items of
 * AGENDA_LATER, so that those which are slow never hold up AGENDA_FIRST; of
 * those that wait their turn, AGENDA_FIRST go first, and then who was due
 * first.
 *
 * An item is run again only when somebody says so: mostly its run does, with
 * agenda_at as its last act.
 */
#ifndef APP_AGENDA_H
#define APP_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

struct agenda;
struct rt;

#define AGENDA_RUNNING_MAX 160u
#define AGENDA_LATER_MAX 128u

enum agenda_class { AGENDA_FIRST, AGENDA_LATER };

struct agenda_item {
	/* In a task with TASK_STACK_NORMAL, not at the same time as itself.
	 * May park; when cancelled it returns early. */
	void (*run)(struct agenda_item *item);
	const char *name; /* of the task */
	enum agenda_class class;

	/* Private. */
	struct agenda *agenda;
	uint32_t place; /* among those that wait, from 1; 0: not there */
	bool ready; /* it is due, and has its turn as soon as there is room */
	bool running;
	bool again; /* it was asked for while it ran */
	int64_t due;
	int64_t latest;
	uint64_t turn;			    /* among those of the same time */
	struct agenda_item *before, *after; /* of those that are ready */
};

/* NULL when out of memory. Does not park. */
struct agenda *agenda_new(struct rt *rt);

/* Cancels what runs, waits for it, and frees. NULL is harmless. Parks. */
void agenda_free(struct agenda *agenda);

/* Has the item run at `due` (BOOTTIME nanoseconds; what is past is now), up to
 * `slack_ms` late, instead of when it was to run before. The item's storage
 * stays until agenda_drop or agenda_free. While the item runs, this is for when
 * it has ended. Returns 0 or -ENOMEM. Does not park. */
int agenda_at(struct agenda *agenda, struct agenda_item *item, int64_t due,
	      uint32_t slack_ms);

/* The item runs at once, or once more when it runs. As agenda_at. */
int agenda_now(struct agenda *agenda, struct agenda_item *item);

/* When it is to run, INT64_MAX when it is not to. */
int64_t agenda_due(const struct agenda_item *item);

/* Takes the item off; one that runs goes on to its end. Does not park. */
void agenda_drop(struct agenda_item *item);

#endif
