// SPDX-License-Identifier: MIT
#include "app/mcp_listen.h"

#include <errno.h>
#include <stdlib.h>

#include "app/mcp_writer.h"
#include "proto/mcp_modern.h"

struct mcp_subscription {
	struct mcp_subscription *next;
	char *id;
};

int mcp_listen_open(struct mcp_listen *listen, char *id)
{
	struct mcp_subscription *new;

	if (listen->count == MCP_LISTEN_MAX)
		return -EBUSY;
	new = malloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = (struct mcp_subscription){ .next = listen->first, .id = id };
	listen->first = new;
	listen->count++;
	return 0;
}

/* Takes out the one that *link points to. */
static void close_one(struct mcp_listen *listen, struct mcp_subscription **link)
{
	struct mcp_subscription *old = *link;

	*link = old->next;
	listen->count--;
	free(old->id);
	free(old);
}

bool mcp_listen_cancel(struct mcp_listen *listen, const char *id)
{
	struct mcp_subscription **link = &listen->first;

	for (; *link; link = &(*link)->next) {
		if (jsonrpc_id_equal((*link)->id, id)) {
			close_one(listen, link);
			return true;
		}
	}
	return false;
}

void mcp_listen_end(struct mcp_listen *listen, struct mcp_writer *writer)
{
	while (listen->first) {
		struct jsonrpc_line line;

		if (mcp_listen_ended(&line, listen->first->id) == 0)
			mcp_writer_offer(writer, line);
		close_one(listen, &listen->first);
	}
}
