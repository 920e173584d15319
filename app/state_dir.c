// SPDX-License-Identifier: MIT
#include "app/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "app/state_names.h"
#include "runtime/io.h"
#include "runtime/task.h"

/*
 * Temporary files are named after the file they become, with one of a few
 * endings; two processes that share the directory thus never write the same
 * one, and those left by a killed process can be found again by name.
 */
static const char *const temp_endings[] = { ".tmp", ".tmp2", ".tmp3" };
#define TEMP_COUNT (sizeof(temp_endings) / sizeof(*temp_endings))
#define NAME_MAX_LEN STATE_DIR_NAME_MAX /* of a file with its ending */
#define STALE_MAX 16			/* removed at a time */

/* How the names of our files begin. */
static const char *const known_names[] = {
	STATE_DIR_TOKEN,
	STATE_DIR_SECRET,
	".mcp_",
};

/* One write. It outlives a caller that is cancelled. */
struct job {
	struct state_dir *dir;
	char name[NAME_MAX_LEN];
	char *data;
	size_t len;
	int err;
	bool done, abandoned;
	struct cond finished;
};

void state_dir_init(struct state_dir *dir, struct rt *rt, struct log *log,
		    const char *configs_dir, const char *home)
{
	*dir = (struct state_dir){
		.rt = rt,
		.log = log,
		.configs_dir = configs_dir,
		.home = home,
		.system = "/configs",
	};
	cond_init(rt, &dir->idle);
	scope_open(rt, &dir->scope, DEADLINE_NEVER);
}

void state_dir_stop(struct state_dir *dir, struct deadline deadline)
{
	scope_wait(&dir->scope, deadline);
	scope_close(&dir->scope);
	free(dir->path);
	dir->path = NULL;
}

static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Whether a file can be made in `path`; a root that is mounted read-only says
 * no only to the attempt. */
static bool writable(struct rt *rt, const char *path)
{
	char *probe;
	int fd = io_openat(rt, AT_FDCWD, path, O_TMPFILE | O_WRONLY, 0600,
			   DEADLINE_NEVER);

	if (fd >= 0) {
		io_close(rt, fd);
		return true;
	}
	if (fd != -EOPNOTSUPP && fd != -EISDIR && fd != -EINVAL)
		return false;
	probe = join(path, ".molecule-mcp.probe");
	if (probe == NULL)
		return false;
	fd = io_openat(rt, AT_FDCWD, probe, O_CREAT | O_WRONLY | O_NOFOLLOW,
		       0600, DEADLINE_NEVER);
	if (fd >= 0) {
		io_close(rt, fd);
		io_unlinkat(rt, AT_FDCWD, probe, 0, DEADLINE_NEVER);
	}
	free(probe);
	return fd >= 0;
}

static char *choose(struct state_dir *dir)
{
	struct stat st;

	if (dir->configs_dir != NULL)
		return strdup(dir->configs_dir);
	if (io_fstatat(dir->rt, AT_FDCWD, dir->system, &st, 0) == 0 &&
	    S_ISDIR(st.st_mode) && writable(dir->rt, dir->system))
		return strdup(dir->system);
	return dir->home != NULL ? join(dir->home, ".molecule-workspace")
				 : NULL;
}

const char *state_dir_path(struct state_dir *dir)
{
	char *path;

	if (dir->path != NULL)
		return dir->path;
	path = choose(dir);
	if (dir->path == NULL)
		dir->path = path; /* nobody was faster */
	else
		free(path);
	return dir->path;
}

/* Whether files can be made in `path`, or in the nearest directory above it
 * that exists; `path` is cut to that. */
