// SPDX-License-Identifier: MIT
#include "runtime/sim_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "runtime/sim_disk.h"
#include "runtime/sim_impl.h"

/* Events that wait to be read; further ones are lost, and that is told. */
#define QUEUE_MAX 64u

struct notifier;

struct sim_watch {
	struct sim_watch *next;	   /* of the inode */
	struct sim_watch *sibling; /* of the notifier */
	struct notifier *notifier;
	struct sim_inode *inode;
	int number;
	uint32_t mask;
};

struct notifier {
	struct sim_file file; /* first */
	struct sim_watch *watches;
	struct inotify_event queue[QUEUE_MAX];
	uint32_t count;
	int last;
};

struct sim_pidfd {
	struct sim_file file; /* first */
	struct sim_pidfd *next;
	unsigned number;
	bool ended;
};

static int no_writing(struct sim_file *file, const void *buf, uint32_t len)
{
	(void)file;
	(void)buf;
	(void)len;
	return -EBADF;
}

/* --- inotify --- */

static struct notifier *notifier_of(const struct sim_file *file)
{
	return (struct notifier *)(uintptr_t)file;
}

static void tell(struct notifier *notifier, int watch, uint32_t what)
{
	struct inotify_event *queue = notifier->queue;
	uint32_t count = notifier->count;

	if (count > 0 && queue[count - 1].wd == watch &&
	    queue[count - 1].mask == what)
		return;
	if (count == QUEUE_MAX) {
		queue[count - 1] =
			(struct inotify_event){ .wd = -1,
						.mask = IN_Q_OVERFLOW };
		return;
	}
	queue[notifier->count++] =
		(struct inotify_event){ .wd = watch, .mask = what };
	sim_poke(&notifier->file);
}

static int notifier_read(struct sim_file *file, void *buf, uint32_t len)
{
	struct notifier *notifier = notifier_of(file);
	uint32_t count = len / (uint32_t)sizeof(*notifier->queue);

	if (notifier->count == 0)
		return SIM_AGAIN;
	if (count == 0)
		return -EINVAL;
	if (count > notifier->count)
		count = notifier->count;
	notifier->count -= count;
	memcpy(buf, notifier->queue, count * sizeof(*notifier->queue));
	memmove(notifier->queue, notifier->queue + count,
		notifier->count * sizeof(*notifier->queue));
	return (int)(count * sizeof(*notifier->queue));
}

static int notifier_ready(const struct sim_file *file)
{
	return notifier_of(file)->count > 0 ? POLLIN : 0;
}

static void unwatch(struct sim_watch *watch)
{
	struct sim_watch **link = &watch->inode->watches;

	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	link = &watch->notifier->watches;
	while (*link != watch)
		link = &(*link)->sibling;
	*link = watch->sibling;
	sim_inode_release(watch->inode);
	free(watch);
}

static void notifier_close(struct sim_file *file)
{
	struct notifier *notifier = notifier_of(file);

	while (notifier->watches)
		unwatch(notifier->watches);
	free(notifier);
}

static const struct sim_file_ops notifier_ops = {
	.name = "inotify",
	.read = notifier_read,
	.write = no_writing,
	.ready = notifier_ready,
	.close = notifier_close,
};

static struct notifier *notifier_at(const struct sim_process *process, int fd)
{
	struct sim_file *file = sim_file_at(process, fd);

	return file && file->ops == &notifier_ops ? notifier_of(file) : NULL;
}

static int notifier_new(struct sim_process *process)
{
	struct notifier *notifier = sim_alloc(sizeof(*notifier));
	int fd;

	notifier->file.ops = &notifier_ops;
	notifier->file.world = process->world;
	fd = sim_file_install(process, &notifier->file, 0);
	if (fd < 0)
		free(notifier);
	return fd;
}

static int watch_add(struct notifier *notifier, struct sim_inode *inode,
		     uint32_t mask)
{
	struct sim_watch *watch = notifier->watches;

	while (watch && watch->inode != inode)
		watch = watch->sibling;
	if (!watch) {
		watch = sim_alloc(sizeof(*watch));
		watch->notifier = notifier;
		watch->inode = sim_inode_hold(inode);
		watch->number = ++notifier->last;
		watch->sibling = notifier->watches;
		notifier->watches = watch;
		watch->next = inode->watches;
		inode->watches = watch;
	}
	watch->mask = mask;
	return watch->number;
}

static int watch_remove(struct notifier *notifier, int number)
{
	struct sim_watch *watch = notifier->watches;

	while (watch && watch->number != number)
		watch = watch->sibling;
	if (!watch)
		return -EINVAL;
	unwatch(watch);
	tell(notifier, number, IN_IGNORED);
	return 0;
}

void sim_watch_closed(const struct sim_inode *inode, bool writable)
{
	uint32_t what = writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE;

	for (struct sim_watch *watch = inode->watches; watch;
	     watch = watch->next)
		if (watch->mask & what)
			tell(watch->notifier, watch->number, what);
}

/* --- Processes --- */

static int pidfd_read(struct sim_file *file, void *buf, uint32_t len)
{
	(void)file;
	(void)buf;
	(void)len;
	return -EINVAL;
}

static int pidfd_ready(const struct sim_file *file)
{
	return ((const struct sim_pidfd *)file)->ended ? POLLIN : 0;
}

static void pidfd_close(struct sim_file *file)
{
	struct sim_pidfd *pidfd = (struct sim_pidfd *)file;
	struct sim_pidfd **link = &file->world->pidfds;

	while (*link != pidfd)
		link = &(*link)->next;
	*link = pidfd->next;
	free(pidfd);
}

static const struct sim_file_ops pidfd_ops = {
	.name = "pidfd",
	.read = pidfd_read,
	.write = no_writing,
	.ready = pidfd_ready,
	.close = pidfd_close,
};

static int pidfd_new(struct sim_process *process, unsigned number)
{
	struct sim_world *world = process->world;
	const struct sim_process *other = world->processes;
	struct sim_pidfd *pidfd;
	int fd;

	while (other &&
	       (other->owner != number || other->machine != process->machine))
		other = other->next;
	if (!other)
		return -ESRCH;
	pidfd = sim_alloc(sizeof(*pidfd));
	pidfd->file.ops = &pidfd_ops;
	pidfd->file.world = world;
	pidfd->number = number;
	fd = sim_file_install(process, &pidfd->file, 0);
	if (fd < 0) {
		free(pidfd);
		return fd;
	}
	pidfd->next = world->pidfds;
	world->pidfds = pidfd;
	return fd;
}

void sim_watch_ended(struct sim_world *world, unsigned number)
{
	for (struct sim_pidfd *pidfd = world->pidfds; pidfd;
	     pidfd = pidfd->next)
		if (pidfd->number == number) {
			pidfd->ended = true;
			sim_poke(&pidfd->file);
		}
}

/* --- The calls --- */

int sim_watch_sys(struct sim_process *process, struct sys_call *call,
		  struct sim_inode *inode)
{
	struct notifier *notifier;

	if (call->code == SYS_INOTIFY_NEW)
		return notifier_new(process);
	if (call->code == SYS_PIDFD)
		return pidfd_new(process, (unsigned)call->a);
	notifier = notifier_at(process, call->fd);
	if (!notifier)
		return -EBADF;
	if (call->code == SYS_INOTIFY_ADD)
		return watch_add(notifier, inode, (uint32_t)call->a);
	if (call->code == SYS_INOTIFY_REMOVE)
		return watch_remove(notifier, call->a);
	return -ENOSYS;
}
