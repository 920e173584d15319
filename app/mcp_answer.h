// SPDX-License-Identifier: MIT
/*
 * mcp_answer - what a tool left, on its way to the host: as a line of its own,
 * or into the batch that the request came in.
 */
#ifndef APP_MCP_ANSWER_H
#define APP_MCP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/jsonrpc.h"
#include "runtime/clock.h"

struct log;
struct mcp_batch;
struct mcp_writer;
struct tool_call;

/* Where an answer goes to, and how it is to look; borrowed. */
struct mcp_answer {
	struct log *log;
	struct mcp_writer *writer;
	struct mcp_batch *batch; /* NULL: none */
	const char *id;		 /* of the request, as it came */
	bool modern;		 /* the request is one of mcp_modern.h */
};

/* Puts out a line, which is taken; `err` is what its builder gave. Returns
 * whether the host gets it as far as we know. Parks while the writer is full.
 */
bool mcp_answer_line(const struct mcp_answer *to, int err,
		     struct jsonrpc_line line);

/* Puts out what the tool left in *done, which stays to be freed. Parks and
 * returns as above. */
bool mcp_answer_call(const struct mcp_answer *to, const struct tool_call *done);

/* The same with a text that is not a tool's: an error for the model. */
void mcp_answer_refusal(const struct mcp_answer *to, const char *text);

/* A notifications/progress, unless the host does not read: how many seconds of
 * `total_secs` (negative: unknown) have gone by. Returns in how many
 * milliseconds the next one is due: `every_ms`, or soon when this one was not
 * sent. Does not park. */
int64_t mcp_answer_progress(struct mcp_writer *writer, const char *token,
			    int64_t elapsed_ns, double total_secs,
			    const char *doing, int64_t every_ms);

/* Frees what a tool left. */
void mcp_answer_free(struct tool_call *done);

#endif
