// SPDX-License-Identifier: MIT
#include "app/turns.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/fleet.h"
#include "app/inbox.h"

/* A message of a peer that came while this process ran, or was answered. */
struct record {
	uint64_t number; /* 1, 2, … in the order in which they came; 0: none */
	int64_t came_ns; /* MONOTONIC */
	bool answered;
	char id[ACTIVITY_ID_MAX + 1];
	char peer_id[ACTIVITY_ID_MAX + 1];
	char arrival[ACTIVITY_ID_MAX + 1];
};

/* A task whose answer nobody waits for any more. */
struct given_up {
	uint64_t order; /* of the turn; 0: none, or it has been answered */
	int64_t since_ns;
	const struct member *who;
	char peer_id[ACTIVITY_ID_MAX + 1];
};

struct turns {
	struct rt *rt;
	struct inbox *inbox;
	struct turn *first, *last; /* under way, the oldest first */
	uint64_t number;	   /* of the last record */
	struct record *records;	   /* a ring, made for the first message */
	uint64_t order;		   /* of the last turn */
	struct given_up *given_up; /* a ring, made for the first of them */
	uint64_t given_up_count;   /* so far */
};

static struct record *slot(const struct turns *turns, uint64_t number)
{
	return &turns->records[number % TURNS_REMEMBERED];
}

/* Whether an agent wrote it who may expect an answer, or gives one. */
static bool is_spoken(const struct activity_message *message)
{
	return *message->peer_id && strcmp(message->kind, "peer_agent") == 0 &&
	       strcmp(message->method, "broadcast") != 0;
}

/* With one workspace messages do not say where they came to. */
static bool came_to(const char *arrival, const struct member *who)
{
	return *arrival == '\0' ||
	       strcasecmp(arrival, who->who.workspace_id) == 0;
}

static bool is_between(const struct turn *turn, const char *peer_id,
		       const char *arrival)
{
	return strcasecmp(turn->peer_id, peer_id) == 0 &&
	       came_to(arrival, turn->who);
}

static bool is_recent(const struct turns *turns, int64_t since_ns)
{
	return clock_now(turns->rt, CLOCK_ID_MONOTONIC) - since_ns <=
	       TURNS_LIFE_S * CLOCK_NS_PER_S;
}

static bool fits(const char *text)
{
	return strlen(text) <= ACTIVITY_ID_MAX;
}

/* Copies an id that fits. */
static void copy_id(char to[ACTIVITY_ID_MAX + 1], const char *id)
{
	memcpy(to, id, strlen(id) + 1);
}

/* Remembers a message; NULL when that cannot be. */
static struct record *remember(struct turns *turns,
			       const struct activity_message *message)
{
	struct record *record;

	if (!fits(message->activity_id) || !fits(message->peer_id) ||
	    !fits(message->arrival_workspace_id))
		return NULL;
	if (!turns->records)
		turns->records = calloc(TURNS_REMEMBERED, sizeof(*record));
	if (!turns->records)
		return NULL;
	record = slot(turns, ++turns->number);
	*record = (struct record){
		.number = turns->number,
		.came_ns = clock_now(turns->rt, CLOCK_ID_MONOTONIC),
	};
	copy_id(record->id, message->activity_id);
	copy_id(record->peer_id, message->peer_id);
	copy_id(record->arrival, message->arrival_workspace_id);
	return record;
}

static struct record *record_of(const struct turns *turns, const char *id)
{
	for (size_t i = 0; turns->records && i < TURNS_REMEMBERED; i++)
		if (turns->records[i].number &&
		    strcmp(turns->records[i].id, id) == 0)
			return &turns->records[i];
	return NULL;
}

static void answer(struct turn *turn, struct record *record)
{
	record->answered = true; /* an answer wants none */
	copy_id(turn->answer, record->id);
	event_set(&turn->answered);
}

/* The oldest turn that waits for this message. */
static struct turn *waiting(const struct turns *turns,
			    const struct record *record)
{
	struct turn *turn = turns->first;

	while (turn && (!turn->expecting || *turn->answer ||
			!is_between(turn, record->peer_id, record->arrival)))
		turn = turn->next;
	return turn;
}

/* The oldest task that this message may answer and that was given up. */
static struct given_up *overdue(const struct turns *turns,
				const struct record *record)
{
	struct given_up *oldest = NULL;

	for (size_t i = 0; turns->given_up && i < TURNS_GIVEN_UP; i++) {
		struct given_up *task = &turns->given_up[i];

		if (task->order && is_recent(turns, task->since_ns) &&
		    strcasecmp(task->peer_id, record->peer_id) == 0 &&
		    came_to(record->arrival, task->who) &&
		    (!oldest || task->order < oldest->order))
			oldest = task;
	}
	return oldest;
}

static void give_up(const struct turn *turn)
{
	struct turns *turns = turn->turns;
	struct given_up *task;

	if (!fits(turn->peer_id))
		return;
	if (!turns->given_up)
		turns->given_up = calloc(TURNS_GIVEN_UP, sizeof(*task));
	if (!turns->given_up)
		return;
	task = &turns->given_up[turns->given_up_count++ % TURNS_GIVEN_UP];
	task->order = turn->order;
	task->since_ns = clock_now(turns->rt, CLOCK_ID_MONOTONIC);
	task->who = turn->who;
	copy_id(task->peer_id, turn->peer_id);
}

