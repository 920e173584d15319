// SPDX-License-Identifier: MIT
/*
 * The life of an operation, in stages:
 *
 *	BEGINNING  what takes time before anything happens: files, a slow kernel
 *	WAITING    attempted in vain; in the list of its file
 *	ENDING     it has a result, of which the process does not hear yet
 *	DONE       in the list of its process, which is ready
 *
 * A cancellation ends the first two stages, or comes too late.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_impl.h"
#include "runtime/task.h"

#define CHUNK 64u
/* How much of a buffer is made unusable after a cancellation. */
#define SPOIL_MAX 64u

static const char *const names[] = {
	[OP_READ] = "read",	    [OP_WRITE] = "write",
	[OP_RECV] = "recv",	    [OP_SEND] = "send",
	[OP_EXCHANGE] = "exchange", [OP_ACCEPT] = "accept",
	[OP_CONNECT] = "connect",   [OP_CLOSE] = "close",
	[OP_POLL] = "poll",	    [OP_OPENAT] = "open",
	[OP_FSYNC] = "fsync",	    [OP_RENAMEAT] = "rename",
	[OP_UNLINKAT] = "unlink",   [OP_MKDIRAT] = "mkdir",
};

/* --- Records --- */

static void add_chunk(struct sim_op_pool *pool)
{
	struct sim_op *chunk = sim_alloc(CHUNK * sizeof(*chunk));

	pool->chunks = sim_realloc(pool->chunks,
				   (pool->chunk_count + 1) * sizeof(chunk));
	pool->chunks[pool->chunk_count] = chunk;
	for (uint32_t i = CHUNK; i-- > 0;) {
		chunk[i].index = pool->chunk_count * CHUNK + i;
		chunk[i].next = pool->free;
		pool->free = &chunk[i];
	}
	pool->chunk_count++;
}

static struct sim_op *record_new(struct sim_process *process, struct op *op)
{
	struct sim_op_pool *pool = &process->world->ops;
	struct sim_op *record;

	if (!pool->free)
		add_chunk(pool);
	record = pool->free;
	pool->free = record->next;
	record->process = process;
	record->op = op;
	record->fd = op->fd;
	record->code = op->code;
	record->file = NULL;
	record->stage = SIM_ENDING;
	record->next = record->prev = NULL;
	record->all_prev = NULL;
	record->all_next = process->all;
	if (process->all)
		process->all->all_prev = record;
	process->all = record;
	process->inflight++;
	op->want = record->index;
	return record;
}

static void record_free(struct sim_op *record)
{
	struct sim_process *process = record->process;
	struct sim_op_pool *pool = &process->world->ops;

	if (record->all_prev)
		record->all_prev->all_next = record->all_next;
	else
		process->all = record->all_next;
	if (record->all_next)
		record->all_next->all_prev = record->all_prev;
	process->inflight--;
	record->process = NULL;
	record->next = pool->free;
	pool->free = record;
}

static struct sim_op *record_of(const struct sim_world *world,
				const struct op *op)
{
	const struct sim_op_pool *pool = &world->ops;

	if (op->want >= pool->chunk_count * CHUNK)
		return NULL;
	return &pool->chunks[op->want / CHUNK][op->want % CHUNK];
}

/* Whether the operation is still what was submitted: its memory must stay as
 * it is until it is done. */
static bool is_whole(const struct sim_op *record)
{
	const struct op *op = record->op;

	return op->code == record->code && op->fd == record->fd &&
	       op->want == record->index &&
	       (op->state == OP_INFLIGHT || op->state == OP_CANCELLING);
}

void sim_ops_free(struct sim_world *world)
{
	for (uint32_t i = 0; i < world->ops.chunk_count; i++)
		free(world->ops.chunks[i]);
	free(world->ops.chunks);
}

/* --- Lists --- */

static void wait_in(struct sim_file *file, struct sim_op *record)
{
	record->stage = SIM_WAITING;
	record->file = file;
	record->next = NULL;
	record->prev = file->last;
	if (file->last)
		file->last->next = record;
	else
		file->first = record;
	file->last = record;
}

static void leave(struct sim_op *record)
{
	struct sim_file *file = record->file;

	if (record->prev)
		record->prev->next = record->next;
	else
		file->first = record->next;
	if (record->next)
		record->next->prev = record->prev;
	else
		file->last = record->prev;
	record->file = NULL;
	record->stage = SIM_ENDING;
}

/* --- Ends --- */

static struct sim_op *record_at(struct sim_event *event)
{
	return (struct sim_op *)((char *)event -
				 offsetof(struct sim_op, event));
}

/* Goes to the process; now and then before others. */
static void report(struct sim_op *record)
{
	struct sim_process *process = record->process;

	record->stage = SIM_DONE;
	if (!process->done_last) {
		record->next = NULL;
		process->done_first = process->done_last = record;
	} else if (sim_random_next(&process->world->lot) & 3) {
		record->next = NULL;
		process->done_last->next = record;
		process->done_last = record;
	} else {
		record->next = process->done_first;
		process->done_first = record;
	}
	sim_make_ready(process);
}

