// SPDX-License-Identifier: MIT
#include "app/mcp_writer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* One write: what a pipe holds, so that progress shows in between. */
#define CHUNK_MAX 65536u
/* A buffer up to this size is kept for the next lines. */
#define KEEP_MAX 16384u
#define CAP_MIN 1024u

struct mcp_writer {
	struct rt *rt;
	int fd;
	void (*failed)(void *arg, int err);
	void *arg;
	void (*wrote)(void *arg); /* NULL once called */
	void *wrote_arg;
	void (*full)(void *arg); /* may be NULL */
	void *full_arg;
	char *queue; /* lines that no write has taken yet */
	size_t len, cap;
	char *spare; /* a buffer not in use, or NULL */
	size_t spare_cap;
	size_t in_flight; /* bytes that the task is writing */
	uint64_t written;
	int err;	   /* what ended the writer, 0 while it lives */
	bool waits;	   /* the descriptor knows only writes that wait */
	bool writing;	   /* the task lives */
	bool closed;	   /* mcp_writer_close was called */
	struct scope task; /* where it lives */
	/* Signalled when bytes went out, and when the writer ended. */
	struct cond progress;
};

struct mcp_writer *mcp_writer_new(struct rt *rt, int fd,
				  void (*failed)(void *arg, int err), void *arg)
{
	struct mcp_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->rt = rt;
	writer->fd = fd;
	writer->failed = failed;
	writer->arg = arg;
	scope_open(rt, &writer->task, DEADLINE_NEVER);
	cond_init(rt, &writer->progress);
	return writer;
}

void mcp_writer_on_write(struct mcp_writer *writer, void (*wrote)(void *arg),
			 void *arg)
{
	writer->wrote = wrote;
	writer->wrote_arg = arg;
}

void mcp_writer_on_full(struct mcp_writer *writer, void (*full)(void *arg),
			void *arg)
{
	writer->full = full;
	writer->full_arg = arg;
}

static void drop_queue(struct mcp_writer *writer)
{
	free(writer->queue);
	writer->queue = NULL;
	writer->len = 0;
	writer->cap = 0;
}

/* Nearly always there is room at once: then nobody parks. */
static ssize_t write_part(struct mcp_writer *writer, const char *buf,
			  size_t len)
{
	ssize_t n = -EOPNOTSUPP;

	if (!writer->waits)
		n = io_write_now(writer->rt, writer->fd, buf, len);
	writer->waits = n == -EOPNOTSUPP;
	if (n == -EOPNOTSUPP || n == -EAGAIN)
		n = io_write(writer->rt, writer->fd, buf, len, DEADLINE_NEVER);
	return n;
}

static int write_all(struct mcp_writer *writer, const char *buf, size_t len)
{
	writer->in_flight = len;
	while (writer->in_flight) {
		size_t part = writer->in_flight;
		ssize_t n;

		if (part > CHUNK_MAX)
			part = CHUNK_MAX;
		n = write_part(writer, buf + (len - writer->in_flight), part);
		if (n == -EAGAIN) /* a descriptor made non-blocking */
			n = io_poll(writer->rt, writer->fd, POLLOUT,
				    DEADLINE_NEVER) < 0
				    ? -EIO
				    : -EAGAIN;
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return n ? (int)n : -EIO;
		writer->in_flight -= (size_t)n;
		writer->written += (uint64_t)n;
		cond_broadcast(&writer->progress);
		if (writer->wrote)
			writer->wrote(writer->wrote_arg);
		writer->wrote = NULL;
	}
	return 0;
}

/* A buffer that has been written is used again unless it is large. */
static void keep(struct mcp_writer *writer, char *buf, size_t cap)
{
	if (cap > KEEP_MAX) {
		free(buf);
	} else if (!writer->queue) {
		writer->queue = buf;
		writer->cap = cap;
	} else if (!writer->spare) {
		writer->spare = buf;
		writer->spare_cap = cap;
	} else {
		free(buf);
	}
}

static void write_queue(struct rt *rt, void *arg)
{
	struct mcp_writer *writer = arg;
	int err = 0;

	(void)rt;
	while (writer->len && !err) {
		char *buf = writer->queue;
		size_t len = writer->len, cap = writer->cap;

		writer->queue = writer->spare;
		writer->cap = writer->spare_cap;
		writer->len = 0;
		writer->spare = NULL;
		writer->spare_cap = 0;
		err = write_all(writer, buf, len);
		keep(writer, buf, cap);
	}
	writer->in_flight = 0;
	writer->writing = false;
	if (!err)
		return;
	drop_queue(writer);
	if (!writer->err) {
		writer->err = err;
		if (writer->failed)
			writer->failed(writer->arg, err);
	}
	cond_broadcast(&writer->progress);
}

