// SPDX-License-Identifier: MIT
/* The tools that save and find memories. */
#include "app/tools_call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/fleet.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/json_wire.h"
#include "proto/listing.h"
#include "proto/redact.h"

/* Bytes that the memories of one answer take in the line to the host, which
 * stays below 8 MiB; and what each takes besides its content. */
#define SHOWN_MAX (7u * 1024 * 1024)
#define LINE_ROOM 128u

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

	if (!json_is_string(id) && !json_is_integer(id))
		id = json_null();
	return json_pack("{s:b, s:O, s:s}", "success", 1, "id", id, "scope",
			 scope);
}

/* Why it failed, beginning with ": ": the server's own words if it has any,
 * else all that is known. */
static const char *refusal(const struct platform_reply *reply,
			   char buf[PLATFORM_TEXT_MAX])
{
	size_t len;

	if (!reply->err && platform_reply_error(reply))
		return platform_reply_words(reply, buf, PLATFORM_TEXT_MAX);
	memcpy(buf, ": ", 2);
	platform_reply_text(reply, buf + 2, PLATFORM_TEXT_MAX - 2);
	len = strlen(buf);
	if (!platform_unauthorised(reply)) /* the text has the token's source */
		platform_reply_meaning(reply, buf + len,
				       PLATFORM_TEXT_MAX - len);
	return buf;
}

/* Whether others than this workspace may have written some of it. */
static bool is_shared(const json_t *memories)
{
	const json_t *memory;
	size_t i;

	json_array_foreach(memories, i, memory)
	{
		if (strcmp(json_get_text_or(memory, "scope", ""), "LOCAL") != 0)
			return true;
	}
	return false;
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
	if (!tools_call_source(call, "source_workspace_id", NULL))
		return;
	clean = redact_secrets(content);
	if (!clean)
		return;
	platform_memory_commit(tools->client, &call->source->who, clean, scope,
			       &reply);
	if (platform_ok(&reply))
		tools_call_json(call, saved(reply.json, scope), 0);
	else
		tools_call_fail(call, "Error%s%s",
				reply.err ? " saving memory" : "",
				refusal(&reply, text));
	platform_reply_free(&reply);
	free(clean);
}

/* As many of the memories as can be shown; a new reference or NULL. */
static json_t *what_fits(const json_t *memories)
{
	json_t *list = json_array();
	size_t room = SHOWN_MAX;
	json_t *memory;
	size_t i;

	json_array_foreach(memories, i, memory)
	{
		const char *content = json_get_text_or(memory, "content", "");
		size_t size = json_wire_size(content, strlen(content),
					     JSON_WIRE_STRING) +
			      LINE_ROOM;

		if (size > room)
			break;
		room -= size;
		if (json_array_append(list, memory) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static void show(struct tool_call *call, const json_t *memories)
{
	json_t *list = what_fits(memories);
	size_t left_out = json_array_size(memories) - json_array_size(list);
	char *text = list ? listing_memories(list) : NULL;

	call->untrusted = is_shared(list);
	json_decref(list);
	if (left_out && text)
		tools_call_answer(call,
				  "%s\n(truncated: %zu more memories; ask with "
				  "a query)",
				  text, left_out);
	else
		tools_call_take(call, text);
	if (left_out)
		free(text);
}

void tools_recall_memory(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];
	const char *query;

	if (!tools_call_string(call, "query", &query) ||
	    !tools_call_source(call, "source_workspace_id", NULL))
		return;
	platform_memory_recall(tools->client, &call->source->who, query,
			       scope_of(call->arguments, ""), &reply);
	if (!platform_ok(&reply)) {
		tools_call_fail(call, "Error recalling memory%s",
				refusal(&reply, text));
	} else if (json_is_array(reply.json)) {
		show(call, reply.json);
	} else if (reply.json) {
		tools_call_json(call, json_incref(reply.json), 0);
	} else {
		tools_call_fail(call, "Error recalling memory: the platform's "
				      "answer is not JSON");
	}
	platform_reply_free(&reply);
}
