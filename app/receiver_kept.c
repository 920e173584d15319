// SPDX-License-Identifier: MIT
#include "app/receiver_kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/identity.h"
#include "app/journal.h"
#include "app/peers.h"
#include "app/receiver.h"
#include "app/uploads.h"
#include "runtime/rt.h"
#include "runtime/task.h"

void receiver_announce(const struct receiver *receiver,
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

/* Brings one into the inbox: 0, also when it is there; or why not. */
static int bring(struct receiver *receiver,
		 const struct activity_message *message)
{
	int err;

	receiver_announce(receiver, message);
	err = inbox_put(receiver->options.inbox, &receiver->source, message);
	receiver->kept += err == 0;
	return err == -EEXIST ? 0 : err;
}

/* What came before it may be missing, or there is no room: it waits. */
static void on_doubtful(void *arg, const struct activity_message *message)
{
	struct receiver *receiver = arg;
	size_t count = receiver->doubtful_count;
	struct activity_message **more = realloc(
		receiver->doubtful, (count + 1) * sizeof(*receiver->doubtful));
	struct activity_message *copy = NULL;

	if (more != NULL) {
		receiver->doubtful = more;
		copy = activity_message_new(message);
	}
	if (copy != NULL)
		receiver->doubtful[receiver->doubtful_count++] = copy;
	else
		receiver->kept_err = -ENOMEM;
}

/* A message that an earlier process fetched. */
static void on_kept(void *arg, const struct activity_message *message)
{
	struct receiver *receiver = arg;
	int err = bring(receiver, message);

	if (err == -ENOSPC)
		on_doubtful(receiver, message);
	else if (err < 0)
		receiver->kept_err = err;
}

/* Whether it came before all that were written at `time`. */
static bool is_before(const struct activity_message *message, const char *time)
{
	return *message->created_at != '\0' &&
	       strcmp(message->created_at, time) < 0;
}

void receiver_kept_release(struct receiver *receiver, const char *before)
{
	size_t left = 0;

	for (size_t i = 0; i < receiver->doubtful_count; i++) {
		struct activity_message *message = receiver->doubtful[i];

		if ((before != NULL && !is_before(message, before)) ||
		    inbox_room(receiver->options.inbox, &receiver->source) ==
			    0 ||
		    bring(receiver, message) < 0)
			receiver->doubtful[left++] = message;
		else
			free(message);
	}
	receiver->doubtful_count = left;
	if (left == 0)
		receiver_kept_free(receiver);
}

void receiver_kept_free(struct receiver *receiver)
{
	for (size_t i = 0; i < receiver->doubtful_count; i++)
		free(receiver->doubtful[i]);
	free(receiver->doubtful);
	receiver->doubtful = NULL;
	receiver->doubtful_count = 0;
}

static void keep(void *arg, const struct activity_message *message)
{
	journal_keep(arg, message);
}

static void on_live(void *arg, struct journal *journal)
{
	struct receiver *receiver = arg;
	const struct batch *batch = receiver->batch;

	inbox_each(receiver->options.inbox, &receiver->source, keep, journal);
	for (size_t i = 0; batch != NULL && i < batch->count; i++)
		journal_keep(journal, batch->messages[i]);
	for (size_t i = 0; i < receiver->doubtful_count; i++)
		journal_keep(journal, receiver->doubtful[i]);
}

static void say_unreadable(struct receiver *receiver, int err)
{
	struct rt *rt = receiver->deps.rt;

	if (task_cancelled(rt) == 0 &&
	    log_limit_pass(&receiver->unreadable,
			   clock_now(rt, CLOCK_ID_MONOTONIC),
			   WORKSPACE_REPEAT_MS, NULL))
		log_warning(receiver->deps.log,
			    "inbox: the journal of workspace %s cannot be "
			    "read: %s; nothing is received until it can",
			    receiver->deps.who->workspace_id,
			    strerrordesc_np(-err));
}

bool receiver_kept_open(struct receiver *receiver)
{
	const struct workspace_deps *deps = &receiver->deps;
	int err;

	receiver->journal = journal_new(&(struct journal_options){
		.rt = deps->rt,
		.log = deps->log,
		.state = deps->state,
		.workspace_id = deps->who->workspace_id,
		.live = on_live,
		.doubtful = on_doubtful,
		.arg = receiver });
	if (receiver->journal == NULL)
		return false;
	receiver->source.journal = receiver->journal;
	receiver->kept_err = 0;
	err = journal_open(receiver->journal, on_kept, receiver);
	if (err == 0)
		err = receiver->kept_err;
	receiver->source.journal_away = err < 0;
	if (err < 0) {
		receiver_kept_free(receiver);
		journal_free(receiver->journal, DEADLINE_NOW);
		receiver->journal = receiver->source.journal = NULL;
		say_unreadable(receiver, err);
		return false;
	}
	feed_known(&receiver->messages, journal_seen_id(receiver->journal),
		   journal_seen_at(receiver->journal));
	receiver->opened = true;
	return true;
}
