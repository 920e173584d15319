// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/backend.h"

/* The value of kernel.io_uring_disabled, '?' when it cannot be read. */
static char disabled_sysctl(void)
{
	char value = '?';
	int fd = open("/proc/sys/kernel/io_uring_disabled",
		      O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &value, 1) != 1)
			value = '?';
		close(fd);
	}
	return value;
}

const char *backend_uring_refusal(int err, char *buf, size_t cap)
{
	char sysctl = disabled_sysctl();

	if (err == -ENOMEM)
		snprintf(buf, cap,
			 "io_uring has no memory for a ring: raise the limit "
			 "of locked memory (ulimit -l)");
	else if (err == -EMFILE || err == -ENFILE)
		snprintf(buf, cap,
			 "io_uring got no file descriptor: raise the limit of "
			 "open files (ulimit -n)");
	else if (sysctl == '1' || sysctl == '2')
		snprintf(buf, cap,
			 "io_uring is switched off on this machine "
			 "(kernel.io_uring_disabled = %c): allow it with "
			 "'sysctl kernel.io_uring_disabled=0'",
			 sysctl);
	else if (err == -ENOSYS && sysctl == '?')
		snprintf(buf, cap,
			 "this kernel has no usable io_uring: Linux 5.15 or "
			 "newer is needed");
	else
		snprintf(buf, cap,
			 "io_uring is refused (%s), as containers do by "
			 "default: allow io_uring_setup, io_uring_enter and "
			 "io_uring_register in the seccomp profile",
			 strerror(-err));
	return buf;
}
