// SPDX-License-Identifier: MIT
/*
 * state_lock - a file of the state directory that one process has at a time,
 * and learning that the process which has it has ended.
 *
 *	int fd = state_lock_open(dir, name);
 *	int err = state_lock_take(dir, name, fd);	// -EBUSY: another has
 *	int events = state_lock_watch_open(dir);
 *	int watch = state_lock_watch(dir, events, name);
 *	... io_poll(rt, events, POLLIN, deadline) ...
 *	n = state_lock_ended(dir, events, watches, 64);	// those: try again
 *
 * The lock (flock(2)) goes with the last descriptor of whoever has it, so a
 * process that is killed leaves none behind. The file stays. Everybody keeps it
 * open for writing as long as they care; the watch tells of each one who ends,
 * an instant before the lock goes.
 *
 * The calls that do not park act on the kernel's own state and never wait.
 */
#ifndef APP_STATE_LOCK_H
#define APP_STATE_LOCK_H

#include <stddef.h>
#include <sys/types.h>

struct state_dir;

#define STATE_LOCK_SIGN 128 /* bytes of what the holder writes */

/* Opens the file, which is made with mode 0600 when it is not there. A
 * descriptor for io_close, or a negative errno. Parks. */
int state_lock_open(struct state_dir *dir, const char *name);

/* Takes the lock: 0; -EBUSY when somebody else has it; -ESTALE when the file
 * has been removed since it was opened: open it again; or what the system gave,
 * -ENOLCK or -EOPNOTSUPP where there are no locks. Does not park. */
int state_lock_take(struct state_dir *dir, const char *name, int fd);

/* Writes a line into the file, once for each descriptor. 0 or a negative
 * errno. Parks. */
int state_lock_sign(struct state_dir *dir, int fd, const char *line);

/* A descriptor that becomes readable when something happens to a watched file,
 * or a negative errno. For io_close. */
int state_lock_watch_open(struct state_dir *dir);

/* Watches the file: the number of the watch, or a negative errno. */
int state_lock_watch(struct state_dir *dir, int events, const char *name);
void state_lock_unwatch(struct state_dir *dir, int events, int watch);

/* Takes what has happened: fills in the watches of files that somebody has
 * closed, at most `cap`, and returns how many; 0 when there is no more. -EAGAIN
 * when something was missed: everything is to be looked at. */
ssize_t state_lock_ended(struct state_dir *dir, int events, int *watches,
			 size_t cap);

/* A descriptor that becomes readable when the process ends, or a negative
 * errno. For io_close. */
int state_lock_process(struct state_dir *dir, int pid);

#endif
