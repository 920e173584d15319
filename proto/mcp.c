// SPDX-License-Identifier: MIT
#include "proto/mcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/mcp_modern.h"
#include "proto/text.h"
#include "proto/tools.h"
#include "proto/utf8.h"

const char *mcp_negotiate(const char *wanted)
{
	static const char *const spoken[] = { "2024-11-05", "2025-03-26",
					      "2025-06-18", MCP_LATEST };

	for (size_t i = 0; wanted && i < sizeof(spoken) / sizeof(*spoken);
	     i++) {
		if (strcmp(wanted, spoken[i]) == 0)
			return spoken[i];
	}
	return MCP_LATEST;
}

int mcp_initialize_answer(struct jsonrpc_line *out, const char *id,
			  const char *protocol, unsigned poll_secs)
{
	char instructions[MCP_TEXT_MAX];

	mcp_instructions(instructions, poll_secs);
	return jsonrpc_result(
		out, id,
		json_pack("{s:s, s:{s:{s:b}, s:{s:{}}}, s:{s:s, s:s, s:s}, "
			  "s:s}",
			  "protocolVersion", protocol, "capabilities", "tools",
			  "listChanged", 0, "experimental", "claude/channel",
			  "serverInfo", "name", MCP_SERVER_NAME, "title",
			  MCP_SERVER_TITLE, "version", MOLECULE_VERSION,
			  "instructions", instructions));
}

int mcp_ping_answer(struct jsonrpc_line *out, const char *id)
{
	return jsonrpc_result_text(out, id, "{}", 2);
}

int mcp_tools_answer(struct jsonrpc_line *out, const char *id,
		     const json_t *params, bool modern)
{
	static const char head[] = "{" MCP_MODERN_COMPLETE
				   ",\"ttlMs\":" MCP_MODERN_TTL
				   ",\"cacheScope\":\"public\",";
	const char *cursor = json_get_text_or(params, "cursor", "");
	/* The list is an object, too: {"tools":…} */
	const struct jsonrpc_piece pieces[] = {
		{ head, sizeof(head) - 1 },
		{ tools_list_text + 1, tools_list_text_len - 1 },
	};

	if (*cursor)
		return jsonrpc_error(out, id, JSONRPC_INVALID_PARAMS,
				     "Unknown cursor: the list has one page",
				     NULL);
	if (modern)
		return jsonrpc_result_pieces(out, id, pieces, 2);
	return jsonrpc_result_text(out, id, tools_list_text,
				   tools_list_text_len);
}

const char *mcp_tool_call(const json_t *params, const char **name,
			  json_t **arguments)
{
	json_t *found = json_object_get(params, "arguments");

	*name = json_get_text(params, "name");
	*arguments = json_is_object(found) ? found : NULL;
	if (!*name)
		return "Invalid params: name, the tool to call, must be a "
		       "string";
	if (found && !json_is_object(found) && !json_is_null(found))
		return "Invalid params: arguments must be an object";
	return NULL;
}

int mcp_unknown_method(struct jsonrpc_line *out, const char *id,
		       const char *method)
{
	struct text text = { 0 };
	char *message;
	int err;

	text_add(&text, "Method not found: ");
	text_add_bytes(&text, method,
		       utf8_prefix(method, strlen(method), MCP_METHOD_SHOWN));
	message = text_take(&text);
	err = jsonrpc_error(out, id, JSONRPC_METHOD_NOT_FOUND,
			    message ? message : "Method not found", NULL);
	free(message);
	return err;
}

int mcp_progress_line(struct jsonrpc_line *out, const char *token,
		      double progress, double total, const char *message)
{
	json_t *more = json_pack("{s:f}", "progress", progress);
	char *rest = NULL;
	size_t len = 0;
	int err = -ENOMEM;

	*out = (struct jsonrpc_line){ 0 };
	if (message && !*message)
		message = NULL;
	if (more &&
	    (total < 0 ||
	     json_object_set_new(more, "total", json_real(total)) == 0) &&
	    json_set_text(more, "message", message) == 0)
		rest = json_dump_line(more, &len);
	json_decref(more);
	if (rest) {
		/* The token goes out as it came, not through a tree. */
		const struct jsonrpc_piece pieces[] = {
			{ "{\"progressToken\":",
			  strlen("{\"progressToken\":") },
			{ token, strlen(token) },
			{ ",", 1 },
			{ rest + 1, len - 1 },
		};

		err = jsonrpc_notification_pieces(out, MCP_PROGRESS, pieces, 4);
	}
	free(rest);
	return err;
}
