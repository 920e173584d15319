// SPDX-License-Identifier: MIT
#include "app/platform/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_MAX_DEPTH 8

int scratch_make(char path[SCRATCH_PATH_MAX])
{
	const char *parent = getenv("TMPDIR");
	int n;

	if (!parent || *parent != '/')
		parent = "/tmp";
	n = snprintf(path, SCRATCH_PATH_MAX, "%s/molecule-demo-XXXXXX", parent);
	if (n >= SCRATCH_PATH_MAX || !mkdtemp(path)) {
		int err = n >= SCRATCH_PATH_MAX ? -ENAMETOOLONG : -errno;

		path[0] = '\0';
		return err;
	}
	return 0;
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
