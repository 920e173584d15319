// SPDX-License-Identifier: MIT
#include "runtime/event.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/sched.h"

struct waiter {
	struct clause clause;
	struct cond *cond;
};

static bool waiter_withdraw(struct clause *clause)
{
	struct waiter *waiter =
		(struct waiter *)((char *)clause -
				  offsetof(struct waiter, clause));

	wait_queue_remove(&waiter->cond->waiters, clause);
	return true;
}

void cond_init(struct rt *rt, struct cond *cond)
{
	*cond = (struct cond){ .rt = rt };
}

int cond_wait(struct cond *cond, struct deadline deadline)
{
	struct rt *rt = cond->rt;
	struct waiter waiter = { .cond = cond };
	struct wait wait;
	int reason = task_cancelled(rt);

	if (reason)
		return reason;
	wait_begin(rt, &wait, "event");
	wait_queue_push(&cond->waiters, &waiter.clause);
	wait_clause_add(&wait, &waiter.clause, waiter_withdraw);
	wait_deadline_add(&wait, deadline);
	struct clause *fired = wait_park(&wait);
	if (fired == &waiter.clause)
		return 0;
	return fired ? -ETIMEDOUT : task_cancelled(rt);
}

void cond_signal(struct cond *cond)
{
	struct clause *clause = wait_queue_pop(&cond->waiters);

	if (clause)
		clause_fire(clause, 0);
}

void cond_broadcast(struct cond *cond)
{
	struct clause *clause;

	while ((clause = wait_queue_pop(&cond->waiters)) != NULL)
		clause_fire(clause, 0);
}

void event_init(struct rt *rt, struct event *event)
{
	cond_init(rt, &event->cond);
	event->set = false;
}

void event_set(struct event *event)
{
	event->set = true;
	cond_broadcast(&event->cond);
}

void event_clear(struct event *event)
{
	event->set = false;
}

int event_wait(struct event *event, struct deadline deadline)
{
	int err = task_cancelled(event->cond.rt);

	while (!event->set && err == 0)
		err = cond_wait(&event->cond, deadline);
	return err;
}
