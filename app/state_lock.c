// SPDX-License-Identifier: MIT
#include "app/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>

#include "app/state_dir.h"
#include "runtime/io.h"

int state_lock_open(struct state_dir *dir, const char *name)
{
	return state_dir_open(dir, name, O_RDWR | O_CREAT);
}

/* Whether the directory still has this very file under its name. */
static int is_same(struct state_dir *dir, const char *name, int fd)
{
	struct stat named, ours;
	char *path;
	int err;

	if (asprintf(&path, "%s/%s", state_dir_path(dir), name) < 0)
		return -ENOMEM;
	err = io_fstatat(dir->rt, AT_FDCWD, path, &named, 0);
	free(path);
	if (err == 0)
		err = io_fstat(dir->rt, fd, &ours);
	else if (err == -ENOENT)
		err = -ESTALE;
	if (err == 0 &&
	    (named.st_dev != ours.st_dev || named.st_ino != ours.st_ino))
		err = -ESTALE;
	return err;
}

int state_lock_take(struct state_dir *dir, const char *name, int fd)
{
	int err = io_flock(dir->rt, fd, LOCK_EX | LOCK_NB);

	if (err == 0)
		return is_same(dir, name, fd);
	return err == -EWOULDBLOCK ? -EBUSY : err;
}

int state_lock_sign(struct state_dir *dir, int fd, const char *line)
{
	char text[STATE_LOCK_SIGN + 1];

	/* Of one length, so that nothing of an older line remains. */
	snprintf(text, sizeof(text), "%-*.*s\n", STATE_LOCK_SIGN - 1,
		 STATE_LOCK_SIGN - 1, line);
	return io_write_all(dir->rt, fd, text, STATE_LOCK_SIGN, NULL,
			    DEADLINE_NEVER);
}

int state_lock_watch_open(struct state_dir *dir)
{
	return io_inotify_open(dir->rt);
}

int state_lock_watch(struct state_dir *dir, int events, const char *name)
{
	char *path;
	int watch;

	if (asprintf(&path, "%s/%s", state_dir_path(dir), name) < 0)
		return -ENOMEM;
	watch = io_inotify_add(dir->rt, events, path, IN_CLOSE_WRITE);
	free(path);
	return watch;
}

void state_lock_unwatch(struct state_dir *dir, int events, int watch)
{
	io_inotify_remove(dir->rt, events, watch);
}

ssize_t state_lock_ended(struct state_dir *dir, int events, int *watches,
			 size_t cap)
{
	struct inotify_event event[64];
	size_t max = cap < 64 ? cap : 64;
	ssize_t count = 0;
	/* A watched file, unlike a directory, makes events without a name. */
	ssize_t n = io_read_now(dir->rt, events, event, max * sizeof(*event));

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(*event); i++) {
		if (event[i].mask & IN_Q_OVERFLOW)
			return -EAGAIN;
		if (event[i].mask & IN_CLOSE_WRITE)
			watches[count++] = event[i].wd;
	}
	return count;
}

int state_lock_process(struct state_dir *dir, int pid)
{
	return io_pidfd_open(dir->rt, pid);
}
