// SPDX-License-Identifier: MIT
/*
 * rt - one runtime: a scheduler of stackful tasks over one I/O backend.
 *
 *	struct rt *rt;
 *	int err = rt_new(&rt, &(struct rt_options){ 0 });
 *	err = rt_run(rt, "main", main_task, arg);	// runs until it returns
 *	rt_free(rt);
 *
 * A runtime belongs to the thread that made it and holds everything its
 * tasks share: there are no globals, so any number of runtimes can live in a
 * process, each on its own thread or one after the other.
 *
 * The scheduler works in turns: every task that is ready runs until it parks;
 * then whatever operations they queued are submitted, and completions and
 * the nearest deadline are waited for, in one system call.
 *
 * Errors are negative errno values throughout; errno itself is not used.
 */
#ifndef RUNTIME_RT_H
#define RUNTIME_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/clock.h"

struct backend;
struct rt;
struct scope;

/* Makes a backend for the runtime: 0 with *out set, or a negative errno. */
typedef int (*rt_backend_fn)(struct backend **out, struct rt *rt, void *arg);

/* Which backend does the I/O. */
enum rt_backend {
	/* What RT_BACKEND_VARIABLE says (auto, uring or epoll), which counts as
	 * auto when it says anything else: io_uring where the kernel lets it be
	 * set up and a first operation goes through it, else epoll. */
	RT_BACKEND_AUTO,
	RT_BACKEND_URING,
	RT_BACKEND_EPOLL,
};
#define RT_BACKEND_VARIABLE "MOLECULE_IO_BACKEND"

/* All-zero options are the defaults. */
struct rt_options {
	enum rt_backend backend;
	/* When set, it makes the backend, and `backend` does not count: for
	 * worlds other than the kernel's (sim_world.h). */
	rt_backend_fn make_backend;
	void *make_arg;
	/* Tasks alive at once, RT_STACKS_DEFAULT when 0. */
	uint32_t max_tasks;
	/* Submission queue entries, RT_RING_DEFAULT when 0. */
	uint32_t ring_entries;
	/* Guard stacks with mprotect even where the kernel has guard
	 * regions (for tests, and for checkers that want to see the maps). */
	bool mprotect_guards;
	/* Wait on BOOTTIME through a timerfd even where the ring can. */
	bool boot_timerfd;
};

#define RT_STACKS_DEFAULT 131072u
#define RT_RING_DEFAULT 64u

/* What has been counted since rt_new; see rt_counters. */
struct rt_counters {
	uint64_t turns;	  /* times the ready list ran dry */
	uint64_t waits;	  /* system calls that could sleep */
	uint64_t enters;  /* system calls: of the backend, and immediate ones */
	uint64_t ops;	  /* operations submitted */
	uint64_t cancels; /* cancellations asked for */
	uint64_t switches; /* task switches */
	uint64_t spawns;   /* tasks started */
	uint64_t timers;   /* timers fired */
};

/* Makes a runtime in *out, for this thread. On failure *out is NULL and
 * rt_refusal() tells a person what to do about the error. */
int rt_new(struct rt **out, const struct rt_options *options);

/* One sentence in `buf` that says why rt_new failed with `err` and how to
 * allow what was refused. Returns buf. */
const char *rt_refusal(int err, char *buf, size_t cap);

/* Runs `fn(arg)` as the first task, named `name` (borrowed for the task's
 * life), until it returns; gives back its result, or -ENOMEM when not even that
 * task could be made. Everything it spawned has
 * ended by then, since tasks live in scopes. Does not park: it is what the
 * thread does. */
int rt_run(struct rt *rt, const char *name, int (*fn)(struct rt *rt, void *arg),
	   void *arg);

/*
 * rt_run in pieces, for a thread that runs several runtimes in turn, each over
 * a backend that goes back to the thread (sched_pause) where it would sleep.
 */

/* Makes the first task, which does not run yet. 0 or -ENOMEM. Not from a task.
 */
int rt_start(struct rt *rt, const char *name,
	     int (*fn)(struct rt *rt, void *arg), void *arg);

/* Runs the tasks until all of them wait, or have ended: then true, and the
 * result of the first is in *result. Not from a task of this runtime. */
bool rt_step(struct rt *rt, int *result);

/* Releases the runtime. Must not be called from one of its tasks. Operations
 * that belong to no task (watches) must be stopped before. */
void rt_free(struct rt *rt);

/* "io_uring" or "epoll": which backend runs; for messages, not for decisions.
 */
const char *rt_backend_name(const struct rt *rt);

/* Why that is not io_uring, as a sentence in buf, which it returns; "" when it
 * is, or when epoll was asked for. */
const char *rt_backend_reason(const struct rt *rt, char *buf, size_t cap);

const struct rt_counters *rt_counters(const struct rt *rt);

/* Why the last task_spawn on this runtime returned -ENOMEM, naming the limit
 * that was met and how to raise it; "" when none did. */
const char *rt_limit_message(const struct rt *rt);

/* Calls fn(line, arg) once for each live task: its name, state, what it
 * waits for, and for how long. The lines have no newline. */
void rt_each_task(struct rt *rt, void (*fn)(const char *line, void *arg),
		  void *arg);

#endif
