// SPDX-License-Identifier: MIT
#include "proto/listing.h"

#include <stdbool.h>
#include <string.h>

#include "proto/json.h"
#include "proto/payload.h"
#include "proto/text.h"

/* Adds a value that has to stay on its line. */
static void add_on_line(struct text *text, const char *value)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		text_add_bytes(text, c < 0x20 || c == 0x7F ? " " : value, 1);
	}
}

/* The text of a member, `otherwise` when it has none or it is empty. */
static const char *shown(const json_t *object, const char *key,
			 const char *otherwise)
{
	const char *text = json_get_text_or(object, key, "");

	return *text ? text : otherwise;
}

static void add_peer(struct text *text, const json_t *peer)
{
	const char *role = json_get_text_or(peer, "role", "");

	text_add(text, text->len > 0 ? "\n- " : "- ");
	add_on_line(text, shown(peer, "name", shown(peer, "id", "(no name)")));
	text_add(text, " (ID: ");
	add_on_line(text, shown(peer, "id", "unknown"));
	text_add(text, ", status: ");
	add_on_line(text, shown(peer, "status", "unknown"));
	if (*role) {
		text_add(text, ", role: ");
		add_on_line(text, role);
	}
	text_add(text, ")");
}

char *listing_peers(const json_t *peers)
{
	struct text text = { 0 };
	const json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		if (json_is_object(peer))
			add_peer(&text, peer);
	}
	if (text.len == 0)
		text_add(&text, LISTING_NO_PEERS);
	return text_take(&text);
}

char *listing_memories(const json_t *memories)
{
	struct text text = { 0 };
	const json_t *memory;
	size_t i;

	json_array_foreach(memories, i, memory)
	{
		if (!json_is_object(memory))
			continue;
		text_add(&text, text.len > 0 ? "\n[" : "[");
		add_on_line(&text, json_get_text_or(memory, "scope", "?"));
		text_add(&text, "] ");
		text_add(&text, json_get_text_or(memory, "content", ""));
	}
	if (text.len == 0)
		text_add(&text, LISTING_NO_MEMORIES);
	return text_take(&text);
}

json_t *listing_delegation(const json_t *rows, const char *delegation_id)
{
	json_t *row, *first = NULL;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *id = json_get_text(row, "delegation_id");

		if (!id || strcmp(id, delegation_id) != 0)
			continue;
		if (payload_delegation_over(json_get_text(row, "status")))
			return row;
		if (!first)
			first = row;
	}
	return first;
}

static json_t *overview(const json_t *row)
{
	static const char *const keys[] = { "delegation_id", "target_id",
					    "status", "summary",
					    "response_preview" };
	json_t *entry = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (json_set_text(entry, keys[i],
				  json_get_text_or(row, keys[i], "")) < 0) {
			json_decref(entry);
			return NULL;
		}
	}
	return entry;
}

json_t *listing_delegations(const json_t *rows)
{
	json_t *list = json_array();
	json_int_t count = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!json_is_object(row))
			continue;
		if (count < LISTING_DELEGATIONS_MAX &&
		    json_array_append_new(list, overview(row)) < 0) {
			json_decref(list);
			return NULL;
		}
		count++;
	}
	return json_pack("{s:o, s:I}", "delegations", list, "count", count);
}
