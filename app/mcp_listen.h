// SPDX-License-Identifier: MIT
/*
 * mcp_listen - the subscriptions that are open (subscriptions/listen of
 * revision 2026-07-28).
 *
 * There is nothing that could be subscribed to, so that none of them ever
 * brings a notification. Each is acknowledged with an empty filter, and lives
 * until the client cancels it or this process ends.
 */
#ifndef APP_MCP_LISTEN_H
#define APP_MCP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

struct mcp_writer;

#define MCP_LISTEN_MAX 64

struct mcp_subscription;

/* All zero is empty. */
struct mcp_listen {
	struct mcp_subscription *first;
	uint32_t count;
};

/* Opens one for the request with this id (as it came), which is taken when 0
 * is returned; else -EBUSY when there are MCP_LISTEN_MAX, or -ENOMEM. Does not
 * park. */
int mcp_listen_open(struct mcp_listen *listen, char *id);

/* The client cancelled the request with this id: ends the subscription. False
 * when it is none. Does not park. */
bool mcp_listen_cancel(struct mcp_listen *listen, const char *id);

/* Ends all of them; each is told so if there is room in the writer. Does not
 * park. */
void mcp_listen_end(struct mcp_listen *listen, struct mcp_writer *writer);

#endif
