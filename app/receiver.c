// SPDX-License-Identifier: MIT
#include "app/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/identity.h"
#include "app/inbox.h"
#include "app/page.h"
#include "app/peers.h"
#include "app/platform_client.h"
#include "app/state_dir.h"
#include "app/uploads.h"
#include "proto/activity.h"
#include "proto/json.h"
#include "proto/uuid.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

static const struct receiver_kind messages = {
	.type = ACTIVITY_TYPE_RECEIVE,
	.cursor = STATE_DIR_CURSOR,
	.what = "inbox poller: poll",
};

static const struct receiver_kind broadcasts = {
	.type = ACTIVITY_TYPE_BROADCAST,
	.cursor = STATE_DIR_BROADCASTS,
	.what = "inbox poller: poll for broadcasts",
};

/* Page sizes, from the usual one down: for pages too large to be read. With a
 * cursor the usual one is the platform's own; without, the largest, since
 * what is not on that page is never seen. */
static const unsigned int with_cursor[] = { 0, 25, 5, 1 };
static const unsigned int without_cursor[] = { 500, 25, 5, 1 };
#define NARROWEST 3u

void receiver_init(struct receiver *receiver, const struct workspace_deps *deps,
		   struct inbox *inbox, int64_t started_ns)
{
	*receiver = (struct receiver){
		.deps = *deps,
		.inbox = inbox,
		.started_ns = started_ns,
		.messages.kind = &messages,
		.broadcasts.kind = &broadcasts,
	};
	event_init(deps->rt, &receiver->begun);
	event_init(deps->rt, &receiver->wake);
}

void receiver_fini(struct receiver *receiver)
{
	free(receiver->messages.cursor);
	free(receiver->broadcasts.cursor);
	receiver->messages.cursor = receiver->broadcasts.cursor = NULL;
}

void receiver_begin(struct receiver *receiver)
{
	event_set(&receiver->begun);
}

void receiver_rest(struct receiver *receiver)
{
	event_clear(&receiver->begun);
}

void receiver_wake(struct receiver *receiver)
{
	event_set(&receiver->wake);
}

void receiver_wake_broadcasts(struct receiver *receiver)
{
	receiver->broadcasts_ns = 0;
	event_set(&receiver->wake);
}

static const char *cursor_name(const struct receiver *receiver,
			       const struct receiver_feed *feed,
			       char buf[STATE_DIR_NAME_MAX])
{
	return state_dir_name(buf, feed->kind->cursor,
			      receiver->deps.who->suffix);
}

static void read_cursor(struct receiver *receiver, struct receiver_feed *feed)
{
	char buf[RECEIVER_CURSOR_MAX + 1], name[STATE_DIR_NAME_MAX];
	ssize_t n = state_dir_read(receiver->deps.state,
				   cursor_name(receiver, feed, name), buf,
				   sizeof(buf));
	char *text = buf + (n > 0 ? strspn(buf, " \t\r\n") : 0);

	if (n == -ECANCELED || n == -ETIMEDOUT)
		return;
	feed->cursor_read = true;
	if (n < 0 && n != -ENOENT)
		log_warning(receiver->deps.log,
			    "inbox: cannot read the cursor %s: %s; beginning "
			    "with the last ten minutes",
			    name, strerrordesc_np((int)-n));
	if (n <= 0)
		return;
	text[strcspn(text, " \t\r\n")] = '\0';
	if (*text != '\0')
		feed->cursor = strdup(text);
}

static void forget_cursor(struct receiver *receiver, struct receiver_feed *feed)
{
	char name[STATE_DIR_NAME_MAX];

	free(feed->cursor);
	feed->cursor = NULL;
	state_dir_remove(receiver->deps.state,
			 cursor_name(receiver, feed, name));
}

/* Everything up to `id` is in the inbox. */
static void save_cursor(struct receiver *receiver, struct receiver_feed *feed,
			const char *id)
{
	char name[STATE_DIR_NAME_MAX];
	char *copy;

	if (*id == '\0' ||
	    (feed->cursor != NULL && strcmp(feed->cursor, id) == 0))
		return;
	copy = strdup(id);
	if (copy == NULL)
		return;
	free(feed->cursor);
	feed->cursor = copy;
	state_dir_write(receiver->deps.state, cursor_name(receiver, feed, name),
			id, strlen(id));
}

static void say_poison(struct receiver *receiver)
{
	struct rt *rt = receiver->deps.rt;

	if (log_limit_pass(&receiver->poison, clock_now(rt, CLOCK_ID_MONOTONIC),
			   WORKSPACE_REPEAT_MS, NULL))
		log_warning(receiver->deps.log,
			    "inbox: the platform listed an activity that is "
			    "not one (no object, or no id); passed over");
}

