// SPDX-License-Identifier: MIT
#include "app/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/identity.h"
#include "app/state_dir.h"
#include "proto/json.h"
#include "proto/rfc3339.h"
#include "proto/uuid.h"
#include "runtime/task.h"

/* Page sizes, from the usual one down: for pages too large to be read. With a
 * cursor the usual one is the platform's own. */
static const unsigned int with_cursor[] = { 0, 25, 5, 1 };
static const unsigned int without_cursor[] = { FEED_PAGE, 25, 5, 1 };
#define NARROWEST 3u
/* Clocks may differ by so much, and requests take their time. */
#define CLOCK_PLAY_S 5u

void feed_init(struct feed *feed, const struct feed_kind *kind,
	       const struct workspace_deps *deps)
{
	*feed = (struct feed){ .kind = kind, .deps = deps };
}

void feed_fini(struct feed *feed)
{
	free(feed->cursor);
	feed->cursor = NULL;
}

static const char *file_name(const struct feed *feed,
			     char buf[STATE_DIR_NAME_MAX])
{
	return state_dir_name(buf, feed->kind->cursor, feed->deps->who->suffix);
}

static void note_time(struct feed *feed, const char *created_at)
{
	int64_t seconds;

	if (rfc3339_seconds(created_at, &seconds) && seconds > feed->known_s)
		feed->known_s = seconds;
}

void feed_known(struct feed *feed, const char *id, const char *created_at)
{
	if (feed->cursor == NULL && *id != '\0') {
		feed->cursor = strdup(id);
		feed->unsaved = feed->cursor != NULL;
	}
	note_time(feed, created_at);
}

/* The file's cursor is the one that counts: the original may have had its turn
 * since. */
static void read_cursor(struct feed *feed)
{
	char buf[FEED_CURSOR_MAX + 1], name[STATE_DIR_NAME_MAX];
	ssize_t n = state_dir_read(feed->deps->state, file_name(feed, name),
				   buf, sizeof(buf));
	char *text = buf + (n > 0 ? strspn(buf, " \t\r\n") : 0);

	if (n == -ECANCELED || n == -ETIMEDOUT)
		return;
	feed->cursor_read = true;
	if (n < 0 && n != -ENOENT)
		log_warning(feed->deps->log,
			    "inbox: cannot read the cursor %s: %s; beginning "
			    "with %s",
			    name, strerrordesc_np((int)-n),
			    feed->cursor != NULL ? "the journal's"
						 : "the last ten minutes");
	if (n <= 0)
		return;
	text[strcspn(text, " \t\r\n")] = '\0';
	if (*text == '\0')
		return;
	free(feed->cursor);
	feed->cursor = strdup(text);
	feed->unsaved = false;
}

int feed_moved(struct feed *feed, const char *id, const char *created_at)
{
	char *copy;

	if (*id == '\0')
		return 0;
	note_time(feed, created_at);
	if (feed->cursor != NULL && strcmp(feed->cursor, id) == 0)
		return 0;
	copy = strdup(id);
	if (copy == NULL)
		return -ENOMEM;
	free(feed->cursor);
	feed->cursor = copy;
	feed->unsaved = true;
	return 0;
}

int feed_save(struct feed *feed)
{
	char name[STATE_DIR_NAME_MAX];
	int err;

	if (!feed->unsaved || feed->cursor == NULL)
		return 0;
	feed->unsaved = false;
	err = state_dir_write(feed->deps->state, file_name(feed, name),
			      feed->cursor, strlen(feed->cursor));
	if (err < 0)
		feed->unsaved = true;
	return err;
}

static void forget_cursor(struct feed *feed)
{
	char name[STATE_DIR_NAME_MAX];

	free(feed->cursor);
	feed->cursor = NULL;
	feed->unsaved = false;
	state_dir_remove(feed->deps->state, file_name(feed, name));
}

void feed_rows_free(struct feed_rows *rows)
{
	page_free(&rows->page);
	platform_reply_free(&rows->reply);
	*rows = (struct feed_rows){ 0 };
}

size_t feed_rows_count(const struct feed_rows *rows)
{
	return rows->page.count;
}

json_t *feed_row(const struct feed_rows *rows, size_t i)
{
	return page_row(&rows->page,
			rows->newest_first ? rows->page.count - 1 - i : i);
}

