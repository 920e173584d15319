// SPDX-License-Identifier: MIT
/*
 * scope - the lifetime of a group of tasks.
 *
 *	struct scope s;
 *	scope_open(rt, &s, DEADLINE_NEVER);
 *	task_spawn(&s, "reader", TASK_STACK_SMALL, reader, &state);
 *	...
 *	scope_close(&s);	// cancels what still runs and joins it
 *
 * Every task belongs to exactly one scope, and a scope outlives its tasks:
 * whoever opened it must join or close it before its storage goes. Thus a
 * task may use anything its scope's owner keeps on the stack. A scope with a
 * deadline cancels itself when the deadline passes, with -ETIMEDOUT.
 *
 * The storage is the caller's (usually on its stack) and must stay put while
 * the scope is open.
 */
#ifndef RUNTIME_SCOPE_H
#define RUNTIME_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/clock.h"
#include "runtime/timer.h"
#include "runtime/wait.h"

struct rt;
struct task;

struct scope {
	struct rt *rt;
	struct task *tasks;	   /* members, linked through the task */
	uint32_t count;		   /* how many */
	int reason;		   /* 0, or why it was cancelled */
	struct wait_queue joiners; /* the owner, while it joins */
	struct timer timer;	   /* armed while there is a deadline */
};

/* Opens a scope. Does not park. */
void scope_open(struct rt *rt, struct scope *scope, struct deadline deadline);

/* Asks every task in the scope, now and in future, to end with `reason`
 * (-ECANCELED or -ETIMEDOUT). The first reason stays. Does not park. */
void scope_cancel(struct scope *scope, int reason);

/* Parks until no task is left in the scope; the scope is then closed. If the
 * caller itself is cancelled meanwhile, the scope is cancelled too, and still
 * joined. Returns 0, or the reason when this scope was cancelled. */
int scope_join(struct scope *scope);

/* As scope_join, but gives up at `deadline` with -ETIMEDOUT and leaves the
 * scope open; -ECANCELED when the caller was cancelled (scope open too). */
int scope_wait(struct scope *scope, struct deadline deadline);

/* scope_cancel(-ECANCELED) and scope_join. Always completes. */
void scope_close(struct scope *scope);

static inline bool scope_empty(const struct scope *scope)
{
	return scope->count == 0;
}

#endif
