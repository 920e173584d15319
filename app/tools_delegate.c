// SPDX-License-Identifier: MIT
/* delegate_task: a task for a peer, and its answer. */
#include "app/tools_call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/delegate.h"
#include "app/delegate_wait.h"
#include "app/fleet.h"
#include "app/peers.h"
#include "app/platform_client.h"
#include "proto/a2a.h"
#include "proto/json.h"
#include "proto/payload.h"
#include "proto/utf8.h"

/* A delegation under way. */
struct delegation {
	struct delegate d;
	struct delegate_wait wait;
	char *name; /* d.name, owned */
	char *url;  /* the peer's, or the platform's; owned */
};

static void not_accessible(struct tool_call *call, const char *peer_id,
			   const char *why, const char *meaning)
{
	tools_call_fail(
		call,
		"Error: workspace %s not found or not accessible%s%s%s. "
		"Access control allows your parent, children and "
		"siblings only: list_peers shows them with their IDs.",
		peer_id, *why ? ": " : "", why, meaning);
}

static void not_discovered(const struct delegation *d,
			   const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX], meaning[DELEGATE_MEANING_MAX];
	bool plain = reply->err == -EINVAL || reply->status == 404;

	not_accessible(
		d->d.call, d->d.peer_id,
		plain ? "" : platform_reply_text(reply, text, sizeof(text)),
		plain ? "" : delegate_meaning(reply, meaning, sizeof(meaning)));
}

/* What to call the peer: as the platform does, as it did, by its id. */
static const char *name_of(const struct delegation *d, const json_t *peer)
{
	struct peers *peers = d->d.call->tools->peers;
	const char *name = json_get_text_or(peer, "name", "");
	struct peer known;

	if (peers && *name)
		peers_seen(peers, d->d.peer_id, name, NULL, d->d.call->source);
	else if (peers && peers_find(peers, d->d.peer_id, &known))
		name = known.name;
	return *name ? name : d->d.peer_id;
}

/* Asks the platform who the peer is. False when that failed: the error is
 * left. */
static bool discover(struct delegation *d)
{
	struct tool_call *call = d->d.call;
	const struct identity *who = &call->source->who;
	struct platform_reply reply;
	bool found;

	for (;;) {
		platform_discover(call->tools->client, who, d->d.peer_id,
				  PLATFORM_TIMEOUT_MS, &reply);
		if (reply.err || (reply.status != 429 && reply.status != 503) ||
		    !delegate_again(&d->d, &reply, true,
				    "the platform is busy"))
			break;
		platform_reply_free(&reply);
	}
	found = platform_ok(&reply);
	if (found) {
		const char *url = json_get_text_or(reply.json, "url", "");

		d->name = strdup(name_of(d, reply.json));
		d->url = strdup(*url ? url : who->origin);
		d->d.name = d->name ? d->name : d->d.peer_id;
	} else {
		not_discovered(d, &reply);
	}
	platform_reply_free(&reply);
	d->d.attempts = 0;
	return found;
}

/* Tells the platform's activity log; nothing depends on it. */
static void report(struct delegation *d, struct payload_activity *activity,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void report(struct delegation *d, struct payload_activity *activity,
		   const char *format, ...)
{
	struct tool_call *call = d->d.call;
	struct platform_reply reply;
	char *summary;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&summary, format, args);
	va_end(args);
	if (n < 0)
		return;
	activity->target_id = d->d.peer_id;
	activity->summary = summary;
	platform_report_activity(call->tools->client, &call->source->who,
				 activity, &reply);
	platform_reply_free(&reply);
	free(summary);
}

static void failed(struct delegation *d, const char *detail,
		   bool may_have_arrived)
{
	if (!may_have_arrived)
		delegate_wait_unsent(&d->wait);
	tools_call_fail(
		d->d.call,
		"DELEGATION FAILED to %s: [A2A_ERROR] %s%s [target=%s]\n"
		"Options: (1) delegate to another peer (list_peers shows "
		"them), (2) do the task yourself, (3) tell the user that it "
		"could not be delegated, and why.",
		d->d.name, detail,
		may_have_arrived ? " (the peer may have received the task all "
				   "the same)"
				 : "",
		d->url ? d->url : "");
	report(d,
	       &(struct payload_activity){ .type = "a2a_receive",
					   .status = "error",
					   .error_detail = detail },
	       "%s failed: %s", d->d.name, detail);
}

