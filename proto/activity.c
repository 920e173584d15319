// SPDX-License-Identifier: MIT
#include "proto/activity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/a2a.h"
#include "proto/json.h"

#define METHOD_NOTIFY "notify"
#define METHOD_UPLOAD "chat_upload_receive"
#define METHOD_DELEGATE_RESULT "delegate_result"

/* Copies the row's id: printable ASCII without space, since it goes into a
 * file of one line and into URLs. False when it has none. */
static bool read_id(char out[ACTIVITY_ID_MAX + 1], const json_t *row)
{
	char buf[32];
	const char *id = json_get_scalar(row, "id", buf, sizeof(buf));
	size_t len = id ? strlen(id) : 0;

	out[0] = '\0';
	if (len == 0 || len > ACTIVITY_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~')
			return false;
	}
	memcpy(out, id, len + 1);
	return true;
}

/* Whether an upload's manifest names one of the reader's own. */
static bool is_own_upload(const json_t *row,
			  const struct activity_reader *reader)
{
	json_t *body = json_object_get(row, "request_body");
	bool own;

	if (!reader->own_upload)
		return false;
	if (json_is_string(body))
		body = json_parse_bounded(json_string_value(body),
					  json_string_length(body), NULL);
	else
		json_incref(body);
	own = reader->own_upload(reader->arg, json_get_text_or(body, "uri", ""),
				 json_get_text_or(body, "name", ""));
	json_decref(body);
	return own;
}

/* Whether the row only echoes what this workspace did itself. */
static bool is_own(const json_t *row, const char *source, const char *method,
		   const struct activity_reader *reader)
{
	if (*source == '\0')
		return strcmp(method, METHOD_NOTIFY) == 0 ||
		       (strcmp(method, METHOD_UPLOAD) == 0 &&
			is_own_upload(row, reader));
	return strcasecmp(source, reader->workspace_id) == 0 &&
	       strcmp(method, METHOD_DELEGATE_RESULT) != 0;
}

int activity_read(struct activity *out, const json_t *row,
		  const struct activity_reader *reader)
{
	const char *source = json_get_text_or(row, "source_id", "");
	const char *method = json_get_text_or(row, "method", "");
	char *text;

	*out = (struct activity){ .verdict = ACTIVITY_IGNORE };
	if (!read_id(out->id, row))
		return 0;
	out->verdict = ACTIVITY_SKIP;
	if (is_own(row, source, method, reader))
		return 0;
	text = a2a_message_text(json_object_get(row, "request_body"),
				json_get_text(row, "summary"));
	if (text)
		out->message = activity_message_new(&(struct activity_message){
			.activity_id = out->id,
			.text = text,
			.peer_id = source,
			.kind = *source ? "peer_agent" : "canvas_user",
			.method = method,
			.created_at = json_get_text_or(row, "created_at", ""),
		});
	free(text);
	if (!out->message) {
		*out = (struct activity){ .verdict = ACTIVITY_IGNORE };
		return -ENOMEM;
	}
	out->verdict = ACTIVITY_MESSAGE;
	return 0;
}

/* Copies a string to *at, and moves that behind it. */
static const char *put(char **at, const char *text)
{
	char *copy = *at;
	size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static const char *known(const char *text)
{
	return text ? text : "";
}

struct activity_message *
activity_message_new(const struct activity_message *content)
{
	const struct activity_message from = {
		.activity_id = known(content->activity_id),
		.text = known(content->text),
		.peer_id = known(content->peer_id),
		.kind = known(content->kind),
		.method = known(content->method),
		.created_at = known(content->created_at),
	};
	size_t size = strlen(from.activity_id) + strlen(from.text) +
		      strlen(from.peer_id) + strlen(from.kind) +
		      strlen(from.method) + strlen(from.created_at) + 6;
	struct activity_message *message = malloc(sizeof(*message) + size);
	char *at;

	if (!message)
		return NULL;
	at = (char *)(message + 1);
	message->activity_id = put(&at, from.activity_id);
	message->text = put(&at, from.text);
	message->peer_id = put(&at, from.peer_id);
	message->kind = put(&at, from.kind);
	message->method = put(&at, from.method);
	message->created_at = put(&at, from.created_at);
	return message;
}

json_t *activity_message_json(const struct activity_message *message)
{
	json_t *object = json_object();

	if (object &&
	    json_set_text(object, "activity_id", message->activity_id) == 0 &&
	    json_set_text(object, "text", message->text) == 0 &&
	    json_set_text(object, "peer_id", message->peer_id) == 0 &&
	    json_set_text(object, "kind", message->kind) == 0 &&
	    json_set_text(object, "method", message->method) == 0 &&
	    json_set_text(object, "created_at", message->created_at) == 0)
		return object;
	json_decref(object);
	return NULL;
}
