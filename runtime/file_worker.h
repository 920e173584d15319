// SPDX-License-Identifier: MIT
/*
 * file_worker - a thread that does what may wait for a disk, for both backends
 * on a kernel.
 *
 * Operations go in in order and are done one after the other, so one that a
 * file system never ends keeps those behind it. When some are
 * done a descriptor becomes readable. The thread begins with the first
 * operation. It touches nothing but the operation that it is given.
 */
#ifndef RUNTIME_FILE_WORKER_H
#define RUNTIME_FILE_WORKER_H

#include <stdbool.h>

#include "runtime/backend.h"

struct file_worker;

/* 0 with *out set, or -errno. */
int file_worker_new(struct file_worker **out);

/* Ends the thread and frees; nothing may be under way. */
void file_worker_free(struct file_worker *worker);

/* Readable while file_worker_done has something to give. Stays the worker's. */
int file_worker_fd(const struct file_worker *worker);

/* Queues OP_READ, OP_WRITE, OP_OPENAT, OP_FSYNC, OP_RENAMEAT, OP_UNLINKAT or
 * OP_MKDIRAT; op->next is the worker's. False when there can be no thread. */
bool file_worker_submit(struct file_worker *worker, struct op *op);

/* Takes an operation back that has not begun: true when that succeeded. */
bool file_worker_cancel(struct file_worker *worker, struct op *op);

/* The operations that are done since the last call, op->res set, linked by
 * op->next; NULL when there are none. */
struct op *file_worker_done(struct file_worker *worker);

/* Does such an operation here and now. */
int file_worker_perform(const struct op *op);

#endif
