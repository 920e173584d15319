// SPDX-License-Identifier: MIT
/*
 * task - a stackful coroutine: sequential code that parks instead of
 * blocking.
 *
 * A task is spawned into a scope (scope.h) and lives on its own guarded
 * stack, with its control block at the top of it. It runs until it calls
 * something that parks; there is no preemption, so between two parking calls
 * nothing else of the runtime changes. Functions that park say so.
 *
 * Cancellation: when its scope is cancelled, the call a task is parked in
 * ends (operations first reach their completion) and returns the scope's
 * reason, -ECANCELED or -ETIMEDOUT, and every later parking call returns it
 * at once. Code that unwinds therefore never waits, except in io_close, in
 * io_watch_stop and in joining its own scopes, which always complete.
 */
#ifndef RUNTIME_TASK_H
#define RUNTIME_TASK_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/clock.h"

struct rt;
struct scope;
struct task;

typedef void (*task_fn)(struct rt *rt, void *arg);

/* How much stack a task gets. Only touched pages use memory. The sizes are
 * four times as large under a sanitizer, whose frames are larger. */
enum task_stack {
	TASK_STACK_SMALL,  /* 32 KiB: loops that only move bytes */
	TASK_STACK_NORMAL, /* 64 KiB: HTTP requests, small JSON */
	TASK_STACK_LARGE,  /* 256 KiB: foreign JSON, TLS validation */
	TASK_STACK_COUNT
};

/* Spawns fn(arg) into `scope`; it first runs at the next turn of the ready
 * list. `name` is borrowed for the task's life. `arg` is passed through.
 * Does not park. Returns 0; -ENOMEM past a limit, which rt_limit_message
 * names; -ECANCELED when the scope is already cancelled. */
int task_spawn(struct scope *scope, const char *name, enum task_stack stack,
	       task_fn fn, void *arg);

/* Lets every other ready task run first. Parks. Returns 0, or the reason
 * when the task's scope was cancelled. */
int task_yield(struct rt *rt);

/* For tasks that compute for long: lets completions of operations in, and every
 * task that they make ready run, before it goes on. Parks. Returns as
 * task_yield. */
int task_breathe(struct rt *rt);

/* Parks until `until`. Returns 0 when it has come, or the reason when the
 * task's scope was cancelled before. */
int task_sleep(struct rt *rt, struct deadline until);

/* 0, or the reason (-ECANCELED, -ETIMEDOUT) why this task must end. */
int task_cancelled(struct rt *rt);

/* That the current task is in no hurry: it then learns of answers from the
 * network up to TASK_PATIENCE_US after they came, so that several of them,
 * those of other such tasks too, wake the process once. `answers` is how many
 * will follow on what it waits for, mostly 1; 0, as in a new task: it is in a
 * hurry. Does not park. */
#define TASK_PATIENCE_US 2000
void task_patient(struct rt *rt, uint32_t answers);
uint32_t task_patience(struct rt *rt);

/* The name of the task that runs now. */
const char *task_name(struct rt *rt);

#endif