static void report_late(struct sim_event *event)
{
	report(record_at(event));
}

/* What was to be filled is not to be looked at after a cancellation. */
static void spoil(const struct sim_op *record)
{
	const struct op *op = record->op;

	if (record->code == OP_READ || record->code == OP_RECV ||
	    record->code == OP_EXCHANGE)
		memset(op->u.rw.buf, 0xa5,
		       op->u.rw.len < SPOIL_MAX ? op->u.rw.len : SPOIL_MAX);
}

static int64_t reporting_time(const struct sim_op *record)
{
	struct sim_world *world = record->process->world;

	if (record->op->patient && record->res > 0)
		return sim_between(world, 0, TASK_PATIENCE_US * SIM_US);
	return sim_luck(world, world->faults.slow)
		       ? sim_between(world, 1, SIM_SLOW)
		       : 0;
}

static void finish(struct sim_op *record, int res)
{
	struct sim_process *process = record->process;
	struct sim_world *world = process->world;
	int64_t later;

	if (!is_whole(record)) {
		sim_fail(
			world,
			"%s: the memory of an operation (%s on %d) has changed "
			"while it was under way",
			process->program.name, names[record->code], record->fd);
		return;
	}
	record->res = res;
	if (res == -ECANCELED)
		spoil(record);
	sim_mix(world, (uint64_t)record->code << 48 ^
			       (uint64_t)process->owner << 32 ^ (uint32_t)res);
	if (world->options.trace)
		sim_trace(world, process->program.name, "%s %d: %s%d",
			  names[record->code], record->fd,
			  res < 0 ? strerrorname_np(-res) : "", res);
	later = reporting_time(record);
	if (later == 0) {
		report(record);
		return;
	}
	sim_at(world, &record->event, world->time + later, report_late);
}

void sim_op_deliver(struct sim_process *process)
{
	struct sim_world *world = process->world;
	struct sim_op *record = process->done_first, *next;

	process->done_first = process->done_last = NULL;
	for (; record && !*world->failure; record = next) {
		struct op *op = record->op;

		next = record->next;
		if (!is_whole(record)) {
			sim_fail(world,
				 "%s: the memory of an operation (%s on %d) "
				 "was in use for something else",
				 process->program.name, names[record->code],
				 record->fd);
			break;
		}
		op->res = record->res;
		record_free(record);
		op->state = OP_DONE;
		op->done(op);
	}
}

/* --- Attempts --- */

/* How much of so many bytes is done at a time. */
static uint32_t some_of(const struct sim_file *file, uint32_t len)
{
	struct sim_world *world = file->world;
	uint32_t chance = file->whole	       ? 0
			  : file->ops->on_disk ? world->faults.short_file
					       : world->faults.short_io;

	if (len > 1 && sim_luck(world, chance))
		return 1 + sim_random_below(&world->lot, len);
	return len;
}

static int attempt_read(struct sim_file *file, const struct op *op)
{
	return file->ops->read(file, op->u.rw.buf, some_of(file, op->u.rw.len));
}

static int attempt_write(struct sim_file *file, const struct op *op)
{
	return file->ops->write(file, op->u.rw.buf,
				some_of(file, op->u.rw.len));
}

static int attempt_exchange(struct sim_file *file, struct op *op)
{
	while (!op->sent) {
		const char *rest = (const char *)op->u.rw.out + op->progress;
		int n = file->ops->write(file, rest,
					 op->u.rw.out_len - op->progress);

		if (n < 0)
			return n;
		op->progress += (uint32_t)n;
		op->sent = op->progress == op->u.rw.out_len;
	}
	return attempt_read(file, op);
}

static int attempt_poll(const struct sim_file *file, const struct op *op)
{
	int ready = file->ops->ready(file) & (op->u.events | POLLERR | POLLHUP);

	return ready ? ready : SIM_AGAIN;
}

static int attempt_on(struct sim_file *file, struct op *op)
{
	struct sim_sock *sock = sim_sock_at(file->process, op->fd);

	switch (op->code) {
	case OP_READ:
		return attempt_read(file, op);
	case OP_WRITE:
		return attempt_write(file, op);
	case OP_POLL:
		return attempt_poll(file, op);
	case OP_RECV:
		return sock ? attempt_read(file, op) : -ENOTSOCK;
	case OP_SEND:
		return sock ? attempt_write(file, op) : -ENOTSOCK;
	case OP_EXCHANGE:
		return sock ? attempt_exchange(file, op) : -ENOTSOCK;
	case OP_ACCEPT:
		return sock ? sim_sock_accept(sock, op) : -ENOTSOCK;
	case OP_CONNECT:
		return sock ? sim_sock_connect(sock, op->u.sock.addr,
					       op->u.sock.len)
			    : -ENOTSOCK;
	default:
		return -EINVAL;
	}
}

/* Operations that the runtime repeats when they are interrupted. */
static bool may_interrupt(enum op_code code)
{
	return code != OP_EXCHANGE && code != OP_CONNECT && code != OP_CLOSE &&
	       code != OP_POLL;
}

