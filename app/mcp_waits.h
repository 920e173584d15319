// SPDX-License-Identifier: MIT
/*
 * mcp_waits - the calls of wait_for_message that are waiting.
 *
 * A wait is a record with a timer and no task, so that ten thousand of them
 * cost some megabytes, which go back to the system when they are over. One
 * task, which lives only while there is something to answer, answers all that
 * are due: those whose time is over, and all of them while a message is in the
 * inbox. It makes an answer when the writer has room for one.
 *
 * A wait that is cancelled is gone at once, without an answer.
 */
#ifndef APP_MCP_WAITS_H
#define APP_MCP_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/mcp_calls.h"
#include "runtime/scope.h"
#include "runtime/timer.h"

struct mcp_wait;

/* Waits at once, and the bytes of their ids and tokens. */
#define MCP_WAITS_MAX 16384
#define MCP_WAITS_BYTES_MAX (8u * 1024 * 1024)

/* In the order in which they came. All zero is empty. */
struct mcp_wait_list {
	struct mcp_wait *first, *last;
};

struct mcp_waits {
	struct rt *rt;
	struct log *log;
	const struct tools *tools;
	struct mcp_writer *writer;
	int64_t progress_ms;
	struct mcp_wait_list waiting;
	struct mcp_wait_list due; /* their time is over */
	struct mcp_wait *spare;	  /* records to be used again, by `next` */
	uint32_t count;		  /* in both lists */
	uint32_t most;		  /* since memory was given back */
	size_t bytes;
	struct scope tasks;
	bool answering, asking; /* these tasks live */
	struct timer trim;	/* armed while memory is to be given back */
	struct timer again; /* armed while `answering` is to be tried again */
};

/* Everything is borrowed for its life. Does not park. */
void mcp_waits_init(struct mcp_waits *waits,
		    const struct mcp_server_options *options,
		    struct mcp_writer *writer);

/* Waits for a request of that tool, or answers it when there is nothing to
 * wait for. The request's batch is held while it waits; its message stays the
 * caller's. Returns 0; -EBUSY when too many wait; -ENOMEM. Parks while the
 * writer is full. */
int mcp_waits_start(struct mcp_waits *waits, struct mcp_request *request);

/* Ends the wait with this request id (type and value), the oldest if there are
 * several, without an answer. Parks as mcp_batch_release. */
void mcp_waits_cancel(struct mcp_waits *waits, const char *id);

/* To be called when a message has come. Does not park. */
void mcp_waits_wake(struct mcp_waits *waits);

/* Ends all waits without an answer. Nothing may be started after it. Parks,
 * always completes. */
void mcp_waits_end(struct mcp_waits *waits);

#endif