/* Tells who cares about what a message brings, before it is in the inbox. */
static void announce(const struct receiver *receiver,
		     const struct activity_message *message)
{
	const struct workspace_deps *deps = &receiver->deps;

	uploads_take(deps->uploads, deps->who->workspace_id, message);
	if (deps->peers == NULL || *message->peer_id == '\0')
		return;
	peers_seen(deps->peers, message->peer_id, message->peer_name,
		   message->peer_role, deps->member);
	if (*message->peer_name == '\0')
		peers_want(deps->peers, message->peer_id, deps->member);
}

/* Into the inbox; `last` is the id of the row before. */
static int put(struct receiver *receiver, struct receiver_feed *feed,
	       const struct activity_message *message, const char *last)
{
	int err;

	announce(receiver, message);
	err = inbox_put(receiver->inbox, message, DEADLINE_NOW);
	if (err == -ETIMEDOUT) {
		/* It is full, and may be so for long: what is in it must not
		 * come again after a restart. */
		save_cursor(receiver, feed, last);
		err = inbox_put(receiver->inbox, message, DEADLINE_NEVER);
	}
	/* It may be there already, or have been popped. */
	return err == -EEXIST || err == -EINVAL ? 0 : err;
}

/* A platform that does not know the type lists everything. */
static bool is_broadcast(const json_t *row)
{
	return strcmp(json_get_text_or(row, "activity_type", ""),
		      ACTIVITY_TYPE_BROADCAST) == 0;
}

/* One row. *last becomes its id when the cursor may move past it. Returns 0,
 * or an error that ends the page before it. */
static int take_row(struct receiver *receiver, struct receiver_feed *feed,
		    const json_t *row, char last[ACTIVITY_ID_MAX + 1])
{
	const struct workspace_deps *deps = &receiver->deps;
	struct activity_reader reader = {
		.workspace_id = deps->who->workspace_id,
		.own_upload = platform_own_upload,
		.arg = deps->client,
		.arrival = deps->config->workspace_count > 1
				   ? deps->who->workspace_id
				   : NULL,
	};
	struct activity activity;
	int err = activity_read(&activity, row, &reader);

	if (err < 0)
		return err;
	if (activity.verdict == ACTIVITY_IGNORE) {
		say_poison(receiver);
		return 0;
	}
	if (feed == &receiver->broadcasts && !is_broadcast(row)) {
		free(activity.message);
		activity.verdict = ACTIVITY_SKIP;
	}
	if (activity.verdict == ACTIVITY_MESSAGE) {
		err = put(receiver, feed, activity.message, last);
		free(activity.message);
	}
	if (err == 0)
		memcpy(last, activity.id, sizeof(activity.id));
	return err;
}

/* Brings a page in, oldest first. Returns whether the cursor moved, and may
 * move on. */
static bool take_page(struct receiver *receiver, struct receiver_feed *feed,
		      const struct page *page)
{
	bool newest_first = feed->cursor == NULL;
	char last[ACTIVITY_ID_MAX + 1] = "";
	int err = 0;

	for (size_t i = 0; i < page->count && err == 0; i++) {
		json_t *row =
			page_row(page, newest_first ? page->count - 1 - i : i);

		err = row != NULL ? take_row(receiver, feed, row, last)
				  : -ENOMEM;
		json_decref(row);
	}
	if (err == -ENOMEM)
		log_warning(receiver->deps.log,
			    "inbox: out of memory; the rest follows later");
	save_cursor(receiver, feed, last);
	return *last != '\0' && err == 0;
}

/* True when the answer only was too large, and is to be asked for in smaller
 * pieces. */
static bool narrow(struct receiver_feed *feed, int err)
{
	if ((err != -EMSGSIZE && err != -E2BIG) || feed->narrowed >= NARROWEST)
		return false;
	feed->narrowed++;
	return true;
}

/* Whether the platform's complaint is about the cursor. */
static bool blames_cursor(const struct receiver_feed *feed,
			  const struct platform_reply *reply)
{
	if (reply->err != 0 || feed->cursor == NULL)
		return false;
	return reply->status == 410 ||
	       ((reply->status == 400 || reply->status == 500) &&
		!uuid_valid(feed->cursor));
}

/* Forgets a cursor that the platform does not know. */
static void drop_cursor(struct receiver *receiver, struct receiver_feed *feed,
			int status)
{
	if (status == 410)
		log_info(receiver->deps.log,
			 "inbox poller: the platform no longer has the row of "
			 "the cursor; taking the last ten minutes");
	else
		log_warning(receiver->deps.log,
			    "inbox poller: the cursor was not the id of a row; "
			    "it is forgotten, taking the last ten minutes");
	forget_cursor(receiver, feed);
}