static int attempt(struct sim_op *record)
{
	struct sim_process *process = record->process;
	struct sim_world *world = process->world;
	struct sim_file *file = record->file;

	if (may_interrupt(record->code) &&
	    sim_luck(world, world->faults.interrupted))
		return -EINTR;
	if (record->code == OP_CLOSE)
		return sim_file_close(process, record->fd);
	if (record->code >= OP_OPENAT)
		return sim_path_perform(process, record->op);
	if (!file)
		file = sim_file_at(process, record->fd);
	if (!file) {
		sim_fail(world, "%s: %s on descriptor %d, which is not open",
			 process->program.name, names[record->code],
			 record->fd);
		return -EBADF;
	}
	return attempt_on(file, record->op);
}

/* A cancellation that came too late for it not to begin is in time for it not
 * to wait. */
static void start(struct sim_op *record)
{
	int res = attempt(record);

	if (res == SIM_AGAIN && record->op->state == OP_CANCELLING)
		finish(record, -ECANCELED);
	else if (res == SIM_AGAIN)
		wait_in(sim_file_at(record->process, record->fd), record);
	else
		finish(record, res);
}

/* A process is to end at this operation: the world ends it when nothing is
 * under way. A write may have been done in part. */
static void meet_end(struct sim_op *record)
{
	struct sim_process *process = record->process;
	struct sim_world *world = process->world;
	uint32_t done = sim_random_below(&world->lot, 3);

	sim_trace(world, process->program.name, "meets its end in %s %d",
		  names[record->code], record->fd);
	if (done == 1 && record->code == OP_WRITE)
		record->op->u.rw.len =
			sim_random_below(&world->lot, record->op->u.rw.len);
	if (done > 0)
		attempt(record);
	world->doomed = process;
}

static void begin_late(struct sim_event *event)
{
	struct sim_op *record = record_at(event);
	struct sim_process *process = record->process;

	record->stage = SIM_ENDING;
	if (sim_is_file_op(process, record->op) &&
	    ++process->file_count == process->end_at)
		meet_end(record);
	else
		start(record);
}

void sim_op_submit(struct sim_process *process, struct op *op)
{
	struct sim_world *world = process->world;
	const struct sim_faults *faults = &world->faults;
	struct sim_op *record = record_new(process, op);
	int64_t later = 0;

	op->state = OP_INFLIGHT;
	op->progress = 0;
	op->sent = op->code == OP_EXCHANGE && op->u.rw.out_len == 0;
	if (sim_is_file_op(process, op))
		later = 1 +
			sim_between(world, faults->file_min, faults->file_max);
	else if (op->code != OP_CLOSE && sim_luck(world, faults->slow))
		later = sim_between(world, 1, SIM_SLOW);
	if (later == 0) {
		start(record);
		return;
	}
	record->stage = SIM_BEGINNING;
	sim_at(world, &record->event, world->time + later, begin_late);
}

static void cancel_late(struct sim_event *event)
{
	struct sim_op *record = record_at(event);

	leave(record);
	finish(record, -ECANCELED);
}

void sim_op_cancel(struct sim_process *process, struct op *op)
{
	struct sim_world *world = process->world;
	struct sim_op *record = record_of(world, op);
	bool late = sim_luck(world, world->faults.late_cancel);

	if (!record || record->process != process || record->op != op) {
		sim_fail(world, "%s: cancels what is not under way",
			 process->program.name);
		return;
	}
	if (record->stage == SIM_BEGINNING && !late) {
		sim_at_cancel(world, &record->event);
		record->stage = SIM_ENDING;
		finish(record, -ECANCELED);
	} else if (record->stage == SIM_WAITING && late) {
		sim_at(world, &record->event,
		       world->time + sim_between(world, 1, SIM_SLOW),
		       cancel_late);
	} else if (record->stage == SIM_WAITING) {
		leave(record);
		finish(record, -ECANCELED);
	}
}

/* --- Files that were poked --- */

static void look(struct sim_file *file)
{
	struct sim_world *world = file->world;
	struct sim_op *record, *next;

	for (record = file->first; record && !*world->failure; record = next) {
		int res;

		next = record->next;
		res = attempt(record);
		if (res == SIM_AGAIN)
			continue;
		sim_at_cancel(world, &record->event);
		leave(record);
		finish(record, res);
	}
}

void sim_settle(struct sim_world *world)
{
	struct sim_file *file;

	while ((file = world->poked_first) != NULL) {
		world->poked_first = file->next_poked;
		if (!world->poked_first)
			world->poked_last = NULL;
		file->poked = false;
		look(file);
	}
}

void sim_ops_drop(struct sim_process *process)
{
	struct sim_op *record;

	while ((record = process->all) != NULL) {
		if (record->stage == SIM_WAITING)
			leave(record);
		sim_at_cancel(process->world, &record->event);
		record_free(record);
	}
	process->done_first = process->done_last = NULL;
}
