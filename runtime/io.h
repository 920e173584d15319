// SPDX-License-Identifier: MIT
/*
 * io - the operations that park.
 *
 * Each returns what the kernel would: a count or a descriptor (>= 0), or a
 * negative errno; -ETIMEDOUT past the deadline, and the reason (-ECANCELED or
 * -ETIMEDOUT) when the task's scope is cancelled. A call comes back only after
 * the backend is done with its memory, so buffers on the caller's stack are
 * safe under cancellation too. An operation that moved bytes before it was
 * cancelled reports those bytes; the next call reports the cancellation. A
 * descriptor that came into being although its call was cancelled is closed
 * inside.
 *
 * Descriptors stay blocking; O_NONBLOCK is never set, so stdin and stdout can
 * be shared with a parent. Pipes, sockets, terminals and plain files all work.
 * All descriptors made here are close-on-exec. Signals interrupt nothing.
 *
 * Everything here parks unless its comment says otherwise.
 */
#ifndef RUNTIME_IO_H
#define RUNTIME_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "runtime/backend.h"
#include "runtime/clock.h"

struct clause;
struct rt;

/* The largest count of one operation; longer ones are cut, like a short read.
 */
#define IO_COUNT_MAX (1u << 30)

/* read(2)/write(2) at the file's own position. write may be short. After a
 * short write to a plain file (a full disk) io_uring may leave the position
 * where it was, so files that must be right are opened with O_APPEND. */
ssize_t io_read(struct rt *rt, int fd, void *buf, size_t len,
		struct deadline deadline);
ssize_t io_write(struct rt *rt, int fd, const void *buf, size_t len,
		 struct deadline deadline);

/* As much of it as the descriptor takes at once, without waiting: a count;
 * -EAGAIN when it takes nothing now; -EOPNOTSUPP where that cannot be told (a
 * terminal, a plain file); or the error. Saves a turn of the scheduler where
 * there is usually room. Does not park. */
ssize_t io_write_now(struct rt *rt, int fd, const void *buf, size_t len);

/* Writes all of it: 0, or the error. On failure *done (may be NULL) is how
 * many bytes went out. */
int io_write_all(struct rt *rt, int fd, const void *buf, size_t len,
		 size_t *done, struct deadline deadline);

/* recv(2)/send(2) on a socket; never SIGPIPE. send may be short. */
ssize_t io_recv(struct rt *rt, int fd, void *buf, size_t len,
		struct deadline deadline);
ssize_t io_send(struct rt *rt, int fd, const void *buf, size_t len,
		struct deadline deadline);
int io_send_all(struct rt *rt, int fd, const void *buf, size_t len,
		size_t *done, struct deadline deadline);

/* Sends all of `out` and then receives into `in` once, as one operation: a
 * request and the beginning of its answer cost a single wake-up. Returns what
 * recv gave (0: the peer closed), or the error of whichever part failed;
 * *sent says whether all of `out` went out. */
ssize_t io_exchange(struct rt *rt, int fd, const void *out, size_t out_len,
		    void *in, size_t in_len, bool *sent,
		    struct deadline deadline);

/* A connection accepted on `fd`; *addr (may be NULL) is the peer. */
int io_accept(struct rt *rt, int fd, struct sockaddr_storage *addr,
	      struct deadline deadline);

/* connect(2). After a failure the socket is good only for closing. */
int io_connect(struct rt *rt, int fd, const struct sockaddr *addr,
	       socklen_t len, struct deadline deadline);

/* Closes the descriptor. Always completes, cancelled or not. Nothing else may
 * be parked on `fd`: cancel and join those tasks first. */
void io_close(struct rt *rt, int fd);

/* Waits until one of `events` (POLLIN, POLLOUT, POLLRDHUP; POLLERR and POLLHUP
 * always) holds for fd; returns those that do. */
int io_poll(struct rt *rt, int fd, short events, struct deadline deadline);

/* openat(2) with O_CLOEXEC added. */
int io_openat(struct rt *rt, int dirfd, const char *path, int flags,
	      mode_t mode, struct deadline deadline);
int io_fsync(struct rt *rt, int fd, struct deadline deadline);
int io_renameat(struct rt *rt, int old_dirfd, const char *old_path,
		int new_dirfd, const char *new_path, struct deadline deadline);
int io_unlinkat(struct rt *rt, int dirfd, const char *path, int flags,
		struct deadline deadline);
int io_mkdirat(struct rt *rt, int dirfd, const char *path, mode_t mode,
	       struct deadline deadline);

/* The immediate ones: they go through the backend, so that a simulated world
 * sees them, but never park. 0 or a descriptor, or a negative errno. */
int io_socket(struct rt *rt, int domain, int type, int protocol);
int io_bind(struct rt *rt, int fd, const struct sockaddr *addr, socklen_t len);
int io_listen(struct rt *rt, int fd, int backlog);
int io_getsockname(struct rt *rt, int fd, struct sockaddr_storage *addr,
		   socklen_t *len);
int io_setsockopt(struct rt *rt, int fd, int level, int name, int value);
int io_shutdown(struct rt *rt, int fd, int how);
int io_fstat(struct rt *rt, int fd, struct stat *st);
int io_fstatat(struct rt *rt, int dirfd, const char *path, struct stat *st,
	       int flags);
int io_fchmod(struct rt *rt, int fd, mode_t mode);
/* read(2) of a descriptor made so that it never waits (io_inotify_open):
 * -EAGAIN when there is nothing. */
ssize_t io_read_now(struct rt *rt, int fd, void *buf, size_t len);
/* Calls each(arg, name) for all names in an open directory, but "." and "..";
 * it must not park. Waits for the disk, as long as that takes. */
int io_list(struct rt *rt, int dirfd, void (*each)(void *arg, const char *name),
	    void *arg);
int io_flock(struct rt *rt, int fd, int operation);
/* inotify(7): a descriptor, a watch, 0; or a negative errno. */
int io_inotify_open(struct rt *rt);
int io_inotify_add(struct rt *rt, int fd, const char *path, uint32_t mask);
int io_inotify_remove(struct rt *rt, int fd, int watch);
/* pidfd_open(2), getpid(2). */
int io_pidfd_open(struct rt *rt, int pid);
int io_getpid(struct rt *rt);
/* getrandom(2): fills the buffer; in a simulated world, from the seed. */
void io_random(struct rt *rt, void *buf, size_t len);

/*
 * A watch: a poll that belongs to no task. `fired` is called once, from the
 * scheduler and without parking, with the poll's events or -errno. For things
 * that sleep in a pool until they are used or break.
 */
struct io_watch {
	struct op op;
	void (*fired)(struct io_watch *watch, int events);
	struct clause *stopper; /* of the task in io_watch_stop */
	bool armed;
};

/* Starts watching; does not park. The storage stays put until it fired or
 * io_watch_stop returned. */
void io_watch_start(struct rt *rt, struct io_watch *watch, int fd, short events,
		    void (*fired)(struct io_watch *watch, int events));

/* Stops watching: `fired` will not be called after this. Parks until the
 * backend has let go; always completes. Harmless when not armed. */
void io_watch_stop(struct rt *rt, struct io_watch *watch);

#endif