/* A message has come: whether somebody waits for it. */
static bool arrived(void *arg, const struct activity_message *message)
{
	struct turns *turns = arg;
	struct given_up *late;
	struct record *record;
	struct turn *turn;

	record = is_spoken(message) ? remember(turns, message) : NULL;
	if (!record)
		return false;
	turn = waiting(turns, record);
	late = overdue(turns, record);
	if (late && (!turn || late->order < turn->order)) {
		late->order = 0;
		record->answered = true;
		return false;
	}
	if (turn)
		answer(turn, record);
	return turn != NULL;
}

struct turns *turns_new(struct rt *rt, struct inbox *inbox)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return NULL;
	turns->rt = rt;
	turns->inbox = inbox;
	inbox_on_arrival(inbox, arrived, turns);
	return turns;
}

void turns_free(struct turns *turns)
{
	if (!turns)
		return;
	inbox_on_arrival(turns->inbox, NULL, NULL);
	free(turns->records);
	free(turns->given_up);
	free(turns);
}

/* Notes the message as the one that this turn answers. */
static void reply_to(struct turn *turn, struct record *record)
{
	record->answered = true;
	copy_id(turn->replies_to, record->id);
	turn->kind = TURN_REPLY;
}

/* A message in the inbox that stands unanswered. */
static void look_in_inbox(struct turn *turn)
{
	const struct activity_message *message;
	struct turns *turns = turn->turns;

	for (message = inbox_first(turns->inbox); message;
	     message = inbox_next(message)) {
		struct record *record;

		if (!is_spoken(message) ||
		    !is_between(turn, message->peer_id,
				message->arrival_workspace_id))
			continue;
		record = record_of(turns, message->activity_id);
		if (!record)
			record = remember(turns, message);
		if (record && !record->answered) {
			reply_to(turn, record);
			return;
		}
	}
}

/* One that was popped before it was answered. */
static void look_back(struct turn *turn)
{
	struct turns *turns = turn->turns;
	uint64_t number = turns->number > TURNS_REMEMBERED
				  ? turns->number - TURNS_REMEMBERED
				  : 0;

	while (turns->records && ++number <= turns->number) {
		struct record *record = slot(turns, number);

		if (record->number != number || record->answered ||
		    !is_recent(turns, record->came_ns) ||
		    !is_between(turn, record->peer_id, record->arrival) ||
		    inbox_find(turns->inbox, record->id))
			continue;
		reply_to(turn, record);
		return;
	}
}

enum turn_kind turns_begin(struct turns *turns, struct turn *turn,
			   const struct member *who, const char *peer_id)
{
	*turn = (struct turn){ .turns = turns,
			       .before = turns->last,
			       .who = who,
			       .peer_id = peer_id,
			       .kind = TURN_TASK,
			       .order = ++turns->order };
	event_init(turns->rt, &turn->answered);
	look_in_inbox(turn);
	if (turn->kind == TURN_TASK)
		look_back(turn);
	turn->after = turns->number;
	if (turns->last)
		turns->last->next = turn;
	else
		turns->first = turn;
	turns->last = turn;
	return turn->kind;
}

void turns_unsaid(struct turn *turn)
{
	struct record *record = record_of(turn->turns, turn->replies_to);

	if (turn->kind == TURN_REPLY && record)
		record->answered = false;
}

void turns_expect(struct turn *turn)
{
	struct turns *turns = turn->turns;

	turn->expecting = true;
	for (uint64_t number = turn->after; number < turns->number;) {
		struct record *record = slot(turns, ++number);

		if (record->number != number || record->answered ||
		    !is_between(turn, record->peer_id, record->arrival) ||
		    !inbox_hold(turns->inbox, record->id))
			continue;
		answer(turn, record);
		return;
	}
}

void turns_expect_none(struct turn *turn)
{
	turn->expecting = false;
}

int turns_wait(struct turn *turn, struct deadline deadline)
{
	return event_wait(&turn->answered, deadline);
}

const struct activity_message *turns_answer(const struct turn *turn)
{
	return *turn->answer ? inbox_find(turn->turns->inbox, turn->answer)
			     : NULL;
}

void turns_end(struct turn *turn, bool taken)
{
	struct turns *turns = turn->turns;

	if (turn->before)
		turn->before->next = turn->next;
	else
		turns->first = turn->next;
	if (turn->next)
		turn->next->before = turn->before;
	else
		turns->last = turn->before;
	if (*turn->answer && !taken)
		turns_give_back(turns, turn->answer);
	else if (turn->expecting && !*turn->answer)
		give_up(turn);
}

void turns_give_back(struct turns *turns, const char *activity_id)
{
	struct record *record = record_of(turns, activity_id);

	if (record)
		record->answered = false;
	inbox_release(turns->inbox, activity_id);
}
