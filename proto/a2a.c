// SPDX-License-Identifier: MIT
#include "proto/a2a.h"

#include <errno.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"

json_t *a2a_message_send(const char *id, const char *message_id,
			 const char *text)
{
	return json_pack("{s:s, s:s, s:s, s:{s:{s:s, s:s, s:[{s:s, s:o}]}}}",
			 "jsonrpc", "2.0", "id", id, "method", "message/send",
			 "params", "message", "role", "user", "messageId",
			 message_id, "parts", "kind", "text", "text",
			 json_string_clean_z(text));
}

static bool is_text_part(const json_t *part)
{
	return strcmp(json_get_text_or(part, "kind", ""), "text") == 0 ||
	       strcmp(json_get_text_or(part, "type", ""), "text") == 0;
}

int a2a_parts_text(char **out, const json_t *parts, const char *between)
{
	struct text text = { 0 };
	const json_t *part;
	size_t i;

	*out = NULL;
	json_array_foreach(parts, i, part)
	{
		const char *piece = json_get_text_or(part, "text", "");

		if (!is_text_part(part) || *piece == '\0')
			continue;
		if (text.len > 0)
			text_add(&text, between);
		text_add(&text, piece);
	}
	if (text.len == 0 && !text.failed)
		return 0;
	*out = text_take(&text);
	return *out ? 0 : -ENOMEM;
}

/* The text of a message body that is an object, NULL in *out when it has none.
 */
static int object_text(char **out, const json_t *body)
{
	const json_t *params = json_object_get(body, "params");
	const json_t *message = json_object_get(params, "message");
	const json_t *candidates[] = {
		json_object_get(message, "parts"),
		json_object_get(params, "parts"),
		json_object_get(body, "parts"),
	};
	int err = 0;

	*out = NULL;
	for (size_t i = 0; i < 3 && !*out && err == 0; i++)
		err = a2a_parts_text(out, candidates[i], "");
	return err;
}

char *a2a_message_text(const json_t *body, const char *summary)
{
	char *text = NULL;
	int err;

	if (json_is_string(body)) {
		json_t *inner = json_parse_bounded(json_string_value(body),
						   json_string_length(body),
						   &err);

		if (inner || err != -ENOMEM)
			err = object_text(&text, inner);
		json_decref(inner);
	} else {
		err = object_text(&text, body);
	}
	if (text || err < 0)
		return text;
	return strdup(summary && *summary ? summary : A2A_EMPTY_MESSAGE);
}
