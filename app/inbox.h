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
 * it is popped, whoever looks at it. Each belongs to a source, the workspace
 * that it came to, whose journal (journal.h) remembers it over a restart: what
 * is put has been written there before, and a pop is there before it is
 * answered. Messages are what proto/activity.h makes of the platform's rows.
 *
 * A source may have INBOX_CAPACITY messages here, and all of them together
 * INBOX_BYTES_MAX. Beyond that inbox_room says that there is none, so that the
 * receiver pauses and nothing is lost; what it has fetched by then is let in.
 * Room is made by what is popped; and by messages that somebody was given by
 * wait_for_message or inbox_peek (inbox_show) INBOX_GRACE_MS ago and has not
 * popped since: the oldest of them is given up, with a warning that counts. So
 * who pops what he was given loses none of it, and who never pops does not stop
 * what comes for ever.
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
struct journal;
struct log;
struct rt;

#define INBOX_CAPACITY 200u
#define INBOX_BYTES_MAX (16u * 1024 * 1024)
#define INBOX_GRACE_MS 60000

/* Where messages come from. Filled in by its owner and borrowed for the inbox's
 * life; what is below is the inbox's. */
struct inbox_source {
	struct journal *journal; /* NULL: they are only in memory */
	/* The journal is there, and cannot be had now: nothing can be popped.
	 */
	bool journal_away;
	/* There is room again, after inbox_room said that there is none. Must
	 * not park. */
	void (*room)(void *arg);
	void *arg;

	uint32_t count; /* of its messages */
	bool waits;
	struct inbox_source *next_waiting;
};

/* NULL when out of memory. Allocates nothing else until messages come. */
struct inbox *inbox_new(struct rt *rt, struct log *log);
/* Frees it and what is in it. Nobody may be parked in it. */
void inbox_free(struct inbox *inbox);

/* Another grace than INBOX_GRACE_MS, for tests. Does not park. */
void inbox_set_grace(struct inbox *inbox, uint32_t ms);

/* How many messages of this source can be put now. When it is 0, source->room
 * is called once when that may have changed, unless it is for the time that has
 * passed: ask again from time to time. Does not park. */
uint32_t inbox_room(struct inbox *inbox, struct inbox_source *source);

/* Adds a copy of *message (borrowed for the call) at the end, wakes who waits
 * and calls the hook; may give up a message that was shown. The source may be
 * NULL. Returns 0; -EEXIST when a message with this id is here or was popped
 * lately (nothing is added: go on); -ENOSPC when the source has INBOX_CAPACITY
 * messages and none can be given up; -EINVAL when the id is empty; -ENOMEM.
 * Does not park. */
int inbox_put(struct inbox *inbox, struct inbox_source *source,
	      const struct activity_message *message);

/* Notes that somebody is given the message, which came from here. */
void inbox_show(struct inbox *inbox, const struct activity_message *message);

/* Takes the message with this id out for good, once that is on disk. Returns 1;
 * 0 when there is none; or a negative errno when it could not be written: then
 * the message stays. Parks. */
int inbox_pop(struct inbox *inbox, const char *activity_id);

/* Calls fn for each message of the source, held back or not, oldest first. */
void inbox_each(const struct inbox *inbox, const struct inbox_source *source,
		void (*fn)(void *arg, const struct activity_message *message),
		void *arg);

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
/* Messages popped, and given up, so far. */
uint64_t inbox_popped(const struct inbox *inbox);
uint64_t inbox_given_up(const struct inbox *inbox);
/* Some source waits for room. */
bool inbox_full(const struct inbox *inbox);

/* Has hook(arg) called after each inbox_put that added a message. The hook
 * must not park. One hook; NULL takes it away. */
void inbox_on_put(struct inbox *inbox, void (*hook)(void *arg), void *arg);

/* The oldest message that this has not given yet, NULL when there is none:
 * what remains to be announced. Popped messages are left out. */
const struct activity_message *inbox_announce(struct inbox *inbox);

#endif
