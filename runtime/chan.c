// SPDX-License-Identifier: MIT
#include "runtime/chan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sched.h"

struct chan {
	struct rt *rt;
	size_t size;
	uint32_t capacity, len, head;
	bool closed;
	struct wait_queue senders, receivers;
	char buffer[];
};

/* A sender or receiver, parked. */
struct party {
	struct clause clause;
	struct wait_queue *queue;
	void *value; /* where to, or (only read) where from */
};

static struct party *party_of(struct clause *clause)
{
	return (struct party *)((char *)clause -
				offsetof(struct party, clause));
}

static bool party_withdraw(struct clause *clause)
{
	wait_queue_remove(party_of(clause)->queue, clause);
	return true;
}

struct chan *chan_new(struct rt *rt, size_t size, uint32_t capacity)
{
	struct chan *chan;

	if (size == 0 || size > CHAN_VALUE_MAX)
		return NULL;
	chan = malloc(sizeof(*chan) + size * capacity);
	if (!chan)
		return NULL;
	*chan = (struct chan){ .rt = rt, .size = size, .capacity = capacity };
	return chan;
}

void chan_free(struct chan *chan)
{
	free(chan);
}

static void *slot(struct chan *chan, uint32_t index)
{
	return chan->buffer +
	       (chan->head + index) % chan->capacity * chan->size;
}

static void buffer_push(struct chan *chan, const void *value)
{
	memcpy(slot(chan, chan->len), value, chan->size);
	chan->len++;
}

/* Parks in `queue`. The other side copies the value and fires with 0, or
 * chan_close fires with -EPIPE. */
static int meet(struct chan *chan, struct wait_queue *queue, void *value,
		const char *what, struct deadline deadline)
{
	struct party party = { .queue = queue, .value = value };
	struct wait wait;

	wait_begin(chan->rt, &wait, what);
	wait_queue_push(queue, &party.clause);
	wait_clause_add(&wait, &party.clause, party_withdraw);
	wait_deadline_add(&wait, deadline);
	struct clause *fired = wait_park(&wait);
	if (fired == &party.clause)
		return (int)party.clause.result;
	return fired ? -ETIMEDOUT : task_cancelled(chan->rt);
}

int chan_send(struct chan *chan, const void *value, struct deadline deadline)
{
	int reason = task_cancelled(chan->rt);

	if (reason)
		return reason;
	if (chan->closed)
		return -EPIPE;
	struct clause *receiver = wait_queue_pop(&chan->receivers);
	if (receiver) {
		memcpy(party_of(receiver)->value, value, chan->size);
		clause_fire(receiver, 0);
		return 0;
	}
	if (chan->len < chan->capacity) {
		buffer_push(chan, value);
		return 0;
	}
	return meet(chan, &chan->senders, (void *)(uintptr_t)value, "chan send",
		    deadline);
}

int chan_recv(struct chan *chan, void *value, struct deadline deadline)
{
	int reason = task_cancelled(chan->rt);
	struct clause *sender;

	if (reason)
		return reason;
	if (chan->len > 0) {
		memcpy(value, slot(chan, 0), chan->size);
		chan->head = (chan->head + 1) % chan->capacity;
		chan->len--;
		sender = wait_queue_pop(&chan->senders);
		if (sender) {
			buffer_push(chan, party_of(sender)->value);
			clause_fire(sender, 0);
		}
		return 0;
	}
	sender = wait_queue_pop(&chan->senders);
	if (sender) {
		memcpy(value, party_of(sender)->value, chan->size);
		clause_fire(sender, 0);
		return 0;
	}
	if (chan->closed)
		return -EPIPE;
	return meet(chan, &chan->receivers, value, "chan recv", deadline);
}

void chan_close(struct chan *chan)
{
	struct clause *clause;

	chan->closed = true;
	while ((clause = wait_queue_pop(&chan->senders)) != NULL)
		clause_fire(clause, -EPIPE);
	while ((clause = wait_queue_pop(&chan->receivers)) != NULL)
		clause_fire(clause, -EPIPE);
}

uint32_t chan_len(const struct chan *chan)
{
	return chan->len;
}
