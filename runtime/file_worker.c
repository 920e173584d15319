// SPDX-License-Identifier: MIT
#include "runtime/file_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/san.h"

#define STACK_SIZE ((size_t)64 * 1024 * SAN_STACK_FACTOR)

struct file_worker {
	pthread_t thread;
	bool started;
	int event_fd;

	/* What both threads touch, under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct op *first, *last; /* not begun */
	struct op *done;	 /* latest first */
	bool stop;
};

int file_worker_new(struct file_worker **out)
{
	struct file_worker *worker = calloc(1, sizeof(*worker));

	*out = NULL;
	if (!worker)
		return -ENOMEM;
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->event_fd < 0) {
		int err = -errno;

		free(worker);
		return err;
	}
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->wake, NULL);
	*out = worker;
	return 0;
}

void file_worker_free(struct file_worker *worker)
{
	if (worker->started) {
		pthread_mutex_lock(&worker->mutex);
		worker->stop = true;
		pthread_cond_signal(&worker->wake);
		pthread_mutex_unlock(&worker->mutex);
		pthread_join(worker->thread, NULL);
	}
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->mutex);
	close(worker->event_fd);
	free(worker);
}

int file_worker_fd(const struct file_worker *worker)
{
	return worker->event_fd;
}

/* A FIFO that nobody else has open would hold the thread up for ever, so the
 * opening never waits; what comes after may. */
static int open_at(const struct op *op)
{
	int flags = op->u.file.flags | O_CLOEXEC;
	struct stat st;
	int fd = openat(op->fd, op->u.file.path, flags | O_NONBLOCK,
			op->u.file.mode);

	/* A lease that another process has on a regular file is waited for. */
	if (fd < 0 && errno == EWOULDBLOCK && !(flags & O_NONBLOCK) &&
	    fstatat(op->fd, op->u.file.path, &st, 0) == 0 &&
	    S_ISREG(st.st_mode))
		return openat(op->fd, op->u.file.path, flags, op->u.file.mode);
	if (fd >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags & O_APPEND);
	return fd;
}

int file_worker_perform(const struct op *op)
{
	const char *path = op->u.file.path;
	ssize_t res;

	do {
		switch (op->code) {
		case OP_READ:
			res = read(op->fd, op->u.rw.buf, op->u.rw.len);
			break;
		case OP_WRITE:
			res = write(op->fd, op->u.rw.buf, op->u.rw.len);
			break;
		case OP_OPENAT:
			res = open_at(op);
			break;
		case OP_FSYNC:
			res = fsync(op->fd);
			break;
		case OP_RENAMEAT:
			res = renameat(op->fd, path, op->u.file.new_dirfd,
				       op->u.file.new_path);
			break;
		case OP_UNLINKAT:
			res = unlinkat(op->fd, path, op->u.file.flags);
			break;
		case OP_MKDIRAT:
			res = mkdirat(op->fd, path, op->u.file.mode);
			break;
		default:
			return -EINVAL;
		}
	} while (res < 0 && errno == EINTR);
	return res < 0 ? -errno : (int)res;
}

/* Readable; a counter that is full already is so, too. */
static void announce(const struct file_worker *worker)
{
	const uint64_t one = 1;
	ssize_t n = write(worker->event_fd, &one, sizeof(one));

	(void)n;
}

static void *work(void *arg)
{
	struct file_worker *worker = arg;

	pthread_mutex_lock(&worker->mutex);
	for (;;) {
		struct op *op = worker->first;

		if (!op) {
			if (worker->stop)
				break;
			pthread_cond_wait(&worker->wake, &worker->mutex);
			continue;
		}
		worker->first = op->next;
		if (!op->next)
			worker->last = NULL;
		pthread_mutex_unlock(&worker->mutex);
		op->res = file_worker_perform(op);
		pthread_mutex_lock(&worker->mutex);
		op->next = worker->done;
		worker->done = op;
		announce(worker);
	}
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

/* Signals are for the thread that runs the tasks. */
static bool start(struct file_worker *worker)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int err;

	if (worker->started)
		return true;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&worker->thread, &attr, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	worker->started = err == 0;
	return worker->started;
}

bool file_worker_submit(struct file_worker *worker, struct op *op)
{
	if (!start(worker))
		return false;
	op->next = NULL;
	pthread_mutex_lock(&worker->mutex);
	if (worker->last)
		worker->last->next = op;
	else
		worker->first = op;
	worker->last = op;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
	return true;
}

bool file_worker_cancel(struct file_worker *worker, struct op *op)
{
	struct op *before = NULL, *at;

	pthread_mutex_lock(&worker->mutex);
	for (at = worker->first; at && at != op; at = at->next)
		before = at;
	if (at) {
		if (before)
			before->next = op->next;
		else
			worker->first = op->next;
		if (worker->last == op)
			worker->last = before;
	}
	pthread_mutex_unlock(&worker->mutex);
	return at != NULL;
}

struct op *file_worker_done(struct file_worker *worker)
{
	struct op *done, *in_order = NULL;
	uint64_t count;
	ssize_t n = read(worker->event_fd, &count, sizeof(count));

	(void)n; /* nothing to read: nothing is done */
	pthread_mutex_lock(&worker->mutex);
	done = worker->done;
	worker->done = NULL;
	pthread_mutex_unlock(&worker->mutex);
	while (done) {
		struct op *next = done->next;

		done->next = in_order;
		in_order = done;
		done = next;
	}
	return in_order;
}
