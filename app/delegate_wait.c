// SPDX-License-Identifier: MIT
#include "app/delegate_wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/outcome.h"
#include "proto/uuid.h"
#include "runtime/task.h"

/* Whether the messages of the call's workspace come to this process. */
static bool receives(const struct tool_call *call)
{
	const struct tools *tools = call->tools;

	return tools->inbox && tools->turns &&
	       !fleet_inbox_refusal(tools->fleet) &&
	       call->source->holder.state != HOLDER_ELSEWHERE;
}

/* Rows between the workspace and the peer. */
static void list(const struct delegate_wait *w, unsigned int limit,
		 struct platform_reply *reply)
{
	const struct tool_call *call = w->d->call;
	const struct platform_activity_query query = {
		.type = "a2a_receive",
		.peer_id = w->d->peer_id,
		.cursor = *w->cursor ? w->cursor : NULL,
		.limit = limit,
	};

	platform_activity(call->tools->client, &call->source->who, &query,
			  reply);
}

/* Notes where the list ends now. */
static void mark_list(struct delegate_wait *w)
{
	struct platform_reply reply;
	const char *id;

	if (!uuid_valid(w->d->peer_id))
		return;
	list(w, 1, &reply);
	if (platform_ok(&reply) && json_is_array(reply.json)) {
		id = json_get_text_or(json_array_get(reply.json, 0), "id", "");
		w->by_list = strlen(id) < sizeof(w->cursor);
		if (w->by_list)
			memcpy(w->cursor, id, strlen(id) + 1);
	}
	platform_reply_free(&reply);
}

void delegate_wait_begin(struct delegate_wait *w, struct delegate *d)
{
	const struct tools *tools = d->call->tools;

	memset(w, 0, sizeof(*w));
	w->d = d;
	w->by_inbox = receives(d->call);
	if (w->by_inbox)
		turns_begin(tools->turns, &w->turn, d->call->source,
			    d->peer_id);
	else
		mark_list(w);
}

bool delegate_wait_is_reply(const struct delegate_wait *w)
{
	return w->by_inbox && w->turn.kind == TURN_REPLY;
}

void delegate_wait_unsent(struct delegate_wait *w)
{
	if (w->by_inbox)
		turns_unsaid(&w->turn);
}

bool delegate_wait_can(const struct delegate_wait *w)
{
	return w->by_inbox || w->by_list || *w->delegation_id;
}

/* Whether the peer has written something. */
static bool look_into_list(struct delegate_wait *w)
{
	struct platform_reply reply;

	list(w, 0, &reply);
	if (platform_ok(&reply))
		w->text = outcome_message(reply.json, w->d->peer_id,
					  *w->cursor == '\0');
	platform_reply_free(&reply);
	return w->text != NULL;
}

static void whole_answer(struct outcome_text *found, struct tool_call *call,
			 const struct platform_activity_query *query,
			 const char *delegation_id, const char *peer_id,
			 const char *preview)
{
	struct platform_reply reply;

	platform_activity(call->tools->client, &call->source->who, query,
			  &reply);
	if (platform_ok(&reply))
		*found = outcome_text(reply.json, delegation_id, peer_id,
				      preview);
	platform_reply_free(&reply);
}

struct outcome_text delegate_whole_answer(struct tool_call *call,
					  const char *delegation_id,
					  const char *peer_id,
					  const char *preview)
{
	const struct platform_activity_query results = { .type = "delegation" };
	const struct platform_activity_query talk = { .peer_id = peer_id };
	struct outcome_text found = { 0 };

	whole_answer(&found, call, &results, delegation_id, peer_id, preview);
	if (!found.text && uuid_valid(peer_id))
		whole_answer(&found, call, &talk, delegation_id, peer_id,
			     preview);
	return found;
}

/* The turn's message becomes the answer. */
static enum delegate_end take_message(struct delegate_wait *w)
{
	const struct activity_message *message = turns_answer(&w->turn);

	w->in_inbox = message != NULL;
	w->text = message ? strdup(message->text) : NULL;
	return DELEGATE_ANSWERED;
}

/* The platform calls the delegation answered, and shows this much.
 * DELEGATE_LATE: that is nothing. */
static enum delegate_end take_result(struct delegate_wait *w,
				     const struct outcome *outcome)
{
	struct delegate *d = w->d;
	struct rt *rt = d->call->tools->rt;
	struct outcome_text whole = delegate_whole_answer(
		d->call, w->delegation_id, d->peer_id, outcome->text);

	/* It is about to be in the inbox as well, and must not be read there a
	 * second time. */
	if (whole.is_message && w->by_inbox &&
	    turns_wait(&w->turn, deadline_in_ms(rt, DELEGATE_ARRIVAL_MS)) ==
		    0) {
		free(whole.text);
		return take_message(w);
	}
	/* Without a word there is one to come. */
	if (!whole.text && !*outcome->text)
		return DELEGATE_LATE;
	w->text = whole.text ? whole.text : strdup(outcome->text);
	return whole.text || !outcome->cut ? DELEGATE_ANSWERED : DELEGATE_PART;
}

