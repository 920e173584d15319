// SPDX-License-Identifier: MIT
/*
 * mcp_writer - the one way to stdout: whole lines, in the order they came.
 *
 * Lines are put into a bounded queue; a task that lives only while there is
 * something to write takes all that is queued and writes it in one go. A
 * reader that stops reading fills the queue and then holds up whoever puts
 * lines, and nobody else. What is queued never exceeds MCP_WRITER_QUEUE_MAX by
 * more than the line that filled it. The first error of a write (-EPIPE: the
 * host is gone) is final: it is reported once to `failed`, and every later put
 * gives it back.
 */
#ifndef APP_MCP_WRITER_H
#define APP_MCP_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/jsonrpc.h"
#include "runtime/clock.h"

struct rt;
struct mcp_writer;

/* A put waits while this many bytes or more are queued. */
#define MCP_WRITER_QUEUE_MAX (1024u * 1024)

/* A writer to `fd`, which stays the caller's. `failed` (may be NULL) must not
 * park. NULL when out of memory. Does not park. */
struct mcp_writer *mcp_writer_new(struct rt *rt, int fd,
				  void (*failed)(void *arg, int err),
				  void *arg);

/* Calls wrote(arg) once, when the first bytes have gone out. `wrote` must not
 * park. */
void mcp_writer_on_write(struct mcp_writer *writer, void (*wrote)(void *arg),
			 void *arg);

/* Calls full(arg) whenever somebody is about to wait for room. `full` must not
 * park. */
void mcp_writer_on_full(struct mcp_writer *writer, void (*full)(void *arg),
			void *arg);

/* Parks until a put would not have to wait, so that a line need not be made
 * before. Returns as mcp_writer_put. */
int mcp_writer_wait(struct mcp_writer *writer, struct deadline deadline);

/* Queues one line, which is taken whatever happens. Parks while the queue is
 * full. Returns 0; the writer's error; -ENOMEM; -EPIPE after mcp_writer_close;
 * -ETIMEDOUT past the deadline; or the cancellation's reason. On failure
 * nothing was queued. */
int mcp_writer_put(struct mcp_writer *writer, struct jsonrpc_line line,
		   struct deadline deadline);

/* The same with a line that is borrowed and copied. */
int mcp_writer_put_copy(struct mcp_writer *writer, const char *line, size_t len,
			struct deadline deadline);

/* The same without waiting for room, for whoever has done so: the bound may be
 * exceeded by this line. Does not park. */
int mcp_writer_put_now(struct mcp_writer *writer, struct jsonrpc_line line);

/* Queues a line that matters little, which is taken, if there is room. Returns
 * whether it did. Does not park. */
bool mcp_writer_offer(struct mcp_writer *writer, struct jsonrpc_line line);

/* A put would have to wait now. */
bool mcp_writer_full(const struct mcp_writer *writer);

/* Bytes that are queued or in the hands of the kernel, and bytes written so
 * far: a writer with the first above 0 and the second at rest is stuck. */
size_t mcp_writer_pending(const struct mcp_writer *writer);
uint64_t mcp_writer_written(const struct mcp_writer *writer);

/* Whether nothing has been written since mcp_writer_written gave `before`,
 * after everything that is ready had its turn: what happened while this
 * process was not running counts. Parks. */
bool mcp_writer_stalled(struct mcp_writer *writer, uint64_t before);

/* Parks until everything is written, or `stall_ms` went by in which not one
 * byte was taken, or `deadline`. 0, -ETIMEDOUT, the writer's error, or the
 * cancellation's reason. */
int mcp_writer_flush(struct mcp_writer *writer, uint32_t stall_ms,
		     struct deadline deadline);

/* Parks until what is queued now has been written. 0; the writer's error,
 * -ETIMEDOUT or the cancellation's reason: then not all of it may have been. */
int mcp_writer_reach(struct mcp_writer *writer, struct deadline deadline);

/* Refuses further lines, drops what is still queued, ends the task. Always
 * completes. Idempotent. Parks. */
void mcp_writer_close(struct mcp_writer *writer);
/* Frees it, after mcp_writer_close. NULL is harmless. */
void mcp_writer_free(struct mcp_writer *writer);

#endif
