// SPDX-License-Identifier: MIT
#include "proto/activity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/a2a.h"
#include "proto/attachments.h"
#include "proto/json.h"

#define METHOD_SEND "message/send"
#define METHOD_NOTIFY "notify"
#define METHOD_DELEGATE_RESULT "delegate_result"
#define SYSTEM_PREFIX "system:" /* of callers that are no workspace */

/* A row under examination. */
struct reading {
	const json_t *row;
	json_t *body; /* decoded, a reference; NULL: none */
	const char *source, *method;
	bool own;	/* its source is the reader's own workspace */
	bool system;	/* its source is none that could be answered */
	bool broadcast; /* it is of that type */
};

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

/* The request body, whether it stands in the row as a tree or as text. */
static int read_body(json_t **out, const json_t *row)
{
	json_t *body = json_object_get(row, "request_body");
	int err = 0;

	if (!json_is_string(body)) {
		*out = json_incref(body);
		return 0;
	}
	*out = json_parse_bounded(json_string_value(body),
				  json_string_length(body), &err);
	return *out == NULL && err == -ENOMEM ? err : 0;
}

/* Whether there is a source, but none that is a workspace. */
static bool is_system_source(const json_t *row)
{
	const json_t *source = json_object_get(row, "source_id");
	const char *text = json_string_value(source);

	if (text)
		return strncasecmp(text, SYSTEM_PREFIX,
				   strlen(SYSTEM_PREFIX)) == 0;
	return source && !json_is_null(source);
}

/* Whether the row only echoes what this workspace did itself. */
static bool is_echo(const struct reading *r,
		    const struct activity_reader *reader)
{
	if (r->own)
		return strcmp(r->method, METHOD_DELEGATE_RESULT) != 0;
	if (*r->source != '\0' || r->system)
		return false;
	if (strcmp(r->method, ACTIVITY_METHOD_UPLOAD) != 0)
		return strcmp(r->method, METHOD_NOTIFY) == 0;
	return reader->own_upload &&
	       reader->own_upload(reader->arg,
				  json_get_text_or(r->body, "uri", ""),
				  json_get_text_or(r->body, "name", ""));
}

/* Whether an object of the message says that no person sent it. */
static bool says_system(const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *source = json_get_text_or(metadata, "source", "");

	return (*source != '\0' && strcmp(source, "canvas_user") != 0) ||
	       json_get_text(metadata, "systemKind") != NULL ||
	       json_get_text(object, "systemKind") != NULL ||
	       strcmp(json_get_text_or(object, "role", ""), "system") == 0;
}

static bool is_canvas_method(const char *method)
{
	return *method == '\0' || strcmp(method, METHOD_SEND) == 0 ||
	       strcmp(method, METHOD_NOTIFY) == 0 ||
	       strcmp(method, ACTIVITY_METHOD_UPLOAD) == 0;
}

static const char *kind_of(const struct reading *r)
{
	const json_t *params = json_object_get(r->body, "params");

	if (r->own)
		return "delegation_result";
	if (*r->source != '\0' && !r->system)
		return "peer_agent";
	if (r->system || r->broadcast || !is_canvas_method(r->method) ||
	    says_system(params) || says_system(r->body) ||
	    says_system(json_object_get(params, "message")))
		return "system";
	return "canvas_user";
}

/* A member without the white space around it, at most `max` bytes; "" when it
 * is longer and `cut` is not allowed. */
