// SPDX-License-Identifier: MIT
/*
 * Pipes between simulated processes. The two ends are files of their own; what
 * they share goes with the later of them.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "runtime/sim_impl.h"
#include "runtime/sim_stream.h"

struct pipe;

struct pipe_end {
	struct sim_file file; /* first */
	struct pipe *pipe;
};

struct pipe {
	struct sim_stream stream;
	struct pipe_end *reader, *writer; /* NULL: closed */
};

static struct pipe *pipe_of(const struct sim_file *file)
{
	return ((const struct pipe_end *)file)->pipe;
}

static void come(struct sim_stream *stream)
{
	struct pipe *pipe =
		(struct pipe *)((char *)stream - offsetof(struct pipe, stream));

	if (pipe->reader)
		sim_poke(&pipe->reader->file);
}

static int pipe_read(struct sim_file *file, void *buf, uint32_t len)
{
	struct pipe *pipe = pipe_of(file);
	uint32_t n = sim_stream_read(&pipe->stream, buf, len);

	if (n > 0 && pipe->writer)
		sim_poke(&pipe->writer->file);
	if (n == 0 && len > 0 && !pipe->stream.end_arrived)
		return SIM_AGAIN;
	return (int)n;
}

static int pipe_write(struct sim_file *file, const void *buf, uint32_t len)
{
	struct pipe *pipe = pipe_of(file);
	uint32_t n;

	if (!pipe->reader)
		return -EPIPE;
	n = sim_stream_write(&pipe->stream, buf, len, 0);
	return n == 0 && len > 0 ? SIM_AGAIN : (int)n;
}

static int reader_ready(const struct sim_file *file)
{
	const struct pipe *pipe = pipe_of(file);

	return (pipe->stream.arrived > 0 ? POLLIN : 0) |
	       (pipe->stream.end_arrived ? POLLHUP : 0);
}

static int writer_ready(const struct sim_file *file)
{
	const struct pipe *pipe = pipe_of(file);

	return (!pipe->reader || sim_stream_room(&pipe->stream) > 0 ? POLLOUT
								    : 0) |
	       (pipe->reader ? 0 : POLLERR);
}

static int not_readable(struct sim_file *file, void *buf, uint32_t len)
{
	(void)file;
	(void)buf;
	(void)len;
	return -EBADF;
}

static int not_writable(struct sim_file *file, const void *buf, uint32_t len)
{
	(void)file;
	(void)buf;
	(void)len;
	return -EBADF;
}

static void leave(struct pipe *pipe, struct pipe_end *end)
{
	free(end);
	if (pipe->reader || pipe->writer)
		return;
	sim_stream_fini(&pipe->stream);
	free(pipe);
}

static void reader_close(struct sim_file *file)
{
	struct pipe *pipe = pipe_of(file);

	pipe->reader = NULL;
	if (pipe->writer)
		sim_poke(&pipe->writer->file);
	leave(pipe, (struct pipe_end *)file);
}

static void writer_close(struct sim_file *file)
{
	struct pipe *pipe = pipe_of(file);

	pipe->writer = NULL;
	sim_stream_end(&pipe->stream, 0);
	leave(pipe, (struct pipe_end *)file);
}

static const struct sim_file_ops reader_ops = {
	.name = "pipe",
	.read = pipe_read,
	.write = not_writable,
	.ready = reader_ready,
	.close = reader_close,
};

static const struct sim_file_ops writer_ops = {
	.name = "pipe",
	.read = not_readable,
	.write = pipe_write,
	.ready = writer_ready,
	.close = writer_close,
};

static struct pipe_end *end_new(struct pipe *pipe,
				const struct sim_file_ops *ops,
				struct sim_process *process, int *fd)
{
	struct pipe_end *end = sim_alloc(sizeof(*end));

	end->pipe = pipe;
	end->file.ops = ops;
	end->file.world = process->world;
	*fd = sim_file_install(process, &end->file, *fd < 0 ? 0 : *fd);
	if (*fd < 0) {
		sim_fail(process->world, "%s has no descriptor for a pipe",
			 process->program.name);
		abort();
	}
	return end;
}

void sim_records(struct sim_process *process, int fd)
{
	sim_file_at(process, fd)->whole = true;
}

void sim_pipe(struct sim_process *reader, int *reader_fd,
	      struct sim_process *writer, int *writer_fd, uint32_t capacity)
{
	struct pipe *pipe = sim_alloc(sizeof(*pipe));

	sim_stream_init(&pipe->stream, reader->world, capacity, come, NULL);
	pipe->reader = end_new(pipe, &reader_ops, reader, reader_fd);
	pipe->writer = end_new(pipe, &writer_ops, writer, writer_fd);
}
