// SPDX-License-Identifier: MIT
/*
 * state_dir - the small files that outlive the process.
 *
 * They lie in one directory: CONFIGS_DIR if set (made with its parents when
 * absent); else /configs if that exists and can be written; else
 * $HOME/.molecule-workspace (made with mode 0700). It is chosen at first use.
 *
 * A write is whole or has not happened: the bytes go to a temporary file of
 * mode 0600, which is synced, renamed over the old one, and the directory is
 * synced. A write that has begun is finished although its caller is
 * cancelled, so that stopping leaves no temporary file; state_dir_stop waits
 * for those. When the disk is full or read-only the first failure is logged
 * as a warning, and again only after a write has succeeded; the program goes
 * on with what it has in memory.
 *
 * Nothing else in the program opens files for its own purposes, but for the
 * files of users, which lie in a directory of their own (upload_store.h).
 */
#ifndef APP_STATE_DIR_H
#define APP_STATE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/scope.h"

struct log;
struct rt;

#define STATE_DIR_TOKEN ".auth_token"
#define STATE_DIR_SECRET ".platform_inbound_secret"
#define STATE_DIR_CURSOR ".mcp_inbox_cursor"
#define STATE_DIR_BROADCASTS ".mcp_broadcast_cursor"
/* One of these names with what tells a workspace from others behind it. */
#define STATE_DIR_NAME_MAX 192
#define STATE_DIR_FILE_MAX 65536u /* bytes of a file written or read */
#define STATE_DIR_STALE_S 60	  /* a temporary file this old is abandoned */

struct state_dir {
	struct rt *rt;
	struct log *log;
	const char *configs_dir; /* borrowed; NULL or CONFIGS_DIR */
	const char *home;	 /* borrowed; NULL or HOME */
	const char *system;	 /* "/configs"; tests choose another */
	char *path;		 /* the chosen directory, NULL before */
	bool warned;		 /* a failure has been logged */
	bool busy;		 /* a write is under way */
	struct cond idle;	 /* it is not any more */
	struct scope scope;	 /* of the writes */
};

/* The strings are borrowed for the structure's life. Does not park. */
void state_dir_init(struct state_dir *dir, struct rt *rt, struct log *log,
		    const char *configs_dir, const char *home);

/* Waits for writes under way until `deadline`, then gives them up, and frees
 * what the structure owns. Parks. */
void state_dir_stop(struct state_dir *dir, struct deadline deadline);

/* The chosen directory, which may not exist yet; NULL when there is none to
 * choose (no HOME) or out of memory. Borrowed. Parks at first use. */
const char *state_dir_path(struct state_dir *dir);

/* Whether files can be made in it: 0; -ENOENT when it does not exist but can be
 * made; -EACCES; -ENOTDIR; or what the system gave. Leaves nothing behind.
 * Parks. */
int state_dir_check(struct state_dir *dir);

/* The name of a workspace's own file: `base` and its suffix (identity.h; NULL
 * is ""). Returns buf. Does not park. */
const char *state_dir_name(char buf[STATE_DIR_NAME_MAX], const char *base,
			   const char *suffix);

/* Reads the file `name` of the directory whole into buf. Returns the count
 * (buf is NUL-terminated behind it); -ENOENT; -EMSGSIZE when it has cap bytes
 * or more; or what the system gave. Parks. */
ssize_t state_dir_read(struct state_dir *dir, const char *name, char *buf,
		       size_t cap);
/* The same for any path. */
ssize_t state_dir_read_path(struct rt *rt, const char *path, char *buf,
			    size_t cap);

/* Reads a file of up to `max` bytes that holds secrets: *text, of which the
 * count is returned and NUL-terminated behind it, is the caller's to wipe and
 * free. -EPERM when others than the owner may read it; -EFBIG; -ENOMEM;
 * -ENOTSUP when it is not a regular file; or what the system gave. Parks. */
ssize_t state_dir_read_secret(struct rt *rt, const char *path, size_t max,
			      char **text);

/* Replaces the file `name` by these bytes (at most STATE_DIR_FILE_MAX; they
 * are copied). 0, or a negative errno, which has been logged as described.
 * When cancelled: the reason, and the write completes by itself. Parks. */
int state_dir_write(struct state_dir *dir, const char *name, const void *data,
		    size_t len);

/* Opens the file `name`, which is made with mode 0600 when `flags` has O_CREAT
 * (the directory too); links are not followed. A descriptor for io_close, or a
 * negative errno, which is not logged. Parks. */
int state_dir_open(struct state_dir *dir, const char *name, int flags);

/* Replaces the file `name` as state_dir_write does, of any length and without
 * logging, and gives a descriptor that appends to the new file. The data is
 * borrowed; a caller that is cancelled on the way leaves the old file. Parks.
 */
int state_dir_replace(struct state_dir *dir, const char *name, const void *data,
		      size_t len);

/* Puts the names of files on the disk, those that other processes have given
 * them, too. 0 or a negative errno. Parks. */
int state_dir_sync(struct state_dir *dir);

/* Renames the file `name` to `name`.damaged, over an older one. 0 or a negative
 * errno. Parks. */
int state_dir_set_aside(struct state_dir *dir, const char *name);

/* Removes the file `name`: 0, also when there is none. Parks. */
int state_dir_remove(struct state_dir *dir, const char *name);

/* Opens the directory `name` in the directory, both made with mode 0700 when
 * absent; a link is not followed. A descriptor for io_close, or a negative
 * errno, which is not logged. Parks. */
int state_dir_sub(struct state_dir *dir, const char *name);
/* The same in an open directory. */
int state_dir_sub_at(struct rt *rt, int dirfd, const char *name);

/* Removes temporary files of this program that a killed process left, those of
 * all workspaces. Parks. */
void state_dir_clean(struct state_dir *dir);

#endif