static void read_trimmed(char *out, size_t max, bool cut, const json_t *row,
			 const char *key)
{
	static const char space[] = " \t\r\n\v\f";
	const char *text = json_get_text_or(row, key, "");
	size_t len;

	text += strspn(text, space);
	len = strlen(text);
	if (len > max) {
		len = cut ? max : 0;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	while (len > 0 && strchr(space, text[len - 1]))
		len--;
	memcpy(out, text, len);
	out[len] = '\0';
}

/* The attachments as text, "" for none; free. NULL when out of memory. */
static char *read_attachments(const struct reading *r,
			      const struct activity_reader *reader)
{
	json_t *list;
	char *text;

	if (attachments_read(&list, r->row, r->body, reader->workspace_id) < 0)
		return NULL;
	text = list ? json_dump_line(list, NULL) : strdup("");
	json_decref(list);
	return text;
}

static struct activity_message *
make_message(const struct reading *r, const struct activity_reader *reader,
	     const char *id)
{
	char name[ACTIVITY_NAME_MAX + 1], role[ACTIVITY_NAME_MAX + 1];
	char card[ACTIVITY_URL_MAX + 1];
	struct activity_message *message = NULL;
	char *text = a2a_message_text(r->broadcast ? NULL : r->body,
				      json_get_text(r->row, "summary"));
	char *attachments = read_attachments(r, reader);

	read_trimmed(name, ACTIVITY_NAME_MAX, true, r->row, "peer_name");
	read_trimmed(role, ACTIVITY_NAME_MAX, true, r->row, "peer_role");
	read_trimmed(card, ACTIVITY_URL_MAX, false, r->row, "agent_card_url");
	if (text && attachments)
		message = activity_message_new(&(struct activity_message){
			.activity_id = id,
			.text = text,
			.peer_id = r->system ? "" : r->source,
			.kind = kind_of(r),
			.method = r->broadcast ? ACTIVITY_METHOD_BROADCAST
					       : r->method,
			.created_at =
				json_get_text_or(r->row, "created_at", ""),
			.arrival_workspace_id = reader->arrival,
			.peer_name = name,
			.peer_role = role,
			.agent_card_url = card,
			.attachments = attachments,
		});
	free(text);
	free(attachments);
	return message;
}

int activity_read(struct activity *out, const json_t *row,
		  const struct activity_reader *reader)
{
	struct reading r = {
		.row = row,
		.source = json_get_text_or(row, "source_id", ""),
		.method = json_get_text_or(row, "method", ""),
		.system = is_system_source(row),
		.broadcast = strcmp(json_get_text_or(row, "activity_type", ""),
				    ACTIVITY_TYPE_BROADCAST) == 0,
	};

	*out = (struct activity){ .verdict = ACTIVITY_IGNORE };
	if (!read_id(out->id, row))
		return 0;
	r.own = strcasecmp(r.source, reader->workspace_id) == 0;
	if (read_body(&r.body, row) == 0) {
		out->verdict = ACTIVITY_SKIP;
		if (!is_echo(&r, reader)) {
			out->message = make_message(&r, reader, out->id);
			out->verdict = out->message ? ACTIVITY_MESSAGE
						    : ACTIVITY_IGNORE;
		}
	}
	json_decref(r.body);
	if (out->verdict != ACTIVITY_IGNORE)
		return 0;
	*out = (struct activity){ .verdict = ACTIVITY_IGNORE };
	return -ENOMEM;
}

/* The fields of a message, one after the other. */
_Static_assert(sizeof(struct activity_message) ==
		       ACTIVITY_MESSAGE_FIELDS * sizeof(const char *),
	       "a message is nothing but its strings");

static const char *const *fields_of(const struct activity_message *message)
{
	return (const char *const *)message;
}

size_t activity_message_size(const struct activity_message *content)
{
	size_t size = 0;

	for (size_t i = 0; i < ACTIVITY_MESSAGE_FIELDS; i++) {
		const char *field = fields_of(content)[i];

		size += field ? strlen(field) + 1 : 1;
	}
	return size;
}

void activity_message_copy(struct activity_message *out, char *at,
			   const struct activity_message *content)
{
	const char *copies[ACTIVITY_MESSAGE_FIELDS];

	for (size_t i = 0; i < ACTIVITY_MESSAGE_FIELDS; i++) {
		const char *field = fields_of(content)[i];
		size_t size = field ? strlen(field) + 1 : 1;

		memcpy(at, field ? field : "", size);
		copies[i] = at;
		at += size;
	}
	memcpy(out, copies, sizeof(copies));
}

struct activity_message *
activity_message_new(const struct activity_message *content)
{
	struct activity_message *message =
		malloc(sizeof(*message) + activity_message_size(content));

	if (message)
		activity_message_copy(message, (char *)(message + 1), content);
	return message;
}

/* object[key] = text, unless that is unknown. */
static bool set_known(json_t *object, const char *key, const char *text)
{
	return *text == '\0' || json_set_text(object, key, text) == 0;
}

/* The attachments as a tree; what is no list is left out. */
static bool set_attachments(json_t *object, const char *text)
{
	json_t *list = NULL;

	if (*text != '\0')
		list = json_parse_bounded(text, strlen(text), NULL);
	if (!json_is_array(list) || json_array_size(list) == 0) {
		json_decref(list);
		return true;
	}
	return json_object_set_new(object, "attachments", list) == 0;
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
	    json_set_text(object, "created_at", message->created_at) == 0 &&
	    set_known(object, "arrival_workspace_id",
		      message->arrival_workspace_id) &&
	    set_known(object, "peer_name", message->peer_name) &&
	    set_known(object, "peer_role", message->peer_role) &&
	    set_known(object, "agent_card_url", message->agent_card_url) &&
	    set_attachments(object, message->attachments))
		return object;
	json_decref(object);
	return NULL;
}
