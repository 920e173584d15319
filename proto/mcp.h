// SPDX-License-Identifier: MIT
/*
 * mcp - the messages of the Model Context Protocol that a tools server sends,
 * and the parts of those it receives.
 *
 * The four revisions with a handshake are spoken: 2024-11-05, 2025-03-26,
 * 2025-06-18, 2025-11-25; what is sent is valid in all of them. Beyond the
 * specification there is the channel of Claude Code (experimental capability
 * "claude/channel"): a notification that puts an inbound message before the
 * model. Other hosts ignore it.
 */
#ifndef PROTO_MCP_H
#define PROTO_MCP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/jsonrpc.h"

struct activity_message;

/* The revision that is offered to a client that wants an unknown one. */
#define MCP_LATEST "2025-11-25"
/* The one revision in which a client may send batches. */
#define MCP_WITH_BATCHES "2025-03-26"

#define MCP_SERVER_NAME "molecule"
#define MCP_SERVER_TITLE "Molecule workspace"

/* Hosts cut longer instructions and tool descriptions (Claude Code: 2 KB). */
#define MCP_TEXT_MAX 2048

/* Method names that a server meets. */
#define MCP_INITIALIZE "initialize"
#define MCP_INITIALIZED "notifications/initialized"
#define MCP_PING "ping"
#define MCP_TOOLS_LIST "tools/list"
#define MCP_TOOLS_CALL "tools/call"
#define MCP_CANCELLED "notifications/cancelled"
#define MCP_PROGRESS "notifications/progress"
#define MCP_CHANNEL "notifications/claude/channel"

/* The revision to answer with: `wanted` itself if it is one of the four, else
 * MCP_LATEST (NULL too). Static text, so it may be kept for the session. */
const char *mcp_negotiate(const char *wanted);

/* Writes the instructions for the model and returns their length, below
 * MCP_TEXT_MAX. `poll_secs` is what MOLECULE_MCP_POLL_TIMEOUT_SECS says, 0 to
 * 60; 0 means that the host pushes and the model need not poll. */
size_t mcp_instructions(char buf[MCP_TEXT_MAX], unsigned poll_secs);

/* The answer to `initialize`. `protocol` comes from mcp_negotiate, `version`
 * is the program's. Cheap: no document is parsed for it. Builders here return
 * as those of jsonrpc.h. */
int mcp_initialize_answer(struct jsonrpc_line *out, const char *id,
			  const char *protocol, const char *version,
			  unsigned poll_secs);

/* The answer to `ping`: {}. */
int mcp_ping_answer(struct jsonrpc_line *out, const char *id);

/* The answer to `tools/list`, all on one page. `params` may be NULL; one with
 * a cursor gets JSONRPC_INVALID_PARAMS, since none was ever given out. */
int mcp_tools_answer(struct jsonrpc_line *out, const char *id,
		     const json_t *params);

/* Reads the params of `tools/call`, borrowed. *name is the tool's; *arguments
 * an object or NULL (absent or null). Returns NULL when they are well formed,
 * else what to say with JSONRPC_INVALID_PARAMS. */
const char *mcp_tool_call(const json_t *params, const char **name,
			  json_t **arguments);

/* The answer of a tool: one text block of any bytes (what is not UTF-8 is
 * replaced), and isError, which is left out when false. `text` is borrowed. */
int mcp_tool_answer(struct jsonrpc_line *out, const char *id, const char *text,
		    size_t len, bool is_error);

/* JSONRPC_METHOD_NOT_FOUND naming the method. */
int mcp_unknown_method(struct jsonrpc_line *out, const char *id,
		       const char *method);

/* notifications/progress for a request's token (struct jsonrpc_message).
 * `progress` must rise from one to the next; total < 0 and message NULL are
 * left out. */
int mcp_progress_line(struct jsonrpc_line *out, const char *token,
		      double progress, double total, const char *message);

/* notifications/claude/channel for an inbox message. The content is its text,
 * unaltered. The meta values (source, kind, peer_id, method, activity_id, ts)
 * become attributes of a tag before the model, so control characters, angle
 * brackets, quotes and & in them become '_', and they are cut at
 * MCP_META_MAX characters. */
#define MCP_META_MAX 128
int mcp_channel_line(struct jsonrpc_line *out,
		     const struct activity_message *message);

#endif
