// SPDX-License-Identifier: MIT
/*
 * populate - workspaces by the number, and the list of them that an agent for
 * many takes in MOLECULE_WORKSPACES.
 */
#ifndef APP_PLATFORM_POPULATE_H
#define APP_PLATFORM_POPULATE_H

#include <stdint.h>

struct platform;
struct rt;

/* Adds `count` workspaces of new ids and tokens, without parents, named
 * "Workspace 1" and so on. 0, -ENOSPC (too many) or -ENOMEM. */
int populate(struct platform *platform, uint32_t count);

/* Writes [{"id", "token"}, …] to a file of mode 0600: every workspace that has
 * a token. 0 or a negative errno. Parks. */
int populate_write(const struct platform *platform, const char *path);

#endif
