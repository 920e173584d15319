// SPDX-License-Identifier: MIT
/* broadcast_message: a text for every other workspace. */
#include "app/tools_call.h"

#include <string.h>

#include "app/fleet.h"
#include "app/platform_client.h"
#include "proto/json.h"

/* Whether the platform refuses because the workspace may not broadcast, and
 * not because of the token. */
static bool is_disabled(const struct platform_reply *reply)
{
	const char *error = platform_reply_error(reply);

	return reply->status == 403 &&
	       (json_get_text(reply->json, "hint") ||
		(error && strcasestr(error, "broadcast")));
}

static void refused(struct tool_call *call, const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX];

	if (is_disabled(reply))
		tools_call_fail(
			call, "Error: broadcast ability not enabled. %.*s",
			PLATFORM_TEXT_MAX,
			json_get_text_or(reply->json, "hint",
					 "An administrator of the platform can "
					 "enable it for this workspace."));
	else
		tools_call_fail(
			call, "Error: platform returned %d%s", reply->status,
			platform_reply_words(reply, text, sizeof(text)));
}

void tools_broadcast_message(struct tool_call *call)
{
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];
	json_int_t count;
	const char *message;

	if (!tools_call_string(call, "message", &message))
		return;
	if (!*message) {
		tools_call_fail(call, "Error: message is required");
		return;
	}
	if (!tools_call_source(call, "workspace_id", NULL))
		return;
	platform_broadcast(call->tools->client, &call->source->who, message,
			   &reply);
	if (reply.err)
		tools_call_fail(call, "Error sending broadcast: %s%s",
				platform_reply_text(&reply, text, sizeof(text)),
				platform_reply_doubt(&reply));
	else if (!platform_ok(&reply))
		refused(call, &reply);
	else if (json_get_integer(reply.json, "delivered", &count))
		tools_call_answer(call, "Broadcast sent to %lld workspace(s)",
				  (long long)count);
	else
		tools_call_answer(call, "Broadcast sent");
	platform_reply_free(&reply);
}
