// SPDX-License-Identifier: MIT
#include "net/pool_line.h"

#include <stddef.h>

static void push(struct pool_line *line, struct pool_waiter *waiter)
{
	struct pool_waiter **last = &line->last[waiter->urgent];

	waiter->prev = *last;
	waiter->next = NULL;
	if (*last)
		(*last)->next = waiter;
	else
		line->first[waiter->urgent] = waiter;
	*last = waiter;
}

static void take_out(struct pool_line *line, struct pool_waiter *waiter)
{
	if (waiter->prev)
		waiter->prev->next = waiter->next;
	else
		line->first[waiter->urgent] = waiter->next;
	if (waiter->next)
		waiter->next->prev = waiter->prev;
	else
		line->last[waiter->urgent] = waiter->prev;
}

int pool_line_wait(struct rt *rt, struct pool_line *line,
		   struct pool_waiter *waiter, struct deadline deadline)
{
	int err;

	event_init(rt, &waiter->granted);
	push(line, waiter);
	err = event_wait(&waiter->granted, deadline);
	if (!waiter->granted.set)
		take_out(line, waiter);
	return err;
}

struct pool_waiter *pool_line_grant(struct pool_line *line, bool common,
				    void *given)
{
	struct pool_waiter *waiter = line->first[1];

	if (!waiter && common)
		waiter = line->first[0];
	if (!waiter)
		return NULL;
	take_out(line, waiter);
	waiter->given = given;
	event_set(&waiter->granted);
	return waiter;
}
