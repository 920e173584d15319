// SPDX-License-Identifier: MIT
#include "proto/mcp_result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/json_wire.h"
#include "proto/mcp.h"
#include "proto/mcp_modern.h"

/* For everything in the line but the id, the text and the object. */
#define FRAME_MAX 1024
/* Between two items: ", " in the text and "," in the object. */
#define BETWEEN 3

#define UNTRUSTED "\"molecule/untrusted\":true"

static const char cut_note[] = "\n[cut here: the answer is too long]";

/* The two parts as they stand in the line. */
struct parts {
	char *text; /* a JSON string */
	size_t text_len;
	char *structured; /* NULL: none */
	size_t structured_len;
	char note[128]; /* a second block; "" for none */
};

static void parts_free(struct parts *parts)
{
	free(parts->text);
	free(parts->structured);
	*parts = (struct parts){ 0 };
}

static int set_text(struct parts *parts, const char *text, size_t len)
{
	json_t *string = json_string_clean(text, len);

	parts->text = json_dump_line(string, &parts->text_len);
	json_decref(string);
	return parts->text ? 0 : -ENOMEM;
}

static int set_structured(struct parts *parts, const json_t *structured)
{
	if (!structured)
		return 0;
	parts->structured = json_dump_line(structured, &parts->structured_len);
	return parts->structured ? 0 : -ENOMEM;
}

/* The text, cut so that it takes `room` bytes of the line at most. */
static int set_cut_text(struct parts *parts, const char *text, size_t len,
			size_t room)
{
	size_t note = sizeof(cut_note) - 1;
	size_t kept =
		json_wire_prefix(text, len, JSON_WIRE_STRING, room - 2 * note);
	char *cut;
	int err;

	if (kept == len)
		return set_text(parts, text, len);
	cut = malloc(kept + note);
	if (!cut)
		return -ENOMEM;
	memcpy(cut, text, kept);
	memcpy(cut + kept, cut_note, note);
	err = set_text(parts, cut, kept + note);
	free(cut);
	return err;
}

/* The list of the object that has most items; NULL when there is none. */
static json_t *longest_list(json_t *object)
{
	json_t *longest = NULL, *value;
	const char *key;

	json_object_foreach(object, key, value)
	{
		if (json_is_array(value) &&
		    json_array_size(value) > json_array_size(longest))
			longest = value;
	}
	return longest;
}

/* What an item takes in the object, and if `both` in a text of JSON too. 0
 * when out of memory. */
static size_t item_size(const json_t *item, bool both)
{
	size_t size = 0;
	char *line = json_dump_line(item, &size);
	char *text = line && both ? json_dump_text(item, 0) : NULL;

	if (text)
		size += json_wire_size(text, strlen(text), JSON_WIRE_STRING);
	else if (both)
		size = 0;
	free(line);
	free(text);
	return size;
}

/* Takes away what does not fit into `room`. Returns 0; -E2BIG when nothing
 * would be left; -ENOMEM. */
static int cut_list(json_t *object, json_t *list, size_t room, bool both)
{
	size_t had = json_array_size(list);
	json_t *items = json_array();
	size_t kept, used;
	int err = 0;

	if (!items || json_array_extend(items, list) != 0) {
		json_decref(items);
		return -ENOMEM;
	}
	/* What stands around the items; the mark is the longest thing there
	 * may come to be. */
	json_array_clear(list);
	json_object_set_new(object, "truncated", json_true());
	used = item_size(object, both);
	for (kept = 0; kept < had && !err; kept++) {
		json_t *item = json_array_get(items, kept);
		size_t size = item_size(item, both) + BETWEEN;

		if (used + size > room)
			break;
		used += size;
		err = size == BETWEEN ? -ENOMEM : json_array_append(list, item);
	}
	json_decref(items);
	if (err || used == 0)
		return -ENOMEM;
	return kept ? 0 : -E2BIG;
}

