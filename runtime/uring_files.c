// SPDX-License-Identifier: MIT
#include "runtime/uring_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/file_worker.h"
#include "runtime/san.h"

#define WORD 64u

static bool is_known(const struct uring_files *files, int fd)
{
	uint32_t at = (uint32_t)fd;

	return fd >= 0 && at / WORD < files->words &&
	       (files->known[at / WORD] >> at % WORD & 1) != 0;
}

/* A FIFO may be waited for without end, which only the ring can give up. */
static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Without memory it stays unknown, and its operations the ring's. */
void uring_files_opened(struct uring_files *files, int fd)
{
	uint32_t word = (uint32_t)fd / WORD;

	if (!is_regular(fd))
		return;
	if (word >= files->words) {
		uint64_t *known =
			realloc(files->known, (word + 1) * sizeof(*known));

		if (!known)
			return;
		memset(known + files->words, 0,
		       (word + 1 - files->words) * sizeof(*known));
		files->known = known;
		files->words = word + 1;
	}
	files->known[word] |= UINT64_C(1) << (uint32_t)fd % WORD;
}

void uring_files_closed(struct uring_files *files, int fd)
{
	if (is_known(files, fd))
		files->known[(uint32_t)fd / WORD] &=
			~(UINT64_C(1) << (uint32_t)fd % WORD);
}

/* An opening that makes nothing, and may be tried on what is cached. */
static bool only_opens(const struct op *op)
{
	return op->code == OP_OPENAT &&
	       (op->u.file.flags & (O_CREAT | O_TRUNC)) == 0 &&
	       (op->u.file.flags & O_TMPFILE) != O_TMPFILE;
}

static bool is_tried(const struct uring_files *files, const struct op *op)
{
	return only_opens(op) ||
	       (op->code == OP_READ && is_known(files, op->fd));
}

static bool to_thread(struct uring_files *files, struct op *op)
{
	if (san_wants_one_thread())
		return false;
	if (!files->worker && file_worker_new(&files->worker) < 0)
		return false;
	if (!file_worker_submit(files->worker, op))
		return false;
	files->under_way++;
	return true;
}

bool uring_files_take(struct uring_files *files, struct op *op)
{
	switch (op->code) {
	case OP_OPENAT:
		return !only_opens(op) && to_thread(files, op);
	case OP_WRITE:
		return (op->is_file || is_known(files, op->fd)) &&
		       to_thread(files, op);
	case OP_FSYNC:
	case OP_RENAMEAT:
	case OP_UNLINKAT:
	case OP_MKDIRAT:
		return to_thread(files, op);
	default:
		return false;
	}
}

bool uring_files_retry(struct uring_files *files, struct op *op, int32_t *res)
{
	bool would_wait = *res == -EAGAIN || *res == -EOPNOTSUPP ||
			  *res == -EINVAL || *res == -ENOSYS;

	if (!would_wait || op->state != OP_INFLIGHT || !is_tried(files, op))
		return false;
	if (to_thread(files, op))
		return true;
	*res = file_worker_perform(op);
	return false;
}

void uring_files_prep(const struct uring_files *files, struct io_uring_sqe *sqe,
		      struct op *op)
{
	struct open_how how = { .flags = (uint32_t)op->u.file.flags | O_CLOEXEC,
				.resolve = RESOLVE_CACHED };

	if (!is_tried(files, op))
		return;
	if (op->code == OP_READ) {
		sqe->rw_flags = RWF_NOWAIT;
		return;
	}
	_Static_assert(sizeof(how) <= sizeof(op->how), "no room for it");
	memcpy(op->how, &how, sizeof(how));
	io_uring_prep_openat2(sqe, op->fd, op->u.file.path,
			      (struct open_how *)(void *)op->how);
}

bool uring_files_cancel(struct uring_files *files, struct op *op)
{
	if (!files->worker || !file_worker_cancel(files->worker, op))
		return false;
	files->under_way--;
	return true;
}

int uring_files_fd(const struct uring_files *files)
{
	return file_worker_fd(files->worker);
}

struct op *uring_files_done(struct uring_files *files)
{
	struct op *done = file_worker_done(files->worker);

	for (struct op *op = done; op; op = op->next)
		files->under_way--;
	return done;
}

void uring_files_free(struct uring_files *files)
{
	if (files->worker)
		file_worker_free(files->worker);
	free(files->known);
	*files = (struct uring_files){ 0 };
}
