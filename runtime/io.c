// SPDX-License-Identifier: MIT
#include "runtime/io.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/defect.h"
#include "runtime/sched.h"

/* An operation that a task waits for: the operation and its clause. */
struct io_call {
	struct op op;
	struct clause clause;
};

static void call_done(struct op *op)
{
	struct io_call *call =
		(struct io_call *)((char *)op - offsetof(struct io_call, op));

	clause_fire(&call->clause, op->res);
}

static bool call_withdraw(struct clause *clause)
{
	struct io_call *call =
		(struct io_call *)((char *)clause -
				   offsetof(struct io_call, clause));
	struct backend *backend = clause->wait->rt->backend;

	backend->ops->cancel(backend, &call->op);
	return DEFECT(BUFFER_REUSED);
}

/* Whether an interrupted operation has done nothing yet. */
static bool may_repeat(enum op_code code)
{
	return code != OP_EXCHANGE && code != OP_CONNECT;
}

/* Runs one operation to its completion. *cancelled says that the task's scope
 * was cancelled while it ran, whatever came of it. */
static int run(struct rt *rt, struct io_call *call, const char *what,
	       struct deadline deadline, bool *cancelled)
{
	struct wait wait;
	struct clause *fired;

	*cancelled = false;
	do {
		int reason = task_cancelled(rt);
		if (reason)
			return reason;
		wait_begin(rt, &wait, what);
		call->op.done = call_done;
		call->op.patient = call->op.code == OP_EXCHANGE ||
						   call->op.code == OP_RECV
					   ? rt->current->patient
					   : 0;
		wait_clause_add(&wait, &call->clause, call_withdraw);
		rt->backend->ops->submit(rt->backend, &call->op);
		wait_deadline_add(&wait, deadline);
		fired = wait_park(&wait);
	} while (call->op.res == -EINTR && fired == &call->clause &&
		 may_repeat(call->op.code));

	*cancelled = fired == NULL;
	int res = call->op.res;
	if (res != -ECANCELED && res != -EINTR)
		return res;
	if (fired == &wait.timeout)
		return -ETIMEDOUT;
	return fired ? res : task_cancelled(rt);
}

/* The same where the result is nothing that could be lost. */
static int run_plain(struct rt *rt, struct io_call *call, const char *what,
		     struct deadline deadline)
{
	bool cancelled;

	return run(rt, call, what, deadline, &cancelled);
}

/* The same where the result is a descriptor: nobody wants it any more when
 * the task was cancelled meanwhile. */
static int run_fd(struct rt *rt, struct io_call *call, const char *what,
		  struct deadline deadline)
{
	bool cancelled;
	int fd = run(rt, call, what, deadline, &cancelled);

	if (fd >= 0 && cancelled) {
		io_close(rt, fd);
		return task_cancelled(rt);
	}
	return fd;
}

static uint32_t count(size_t len)
{
	return len < IO_COUNT_MAX ? (uint32_t)len : IO_COUNT_MAX;
}

static int immediate(struct rt *rt, struct sys_call *call)
{
	rt->backend->counters->enters++;
	return rt->backend->ops->sys(rt->backend, call);
}

/* Of descriptors that were inherited: asked once. */
static enum stdio_kind stdio_of(struct rt *rt, int fd)
{
	struct stat st;

	if (rt->stdio[fd] != STDIO_UNKNOWN)
		return rt->stdio[fd];
	rt->stdio[fd] = STDIO_OTHER;
	if (immediate(rt, &(struct sys_call){ .code = SYS_ISATTY, .fd = fd }) ==
	    1)
		rt->stdio[fd] = STDIO_TTY;
	else if (io_fstat(rt, fd, &st) == 0 && S_ISREG(st.st_mode))
		rt->stdio[fd] = STDIO_FILE;
	return rt->stdio[fd];
}

static ssize_t transfer(struct rt *rt, enum op_code code, const char *what,
			int fd, const void *buf, size_t len,
			struct deadline deadline)
{
	struct io_call call = { .op = { .code = code, .fd = fd } };

	call.op.u.rw.buf = (void *)(uintptr_t)buf;
	call.op.u.rw.len = count(len);
	if (code == OP_WRITE && fd >= 0 && fd < RT_STDIO) {
		call.op.blocks = stdio_of(rt, fd) == STDIO_TTY;
		call.op.is_file = stdio_of(rt, fd) == STDIO_FILE;
	}
	return run_plain(rt, &call, what, deadline);
}

ssize_t io_read(struct rt *rt, int fd, void *buf, size_t len,
		struct deadline deadline)
{
	return transfer(rt, OP_READ, "read", fd, buf, len, deadline);
}

ssize_t io_write(struct rt *rt, int fd, const void *buf, size_t len,
		 struct deadline deadline)
{
	return transfer(rt, OP_WRITE, "write", fd, buf, len, deadline);
}