/* Both parts, the object with a list that is cut. */
static int cut_both(struct parts *parts, const struct mcp_result *result,
		    size_t room)
{
	json_t *object = result->structured;
	json_t *list = longest_list(object);
	size_t had = json_array_size(list);
	char first = result->len ? result->text[0] : '\0';
	bool both = first == '{' || first == '[';
	char *text;
	int err;

	if (!list)
		return -E2BIG;
	err = cut_list(object, list, both ? room : room / 2, both);
	if (!err)
		err = set_structured(parts, object);
	if (err)
		return err;
	if (!both)
		return set_cut_text(parts, result->text, result->len,
				    room - parts->structured_len);
	text = json_dump_text(first == '[' ? list : object, 0);
	err = text ? set_text(parts, text, strlen(text)) : -ENOMEM;
	free(text);
	snprintf(parts->note, sizeof(parts->note),
		 "[cut here: the answer is too long; %zu of %zu are shown]",
		 json_array_size(list), had);
	return err;
}

static int set_error(struct parts *parts, size_t size)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "Error: the answer is too large to be shown (%zu KiB); ask "
		 "for less.",
		 size / 1024);
	return set_text(parts, text, strlen(text));
}

/* Fills *parts so that they fit into `room`. *is_error may become true. */
static int fit(struct parts *parts, const struct mcp_result *result,
	       size_t room, bool *is_error)
{
	json_t *structured = result->is_error ? NULL : result->structured;
	size_t size;
	int err = set_structured(parts, structured);

	if (err)
		return err;
	size = parts->structured_len + 2 +
	       json_wire_size(result->text, result->len, JSON_WIRE_STRING);
	if (size <= room)
		return set_text(parts, result->text, result->len);
	if (!structured)
		return set_cut_text(parts, result->text, result->len, room);
	parts_free(parts);
	err = cut_both(parts, result, room);
	if (err != -E2BIG)
		return err;
	parts_free(parts);
	*is_error = true;
	return set_error(parts, size);
}

static struct jsonrpc_piece piece(const char *text)
{
	return (struct jsonrpc_piece){ text, strlen(text) };
}

static const char *end_of(const struct mcp_result *result)
{
	static const char modern_untrusted[] =
		"," MCP_MODERN_RESULT_TYPE ",\"_meta\":{" MCP_MODERN_SERVER_INFO
		"," UNTRUSTED "}}";
	bool untrusted = result->untrusted;

	if (result->modern)
		return untrusted ? modern_untrusted
				 : "," MCP_MODERN_COMPLETE "}";
	return untrusted ? ",\"_meta\":{" UNTRUSTED "}}" : "}";
}

int mcp_result_line(struct jsonrpc_line *out, const char *id,
		    const struct mcp_result *result)
{
	static const char block[] = "{\"type\":\"text\",\"text\":";
	size_t taken = strlen(id) + FRAME_MAX;
	bool is_error = result->is_error;
	struct parts parts = { 0 };
	int err = fit(&parts, result, MCP_LINE_MAX - taken, &is_error);

	*out = (struct jsonrpc_line){ 0 };
	if (!err) {
		bool more = *parts.note != '\0';
		const struct jsonrpc_piece pieces[] = {
			piece("{\"content\":["),
			piece(block),
			{ parts.text, parts.text_len },
			piece(more ? "}," : "}]"),
			piece(more ? block : ""),
			piece(more ? "\"" : ""),
			piece(parts.note),
			piece(more ? "\"}]" : ""),
			piece(parts.structured ? ",\"structuredContent\":"
					       : ""),
			{ parts.structured, parts.structured_len },
			piece(is_error ? ",\"isError\":true" : ""),
			piece(end_of(result)),
		};

		err = jsonrpc_result_pieces(out, id, pieces,
					    sizeof(pieces) / sizeof(*pieces));
	}
	parts_free(&parts);
	return err;
}
