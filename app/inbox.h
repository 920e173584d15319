// SPDX-License-Identifier: MIT
/*
 * inbox - the messages that have arrived and that the agent has not dealt
 * with yet, oldest first.
 *
 *	receiver:  inbox_put		one row after the other
 *	tools:	   inbox_wait, inbox_first/inbox_next, inbox_pop
 *	server:	   inbox_announce	one notification for each new message
 *
 * inbox_put and inbox_pop are the only ways in and out. A message stays until
 * it is popped, whoever looks at it. When it is full
 * inbox_put waits, so that the receiver stops fetching and nothing is lost.
 * The ids of what was popped are remembered for a while, so that a row that
 * is fetched again does not come back. Messages are what proto/activity.h
 * makes of the platform's rows.
 *
 * A message can be held back for somebody who waits for just that one
 * (turns.h): it is in here like any other, but is neither given by inbox_wait,
 * inbox_first and inbox_next nor announced, until it is popped or released.
 */
#ifndef APP_INBOX_H
#define APP_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/clock.h"

struct activity_message;
struct inbox;
struct rt;

#define INBOX_CAPACITY 200u
/* It is full, too, when its messages take this much memory. */
#define INBOX_BYTES_MAX (16u * 1024 * 1024)
/* Popped ids remembered; the oldest is forgotten first. Two full pages of the
 * platform's activity list and more. */
#define INBOX_REMEMBERED 1024u

/* NULL when out of memory. Allocates nothing else until messages come. */
struct inbox *inbox_new(struct rt *rt);
/* Frees it and what is in it. Nobody may be parked in it. */
void inbox_free(struct inbox *inbox);

/* Adds a copy of *message (borrowed for the call) at the end, wakes who waits
 * and calls the hook. Parks while the inbox is full. Returns 0; -EEXIST when a
 * message with this id is here or was popped lately (nothing is added: go on);
 * -EINVAL when the id is empty; -ENOMEM; -ETIMEDOUT past the deadline; or the
 * cancellation's reason. */
int inbox_put(struct inbox *inbox, const struct activity_message *message,
	      struct deadline deadline);

/* Takes the message with this id out for good. Returns 1, or 0 when there is
 * none. May park (once there is a journal); errors are negative errno. */
int inbox_pop(struct inbox *inbox, const char *activity_id);

/* Parks until there is a message; any number of tasks may wait, and all are
 * woken for the same head. Returns 0, -ETIMEDOUT, or the cancellation's
 * reason. */
int inbox_wait(struct inbox *inbox, struct deadline deadline);

/* The oldest message, and the one after `message` (which came from here); NULL
 * at the end. Valid until the message is popped, so done with before the next
 * call that parks. */
const struct activity_message *inbox_first(const struct inbox *inbox);
const struct activity_message *
inbox_next(const struct activity_message *message);

/* Has claim(arg, message) asked about each message that is put, before anybody
 * learns of it; true holds it back. It must not park and must not change the
 * inbox. One; NULL takes it away. */
void inbox_on_arrival(struct inbox *inbox,
		      bool (*claim)(void *arg,
				    const struct activity_message *message),
		      void *arg);
/* Holds a message back that everybody could see until now. False when it is
 * not here, or held already. Does not park. */
bool inbox_hold(struct inbox *inbox, const char *activity_id);
/* Lets everybody see a message that was held back, at its old place; it is
 * announced if it never was. Harmless when there is none. Does not park. */
void inbox_release(struct inbox *inbox, const char *activity_id);
/* The message with this id, held back or not; NULL when there is none. Valid
 * as those of inbox_first. */
const struct activity_message *inbox_find(const struct inbox *inbox,
					  const char *activity_id);

/* How many messages are here, those held back among them. */
uint32_t inbox_count(const struct inbox *inbox);
/* A put would have to wait now. */
bool inbox_full(const struct inbox *inbox);

/* Has hook(arg) called after each inbox_put that added a message. The hook
 * must not park. One hook; NULL takes it away. */
void inbox_on_put(struct inbox *inbox, void (*hook)(void *arg), void *arg);

/* The oldest message that this has not given yet, NULL when there is none:
 * what remains to be announced. Popped messages are left out. */
const struct activity_message *inbox_announce(struct inbox *inbox);

#endif