ssize_t io_recv(struct rt *rt, int fd, void *buf, size_t len,
		struct deadline deadline)
{
	return transfer(rt, OP_RECV, "recv", fd, buf, len, deadline);
}

ssize_t io_send(struct rt *rt, int fd, const void *buf, size_t len,
		struct deadline deadline)
{
	return transfer(rt, OP_SEND, "send", fd, buf, len, deadline);
}

static int transfer_all(struct rt *rt, enum op_code code, const char *what,
			int fd, const void *buf, size_t len, size_t *done,
			struct deadline deadline)
{
	size_t out = 0;
	ssize_t n = 0;

	while (out < len) {
		n = transfer(rt, code, what, fd, (const char *)buf + out,
			     len - out, deadline);
		if (n <= 0)
			break;
		out += (size_t)n;
		if (DEFECT(SHORT_WRITE) && code == OP_WRITE)
			out = len;
	}
	if (done)
		*done = out;
	if (out == len)
		return 0;
	return n < 0 ? (int)n : -EIO;
}

ssize_t io_write_now(struct rt *rt, int fd, const void *buf, size_t len)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_WRITE,
						 .fd = fd,
						 .buf = (void *)(uintptr_t)buf,
						 .count = count(len) });
}

int io_write_all(struct rt *rt, int fd, const void *buf, size_t len,
		 size_t *done, struct deadline deadline)
{
	return transfer_all(rt, OP_WRITE, "write", fd, buf, len, done,
			    deadline);
}

int io_send_all(struct rt *rt, int fd, const void *buf, size_t len,
		size_t *done, struct deadline deadline)
{
	return transfer_all(rt, OP_SEND, "send", fd, buf, len, done, deadline);
}

ssize_t io_exchange(struct rt *rt, int fd, const void *out, size_t out_len,
		    void *in, size_t in_len, bool *sent,
		    struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_EXCHANGE, .fd = fd } };

	*sent = false;
	if (out_len > IO_COUNT_MAX)
		return -EMSGSIZE;
	call.op.u.rw.out = out;
	call.op.u.rw.out_len = (uint32_t)out_len;
	call.op.u.rw.buf = in;
	call.op.u.rw.len = count(in_len);
	int res = run_plain(rt, &call, "exchange", deadline);
	*sent = call.op.sent;
	return res;
}

int io_accept(struct rt *rt, int fd, struct sockaddr_storage *addr,
	      struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_ACCEPT, .fd = fd } };

	if (addr) {
		call.op.u.sock.addr = (struct sockaddr *)addr;
		call.op.u.sock.len = sizeof(*addr);
	}
	return run_fd(rt, &call, "accept", deadline);
}

int io_connect(struct rt *rt, int fd, const struct sockaddr *addr,
	       socklen_t len, struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_CONNECT, .fd = fd } };

	call.op.u.sock.addr = (struct sockaddr *)(uintptr_t)addr;
	call.op.u.sock.len = len;
	return run_plain(rt, &call, "connect", deadline);
}

void io_close(struct rt *rt, int fd)
{
	struct io_call call = { .op = { .code = OP_CLOSE, .fd = fd } };
	struct wait wait;

	wait_begin(rt, &wait, "close");
	call.op.done = call_done;
	wait_clause_add(&wait, &call.clause, call_withdraw);
	rt->backend->ops->submit(rt->backend, &call.op);
	wait_park_shielded(&wait);
}

int io_poll(struct rt *rt, int fd, short events, struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_POLL, .fd = fd } };

	call.op.u.events = events;
	return run_plain(rt, &call, "poll", deadline);
}

int io_openat(struct rt *rt, int dirfd, const char *path, int flags,
	      mode_t mode, struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_OPENAT, .fd = dirfd } };

	call.op.u.file.path = path;
	call.op.u.file.flags = flags;
	call.op.u.file.mode = mode;
	return run_fd(rt, &call, "open", deadline);
}

int io_fsync(struct rt *rt, int fd, struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_FSYNC, .fd = fd } };

	return run_plain(rt, &call, "fsync", deadline);
}

int io_renameat(struct rt *rt, int old_dirfd, const char *old_path,
		int new_dirfd, const char *new_path, struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_RENAMEAT,
					.fd = old_dirfd } };

	call.op.u.file.path = old_path;
	call.op.u.file.new_path = new_path;
	call.op.u.file.new_dirfd = new_dirfd;
	return run_plain(rt, &call, "rename", deadline);
}

int io_unlinkat(struct rt *rt, int dirfd, const char *path, int flags,
		struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_UNLINKAT, .fd = dirfd } };

	call.op.u.file.path = path;
	call.op.u.file.flags = flags;
	return run_plain(rt, &call, "unlink", deadline);
}

int io_mkdirat(struct rt *rt, int dirfd, const char *path, mode_t mode,
	       struct deadline deadline)
{
	struct io_call call = { .op = { .code = OP_MKDIRAT, .fd = dirfd } };

