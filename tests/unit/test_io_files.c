// SPDX-License-Identifier: MIT
/* Operations on files: none leaves a thread of the kernel's behind, which would
 * wake for ever; they can be given up, and descriptors change their kind. */
#include "tests/unit/rt_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define MANY 64

static char dir[64];
static int dirfd_of_test;

/* Threads of this process that the kernel has for its ring. */
static int kernel_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			 entry->d_name);
		file = fopen(path, "re");
		if (file && fgets(name, sizeof(name), file))
			count += strncmp(name, "iou-wrk", 7) == 0;
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return count;
}

static void enter_dir(struct rt *rt)
{
	snprintf(dir, sizeof(dir), "/tmp/io-files-XXXXXX");
	assert_non_null(mkdtemp(dir));
	dirfd_of_test = io_openat(rt, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
				  DEADLINE_NEVER);
	assert_true(dirfd_of_test >= 0);
}

static void leave_dir(struct rt *rt)
{
	io_close(rt, dirfd_of_test);
	assert_int_equal(rmdir(dir), 0);
}

/* Closing a file waits on some file systems, which is the kernel's to do. */
static bool closes_at_once(void)
{
	struct statfs fs;

	return statfs("/tmp", &fs) == 0 &&
	       (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC ||
		fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

static int make(struct rt *rt, const char *name)
{
	return io_openat(rt, dirfd_of_test, name, O_RDWR | O_CREAT | O_APPEND,
			 0600, DEADLINE_NEVER);
}

static void drop(struct rt *rt, const char *name)
{
	assert_int_equal(
		io_unlinkat(rt, dirfd_of_test, name, 0, DEADLINE_NEVER), 0);
}

static void no_thread_stays_behind(struct rt *rt)
{
	char buf[16];
	int fd;

	enter_dir(rt);
	/* Neither is in any cache. */
	assert_int_equal(io_openat(rt, dirfd_of_test, "none", O_RDONLY, 0,
				   DEADLINE_NEVER),
			 -ENOENT);
	fd = make(rt, "a");
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(rt, fd, "hello", 5, NULL, DEADLINE_NEVER),
			 0);
	assert_int_equal(io_fsync(rt, fd, DEADLINE_NEVER), 0);
	io_close(rt, fd);
	assert_int_equal(io_renameat(rt, dirfd_of_test, "a", dirfd_of_test, "b",
				     DEADLINE_NEVER),
			 0);
	assert_int_equal(
		io_mkdirat(rt, dirfd_of_test, "d", 0700, DEADLINE_NEVER), 0);
	assert_int_equal(io_unlinkat(rt, dirfd_of_test, "d", AT_REMOVEDIR,
				     DEADLINE_NEVER),
			 0);
	fd = io_openat(rt, dirfd_of_test, "b", O_RDONLY, 0, DEADLINE_NEVER);
	assert_true(fd >= 0);
	assert_int_equal(io_read(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(io_read(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 0);
	io_close(rt, fd);
	drop(rt, "b");
	leave_dir(rt);
	if (closes_at_once())
		assert_int_equal(kernel_threads(), 0);
}

struct writer {
	int fd;
	int err;
};

static void write_and_sync(struct rt *rt, void *arg)
{
	struct writer *writer = arg;

	writer->err =
		io_write_all(rt, writer->fd, "line\n", 5, NULL, DEADLINE_NEVER);
	if (!writer->err)
		writer->err = io_fsync(rt, writer->fd, DEADLINE_NEVER);
}

/* Some are given up on the way; what was written is whole. */
static void many_can_be_given_up(struct rt *rt)
{
	struct writer writers[MANY];
	struct scope scopes[MANY];
	struct stat st;
	int fd, ended = 0;

	enter_dir(rt);
	fd = make(rt, "log");
	for (int i = 0; i < MANY; i++) {
		writers[i] = (struct writer){ .fd = fd };
		scope_open(rt, &scopes[i], DEADLINE_NEVER);
		assert_int_equal(task_spawn(&scopes[i], "writer",
					    TASK_STACK_SMALL, write_and_sync,
					    &writers[i]),
				 0);
	}
	task_yield(rt);
	for (int i = 0; i < MANY; i++) {
		if (i % 2 == 0)
			scope_cancel(&scopes[i], -ECANCELED);
		(void)scope_join(&scopes[i]);
		assert_true(writers[i].err == 0 ||
			    (i % 2 == 0 && writers[i].err == -ECANCELED));
		ended += writers[i].err == 0;
	}
	assert_true(ended >= MANY / 2);
	assert_int_equal(io_fstat(rt, fd, &st), 0);
	assert_int_equal(st.st_size % 5, 0);
	assert_true(st.st_size >= 5 * ended);
	io_close(rt, fd);
	drop(rt, "log");
	leave_dir(rt);
}

static void put_byte(struct rt *rt, void *arg)
{
	const int *fd = arg;

	task_sleep(rt, deadline_in_ms(rt, 5));
	assert_int_equal(write(*fd, "x", 1), 1);
}

/* A number that was a file's becomes a pipe's: reading waits again. */
static void a_number_may_become_a_pipe(struct rt *rt)
{
	struct scope scope;
	int fds[2], fd;
	char byte;

	enter_dir(rt);
	fd = make(rt, "file");
	assert_int_equal(io_read(rt, fd, &byte, 1, DEADLINE_NEVER), 0);
	io_close(rt, fd);
	drop(rt, "file");
	assert_int_equal(pipe(fds), 0);
	assert_true(fds[0] == fd || fds[1] == fd);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "put", TASK_STACK_SMALL, put_byte, &fds[1]);
	assert_int_equal(io_read(rt, fds[0], &byte, 1, DEADLINE_NEVER), 1);
	scope_join(&scope);
	io_close(rt, fds[0]);
	io_close(rt, fds[1]);
	leave_dir(rt);
}

RT_TEST(no_thread_stays_behind)
RT_TEST(many_can_be_given_up)
RT_TEST(a_number_may_become_a_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_thread_stays_behind),
		cmocka_unit_test(test_many_can_be_given_up),
		cmocka_unit_test(test_a_number_may_become_a_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
