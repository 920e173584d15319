// SPDX-License-Identifier: MIT
#include "app/platform/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "molecule-platform-"
#define RANDOM "XXXXXX"
#define LOCK_NAME ".in-use"
#define OPEN_MAX_DEPTH 8
#define ATTEMPTS 8

/* Opens the lock of a directory and takes it: a descriptor, or -EWOULDBLOCK
 * when it is held, or another negative errno. */
static int lock_take(const char *dir, int flags)
{
	char path[SCRATCH_PATH_MAX + sizeof(LOCK_NAME) + 1];
	struct stat st = { 0 };
	int fd, err = 0;

	(void)snprintf(path, sizeof(path), "%s/" LOCK_NAME, dir);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
		err = -errno;
	else if (st.st_nlink == 0) /* who held it before has removed it */
		err = -EWOULDBLOCK;
	if (err == 0)
		return fd;
	(void)close(fd);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st;
	(void)type;
	if (at->level == 0 ||
	    (at->level == 1 && strcmp(path + at->base, LOCK_NAME) == 0))
		return 0;
	return remove(path);
}

/* The lock goes last: what is left of a removal that was interrupted can be
 * recognised. */
static void remove_all(const char *dir)
{
	char path[SCRATCH_PATH_MAX + sizeof(LOCK_NAME) + 1];

	if (nftw(dir, remove_one, OPEN_MAX_DEPTH,
		 FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/" LOCK_NAME, dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* Removes a directory that was made here by a program that is no more; says
 * whether it did. */
static bool sweep_one(const char *dir)
{
	struct stat st;
	int lock;

	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
		return false;
	lock = lock_take(dir, 0);
	if (lock < 0)
		return false;
	remove_all(dir);
	(void)close(lock);
	return true;
}

static void sweep(const char *parent)
{
	char path[SCRATCH_PATH_MAX];
	const struct dirent *entry;
	int removed = 0;
	DIR *dir = opendir(parent);

	while (dir && removed < SCRATCH_SWEEP_MAX && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (strlen(name) != strlen(PREFIX RANDOM) ||
		    strncmp(name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", parent, name) <
		    (int)sizeof(path))
			removed += sweep_one(path);
	}
	if (dir)
		(void)closedir(dir);
}

static int make_one(struct scratch *scratch, const char *parent)
{
	int n = snprintf(scratch->path, sizeof(scratch->path),
			 "%s/" PREFIX RANDOM, parent);
	int err;

	if (n >= (int)sizeof(scratch->path))
		return -ENAMETOOLONG;
	if (!mkdtemp(scratch->path))
		return -errno;
	scratch->lock = lock_take(scratch->path, O_CREAT | O_EXCL);
	if (scratch->lock >= 0)
		return 0;
	err = scratch->lock;
	/* Else whoever has taken the lock removes it. */
	if (err != -EWOULDBLOCK)
		remove_all(scratch->path);
	return err;
}

static int make_under(struct scratch *scratch, const char *parent)
{
	int err = -ENOENT;

	if (parent && *parent == '/') {
		sweep(parent);
		err = -EWOULDBLOCK;
	}
	/* Another program may sweep it before it is locked. */
	for (int i = 0; i < ATTEMPTS && err == -EWOULDBLOCK; i++)
		err = make_one(scratch, parent);
	if (err < 0)
		*scratch = (struct scratch){ 0 };
	return err;
}

int scratch_make(struct scratch *scratch)
{
	if (make_under(scratch, getenv("XDG_RUNTIME_DIR")) == 0 ||
	    make_under(scratch, getenv("TMPDIR")) == 0)
		return 0;
	return make_under(scratch, "/tmp");
}

void scratch_remove(struct scratch *scratch)
{
	if (*scratch->path == '\0')
		return;
	remove_all(scratch->path);
	(void)close(scratch->lock);
	*scratch = (struct scratch){ 0 };
}
