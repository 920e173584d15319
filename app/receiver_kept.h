// SPDX-License-Identifier: MIT
/*
 * receiver_kept - what an earlier process has fetched and left in the journal:
 * it comes into the inbox before anything is fetched.
 *
 * Messages that stand behind what a power cut has damaged (journal_load.h) wait
 * until the platform has been asked for those that may be missing before them,
 * and for themselves.
 *
 * For receiver.c.
 */
#ifndef APP_RECEIVER_KEPT_H
#define APP_RECEIVER_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "app/feed.h"
#include "proto/activity.h"

struct receiver;

/* The messages of a page, in order, and where the page has been read to. */
struct batch {
	struct activity_message *messages[FEED_PAGE];
	size_t count;
	char last[ACTIVITY_ID_MAX + 1];
	char at[64]; /* its created_at, "" unknown */
};

/* Opens the journal and brings back what is in it. False: not now, it is to be
 * tried again. Parks. */
bool receiver_kept_open(struct receiver *receiver);
/* Nothing is missing any more before those that were written before that time
 * (NULL: before any): the messages that wait come now, as far as there is room,
 * but for those that have been fetched again. Does not park. */
void receiver_kept_release(struct receiver *receiver, const char *before);
/* Forgets those that wait; they are in the journal. */
void receiver_kept_free(struct receiver *receiver);

/* Tells who cares about what a message brings, before it is in the inbox. Does
 * not park. */
void receiver_announce(const struct receiver *receiver,
		       const struct activity_message *message);

#endif
