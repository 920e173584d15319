// SPDX-License-Identifier: MIT
#include "harness_space.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define NOT_ALLOWED 77
#define NO_PROGRAM 78

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* This user, and nobody else, is somebody in the new user namespace. */
static int keep_user(unsigned uid, unsigned gid)
{
	char map[64];

	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "%u %u 1", uid, uid);
	if (write_text("/proc/self/uid_map", map))
		return -1;
	snprintf(map, sizeof map, "%u %u 1", gid, gid);
	return write_text("/proc/self/gid_map", map);
}

static int enter(space_fn mounts, const char *dir)
{
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWNS)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || keep_user(uid, gid))
			return -1;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mounts(dir);
}

int space_bind(const char *from, const char *to)
{
	return mount(from, to, NULL, MS_BIND, NULL);
}

int space_become(space_fn mounts, const char *dir, char *const *argv)
{
	if (enter(mounts, dir)) {
		perror("a mount namespace");
		return NOT_ALLOWED;
	}
	execv(argv[0], argv);
	perror(argv[0]);
	return NO_PROGRAM;
}

bool space_allowed(space_fn mounts, const char *dir)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(enter(mounts, dir) ? NOT_ALLOWED : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void space_need(space_fn mounts, const char *dir)
{
	if (space_allowed(mounts, dir))
		return;
	print_message("no mount namespaces here: skipped\n");
	skip();
}
