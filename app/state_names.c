// SPDX-License-Identifier: MIT
#include "app/state_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/defect.h"
#include "runtime/io.h"

int state_names_sync(struct rt *rt, int dirfd)
{
	int err = DEFECT(NO_DIR_SYNC) ? 0 : io_fsync(rt, dirfd, DEADLINE_NEVER);

	return err == -EINVAL ? 0 : err;
}

/* Makes one directory, for good: its name is on the disk. */
static int make_one(struct rt *rt, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int err = io_mkdirat(rt, AT_FDCWD, path, 0700, DEADLINE_NEVER);
	int fd;

	if (err < 0)
		return err == -EEXIST || err == -EISDIR ? 0 : err;
	parent = slash == NULL	 ? strdup(".")
		 : slash == path ? strdup("/")
				 : strndup(path, (size_t)(slash - path));
	if (parent == NULL)
		return -ENOMEM;
	fd = io_openat(rt, AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0,
		       DEADLINE_NEVER);
	free(parent);
	if (fd == -EACCES)
		return 0; /* one may write in it, but not look */
	if (fd < 0)
		return fd;
	err = state_names_sync(rt, fd);
	io_close(rt, fd);
	return err;
}

int state_names_make(struct rt *rt, char *path)
{
	int err = 0;

	for (char *p = path + 1; err == 0; p++) {
		char end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		err = make_one(rt, path);
		*p = end;
		if (end == '\0')
			break;
	}
	return err;
}
