// SPDX-License-Identifier: MIT
#include "app/mcp_calls.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "app/mcp_answer.h"
#include "app/mcp_batch.h"
#include "app/mcp_server.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "runtime/defect.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "runtime/timer.h"

/* In one of the lists from its beginning to its end. */
struct mcp_call {
	struct mcp_call *prev, *next;
	struct mcp_calls *calls;
	struct mcp_request request;
	struct tool_call tool;
	struct scope scope;    /* of its task */
	struct timer progress; /* armed while somebody wants to hear of it */
	int64_t since_ns;      /* when it came; MONOTONIC */
};

void mcp_calls_init(struct mcp_calls *calls,
		    const struct mcp_server_options *options,
		    struct mcp_writer *writer)
{
	*calls = (struct mcp_calls){ .rt = options->rt,
				     .log = options->log,
				     .tools = options->tools,
				     .writer = writer,
				     .progress_ms =
					     mcp_server_progress_ms(options) };
	cond_init(options->rt, &calls->ended);
}

static void add(struct mcp_call_list *list, struct mcp_call *call)
{
	call->prev = list->last;
	call->next = NULL;
	if (list->last)
		list->last->next = call;
	else
		list->first = call;
	list->last = call;
	list->count++;
}

static void take_out(struct mcp_call_list *list, struct mcp_call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		list->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		list->last = call->prev;
	list->count--;
}

/* Frees what was done when its task is gone. */
static void reap(struct mcp_calls *calls)
{
	struct mcp_call *next;

	for (struct mcp_call *call = calls->done.first; call; call = next) {
		next = call->next;
		if (!scope_empty(&call->scope))
			continue;
		take_out(&calls->done, call);
		free(call);
	}
}

static void tell_progress(struct timer *timer)
{
	struct mcp_call *call =
		(struct mcp_call *)((char *)timer -
				    offsetof(struct mcp_call, progress));
	struct rt *rt = call->calls->rt;
	int64_t ns = clock_now(rt, CLOCK_ID_MONOTONIC) - call->since_ns;
	int64_t next = mcp_answer_progress(
		call->calls->writer, call->request.message.progress_token, ns,
		-1, call->tool.doing, call->calls->progress_ms);

	timer_arm(rt, timer, deadline_in_ms(rt, next), tell_progress);
}

static struct mcp_answer answer_to(const struct mcp_call *call)
{
	return (struct mcp_answer){ .log = call->calls->log,
				    .writer = call->calls->writer,
				    .batch = call->request.batch,
				    .id = call->request.message.id,
				    .modern = call->request.modern };
}

/* Lets go of all that the call has; then it may be added to those done. */
static void release(struct mcp_call *call, struct deadline deadline)
{
	timer_disarm(call->calls->rt, &call->progress);
	mcp_answer_free(&call->tool);
	mcp_batch_release(call->request.batch, deadline);
	jsonrpc_message_free(&call->request.message);
}

/* Returns whether the host gets the answer; where something is to be settled
 * then, it has gone out. */
static bool answer(struct mcp_call *call)
{
	const struct mcp_answer to = answer_to(call);

	/* The line is made only when there is room for it. */
	if (!to.batch && mcp_writer_wait(to.writer, DEADLINE_NEVER) != 0)
		return false;
	if (!mcp_answer_call(&to, &call->tool))
		return false;
	return to.batch || !call->tool.settle ||
	       mcp_writer_reach(to.writer, DEADLINE_NEVER) == 0;
}

static void start_queued(struct mcp_calls *calls);

static void run_call(struct rt *rt, void *arg)
{
	struct mcp_call *call = arg;
	struct mcp_calls *calls = call->calls;
	bool sent;

	tools_run(&call->tool, call->request.tool);
	timer_disarm(rt, &call->progress);
	sent = !task_cancelled(rt) && answer(call);
	if (DEFECT(ANSWER_TWICE) && sent && calls->running.count > 1)
		answer(call);
	tools_settle(&call->tool, sent);
	release(call, DEADLINE_NEVER);
	take_out(&calls->running, call);
	add(&calls->done, call);
	start_queued(calls);
	cond_broadcast(&calls->ended);
}

