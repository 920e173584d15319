// SPDX-License-Identifier: MIT
/*
 * A mount namespace of its own for a program that a test starts, so that
 * files of the system can be others for it. The test program starts itself,
 * enters the namespace, mounts, and becomes the other program there:
 *
 *	int main(int argc, char **argv)
 *	{
 *		if (argc > 2)
 *			return space_become(mount_things, argv[1], argv + 2);
 *		…
 *	}
 *
 * with the child's exe "/proc/self/exe" and its arguments a directory, the
 * program and what that gets.
 */
#ifndef PROCESS_HARNESS_SPACE_H
#define PROCESS_HARNESS_SPACE_H

#include <stdbool.h>

/* Puts what the test wants into the new namespace: 0 or -1 with errno. */
typedef int (*space_fn)(const char *dir);

/* Mounts `from` in place of `to`: 0 or -1 with errno. */
int space_bind(const char *from, const char *to);

/* Enters a new namespace, calls mount(dir) there and becomes argv[0]; returns
 * an exit code if that failed. */
int space_become(space_fn mount, const char *dir, char *const *argv);

/* Whether that is allowed here; tries it out in a child. */
bool space_allowed(space_fn mount, const char *dir);
/* Skips the test, with a message, if not. */
void space_need(space_fn mount, const char *dir);

#endif