/* One of the clocks may be wrong; rows have their times by the platform's. */
static void compare_clocks(struct feed *feed,
			   const struct platform_reply *reply)
{
	if (reply->date_s >= 0)
		feed->ahead_s = reply->date_s -
				clock_wall(feed->deps->rt) / CLOCK_NS_PER_S;
}

/* One request. 0, or why there are no rows; *full: as many as were asked for.
 */
static int fetch(struct feed *feed, const struct platform_activity_query *query,
		 struct feed_rows *rows, bool *full)
{
	const struct workspace_deps *deps = feed->deps;
	int err;

	*rows = (struct feed_rows){ 0 };
	platform_activity(deps->client, deps->who, query, &rows->reply);
	compare_clocks(feed, &rows->reply);
	if (!platform_ok(&rows->reply))
		return rows->reply.err != 0 ? rows->reply.err : -EPROTO;
	err = page_read(&rows->page, &rows->reply);
	*full = err == 0 &&
		rows->page.count >=
			(query->limit > 0 ? query->limit : PLATFORM_PAGE);
	return err;
}

static int64_t boot_now(const struct feed *feed)
{
	return clock_now(feed->deps->rt, CLOCK_ID_BOOTTIME);
}

/* The seconds back from now that are read without a cursor. */
static uint32_t window_secs(const struct feed *feed)
{
	int64_t now =
		clock_wall(feed->deps->rt) / CLOCK_NS_PER_S + feed->ahead_s;
	int64_t since = feed->known_s > 0 ? now - feed->known_s + 1 : 0;
	int64_t least = FEED_WINDOW_S +
			(boot_now(feed) - feed->asked_ns) / CLOCK_NS_PER_S;

	if (since < least)
		since = least;
	return since < FEED_WINDOW_MAX_S ? (uint32_t)since : FEED_WINDOW_MAX_S;
}

/* A member of a row on the page, counted from its oldest; "" when there is
 * none. The caller frees it. NULL when out of memory. */
static char *member_of(const struct feed_rows *rows, size_t i, const char *name)
{
	json_t *row = page_row(&rows->page, rows->page.count - 1 - i);
	char buf[32];
	const char *text = json_get_scalar(row, name, buf, sizeof(buf));
	char *copy = row != NULL ? strdup(text != NULL ? text : "") : NULL;

	json_decref(row);
	return copy;
}

/* The time before which the next page lies. Rows as old as the oldest may not
 * all be on this page, so it is the time of the first younger one; of a page of
 * one time only, that time. The caller frees it; NULL when there is none. */
static char *page_border(const struct feed_rows *rows)
{
	char *oldest = member_of(rows, 0, "created_at");
	char *border = NULL;

	if (oldest == NULL || *oldest == '\0') {
		free(oldest);
		return NULL;
	}
	for (size_t i = 1; i < rows->page.count; i++) {
		border = member_of(rows, i, "created_at");
		if (border == NULL || strcmp(border, oldest) != 0)
			break;
		free(border);
		border = NULL;
	}
	if (border == NULL)
		return oldest;
	free(oldest);
	return border;
}

/* Whether two pages end with the same row: there is nothing further back, or
 * the platform does not know before_ts. */
static bool same_end(const struct feed_rows *a, const struct feed_rows *b)
{
	char *one = member_of(a, 0, "id"), *other = member_of(b, 0, "id");
	bool same = one == NULL || other == NULL || strcmp(one, other) == 0;

	free(one);
	free(other);
	return same;
}

/* From the newest page of a window, which is in *rows and full, to its oldest.
 * 0, or why it must be begun again: no row has been dealt with yet. */
static int walk_back(struct feed *feed, struct platform_activity_query *query,
		     struct feed_rows *rows)
{
	bool full = true;
	int err = 0;

	for (int i = 0; full && i < FEED_WALK_MAX; i++) {
		struct feed_rows older;
		char *border = page_border(rows);

		if (border == NULL)
			break;
		query->before_ts = border;
		err = fetch(feed, query, &older, &full);
		free(border);
		if (err < 0) {
			feed_rows_free(rows);
			*rows = older;
			return err;
		}
		if (older.page.count == 0 || same_end(rows, &older)) {
			feed_rows_free(&older);
			break;
		}
		feed_rows_free(rows);
		*rows = older;
		rows->more = true;
	}
	return 0;
}

