// SPDX-License-Identifier: MIT
#include "app/mcp_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "app/mcp_batch.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "proto/mcp.h"
#include "runtime/task.h"

void mcp_calls_init(struct mcp_calls *calls, struct rt *rt, struct log *log,
		    const struct tools *tools, struct mcp_writer *writer)
{
	*calls = (struct mcp_calls){
		.rt = rt, .log = log, .tools = tools, .writer = writer
	};
	cond_init(rt, &calls->ended);
}

void mcp_calls_fini(struct mcp_calls *calls)
{
	for (uint32_t i = 0; i < MCP_SERVER_CALLS_MAX; i++)
		free(calls->places[i]);
}

/* A call without text is one that ran out of memory. */
static int build_answer(struct jsonrpc_line *line, const char *id,
			const struct tool_call *done)
{
	if (!done->text)
		return jsonrpc_error(line, id, JSONRPC_INTERNAL_ERROR,
				     "out of memory", NULL);
	return mcp_tool_answer(line, id, done->text, done->text_len,
			       done->is_error);
}

static void answer(struct mcp_call *call, const struct tool_call *done)
{
	struct mcp_calls *calls = call->calls;
	struct jsonrpc_line line;
	int err = build_answer(&line, call->message.id, done);

	if (err)
		log_error(calls->log, "mcp: out of memory: an answer is lost");
	else if (call->batch)
		mcp_batch_add(call->batch, line);
	else
		mcp_writer_put(calls->writer, line, DEADLINE_NEVER);
}

static void run_call(struct rt *rt, void *arg)
{
	struct mcp_call *call = arg;
	struct mcp_calls *calls = call->calls;
	struct tool_call done = { .tools = calls->tools,
				  .arguments = call->arguments };

	tools_run(&done, call->tool);
	if (!call->dropped && !task_cancelled(rt))
		answer(call, &done);
	free(done.text);
	if (call->batch)
		mcp_batch_release(call->batch);
	jsonrpc_message_free(&call->message);
	call->running = false;
	calls->running--;
	cond_broadcast(&calls->ended);
}

static struct mcp_call *free_place(struct mcp_calls *calls)
{
	for (uint32_t i = 0; i < MCP_SERVER_CALLS_MAX; i++) {
		struct mcp_call *call = calls->places[i];

		if (!call) {
			call = calloc(1, sizeof(*call));
			calls->places[i] = call;
			return call;
		}
		if (!call->running && scope_empty(&call->scope))
			return call;
	}
	return NULL;
}

int mcp_calls_start(struct mcp_calls *calls, struct jsonrpc_message *message,
		    int tool, const json_t *arguments, struct mcp_batch *batch)
{
	struct mcp_call *call;
	int err;

	if (calls->running == MCP_SERVER_CALLS_MAX)
		return -EBUSY;
	call = free_place(calls);
	if (!call)
		return -ENOMEM;
	*call = (struct mcp_call){ .calls = calls,
				   .arguments = arguments,
				   .batch = batch,
				   .tool = tool };
	scope_open(calls->rt, &call->scope, DEADLINE_NEVER);
	err = task_spawn(&call->scope, "tool", TASK_STACK_LARGE, run_call,
			 call);
	if (err)
		return err;
	call->message = *message;
	*message = (struct jsonrpc_message){ 0 };
	call->running = true;
	calls->running++;
	if (batch)
		mcp_batch_hold(batch);
	return 0;
}

static void cancel(struct mcp_call *call)
{
	call->dropped = true;
	scope_cancel(&call->scope, -ECANCELED);
}

void mcp_calls_cancel(struct mcp_calls *calls, const char *id)
{
	for (uint32_t i = 0; i < MCP_SERVER_CALLS_MAX; i++) {
		struct mcp_call *call = calls->places[i];

		if (call && call->running &&
		    jsonrpc_id_equal(call->message.id, id))
			cancel(call);
	}
}

void mcp_calls_cancel_waits(struct mcp_calls *calls)
{
	for (uint32_t i = 0; i < MCP_SERVER_CALLS_MAX; i++) {
		struct mcp_call *call = calls->places[i];

		if (call && call->running && tools_is_wait(call->tool))
			cancel(call);
	}
}

bool mcp_calls_drain(struct mcp_calls *calls, struct deadline grace)
{
	struct rt *rt = calls->rt;

	while (calls->running && deadline_left_ns(rt, grace) > 0) {
		uint64_t before = mcp_writer_written(calls->writer);
		bool writing = mcp_writer_pending(calls->writer) > 0;
		struct deadline until = grace;
		int err;

		if (writing)
			until = deadline_earlier(
				rt, grace,
				deadline_in_ms(rt, MCP_SERVER_STALL_MS));
		err = cond_wait(&calls->ended, until);
		if (err && err != -ETIMEDOUT)
			break;
		if (err && writing && mcp_writer_stalled(calls->writer, before))
			return true;
	}
	return false;
}

void mcp_calls_end(struct mcp_calls *calls)
{
	for (uint32_t i = 0; i < MCP_SERVER_CALLS_MAX; i++)
		if (calls->places[i] && calls->places[i]->running)
			cancel(calls->places[i]);
	for (uint32_t i = 0; i < MCP_SERVER_CALLS_MAX; i++)
		if (calls->places[i])
			scope_close(&calls->places[i]->scope);
}