static void note_status(struct delegate_wait *w, const char *status)
{
	snprintf(w->status, sizeof(w->status), "%s", status);
}

/* How the delegation stands; DELEGATE_LATE when it is not over. */
static enum delegate_end look_at_delegation(struct delegate_wait *w)
{
	const struct tool_call *call = w->d->call;
	enum delegate_end end = DELEGATE_LATE;
	struct platform_reply reply;
	struct outcome outcome;

	platform_delegations(call->tools->client, &call->source->who, &reply);
	outcome_read(&outcome, platform_ok(&reply) ? reply.json : NULL,
		     w->delegation_id);
	if (!platform_ok(&reply)) {
		char text[PLATFORM_TEXT_MAX];

		note_status(w, platform_reply_text(&reply, text, sizeof(text)));
	} else if (outcome.kind == OUTCOME_QUEUED) {
		note_status(w, "queued");
	} else {
		note_status(w, outcome.status);
	}
	if (outcome.kind == OUTCOME_ANSWERED) {
		end = take_result(w, &outcome);
	} else if (outcome.kind == OUTCOME_FAILED) {
		w->text = strdup(*outcome.text ? outcome.text
					       : "the platform does not say "
						 "why");
		end = DELEGATE_FAILED;
	}
	platform_reply_free(&reply);
	return end;
}

static enum delegate_end look(struct delegate_wait *w)
{
	if (*w->delegation_id) {
		enum delegate_end end = look_at_delegation(w);

		if (end != DELEGATE_LATE)
			return end;
	}
	if (w->by_list && look_into_list(w))
		return DELEGATE_ANSWERED;
	return DELEGATE_LATE;
}

/* Rests until the next look is due or the inbox has the answer: 0 then. */
static int rest(struct delegate_wait *w, struct deadline until)
{
	struct rt *rt = w->d->call->tools->rt;
	int err;

	if (w->by_inbox)
		return turns_wait(&w->turn, until);
	err = task_sleep(rt, until);
	return err ? err : -ETIMEDOUT;
}

static enum delegate_end wait_for_it(struct delegate_wait *w)
{
	struct delegate *d = w->d;
	struct rt *rt = d->call->tools->rt;
	bool looks = w->by_list || *w->delegation_id;
	int64_t pause_ms = DELEGATE_LOOK_FIRST_MS;

	for (;;) {
		struct deadline until = d->until;
		enum delegate_end end;
		int err;

		if (looks)
			until = deadline_earlier(rt, until,
						 deadline_in_ms(rt, pause_ms));
		err = rest(w, until);
		if (err == 0)
			return take_message(w);
		if (task_cancelled(rt))
			return DELEGATE_CANCELLED;
		end = looks ? look(w) : DELEGATE_LATE;
		if (end != DELEGATE_LATE)
			return end;
		if (deadline_left_ns(rt, d->until) == 0)
			return DELEGATE_LATE;
		pause_ms = pause_ms * 2 < DELEGATE_LOOK_MS ? pause_ms * 2
							   : DELEGATE_LOOK_MS;
	}
}

enum delegate_end delegate_wait_answer(struct delegate_wait *w)
{
	struct delegate *d = w->d;
	enum delegate_end end;

	snprintf(d->call->doing, sizeof(d->call->doing),
		 "waiting for the answer of %.64s", d->name);
	if (w->by_inbox)
		turns_expect(&w->turn);
	end = wait_for_it(w);
	if (w->by_inbox && end != DELEGATE_LATE && end != DELEGATE_CANCELLED)
		turns_expect_none(&w->turn);
	return end;
}

/* The answer is on its way to the host, or is not. */
static void settle(struct tool_call *call, bool sent)
{
	const struct tools *tools = call->tools;
	char *activity_id = call->settle_arg;

	if (!sent || inbox_pop(tools->inbox, activity_id) < 0)
		turns_give_back(tools->turns, activity_id);
	free(activity_id);
	call->settle_arg = NULL;
}

void delegate_wait_end(struct delegate_wait *w, bool taken)
{
	struct tool_call *call = w->d->call;
	char *activity_id = NULL;

	if (taken && w->in_inbox)
		activity_id = strdup(w->turn.answer);
	if (w->by_inbox)
		turns_end(&w->turn, activity_id != NULL);
	if (activity_id) {
		call->settle = settle;
		call->settle_arg = activity_id;
	}
	free(w->text);
	w->text = NULL;
}