static int check(struct rt *rt, char *path)
{
	struct stat st;
	char *slash;
	int err;

	while ((err = io_fstatat(rt, AT_FDCWD, path, &st, 0)) == -ENOENT &&
	       (slash = strrchr(path, '/')) != NULL)
		slash[slash == path && slash[1] != '\0'] = '\0';
	if (err == 0 && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (err == 0 && !writable(rt, path))
		return -EACCES;
	return err;
}

int state_dir_check(struct state_dir *dir)
{
	const char *path = state_dir_path(dir);
	char *nearest = path != NULL ? strdup(path) : NULL;
	int err;

	if (nearest == NULL)
		return path != NULL ? -ENOMEM : -ENOENT;
	err = check(dir->rt, nearest);
	if (err == 0 && strcmp(nearest, path) != 0)
		err = -ENOENT;
	free(nearest);
	return err;
}

const char *state_dir_name(char buf[STATE_DIR_NAME_MAX], const char *base,
			   const char *suffix)
{
	snprintf(buf, STATE_DIR_NAME_MAX, "%s%s", base,
		 suffix != NULL ? suffix : "");
	return buf;
}

static ssize_t read_all(struct rt *rt, int fd, char *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n =
			io_read(rt, fd, buf + len, cap - len, DEADLINE_NEVER);

		if (n < 0)
			return n;
		if (n == 0) {
			buf[len] = '\0';
			return (ssize_t)len;
		}
		len += (size_t)n;
	}
	return -EMSGSIZE;
}

ssize_t state_dir_read_path(struct rt *rt, const char *path, char *buf,
			    size_t cap)
{
	struct stat st;
	ssize_t n;
	/* O_NONBLOCK: a FIFO must not hold up the opening. */
	int fd = io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
			   0, DEADLINE_NEVER);

	if (fd < 0)
		return fd;
	n = io_fstat(rt, fd, &st);
	if (n == 0 && !S_ISREG(st.st_mode))
		n = -ENOTSUP;
	if (n == 0)
		n = read_all(rt, fd, buf, cap);
	io_close(rt, fd);
	return n;
}

ssize_t state_dir_read(struct state_dir *dir, const char *name, char *buf,
		       size_t cap)
{
	const char *base = state_dir_path(dir);
	char *path;
	ssize_t n;

	if (base == NULL)
		return -ENOENT;
	path = join(base, name);
	if (path == NULL)
		return -ENOMEM;
	n = state_dir_read_path(dir->rt, path, buf, cap);
	free(path);
	return n;
}

ssize_t state_dir_read_secret(struct rt *rt, const char *path, size_t max,
			      char **text)
{
	struct stat st;
	ssize_t n;
	int fd = io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
			   0, DEADLINE_NEVER);

	*text = NULL;
	if (fd < 0)
		return fd;
	n = io_fstat(rt, fd, &st);
	if (n == 0 && !S_ISREG(st.st_mode))
		n = -ENOTSUP;
	else if (n == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
		n = -EPERM;
	else if (n == 0 && st.st_size > (off_t)max)
		n = -EFBIG;
	if (n == 0) {
		max = (size_t)st.st_size + 1;
		*text = malloc(max);
		n = *text != NULL ? read_all(rt, fd, *text, max) : -ENOMEM;
	}
	io_close(rt, fd);
	if (n < 0 && *text != NULL) {
		explicit_bzero(*text, max);
		free(*text);
		*text = NULL;
	}
	return n == -EMSGSIZE ? -EFBIG : n; /* it has grown meanwhile */
}

/* Opens the directory; makes it first where it is not there. */
static int open_dir(struct state_dir *dir, bool make)
{
	const int flags = O_RDONLY | O_DIRECTORY;
	const char *path = state_dir_path(dir);
	char *copy;
	int fd;

	if (path == NULL)
		return -ENOENT;
	fd = io_openat(dir->rt, AT_FDCWD, path, flags, 0, DEADLINE_NEVER);
	if (fd != -ENOENT || !make)
		return fd;
	copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	fd = state_names_make(dir->rt, copy);
	free(copy);
	if (fd < 0)
		return fd;
	return io_openat(dir->rt, AT_FDCWD, path, flags, 0, DEADLINE_NEVER);
}

