// SPDX-License-Identifier: MIT
#include "runtime/rt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/context.h"
#include "runtime/sched.h"

static const size_t stack_sizes[TASK_STACK_COUNT] = {
	[TASK_STACK_SMALL] = (size_t)32 * 1024 * SAN_STACK_FACTOR,
	[TASK_STACK_NORMAL] = (size_t)64 * 1024 * SAN_STACK_FACTOR,
	[TASK_STACK_LARGE] = (size_t)256 * 1024 * SAN_STACK_FACTOR,
};

static enum rt_backend wanted_backend(const struct rt_options *options)
{
	const char *text = getenv(RT_BACKEND_VARIABLE);

	if (options->backend != RT_BACKEND_AUTO || !text)
		return options->backend;
	if (strcmp(text, "epoll") == 0)
		return RT_BACKEND_EPOLL;
	return strcmp(text, "uring") == 0 ? RT_BACKEND_URING : RT_BACKEND_AUTO;
}

/* Containers refuse io_uring in many ways, and a small limit of locked memory
 * is one of them; a lack of descriptors is no refusal. */
static int choose_backend(struct rt *rt, const struct rt_options *options)
{
	struct rt_options chosen = *options;
	int err = 0;

	chosen.backend = wanted_backend(options);
	if (options->make_backend)
		return options->make_backend(&rt->backend, rt,
					     options->make_arg);
	if (chosen.backend != RT_BACKEND_EPOLL) {
		err = backend_uring_new(&rt->backend, &chosen, &rt->counters);
		if (!err || chosen.backend == RT_BACKEND_URING ||
		    err == -EMFILE || err == -ENFILE)
			return err;
	}
	rt->uring_err = err;
	return backend_epoll_new(&rt->backend, &chosen, &rt->counters);
}

int rt_new(struct rt **out, const struct rt_options *options)
{
	struct rt *rt = calloc(1, sizeof(*rt));

	*out = NULL;
	if (!rt)
		return -ENOMEM;
	rt->max_tasks = options->max_tasks ? options->max_tasks
					   : RT_STACKS_DEFAULT;
	for (int i = 0; i < TASK_STACK_COUNT; i++)
		stack_pool_init(&rt->stacks[i], stack_sizes[i], rt->max_tasks,
				options->mprotect_guards);
	rt->budget = rt->spell = SCHED_BUDGET;
	int err = choose_backend(rt, options);
	if (err) {
		free(rt);
		return err;
	}
	*out = rt;
	return 0;
}

const char *rt_refusal(int err, char *buf, size_t cap)
{
	return backend_uring_refusal(err, buf, cap);
}

static void first_task(struct rt *rt, void *arg)
{
	struct rt_first *first = arg;

	first->result = first->fn(rt, first->arg);
}

int rt_start(struct rt *rt, const char *name,
	     int (*fn)(struct rt *rt, void *arg), void *arg)
{
	rt->first = (struct rt_first){ .fn = fn, .arg = arg };
	scope_open(rt, &rt->first.scope, DEADLINE_NEVER);
	return task_spawn(&rt->first.scope, name, TASK_STACK_LARGE, first_task,
			  &rt->first);
}

bool rt_step(struct rt *rt, int *result)
{
	/* Time has passed since the runtime last ran, if it did. */
	for (int i = 0; i < CLOCK_ID_COUNT; i++)
		rt->now_known[i] = false;
	if (!rt->current) {
		struct task *task = rt->ready_first;

		rt->ready_first = rt->ready_last = NULL;
		rt->budget = rt->spell;
		rt->current = task;
		task->state = TASK_RUNNING;
		rt->from_thread = true;
	}
	san_switch_begin(&rt->thread_san, &rt->current->san);
	context_switch(&rt->thread_sp, rt->current->sp);
	san_switch_end(&rt->thread_san, NULL);
	if (rt->tasks > 0)
		return false;
	*result = rt->first.result;
	return true;
}

int rt_run(struct rt *rt, const char *name, int (*fn)(struct rt *rt, void *arg),
	   void *arg)
{
	int result = rt_start(rt, name, fn, arg);

	if (result == 0)
		while (!rt_step(rt, &result))
			;
	return result;
}

void rt_free(struct rt *rt)
{
	if (!rt)
		return;
	rt->backend->ops->free(rt->backend);
	for (int i = 0; i < TASK_STACK_COUNT; i++)
		stack_pool_fini(&rt->stacks[i]);
	free(rt);
}

const char *rt_backend_name(const struct rt *rt)
{
	return rt->backend->ops->name;
}

const char *rt_backend_reason(const struct rt *rt, char *buf, size_t cap)
{
	if (!rt->uring_err)
		return "";
	return backend_uring_refusal(rt->uring_err, buf, cap);
}

const struct rt_counters *rt_counters(const struct rt *rt)
{
	return &rt->counters;
}

const char *rt_limit_message(const struct rt *rt)
{
	return rt->limit;
}

void rt_each_task(struct rt *rt, void (*fn)(const char *line, void *arg),
		  void *arg)
{
	static const char *const states[] = { "ready", "running", "parked" };
	int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);
	char line[160];

	for (struct task *task = rt->all; task; task = task->all_next) {
		double parked = (double)(now - task->since) / 1e9;

		if (task->state == TASK_PARKED && task->wait)
			snprintf(line, sizeof(line),
				 "%-24s parked in %s for %.3f s", task->name,
				 task->wait->what, parked > 0 ? parked : 0);
		else
			snprintf(line, sizeof(line), "%-24s %s", task->name,
				 states[task->state]);
		fn(line, arg);
	}
}
