// SPDX-License-Identifier: MIT
#include "app/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/identity.h"
#include "app/journal.h"
#include "app/peers.h"
#include "app/platform_client.h"
#include "app/receiver_kept.h"
#include "app/state_dir.h"
#include "app/uploads.h"
#include "proto/activity.h"
#include "proto/json.h"
#include "runtime/defect.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

static const struct feed_kind messages = {
	.type = ACTIVITY_TYPE_RECEIVE,
	.cursor = STATE_DIR_CURSOR,
	.what = "inbox poller: poll",
};

static const struct feed_kind broadcasts = {
	.type = ACTIVITY_TYPE_BROADCAST,
	.cursor = STATE_DIR_BROADCASTS,
	.what = "inbox poller: poll for broadcasts",
};

static void run(struct agenda_item *item);
static void on_news(void *arg, enum follower_news news);
static void on_trust(void *arg, bool trusted);
static void on_room(void *arg);

/* How long the stream may go without a heartbeat of ours: two beats and a
 * half, which a platform's limit may stretch. */
static uint32_t silence_ms(const struct workspace_deps *deps)
{
	const struct pace *pace = deps->who->pace;
	uint32_t beat_ms = pace != NULL ? pace_beat_ms(pace)
					: deps->config->heartbeat_ms;

	return deps->config->heartbeat ? beat_ms / 2 * 5 : 0;
}

void receiver_init(struct receiver *receiver, const struct workspace_deps *deps,
		   const struct receiver_options *options)
{
	*receiver = (struct receiver){
		.item = { .run = run,
			  .name = "receiver",
			  .class = AGENDA_LATER },
		.deps = *deps,
		.options = *options,
		.source = { .room = on_room, .arg = receiver },
	};
	feed_init(&receiver->messages, &messages, &receiver->deps);
	feed_init(&receiver->broadcasts, &broadcasts, &receiver->deps);
	follower_init(&receiver->follower,
		      &(struct follower_deps){ .rt = deps->rt,
					       .log = deps->log,
					       .client = deps->client,
					       .who = deps->who,
					       .silence_ms = silence_ms(deps),
					       .news = on_news,
					       .trust = on_trust,
					       .arg = receiver });
}

/* A stop may have come between the delivery of a page and its end. */
static void catch_up(struct receiver *receiver)
{
	struct deadline deadline =
		deadline_in_ms(receiver->deps.rt, RECEIVER_STOP_MS);

	if (!receiver->opened ||
	    (!receiver->messages.unsaved && !receiver->broadcasts.unsaved) ||
	    journal_sync(receiver->journal, deadline) != 0)
		return;
	feed_save(&receiver->messages);
	feed_save(&receiver->broadcasts);
}

void receiver_fini(struct receiver *receiver)
{
	catch_up(receiver);
	feed_fini(&receiver->messages);
	feed_fini(&receiver->broadcasts);
	if (receiver->journal != NULL)
		journal_free(
			receiver->journal,
			deadline_in_ms(receiver->deps.rt, RECEIVER_STOP_MS));
	receiver->journal = receiver->source.journal = NULL;
	receiver_kept_free(receiver);
	receiver->opened = false;
}

void receiver_start(struct receiver *receiver, struct scope *scope)
{
	receiver->scope = scope;
}

static void soon(struct receiver *receiver)
{
	if (!receiver->begun)
		return;
	receiver->hurry = true;
	agenda_now(receiver->options.agenda, &receiver->item);
}

void receiver_begin(struct receiver *receiver)
{
	if (receiver->begun)
		return;
	receiver->begun = true;
	soon(receiver);
}

void receiver_rest(struct receiver *receiver)
{
	receiver->begun = false;
	agenda_drop(&receiver->item);
}

void receiver_wake(struct receiver *receiver)
{
	soon(receiver);
}

void receiver_wake_broadcasts(struct receiver *receiver)
{
	receiver->broadcasts_ns = 0;
	soon(receiver);
}

static void on_news(void *arg, enum follower_news news)
{
	struct receiver *receiver = arg;

	if (news != FOLLOWER_MESSAGE)
		receiver->broadcasts_ns = 0;
	soon(receiver);
}

