// SPDX-License-Identifier: MIT
/*
 * turns - whose turn it is to speak, between a workspace and a peer that polls
 * for its messages.
 *
 * Such a peer has no way to answer but to send a message in return, and nothing
 * in a message says whether it asks or answers. So the two take turns:
 *
 *	- The first message of a peer that comes after a task was sent to it is
 *	  the answer to that task, the next one that to the next task.
 *	- A task for a peer one of whose messages stands unanswered is the
 *	  answer to that message, and nobody waits for an answer to an answer.
 *
 *	struct turn turn;
 *	if (turns_begin(turns, &turn, member, peer_id) == TURN_REPLY)
 *		… what is sent answers turn.replies_to …
 *	… send; the peer turns out to be one that polls …
 *	turns_expect(&turn);
 *	err = turns_wait(&turn, deadline);	// then turns_answer(&turn)
 *	turns_end(&turn, taken);
 *
 * The message that answers is held back in the inbox (inbox_hold): the agent
 * gets it as the tool's result and not a second time as a message. It is popped
 * when the result has reached the host, and released when it has not, so it is
 * never lost. Where a task and an unasked message cross on their way, the two
 * are taken for each other: each side still reads what the other wrote.
 *
 * A message counts as unanswered while it is in the inbox, and for TURNS_LIFE_S
 * after it came where the agent pops before it replies. A task whose answer
 * nobody waits for any more is expected to be answered for as long.
 */
#ifndef APP_TURNS_H
#define APP_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/activity.h"
#include "runtime/event.h"

struct inbox;
struct member;
struct rt;
struct turns;

#define TURNS_LIFE_S 1800
/* Messages remembered as answered or not, and tasks that were given up; the
 * oldest are forgotten first. */
#define TURNS_REMEMBERED 256
#define TURNS_GIVEN_UP 64

enum turn_kind {
	TURN_TASK,  /* an answer may be waited for */
	TURN_REPLY, /* it answers a message, and is the last word */
};

/* A task on its way; the caller's, in one place from begin to end. */
struct turn {
	struct turns *turns;
	struct turn *next, *before;
	const struct member *who;
	const char *peer_id;
	enum turn_kind kind;
	/* For TURN_REPLY: the id of the message that it answers. */
	char replies_to[ACTIVITY_ID_MAX + 1];
	uint64_t order; /* of turns: 1, 2, … */
	uint64_t after; /* messages up to this one came before */
	bool expecting;
	struct event answered;
	/* The id of the message that answers; "" until there is one. */
	char answer[ACTIVITY_ID_MAX + 1];
};

/* Watches the inbox, which is borrowed. NULL when out of memory. */
struct turns *turns_new(struct rt *rt, struct inbox *inbox);
/* No turn may be under way. NULL is harmless. */
void turns_free(struct turns *turns);

/* Before a task is sent to a peer in the name of a member; both are borrowed
 * until the end. A message that it answers counts as answered from now on;
 * turns_unsaid takes that back. Does not park. */
enum turn_kind turns_begin(struct turns *turns, struct turn *turn,
			   const struct member *who, const char *peer_id);
/* What was to be sent has not been. Does not park. */
void turns_unsaid(struct turn *turn);

/* The peer polls: its next message is the answer, be it one that has come
 * since turns_begin. Of several turns with a peer the oldest is answered first.
 * Does not park. */
void turns_expect(struct turn *turn);
/* Parks until the answer is there: 0, -ETIMEDOUT, or the cancellation's
 * reason. */
int turns_wait(struct turn *turn, struct deadline deadline);
/* The answer has come in another way: no message is expected any more. Does
 * not park. */
void turns_expect_none(struct turn *turn);
/* The message that answers, held back; NULL when there is none. Valid until
 * the next call that parks. */
const struct activity_message *turns_answer(const struct turn *turn);
/* Over. An answer that was not taken is shown to everybody, and counts as
 * unanswered; one that was stays held back, until the caller pops it in the
 * inbox or gives it back. Does not park. */
void turns_end(struct turn *turn, bool taken);
/* The answer with this id, taken before, did not reach anybody. Does not park.
 */
void turns_give_back(struct turns *turns, const char *activity_id);

#endif
