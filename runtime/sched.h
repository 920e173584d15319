// SPDX-License-Identifier: MIT
/*
 * sched - what the files of the runtime share: the runtime itself, the task's
 * control block, and the three moves of the scheduler.
 *
 * The scheduler has no task or stack of its own. A task that suspends takes
 * the next one off the ready list and switches to it directly; when the list
 * is empty it runs the turn (submit, wait, deliver completions, fire timers)
 * itself, on its own stack, until somebody is ready, possibly itself. So code
 * called from a turn (an operation's `done`, a timer's `fire`) runs on some
 * task's stack, which may be one that has just finished: it must be small, must
 * not park, and must not ask about the current task.
 */
#ifndef RUNTIME_SCHED_H
#define RUNTIME_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/backend.h"
#include "runtime/clock.h"
#include "runtime/rt.h"
#include "runtime/san.h"
#include "runtime/scope.h"
#include "runtime/stack.h"
#include "runtime/task.h"
#include "runtime/timer.h"
#include "runtime/wait.h"

/* Tasks resumed before the backend and the timers are looked at again. */
#define SCHED_BUDGET 64u

/* What the inherited descriptors are. */
#define RT_STDIO 3
enum stdio_kind { STDIO_UNKNOWN, STDIO_TTY, STDIO_FILE, STDIO_OTHER };

enum task_state { TASK_READY, TASK_RUNNING, TASK_PARKED };

/* A task's control block, above the top of its stack. */
struct task {
	void *sp;	   /* saved stack pointer while it does not run */
	struct task *next; /* ready list */
	struct rt *rt;
	struct scope *scope;
	struct wait *wait; /* what it is parked in */
	enum task_state state;
	enum task_stack stack;
	bool shielded;	  /* parked where cancellation does not reach */
	uint32_t patient; /* task_patient */
	const char *name;
	task_fn fn;
	void *arg;
	struct task *scope_prev, *scope_next; /* members of its scope */
	struct task *all_prev, *all_next;     /* all tasks of the runtime */
	int64_t since;			      /* MONOTONIC, last parked */
	struct san_stack san;
};

/* What rt_start was given, and what came of it. */
struct rt_first {
	struct scope scope;
	int (*fn)(struct rt *rt, void *arg);
	void *arg;
	int result;
};

struct rt {
	struct backend *backend;
	int uring_err; /* why it is not io_uring, 0: it is, or need not be */
	struct task *current;
	struct task *ready_first, *ready_last;
	uint32_t budget; /* of tasks, until the next look */
	uint32_t spell;	 /* what it begins with: SCHED_BUDGET on a kernel */
	bool now_known[CLOCK_ID_COUNT];
	int64_t trimmed; /* MONOTONIC, when stacks were last trimmed */
	int64_t now[CLOCK_ID_COUNT];
	struct timer_heap timers[CLOCK_ID_COUNT];
	struct stack_pool stacks[TASK_STACK_COUNT];
	uint32_t tasks, max_tasks;
	struct task *all;
	struct rt_counters counters;
	void *thread_sp;	     /* the thread's own context */
	struct san_stack thread_san; /* and its stack */
	bool from_thread;	     /* the last switch left the thread's */
	struct rt_first first;
	enum stdio_kind stdio[RT_STDIO];
	char limit[192]; /* rt_limit_message */
};

/* Puts a task at the end of the ready list. */
void sched_ready(struct rt *rt, struct task *task);

/* Parks the current task until sched_ready puts it back. */
void sched_suspend(struct rt *rt);

/* Goes back to the thread, out of rt_step, until the next rt_step. For backends
 * of many runtimes on one thread, from inside their `wait`. */
void sched_pause(struct rt *rt);

/* Runs one turn. With `block` it sleeps until something happens. */
void sched_turn(struct rt *rt, bool block);

#endif
