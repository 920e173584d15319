// SPDX-License-Identifier: MIT
#include "app/platform/attachments.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "proto/json.h"

static const char *either(const json_t *object, const char *name,
			  const char *other)
{
	const char *value = json_get_text(object, name);

	return value && *value ? value : json_get_text(object, other);
}

/* The kind that a MIME type stands for. */
static const char *kind_of(const char *mime)
{
	static const char *const kinds[] = { "image", "audio", "video" };

	for (size_t i = 0; mime && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]);

		if (strncmp(mime, kinds[i], len) == 0 && mime[len] == '/')
			return kinds[i];
	}
	return "file";
}

static bool is_file_kind(const char *kind)
{
	return kind &&
	       (strcmp(kind, "file") == 0 || strcmp(kind, "image") == 0 ||
		strcmp(kind, "audio") == 0 || strcmp(kind, "video") == 0);
}

/* The object that describes the file of a part; NULL when it is no file. */
static const json_t *file_of(const json_t *part)
{
	const json_t *file = json_object_get(part, "file");

	if (!is_file_kind(either(part, "kind", "type")))
		return NULL;
	if (!json_is_object(file))
		file = part;
	return json_get_text(file, "uri") || json_get_text(file, "name") ? file
									 : NULL;
}

static json_t *entry(const json_t *file, const char *kind)
{
	return json_pack("{s:s, s:s*, s:s*, s:s*}", "kind", kind, "uri",
			 json_get_text(file, "uri"), "mime_type",
			 either(file, "mime_type", "mimeType"), "name",
			 json_get_text(file, "name"));
}

json_t *attachments_of(const json_t *request_body)
{
	const json_t *message = json_object_get(
		json_object_get(request_body, "params"), "message");
	const json_t *parts = json_object_get(message, "parts");
	json_t *found = json_array();
	size_t i;
	json_t *part;

	json_array_foreach(parts, i, part)
	{
		const json_t *file = file_of(part);

		if (file)
			json_array_append_new(
				found,
				entry(file, either(part, "kind", "type")));
	}
	if (json_get_text(request_body, "uri") ||
	    json_get_text(request_body, "file_id"))
		json_array_append_new(
			found, entry(request_body,
				     kind_of(either(request_body, "mimeType",
						    "mime_type"))));
	return found;
}

json_t *attachments_shown(const json_t *parts)
{
	json_t *found = json_array();
	size_t i;
	json_t *part;

	json_array_foreach(parts, i, part)
	{
		const json_t *file = file_of(part);

		if (file)
			json_array_append_new(
				found,
				json_pack(
					"{s:s*, s:s*, s:s*, s:O*}", "name",
					json_get_text(file, "name"), "mimeType",
					either(file, "mimeType", "mime_type"),
					"uri", json_get_text(file, "uri"),
					"size", json_object_get(file, "size")));
	}
	return found;
}
