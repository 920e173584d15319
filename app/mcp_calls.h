// SPDX-License-Identifier: MIT
/*
 * mcp_calls - the tool calls that run: each in a task and a scope of its own,
 * found by the id of its request, answered when it ends unless somebody has
 * cancelled it.
 */
#ifndef APP_MCP_CALLS_H
#define APP_MCP_CALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/mcp_server.h"
#include "proto/jsonrpc.h"
#include "runtime/event.h"
#include "runtime/scope.h"

struct mcp_batch;
struct mcp_calls;
struct mcp_writer;

/* One place for a call; used again and again. */
struct mcp_call {
	struct mcp_calls *calls;
	struct scope scope;		/* of its task */
	struct jsonrpc_message message; /* the request; owns the arguments */
	const json_t *arguments;
	struct mcp_batch *batch; /* that the request came in; or NULL */
	int tool;		 /* its index in proto/tools.h */
	bool running;		 /* the task has not come to its end */
	bool dropped;		 /* cancelled: no answer */
};

struct mcp_calls {
	struct rt *rt;
	struct log *log;
	const struct tools *tools;
	struct mcp_writer *writer;
	struct mcp_call *places[MCP_SERVER_CALLS_MAX]; /* made at first need */
	uint32_t running;
	struct cond ended; /* signalled when a call came to its end */
};

/* Everything is borrowed for its life. Does not park. */
void mcp_calls_init(struct mcp_calls *calls, struct rt *rt, struct log *log,
		    const struct tools *tools, struct mcp_writer *writer);
/* Frees the places, after mcp_calls_end. */
void mcp_calls_fini(struct mcp_calls *calls);

/* Starts tool number `tool` for a request, whose message is then taken;
 * `arguments` are part of it. `batch` (may be NULL) is held. Returns 0; -EBUSY
 * when MCP_SERVER_CALLS_MAX are running; -ENOMEM. Does not park. */
int mcp_calls_start(struct mcp_calls *calls, struct jsonrpc_message *message,
		    int tool, const json_t *arguments, struct mcp_batch *batch);

/* Cancels the calls with this request id (type and value), if there are any;
 * they get no answer. Does not park. */
void mcp_calls_cancel(struct mcp_calls *calls, const char *id);

/* Cancels those that only wait. Does not park. */
void mcp_calls_cancel_waits(struct mcp_calls *calls);

/* Waits until no call runs or `grace` has come; true when it gave up because
 * the writer is stuck, so that nobody would see the answers. Parks. */
bool mcp_calls_drain(struct mcp_calls *calls, struct deadline grace);

/* Cancels and joins all. Parks, always completes. */
void mcp_calls_end(struct mcp_calls *calls);

#endif
