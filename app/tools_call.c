// SPDX-License-Identifier: MIT
#include "app/tools_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "app/peers.h"
#include "proto/json.h"

#define MEMBERS_NAMED 10 /* ids in an error */

bool tools_call_string(struct tool_call *call, const char *name,
		       const char **out)
{
	const json_t *value = json_object_get(call->arguments, name);

	*out = "";
	if (!value || json_is_null(value))
		return true;
	if (!json_is_string(value)) {
		tools_call_fail(call, "Error: %s must be a string", name);
		return false;
	}
	*out = json_string_value(value);
	return true;
}

/* The ids that could have been named. */
static void no_member(struct tool_call *call, const char *name, const char *id)
{
	const struct fleet *fleet = call->tools->fleet;
	char *list = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&list, &len);

	if (!out)
		return;
	for (size_t i = 0; i < fleet->count && i < MEMBERS_NAMED; i++)
		fprintf(out, "%s%s", i ? ", " : "",
			fleet->members[i].who.workspace_id);
	if (fleet->count > MEMBERS_NAMED)
		fprintf(out, " and %zu more", fleet->count - MEMBERS_NAMED);
	if (fclose(out) == 0)
		tools_call_fail(call,
				"Error: %s %.64s is not one of the workspaces "
				"of this process: it can be %s, or left out.",
				name, id, list);
	free(list);
}

bool tools_call_source(struct tool_call *call, const char *name,
		       const char *peer_id)
{
	const struct tools *tools = call->tools;
	struct peer peer;
	const char *id;

	if (!tools_call_string(call, name, &id))
		return false;
	call->source = &tools->fleet->members[0];
	if (*id) {
		struct member *member = fleet_find(tools->fleet, id);

		if (!member) {
			no_member(call, name, id);
			return false;
		}
		call->source = member;
	} else if (peer_id && *peer_id && tools->peers &&
		   peers_find(tools->peers, peer_id, &peer) && peer.via) {
		call->source = peer.via;
	}
	return true;
}

void tools_call_take(struct tool_call *call, char *text)
{
	if (call->text) {
		free(text);
		return;
	}
	call->text = text;
	call->text_len = text ? strlen(text) : 0;
}

static void leave(struct tool_call *call, const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	tools_call_take(call, text);
}

void tools_call_answer(struct tool_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	leave(call, format, args);
	va_end(args);
}

void tools_call_fail(struct tool_call *call, const char *format, ...)
{
	va_list args;

	call->is_error = true;
	va_start(args, format);
	leave(call, format, args);
	va_end(args);
}

void tools_call_json(struct tool_call *call, json_t *value, unsigned indent)
{
	tools_call_take(call, json_dump_text(value, indent));
	if (json_is_object(value) && !call->is_error)
		tools_call_structured(call, value);
	else
		json_decref(value);
}

void tools_call_structured(struct tool_call *call, json_t *object)
{
	if (call->structured)
		json_decref(object);
	else
		call->structured = object;
}
