// SPDX-License-Identifier: MIT
/*
 * uring_files - operations on files, for the io_uring backend.
 *
 * What the ring cannot do at once it gives to a thread of the kernel's, and the
 * last of those never goes: it wakes every five seconds for nothing, for the
 * life of the process. So the ring is only asked for what it can do at once (a
 * path that is cached, bytes that are in memory; on file systems that ask a
 * server when a file is opened, that may take until it answers), and what is
 * left goes to a thread of ours (file_worker.h), which sleeps.
 *
 * The descriptor of a regular file that was opened here is known as one until
 * it is closed here. Reading and writing others is the ring's business, but for
 * writing to a stdout or stderr that is a file.
 */
#ifndef RUNTIME_URING_FILES_H
#define RUNTIME_URING_FILES_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/backend.h"

struct file_worker;

struct uring_files {
	struct file_worker *worker; /* from the first need on */
	uint32_t under_way;	    /* operations that it has */
	uint64_t *known;	    /* a bit for each descriptor */
	uint32_t words;
};

/* Gives the operation to the thread, unless the ring may do it at once, or has
 * to since there can be no thread: true. */
bool uring_files_take(struct uring_files *files, struct op *op);
/* The ring has tried, and says *res: gives it to the thread if it would have
 * had to wait: true. Where there can be no thread it is done here and now, and
 * *res is what came of it. */
bool uring_files_retry(struct uring_files *files, struct op *op, int32_t *res);

/* Lets a prepared entry fail where it would have to wait. */
void uring_files_prep(const struct uring_files *files, struct io_uring_sqe *sqe,
		      struct op *op);

/* What was opened, and what is going to be closed. */
void uring_files_opened(struct uring_files *files, int fd);
void uring_files_closed(struct uring_files *files, int fd);

/* Takes back what the thread has not begun: true. */
bool uring_files_cancel(struct uring_files *files, struct op *op);

/* A descriptor to poll while anything is under way. */
int uring_files_fd(const struct uring_files *files);
/* What the thread has done, linked by op->next. */
struct op *uring_files_done(struct uring_files *files);

/* Nothing may be under way. */
void uring_files_free(struct uring_files *files);

#endif
