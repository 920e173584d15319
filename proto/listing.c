// SPDX-License-Identifier: MIT
#include "proto/listing.h"

#include <stdbool.h>
#include <string.h>

#include "proto/a2a.h"
#include "proto/json.h"
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

static void add_line(struct text *text, const json_t *peer,
		     const char *short_via)
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
	if (short_via) {
		text_add(text, ", via: ");
		text_add(text, short_via);
	}
	text_add(text, ")");
}

/* {id, name, status, role[, via]}; a role that is none is null. */
static json_t *peer_object(const json_t *peer, const char *via)
{
	const char *role = json_get_text_or(peer, "role", "");
	json_t *object = json_object();

	if (json_set_text(object, "id", json_get_text_or(peer, "id", "")) ||
	    json_set_text(object, "name", json_get_text_or(peer, "name", "")) ||
	    json_set_text(object, "status",
			  json_get_text_or(peer, "status", "unknown")) ||
	    json_object_set_new(object, "role",
				*role ? json_string(role) : json_null()) ||
	    json_set_text(object, "via", via)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

void listing_add_peers(struct listing *listing, const json_t *peers,
		       const char *via, const char *short_via)
{
	const json_t *peer;
	size_t i;

	if (!listing->list)
		listing->list = json_array();
	json_array_foreach(peers, i, peer)
	{
		if (!json_is_object(peer))
			continue;
		if (listing->text.len > LISTING_PEERS_MAX) {
			listing->left_out++;
			continue;
		}
		add_line(&listing->text, peer, short_via);
		if (json_array_append_new(listing->list,
					  peer_object(peer, via)) != 0)
			listing->failed = true;
	}
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

static json_t *overview(const json_t *row)
{
	static const char *const keys[] = { "delegation_id", "target_id",
					    "status", "summary",
					    "response_preview" };
	json_t *entry = json_object();
	int err = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && err == 0; i++)
		err = json_set_text(entry, keys[i],
				    json_get_text_or(row, keys[i], ""));
	if (err == 0 && a2a_text_queued(json_get_text(row, "response_preview")))
		err = json_set_text(entry, "status", "queued") ||
		      json_set_text(entry, "response_preview", "");
	if (err) {
		json_decref(entry);
		entry = NULL;
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