/* There are no rows: `err` says why, if the reply does not. Returns whether
 * the next poll should follow at once. */
static bool failed(struct receiver *receiver, struct receiver_feed *feed,
		   struct platform_reply *reply, int err)
{
	if (blames_cursor(feed, reply)) {
		drop_cursor(receiver, feed, reply->status);
		return true;
	}
	if (narrow(feed, err))
		return true;
	/* Of the same trouble only one feed tells. */
	if (feed == &receiver->broadcasts &&
	    (feed->failures.count > 0 || receiver->messages.failures.count > 0))
		return false;
	if (reply->err == 0 && err != 0) {
		reply->err = err;
		if (err == -EBADMSG && reply->detail == NULL)
			reply->detail = strdup("the platform's answer is not a "
					       "list of activities");
	}
	workspace_failed(&feed->failures, &receiver->deps, feed->kind->what,
			 reply);
	return false;
}

/* A page has come. Returns as failed. */
static bool succeeded(struct receiver *receiver, struct receiver_feed *feed,
		      const struct page *page, size_t full)
{
	bool is_full = page->count >= full;

	workspace_succeeded(&feed->failures, &receiver->deps, feed->kind->what);
	if (!is_full)
		feed->narrowed = 0;
	return take_page(receiver, feed, page) && is_full;
}

bool receiver_poll(struct receiver *receiver, struct receiver_feed *feed,
		   int64_t *retry_ms)
{
	const struct workspace_deps *deps = &receiver->deps;
	struct platform_activity_query query = { .type = feed->kind->type,
						 .peer_info = true };
	struct platform_reply reply;
	struct page page = { 0 };
	bool again;
	int err;

	if (!feed->cursor_read)
		read_cursor(receiver, feed);
	query.cursor = feed->cursor;
	if (feed->cursor == NULL)
		query.since_secs = PLATFORM_SINCE_SECS;
	query.limit = (feed->cursor != NULL ? with_cursor
					    : without_cursor)[feed->narrowed];
	platform_activity(deps->client, deps->who, &query, &reply);
	*retry_ms = reply.retry_after_ms;
	err = platform_ok(&reply) ? page_read(&page, &reply) : reply.err;
	if (platform_ok(&reply) && err == 0)
		again = succeeded(receiver, feed, &page,
				  query.limit > 0 ? query.limit
						  : PLATFORM_PAGE);
	else
		again = failed(receiver, feed, &reply, err);
	page_free(&page);
	platform_reply_free(&reply);
	return again && task_cancelled(deps->rt) == 0;
}

/* Polls a feed until there is no more, or the platform wants a pause. */
static int64_t drain(struct receiver *receiver, struct receiver_feed *feed)
{
	int64_t retry_ms = -1;
	int at_once = 0;

	while (receiver_poll(receiver, feed, &retry_ms) && retry_ms <= 0 &&
	       at_once < RECEIVER_AT_ONCE_MAX && receiver->begun.set)
		at_once++;
	return retry_ms;
}

static int64_t fetch(struct receiver *receiver)
{
	int64_t now = clock_now(receiver->deps.rt, CLOCK_ID_BOOTTIME);
	int64_t retry_ms = drain(receiver, &receiver->messages);

	if (retry_ms > 0 || now < receiver->broadcasts_ns)
		return retry_ms;
	/* By the cadence of the polls, so that nothing wakes for this alone. */
	receiver->broadcasts_ns =
		now + RECEIVER_BROADCASTS_MS * CLOCK_NS_PER_MS;
	return drain(receiver, &receiver->broadcasts);
}

static void receiver_task(struct rt *rt, void *arg)
{
	struct receiver *receiver = arg;

	while (event_wait(&receiver->begun, DEADLINE_NEVER) == 0) {
		struct deadline next;
		int64_t retry_ms;
		int err;

		event_clear(&receiver->wake);
		retry_ms = fetch(receiver);
		next = workspace_cadence(rt, receiver->started_ns,
					 receiver->deps.config->poll_ms,
					 retry_ms);
		if (retry_ms > 0)
			err = task_sleep(rt, next);
		else
			err = event_wait(&receiver->wake, next);
		if (err < 0 && task_cancelled(rt) != 0)
			break;
	}
}

int receiver_start(struct receiver *receiver, struct scope *scope)
{
	return task_spawn(scope, "receiver", TASK_STACK_NORMAL, receiver_task,
			  receiver);
}
