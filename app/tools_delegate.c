// SPDX-License-Identifier: MIT
/* delegate_task: a task for a peer, and its answer. */
#include "app/tools_call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform_client.h"
#include "app/workspace.h"
#include "proto/a2a.h"
#include "proto/json.h"
#include "proto/payload.h"
#include "proto/utf8.h"
#include "runtime/task.h"

/* Tries while no connection comes about; after the nth, n seconds of rest. */
#define ATTEMPTS 3

/* A delegation under way. */
struct delegation {
	struct tool_call *call;
	const char *peer_id;
	const char *task;
	const char *name; /* the peer's, or its id */
	const char *url;  /* the peer's, or the platform's */
};

static void not_accessible(struct tool_call *call, const char *peer_id,
			   const char *why)
{
	tools_call_fail(call,
			"Error: workspace %s not found or not accessible%s%s. "
			"Access control allows your parent, children and "
			"siblings only: list_peers shows them with their IDs.",
			peer_id, why ? ": " : "", why ? why : "");
}

/* Asks the platform who the peer is. False when that failed: the error is
 * left. The delegation borrows from *reply. */
static bool discover(struct delegation *d, struct platform_reply *reply)
{
	const struct tools *tools = d->call->tools;
	char text[PLATFORM_TEXT_MAX];
	const char *url;

	platform_discover(tools->client, tools->identity, d->peer_id, reply);
	if (!platform_ok(reply)) {
		bool plain = reply->err == -EINVAL || reply->status == 404;

		not_accessible(
			d->call, d->peer_id,
			plain ? NULL
			      : platform_reply_text(reply, text, sizeof(text)));
		return false;
	}
	d->name = json_get_text_or(reply->json, "name", "");
	if (!*d->name)
		d->name = d->peer_id;
	url = json_get_text_or(reply->json, "url", "");
	d->url = *url ? url : tools->identity->origin;
	return true;
}

/* Tells the platform's activity log; nothing depends on it. */
static void report(const struct delegation *d,
		   struct payload_activity *activity, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void report(const struct delegation *d,
		   struct payload_activity *activity, const char *format, ...)
{
	const struct tools *tools = d->call->tools;
	struct platform_reply reply;
	char *summary;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&summary, format, args);
	va_end(args);
	if (n < 0)
		return;
	activity->target_id = d->peer_id;
	activity->summary = summary;
	platform_report_activity(tools->client, tools->identity, activity,
				 &reply);
	platform_reply_free(&reply);
	free(summary);
}

/* Whether sending once more is free of risk and may help. */
static bool may_retry(const struct platform_reply *reply)
{
	if (reply->err == 0 || reply->phase != HTTP_PHASE_CONNECT)
		return false;
	switch (-reply->err) {
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Every attempt carries the same message id, so that whoever sees the message
 * twice can tell; and there is another one only when nothing was sent. */
static void send_task(const struct delegation *d, struct platform_reply *reply)
{
	const struct tools *tools = d->call->tools;
	char message_id[UUID_LEN + 1];

	platform_new_id(tools->rt, message_id);
	if (tools->workspace)
		workspace_task_begin(tools->workspace);
	for (int attempt = 1;; attempt++) {
		platform_a2a(tools->client, tools->identity, d->peer_id,
			     message_id, d->task, reply);
		if (attempt == ATTEMPTS || !may_retry(reply))
			break;
		if (task_sleep(tools->rt,
			       deadline_in_ms(tools->rt, 1000 * attempt)) != 0)
			break;
		platform_reply_free(reply);
	}
	if (tools->workspace)
		workspace_task_end(tools->workspace);
}

static void failed(const struct delegation *d, const char *detail,
		   bool may_have_arrived)
{
	tools_call_fail(
		d->call,
		"DELEGATION FAILED to %s: [A2A_ERROR] %s%s [target=%s]\n"
		"Options: (1) delegate to another peer (list_peers shows "
		"them), (2) do the task yourself, (3) tell the user that it "
		"could not be delegated, and why.",
		d->name, detail,
		may_have_arrived ? " (the peer may have received the task all "
				   "the same)"
				 : "",
		d->url);
	report(d,
	       &(struct payload_activity){ .type = "a2a_receive",
					   .status = "error",
					   .error_detail = detail },
	       "%s failed: %s", d->name, detail);
}

/* The peer's answer becomes the tool's: text is taken. */
static void answered(const struct delegation *d, struct a2a_reply *answer)
{
	size_t chars = utf8_count(answer->text, strlen(answer->text));
	char *text = answer->text;

	answer->text = NULL;
	report(d,
	       &(struct payload_activity){
		       .type = "a2a_receive", .status = "ok", .result = text },
	       "%s responded (%zu chars)", d->name, chars);
	tools_call_take(d->call, text);
}

static void conclude(const struct delegation *d, struct a2a_reply *answer)
{
	switch (answer->kind) {
	case A2A_REPLY_TEXT:
		answered(d, answer);
		break;
	case A2A_REPLY_WORKING:
		tools_call_answer(
			d->call,
			"%s has taken the task and is working on it: %s\n"
			"If it answers later, the answer arrives in the inbox "
			"(wait_for_message). Do not send the task again.",
			d->name, answer->text);
		break;
	case A2A_REPLY_QUEUED_POLL:
		tools_call_answer(
			d->call,
			"Task queued for %s, a poll-mode peer: it fetches its "
			"messages itself, so there is no answer yet. The "
			"answer arrives in your inbox as a message with "
			"peer_id %s (wait_for_message). Do not send the task "
			"again.",
			d->name, d->peer_id);
		break;
	case A2A_REPLY_QUEUED_BUSY:
		tools_call_answer(
			d->call,
			"Task queued for %s, which is busy now: the platform "
			"delivers it when the peer is free, so there is no "
			"answer yet. If the peer answers, the answer arrives "
			"in your inbox (wait_for_message). Do not send the "
			"task again.",
			d->name);
		break;
	case A2A_REPLY_FAILED:
		failed(d, answer->text, answer->may_have_arrived);
		break;
	}
}

static void delegate(struct delegation *d)
{
	struct platform_reply reply;
	struct a2a_reply answer;
	char text[PLATFORM_TEXT_MAX];

	report(d,
	       &(struct payload_activity){
		       .type = "a2a_send", .status = "ok", .task = d->task },
	       "Delegating to %s", d->name);
	send_task(d, &reply);
	if (reply.err) {
		failed(d, platform_reply_text(&reply, text, sizeof(text)),
		       reply.phase != HTTP_PHASE_CONNECT);
	} else if (a2a_reply_read(&answer, reply.status, reply.json, reply.body,
				  reply.body_len) == 0) {
		conclude(d, &answer);
		a2a_reply_free(&answer);
	}
	platform_reply_free(&reply);
}

void tools_delegate_task(struct tool_call *call)
{
	struct delegation d = { .call = call };
	struct platform_reply peer;

	if (!tools_call_string(call, "workspace_id", &d.peer_id) ||
	    !tools_call_string(call, "task", &d.task))
		return;
	if (!*d.peer_id || !*d.task) {
		tools_call_fail(call,
				"Error: workspace_id and task are required");
		return;
	}
	if (discover(&d, &peer))
		delegate(&d);
	platform_reply_free(&peer);
}
