// SPDX-License-Identifier: MIT
/*
 * backend - the seam between the scheduler and the world.
 *
 * A backend takes operations, gives each exactly one completion, can be asked
 * to cancel one, tells the time, and can wait: until a completion is there or
 * a deadline has come. Everything above this line is the same whichever
 * backend runs.
 *
 * An operation's life: the caller fills in a struct op and hands it to submit,
 * which cannot fail and only queues; the backend may touch the op and the
 * memory it names until it calls op->done(op), with op->res set, from inside
 * wait or flush. cancel(op) only asks: done still comes, once, with what really
 * happened. After done the backend holds no reference to the op.
 */
#ifndef RUNTIME_BACKEND_H
#define RUNTIME_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "runtime/clock.h"

struct rt_options;
struct rt_counters;

enum op_code {
	OP_READ,
	OP_WRITE,
	OP_RECV,
	OP_SEND,
	OP_EXCHANGE, /* send all of it, then receive once */
	OP_ACCEPT,
	OP_CONNECT,
	OP_CLOSE,
	OP_POLL,
	OP_OPENAT,
	OP_FSYNC,
	OP_RENAMEAT,
	OP_UNLINKAT,
	OP_MKDIRAT,
};

enum op_state { OP_IDLE, OP_INFLIGHT, OP_CANCELLING, OP_DONE };

struct op {
	enum op_code code;
	int fd; /* or the directory descriptor */
	union {
		struct {
			void *buf;
			uint32_t len;
			const void *out;  /* OP_EXCHANGE */
			uint32_t out_len; /* OP_EXCHANGE */
		} rw;
		struct {
			struct sockaddr *addr; /* OP_ACCEPT: may be NULL */
			socklen_t len;	       /* OP_ACCEPT: in and out */
		} sock;
		struct {
			const char *path;
			const char *new_path; /* OP_RENAMEAT */
			int new_dirfd;	      /* OP_RENAMEAT */
			int flags;
			mode_t mode;
		} file;
		short events; /* OP_POLL */
	} u;

	int32_t res;  /* a count, a descriptor, events, or -errno */
	bool sent;    /* OP_EXCHANGE: the sending half is complete */
	bool blocks;  /* OP_WRITE: the file may block whoever writes, although
		       * it was polled first, as terminals do */
	bool is_file; /* OP_WRITE: to a plain file that was inherited */
	uint32_t patient; /* OP_RECV, OP_EXCHANGE: not 0: may be reported so
			   * much later that so many answers are, with those
			   * of others of the kind (TASK_PATIENCE_US); a
			   * backend need not */
	void (*done)(struct op *op);

	/* The backend's own. */
	struct op *next;
	uint32_t want; /* poll events that it waits for */
	enum op_state state;
	uint32_t progress; /* OP_EXCHANGE: bytes sent so far */
	uint8_t owed;	   /* completions the kernel still owes for it */
	bool arrived;	   /* its own is among those that came */
	bool cancel_found; /* a cancellation found it */
	bool in_thread;	   /* the file thread has it */
	uint64_t how[3];   /* what openat2(2) takes */
};

/* Immediate calls: what they do never waits. */
enum sys_code {
	SYS_SOCKET,
	SYS_BIND,
	SYS_LISTEN,
	SYS_GETSOCKNAME,
	SYS_SETSOCKOPT,
	SYS_SHUTDOWN,
	SYS_FSTAT,
	SYS_FSTATAT,
	SYS_FCHMOD,
	SYS_ISATTY, /* 1 or an error */
	SYS_READ,   /* of a descriptor that is never waited for */
	SYS_WRITE,  /* as much as goes at once; -EOPNOTSUPP: cannot tell */
	SYS_LIST,   /* each name in the directory fd, but . and .. */
	SYS_FLOCK,
	SYS_INOTIFY_NEW,
	SYS_INOTIFY_ADD,    /* path, a: mask */
	SYS_INOTIFY_REMOVE, /* a: watch */
	SYS_PIDFD,	    /* a: pid */
	SYS_GETPID,
};

struct sys_call {
	enum sys_code code;
	int fd;
	int a, b, c; /* domain/type/protocol, level/name/value, how, flags … */
	struct sockaddr *addr;
	socklen_t len;
	const char *path;
	struct stat *st;
	void *buf; /* SYS_READ, SYS_WRITE */
	size_t count;
	void (*each)(void *arg, const char *name); /* SYS_LIST */
	void *arg;
};

struct backend;

struct backend_ops {
	const char *name;
	/* Queues the operation. */
	void (*submit)(struct backend *backend, struct op *op);
	/* Asks for an end of a submitted operation that is not done. */
	void (*cancel)(struct backend *backend, struct op *op);
	/* Submits what is queued, then waits until a completion has come or
	 * `latest` passed on its clock; delivers every completion there is.
	 * INT64_MAX waits for a completion alone. Spurious returns are fine. */
	void (*wait)(struct backend *backend,
		     const int64_t latest[CLOCK_ID_COUNT]);
	/* The same without waiting; cheap when there is nothing to do. */
	void (*flush)(struct backend *backend);
	/* Nanoseconds on the clock. */
	int64_t (*now)(struct backend *backend, enum clock_id clock);
	int64_t (*wall)(struct backend *backend);
	/* >= 0 or -errno. */
	int (*sys)(struct backend *backend, struct sys_call *call);
	void (*random)(struct backend *backend, void *buf, size_t len);
	/* Operations submitted and not yet done. */
	uint32_t (*inflight)(const struct backend *backend);
	/* Releases the backend; nothing may be in flight. */
	void (*free)(struct backend *backend);
};

/* First member of every backend's own structure. */
struct backend {
	const struct backend_ops *ops;
	struct rt_counters *counters;
};

/* io_uring, by liburing. 0 with *out set, or -errno from setting up. */
int backend_uring_new(struct backend **out, const struct rt_options *options,
		      struct rt_counters *counters);
/* epoll(7), with a thread for the work on files: for kernels and containers
 * that refuse io_uring. 0 with *out set, or -errno. */
int backend_epoll_new(struct backend **out, const struct rt_options *options,
		      struct rt_counters *counters);
/* One sentence for a person on why setting up io_uring failed with `err`. */
const char *backend_uring_refusal(int err, char *buf, size_t cap);

#endif
