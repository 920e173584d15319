// SPDX-License-Identifier: MIT
/*
 * state_names - names in directories that are there after a power cut, too: a
 * file that was synced is lost all the same when its name was not, or that of
 * the directory it is in.
 *
 * For state_dir.c.
 */
#ifndef APP_STATE_NAMES_H
#define APP_STATE_NAMES_H

struct rt;

/* Puts the names in an open directory on the disk, where that can have any. 0
 * or a negative errno. Parks. */
int state_names_sync(struct rt *rt, int dirfd);

/* mkdir -p, with mode 0700; directories that are there keep theirs. `path` is
 * changed meanwhile. 0 or a negative errno. Parks. */
int state_names_make(struct rt *rt, char *path);

#endif
