// SPDX-License-Identifier: MIT
/*
 * receiver - brings a workspace's messages into the inbox.
 *
 * There are two feeds (feed.h), each a list of the platform that is read in
 * order with a cursor:
 *
 *	messages	every poll interval; every RECEIVER_SAFETY_MS while the
 *			event stream is trusted (follower.h); and when
 *			receiver_wake asks, which the stream does
 *	broadcasts	at a start and when the stream opens or announces one,
 *			and every RECEIVER_BROADCASTS_SAFETY_MS; every
 *			RECEIVER_BROADCASTS_MS without a stream that is trusted,
 *			and after a failure
 *
 * Rows that are the workspace's own echo are passed over; the others become
 * messages. A row that cannot be read is logged and passed over too: it never
 * stops those behind it.
 *
 * Messages of the journal that stand behind what a power cut has damaged wait
 * until the platform has been asked for those that may be missing before them.
 *
 * Nothing is lost and nothing comes twice: the messages of a page are written
 * to the journal (journal.h) before anybody learns of them, and are on the disk
 * before the cursor's file moves; what was popped does not come back. While
 * the journal cannot be written, messages come all the same, and the file stays
 * behind, so that a restart fetches them again. When the inbox has no room the
 * receiver pauses until it has.
 *
 * After RECEIVER_FAILURES failures in a row that say that the platform is in
 * trouble, polls come at growing intervals with jitter, up to
 * RECEIVER_BACKOFF_MAX_MS; the first success ends that.
 * Retry-After is honoured, and refused tokens are counted and logged as by the
 * heartbeat (workspace.h). Nothing is fetched before receiver_begin, nor after
 * receiver_rest.
 */
#ifndef APP_RECEIVER_H
#define APP_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "app/agenda.h"
#include "app/feed.h"
#include "app/follower.h"
#include "app/inbox.h"
#include "app/workspace.h"

struct activity_message;
struct batch;
struct journal;
struct scope;

/* Polls in a row that may follow at once, so that a platform which always
 * fills its pages, or always says 410, is not asked without end. */
#define RECEIVER_AT_ONCE_MAX 1000
#define RECEIVER_BROADCASTS_MS 60000
#define RECEIVER_BROADCASTS_SAFETY_MS 600000 /* while the stream is trusted */
#define RECEIVER_SAFETY_MS 60000
#define RECEIVER_FAILURES 10
#define RECEIVER_BACKOFF_MAX_MS 60000
#define RECEIVER_STOP_MS 100 /* for the journal, at a stop */

/* What a receiver works with, beside what the workspace does. Borrowed. */
struct receiver_options {
	struct inbox *inbox;
	struct agenda *agenda;
	/* Where the cadence is counted from: the workspace's, so that polls and
	 * heartbeats that are due together go out together. */
	int64_t started_ns;
	bool follow; /* the event stream */
};

struct receiver {
	struct agenda_item item;    /* first: the item is the receiver */
	struct workspace_deps deps; /* the hooks are not used */
	struct receiver_options options;
	struct scope *scope;
	struct journal *journal; /* NULL before the first begin */
	struct inbox_source source;
	struct batch *batch; /* being brought in, in part in the journal */
	/* Messages of the journal before which others may be missing: they
	 * come when the platform has been asked for those. Owned. */
	struct activity_message **doubtful;
	size_t doubtful_count;
	int kept_err; /* a message of the journal could not be had */
	struct follower follower;
	struct feed messages, broadcasts;
	struct log_limit poison;     /* of rows that are none */
	struct log_limit full;	     /* of an inbox without room */
	struct log_limit unreadable; /* of a journal that is */
	int64_t broadcasts_ns;	     /* BOOTTIME; when they are due */
	bool begun;
	bool opened;		 /* the journal has been read */
	bool followed;		 /* the follower's task has been started */
	bool trusted;		 /* its stream is */
	bool hurry;		 /* somebody asked for it */
	uint64_t received, kept; /* now, and by an earlier process */
};

void receiver_init(struct receiver *receiver, const struct workspace_deps *deps,
		   const struct receiver_options *options);
/* Frees what it owns, once or more often; the agenda and the scope must have
 * ended. Parks. */
void receiver_fini(struct receiver *receiver);

/* Where its tasks are to live. Does not park. */
void receiver_start(struct receiver *receiver, struct scope *scope);

/* Fetching may begin, and does at once; or is not to go on. Idempotent, do not
 * park. */
void receiver_begin(struct receiver *receiver);
void receiver_rest(struct receiver *receiver);

/* Has messages, or broadcasts, fetched now. Calls that come before that happens
 * count as one. Without effect while the receiver rests. Do not park. */
void receiver_wake(struct receiver *receiver);
void receiver_wake_broadcasts(struct receiver *receiver);

/* One look at a feed, for the agenda and for tests. Returns whether the next
 * one should follow at once. *retry_ms is what Retry-After asked for, -1 if
 * nothing. Parks. */
bool receiver_poll(struct receiver *receiver, struct feed *feed,
		   int64_t *retry_ms);

/* The pause before the next poll after so many failures in a row, with ±25 % by
 * `random` once it is not `poll_ms` itself. Pure. */
int64_t receiver_pause_ms(uint32_t failures, uint32_t poll_ms, uint32_t random);

#endif
