// SPDX-License-Identifier: MIT
#include "app/message_view.h"

#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "app/peers.h"
#include "app/platform_client.h"
#include "app/tools.h"
#include "app/uploads.h"
#include "proto/json.h"
#include "proto/json_wire.h"
#include "proto/mcp.h"
#include "proto/text.h"
#include "proto/utf8.h"
#include "proto/uuid.h"

/* The room that a message's text may take in a line, as text and as structured
 * content together. What is left is for the other fields. */
#define TEXT_ROOM (MCP_LINE_MAX - 2048u * 1024)
/* The longest of them, in characters. */
#define FIELD_MAX 1024

/* The workspace that a message came to. */
static struct member *member_of(const struct tools *tools,
				const struct activity_message *message)
{
	struct member *member = NULL;

	if (*message->arrival_workspace_id)
		member =
			fleet_find(tools->fleet, message->arrival_workspace_id);
	return member ? member : &tools->fleet->members[0];
}

static void add_names(struct activity_message *message, struct peers *peers,
		      struct member *via)
{
	struct peer peer;

	if (*message->peer_name && *message->peer_role)
		return;
	if (!peers_find(peers, message->peer_id, &peer)) {
		if (!*message->peer_name)
			peers_want(peers, message->peer_id, via);
		return;
	}
	if (!*message->peer_name)
		message->peer_name = peer.name;
	if (!*message->peer_role)
		message->peer_role = peer.role;
}

void message_view(struct message_view *out, const struct tools *tools,
		  const struct activity_message *message)
{
	out->message = *message;
	if (strcmp(message->kind, "peer_agent") != 0 ||
	    !uuid_valid(message->peer_id) || !tools->fleet)
		return;
	if (platform_card_url(&member_of(tools, message)->who, message->peer_id,
			      out->card_url, sizeof(out->card_url)))
		out->message.agent_card_url = out->card_url;
	if (tools->peers)
		add_names(&out->message, tools->peers,
			  member_of(tools, message));
}

/* Cuts a string to its first `len` bytes and what is then added. */
static bool cut(json_t *string, size_t len, const char *note)
{
	struct text text = { 0 };
	char *shorter;
	bool done;

	text_add_bytes(&text, json_string_value(string), len);
	text_add(&text, note);
	shorter = text_take(&text);
	done = shorter && json_string_set(string, shorter) == 0;
	free(shorter);
	return done;
}

static bool cut_strings(json_t *object)
{
	const char *key;
	json_t *value;
	bool done = true;

	json_object_foreach(object, key, value)
	{
		const char *text = json_string_value(value);
		size_t len = json_string_length(value), kept;
		bool is_text = strcmp(key, "text") == 0;

		if (!text)
			continue;
		kept = is_text ? json_wire_prefix(text, len, JSON_WIRE_BOTH,
						  TEXT_ROOM)
			       : utf8_prefix(text, len, FIELD_MAX);
		if (kept < len)
			done = done &&
			       cut(value, kept,
				   is_text ? "\n[cut here: the message is too "
					     "long]"
					   : "");
	}
	return done;
}

json_t *message_view_json(const struct tools *tools,
			  const struct activity_message *message)
{
	struct message_view view;
	json_t *object, *attachments = NULL;
	bool done;

	message_view(&view, tools, message);
	object = activity_message_json(&view.message);
	if (!object)
		return NULL;
	if (*message->attachments)
		attachments = uploads_resolve(tools->uploads,
					      message->attachments,
					      message->arrival_workspace_id);
	done = cut_strings(object);
	if (done && attachments)
		done = json_object_set(object, "attachments", attachments) == 0;
	json_decref(attachments);
	if (done)
		return object;
	json_decref(object);
	return NULL;
}
