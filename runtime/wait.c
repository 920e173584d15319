// SPDX-License-Identifier: MIT
#include "runtime/wait.h"

#include <stddef.h>

#include "runtime/sched.h"

void wait_begin(struct rt *rt, struct wait *wait, const char *what)
{
	wait->rt = rt;
	wait->task = rt->current;
	wait->what = what;
	wait->clauses = NULL;
	wait->fired = NULL;
	wait->outstanding = 0;
	wait->decided = false;
	wait->parked = false;
	wait->timer.armed = false;
}

void wait_clause_add(struct wait *wait, struct clause *clause,
		     bool (*withdraw)(struct clause *clause))
{
	clause->wait = wait;
	clause->withdraw = withdraw;
	clause->result = 0;
	clause->sibling = wait->clauses;
	wait->clauses = clause;
	wait->outstanding++;
}

static void timeout_fire(struct timer *timer)
{
	struct wait *wait =
		(struct wait *)((char *)timer - offsetof(struct wait, timer));

	clause_fire(&wait->timeout, 0);
}

static bool timeout_withdraw(struct clause *clause)
{
	struct wait *wait = clause->wait;

	timer_disarm(wait->rt, &wait->timer);
	return true;
}

void wait_deadline_add(struct wait *wait, struct deadline deadline)
{
	if (deadline_is_never(deadline))
		return;
	wait_clause_add(wait, &wait->timeout, timeout_withdraw);
	timer_arm(wait->rt, &wait->timer, deadline, timeout_fire);
}

/* The outcome is known: the other clauses have to go. */
static void decide(struct wait *wait, struct clause *fired)
{
	wait->decided = true;
	wait->fired = fired;
	for (struct clause *clause = wait->clauses; clause;
	     clause = clause->sibling) {
		if (clause == fired || !clause->withdraw)
			continue;
		if (clause->withdraw(clause)) {
			clause->withdraw = NULL;
			wait->outstanding--;
		}
	}
}

/* Bytes of a stack that a task touches first when it goes on: the frames from
 * here to who called. */
#define FRAMES 640
#define CACHE_LINE 64

static void resume_if_free(struct wait *wait)
{
	if (wait->outstanding == 0 && wait->parked) {
		wait->parked = false;
		/* Of many that go on one after the other each has been out of
		 * the cache since it parked. */
		for (size_t i = 0; i < FRAMES; i += CACHE_LINE)
			__builtin_prefetch((char *)wait->task->sp + i);
		sched_ready(wait->rt, wait->task);
	}
}

void clause_fire(struct clause *clause, int64_t result)
{
	struct wait *wait = clause->wait;

	clause->result = result;
	clause->withdraw = NULL;
	wait->outstanding--;
	if (!wait->decided)
		decide(wait, clause);
	resume_if_free(wait);
}

void wait_cancel(struct wait *wait)
{
	if (!wait->decided)
		decide(wait, NULL);
	resume_if_free(wait);
}

static struct clause *park(struct wait *wait, bool shielded)
{
	struct rt *rt = wait->rt;
	struct task *task = wait->task;

	/* With nothing to wait for but cancellation, that is waited for. */
	if (!wait->decided || wait->outstanding > 0) {
		wait->parked = true;
		task->state = TASK_PARKED;
		task->shielded = shielded;
		task->wait = wait;
		task->since = clock_now(rt, CLOCK_ID_MONOTONIC);
		sched_suspend(rt);
		task->wait = NULL;
	}
	return wait->fired;
}

struct clause *wait_park(struct wait *wait)
{
	return park(wait, false);
}

struct clause *wait_park_shielded(struct wait *wait)
{
	return park(wait, true);
}

void wait_queue_push(struct wait_queue *queue, struct clause *clause)
{
	clause->next = NULL;
	clause->prev = queue->last;
	if (queue->last)
		queue->last->next = clause;
	else
		queue->first = clause;
	queue->last = clause;
}

void wait_queue_remove(struct wait_queue *queue, struct clause *clause)
{
	if (clause->prev)
		clause->prev->next = clause->next;
	else
		queue->first = clause->next;
	if (clause->next)
		clause->next->prev = clause->prev;
	else
		queue->last = clause->prev;
}

struct clause *wait_queue_pop(struct wait_queue *queue)
{
	struct clause *clause = queue->first;

	if (clause)
		wait_queue_remove(queue, clause);
	return clause;
}