/* The window, by what is known of the clocks: the first answer may say more. */
static int fetch_window(struct feed *feed,
			struct platform_activity_query *query,
			struct feed_rows *rows, bool *full)
{
	int err = fetch(feed, query, rows, full);

	if (err < 0 || window_secs(feed) <= query->since_secs + CLOCK_PLAY_S)
		return err;
	feed_rows_free(rows);
	query->since_secs = window_secs(feed);
	return fetch(feed, query, rows, full);
}

static int ask_window(struct feed *feed, struct feed_rows *rows)
{
	struct platform_activity_query query = {
		.type = feed->kind->type,
		.poll = true,
		.peer_info = true,
		.since_secs = window_secs(feed),
		.limit = without_cursor[feed->narrowed],
	};
	bool full;
	int err = fetch_window(feed, &query, rows, &full);

	if (err == 0 && full)
		err = walk_back(feed, &query, rows);
	rows->newest_first = true;
	return err;
}

static int ask_after(struct feed *feed, unsigned int room,
		     struct feed_rows *rows)
{
	struct platform_activity_query query = {
		.type = feed->kind->type,
		.poll = true,
		.peer_info = true,
		.cursor = feed->cursor,
		.limit = with_cursor[feed->narrowed],
	};
	bool full = false;
	int err;

	if (query.limit == 0 && room < PLATFORM_PAGE)
		query.limit = room;
	err = fetch(feed, &query, rows, &full);
	rows->more = full;
	return err;
}

/* True when the answer only was too large, and is to be asked for in smaller
 * pieces. */
static bool narrow(struct feed *feed, int err)
{
	if ((err != -EMSGSIZE && err != -E2BIG) || feed->narrowed >= NARROWEST)
		return false;
	feed->narrowed++;
	return true;
}

/* Whether the platform's complaint is about the cursor. */
static bool blames_cursor(const struct feed *feed,
			  const struct platform_reply *reply)
{
	if (reply->err != 0 || feed->cursor == NULL)
		return false;
	return reply->status == 410 ||
	       ((reply->status == 400 || reply->status == 500) &&
		!uuid_valid(feed->cursor));
}

/* Forgets a cursor that the platform does not know. */
static void drop_cursor(struct feed *feed, int status)
{
	uint32_t minutes = window_secs(feed) / 60;

	if (status == 410)
		log_info(feed->deps->log,
			 "inbox poller: the platform no longer has the row of "
			 "the cursor; taking the last %u minutes",
			 minutes);
	else
		log_warning(feed->deps->log,
			    "inbox poller: the cursor was not the id of a row; "
			    "it is forgotten, taking the last %u minutes",
			    minutes);
	forget_cursor(feed);
}

static enum feed_answer failed(struct feed *feed, struct platform_reply *reply,
			       int err)
{
	if (blames_cursor(feed, reply)) {
		drop_cursor(feed, reply->status);
		return FEED_AGAIN;
	}
	if (narrow(feed, err))
		return FEED_AGAIN;
	if (reply->err != 0 || reply->status >= 500 || reply->status == 429)
		feed->trouble++;
	else
		feed->trouble = 0;
	if (reply->err == 0 && platform_ok(reply)) {
		reply->err = err;
		if (err == -EBADMSG && reply->detail == NULL)
			reply->detail = strdup("the platform's answer is not a "
					       "list of activities");
	}
	workspace_failed(&feed->failures, feed->deps, feed->kind->what, reply);
	return FEED_FAILED;
}

enum feed_answer feed_ask(struct feed *feed, unsigned int room,
			  struct feed_rows *rows, int64_t *retry_ms)
{
	int64_t now = boot_now(feed);
	int err;

	if (feed->asked_ns == 0)
		feed->asked_ns = now;
	if (!feed->cursor_read)
		read_cursor(feed);
	err = feed->cursor != NULL ? ask_after(feed, room, rows)
				   : ask_window(feed, rows);
	*retry_ms = rows->reply.retry_after_ms;
	if (err < 0)
		return failed(feed, &rows->reply, err);
	workspace_succeeded(&feed->failures, feed->deps, feed->kind->what);
	feed->trouble = 0;
	feed->asked_ns = now;
	if (!rows->more)
		feed->narrowed = 0;
	return FEED_ROWS;
}
