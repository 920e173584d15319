// SPDX-License-Identifier: MIT
#include "app/platform/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_MAX_DEPTH 8

static int make_under(const char *parent, char path[SCRATCH_PATH_MAX])
{
	int err = -ENOENT;
	int n;

	path[0] = '\0';
	if (!parent || *parent != '/')
		return err;
	n = snprintf(path, SCRATCH_PATH_MAX, "%s/molecule-platform-XXXXXX",
		     parent);
	if (n < SCRATCH_PATH_MAX && mkdtemp(path))
		return 0;
	err = n < SCRATCH_PATH_MAX ? -errno : -ENAMETOOLONG;
	path[0] = '\0';
	return err;
}

int scratch_make(char path[SCRATCH_PATH_MAX])
{
	if (make_under(getenv("XDG_RUNTIME_DIR"), path) == 0 ||
	    make_under(getenv("TMPDIR"), path) == 0)
		return 0;
	return make_under("/tmp", path);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void scratch_remove(const char *path)
{
	if (*path)
		(void)nftw(path, remove_one, OPEN_MAX_DEPTH,
			   FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
