// SPDX-License-Identifier: MIT
#include "app/mcp_waits.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/mcp_answer.h"
#include "app/mcp_batch.h"
#include "app/mcp_server.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "app/tools_inbox.h"
#include "runtime/defect.h"
#include "runtime/task.h"

/* After so many at once the memory that they had is given back, this long
 * after nearly all of them are over. */
#define TRIM_FROM 256
#define TRIM_AFTER_MS 1000
/* Until it is tried again to start a task for which there was no memory. */
#define AGAIN_MS 1000

struct mcp_wait {
	struct mcp_wait *prev, *next;
	struct mcp_waits *waits;
	struct timer timer; /* for progress, and the end */
	struct deadline end;
	int64_t since_ns; /* MONOTONIC */
	double secs;
	char *id;		 /* of the request, as it came; owned */
	char *token;		 /* for progress; NULL: none; owned */
	size_t size;		 /* of both */
	uint64_t hash;		 /* of the id */
	struct mcp_batch *batch; /* held, or NULL */
	bool modern;
	bool is_due; /* in that list */
};

void mcp_waits_init(struct mcp_waits *waits,
		    const struct mcp_server_options *options,
		    struct mcp_writer *writer)
{
	*waits = (struct mcp_waits){ .rt = options->rt,
				     .log = options->log,
				     .tools = options->tools,
				     .writer = writer,
				     .progress_ms =
					     mcp_server_progress_ms(options) };
	scope_open(options->rt, &waits->tasks, DEADLINE_NEVER);
}

static void add(struct mcp_wait_list *list, struct mcp_wait *wait)
{
	wait->prev = list->last;
	wait->next = NULL;
	if (list->last)
		list->last->next = wait;
	else
		list->first = wait;
	list->last = wait;
}

static void take_out(struct mcp_wait_list *list, struct mcp_wait *wait)
{
	if (wait->prev)
		wait->prev->next = wait->next;
	else
		list->first = wait->next;
	if (wait->next)
		wait->next->prev = wait->prev;
	else
		list->last = wait->prev;
}

/* Frees the records that are not in use. */
static void free_spare(struct mcp_waits *waits)
{
	while (waits->spare) {
		struct mcp_wait *wait = waits->spare;

		waits->spare = wait->next;
		free(wait);
	}
}

static void give_memory_back(struct timer *timer)
{
	struct mcp_waits *waits =
		(struct mcp_waits *)((char *)timer -
				     offsetof(struct mcp_waits, trim));

	waits->most = waits->count;
	free_spare(waits);
	malloc_trim(0);
}

/* Takes a wait out of everything; it is the caller's then. */
static void unlink_wait(struct mcp_wait *wait)
{
	struct mcp_waits *waits = wait->waits;

	timer_disarm(waits->rt, &wait->timer);
	take_out(wait->is_due ? &waits->due : &waits->waiting, wait);
	waits->count--;
	waits->bytes -= wait->size;
	if (waits->most >= TRIM_FROM && waits->count <= waits->most / 8)
		timer_arm(waits->rt, &waits->trim,
			  deadline_in_ms(waits->rt, TRIM_AFTER_MS),
			  give_memory_back);
}

/* Lets go of a wait that is not linked any more. */
static void drop(struct mcp_wait *wait, struct deadline deadline)
{
	struct mcp_waits *waits = wait->waits;

	mcp_batch_release(wait->batch, deadline);
	free(wait->id);
	free(wait->token);
	wait->next = waits->spare;
	waits->spare = wait;
}

static struct mcp_wait *new_wait(struct mcp_waits *waits)
{
	struct mcp_wait *wait = waits->spare;

	if (!wait)
		return malloc(sizeof(*wait));
	waits->spare = wait->next;
	return wait;
}

static void answer(struct mcp_wait *wait)
{
	struct mcp_waits *waits = wait->waits;
	const struct mcp_answer to = { .log = waits->log,
				       .writer = waits->writer,
				       .batch = wait->batch,
				       .id = wait->id,
				       .modern = wait->modern };
	struct tool_call done = { .tools = waits->tools };

	tools_wait_answer(&done, wait->secs);
	mcp_answer_call(&to, &done);
	mcp_answer_free(&done);
}

/* The next one to be answered. */
static struct mcp_wait *next_wait(const struct mcp_waits *waits)
{
	if (waits->due.first)
		return waits->due.first;
	return tools_wait_over(waits->tools) ? waits->waiting.first : NULL;
}

static void answer_waits(struct rt *rt, void *arg)
{
	struct mcp_waits *waits = arg;

	(void)rt;
	while (mcp_writer_wait(waits->writer, DEADLINE_NEVER) == 0) {
		struct mcp_wait *wait = next_wait(waits);

		if (!wait)
			break;
		unlink_wait(wait);
		answer(wait);
		drop(wait, DEADLINE_NEVER);
	}
	waits->answering = false;
}

static void wake_again(struct timer *timer)
{
	mcp_waits_wake((struct mcp_waits *)((char *)timer -
					    offsetof(struct mcp_waits, again)));
}

