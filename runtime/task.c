// SPDX-License-Identifier: MIT
#include "runtime/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/context.h"
#include "runtime/sched.h"

#define TRIM_NS CLOCK_NS_PER_S

void sched_ready(struct rt *rt, struct task *task)
{
	task->state = TASK_READY;
	task->next = NULL;
	if (rt->ready_last)
		rt->ready_last->next = task;
	else
		rt->ready_first = task;
	rt->ready_last = task;
}

/* Every task is parked and nothing is under way that could wake one: a
 * defect of the program, which would otherwise hang without a trace. */
static void stuck_line(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "  %s\n", line);
}

static _Noreturn void stuck(struct rt *rt)
{
	fprintf(stderr, "runtime: every task waits for another:\n");
	rt_each_task(rt, stuck_line, NULL);
	abort();
}

/* Stacks that a burst of tasks has left are needed again by the next one. */
static void trim_stacks(struct rt *rt)
{
	int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);

	if (now - rt->trimmed < TRIM_NS)
		return;
	rt->trimmed = now;
	for (int i = 0; i < TASK_STACK_COUNT; i++)
		stack_pool_trim(&rt->stacks[i]);
}

void sched_turn(struct rt *rt, bool block)
{
	rt->budget = rt->spell;
	if (block) {
		int64_t latest[CLOCK_ID_COUNT];
		bool idle = true;

		for (int i = 0; i < CLOCK_ID_COUNT; i++) {
			latest[i] = timer_next(&rt->timers[i]);
			idle = idle && latest[i] == INT64_MAX;
		}
		if (idle && rt->backend->ops->inflight(rt->backend) == 0)
			stuck(rt);
		trim_stacks(rt);
		rt->counters.turns++;
		rt->backend->ops->wait(rt->backend, latest);
	} else {
		rt->backend->ops->flush(rt->backend);
	}
	for (int i = 0; i < CLOCK_ID_COUNT; i++) {
		rt->now_known[i] = false;
		if (rt->timers[i].root)
			rt->counters.timers +=
				timer_expire(&rt->timers[i],
					     clock_now(rt, (enum clock_id)i));
	}
}

/* The next task to run, at the price of turns where none is ready. */
static inline struct task *next_task(struct rt *rt)
{
	if (--rt->budget == 0)
		sched_turn(rt, false);
	while (!rt->ready_first)
		sched_turn(rt, true);

	struct task *next = rt->ready_first;
	rt->ready_first = next->next;
	if (!rt->ready_first)
		rt->ready_last = NULL;
	return next;
}

/* Every suspended task sits in this one call of context_switch: the `ret` of
 * a resumed task then goes where the processor predicts it to go. */
__attribute__((noinline)) void sched_suspend(struct rt *rt)
{
	struct task *self = rt->current;
	struct task *next = next_task(rt);

	next->state = TASK_RUNNING;
	if (next == self)
		return;
	rt->current = next;
	rt->counters.switches++;
	san_switch_begin(&self->san, &next->san);
	context_switch(&self->sp, next->sp);
	san_switch_end(&self->san, NULL);
}

/* A turn runs on the stack of the task that was current last, also when that
 * one has finished; its place for a stack pointer is not in use meanwhile. */
void sched_pause(struct rt *rt)
{
	struct task *self = rt->current;

	san_switch_begin(&self->san, &rt->thread_san);
	context_switch(&self->sp, rt->thread_sp);
	san_switch_end(&self->san, &rt->thread_san);
}

/* Takes the finished task out of everything and goes on with another, or
 * with the thread when it was the last. */
static _Noreturn void finish(struct task *self)
{
	struct rt *rt = self->rt;
	struct scope *scope = self->scope;
	void *unused;

	if (self->scope_prev)
		self->scope_prev->scope_next = self->scope_next;
	else
		scope->tasks = self->scope_next;
	if (self->scope_next)
		self->scope_next->scope_prev = self->scope_prev;
	if (self->all_prev)
		self->all_prev->all_next = self->all_next;
	else
		rt->all = self->all_next;
	if (self->all_next)
		self->all_next->all_prev = self->all_prev;
	rt->tasks--;

	struct clause *joiner;
	if (--scope->count == 0)
		while ((joiner = wait_queue_pop(&scope->joiners)) != NULL)
			clause_fire(joiner, 0);

	if (rt->tasks == 0) {
		rt->current = NULL;
		stack_give(&rt->stacks[self->stack], self);
		san_switch_begin(NULL, &rt->thread_san);
		context_switch(&unused, rt->thread_sp);
		__builtin_unreachable();
	}
	/* The turn that may run here spawns nothing onto this stack: it is
	 * given back only afterwards, and then left at once. */
	struct task *next = next_task(rt);
	next->state = TASK_RUNNING;
	rt->current = next;
	rt->counters.switches++;
	stack_give(&rt->stacks[self->stack], self);
	san_switch_begin(NULL, &next->san);
	context_switch(&unused, next->sp);
	__builtin_unreachable();
}

