// SPDX-License-Identifier: MIT
#include "proto/mcp_modern.h"

#include <errno.h>
#include <string.h>

#include "proto/json.h"
#include "proto/utf8.h"

#define META "io.modelcontextprotocol/"
#define META_VERSION META "protocolVersion"
#define META_CAPABILITIES META "clientCapabilities"
/* The longest version that an error repeats, in characters. */
#define VERSION_SHOWN 64

enum mcp_modern mcp_modern_check(const json_t *params)
{
	const json_t *meta = json_object_get(params, "_meta");
	const char *version = json_get_text(meta, META_VERSION);

	if (!json_object_get(meta, META_VERSION) &&
	    !json_object_get(meta, META_CAPABILITIES) &&
	    !json_object_get(meta, META "clientInfo") &&
	    !json_object_get(meta, META "logLevel"))
		return MCP_MODERN_NOT;
	if (!version)
		return MCP_MODERN_INVALID;
	if (strcmp(version, MCP_MODERN_VERSION) != 0)
		return MCP_MODERN_VERSION_UNKNOWN;
	return json_is_object(json_object_get(meta, META_CAPABILITIES))
		       ? MCP_MODERN_GOOD
		       : MCP_MODERN_INVALID;
}

int mcp_modern_refusal(struct jsonrpc_line *out, const char *id,
		       const json_t *params)
{
	const json_t *meta = json_object_get(params, "_meta");
	const char *version = json_get_text(meta, META_VERSION);

	if (mcp_modern_check(params) == MCP_MODERN_VERSION_UNKNOWN)
		return jsonrpc_error(
			out, id, MCP_UNSUPPORTED_VERSION,
			"Unsupported protocol version",
			json_pack("{s:[s], s:o}", "supported",
				  MCP_MODERN_VERSION, "requested",
				  json_string_clean(
					  version,
					  utf8_prefix(version, strlen(version),
						      VERSION_SHOWN))));
	if (!version)
		return jsonrpc_error(out, id, JSONRPC_INVALID_PARAMS,
				     "Invalid params: _meta must have "
				     "\"" META_VERSION "\", a string",
				     NULL);
	return jsonrpc_error(out, id, JSONRPC_INVALID_PARAMS,
			     "Invalid params: _meta must have "
			     "\"" META_CAPABILITIES "\", an object",
			     NULL);
}

int mcp_discover_answer(struct jsonrpc_line *out, const char *id,
			unsigned poll_secs)
{
	static const char head[] =
		"{" MCP_MODERN_COMPLETE
		",\"supportedVersions\":[\"" MCP_MODERN_VERSION
		"\"],\"capabilities\":{\"tools\":{\"listChanged\":false}},"
		"\"ttlMs\":" MCP_MODERN_TTL
		",\"cacheScope\":\"private\",\"instructions\":";
	char text[MCP_TEXT_MAX];
	json_t *string = json_stringn(text, mcp_instructions(text, poll_secs));
	size_t len = 0;
	char *instructions = json_dump_line(string, &len);
	int err = -ENOMEM;

	*out = (struct jsonrpc_line){ 0 };
	json_decref(string);
	if (instructions) {
		const struct jsonrpc_piece pieces[] = {
			{ head, sizeof(head) - 1 },
			{ instructions, len },
			{ "}", 1 },
		};

		err = jsonrpc_result_pieces(out, id, pieces, 3);
	}
	free(instructions);
	return err;
}

int mcp_listen_heard(struct jsonrpc_line *out, const char *id)
{
	static const char head[] = "{\"_meta\":{\"" META "subscriptionId\":";
	static const char tail[] = "},\"notifications\":{}}";
	const struct jsonrpc_piece pieces[] = {
		{ head, sizeof(head) - 1 },
		{ id, strlen(id) },
		{ tail, sizeof(tail) - 1 },
	};

	return jsonrpc_notification_pieces(
		out, "notifications/subscriptions/acknowledged", pieces, 3);
}

int mcp_listen_ended(struct jsonrpc_line *out, const char *id)
{
	static const char head[] = "{" MCP_MODERN_RESULT_TYPE
				   ",\"_meta\":{" MCP_MODERN_SERVER_INFO
				   ",\"" META "subscriptionId\":";
	const struct jsonrpc_piece pieces[] = {
		{ head, sizeof(head) - 1 },
		{ id, strlen(id) },
		{ "}}", 2 },
	};

	return jsonrpc_result_pieces(out, id, pieces, 3);
}
