// SPDX-License-Identifier: MIT
/* The tools that work on the inbox. */
#include "app/tools_inbox.h"

#include <errno.h>
#include <string.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/message_view.h"
#include "app/tools_call.h"
#include "proto/activity.h"
#include "proto/json.h"

#define PEEK_DEFAULT 10
/* The list is not made longer than a host could take, whatever the limit. */
#define PEEK_TEXT_MAX (4u * 1024 * 1024)

/* Why no message can come, for the model; NULL when they can. Parks only while
 * it is not known. */
static const char *refusal(const struct tools *tools)
{
	if (!tools->inbox)
		return "Error: inbox polling is not enabled in this runtime "
		       "(MOLECULE_MCP_DISABLE_INBOX is set).";
	return tools->fleet ? fleet_inbox_refusal(tools->fleet) : NULL;
}

/* NULL when the call is refused. */
static struct inbox *inbox_of(struct tool_call *call)
{
	const char *why = refusal(call->tools);

	if (!why)
		return call->tools->inbox;
	tools_call_fail(call, "%s", why);
	return NULL;
}

double tools_wait_secs(const json_t *arguments, bool progress)
{
	double secs = progress ? TOOLS_WAIT_SECS : TOOLS_WAIT_QUIET_SECS;

	json_get_number(arguments, "timeout_secs", &secs);
	if (!(secs > 0))
		return 0;
	return secs < TOOLS_WAIT_MAX_SECS ? secs : TOOLS_WAIT_MAX_SECS;
}

bool tools_wait_over(const struct tools *tools)
{
	if (!tools->inbox || inbox_first(tools->inbox))
		return true;
	return tools->fleet && fleet_inbox_known(tools->fleet) &&
	       fleet_inbox_refusal(tools->fleet);
}

/* Marks a message in the structured answer: the text has the form that it
 * always had. */
static bool mark(json_t *message)
{
	return json_object_set_new(message, "untrusted", json_true()) == 0;
}

static void leave_message(struct tool_call *call,
			  const struct activity_message *message)
{
	json_t *json = message_view_json(call->tools, message);

	inbox_show(call->tools->inbox, message);
	call->untrusted = true;
	tools_call_take(call, json_dump_text(json, 0));
	if (json && mark(json))
		tools_call_structured(call, json);
	else
		json_decref(json);
}

void tools_wait_answer(struct tool_call *call, double secs)
{
	const struct tools *tools = call->tools;
	const struct activity_message *message =
		tools->inbox ? inbox_first(tools->inbox) : NULL;

	if (message)
		leave_message(call, message);
	else if (tools_wait_over(tools))
		tools_call_fail(call, "%s", refusal(tools));
	else
		tools_call_json(call,
				json_pack("{s:b, s:f}", "timeout", 1,
					  "timeout_secs", secs),
				0);
}

void tools_wait_for_message(struct tool_call *call)
{
	tools_wait_answer(call, tools_wait_secs(call->arguments, false));
}

static json_int_t peek_limit(const json_t *arguments)
{
	json_int_t limit = PEEK_DEFAULT;

	json_get_integer(arguments, "limit", &limit);
	return limit > 0 ? limit : PEEK_DEFAULT;
}

/* The oldest messages as a list; NULL when out of memory. *more: there would
 * have been further ones. */
static json_t *list_messages(const struct tools *tools, json_int_t limit,
			     bool *more)
{
	const struct activity_message *message = inbox_first(tools->inbox);
	json_t *list = json_array();
	size_t shown = 0;

	for (; list && message && limit > 0; limit--) {
		shown += strlen(message->text);
		if (json_array_size(list) && shown > PEEK_TEXT_MAX)
			break;
		if (json_array_append_new(
			    list, message_view_json(tools, message)) != 0) {
			json_decref(list);
			list = NULL;
		}
		inbox_show(tools->inbox, message);
		message = inbox_next(message);
	}
	*more = message && limit > 0;
	return list;
}

void tools_inbox_peek(struct tool_call *call)
{
	json_int_t limit = peek_limit(call->arguments);
	json_t *list, *entry, *structured;
	bool more;
	size_t i;

	if (!inbox_of(call))
		return;
	list = list_messages(call->tools, limit, &more);
	call->untrusted = true;
	tools_call_take(call, json_dump_text(list, 0));
	json_array_foreach(list, i, entry) if (!mark(entry)) break;
	structured = json_pack("{s:o}", "messages", list);
	if (structured && more)
		json_object_set_new(structured, "truncated", json_true());
	tools_call_structured(call, structured);
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
		tools_call_fail(call,
				"Error: the removal of the message cannot be "
				"written to the disk: %s. It stays in the "
				"inbox until you pop it again, or until a "
				"restart, when the configs directory "
				"(CONFIGS_DIR) can be written.",
				strerrordesc_np(-popped));
		return;
	}
	tools_call_json(call,
			json_pack("{s:b, s:s}", "removed", popped,
				  "activity_id", json_string_value(id)),
			0);
}