/* Runs a call that is in no list. On failure it still is. */
static int start(struct mcp_call *call)
{
	struct mcp_calls *calls = call->calls;
	int err = task_spawn(&call->scope, "tool", TASK_STACK_LARGE, run_call,
			     call);

	if (!err)
		add(&calls->running, call);
	return err;
}

static void leave_queue(struct mcp_calls *calls, struct mcp_call *call)
{
	take_out(&calls->queued, call);
	calls->queued_bytes -= call->request.message.size;
}

static void start_queued(struct mcp_calls *calls)
{
	while (calls->queued.first && calls->running.count < MCP_CALLS_MAX) {
		struct mcp_call *call = calls->queued.first;

		leave_queue(calls, call);
		if (start(call) != 0) {
			const struct mcp_answer to = answer_to(call);

			/* Without a text it says that memory ran out. */
			mcp_answer_call(&to, &call->tool);
			release(call, DEADLINE_NEVER);
			add(&calls->done, call);
		}
	}
}

static int start_or_queue(struct mcp_calls *calls, struct mcp_call *call)
{
	size_t size = call->request.message.size;

	if (calls->running.count < MCP_CALLS_MAX && !calls->queued.first)
		return start(call);
	if (calls->queued.count == MCP_CALLS_QUEUED_MAX ||
	    size > MCP_CALLS_QUEUED_BYTES_MAX - calls->queued_bytes)
		return -EBUSY;
	add(&calls->queued, call);
	calls->queued_bytes += size;
	return 0;
}

int mcp_calls_start(struct mcp_calls *calls, struct mcp_request *request)
{
	struct mcp_call *call = calloc(1, sizeof(*call));
	struct rt *rt = calls->rt;
	int err;

	reap(calls);
	if (!call)
		return -ENOMEM;
	call->calls = calls;
	call->request = *request;
	call->tool = (struct tool_call){
		.tools = calls->tools,
		.arguments = request->arguments,
		.progress = request->message.progress_token != NULL,
	};
	call->since_ns = clock_now(rt, CLOCK_ID_MONOTONIC);
	scope_open(rt, &call->scope, DEADLINE_NEVER);
	err = start_or_queue(calls, call);
	if (err) {
		free(call);
		return err;
	}
	request->message = (struct jsonrpc_message){ 0 };
	if (request->batch)
		mcp_batch_hold(request->batch);
	if (call->request.message.progress_token)
		timer_arm(rt, &call->progress,
			  deadline_in_ms(rt, calls->progress_ms),
			  tell_progress);
	return 0;
}

static void cancel(struct mcp_call *call)
{
	timer_disarm(call->calls->rt, &call->progress);
	scope_cancel(&call->scope, -ECANCELED);
}

/* The first call from this one on that has the id. */
static struct mcp_call *find(struct mcp_call *call, const char *id)
{
	while (call && !jsonrpc_id_equal(call->request.message.id, id))
		call = call->next;
	return call;
}

void mcp_calls_cancel(struct mcp_calls *calls, const char *id)
{
	struct mcp_call *call = calls->running.first;

	while ((call = find(call, id)) != NULL) {
		cancel(call);
		call = call->next;
	}
	while ((call = find(calls->queued.first, id)) != NULL) {
		leave_queue(calls, call);
		release(call, DEADLINE_NEVER);
		add(&calls->done, call);
	}
}

bool mcp_calls_drain(struct mcp_calls *calls, struct deadline grace)
{
	struct rt *rt = calls->rt;

	while (mcp_calls_count(calls) && deadline_left_ns(rt, grace) > 0) {
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
	struct mcp_call *call, *next;

	while ((call = calls->queued.first) != NULL) {
		leave_queue(calls, call);
		release(call, DEADLINE_NOW);
		add(&calls->done, call);
	}
	for (call = calls->running.first; call; call = call->next)
		cancel(call);
	while ((call = calls->running.first) != NULL)
		scope_close(&call->scope);
	for (call = calls->done.first; call; call = next) {
		scope_close(&call->scope);
		next = call->next;
		free(call);
	}
	calls->done = (struct mcp_call_list){ 0 };
}
