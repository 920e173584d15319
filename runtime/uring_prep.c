// SPDX-License-Identifier: MIT
#include "runtime/uring_prep.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "runtime/san.h"

static void prep_file(struct io_uring_sqe *sqe, struct op *op)
{
	switch (op->code) {
	case OP_OPENAT:
		io_uring_prep_openat(sqe, op->fd, op->u.file.path,
				     op->u.file.flags | O_CLOEXEC,
				     op->u.file.mode);
		break;
	case OP_FSYNC:
		io_uring_prep_fsync(sqe, op->fd, 0);
		break;
	case OP_RENAMEAT:
		io_uring_prep_renameat(sqe, op->fd, op->u.file.path,
				       op->u.file.new_dirfd,
				       op->u.file.new_path, 0);
		break;
	case OP_UNLINKAT:
		io_uring_prep_unlinkat(sqe, op->fd, op->u.file.path,
				       op->u.file.flags);
		break;
	default:
		io_uring_prep_mkdirat(sqe, op->fd, op->u.file.path,
				      op->u.file.mode);
		break;
	}
}

void uring_prep(struct io_uring_sqe *sqe, struct op *op)
{
	switch (op->code) {
	case OP_READ:
		io_uring_prep_read(sqe, op->fd, op->u.rw.buf, op->u.rw.len,
				   (uint64_t)-1);
		break;
	case OP_WRITE:
		io_uring_prep_write(sqe, op->fd, op->u.rw.buf, op->u.rw.len,
				    (uint64_t)-1);
		/* By a worker of the kernel's, or the submitting call blocks
		 * in a terminal's driver. */
		if (op->blocks)
			sqe->flags |= IOSQE_ASYNC;
		break;
	case OP_RECV:
		io_uring_prep_recv(sqe, op->fd, op->u.rw.buf, op->u.rw.len, 0);
		break;
	case OP_SEND:
		io_uring_prep_send(sqe, op->fd, op->u.rw.buf, op->u.rw.len,
				   MSG_NOSIGNAL);
		break;
	case OP_ACCEPT:
		io_uring_prep_accept(sqe, op->fd, op->u.sock.addr,
				     op->u.sock.addr ? &op->u.sock.len : NULL,
				     SOCK_CLOEXEC);
		break;
	case OP_CONNECT:
		io_uring_prep_connect(sqe, op->fd, op->u.sock.addr,
				      op->u.sock.len);
		break;
	case OP_CLOSE:
		io_uring_prep_close(sqe, op->fd);
		break;
	case OP_POLL:
		io_uring_prep_poll_add(sqe, op->fd, (unsigned)op->u.events);
		break;
	default:
		prep_file(sqe, op);
		break;
	}
}

void uring_tell_checkers(const struct op *op)
{
	if (op->res < 0)
		return;
	if (op->code == OP_READ || op->code == OP_RECV ||
	    op->code == OP_EXCHANGE)
		san_filled(op->u.rw.buf, (size_t)op->res);
	else if (op->code == OP_ACCEPT && op->u.sock.addr)
		san_filled(op->u.sock.addr, op->u.sock.len);
}
