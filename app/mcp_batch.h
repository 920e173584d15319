// SPDX-License-Identifier: MIT
/*
 * mcp_batch - the answers to a batch gather here until the last one is in,
 * and then go out as one line (JSON-RPC 2.0, section 6; MCP 2025-03-26), or as
 * several where that would be longer than MCP_LINE_MAX.
 *
 * Whoever may still answer holds the batch; the answers are written when the
 * last one lets go, and nothing when there are none.
 */
#ifndef APP_MCP_BATCH_H
#define APP_MCP_BATCH_H

#include "proto/jsonrpc.h"
#include "runtime/clock.h"

struct mcp_batch;
struct mcp_writer;

/* For at most `max` answers, held once. NULL when out of memory. */
struct mcp_batch *mcp_batch_new(struct mcp_writer *writer, size_t max);

/* Holds it once more. */
void mcp_batch_hold(struct mcp_batch *batch);

/* Adds an answer, which is taken. Does not park. */
void mcp_batch_add(struct mcp_batch *batch, struct jsonrpc_line line);

/* Lets go. The last one to do so writes the answers and frees the batch; that
 * parks while the writer is full, until `deadline`. `batch` may be NULL.
 * Returns 0 or as mcp_writer_put. */
int mcp_batch_release(struct mcp_batch *batch, struct deadline deadline);

#endif