static void on_trust(void *arg, bool trusted)
{
	struct receiver *receiver = arg;

	receiver->trusted = trusted;
	/* What came while it was deaf has not been told. */
	if (!trusted)
		receiver->broadcasts_ns = 0;
	soon(receiver);
}

static void on_room(void *arg)
{
	soon(arg);
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

/* A platform that does not know the type lists everything. */
static bool is_broadcast(const json_t *row)
{
	return strcmp(json_get_text_or(row, "activity_type", ""),
		      ACTIVITY_TYPE_BROADCAST) == 0;
}

static void passed(struct batch *batch, const char *id, const json_t *row)
{
	const char *at = json_get_text_or(row, "created_at", "");

	memcpy(batch->last, id, strlen(id) + 1);
	batch->at[0] = '\0';
	if (strlen(at) < sizeof(batch->at))
		memcpy(batch->at, at, strlen(at) + 1);
}

/* Takes the message into the batch and the journal, unless it is known. 0,
 * -ENOSPC when there is no room, or -ENOMEM; it is taken. */
static int add(struct receiver *receiver, struct batch *batch, size_t room,
	       struct activity_message *message)
{
	const char *id = message->activity_id;
	int err = 0;

	if (inbox_find(receiver->options.inbox, id) != NULL ||
	    journal_popped(receiver->journal, id)) {
		free(message);
		return 0;
	}
	if (batch->count >= room || batch->count == FEED_PAGE)
		err = -ENOSPC;
	else
		err = journal_put(receiver->journal, message);
	if (err < 0)
		free(message);
	else
		batch->messages[batch->count++] = message;
	return err;
}

/* One row. 0, or an error that ends the page before it. */
static int take_row(struct receiver *receiver, const struct feed *feed,
		    const json_t *row, size_t room, struct batch *batch)
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
	if (activity.verdict == ACTIVITY_MESSAGE)
		err = add(receiver, batch, room, activity.message);
	if (err == 0)
		passed(batch, activity.id, row);
	return err;
}

/* Reads a page as far as there is room: 0; -ENOSPC when there is none for the
 * next row; -ENOMEM. */
static int read_page(struct receiver *receiver, const struct feed *feed,
		     const struct feed_rows *rows, size_t room,
		     struct batch *batch)
{
	int err = 0;

	for (size_t i = 0; i < feed_rows_count(rows) && err == 0; i++) {
		json_t *row = feed_row(rows, i);

		err = row != NULL ? take_row(receiver, feed, row, room, batch)
				  : -ENOMEM;
		json_decref(row);
	}
	if (err == -ENOMEM)
		log_warning(receiver->deps.log,
			    "inbox: out of memory; the rest follows later");
	return err;
}

/* Lets everybody know of the batch, which is freed. When one of it cannot be
 * had now, the page is to be read again, from that one on: then the error. */
static int deliver(struct receiver *receiver, struct batch *batch)
{
	int err = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct activity_message *message = batch->messages[i];

		if (err == 0) {
			receiver_announce(receiver, message);
			err = inbox_put(receiver->options.inbox,
					&receiver->source, message);
			receiver->received += err == 0;
		}
		if (err == -EEXIST)
			err = 0;
		free(batch->messages[i]);
	}
	if (err < 0)
		*batch->last = '\0';
	return err;
}

/* What was delivered is made safe, and then the cursor follows. */
static void settle(struct receiver *receiver, struct feed *feed,
		   const struct batch *batch)
{
	bool written = batch->count > 0 && *batch->last != '\0';
	int err = 0;

	if (written && feed == &receiver->messages)
		journal_seen(receiver->journal, batch->last, batch->at);
	feed_moved(feed, batch->last, batch->at);
	/* Also what an earlier page could not have written. */
	if (feed->unsaved && !DEFECT(CURSOR_EARLY))
		err = journal_sync(receiver->journal, DEADLINE_NEVER);
	if (err == 0)
		feed_save(feed);
}

