// SPDX-License-Identifier: MIT
#include "runtime/scope.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/sched.h"

static void expired(struct timer *timer)
{
	struct scope *scope =
		(struct scope *)((char *)timer - offsetof(struct scope, timer));

	scope_cancel(scope, -ETIMEDOUT);
}

void scope_open(struct rt *rt, struct scope *scope, struct deadline deadline)
{
	*scope = (struct scope){ .rt = rt };
	timer_arm(rt, &scope->timer, deadline, expired);
}

void scope_cancel(struct scope *scope, int reason)
{
	if (scope->reason)
		return;
	scope->reason = reason;
	for (struct task *task = scope->tasks; task; task = task->scope_next)
		if (task->state == TASK_PARKED && task->wait && !task->shielded)
			wait_cancel(task->wait);
}

struct join {
	struct clause clause;
	struct scope *scope;
};

static bool join_withdraw(struct clause *clause)
{
	struct join *join =
		(struct join *)((char *)clause - offsetof(struct join, clause));

	wait_queue_remove(&join->scope->joiners, clause);
	return true;
}

/* Parks until the scope is empty: before the caller runs again, somebody may
 * have spawned into it. 0, -ETIMEDOUT, or -ECANCELED when the caller was
 * cancelled (not if it is shielded). */
static int await_empty(struct scope *scope, struct deadline deadline,
		       bool shielded)
{
	struct rt *rt = scope->rt;

	while (scope->count > 0) {
		struct join join = { .scope = scope };
		struct wait wait;

		if (!shielded && task_cancelled(rt))
			return -ECANCELED;
		wait_begin(rt, &wait, "join");
		wait_queue_push(&scope->joiners, &join.clause);
		wait_clause_add(&wait, &join.clause, join_withdraw);
		wait_deadline_add(&wait, deadline);
		struct clause *fired = shielded ? wait_park_shielded(&wait)
						: wait_park(&wait);
		if (fired != &join.clause)
			return fired ? -ETIMEDOUT : -ECANCELED;
	}
	return 0;
}

int scope_wait(struct scope *scope, struct deadline deadline)
{
	return await_empty(scope, deadline, false);
}

int scope_join(struct scope *scope)
{
	if (await_empty(scope, DEADLINE_NEVER, false) != 0) {
		scope_cancel(scope, task_cancelled(scope->rt));
		await_empty(scope, DEADLINE_NEVER, true);
	}
	timer_disarm(scope->rt, &scope->timer);
	return scope->reason;
}

void scope_close(struct scope *scope)
{
	scope_cancel(scope, -ECANCELED);
	await_empty(scope, DEADLINE_NEVER, true);
	timer_disarm(scope->rt, &scope->timer);
}
