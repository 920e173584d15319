// SPDX-License-Identifier: MIT
/*
 * Starting a child with streams of every kind, for harness_child.c.
 */
#ifndef PROCESS_HARNESS_SPAWN_H
#define PROCESS_HARNESS_SPAWN_H

#include "harness.h"

/* Starts it. Our ends of its stdin, stdout and stderr are in ours: not
 * blocking, -1 where there is none. Fails the test if it cannot. */
pid_t spawn_with_streams(const struct child_how *how, char *const *env,
			 int ours[3]);

#endif
