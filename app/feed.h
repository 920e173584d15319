// SPDX-License-Identifier: MIT
/*
 * feed - a list of the platform's activity, read in order with a cursor.
 *
 *	if (feed_ask(&feed, room, &rows, &retry_ms) == FEED_ROWS)
 *		for (i = 0; i < feed_rows_count(&rows); i++)
 *			… feed_row(&rows, i) …		oldest first
 *	feed_rows_free(&rows);
 *	feed_moved(&feed, id, created_at); feed_save(&feed);
 *
 * The cursor is the id of the last row dealt with, in a file of the state
 * directory that the original program reads and writes too. It moves in memory
 * by feed_moved, and on disk by feed_save, which the caller calls when nothing
 * before it can be lost any more.
 *
 * Without a cursor, at a first start or when the platform no longer knows it,
 * a window of time is read: FEED_WINDOW_S and for how long the platform has not
 * answered, or the time since the last row that was known, whichever is longer.
 * The platform gives such a window newest first and at most FEED_PAGE rows of
 * it, so the feed walks back to its oldest page and goes on from there with a
 * cursor: a window of any length is read to its end, in order, holding two
 * pages at most.
 *
 * A page that is too large to be read is asked for again in smaller pieces. A
 * cursor that the platform does not know (410), or an error that blames the
 * cursor, makes the feed forget it.
 */
#ifndef APP_FEED_H
#define APP_FEED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/page.h"
#include "app/platform_client.h"
#include "app/workspace.h"

#define FEED_CURSOR_MAX 256 /* bytes; a longer one is not a cursor */
#define FEED_WINDOW_S 600
#define FEED_WINDOW_MAX_S (30 * 24 * 3600) /* what the platform keeps */
#define FEED_PAGE 500			   /* rows it gives at most */
#define FEED_WALK_MAX 400		   /* pages of a window */

/* What tells feeds apart. */
struct feed_kind {
	const char *type;   /* activity_type of its rows */
	const char *cursor; /* the cursor's file, without suffix */
	const char *what;   /* for the log */
};

struct feed {
	const struct feed_kind *kind;
	const struct workspace_deps *deps; /* borrowed for its life */
	struct workspace_failures failures;
	/* Of them those in a row that say that the platform is in trouble: no
	 * answer, 5xx, 429. */
	uint32_t trouble;
	unsigned int narrowed; /* how far the page size was cut down */
	bool cursor_read;      /* the file has been looked at */
	bool unsaved;	       /* the file is behind */
	char *cursor;	       /* NULL: none; owned */
	/* By the platform's clock: the time of the last known row, 0: none; and
	 * how far that clock is ahead of this machine's, as far as is known. */
	int64_t known_s, ahead_s;
	int64_t asked_ns; /* BOOTTIME of the last ask that was answered, or of
			   * the first; 0: there was none */
};

enum feed_answer {
	FEED_ROWS,   /* there may be none among them */
	FEED_AGAIN,  /* ask again at once: the question was changed */
	FEED_FAILED, /* said as workspace_failed says it */
};

/* The rows of an answer; all zero is none. */
struct feed_rows {
	struct platform_reply reply;
	struct page page;
	bool newest_first;
	bool more; /* there are others behind these */
};

void feed_init(struct feed *feed, const struct feed_kind *kind,
	       const struct workspace_deps *deps);
void feed_fini(struct feed *feed);

/* What is known from elsewhere (the journal): a cursor to begin with when there
 * is no file, and the time of the row. Either may be "". Before the first ask.
 * Does not park. */
void feed_known(struct feed *feed, const char *id, const char *created_at);

/* Asks for the next rows; `room` (at least 1) is how many of them can be used.
 * *retry_ms is what Retry-After asked for, -1 if nothing. *rows is to be freed
 * whatever came. Parks. */
enum feed_answer feed_ask(struct feed *feed, unsigned int room,
			  struct feed_rows *rows, int64_t *retry_ms);
size_t feed_rows_count(const struct feed_rows *rows);
/* The i-th, oldest first: a new reference; an empty object when nothing of it
 * could be read; NULL when out of memory. */
json_t *feed_row(const struct feed_rows *rows, size_t i);
void feed_rows_free(struct feed_rows *rows);

/* Everything up to this row has been dealt with ("" changes nothing). 0 or
 * -ENOMEM. Does not park. */
int feed_moved(struct feed *feed, const char *id, const char *created_at);

/* Brings the file up to date: 0, or as state_dir_write. Parks, unless it is up
 * to date. */
int feed_save(struct feed *feed);

#endif
