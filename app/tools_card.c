// SPDX-License-Identifier: MIT
/* update_agent_card: what the platform shows of this agent. */
#include "app/tools_call.h"

#include <string.h>

#include "app/fleet.h"
#include "app/platform_client.h"
#include "proto/json.h"

/* {"success": false, "error": …[, "status_code": …]} */
static void fail(struct tool_call *call, const char *error, int status)
{
	json_t *json = json_pack("{s:b, s:o}", "success", 0, "error",
				 json_string_clean_z(error));

	if (json && status)
		json_object_set_new(json, "status_code", json_integer(status));
	call->is_error = true;
	tools_call_json(call, json, 2);
}

static void refused(struct tool_call *call, const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX];
	const char *words = platform_reply_words(reply, text, sizeof(text));

	if (strncmp(words, ": ", 2) == 0)
		words += 2;
	fail(call, *words ? words : "the platform refused it", reply->status);
}

static void updated(struct tool_call *call, json_t *card,
		    const struct platform_reply *reply)
{
	workspace_set_card(&call->source->workspace, card);
	tools_call_json(
		call,
		json_pack("{s:b, s:s}", "success", 1, "status",
			  json_get_text_or(reply->json, "status", "updated")),
		2);
}

void tools_update_agent_card(struct tool_call *call)
{
	json_t *card = json_object_get(call->arguments, "card");
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];

	if (!json_is_object(card)) {
		fail(call,
		     !card || json_is_null(card)
			     ? "card is required"
			     : "card must be an object, such as {\"name\": "
			       "…, \"description\": …, \"skills\": […]}",
		     0);
		return;
	}
	if (!tools_call_source(call, "source_workspace_id", NULL))
		return;
	platform_update_card(call->tools->client, &call->source->who, card,
			     &reply);
	if (reply.err)
		fail(call, platform_reply_text(&reply, text, sizeof(text)), 0);
	else if (!platform_ok(&reply))
		refused(call, &reply);
	else
		updated(call, card, &reply);
	platform_reply_free(&reply);
}
