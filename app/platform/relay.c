// SPDX-License-Identifier: MIT
#include "app/platform/relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/platform/attachments.h"
#include "app/platform/delegation.h"
#include "app/platform/envelope.h"
#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/rows.h"
#include "app/platform/state.h"
#include "proto/json.h"

#define SUMMARY_MAX (ENVELOPE_METHOD_MAX + MEMBER_NAME_MAX + 32)

/* Whether somebody other than the user wrote it, without being a workspace. */
static bool is_system(const struct envelope *envelope)
{
	const json_t *params = json_object_get(envelope->json, "params");
	const char *source =
		json_get_text(json_object_get(params, "metadata"), "source");

	return source && strcmp(source, "canvas_user") != 0;
}

static void publish_user_message(struct platform *platform, struct member *to,
				 const struct envelope *envelope)
{
	json_t *files = attachments_shown(envelope->parts);
	bool system = is_system(envelope);

	events_publish(platform, to, "USER_MESSAGE",
		       json_pack("{s:s?, s:s, s:s, s:O*, s:s*, s:s*}",
				 "message_id", envelope->message_id, "content",
				 envelope->text, "workspace_id", to->id.text,
				 "attachments",
				 json_array_size(files) ? files : NULL, "role",
				 system ? "system" : NULL, "systemKind",
				 system ? "notice" : NULL));
	json_decref(files);
}

/* Only messages that are sent are told of as they come in, and only when they
 * have an id. */
static bool is_ingested(const struct envelope *envelope)
{
	return envelope->message_id &&
	       strcmp(envelope->method, "message/send") == 0;
}

struct row *relay_deliver(struct platform *platform,
			  const struct relay_message *message)
{
	const struct envelope *envelope = message->envelope;
	struct member *to = message->to;
	char ingest[SUMMARY_MAX], queued[SUMMARY_MAX];
	struct row *row;

	(void)snprintf(ingest, sizeof(ingest), "%s → %s (ingest)",
		       envelope->method, to->name);
	(void)snprintf(queued, sizeof(queued), "%s → %s (queued for poll)",
		       envelope->method, to->name);
	row = rows_add(
		platform, to,
		&(struct row_draft){
			.method = envelope->method,
			.source = message->from ? &message->from->id : NULL,
			.target = &to->id,
			.summary = queued,
			.message_id = envelope->message_id,
			.request = envelope->json,
			.created_us = message->created_us,
			.bytes = message->bytes,
		});
	if (!row)
		return NULL;
	if (is_ingested(envelope)) {
		rows_announce(platform, to, row, ingest);
		if (!message->from)
			publish_user_message(platform, to, envelope);
	}
	rows_announce(platform, to, row, NULL);
	return row;
}

json_t *relay_queued(const struct envelope *envelope)
{
	return json_pack("{s:s, s:s, s:s}", "delivery_mode", "poll", "method",
			 envelope->method, "status", "queued");
}

/* The workspace that sends; NULL: refused, and answered. */
static struct member *sender_of(struct exchange *x)
{
	const char *header = exchange_field(x, "x-workspace-id");
	const char *token = exchange_bearer(x);
	struct member *sender = NULL;
	struct ident id;

	if (!header && token)
		sender = members_by_token(x->platform, token);
	else if (ident_parse(&id, header))
		sender = members_find(x->platform, &id);
	return exchange_auth_workspace(x, sender) ? sender : NULL;
}

/* What a played workspace says. */
static void answer_for(struct exchange *x, const struct envelope *envelope)
{
	struct ident id;

	ident_random(x->platform->rt, &id);
	exchange_json(
		x, 200,
		json_pack("{s:s, s:O?, s:{s:s, s:s, s:s, s:[{s:s, s:s}]}}",
			  "jsonrpc", "2.0", "id",
			  json_object_get(envelope->json, "id"), "result",
			  "kind", "message", "messageId", id.text, "role",
			  "agent", "parts", "kind", "text", "text",
			  x->member->answer));
}

static void deliver(struct exchange *x, struct member *sender,
		    const struct envelope *envelope)
{
	struct row *row =
		relay_deliver(x->platform, &(struct relay_message){
						   .from = sender,
						   .to = x->member,
						   .envelope = envelope,
						   .bytes = x->in->body_len,
					   });

	if (!row) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	/* A repeated message answered the first time, if it did. */
	if (row->repeats == 0)
		(void)delegation_answered(x->platform, sender, x->member,
					  delegation_named(envelope->json),
					  envelope->text);
	exchange_json(x, 200, relay_queued(envelope));
}

static void send_on(struct exchange *x, struct member *sender, json_t *body)
{
	struct envelope envelope;
	const char *why;
	int err = envelope_read(&envelope, x->platform->rt, body, &why);

	if (err == -EINVAL)
		exchange_json(x, 400,
			      json_pack("{s:s, s:s}", "error",
					"not an A2A message", "hint", why));
	else if (err < 0)
		exchange_error(x, 500, "out of memory");
	else if (x->member->push)
		answer_for(x, &envelope);
	else
		deliver(x, sender, &envelope);
	envelope_free(&envelope);
}

/* Whether the message can be sent at all; else that has been answered. */
static bool may_send(struct exchange *x, const struct member *sender)
{
	if (!x->member || x->member->status == MEMBER_REMOVED) {
		exchange_error(x, 404, "workspace not found");
		return false;
	}
	if (!member_may_reach(sender, x->member)) {
		exchange_error(x, 403,
			       "not authorized to reach this workspace");
		return false;
	}
	if (x->member->push && !x->member->answer) {
		exchange_error(x, 502,
			       "the workspace is in push mode, and this "
			       "platform delivers only to those that poll");
		return false;
	}
	return true;
}

void relay_post(struct exchange *x)
{
	struct member *sender;
	json_t *body;

	if (x->in->body_len > RELAY_BODY_MAX) {
		exchange_json(x, 413,
			      json_pack("{s:s, s:b, s:I}", "error",
					"message too large", "truncated", 1,
					"max_bytes",
					(json_int_t)RELAY_BODY_MAX));
		return;
	}
	sender = sender_of(x);
	if (!sender || !may_send(x, sender))
		return;
	body = exchange_body(x);
	if (body)
		send_on(x, sender, body);
	else
		exchange_error(x, 400, "the body is not a JSON object");
	json_decref(body);
}