	call.op.u.file.path = path;
	call.op.u.file.mode = mode;
	return run_plain(rt, &call, "mkdir", deadline);
}

int io_socket(struct rt *rt, int domain, int type, int protocol)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_SOCKET,
						 .a = domain,
						 .b = type,
						 .c = protocol });
}

int io_bind(struct rt *rt, int fd, const struct sockaddr *addr, socklen_t len)
{
	return immediate(rt, &(struct sys_call){
				     .code = SYS_BIND,
				     .fd = fd,
				     .addr = (struct sockaddr *)(uintptr_t)addr,
				     .len = len });
}

int io_listen(struct rt *rt, int fd, int backlog)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_LISTEN,
						 .fd = fd,
						 .a = backlog });
}

int io_getsockname(struct rt *rt, int fd, struct sockaddr_storage *addr,
		   socklen_t *len)
{
	struct sys_call call = { .code = SYS_GETSOCKNAME,
				 .fd = fd,
				 .addr = (struct sockaddr *)addr,
				 .len = sizeof(*addr) };
	int err = immediate(rt, &call);

	*len = call.len;
	return err;
}

int io_setsockopt(struct rt *rt, int fd, int level, int name, int value)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_SETSOCKOPT,
						 .fd = fd,
						 .a = level,
						 .b = name,
						 .c = value });
}

int io_shutdown(struct rt *rt, int fd, int how)
{
	return immediate(
		rt,
		&(struct sys_call){ .code = SYS_SHUTDOWN, .fd = fd, .a = how });
}

int io_fstat(struct rt *rt, int fd, struct stat *st)
{
	return immediate(rt, &(struct sys_call){
				     .code = SYS_FSTAT, .fd = fd, .st = st });
}

int io_fstatat(struct rt *rt, int dirfd, const char *path, struct stat *st,
	       int flags)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_FSTATAT,
						 .fd = dirfd,
						 .path = path,
						 .st = st,
						 .a = flags });
}

int io_fchmod(struct rt *rt, int fd, mode_t mode)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_FCHMOD,
						 .fd = fd,
						 .a = (int)mode });
}

ssize_t io_read_now(struct rt *rt, int fd, void *buf, size_t len)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_READ,
						 .fd = fd,
						 .buf = buf,
						 .count = count(len) });
}

int io_list(struct rt *rt, int dirfd, void (*each)(void *arg, const char *name),
	    void *arg)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_LIST,
						 .fd = dirfd,
						 .each = each,
						 .arg = arg });
}

int io_flock(struct rt *rt, int fd, int operation)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_FLOCK,
						 .fd = fd,
						 .a = operation });
}

int io_inotify_open(struct rt *rt)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_INOTIFY_NEW });
}

int io_inotify_add(struct rt *rt, int fd, const char *path, uint32_t mask)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_INOTIFY_ADD,
						 .fd = fd,
						 .path = path,
						 .a = (int)mask });
}

int io_inotify_remove(struct rt *rt, int fd, int watch)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_INOTIFY_REMOVE,
						 .fd = fd,
						 .a = watch });
}

int io_pidfd_open(struct rt *rt, int pid)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_PIDFD, .a = pid });
}

int io_getpid(struct rt *rt)
{
	return immediate(rt, &(struct sys_call){ .code = SYS_GETPID });
}

void io_random(struct rt *rt, void *buf, size_t len)
{
	rt->backend->ops->random(rt->backend, buf, len);
}

static void watch_done(struct op *op)
{
	struct io_watch *watch =
		(struct io_watch *)((char *)op - offsetof(struct io_watch, op));

	watch->armed = false;
	watch->fired(watch, op->res);
}

void io_watch_start(struct rt *rt, struct io_watch *watch, int fd, short events,
		    void (*fired)(struct io_watch *watch, int events))
{
	watch->op = (struct op){ .code = OP_POLL,
				 .fd = fd,
				 .u.events = events,
				 .done = watch_done };
	watch->fired = fired;
	watch->armed = true;
	rt->backend->ops->submit(rt->backend, &watch->op);
}

static void watch_stopped(struct op *op)
{
	struct io_watch *watch =
		(struct io_watch *)((char *)op - offsetof(struct io_watch, op));

	watch->armed = false;
	clause_fire(watch->stopper, op->res);
}

/* Nothing but the operation's end can end this wait. */
static bool stop_withdraw(struct clause *clause)
{
	(void)clause;
	return false;
}

void io_watch_stop(struct rt *rt, struct io_watch *watch)
{
	struct wait wait;
	struct clause clause;

	if (!watch->armed)
		return;
	wait_begin(rt, &wait, "watch stop");
	wait_clause_add(&wait, &clause, stop_withdraw);
	watch->stopper = &clause;
	watch->op.done = watch_stopped;
	rt->backend->ops->cancel(rt->backend, &watch->op);
	wait_park_shielded(&wait);
}
