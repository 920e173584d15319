// SPDX-License-Identifier: MIT
/*
 * refuse - takes from this process, and from what it becomes, a part of what
 * the programs would like to have of the system.
 */
#ifndef TESTS_REFUSE_H
#define TESTS_REFUSE_H

/*
 * What can be refused, by name:
 *
 *	setup-EPERM, setup-ENOSYS, setup-EOPNOTSUPP
 *		    io_uring_setup, as by Docker, by an old kernel, by gVisor
 *	enter-EPERM io_uring_enter alone
 *	register-EPERM io_uring_register alone
 *	ordinary    64 KiB of locked memory, and not to be root
 *	descriptors more than four of them
 *	memory      more than 3 MiB of addresses
 *	file-size   any byte in a file
 *
 * 0, or -1 with errno set: EINVAL for any other name.
 */
int refuse(const char *what);

#endif