static void begin(void *arg)
{
	struct task *self = arg;
	struct rt *rt = self->rt;

	san_switch_end(&self->san, rt->from_thread ? &rt->thread_san : NULL);
	rt->from_thread = false;
	self->fn(rt, self->arg);
	finish(self);
}

static const char *const stack_names[TASK_STACK_COUNT] = { "small", "normal",
							   "large" };

/* Leaves a sentence for rt_limit_message and returns -ENOMEM. */
static int refuse(struct rt *rt, enum task_stack stack, int err)
{
	const struct stack_pool *pool = &rt->stacks[stack];

	if (err == -EAGAIN)
		snprintf(rt->limit, sizeof(rt->limit),
			 "the limit of %u tasks is reached (max_tasks in "
			 "struct rt_options, RT_STACKS_DEFAULT)",
			 rt->max_tasks);
	else if (err == -ENOBUFS)
		snprintf(rt->limit, sizeof(rt->limit),
			 "no guard for %s stack number %u: each needs two maps "
			 "(raise the sysctl vm.max_map_count)",
			 stack_names[stack], pool->made + 1);
	else
		snprintf(
			rt->limit, sizeof(rt->limit),
			"no memory for %s stack number %u (check ulimit -v and "
			"the control group's memory limit)",
			stack_names[stack], pool->made + 1);
	return -ENOMEM;
}

int task_spawn(struct scope *scope, const char *name, enum task_stack stack,
	       task_fn fn, void *arg)
{
	struct rt *rt = scope->rt;
	struct stack_pool *pool = &rt->stacks[stack];
	void *top;

	if (scope->reason)
		return -ECANCELED;
	if (rt->tasks >= rt->max_tasks)
		return refuse(rt, stack, -EAGAIN);
	int err = stack_take(pool, sizeof(struct task), &top);
	if (err)
		return refuse(rt, stack, err);

	struct task *task = top;
	task->rt = rt;
	task->scope = scope;
	task->wait = NULL;
	task->stack = stack;
	task->shielded = false;
	task->patient = 0;
	task->name = name;
	task->fn = fn;
	task->arg = arg;
	task->since = 0;
	task->sp = context_make(top, begin, task);
	char *bottom = stack_bottom(pool, top);
	san_stack_set(&task->san, bottom, (size_t)((char *)top - bottom));

	task->scope_prev = NULL;
	task->scope_next = scope->tasks;
	if (scope->tasks)
		scope->tasks->scope_prev = task;
	scope->tasks = task;
	scope->count++;
	task->all_prev = NULL;
	task->all_next = rt->all;
	if (rt->all)
		rt->all->all_prev = task;
	rt->all = task;
	rt->tasks++;
	rt->counters.spawns++;
	sched_ready(rt, task);
	return 0;
}

int task_yield(struct rt *rt)
{
	sched_ready(rt, rt->current);
	sched_suspend(rt);
	return rt->current->scope->reason;
}

/* Rounds of letting others run and in turn submitting what they ask for. */
#define BREATHE_ROUNDS 4

int task_breathe(struct rt *rt)
{
	int reason = rt->current->scope->reason;

	for (int i = 0; i < BREATHE_ROUNDS && reason == 0; i++) {
		sched_turn(rt, false);
		if (!rt->ready_first)
			break;
		reason = task_yield(rt);
	}
	return reason;
}

int task_sleep(struct rt *rt, struct deadline until)
{
	int reason = task_cancelled(rt);
	if (reason)
		return reason;

	struct wait wait;
	wait_begin(rt, &wait, "sleep");
	wait_deadline_add(&wait, until);
	return wait_park(&wait) ? 0 : task_cancelled(rt);
}

int task_cancelled(struct rt *rt)
{
	return rt->current->scope->reason;
}

void task_patient(struct rt *rt, uint32_t answers)
{
	rt->current->patient = answers;
}

uint32_t task_patience(struct rt *rt)
{
	return rt->current->patient;
}

const char *task_name(struct rt *rt)
{
	return rt->current->name;
}
