// SPDX-License-Identifier: MIT
/*
 * mcp - the messages of the Model Context Protocol that a tools server sends,
 * and the parts of those it receives.
 *
 * Two eras are spoken. The four revisions with a handshake: 2024-11-05,
 * 2025-03-26, 2025-06-18, 2025-11-25; what is sent is valid in all of them.
 * And 2026-07-28, which has none: mcp_modern.h tells its requests from the
 * others and has what is only its own. The answers of tools are made by
 * mcp_result.h, what is pushed to hosts by mcp_channel.h.
 */
#ifndef PROTO_MCP_H
#define PROTO_MCP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/jsonrpc.h"

#ifndef MOLECULE_VERSION
#define MOLECULE_VERSION "unknown"
#endif

/* The revision that is offered to a client that wants an unknown one. */
#define MCP_LATEST "2025-11-25"
/* The one revision in which a client may send batches. */
#define MCP_WITH_BATCHES "2025-03-26"

#define MCP_SERVER_NAME "molecule"
#define MCP_SERVER_TITLE "Molecule workspace"

/* Hosts cut longer instructions and tool descriptions (Claude Code: 2 KB). */
#define MCP_TEXT_MAX 2048
/* No line that is sent is longer, its newline included: official clients end
 * the session at 10 MiB. */
#define MCP_LINE_MAX (8u * 1024 * 1024)
/* The longest method name that an error repeats, in characters. */
#define MCP_METHOD_SHOWN 128

/* Method names that a server meets. */
#define MCP_INITIALIZE "initialize"
#define MCP_INITIALIZED "notifications/initialized"
#define MCP_PING "ping"
#define MCP_TOOLS_LIST "tools/list"
#define MCP_TOOLS_CALL "tools/call"
#define MCP_CANCELLED "notifications/cancelled"
#define MCP_PROGRESS "notifications/progress"
/* Of Claude Code (mcp_channel.h). */
#define MCP_CHANNEL "notifications/claude/channel"

/* The revision to answer with: `wanted` itself if it is one of the four, else
 * MCP_LATEST (NULL too). Static text, so it may be kept for the session. */
const char *mcp_negotiate(const char *wanted);

/* Writes the instructions for the model and returns their length, below
 * MCP_TEXT_MAX. `poll_secs` is what MOLECULE_MCP_POLL_TIMEOUT_SECS says, 0 to
 * 60; 0 means that the host pushes and the model need not poll. */
size_t mcp_instructions(char buf[MCP_TEXT_MAX], unsigned poll_secs);

/* The answer to `initialize`. `protocol` comes from mcp_negotiate. Cheap: no
 * document is parsed for it. Builders here return as those of jsonrpc.h. */
int mcp_initialize_answer(struct jsonrpc_line *out, const char *id,
			  const char *protocol, unsigned poll_secs);

/* The answer to `ping`: {}. */
int mcp_ping_answer(struct jsonrpc_line *out, const char *id);

/* The answer to `tools/list`, all on one page; with what 2026-07-28 wants
 * beside it if `modern`. `params` may be NULL; one with a cursor gets
 * JSONRPC_INVALID_PARAMS, since none was ever given out. */
int mcp_tools_answer(struct jsonrpc_line *out, const char *id,
		     const json_t *params, bool modern);

/* Reads the params of `tools/call`, borrowed. *name is the tool's; *arguments
 * an object or NULL (absent or null). Returns NULL when they are well formed,
 * else what to say with JSONRPC_INVALID_PARAMS. */
const char *mcp_tool_call(const json_t *params, const char **name,
			  json_t **arguments);

/* JSONRPC_METHOD_NOT_FOUND naming the method. */
int mcp_unknown_method(struct jsonrpc_line *out, const char *id,
		       const char *method);

/* notifications/progress for a request's token (struct jsonrpc_message).
 * `progress` must rise from one to the next; total < 0 and message NULL or ""
 * are left out. */
int mcp_progress_line(struct jsonrpc_line *out, const char *token,
		      double progress, double total, const char *message);

#endif
