// SPDX-License-Identifier: MIT
#include "tests/refuse.h"

#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

/* The system call answers with this errno from now on. */
static int refuse_call(long call, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO | (unsigned int)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

static int limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };

	return setrlimit((__rlimit_resource_t)what, &r);
}

static int become_ordinary(void)
{
	if (limit(RLIMIT_MEMLOCK, 64 << 10))
		return -1;
	if (geteuid() != 0)
		return 0;
	return setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY) ? -1 : 0;
}

static const struct {
	const char *name;
	long call;
	int err;
} calls[] = {
	{ "setup-EPERM", SYS_io_uring_setup, EPERM },
	{ "setup-ENOSYS", SYS_io_uring_setup, ENOSYS },
	{ "setup-EOPNOTSUPP", SYS_io_uring_setup, EOPNOTSUPP },
	{ "enter-EPERM", SYS_io_uring_enter, EPERM },
	{ "register-EPERM", SYS_io_uring_register, EPERM },
};

int refuse(const char *what)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (strcmp(what, calls[i].name) == 0)
			return refuse_call(calls[i].call, calls[i].err);
	if (strcmp(what, "ordinary") == 0)
		return become_ordinary();
	if (strcmp(what, "descriptors") == 0)
		return limit(RLIMIT_NOFILE, 4);
	if (strcmp(what, "memory") == 0)
		return limit(RLIMIT_AS, 3 << 20);
	if (strcmp(what, "file-size") == 0)
		return limit(RLIMIT_FSIZE, 0);
	errno = EINVAL;
	return -1;
}
