// SPDX-License-Identifier: MIT
/*
 * wait - the one primitive under everything that parks.
 *
 * A task that waits puts clauses (records on its own stack) where the things
 * it waits for can find them: in a queue of a channel or an event, in the
 * timer heap, in the backend. The first clause that fires decides the
 * outcome and withdraws the others. A clause whose withdrawal takes time (an
 * I/O operation in the kernel's hands) is asked to go and then awaited: the
 * task resumes only when none of its clauses can be touched any more, so
 * their memory, and the buffers they name, are free to go as soon as the
 * parking call returns.
 *
 *	struct wait w;
 *	wait_begin(rt, &w, "channel");
 *	wait_clause_add(&w, &mine, withdraw_fn);
 *	wait_deadline_add(&w, deadline);
 *	struct clause *fired = wait_park(&w);	// NULL: cancelled
 *
 * Used by the runtime's own files; programs use channels, events and io.
 */
#ifndef RUNTIME_WAIT_H
#define RUNTIME_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/clock.h"
#include "runtime/timer.h"

struct rt;
struct task;
struct wait;

/* A thing that a task waits for. `prev`/`next` are for whoever holds it. */
struct clause {
	struct clause *prev, *next; /* links of a wait_queue */
	struct clause *sibling;	    /* next clause of the same wait */
	struct wait *wait;
	/* Takes the clause away from its holder. Returns true when it is
	 * gone; false when clause_fire will still be called once. */
	bool (*withdraw)(struct clause *clause);
	int64_t result; /* what clause_fire was given */
};

/* One parking call. Lives on the stack of the task that parks. */
struct wait {
	struct rt *rt;
	struct task *task;
	const char *what; /* for the task list: "recv", "channel", … */
	struct clause *clauses;
	struct clause *fired;  /* the first one, NULL when cancelled */
	uint32_t outstanding;  /* clauses that may still be touched */
	bool decided;	       /* fired or cancelled */
	bool parked;	       /* the task sits in wait_park */
	struct clause timeout; /* used by wait_deadline_add */
	struct timer timer;
};

/* A FIFO of clauses. All zero is empty. */
struct wait_queue {
	struct clause *first, *last;
};

/* Starts a wait for the current task. `what` is a static string. */
void wait_begin(struct rt *rt, struct wait *wait, const char *what);

/* Adds a clause that the caller has put, or is about to put, into a holder. */
void wait_clause_add(struct wait *wait, struct clause *clause,
		     bool (*withdraw)(struct clause *clause));

/* Adds the deadline; none is added for DEADLINE_NEVER. */
void wait_deadline_add(struct wait *wait, struct deadline deadline);

/* Parks until a clause fired or the task was cancelled, and until no clause
 * is outstanding. Returns the clause that fired first, `&wait->timeout` for
 * the deadline, or NULL when the task was cancelled (task_cancelled tells the
 * reason). The task must not have been cancelled before: callers look first. */
struct clause *wait_park(struct wait *wait);

/* wait_park, but cancellation of the task is ignored. */
struct clause *wait_park_shielded(struct wait *wait);

/* Called by the holder: the clause has happened, with `result`, and the
 * holder will not touch it again. */
void clause_fire(struct clause *clause, int64_t result);

/* Ends a parked wait because its task is cancelled. For scope.c. */
void wait_cancel(struct wait *wait);

void wait_queue_push(struct wait_queue *queue, struct clause *clause);
/* Unlinks `clause`, which must be in `queue`. */
void wait_queue_remove(struct wait_queue *queue, struct clause *clause);
/* Takes the first clause out, NULL when the queue is empty. */
struct clause *wait_queue_pop(struct wait_queue *queue);

#endif