/* Brings a page in. Returns whether the next one should follow at once. */
static bool take_page(struct receiver *receiver, struct feed *feed,
		      const struct feed_rows *rows, size_t room)
{
	struct batch *batch;
	bool again;
	int err, failed;

	if (feed_rows_count(rows) == 0 && !feed->unsaved &&
	    receiver->doubtful_count == 0)
		return false; /* as nearly always */
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return false;
	receiver->batch = batch;
	err = read_page(receiver, feed, rows, room, batch);
	/* A failure has been said, and is no reason to keep messages back. */
	if (batch->count > 0)
		(void)journal_write(receiver->journal, DEADLINE_NEVER);
	if (batch->count > 0 && feed == &receiver->messages)
		receiver_kept_release(receiver, batch->messages[0]->created_at);
	receiver->batch = NULL;
	failed = deliver(receiver, batch);
	settle(receiver, feed, batch);
	/* Where there is no room, that is found out by asking for some. */
	again = err == -ENOSPC ||
		(err == 0 && *batch->last != '\0' && rows->more);
	free(batch);
	if (!again && failed == 0 && err == 0 && feed == &receiver->messages)
		receiver_kept_release(receiver, NULL);
	return again && failed == 0;
}

static void say_full(struct receiver *receiver)
{
	struct rt *rt = receiver->deps.rt;

	if (log_limit_pass(&receiver->full, clock_now(rt, CLOCK_ID_MONOTONIC),
			   WORKSPACE_REPEAT_MS, NULL))
		log_warning(receiver->deps.log,
			    "inbox: full: %u messages wait. More are fetched "
			    "when some have been read (wait_for_message, "
			    "inbox_peek) and popped (inbox_pop); the platform "
			    "keeps them until then",
			    inbox_count(receiver->options.inbox));
}

bool receiver_poll(struct receiver *receiver, struct feed *feed,
		   int64_t *retry_ms)
{
	uint32_t room;
	struct feed_rows rows;
	enum feed_answer answer;
	bool again;

	*retry_ms = -1;
	if (!receiver->opened && !receiver_kept_open(receiver))
		return false;
	room = inbox_room(receiver->options.inbox, &receiver->source);
	if (room == 0) {
		say_full(receiver);
		return false;
	}
	answer = feed_ask(feed, room, &rows, retry_ms);
	again = answer == FEED_AGAIN;
	if (answer == FEED_ROWS)
		again = take_page(receiver, feed, &rows, room);
	feed_rows_free(&rows);
	return again && task_cancelled(receiver->deps.rt) == 0;
}

/* Polls a feed until there is no more, or the platform wants a pause. */
static int64_t drain(struct receiver *receiver, struct feed *feed)
{
	int64_t retry_ms = -1;
	int at_once = 0;

	while (receiver_poll(receiver, feed, &retry_ms) && retry_ms <= 0 &&
	       at_once < RECEIVER_AT_ONCE_MAX && receiver->begun)
		at_once++;
	return retry_ms;
}

/* Of the same trouble only one feed tells. */
static bool broadcasts_due(const struct receiver *receiver, int64_t now)
{
	return now >= receiver->broadcasts_ns &&
	       receiver->messages.failures.count == 0;
}

/* When they are due after having been asked for. That is by the cadence of the
 * polls, so that nothing wakes for this alone. */
static int64_t broadcasts_next(const struct receiver *receiver, int64_t now)
{
	if (receiver->source.waits)
		return 0; /* they could not be, and there may be some */
	if (receiver->trusted && receiver->broadcasts.failures.count == 0)
		return now + RECEIVER_BROADCASTS_SAFETY_MS * CLOCK_NS_PER_MS;
	return now + RECEIVER_BROADCASTS_MS * CLOCK_NS_PER_MS;
}

