// SPDX-License-Identifier: MIT
/*
 * mcp_modern - revision 2026-07-28 of the Model Context Protocol.
 *
 * It has no handshake: every request says in params._meta which revision it is
 * in and what its client can do, and every result says who made it. A request
 * that has any of those members is one of this era, and is answered by its
 * rules whatever was said before.
 */
#ifndef PROTO_MCP_MODERN_H
#define PROTO_MCP_MODERN_H

#include <jansson.h>
#include <stdbool.h>

#include "proto/jsonrpc.h"
#include "proto/mcp.h"

#define MCP_MODERN_VERSION "2026-07-28"

/* Methods that only this era has. */
#define MCP_DISCOVER "server/discover"
#define MCP_LISTEN "subscriptions/listen"

/* UnsupportedProtocolVersion, in the range that is the specification's. */
#define MCP_UNSUPPORTED_VERSION (-32022)

/* For how long what a client asked for may be taken as it was: it does not
 * change while the process lives. Milliseconds, as text. */
#define MCP_MODERN_TTL "3600000"

/* Who we are, in every result's _meta; and what else every result has. */
#define MCP_MODERN_SERVER_INFO                                                 \
	"\"io.modelcontextprotocol/serverInfo\":{\"name\":\"" MCP_SERVER_NAME  \
	"\",\"title\":\"" MCP_SERVER_TITLE                                     \
	"\",\"version\":\"" MOLECULE_VERSION "\"}"
#define MCP_MODERN_RESULT_TYPE "\"resultType\":\"complete\""
#define MCP_MODERN_COMPLETE                                                    \
	MCP_MODERN_RESULT_TYPE ",\"_meta\":{" MCP_MODERN_SERVER_INFO "}"

enum mcp_modern {
	MCP_MODERN_NOT,	    /* a request of the other era */
	MCP_MODERN_GOOD,    /* one of this era, well formed */
	MCP_MODERN_INVALID, /* what it must have is missing or no good */
	MCP_MODERN_VERSION_UNKNOWN,
};

/* Tells what the params of a request (may be NULL) make it. */
enum mcp_modern mcp_modern_check(const json_t *params);

/* The error for a request that is INVALID or VERSION_UNKNOWN; also for one
 * that is NOT of this era, but asks for a method that only this era has. */
int mcp_modern_refusal(struct jsonrpc_line *out, const char *id,
		       const json_t *params);

/* The answer to server/discover; `poll_secs` as for mcp_instructions. */
int mcp_discover_answer(struct jsonrpc_line *out, const char *id,
			unsigned poll_secs);

/* What follows upon subscriptions/listen: the notification that it is heard
 * (of all that can be asked for nothing is on offer), and the result that ends
 * it from this side. */
int mcp_listen_heard(struct jsonrpc_line *out, const char *id);
int mcp_listen_ended(struct jsonrpc_line *out, const char *id);

#endif
