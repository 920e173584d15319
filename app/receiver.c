// SPDX-License-Identifier: MIT
#include "app/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/identity.h"
#include "app/inbox.h"
#include "app/page.h"
#include "app/platform_client.h"
#include "app/state_dir.h"
#include "proto/activity.h"
#include "proto/json.h"
#include "proto/uuid.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

static const char what[] = "inbox poller: poll";

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
	};
	event_init(deps->rt, &receiver->begun);
}

void receiver_fini(struct receiver *receiver)
{
	free(receiver->cursor);
	receiver->cursor = NULL;
}

void receiver_begin(struct receiver *receiver)
{
	event_set(&receiver->begun);
}

static void read_cursor(struct receiver *receiver)
{
	char buf[RECEIVER_CURSOR_MAX + 1];
	ssize_t n = state_dir_read(receiver->deps.state, STATE_DIR_CURSOR, buf,
				   sizeof(buf));
	char *text = buf + (n > 0 ? strspn(buf, " \t\r\n") : 0);

	if (n == -ECANCELED || n == -ETIMEDOUT)
		return;
	receiver->cursor_read = true;
	if (n < 0 && n != -ENOENT)
		log_warning(receiver->deps.log,
			    "inbox: cannot read the cursor %s: %s; beginning "
			    "with the last ten minutes",
			    STATE_DIR_CURSOR, strerrordesc_np((int)-n));
	if (n <= 0)
		return;
	text[strcspn(text, " \t\r\n")] = '\0';
	if (*text != '\0')
		receiver->cursor = strdup(text);
}

static void forget_cursor(struct receiver *receiver)
{
	free(receiver->cursor);
	receiver->cursor = NULL;
	state_dir_remove(receiver->deps.state, STATE_DIR_CURSOR);
}