static int64_t fetch(struct receiver *receiver)
{
	int64_t retry_ms = drain(receiver, &receiver->messages);
	int64_t now = clock_now(receiver->deps.rt, CLOCK_ID_BOOTTIME);

	if (retry_ms > 0 || !broadcasts_due(receiver, now))
		return retry_ms;
	receiver->broadcasts_ns = INT64_MAX;
	retry_ms = drain(receiver, &receiver->broadcasts);
	/* Unless one was announced meanwhile. */
	if (receiver->broadcasts_ns == INT64_MAX)
		receiver->broadcasts_ns = broadcasts_next(receiver, now);
	return retry_ms;
}

int64_t receiver_pause_ms(uint32_t failures, uint32_t poll_ms, uint32_t random)
{
	int64_t pause = poll_ms;

	if (failures < RECEIVER_FAILURES || poll_ms >= RECEIVER_BACKOFF_MAX_MS)
		return pause;
	for (uint32_t i = RECEIVER_FAILURES;
	     i <= failures && pause < RECEIVER_BACKOFF_MAX_MS; i++)
		pause *= 2;
	if (pause > RECEIVER_BACKOFF_MAX_MS)
		pause = RECEIVER_BACKOFF_MAX_MS;
	pause = pause * 3 / 4 + random % (pause / 2 + 1);
	return pause < RECEIVER_BACKOFF_MAX_MS ? pause
					       : RECEIVER_BACKOFF_MAX_MS;
}

/* Sees to the next poll. */
static void schedule(struct receiver *receiver, int64_t retry_ms)
{
	struct rt *rt = receiver->deps.rt;
	uint32_t poll_ms = receiver->deps.config->poll_ms;
	uint32_t failures = receiver->messages.trouble;
	struct deadline next;
	uint32_t random;
	int64_t pause_ms;

	if (!receiver->begun || agenda_due(&receiver->item) != INT64_MAX)
		return;
	if (failures >= RECEIVER_FAILURES) {
		io_random(rt, &random, sizeof(random));
		pause_ms = receiver_pause_ms(failures, poll_ms, random);
		if (pause_ms < retry_ms)
			pause_ms = retry_ms < WORKSPACE_RETRY_MAX_MS
					   ? retry_ms
					   : WORKSPACE_RETRY_MAX_MS;
		agenda_at(receiver->options.agenda, &receiver->item,
			  clock_now(rt, CLOCK_ID_BOOTTIME) +
				  pause_ms * CLOCK_NS_PER_MS,
			  WORKSPACE_SLACK_MS);
		return;
	}
	if (receiver->trusted && poll_ms < RECEIVER_SAFETY_MS)
		poll_ms = RECEIVER_SAFETY_MS;
	else if (receiver->deps.who->pace != NULL)
		poll_ms = pace_poll_ms(receiver->deps.who->pace, poll_ms);
	next = workspace_cadence(rt, receiver->options.started_ns, poll_ms,
				 retry_ms);
	agenda_at(receiver->options.agenda, &receiver->item, next.ns,
		  next.slack_ms);
}

/* True when the platform's limit wants a pause: it comes again then. */
static bool must_wait(struct receiver *receiver)
{
	struct rt *rt = receiver->deps.rt;
	struct pace *pace = receiver->deps.who->pace;
	int64_t wait = pace ? pace_wait(pace, PACE_POLL,
					clock_now(rt, CLOCK_ID_MONOTONIC))
			    : 0;

	if (wait > 0)
		agenda_at(receiver->options.agenda, &receiver->item,
			  clock_now(rt, CLOCK_ID_BOOTTIME) + wait,
			  WORKSPACE_SLACK_MS);
	return wait > 0;
}

static void run(struct agenda_item *item)
{
	struct receiver *receiver = (struct receiver *)item;
	int64_t retry_ms = -1;

	if (!receiver->begun)
		return;
	if (must_wait(receiver))
		return;
	receiver->follower.deps.silence_ms = silence_ms(&receiver->deps);
	task_patient(receiver->deps.rt, receiver->hurry ? 0 : 1);
	receiver->hurry = false;
	retry_ms = fetch(receiver);
	if (receiver->options.follow && receiver->opened &&
	    !receiver->followed && receiver->begun)
		receiver->followed = follower_start(&receiver->follower,
						    receiver->scope) == 0;
	schedule(receiver, retry_ms);
}
