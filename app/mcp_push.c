// SPDX-License-Identifier: MIT
#include "app/mcp_push.h"

#include <stdlib.h>

#include "app/config.h"
#include "app/inbox.h"
#include "app/mcp_writer.h"
#include "app/message_view.h"
#include "app/tools.h"
#include "runtime/task.h"

static enum mcp_channel_host host_of(const struct config *config)
{
	switch (config ? config->host_kind : HOST_KIND_NONE) {
	case HOST_KIND_OPENCLAW:
		return MCP_CHANNEL_OPENCLAW;
	case HOST_KIND_CURSOR:
		return MCP_CHANNEL_CURSOR;
	case HOST_KIND_HERMES:
		return MCP_CHANNEL_HERMES;
	case HOST_KIND_NONE:
		break;
	}
	return MCP_CHANNEL_ANY;
}

void mcp_push_init(struct mcp_push *push, const struct tools *tools,
		   struct mcp_writer *writer, struct scope *scope)
{
	*push = (struct mcp_push){ .tools = tools,
				   .writer = writer,
				   .scope = scope,
				   .host = host_of(tools->config) };
}

/* Tells of the next message that has not been told. False when there is none,
 * or the host is gone. */
static bool push_next(struct mcp_push *push)
{
	const char *const *methods = mcp_channel_methods(push->host);
	struct message_view view;
	const struct activity_message *message =
		inbox_announce(push->tools->inbox);
	int err = 0;

	if (!message)
		return false;
	message_view(&view, push->tools, message);
	for (; *methods && !err; methods++) {
		struct jsonrpc_line line;

		err = mcp_channel_line(&line, *methods, &view.message);
		/* The caller has waited for room: the message is still there
		 * for a second line. */
		if (!err)
			err = mcp_writer_put_now(push->writer, line);
	}
	return !err;
}

static void push_all(struct rt *rt, void *arg)
{
	struct mcp_push *push = arg;

	(void)rt;
	while (mcp_writer_wait(push->writer, DEADLINE_NEVER) == 0 &&
	       push_next(push))
		;
	push->pushing = false;
}

void mcp_push_wake(struct mcp_push *push)
{
	if (!push->begun || push->pushing)
		return;
	push->pushing = task_spawn(push->scope, "push", TASK_STACK_NORMAL,
				   push_all, push) == 0;
}

void mcp_push_begin(struct mcp_push *push)
{
	if (push->begun || !push->tools->inbox)
		return;
	push->begun = true;
	mcp_push_wake(push);
}