int mcp_writer_wait(struct mcp_writer *writer, struct deadline deadline)
{
	while (!writer->err && mcp_writer_full(writer)) {
		int err;

		if (writer->full)
			writer->full(writer->full_arg);
		err = cond_wait(&writer->progress, deadline);
		if (err)
			return err;
	}
	return writer->err;
}

/* Makes sure that `more` bytes fit behind what is queued. */
static int reserve(struct mcp_writer *writer, size_t more)
{
	size_t cap = writer->cap ? writer->cap : CAP_MIN;
	char *queue;

	while (cap - writer->len < more)
		cap *= 2;
	if (cap == writer->cap)
		return 0;
	queue = realloc(writer->queue, cap);
	if (!queue)
		return -ENOMEM;
	writer->queue = queue;
	writer->cap = cap;
	return 0;
}

static int append(struct mcp_writer *writer, const char *line, size_t len)
{
	int err = reserve(writer, len);

	if (!err) {
		memcpy(writer->queue + writer->len, line, len);
		writer->len += len;
	}
	return err;
}

/* A long line becomes the queue as it is. */
static void adopt(struct mcp_writer *writer, struct jsonrpc_line line)
{
	char *buf = writer->queue;

	if (buf && !writer->spare) {
		writer->spare = buf;
		writer->spare_cap = writer->cap;
	} else {
		free(buf);
	}
	writer->queue = line.data;
	writer->len = line.len;
	writer->cap = line.len;
}

/* Sees to it that what is queued gets written. */
static int start(struct mcp_writer *writer)
{
	int err;

	if (writer->writing)
		return 0;
	err = task_spawn(&writer->task, "stdout", TASK_STACK_SMALL, write_queue,
			 writer);
	writer->writing = !err;
	return err;
}

static int put(struct mcp_writer *writer, struct jsonrpc_line line)
{
	int err = start(writer);

	if (!err && !writer->len && line.len > KEEP_MAX) {
		adopt(writer, line);
		return 0;
	}
	if (!err)
		err = append(writer, line.data, line.len);
	free(line.data);
	return err;
}

int mcp_writer_put_now(struct mcp_writer *writer, struct jsonrpc_line line)
{
	if (!writer->err)
		return put(writer, line);
	free(line.data);
	return writer->err;
}

int mcp_writer_put(struct mcp_writer *writer, struct jsonrpc_line line,
		   struct deadline deadline)
{
	int err = mcp_writer_wait(writer, deadline);

	if (!err)
		return put(writer, line);
	free(line.data);
	return err;
}

int mcp_writer_put_copy(struct mcp_writer *writer, const char *line, size_t len,
			struct deadline deadline)
{
	int err = mcp_writer_wait(writer, deadline);

	if (!err)
		err = start(writer);
	return err ? err : append(writer, line, len);
}

bool mcp_writer_offer(struct mcp_writer *writer, struct jsonrpc_line line)
{
	if (!writer->err && !mcp_writer_full(writer))
		return put(writer, line) == 0;
	free(line.data);
	return false;
}

bool mcp_writer_full(const struct mcp_writer *writer)
{
	return mcp_writer_pending(writer) >= MCP_WRITER_QUEUE_MAX;
}

size_t mcp_writer_pending(const struct mcp_writer *writer)
{
	return writer->len + writer->in_flight;
}

uint64_t mcp_writer_written(const struct mcp_writer *writer)
{
	return writer->written;
}

bool mcp_writer_stalled(struct mcp_writer *writer, uint64_t before)
{
	task_yield(writer->rt);
	return writer->written == before;
}

int mcp_writer_flush(struct mcp_writer *writer, uint32_t stall_ms,
		     struct deadline deadline)
{
	struct rt *rt = writer->rt;

	while (!writer->err && mcp_writer_pending(writer)) {
		uint64_t before = writer->written;
		struct deadline stall = deadline_in_ms(rt, stall_ms);
		int err = cond_wait(&writer->progress,
				    deadline_earlier(rt, deadline, stall));

		if (err == -ETIMEDOUT && !mcp_writer_stalled(writer, before) &&
		    deadline_left_ns(rt, deadline) > 0)
			continue;
		if (err)
			return mcp_writer_pending(writer) ? err : writer->err;
	}
	return writer->err;
}

int mcp_writer_reach(struct mcp_writer *writer, struct deadline deadline)
{
	uint64_t target = writer->written + mcp_writer_pending(writer);

	while (!writer->err && writer->written < target) {
		int err = cond_wait(&writer->progress, deadline);

		if (err)
			return err;
	}
	return writer->written < target ? writer->err : 0;
}

void mcp_writer_close(struct mcp_writer *writer)
{
	if (writer->closed)
		return;
	writer->closed = true;
	if (!writer->err)
		writer->err = -EPIPE;
	cond_broadcast(&writer->progress);
	scope_close(&writer->task);
	drop_queue(writer);
}

void mcp_writer_free(struct mcp_writer *writer)
{
	if (writer)
		free(writer->spare);
	free(writer);
}