void mcp_waits_wake(struct mcp_waits *waits)
{
	if (waits->answering || !next_wait(waits) ||
	    (DEFECT(LOST_WAKEUP) && !waits->due.first))
		return;
	waits->answering = task_spawn(&waits->tasks, "waits", TASK_STACK_LARGE,
				      answer_waits, waits) == 0;
	if (!waits->answering)
		timer_arm(waits->rt, &waits->again,
			  deadline_in_ms(waits->rt, AGAIN_MS), wake_again);
}

/* Until it is known who gets the messages: it may be another process. */
static void ask_fleet(struct rt *rt, void *arg)
{
	struct mcp_waits *waits = arg;

	(void)rt;
	fleet_inbox_refusal(waits->tools->fleet);
	waits->asking = false;
	mcp_waits_wake(waits);
}

static void on_timer(struct timer *timer);

static void arm(struct mcp_wait *wait, int64_t ms)
{
	struct rt *rt = wait->waits->rt;
	struct deadline until = wait->end;

	if (wait->token)
		until = deadline_earlier(rt, until, deadline_in_ms(rt, ms));
	timer_arm(rt, &wait->timer, until, on_timer);
}

static void on_timer(struct timer *timer)
{
	struct mcp_wait *wait =
		(struct mcp_wait *)((char *)timer -
				    offsetof(struct mcp_wait, timer));
	struct mcp_waits *waits = wait->waits;
	int64_t now = clock_now(waits->rt, CLOCK_ID_MONOTONIC);

	if (deadline_left_ns(waits->rt, wait->end) > 0) {
		arm(wait, mcp_answer_progress(waits->writer, wait->token,
					      now - wait->since_ns, wait->secs,
					      "waiting for a message",
					      waits->progress_ms));
		return;
	}
	take_out(&waits->waiting, wait);
	add(&waits->due, wait);
	wait->is_due = true;
	mcp_waits_wake(waits);
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static int wait_for(struct mcp_waits *waits, struct mcp_request *request)
{
	struct jsonrpc_message *message = &request->message;
	size_t size = size_of(message->id) + size_of(message->progress_token);
	struct mcp_wait *wait;

	if (waits->count == MCP_WAITS_MAX ||
	    size > MCP_WAITS_BYTES_MAX - waits->bytes)
		return -EBUSY;
	wait = new_wait(waits);
	if (!wait)
		return -ENOMEM;
	*wait = (struct mcp_wait){
		.waits = waits,
		.since_ns = clock_now(waits->rt, CLOCK_ID_MONOTONIC),
		.secs = tools_wait_secs(request->arguments,
					message->progress_token != NULL),
		.id = message->id,
		.token = message->progress_token,
		.size = size,
		.hash = jsonrpc_id_hash(message->id),
		.batch = request->batch,
		.modern = request->modern,
	};
	message->id = NULL;
	message->progress_token = NULL;
	if (wait->batch)
		mcp_batch_hold(wait->batch);
	add(&waits->waiting, wait);
	waits->bytes += size;
	if (++waits->count > waits->most)
		waits->most = waits->count;
	wait->end = deadline_in_ms(waits->rt, (int64_t)(wait->secs * 1000));
	arm(wait, waits->progress_ms);
	return 0;
}

int mcp_waits_start(struct mcp_waits *waits, struct mcp_request *request)
{
	const struct tools *tools = waits->tools;
	int err;

	if (tools_wait_over(tools)) {
		const struct mcp_answer to = { .log = waits->log,
					       .writer = waits->writer,
					       .batch = request->batch,
					       .id = request->message.id,
					       .modern = request->modern };
		struct tool_call done = { .tools = tools,
					  .arguments = request->arguments };

		tools_run(&done, request->tool);
		tools_settle(&done, mcp_answer_call(&to, &done));
		mcp_answer_free(&done);
		return 0;
	}
	err = wait_for(waits, request);
	if (!err && !waits->asking && tools->fleet &&
	    !fleet_inbox_known(tools->fleet))
		waits->asking = task_spawn(&waits->tasks, "who receives",
					   TASK_STACK_NORMAL, ask_fleet,
					   waits) == 0;
	return err;
}

static struct mcp_wait *find(struct mcp_wait *wait, uint64_t hash,
			     const char *id)
{
	while (wait && (wait->hash != hash || !jsonrpc_id_equal(wait->id, id)))
		wait = wait->next;
	return wait;
}

void mcp_waits_cancel(struct mcp_waits *waits, const char *id)
{
	uint64_t hash = jsonrpc_id_hash(id);
	struct mcp_wait *wait = find(waits->waiting.first, hash, id);

	if (!wait)
		wait = find(waits->due.first, hash, id);
	if (!wait)
		return;
	unlink_wait(wait);
	drop(wait, DEADLINE_NEVER);
}

void mcp_waits_end(struct mcp_waits *waits)
{
	struct mcp_wait *wait;

	scope_close(&waits->tasks);
	while ((wait = waits->due.first ? waits->due.first
					: waits->waiting.first) != NULL) {
		unlink_wait(wait);
		drop(wait, DEADLINE_NOW);
	}
	free_spare(waits);
	timer_disarm(waits->rt, &waits->trim);
	timer_disarm(waits->rt, &waits->again);
}