/* The peer's words become the tool's answer: text is taken. They go to the
 * activity log, unless they came from there. */
static void answered(struct delegation *d, char *text, bool logged)
{
	size_t chars = text ? utf8_count(text, strlen(text)) : 0;

	report(d,
	       &(struct payload_activity){ .type = "a2a_receive",
					   .status = "ok",
					   .result = logged ? NULL : text },
	       "%s responded (%zu chars)", d->d.name, chars);
	d->d.call->untrusted = true;
	tools_call_take(d->d.call, text);
}

/* Where an answer shows that this call does not give. */
static const char *elsewhere(const struct delegation *d)
{
	return d->wait.by_inbox
		       ? "arrives in your inbox as a message with that peer_id "
			 "(wait_for_message)"
		       : "can be read with chat_history (messages of this "
			 "workspace do not come to this process)";
}

static void replied(struct delegation *d)
{
	tools_call_answer(
		d->d.call,
		"Delivered to %s (%s), as your reply to its message %s. It "
		"polls for its messages, and nobody answers an answer, so the "
		"call did not wait. Should it write again, that %s.",
		d->d.name, d->d.peer_id, d->wait.turn.replies_to, elsewhere(d));
}

/* Nothing more is known when the call's time is over. */
static void late(struct delegation *d)
{
	const struct delegate_wait *w = &d->wait;
	char waited[64] = "answers when it comes to it";
	char delegation[2 * ACTIVITY_ID_MAX + 64] = "";

	if (delegate_wait_can(w))
		snprintf(waited, sizeof(waited), "has not answered within %d s",
			 (int)(d->d.budget_ms / 1000));
	if (*w->delegation_id)
		snprintf(delegation, sizeof(delegation),
			 " Its delegation_id is %s, its last known status: %s "
			 "(check_task_status).",
			 w->delegation_id, *w->status ? w->status : "unknown");
	tools_call_answer(
		d->d.call,
		"Task queued for %s (%s), a poll-mode peer: it fetches its "
		"messages itself, has the task once, and %s. Do not send the "
		"task again. The answer %s.%s",
		d->d.name, d->d.peer_id, waited, elsewhere(d), delegation);
}

/* The platform has no more of it than the beginning. */
static void partly(struct delegation *d)
{
	d->d.call->untrusted = true;
	tools_call_answer(d->d.call,
			  "[only the beginning of the answer: the platform "
			  "shows no more of delegation %s]\n%s",
			  d->wait.delegation_id, d->wait.text);
}

/* The peer polls, and has the task. */
static void await(struct delegation *d)
{
	struct delegate_wait *w = &d->wait;
	enum delegate_end end;

	if (delegate_wait_is_reply(w)) {
		replied(d);
		return;
	}
	end = delegate_wait_can(w) ? delegate_wait_answer(w) : DELEGATE_LATE;
	if (end == DELEGATE_ANSWERED) {
		char *text = w->text;

		w->text = NULL;
		answered(d, text, w->in_inbox || w->by_list);
	} else if (end == DELEGATE_PART) {
		partly(d);
	} else if (end == DELEGATE_FAILED) {
		d->d.call->untrusted = true;
		failed(d, w->text ? w->text : "", true);
	} else if (end == DELEGATE_LATE) {
		late(d);
	}
}

