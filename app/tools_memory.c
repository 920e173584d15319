// SPDX-License-Identifier: MIT
/* The tools that save and find memories. */
#include "app/tools_call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/listing.h"
#include "proto/redact.h"

/* The scope that an argument names, in any case of letters, or `otherwise`. */
static const char *scope_of(const json_t *arguments, const char *otherwise)
{
	static const char *const scopes[] = { "LOCAL", "TEAM", "GLOBAL" };
	const char *given = json_get_text_or(arguments, "scope", "");

	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++)
		if (strcasecmp(given, scopes[i]) == 0)
			return scopes[i];
	return otherwise;
}

/* {"success": true, "id": …, "scope": …} */
static json_t *saved(const json_t *answer, const char *scope)
{
	json_t *id = json_object_get(answer, "id");

	return json_pack("{s:b, s:O, s:s}", "success", 1, "id",
			 id ? id : json_null(), "scope", scope);
}

/* The server's own words if it has any, else all that is known. */
static const char *refusal(const struct platform_reply *reply,
			   char buf[PLATFORM_TEXT_MAX])
{
	const char *error = platform_reply_error(reply);

	return error ? error
		     : platform_reply_text(reply, buf, PLATFORM_TEXT_MAX);
}

void tools_commit_memory(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	const char *scope = scope_of(call->arguments, "LOCAL");
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];
	const char *content;
	char *clean;

	if (!tools_call_string(call, "content", &content))
		return;
	if (!*content) {
		tools_call_fail(call, "Error: content is required");
		return;
	}
	clean = redact_secrets(content);
	if (!clean)
		return;
	platform_memory_commit(tools->client, tools->identity, clean, scope,
			       &reply);
	if (platform_ok(&reply))
		tools_call_json(call, saved(reply.json, scope), 0);
	else if (reply.err)
		tools_call_fail(
			call, "Error saving memory: %s",
			platform_reply_text(&reply, text, sizeof(text)));
	else
		tools_call_fail(call, "Error: %s", refusal(&reply, text));
	platform_reply_free(&reply);
	free(clean);
}

void tools_recall_memory(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];
	const char *query;

	if (!tools_call_string(call, "query", &query))
		return;
	platform_memory_recall(tools->client, tools->identity, query,
			       scope_of(call->arguments, ""), &reply);
	if (!platform_ok(&reply))
		tools_call_fail(call, "Error recalling memory: %s",
				reply.err ? platform_reply_text(&reply, text,
								sizeof(text))
					  : refusal(&reply, text));
	else if (json_is_array(reply.json))
		tools_call_take(call, listing_memories(reply.json));
	else if (reply.json)
		tools_call_json(call, json_incref(reply.json), 0);
	else
		tools_call_fail(call, "Error recalling memory: the platform's "
				      "answer is not JSON");
	platform_reply_free(&reply);
}
