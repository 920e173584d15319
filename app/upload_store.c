// SPDX-License-Identifier: MIT
#include "app/upload_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/state_dir.h"
#include "runtime/io.h"

#define HIDDEN ".molecule"
#define PLACE "chat-uploads"

/* Two processes that have no state directory in common may fetch one file at
 * the same time, each under another of these. */
static const char *const temp_endings[] = { ".tmp", ".tmp2", ".tmp3" };
#define TEMP_COUNT (sizeof(temp_endings) / sizeof(*temp_endings))

static void temp_name(char out[UPLOAD_STORE_TEMP_MAX + 1], const char *name,
		      size_t which)
{
	snprintf(out, UPLOAD_STORE_TEMP_MAX + 1, "%s%s", name,
		 temp_endings[which]);
}

/* The path, which is taken, from the root on; NULL when out of memory. */
static char *absolute(char *path)
{
	char *here, *whole = NULL;

	if (*path == '/')
		return path;
	here = getcwd(NULL, 0);
	if (here != NULL && asprintf(&whole, "%s/%s", here, path) < 0)
		whole = NULL;
	free(here);
	free(path);
	return whole;
}

/* The path if a file is there, else NULL. */
static char *path_in(struct rt *rt, const char *dir, const char *place,
		     const char *name)
{
	struct stat st;
	char *path;

	if (asprintf(&path, "%s/%s/%s", dir, place, name) < 0)
		return NULL;
	if (io_fstatat(rt, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode))
		return absolute(path);
	free(path);
	return NULL;
}

char *upload_store_find(const struct upload_store *store, const char *name)
{
	char *path = path_in(store->rt, store->root, HIDDEN "/" PLACE, name);

	/* Where the state directory has not been chosen yet, nothing has been
	 * kept in it either, or the file will be found later. */
	if (path == NULL && store->state->path != NULL)
		path = path_in(store->rt, store->state->path, PLACE, name);
	return path;
}

/* Opens the place under the root, which must be there. */
static int open_first(const struct upload_store *store)
{
	struct rt *rt = store->rt;
	int root = io_openat(rt, AT_FDCWD, store->root, O_RDONLY | O_DIRECTORY,
			     0, DEADLINE_NEVER);
	int hidden, fd;

	if (root < 0)
		return root;
	hidden = state_dir_sub_at(rt, root, HIDDEN);
	io_close(rt, root);
	if (hidden < 0)
		return hidden;
	fd = state_dir_sub_at(rt, hidden, PLACE);
	io_close(rt, hidden);
	return fd;
}

static bool is_stale(struct rt *rt, int dirfd, const char *name)
{
	struct stat st;

	return io_fstatat(rt, dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       clock_wall(rt) / CLOCK_NS_PER_S - (int64_t)st.st_mtime >
		       UPLOAD_STORE_STALE_S;
}

static int make_temp(struct upload_file *file)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int fd = -EEXIST;

	for (size_t i = 0; i < TEMP_COUNT && fd == -EEXIST; i++) {
		temp_name(file->temp, file->name, i);
		fd = io_openat(file->rt, file->dirfd, file->temp, flags, 0600,
			       DEADLINE_NEVER);
		if (fd != -EEXIST ||
		    !is_stale(file->rt, file->dirfd, file->temp))
			continue;
		io_unlinkat(file->rt, file->dirfd, file->temp, 0,
			    DEADLINE_NEVER);
		fd = io_openat(file->rt, file->dirfd, file->temp, flags, 0600,
			       DEADLINE_NEVER);
	}
	return fd == -EEXIST ? -EBUSY : fd;
}

/* Begins in the directory `dirfd`, or takes over why there is none. */
static int begin_in(struct upload_file *file, int dirfd)
{
	if (dirfd < 0)
		return dirfd;
	file->dirfd = dirfd;
	file->fd = make_temp(file);
	if (file->fd >= 0)
		return 0;
	io_close(file->rt, dirfd);
	return file->fd;
}

int upload_store_begin(const struct upload_store *store, const char *name,
		       struct upload_file *file)
{
	int err;

	*file = (struct upload_file){ .rt = store->rt };
	snprintf(file->name, sizeof(file->name), "%s", name);
	err = begin_in(file, open_first(store));
	if (err == 0 || err == -EBUSY || err == -ECANCELED || err == -ETIMEDOUT)
		return err;
	return begin_in(file, state_dir_sub(store->state, PLACE));
}

/* Whether the temporary name still means the file that was written. */
static bool is_own(const struct upload_file *file)
{
	struct stat here, there;

	return io_fstat(file->rt, file->fd, &here) == 0 &&
	       io_fstatat(file->rt, file->dirfd, file->temp, &there,
			  AT_SYMLINK_NOFOLLOW) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static int put(const struct upload_file *file)
{
	int err = io_fsync(file->rt, file->fd, DEADLINE_NEVER);

	if (err == 0 && !is_own(file))
		err = -ESTALE;
	if (err == 0)
		err = io_renameat(file->rt, file->dirfd, file->temp,
				  file->dirfd, file->name, DEADLINE_NEVER);
	if (err < 0)
		return err;
	err = io_fsync(file->rt, file->dirfd, DEADLINE_NEVER);
	return err == -EINVAL ? 0 : err; /* directories cannot be synced here */
}

static void end(struct upload_file *file)
{
	io_close(file->rt, file->fd);
	io_close(file->rt, file->dirfd);
	file->fd = file->dirfd = -1;
}

int upload_store_commit(struct upload_file *file)
{
	int err = put(file);

	if (err < 0) {
		upload_store_abort(file);
		return err;
	}
	/* Whoever else is writing the file finds that it is there. */
	for (size_t i = 0; i < TEMP_COUNT; i++) {
		temp_name(file->temp, file->name, i);
		io_unlinkat(file->rt, file->dirfd, file->temp, 0,
			    DEADLINE_NEVER);
	}
	end(file);
	return 0;
}

void upload_store_abort(struct upload_file *file)
{
	if (is_own(file))
		io_unlinkat(file->rt, file->dirfd, file->temp, 0,
			    DEADLINE_NEVER);
	end(file);
}