/* `by_peer`: it is the peer that says so, not the platform. */
static void conclude(struct delegation *d, struct a2a_reply *reply,
		     bool by_peer)
{
	struct tool_call *call = d->d.call;
	char *text;

	switch (reply->kind) {
	case A2A_REPLY_TEXT:
		text = reply->text;
		reply->text = NULL;
		answered(d, text, false);
		break;
	case A2A_REPLY_WORKING:
		call->untrusted = true;
		tools_call_answer(
			call,
			"%s has taken the task and is working on it. If it "
			"answers later, the answer %s. Do not send the task "
			"again. It says: %s",
			d->d.name, elsewhere(d), reply->text);
		break;
	case A2A_REPLY_QUEUED_POLL:
		await(d);
		break;
	case A2A_REPLY_QUEUED_BUSY:
		tools_call_answer(
			call,
			"Task queued for %s, which is busy now: the platform "
			"delivers it when the peer is free, so there is no "
			"answer yet. If the peer answers, the answer %s. Do "
			"not send the task again.",
			d->d.name, elsewhere(d));
		break;
	case A2A_REPLY_FAILED:
		call->untrusted = by_peer;
		failed(d, reply->text, reply->may_have_arrived);
		break;
	}
}

/* Reads what came of one attempt to send. False: out of memory. */
static bool read_reply(struct a2a_reply *out, const struct platform_reply *from)
{
	*out = (struct a2a_reply){ .kind = A2A_REPLY_FAILED };
	return from->err || a2a_reply_read(out, from->status, from->json,
					   from->body, from->body_len) == 0;
}

/* Sends the task itself. Every attempt carries the same message id, so that
 * whoever sees the message twice can tell; and there is another one only when
 * the peer has not got the one before. */
static void send_task(struct delegation *d)
{
	struct tool_call *call = d->d.call;
	char message_id[UUID_LEN + 1], text[PLATFORM_TEXT_MAX];
	struct platform_reply reply;
	struct a2a_reply answer;
	bool read;

	platform_new_id(call->tools->rt, message_id);
	for (;;) {
		snprintf(call->doing, sizeof(call->doing),
			 "waiting for the answer of %.64s", d->d.name);
		platform_a2a(call->tools->client, &call->source->who,
			     d->d.peer_id, message_id, d->d.task, &reply);
		read = read_reply(&answer, &reply);
		if (!read || !delegate_again(&d->d, &reply, answer.try_again,
					     "it is not ready yet"))
			break;
		a2a_reply_free(&answer);
		platform_reply_free(&reply);
	}
	if (reply.err)
		failed(d, platform_reply_text(&reply, text, sizeof(text)),
		       reply.phase != HTTP_PHASE_CONNECT);
	else if (read)
		conclude(d, &answer, reply.status == 200);
	a2a_reply_free(&answer);
	platform_reply_free(&reply);
}

/* Lets the platform deliver the task. */
static void post_task(struct delegation *d)
{
	struct delegate_wait *w = &d->wait;
	struct platform_reply reply;
	const char *id;

	delegate_post(&d->d, &reply);
	id = platform_ok(&reply)
		     ? json_get_text_or(reply.json, "delegation_id", "")
		     : "";
	if (*id && strlen(id) < sizeof(w->delegation_id)) {
		memcpy(w->delegation_id, id, strlen(id) + 1);
		await(d);
	} else {
		delegate_wait_unsent(w);
		delegate_not_posted(&d->d, &reply);
	}
	platform_reply_free(&reply);
}

static void delegate(struct delegation *d)
{
	const struct config *config = d->d.call->tools->config;
	struct workspace *workspace = &d->d.call->source->workspace;

	report(d,
	       &(struct payload_activity){
		       .type = "a2a_send", .status = "ok", .task = d->d.task },
	       "Delegating to %s", d->d.name);
	delegate_wait_begin(&d->wait, &d->d);
	workspace_task_begin(workspace);
	if (config && config->delegation_sync)
		post_task(d);
	else
		send_task(d);
	workspace_task_end(workspace);
	delegate_wait_end(&d->wait, d->d.call->text != NULL);
}

void tools_delegate_task(struct tool_call *call)
{
	struct delegation d;

	memset(&d, 0, sizeof(d));
	if (!delegate_read(&d.d, call, "delegate_task"))
		return;
	if (discover(&d))
		delegate(&d);
	free(d.name);
	free(d.url);
}