static bool is_stale(struct rt *rt, int dirfd, const char *name)
{
	struct stat st;

	return io_fstatat(rt, dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       clock_wall(rt) / CLOCK_NS_PER_S - (int64_t)st.st_mtime >
		       STATE_DIR_STALE_S;
}

static void temp_name(char *buf, const char *name, size_t which)
{
	snprintf(buf, NAME_MAX_LEN, "%s%s", name, temp_endings[which]);
}

/* Makes a temporary file for `name` that nobody else has: its descriptor. */
static int make_temp(struct rt *rt, int dirfd, const char *name, char *temp)
{
	/* O_APPEND: see io_write. */
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND;
	int fd = -EEXIST;

	for (size_t i = 0; i < TEMP_COUNT && fd == -EEXIST; i++) {
		temp_name(temp, name, i);
		fd = io_openat(rt, dirfd, temp, flags, 0600, DEADLINE_NEVER);
		if (fd != -EEXIST || !is_stale(rt, dirfd, temp))
			continue;
		io_unlinkat(rt, dirfd, temp, 0, DEADLINE_NEVER);
		fd = io_openat(rt, dirfd, temp, flags, 0600, DEADLINE_NEVER);
	}
	return fd == -EEXIST ? -EBUSY : fd;
}

/* The new file's descriptor. */
static int replace_in(struct rt *rt, int dirfd, const char *name,
		      const void *data, size_t len)
{
	char temp[NAME_MAX_LEN];
	int err;
	int fd = make_temp(rt, dirfd, name, temp);

	if (fd < 0)
		return fd;
	err = io_write_all(rt, fd, data, len, NULL, DEADLINE_NEVER);
	if (err == 0)
		err = io_fsync(rt, fd, DEADLINE_NEVER);
	if (err == 0)
		err = io_renameat(rt, dirfd, temp, dirfd, name, DEADLINE_NEVER);
	if (err < 0) {
		io_unlinkat(rt, dirfd, temp, 0, DEADLINE_NEVER);
		io_close(rt, fd);
		return err;
	}
	err = state_names_sync(rt, dirfd);
	if (err < 0) {
		io_close(rt, fd);
		return err;
	}
	return fd;
}

int state_dir_replace(struct state_dir *dir, const char *name, const void *data,
		      size_t len)
{
	int dirfd, fd;

	if (strlen(name) + 8 > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	dirfd = open_dir(dir, true);
	if (dirfd < 0)
		return dirfd;
	fd = replace_in(dir->rt, dirfd, name, data, len);
	io_close(dir->rt, dirfd);
	return fd;
}

int state_dir_sync(struct state_dir *dir)
{
	int dirfd = open_dir(dir, false);
	int err;

	if (dirfd < 0)
		return dirfd;
	err = state_names_sync(dir->rt, dirfd);
	io_close(dir->rt, dirfd);
	return err;
}

static int replace(const struct job *job)
{
	int fd = state_dir_replace(job->dir, job->name, job->data, job->len);

	if (fd >= 0)
		io_close(job->dir->rt, fd);
	return fd < 0 ? fd : 0;
}

static void job_free(struct job *job)
{
	explicit_bzero(job->data, job->len);
	free(job->data);
	free(job);
}

/* Tells of the first failure in a row. */
static void say(struct state_dir *dir, const char *name, int err)
{
	if (err == 0) {
		dir->warned = false;
		return;
	}
	if (dir->warned || err == -ECANCELED)
		return;
	dir->warned = true;
	if (dir->path == NULL)
		log_warning(dir->log,
			    "molecule-mcp: there is no place to keep %s: set "
			    "CONFIGS_DIR to a directory that can be written; "
			    "going on without",
			    name);
	else
		log_warning(dir->log,
			    "molecule-mcp: cannot write %s/%s: %s; going on "
			    "with what is in memory, which a restart forgets. "
			    "Set CONFIGS_DIR to a directory that can be "
			    "written",
			    dir->path, name, strerrordesc_np(-err));
}

static void job_task(struct rt *rt, void *arg)
{
	struct job *job = arg;
	struct state_dir *dir = job->dir;

	(void)rt;
	while (dir->busy && job->err == 0)
		job->err = cond_wait(&dir->idle, DEADLINE_NEVER);
	if (job->err == 0) {
		dir->busy = true;
		job->err = replace(job);
		dir->busy = false;
		cond_signal(&dir->idle);
		say(dir, job->name, job->err);
	}
	job->done = true;
	if (job->abandoned)
		job_free(job);
	else
		cond_signal(&job->finished);
}

static struct job *job_new(struct state_dir *dir, const char *name,
			   const void *data, size_t len)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->dir = dir;
	job->data = malloc(len + 1);
	if (job->data == NULL) {
		free(job);
		return NULL;
	}
	memcpy(job->data, data, len);
	job->len = len;
	snprintf(job->name, sizeof(job->name), "%s", name);
	cond_init(dir->rt, &job->finished);
	return job;
}

int state_dir_write(struct state_dir *dir, const char *name, const void *data,
		    size_t len)
{
	struct job *job;
	int err;

	if (len > STATE_DIR_FILE_MAX || strlen(name) + 8 > NAME_MAX_LEN)
		return -EINVAL;
	job = job_new(dir, name, data, len);
	if (job == NULL)
		return -ENOMEM;
	err = task_spawn(&dir->scope, "state", TASK_STACK_SMALL, job_task, job);
	if (err < 0) {
		job_free(job);
		return err;
	}
	err = 0;
	while (!job->done && err == 0)
		err = cond_wait(&job->finished, DEADLINE_NEVER);
	if (!job->done) {
		job->abandoned = true;
		return err;
	}
	err = job->err;
	job_free(job);
	return err;
}

int state_dir_open(struct state_dir *dir, const char *name, int flags)
{
	int dirfd = open_dir(dir, (flags & O_CREAT) != 0);
	int fd;

	if (dirfd < 0)
		return dirfd;
	fd = io_openat(dir->rt, dirfd, name, flags | O_NOFOLLOW | O_NOCTTY,
		       0600, DEADLINE_NEVER);
	io_close(dir->rt, dirfd);
	return fd;
}

int state_dir_set_aside(struct state_dir *dir, const char *name)
{
	char aside[NAME_MAX_LEN];
	int dirfd = open_dir(dir, false);
	int err;

	if (dirfd < 0)
		return dirfd;
	snprintf(aside, sizeof(aside), "%s.damaged", name);
	err = io_renameat(dir->rt, dirfd, name, dirfd, aside, DEADLINE_NEVER);
	io_close(dir->rt, dirfd);
	return err;
}

int state_dir_remove(struct state_dir *dir, const char *name)
{
	int dirfd = open_dir(dir, false);
	int err;

	if (dirfd < 0)
		return dirfd == -ENOENT ? 0 : dirfd;
	err = io_unlinkat(dir->rt, dirfd, name, 0, DEADLINE_NEVER);
	io_close(dir->rt, dirfd);
	return err == -ENOENT ? 0 : err;
}

static bool is_temporary(const char *name)
{
	size_t len = strlen(name);
	bool known = false;

	for (size_t i = 0; i < sizeof(known_names) / sizeof(*known_names); i++)
		known = known || strncmp(name, known_names[i],
					 strlen(known_names[i])) == 0;
	for (size_t i = 0; known && i < TEMP_COUNT; i++) {
		size_t end = strlen(temp_endings[i]);

		if (len > end && strcmp(name + len - end, temp_endings[i]) == 0)
			return true;
	}
	return false;
}

int state_dir_sub_at(struct rt *rt, int dirfd, const char *name)
{
	int err = io_mkdirat(rt, dirfd, name, 0700, DEADLINE_NEVER);

	if (err < 0 && err != -EEXIST && err != -EROFS && err != -EACCES)
		return err;
	return io_openat(rt, dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			 0, DEADLINE_NEVER);
}

int state_dir_sub(struct state_dir *dir, const char *name)
{
	int dirfd = open_dir(dir, true);
	int fd;

	if (dirfd < 0)
		return dirfd;
	fd = state_dir_sub_at(dir->rt, dirfd, name);
	io_close(dir->rt, dirfd);
	return fd;
}

/* Names of abandoned files; what does not fit is left for the next time. */
struct stale {
	struct rt *rt;
	int dirfd;
	size_t count;
	char names[STALE_MAX][NAME_MAX_LEN];
};

static void note_stale(void *arg, const char *name)
{
	struct stale *stale = arg;
	size_t size = strlen(name) + 1;

	if (stale->count < STALE_MAX && size <= NAME_MAX_LEN &&
	    is_temporary(name) && is_stale(stale->rt, stale->dirfd, name))
		memcpy(stale->names[stale->count++], name, size);
}

void state_dir_clean(struct state_dir *dir)
{
	struct stale stale = { .rt = dir->rt, .dirfd = open_dir(dir, false) };

	if (stale.dirfd < 0)
		return;
	io_list(dir->rt, stale.dirfd, note_stale, &stale);
	for (size_t i = 0; i < stale.count; i++)
		io_unlinkat(dir->rt, stale.dirfd, stale.names[i], 0,
			    DEADLINE_NEVER);
	io_close(dir->rt, stale.dirfd);
}
