// SPDX-License-Identifier: MIT
/*
 * mcp_push - tells the host of each new message by itself, with one
 * notification (mcp_channel.h), once.
 *
 * Nothing is said before mcp_push_begin: before a client with a handshake is
 * ready for it. What came until then is told then, unless it has been popped.
 */
#ifndef APP_MCP_PUSH_H
#define APP_MCP_PUSH_H

#include <stdbool.h>

#include "proto/mcp_channel.h"

struct mcp_writer;
struct scope;
struct tools;

struct mcp_push {
	const struct tools *tools;
	struct mcp_writer *writer;
	struct scope *scope; /* of the task */
	enum mcp_channel_host host;
	bool begun;
	bool pushing; /* the task lives */
};

/* Everything is borrowed for its life; the task lives in `scope`. Which host
 * runs this process stands in tools->config. */
void mcp_push_init(struct mcp_push *push, const struct tools *tools,
		   struct mcp_writer *writer, struct scope *scope);

/* From now on messages are told. Idempotent. Does not park. */
void mcp_push_begin(struct mcp_push *push);

/* To be called when a message has come. Does not park. */
void mcp_push_wake(struct mcp_push *push);

#endif
