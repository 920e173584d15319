// SPDX-License-Identifier: MIT
/*
 * mcp_calls - the tool calls that run: each in a task and a scope of its own,
 * found by the id of its request, answered when it ends unless somebody has
 * cancelled it. A client that gave a progress token hears every so often that
 * its call still runs, and what it waits for.
 *
 * At most MCP_CALLS_MAX run at a time. Further ones stand in line, in
 * the order in which they came; a host that starts many at once need not know
 * the number. The line is bounded, too.
 */
#ifndef APP_MCP_CALLS_H
#define APP_MCP_CALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/jsonrpc.h"
#include "runtime/event.h"

struct log;
struct mcp_batch;
struct mcp_server_options;
struct mcp_writer;
struct tools;

/* Calls that run at once. */
#define MCP_CALLS_MAX 64

/* Requests that stand in line, and the bytes that they had as text. */
#define MCP_CALLS_QUEUED_MAX 1024
#define MCP_CALLS_QUEUED_BYTES_MAX (32u * 1024 * 1024)

/* A request for a tool. */
struct mcp_request {
	struct jsonrpc_message message; /* owns the arguments */
	const json_t *arguments;	/* an object, or NULL */
	struct mcp_batch *batch;	/* that it came in; or NULL */
	int tool;			/* its index in proto/tools.h */
	bool modern;			/* it is one of mcp_modern.h */
};

struct mcp_call;

/* Calls in the order in which they came. All zero is empty. */
struct mcp_call_list {
	struct mcp_call *first, *last;
	uint32_t count;
};

struct mcp_calls {
	struct rt *rt;
	struct log *log;
	const struct tools *tools;
	struct mcp_writer *writer;
	int64_t progress_ms;
	struct mcp_call_list running;
	struct mcp_call_list queued;
	struct mcp_call_list done; /* to be freed when their tasks are gone */
	size_t queued_bytes;
	struct cond ended; /* signalled when a call came to its end */
};

/* Everything is borrowed for its life. Does not park. */
void mcp_calls_init(struct mcp_calls *calls,
		    const struct mcp_server_options *options,
		    struct mcp_writer *writer);
/* Starts the tool for a request, or puts it in line. On success the request's
 * message is taken (the caller's is empty then) and its batch is held. Returns
 * 0; -EBUSY when the line is full; -ENOMEM. Does not park. */
int mcp_calls_start(struct mcp_calls *calls, struct mcp_request *request);

/* Cancels the calls with this request id (type and value), if there are any;
 * they get no answer. May park as mcp_batch_release. */
void mcp_calls_cancel(struct mcp_calls *calls, const char *id);

/* Waits until no call runs or stands in line, or `grace` has come; true when
 * it gave up because the writer is stuck, so that nobody would see the
 * answers. Parks. */
bool mcp_calls_drain(struct mcp_calls *calls, struct deadline grace);

/* Cancels and joins all, and frees them. Parks, always completes. */
void mcp_calls_end(struct mcp_calls *calls);

/* Calls that run or stand in line. */
static inline uint32_t mcp_calls_count(const struct mcp_calls *calls)
{
	return calls->running.count + calls->queued.count;
}

#endif
