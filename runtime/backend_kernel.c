// SPDX-License-Identifier: MIT
#include "runtime/backend_kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

static int sys_list(const struct sys_call *call)
{
	const struct dirent *entry;
	int fd = openat(call->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			call->each(call->arg, entry->d_name);
	closedir(dir);
	return 0;
}

static int sys_write(const struct sys_call *call)
{
	struct iovec part = { call->buf, call->count };
	int n = (int)pwritev2(call->fd, &part, 1, -1, RWF_NOWAIT);

	if (n < 0 && (errno == EINVAL || errno == ENOSYS))
		errno = EOPNOTSUPP;
	return n;
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
	case SYS_READ:
		res = (int)read(call->fd, call->buf, call->count);
		break;
	case SYS_WRITE:
		res = sys_write(call);
		break;
	case SYS_LIST:
		res = sys_list(call);
		break;
	case SYS_FLOCK:
		res = flock(call->fd, call->a);
		break;
	case SYS_INOTIFY_NEW:
		res = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		break;
	case SYS_INOTIFY_ADD:
		res = inotify_add_watch(call->fd, call->path,
					(uint32_t)call->a);
		break;
	case SYS_INOTIFY_REMOVE:
		res = inotify_rm_watch(call->fd, call->a);
		break;
	case SYS_PIDFD:
		res = pidfd_open(call->a, 0);
		break;
	case SYS_GETPID:
		res = getpid();
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
