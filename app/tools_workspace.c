// SPDX-License-Identifier: MIT
/* The tools that show this workspace and those around it. */
#include "app/tools_call.h"

#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/listing.h"

void tools_list_peers(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];

	platform_peers(tools->client, tools->identity, &reply);
	if (!platform_ok(&reply))
		tools_call_fail(
			call, "Error: could not list peers: %s",
			platform_reply_text(&reply, text, sizeof(text)));
	else if (!json_is_array(reply.json))
		tools_call_fail(call, "Error: could not list peers: the "
				      "platform's answer is not a list");
	else
		tools_call_take(call, listing_peers(reply.json));
	platform_reply_free(&reply);
}

/* {"error": …}, and more about it where there is more to say. */
static void info_failed(struct tool_call *call, const char *error,
			const char *detail)
{
	json_t *json = json_object();

	call->is_error = true;
	if (json && (json_set_text(json, "error", error) != 0 ||
		     json_set_text(json, "detail", detail) != 0)) {
		json_decref(json);
		json = NULL;
	}
	tools_call_json(call, json, 2);
}

void tools_get_workspace_info(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];

	platform_workspace(tools->client, tools->identity, NULL, &reply);
	if (platform_ok(&reply) && reply.json)
		tools_call_json(call, json_incref(reply.json), 2);
	else if (platform_ok(&reply))
		info_failed(call, "the platform's answer is not JSON", NULL);
	else if (reply.err)
		info_failed(call,
			    platform_reply_text(&reply, text, sizeof(text)),
			    NULL);
	else
		info_failed(call, "not found",
			    reply.status == 404
				    ? NULL
				    : platform_reply_text(&reply, text,
							  sizeof(text)));
	platform_reply_free(&reply);
}
