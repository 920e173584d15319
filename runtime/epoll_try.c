// SPDX-License-Identifier: MIT
#include "runtime/epoll_try.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What fits into a pipe, or into whatever else says that it can be written. */
#define PIECE_MAX PIPE_BUF

static int result(ssize_t res)
{
	if (res >= 0)
		return (int)res;
	return errno == EAGAIN || errno == EINTR ? EPOLL_TRY_AGAIN : -errno;
}

/* A descriptor on the terminal that only this process has. */
static int terminal(struct epoll_terminals *terminals, int fd)
{
	char path[32];

	if (terminals->fd[fd] == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		terminals->fd[fd] = open(path, O_WRONLY | O_NONBLOCK |
						       O_NOCTTY | O_CLOEXEC);
	}
	return terminals->fd[fd];
}

static bool is_plain(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
		S_ISBLK(st.st_mode));
}

/* The file does not know RWF_NOWAIT: `ready` says that it was polled. */
static int transfer_plainly(struct op *op, bool ready,
			    struct epoll_terminals *terminals)
{
	uint32_t len = op->u.rw.len;
	int private_fd;

	if (!ready) {
		if (is_plain(op->fd))
			return EPOLL_TRY_FILE;
		if (op->code == OP_WRITE && op->blocks) {
			private_fd = terminal(terminals, op->fd);
			if (private_fd >= 0)
				return result(
					write(private_fd, op->u.rw.buf, len));
		}
		return EPOLL_TRY_AGAIN;
	}
	if (op->code == OP_READ)
		return result(read(op->fd, op->u.rw.buf, len));
	if (op->blocks && terminal(terminals, op->fd) >= 0)
		return result(
			write(terminal(terminals, op->fd), op->u.rw.buf, len));
	return result(
		write(op->fd, op->u.rw.buf, len < PIECE_MAX ? len : PIECE_MAX));
}

static int try_transfer(struct op *op, bool ready,
			struct epoll_terminals *terminals)
{
	struct iovec part = { op->u.rw.buf, op->u.rw.len };
	ssize_t n;

	if (op->code == OP_READ)
		n = preadv2(op->fd, &part, 1, -1, RWF_NOWAIT);
	else
		n = pwritev2(op->fd, &part, 1, -1, RWF_NOWAIT);
	if (n < 0 &&
	    (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS))
		return transfer_plainly(op, ready, terminals);
	return result(n);
}

static int try_exchange(struct op *op)
{
	while (!op->sent) {
		const char *rest = (const char *)op->u.rw.out + op->progress;
		ssize_t n = send(op->fd, rest, op->u.rw.out_len - op->progress,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return result(n);
		op->progress += (uint32_t)n;
		op->sent = op->progress == op->u.rw.out_len;
		if (op->sent)
			return EPOLL_TRY_AGAIN; /* the answer takes its time */
	}
	return result(recv(op->fd, op->u.rw.buf, op->u.rw.len, MSG_DONTWAIT));
}

static void make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int try_accept(struct op *op, bool ours)
{
	int fd;

	if (!ours)
		make_nonblocking(op->fd);
	do
		fd = accept4(op->fd, op->u.sock.addr,
			     op->u.sock.addr ? &op->u.sock.len : NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && errno == ECONNABORTED);
	return result(fd);
}

static int try_connect(const struct op *op, bool ready, bool ours)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (ready) {
		if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			return -errno;
		return -err;
	}
	if (!ours)
		make_nonblocking(op->fd);
	if (connect(op->fd, op->u.sock.addr, op->u.sock.len) == 0)
		return 0;
	/* EAGAIN: the queue of a local socket is full; that is an answer. */
	return errno == EINPROGRESS || errno == EINTR ? EPOLL_TRY_AGAIN
						      : -errno;
}

int epoll_try(struct op *op, bool ready, bool ours,
	      struct epoll_terminals *terminals)
{
	switch (op->code) {
	case OP_READ:
	case OP_WRITE:
		return try_transfer(op, ready, terminals);
	case OP_RECV:
		return result(
			recv(op->fd, op->u.rw.buf, op->u.rw.len, MSG_DONTWAIT));
	case OP_SEND:
		return result(send(op->fd, op->u.rw.buf, op->u.rw.len,
				   MSG_NOSIGNAL | MSG_DONTWAIT));
	case OP_EXCHANGE:
		return try_exchange(op);
	case OP_ACCEPT:
		return try_accept(op, ours);
	case OP_CONNECT:
		return try_connect(op, ready, ours);
	default:
		return -EINVAL;
	}
}

void epoll_try_close(struct epoll_terminals *terminals)
{
	for (size_t i = 0; i < sizeof(terminals->fd) / sizeof(int); i++)
		if (terminals->fd[i] > 0)
			close(terminals->fd[i]);
}
