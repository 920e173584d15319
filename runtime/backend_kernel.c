// SPDX-License-Identifier: MIT
#include "runtime/backend_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t kernel_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

int64_t kernel_now(struct backend *backend, enum clock_id clock)
{
	(void)backend;
	return kernel_clock(clock == CLOCK_ID_BOOTTIME ? CLOCK_BOOTTIME
						       : CLOCK_MONOTONIC);
}

int64_t kernel_wall(struct backend *backend)
{
	(void)backend;
	return kernel_clock(CLOCK_REALTIME);
}

static int sys_socket(const struct sys_call *call)
{
	return socket(call->a, call->b | SOCK_CLOEXEC, call->c);
}

int kernel_sys(struct backend *backend, struct sys_call *call)
{
	int res = -1;

	(void)backend;
	switch (call->code) {
	case SYS_SOCKET:
		res = sys_socket(call);
		break;
	case SYS_BIND:
		res = bind(call->fd, call->addr, call->len);
		break;
	case SYS_LISTEN:
		res = listen(call->fd, call->a);
		break;
	case SYS_GETSOCKNAME:
		res = getsockname(call->fd, call->addr, &call->len);
		break;
	case SYS_SETSOCKOPT:
		res = setsockopt(call->fd, call->a, call->b, &call->c,
				 sizeof(call->c));
		break;
	case SYS_SHUTDOWN:
		res = shutdown(call->fd, call->a);
		break;
	case SYS_FSTAT:
		res = fstat(call->fd, call->st);
		break;
	case SYS_FSTATAT:
		res = fstatat(call->fd, call->path, call->st, call->a);
		break;
	case SYS_ISATTY:
		res = isatty(call->fd) ? 1 : -1;
		break;
	case SYS_FCHMOD:
		res = fchmod(call->fd, (mode_t)call->a);
		break;
	}
	return res < 0 ? -errno : res;
}

void kernel_random(struct backend *backend, void *buf, size_t len)
{
	size_t done = 0;

	(void)backend;
	while (done < len) {
		ssize_t n = getrandom((char *)buf + done, len - done, 0);
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			abort(); /* no entropy: nothing here may go on */
	}
}
