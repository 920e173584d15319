// SPDX-License-Identifier: MIT
/*
 * Descriptors of simulated processes, and the calls on them that do not wait.
 */
#include <errno.h>

#include "runtime/sim_impl.h"

void sim_poke(struct sim_file *file)
{
	struct sim_world *world = file->world;

	if (file->poked || !file->first)
		return;
	file->poked = true;
	file->next_poked = NULL;
	if (world->poked_last)
		world->poked_last->next_poked = file;
	else
		world->poked_first = file;
	world->poked_last = file;
}

static void unpoke(struct sim_file *file)
{
	struct sim_world *world = file->world;
	struct sim_file **link = &world->poked_first, *before = NULL;

	if (!file->poked)
		return;
	while (*link != file) {
		before = *link;
		link = &before->next_poked;
	}
	*link = file->next_poked;
	if (world->poked_last == file)
		world->poked_last = before;
	file->poked = false;
}

struct sim_file *sim_file_at(const struct sim_process *process, int fd)
{
	return fd >= 0 && fd < process->fd_end ? process->fds[fd] : NULL;
}

int sim_file_install(struct sim_process *process, struct sim_file *file, int fd)
{
	while (fd < SIM_FDS_MAX && process->fds[fd])
		fd++;
	if (fd == SIM_FDS_MAX)
		return -EMFILE;
	process->fds[fd] = file;
	if (fd >= process->fd_end)
		process->fd_end = fd + 1;
	file->process = process;
	file->fd = fd;
	return fd;
}

int sim_file_close(struct sim_process *process, int fd)
{
	struct sim_file *file = sim_file_at(process, fd);

	if (!file) {
		sim_fail(process->world, "%s: closes %d, which is not open",
			 process->program.name, fd);
		return -EBADF;
	}
	if (file->first) {
		sim_fail(process->world,
			 "%s: closes %d (%s) while an operation waits in it",
			 process->program.name, fd, file->ops->name);
		return -EBUSY;
	}
	process->fds[fd] = NULL;
	while (process->fd_end > 0 && !process->fds[process->fd_end - 1])
		process->fd_end--;
	unpoke(file);
	file->ops->close(file);
	return 0;
}

void sim_files_close(struct sim_process *process)
{
	while (process->fd_end > 0)
		sim_file_close(process, process->fd_end - 1);
}

int sim_descriptors(const struct sim_process *process)
{
	int count = 0;

	for (int fd = 0; fd < process->fd_end; fd++)
		count += process->fds[fd] != NULL;
	return count;
}

static int read_now(struct sim_process *process, const struct sys_call *call)
{
	struct sim_file *file = sim_file_at(process, call->fd);
	int n;

	if (!file)
		return -EBADF;
	n = file->ops->read(file, call->buf, (uint32_t)call->count);
	return n == SIM_AGAIN ? -EAGAIN : n;
}

static int write_now(struct sim_process *process, const struct sys_call *call)
{
	struct sim_file *file = sim_file_at(process, call->fd);
	uint32_t len = (uint32_t)call->count;
	int n;

	if (!file)
		return -EBADF;
	if (file->ops->on_disk)
		return -EOPNOTSUPP;
	if (len > 1 &&
	    sim_luck(process->world, process->world->faults.short_io))
		len = 1 + sim_random_below(&process->world->lot, len);
	n = file->ops->write(file, call->buf, len);
	return n == SIM_AGAIN ? -EAGAIN : n;
}

int sim_sys(struct sim_process *process, struct sys_call *call)
{
	struct sim_world *world = process->world;
	struct sim_sock *sock;

	switch (call->code) {
	case SYS_SOCKET:
		if (sim_luck(world, world->faults.no_descriptor))
			return -EMFILE;
		return sim_sock_new(process, call->a, call->b);
	case SYS_BIND:
	case SYS_LISTEN:
	case SYS_GETSOCKNAME:
	case SYS_SETSOCKOPT:
	case SYS_SHUTDOWN:
		sock = sim_sock_at(process, call->fd);
		if (!sock)
			return -ENOTSOCK;
		return sim_sock_sys(sock, call);
	case SYS_ISATTY:
		return -ENOTTY;
	case SYS_READ:
		return read_now(process, call);
	case SYS_WRITE:
		return write_now(process, call);
	case SYS_GETPID:
		return (int)process->owner;
	default:
		return sim_path_sys(process, call);
	}
}
