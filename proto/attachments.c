// SPDX-License-Identifier: MIT
#include "proto/attachments.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/json.h"
#include "proto/utf8.h"

static const char *first_of(const json_t *object, const char *name,
			    const char *other)
{
	const char *value = json_get_text_or(object, name, "");

	return *value ? value : json_get_text_or(object, other, "");
}

static bool is_file_kind(const char *kind)
{
	return strcmp(kind, "file") == 0 || strcmp(kind, "image") == 0 ||
	       strcmp(kind, "audio") == 0 || strcmp(kind, "video") == 0;
}

/* The kind that a MIME type stands for. */
static const char *kind_of(const char *type)
{
	if (strncmp(type, "image/", 6) == 0)
		return "image";
	if (strncmp(type, "audio/", 6) == 0)
		return "audio";
	return strncmp(type, "video/", 6) == 0 ? "video" : "file";
}

static int set(json_t *object, const char *key, const char *text, size_t max)
{
	if (*text == '\0' || strlen(text) > max)
		return 0;
	return json_set_text(object, key, text);
}

static int set_name(json_t *object, const char *name)
{
	size_t len = utf8_prefix(name, strlen(name), ATTACHMENTS_NAME_MAX);

	if (len == 0)
		return 0;
	return json_object_set_new(object, "name",
				   json_string_clean(name, len)) < 0
		       ? -ENOMEM
		       : 0;
}

static int set_size(json_t *object, const json_t *size)
{
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return 0;
	return json_object_set_new(object, "size",
				   json_integer(json_integer_value(size))) < 0
		       ? -ENOMEM
		       : 0;
}

/* Adds what `file` describes. `uri` overrides its own unless NULL. */
static int add(json_t *list, const char *kind, const json_t *file,
	       const char *uri)
{
	json_t *item;
	int err;

	if (uri == NULL)
		uri = json_get_text_or(file, "uri", "");
	if (json_array_size(list) == ATTACHMENTS_MAX ||
	    (*uri == '\0' && *json_get_text_or(file, "name", "") == '\0'))
		return 0;
	item = json_object();
	err = json_set_text(item, "kind", kind);
	if (err == 0)
		err = set(item, "uri", uri, ATTACHMENTS_URI_MAX);
	if (err == 0)
		err = set(item, "mime_type",
			  first_of(file, "mime_type", "mimeType"),
			  ATTACHMENTS_TYPE_MAX);
	if (err == 0)
		err = set_name(item, json_get_text_or(file, "name", ""));
	if (err == 0)
		err = set_size(item, json_object_get(file, "size"));
	if (err == 0)
		return json_array_append_new(list, item) < 0 ? -ENOMEM : 0;
	json_decref(item);
	return err;
}

static int add_parts(json_t *list, const json_t *parts)
{
	const json_t *part;
	size_t i;
	int err = 0;

	json_array_foreach(parts, i, part)
	{
		const json_t *file = json_object_get(part, "file");
		const char *kind = first_of(part, "kind", "type");

		if (is_file_kind(kind))
			err = add(list, kind,
				  json_is_object(file) ? file : part, NULL);
		if (err < 0)
			return err;
	}
	return 0;
}

/* The first of the three places of parts that names any file. */
static int add_message(json_t *list, const json_t *body)
{
	const json_t *params = json_object_get(body, "params");
	const json_t *places[] = {
		json_object_get(json_object_get(params, "message"), "parts"),
		json_object_get(params, "parts"),
		json_object_get(body, "parts"),
	};
	int err = 0;

	for (size_t i = 0; i < 3 && err == 0 && json_array_size(list) == 0; i++)
		err = add_parts(list, places[i]);
	return err;
}

static int add_manifest(json_t *list, const json_t *body,
			const char *workspace_id)
{
	const char *id = json_get_text_or(body, "file_id", "");
	const char *name = json_get_text_or(body, "name", "");
	const char *kind = kind_of(first_of(body, "mimeType", "mime_type"));
	json_t *uri;
	int err;

	if (*json_get_text_or(body, "uri", "") != '\0')
		return add(list, kind, body, NULL);
	if (*id == '\0' || *name == '\0')
		return 0;
	uri = json_sprintf(ATTACHMENTS_PENDING "%s/%s", workspace_id, id);
	err = uri ? add(list, kind, body, json_string_value(uri)) : -ENOMEM;
	json_decref(uri);
	return err;
}

/* The list that the platform made. */
static int add_listed(json_t *list, const json_t *row)
{
	const json_t *item;
	size_t i;
	int err = 0;

	json_array_foreach(json_object_get(row, "attachments"), i, item)
	{
		const char *kind = json_get_text(item, "kind");

		if (kind)
			err = add(list, strlen(kind) <= 32 ? kind : "file",
				  item, NULL);
		if (err < 0)
			return err;
	}
	return 0;
}

int attachments_read(json_t **out, const json_t *row, const json_t *body,
		     const char *workspace_id)
{
	json_t *own = json_array();
	json_t *listed = json_array();
	json_t *best;
	int err = own && listed ? add_message(own, body) : -ENOMEM;

	if (err == 0 && json_array_size(own) == 0)
		err = add_manifest(own, body, workspace_id);
	if (err == 0)
		err = add_listed(listed, row);
	/* The platform's list may have lost the types, but may also come from
	 * a body that is not shown. */
	best = json_array_size(own) >= json_array_size(listed) ? own : listed;
	*out = err == 0 && json_array_size(best) > 0 ? json_incref(best) : NULL;
	json_decref(own);
	json_decref(listed);
	return err;
}