/* Everything up to `id` is in the inbox. */
static void save_cursor(struct receiver *receiver, const char *id)
{
	char *copy;

	if (*id == '\0' ||
	    (receiver->cursor != NULL && strcmp(receiver->cursor, id) == 0))
		return;
	copy = strdup(id);
	if (copy == NULL)
		return;
	free(receiver->cursor);
	receiver->cursor = copy;
	state_dir_write(receiver->deps.state, STATE_DIR_CURSOR, id, strlen(id));
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

/* Into the inbox; `last` is the id of the row before. */
static int put(struct receiver *receiver,
	       const struct activity_message *message, const char *last)
{
	int err = inbox_put(receiver->inbox, message, DEADLINE_NOW);

	if (err == -ETIMEDOUT) {
		/* It is full, and may be so for long: what is in it must not
		 * come again after a restart. */
		save_cursor(receiver, last);
		err = inbox_put(receiver->inbox, message, DEADLINE_NEVER);
	}
	/* It may be there already, or have been popped. */
	return err == -EEXIST || err == -EINVAL ? 0 : err;
}

/* One row. *last becomes its id when the cursor may move past it. Returns 0,
 * or an error that ends the page before it. */
static int take_row(struct receiver *receiver, const json_t *row,
		    char last[ACTIVITY_ID_MAX + 1])
{
	struct activity_reader reader = {
		.workspace_id = receiver->deps.who->workspace_id,
		.own_upload = platform_own_upload,
		.arg = receiver->deps.client,
	};
	struct activity activity;
	int err = activity_read(&activity, row, &reader);

	if (err < 0)
		return err;
	if (activity.verdict == ACTIVITY_IGNORE) {
		say_poison(receiver);
		return 0;
	}
	if (activity.verdict == ACTIVITY_MESSAGE) {
		err = put(receiver, activity.message, last);
		free(activity.message);
	}
	if (err == 0)
		memcpy(last, activity.id, sizeof(activity.id));
	return err;
}

/* Brings a page in, oldest first. Returns whether the cursor moved, and may
 * move on. */
static bool take_page(struct receiver *receiver, const struct page *page)
{
	bool newest_first = receiver->cursor == NULL;
	char last[ACTIVITY_ID_MAX + 1] = "";
	int err = 0;

	for (size_t i = 0; i < page->count && err == 0; i++) {
		json_t *row =
			page_row(page, newest_first ? page->count - 1 - i : i);

		err = row != NULL ? take_row(receiver, row, last) : -ENOMEM;
		json_decref(row);
	}
	if (err == -ENOMEM)
		log_warning(receiver->deps.log,
			    "inbox: out of memory; the rest follows later");
	save_cursor(receiver, last);
	return *last != '\0' && err == 0;
}

/* True when the answer only was too large, and is to be asked for in smaller
 * pieces. */
static bool narrow(struct receiver *receiver, int err)
{
	if ((err != -EMSGSIZE && err != -E2BIG) ||
	    receiver->narrowed >= NARROWEST)
		return false;
	receiver->narrowed++;
	return true;
}

/* Whether the platform's complaint is about the cursor. */
static bool blames_cursor(const struct receiver *receiver,
			  const struct platform_reply *reply)
{
	if (reply->err != 0 || receiver->cursor == NULL)
		return false;
	return reply->status == 410 ||
	       ((reply->status == 400 || reply->status == 500) &&
		!uuid_valid(receiver->cursor));
}

/* Forgets a cursor that the platform does not know. */
static void drop_cursor(struct receiver *receiver, int status)
{
	if (status == 410)
		log_info(receiver->deps.log,
			 "inbox poller: the platform no longer has the row of "
			 "the cursor; taking the last ten minutes");
	else
		log_warning(receiver->deps.log,
			    "inbox poller: the cursor was not the id of a row; "
			    "it is forgotten, taking the last ten minutes");
	forget_cursor(receiver);
}

/* There are no rows: `err` says why, if the reply does not. Returns whether
 * the next poll should follow at once. */
static bool failed(struct receiver *receiver, struct platform_reply *reply,
		   int err)
{
	if (blames_cursor(receiver, reply)) {
		drop_cursor(receiver, reply->status);
		return true;
	}
	if (narrow(receiver, err))
		return true;
	if (reply->err == 0 && err != 0) {
		reply->err = err;
		if (err == -EBADMSG && reply->detail == NULL)
			reply->detail = strdup("the platform's answer is not a "
					       "list of activities");
	}
	workspace_failed(&receiver->failures, &receiver->deps, what, reply);
	return false;
}

/* A page has come. Returns as failed. */
static bool succeeded(struct receiver *receiver, const struct page *page,
		      size_t full)
{
	bool is_full = page->count >= full;

	workspace_succeeded(&receiver->failures, &receiver->deps, what);
	if (!is_full)
		receiver->narrowed = 0;
	return take_page(receiver, page) && is_full;
}

bool receiver_poll(struct receiver *receiver, int64_t *retry_ms)
{
	const struct workspace_deps *deps = &receiver->deps;
	struct platform_reply reply;
	struct page page = { 0 };
	unsigned int limit;
	bool again;
	int err;

	if (!receiver->cursor_read)
		read_cursor(receiver);
	limit = (receiver->cursor != NULL ? with_cursor
					  : without_cursor)[receiver->narrowed];
	platform_poll_activity(deps->client, deps->who, receiver->cursor, limit,
			       &reply);
	*retry_ms = reply.retry_after_ms;
	err = platform_ok(&reply) ? page_read(&page, &reply) : reply.err;
	if (platform_ok(&reply) && err == 0)
		again = succeeded(receiver, &page,
				  limit > 0 ? limit : PLATFORM_PAGE);
	else
		again = failed(receiver, &reply, err);
	page_free(&page);
	platform_reply_free(&reply);
	return again && task_cancelled(deps->rt) == 0;
}

static void receiver_task(struct rt *rt, void *arg)
{
	struct receiver *receiver = arg;
	int err = event_wait(&receiver->begun, DEADLINE_NEVER);

	while (err == 0) {
		int at_once = 0;
		int64_t retry_ms;

		while (receiver_poll(receiver, &retry_ms) && retry_ms <= 0 &&
		       at_once < RECEIVER_AT_ONCE_MAX)
			at_once++;
		err = task_sleep(
			rt, workspace_cadence(rt, receiver->started_ns,
					      receiver->deps.config->poll_ms,
					      retry_ms));
	}
}

int receiver_start(struct receiver *receiver, struct scope *scope)
{
	return task_spawn(scope, "receiver", TASK_STACK_NORMAL, receiver_task,
			  receiver);
}
