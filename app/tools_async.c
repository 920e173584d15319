// SPDX-License-Identifier: MIT
/* delegate_task_async and check_task_status: delegations by handle. */
#include "app/tools_call.h"

#include <stdlib.h>

#include "app/delegate.h"
#include "app/delegate_wait.h"
#include "app/fleet.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/listing.h"
#include "proto/outcome.h"

static void started(struct delegate *d, const json_t *answer)
{
	bool repeated = json_get_true(answer, "idempotent_hit");
	const char *status =
		repeated ? json_get_text_or(answer, "status", "delegated")
			 : "delegated";
	json_t *json;

	json = json_pack("{s:s, s:s, s:s}", "delegation_id",
			 json_get_text_or(answer, "delegation_id", ""),
			 "workspace_id", d->peer_id, "status", status);
	if (json && repeated)
		json_object_set_new(json, "idempotent_hit", json_true());
	if (json)
		json_set_text(
			json, "note",
			repeated ? "This is the same delegation as before: the "
				   "same task is already with that workspace "
				   "and was not sent again. Ask "
				   "check_task_status for the outcome."
				 : "The task was delegated. Ask "
				   "check_task_status with this delegation_id "
				   "for the outcome; a peer that polls for its "
				   "messages answers with a message to your "
				   "inbox.");
	tools_call_json(d->call, json, 0);
}

/* A message of the peer that stands unanswered has its answer now. */
static void note_reply(const struct delegate *d)
{
	struct turns *turns = d->call->tools->turns;
	struct turn turn;

	if (!turns)
		return;
	turns_begin(turns, &turn, d->call->source, d->peer_id);
	turns_end(&turn, false);
}

void tools_delegate_task_async(struct tool_call *call)
{
	struct platform_reply reply;
	struct delegate d;

	if (!delegate_read(&d, call, "delegate_task_async"))
		return;
	delegate_post(&d, &reply);
	if (platform_ok(&reply) && json_get_text(reply.json, "delegation_id")) {
		note_reply(&d);
		started(&d, reply.json);
	} else {
		delegate_not_posted(&d, &reply);
	}
	platform_reply_free(&reply);
}

/* row[key] = value, unless it has one. */
static bool set_missing(json_t *row, const char *key, json_t *value)
{
	if (json_object_get(row, key)) {
		json_decref(value);
		return true;
	}
	return json_object_set_new(row, key, value) == 0;
}

/* Completes a row that calls a task completed which is only queued. */
static bool set_queued(json_t *row)
{
	return json_set_text(row, "status", "queued") == 0 &&
	       json_object_set_new(row, "response_preview", json_null()) == 0 &&
	       json_set_text(
		       row, "note",
		       "The peer polls for its messages and has the task. "
		       "Its answer arrives in your inbox as a message "
		       "with its ID as peer_id (wait_for_message). Do "
		       "not send the task again.") == 0;
}

/* Puts the whole answer beside its beginning. */
static bool set_whole(struct tool_call *call, json_t *row,
		      const struct outcome *outcome, const char *task_id)
{
	struct outcome_text whole = delegate_whole_answer(
		call, task_id, json_get_text_or(row, "target_id", ""),
		outcome->text);
	bool done;

	if (whole.text)
		done = json_set_text(row, "response", whole.text) == 0;
	else
		done = json_object_set_new(row, "response_truncated",
					   json_true()) == 0;
	free(whole.text);
	return done;
}

static bool complete(struct tool_call *call, const struct outcome *outcome,
		     const char *task_id)
{
	json_t *row = outcome->row;
	bool done = set_missing(row, "summary", json_string("")) &&
		    set_missing(row, "response_preview", json_null());

	if (outcome->kind == OUTCOME_QUEUED)
		done = done && set_queued(row);
	if (outcome->kind == OUTCOME_FAILED && *outcome->text)
		done = done &&
		       set_missing(row, "error", json_string(outcome->text));
	if (outcome->cut)
		done = done && set_whole(call, row, outcome, task_id);
	return done;
}

/* The structured form says whose words are in it. */
static void mark_untrusted(struct tool_call *call)
{
	call->untrusted = true;
	if (call->structured)
		json_object_set_new(call->structured, "untrusted", json_true());
}

static void status_of(struct tool_call *call, const json_t *rows,
		      const char *task_id)
{
	struct outcome outcome;

	if (!*task_id) {
		tools_call_json(call, listing_delegations(rows), 0);
		mark_untrusted(call);
		return;
	}
	outcome_read(&outcome, rows, task_id);
	if (outcome.kind == OUTCOME_UNKNOWN)
		tools_call_json(call,
				json_pack("{s:s, s:s}", "status", "not_found",
					  "delegation_id", task_id),
				0);
	else if (complete(call, &outcome, task_id))
		tools_call_json(call, json_incref(outcome.row), 0);
	if (outcome.kind != OUTCOME_UNKNOWN)
		mark_untrusted(call);
}

void tools_check_task_status(struct tool_call *call)
{
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX], meaning[DELEGATE_MEANING_MAX];
	const char *task_id, *peer_id;

	if (!tools_call_string(call, "task_id", &task_id))
		return;
	/* It names the peer, if it is a string at all. */
	peer_id = json_get_text(call->arguments, "workspace_id");
	if (!tools_call_source(call, "source_workspace_id", peer_id))
		return;
	platform_delegations(call->tools->client, &call->source->who, &reply);
	if (reply.err)
		tools_call_fail(
			call, "Error checking delegations: %s",
			platform_reply_text(&reply, text, sizeof(text)));
	else if (!platform_ok(&reply))
		tools_call_fail(
			call, "Error: failed to check delegations (%d)%s",
			reply.status,
			delegate_meaning(&reply, meaning, sizeof(meaning)));
	else if (!json_is_array(reply.json))
		tools_call_fail(call, "Error checking delegations: the "
				      "platform's answer is not a list");
	else
		status_of(call, reply.json, task_id);
	platform_reply_free(&reply);
}
