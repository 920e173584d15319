// SPDX-License-Identifier: MIT
#include "proto/outcome.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/a2a.h"
#include "proto/json.h"
#include "proto/payload.h"

/* What a replaced byte of a character that was cut looks like. */
#define REPLACEMENT "\xEF\xBF\xBD"

/* What it failed for: `error`, or as others call it. */
static const char *error_of(const json_t *row)
{
	const char *error = json_get_text_or(row, "error", "");

	return *error ? error : json_get_text_or(row, "error_detail", "");
}

static enum outcome_kind kind_of(const json_t *row)
{
	const char *status = json_get_text_or(row, "status", "");

	if (!payload_delegation_over(status))
		return OUTCOME_OPEN;
	if (strcmp(status, "completed") != 0)
		return OUTCOME_FAILED;
	return a2a_text_queued(json_get_text(row, "response_preview"))
		       ? OUTCOME_QUEUED
		       : OUTCOME_ANSWERED;
}

/* What it was answered. Where a row's body has no text the platform shows the
 * body itself, which is but the delegation's id. */
static const char *preview_of(const json_t *row)
{
	const char *preview = json_get_text_or(row, "response_preview", "");
	json_t *body = NULL;
	bool is_body;

	if (*preview == '{')
		body = json_parse_bounded(preview, strlen(preview), NULL);
	is_body = json_get_text(body, "delegation_id") &&
		  !json_object_get(body, "text") &&
		  !json_object_get(body, "result");
	json_decref(body);
	return is_body ? "" : preview;
}

/* How much a row tells; of several that tell as much the newest counts. */
static int weight_of(const json_t *row)
{
	enum outcome_kind kind = kind_of(row);
	const char *text = kind == OUTCOME_FAILED ? error_of(row)
						  : preview_of(row);

	if (kind == OUTCOME_OPEN)
		return 1;
	if (kind == OUTCOME_QUEUED)
		return 3;
	return *text ? 4 : 2;
}

static json_t *row_of(const json_t *rows, const char *delegation_id)
{
	json_t *row, *best = NULL;
	int weight = 0;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *id = json_get_text(row, "delegation_id");

		if (!id || strcmp(id, delegation_id) != 0 ||
		    weight_of(row) <= weight)
			continue;
		best = row;
		weight = weight_of(row);
	}
	return best;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(text + len - n, end, n) == 0;
}

/* How many bytes of a preview stand in the answer for certain. */
static size_t certain(const char *preview)
{
	size_t len = strlen(preview);

	if (len >= OUTCOME_PREVIEW_MAX && ends_with(preview, len, "..."))
		len -= 3;
	while (ends_with(preview, len, REPLACEMENT))
		len -= strlen(REPLACEMENT);
	return len;
}

void outcome_read(struct outcome *out, const json_t *rows,
		  const char *delegation_id)
{
	json_t *row = row_of(rows, delegation_id);

	*out = (struct outcome){
		.kind = OUTCOME_UNKNOWN, .row = row, .status = "", .text = ""
	};
	if (!row)
		return;
	out->kind = kind_of(row);
	out->status = json_get_text_or(row, "status", "");
	if (out->kind == OUTCOME_FAILED)
		out->text = error_of(row);
	else if (out->kind == OUTCOME_ANSWERED)
		out->text = preview_of(row);
	out->cut = out->kind == OUTCOME_ANSWERED &&
		   strlen(out->text) >= OUTCOME_PREVIEW_MIN;
}

/* The text of a body that answers: {"text"}, {"result"} in any of its shapes,
 * or a string. NULL when it has none, or out of memory. */
static char *body_text(const json_t *body)
{
	const char *text = json_is_string(body) ? json_string_value(body)
						: json_get_text(body, "text");
	struct a2a_reply reply;

	if (text)
		return strdup(text);
	if (!json_is_object(body) || a2a_reply_read(&reply, 200, body, NULL, 0))
		return NULL;
	if (reply.kind == A2A_REPLY_TEXT)
		return reply.text;
	a2a_reply_free(&reply);
	return NULL;
}

static bool begins(const char *text, const char *preview)
{
	return strncmp(text, preview, certain(preview)) == 0;
}

/* The answer of a row that is the delegation's own result. */
static char *result_of(const json_t *row, const char *delegation_id)
{
	const json_t *body = json_object_get(row, "response_body");
	const char *id = json_get_text(body, "delegation_id");
	char *text;

	if (!id || strcmp(id, delegation_id) != 0)
		return NULL;
	text = body_text(body);
	if (!text || !a2a_text_queued(text))
		return text;
	free(text);
	return NULL;
}

/* The text of a row that is a message of the peer. */
static char *message_of(const json_t *row, const char *peer_id,
			const char *preview)
{
	const char *type = json_get_text_or(row, "activity_type", "");
	const char *source = json_get_text_or(row, "source_id", "");
	char *text;

	if (strcmp(type, "a2a_receive") != 0 ||
	    strcasecmp(source, peer_id) != 0)
		return NULL;
	text = a2a_message_text(json_object_get(row, "request_body"),
				json_get_text(row, "summary"));
	if (text && begins(text, preview))
		return text;
	free(text);
	return NULL;
}

struct outcome_text outcome_text(const json_t *rows, const char *delegation_id,
				 const char *peer_id, const char *preview)
{
	struct outcome_text found = { 0 };
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		found.text = result_of(row, delegation_id);
		if (found.text)
			return found;
	}
	json_array_foreach(rows, i, row)
	{
		if (!preview || !*preview)
			break;
		found.text = message_of(row, peer_id, preview);
		found.is_message = found.text != NULL;
		if (found.text)
			return found;
	}
	return found;
}

char *outcome_message(const json_t *rows, const char *peer_id,
		      bool newest_first)
{
	size_t count = json_array_size(rows);

	for (size_t i = 0; i < count; i++) {
		size_t at = newest_first ? count - 1 - i : i;
		char *text = message_of(json_array_get(rows, at), peer_id, "");

		if (text)
			return text;
	}
	return NULL;
}
