// SPDX-License-Identifier: MIT
/*
 * receiver - brings a workspace's messages into the inbox.
 *
 * There are two feeds, each a list of the platform that is read with a cursor
 * of its own (the id of the last row seen, in a file) or, without one, for the
 * last ten minutes:
 *
 *	messages	every poll interval, and when receiver_wake asks
 *	broadcasts	at a start, then every RECEIVER_BROADCASTS_MS, and when
 *			receiver_wake_broadcasts asks
 *
 * Rows that are the workspace's own echo are passed over; the others become
 * messages. A row that cannot be read is logged and passed over too: it never
 * stops those behind it. A cursor moves only after the rows before it are in
 * the inbox; while that is full the receiver waits.
 *
 * A page that is too large to be read is asked for again in smaller pieces.
 * A full page, and a cursor that the platform no longer knows (410, or an
 * error that blames the cursor), are followed by the next poll at once.
 * Refused tokens are counted and logged as by the heartbeat (workspace.h),
 * and Retry-After is honoured. Nothing is fetched before receiver_begin, nor
 * after receiver_rest.
 */
#ifndef APP_RECEIVER_H
#define APP_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "app/workspace.h"
#include "runtime/event.h"

struct inbox;
struct scope;

#define RECEIVER_CURSOR_MAX 256 /* bytes; a longer one is not a cursor */
/* Polls in a row that may follow at once, so that a platform which always
 * fills its pages, or always says 410, is not asked without end. */
#define RECEIVER_AT_ONCE_MAX 1000
#define RECEIVER_BROADCASTS_MS 60000

/* What tells the feeds apart. */
struct receiver_kind {
	const char *type;   /* activity_type of its rows */
	const char *cursor; /* the cursor's file, without suffix */
	const char *what;   /* for the log */
};

struct receiver_feed {
	const struct receiver_kind *kind;
	struct workspace_failures failures;
	unsigned int narrowed; /* how far the page size was cut down */
	bool cursor_read;      /* the file has been looked at */
	char *cursor;	       /* NULL: none; owned */
};

struct receiver {
	struct workspace_deps deps; /* the hooks are not used */
	struct inbox *inbox;
	int64_t started_ns; /* BOOTTIME; zero of the cadence */
	struct event begun;
	struct event wake;	 /* something is to be fetched now */
	int64_t broadcasts_ns;	 /* BOOTTIME; when they are due */
	struct log_limit poison; /* of rows that are none */
	struct receiver_feed messages, broadcasts;
};

/* Everything is borrowed for the receiver's life. `started_ns` is where the
 * cadence is counted from: the workspace's, so that polls and heartbeats that
 * are due together go out together. */
void receiver_init(struct receiver *receiver, const struct workspace_deps *deps,
		   struct inbox *inbox, int64_t started_ns);
/* Frees what it owns; its task must have ended. */
void receiver_fini(struct receiver *receiver);

/* Spawns its task into `scope`: 0 or -ENOMEM. Does not park. */
int receiver_start(struct receiver *receiver, struct scope *scope);

/* Fetching may begin, and does at once; or is not to go on. Idempotent, do not
 * park. */
void receiver_begin(struct receiver *receiver);
void receiver_rest(struct receiver *receiver);

/* Has messages, or broadcasts, fetched now, or as soon as the platform lets it
 * (Retry-After). Calls that come before that happens count as one. Without
 * effect while the receiver rests. Do not park. */
void receiver_wake(struct receiver *receiver);
void receiver_wake_broadcasts(struct receiver *receiver);

/* One poll of a feed, for the task and for tests. Returns whether the next one
 * should follow at once. *retry_ms is what Retry-After asked for, -1 if
 * nothing. Parks. */
bool receiver_poll(struct receiver *receiver, struct receiver_feed *feed,
		   int64_t *retry_ms);

#endif
