// SPDX-License-Identifier: MIT
/* The tools that work on the inbox. */
#include "app/tools_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/inbox.h"
#include "proto/activity.h"
#include "proto/json.h"
#include "proto/utf8.h"
#include "runtime/clock.h"

#define WAIT_DEFAULT_SECS 60.0
#define WAIT_MAX_SECS 300.0
#define PEEK_DEFAULT 10
/* Hosts give up a session over a line of more than 10 MiB, and a text may take
 * several times its size in one. */
#define TEXT_SHOWN_MAX (2u * 1024 * 1024)

static struct inbox *inbox_of(struct tool_call *call)
{
	struct inbox *inbox = call->tools->inbox;

	if (!inbox)
		tools_call_fail(call, "Error: inbox polling is not enabled in "
				      "this runtime "
				      "(MOLECULE_MCP_DISABLE_INBOX is set).");
	return inbox;
}

/* The message as JSON. A text that no host could take is cut, and says so. */
static json_t *message_json(const struct activity_message *message)
{
	static const char note[] = "\n[cut here: the message is too long]";
	json_t *json = activity_message_json(message);
	size_t len = strlen(message->text);
	size_t kept = TEXT_SHOWN_MAX;
	char *text;

	if (!json || len <= TEXT_SHOWN_MAX)
		return json;
	while (kept && ((unsigned char)message->text[kept] & 0xC0) == 0x80)
		kept--;
	text = malloc(kept + sizeof(note));
	if (!text) {
		json_decref(json);
		return NULL;
	}
	memcpy(text, message->text, kept);
	memcpy(text + kept, note, sizeof(note));
	if (json_set_text(json, "text", text) != 0) {
		json_decref(json);
		json = NULL;
	}
	free(text);
	return json;
}

static double wait_secs(const json_t *arguments)
{
	double secs = WAIT_DEFAULT_SECS;

	json_get_number(arguments, "timeout_secs", &secs);
	if (!(secs > 0))
		return 0;
	return secs < WAIT_MAX_SECS ? secs : WAIT_MAX_SECS;
}

void tools_wait_for_message(struct tool_call *call)
{
	struct inbox *inbox = inbox_of(call);
	double secs = wait_secs(call->arguments);
	struct deadline deadline;
	int err;

	if (!inbox)
		return;
	deadline = deadline_in_ms(call->tools->rt, (int64_t)(secs * 1000));
	err = inbox_wait(inbox, deadline);
	if (err == -ETIMEDOUT)
		tools_call_json(call,
				json_pack("{s:b, s:f}", "timeout", 1,
					  "timeout_secs", secs),
				0);
	else if (!err)
		tools_call_json(call, message_json(inbox_first(inbox)), 0);
}

static json_int_t peek_limit(const json_t *arguments)
{
	json_int_t limit = PEEK_DEFAULT;

	json_get_integer(arguments, "limit", &limit);
	return limit > 0 ? limit : PEEK_DEFAULT;
}

void tools_inbox_peek(struct tool_call *call)
{
	struct inbox *inbox = inbox_of(call);
	json_int_t limit = peek_limit(call->arguments);
	const struct activity_message *message;
	size_t shown = 0;
	json_t *list;

	if (!inbox)
		return;
	list = json_array();
	for (message = inbox_first(inbox); list && message && limit > 0;
	     message = inbox_next(message), limit--) {
		shown += strlen(message->text);
		if (json_array_size(list) && shown > TEXT_SHOWN_MAX)
			break;
		if (json_array_append_new(list, message_json(message)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	tools_call_json(call, list, 0);
}

void tools_inbox_pop(struct tool_call *call)
{
	struct inbox *inbox = inbox_of(call);
	const json_t *id = json_object_get(call->arguments, "activity_id");
	int popped;

	if (!inbox)
		return;
	if (!json_is_string(id) || json_string_length(id) == 0) {
		tools_call_fail(call, "Error: activity_id is required.");
		return;
	}
	popped = inbox_pop(inbox, json_string_value(id));
	if (popped < 0) {
		tools_call_fail(call, "Error removing the message: %s",
				strerror(-popped));
		return;
	}
	tools_call_json(call,
			json_pack("{s:b, s:s}", "removed", popped,
				  "activity_id", json_string_value(id)),
			0);
}
