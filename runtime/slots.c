// SPDX-License-Identifier: MIT
#include "runtime/slots.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/task.h"

struct applicant {
	struct clause clause;
	struct slots *slots;
};

static bool applicant_withdraw(struct clause *clause)
{
	struct applicant *applicant =
		(struct applicant *)((char *)clause -
				     offsetof(struct applicant, clause));

	wait_queue_remove(&applicant->slots->waiters, clause);
	applicant->slots->waiting--;
	return true;
}

void slots_init(struct rt *rt, struct slots *slots, uint32_t count)
{
	*slots = (struct slots){ .rt = rt, .free = count };
}

int slots_take(struct slots *slots, struct deadline deadline)
{
	struct applicant applicant = { .slots = slots };
	struct wait wait;
	int reason = task_cancelled(slots->rt);

	if (reason)
		return reason;
	if (slots->free > 0) {
		slots->free--;
		return 0;
	}
	wait_begin(slots->rt, &wait, "slot");
	wait_queue_push(&slots->waiters, &applicant.clause);
	wait_clause_add(&wait, &applicant.clause, applicant_withdraw);
	wait_deadline_add(&wait, deadline);
	slots->waiting++;
	struct clause *fired = wait_park(&wait);
	if (fired == &applicant.clause)
		return 0;
	return fired ? -ETIMEDOUT : task_cancelled(slots->rt);
}

void slots_give(struct slots *slots)
{
	struct clause *clause = wait_queue_pop(&slots->waiters);

	if (!clause) {
		slots->free++;
		return;
	}
	slots->waiting--;
	clause_fire(clause, 0);
}
