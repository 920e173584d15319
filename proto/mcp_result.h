// SPDX-License-Identifier: MIT
/*
 * mcp_result - the answer of a tool as a line for the host.
 *
 * It has a text, which every host shows its model, and perhaps the same as an
 * object (structuredContent). Both together stay below MCP_LINE_MAX:
 *
 *	An object loses items at the end of its longest list and gets a member
 *	"truncated": true. Where the text is that object or that list as JSON it
 *	is written anew, so that it stays one; a second block of text says that
 *	something is missing.
 *
 *	Any other text is cut, and says so at its end.
 *
 *	What cannot be cut becomes an error in words.
 */
#ifndef PROTO_MCP_RESULT_H
#define PROTO_MCP_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/jsonrpc.h"

struct mcp_result {
	const char *text; /* any bytes; what is not UTF-8 is replaced */
	size_t len;
	json_t *structured; /* an object or NULL; borrowed, may get shorter */
	bool is_error;	    /* structured is then left out */
	/* The text was written by another agent or a person: _meta says so
	 * ("molecule/untrusted"), where no such text can reach. */
	bool untrusted;
	bool modern; /* for a request of mcp_modern.h */
};

/* Makes the line. Returns as the builders of jsonrpc.h. */
int mcp_result_line(struct jsonrpc_line *out, const char *id,
		    const struct mcp_result *result);

#endif
