// SPDX-License-Identifier: MIT
#include "app/platform/notify.h"

#include <stdio.h>
#include <string.h>

#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/state.h"
#include "proto/json.h"
#include "proto/utf8.h"

#define FAULT_MAX 64

static bool has_text(const json_t *object, const char *name)
{
	return json_string_length(json_object_get(object, name)) > 0;
}

/* Whether every attachment has a uri and a name; else `fault` says which has
 * not. */
static bool attachments_are_sound(const json_t *attachments,
				  char fault[FAULT_MAX])
{
	size_t i;
	json_t *attachment;

	if (!attachments || json_is_null(attachments))
		return true;
	(void)snprintf(fault, FAULT_MAX, "attachments must be an array");
	if (!json_is_array(attachments))
		return false;
	json_array_foreach(attachments, i, attachment)
	{
		(void)snprintf(fault, FAULT_MAX,
			       "attachment[%zu]: uri and name are required", i);
		if (!has_text(attachment, "uri") ||
		    !has_text(attachment, "name"))
			return false;
	}
	return true;
}

/* The row's response_body: the message, and the files as parts. */
static json_t *result_of(const char *message, const json_t *attachments)
{
	json_t *result = json_pack("{s:s}", "result", message);
	json_t *parts;
	size_t i;
	json_t *attachment;

	if (json_array_size(attachments) == 0)
		return result;
	parts = json_array();
	json_array_foreach(attachments, i, attachment)
	{
		json_array_append_new(parts,
				      json_pack("{s:s, s:O}", "kind", "file",
						"file", attachment));
	}
	json_object_set_new(result, "parts", parts);
	return result;
}

static void notify(struct exchange *x, const char *message, json_t *attachments)
{
	char summary[4 * NOTIFY_SUMMARY_CHARS + 32];
	json_t *result = result_of(message, attachments);
	struct row *row;

	(void)snprintf(summary, sizeof(summary), "Agent message: %.*s",
		       (int)utf8_prefix(message, strlen(message),
					NOTIFY_SUMMARY_CHARS),
		       message);
	row = rows_add(x->platform, x->member,
		       &(struct row_draft){
			       .method = "notify",
			       .summary = summary,
			       .response = result,
			       .bytes = x->in->body_len,
		       });
	json_decref(result);
	if (!row) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	events_publish(
		x->platform, x->member, "AGENT_MESSAGE",
		json_pack("{s:s, s:s, s:s, s:O*}", "message", message,
			  "workspace_id", x->member->id.text, "name",
			  x->member->name, "attachments",
			  json_array_size(attachments) ? attachments : NULL));
	exchange_json(x, 200, json_pack("{s:s}", "status", "sent"));
}

void notify_post(struct exchange *x)
{
	json_t *body = exchange_body(x);
	const char *message = json_get_text(body, "message");
	json_t *attachments = json_object_get(body, "attachments");
	char fault[FAULT_MAX];

	if (!x->member->may_talk)
		exchange_json(x, 403,
			      json_pack("{s:s, s:s}", "error",
					"talk_to_user_disabled", "hint",
					"this workspace may not write to the "
					"user; delegate to its parent"));
	else if (!message || !*message)
		exchange_error(x, 400, "message is required");
	else if (!attachments_are_sound(attachments, fault))
		exchange_error(x, 400, fault);
	else
		notify(x, message, attachments);
	json_decref(body);
}
