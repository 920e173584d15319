// SPDX-License-Identifier: MIT
/*
 * holder - which process receives for a workspace.
 *
 * Several hosts on one machine may start this program for the same workspace
 * and configs directory. Only one of them must receive and heartbeat: the
 * first whose client has begun. It holds a lock on `.mcp_lock_<workspace id>`
 * to its end, of whatever kind, and has written its process id and host into
 * it. The others find that out, tell it, and take over as soon as it ends; who
 * is first among them does.
 *
 *	holders_init(&holders, rt, log, state, changed, arg);
 *	holder_init(&holder, workspace_id);
 *	holders_add(&holders, &holder);
 *	holders_begin(&holders, &scope);	// the client has begun
 *	... changed(arg, &holder), with holder->state ...
 *
 * Waiting costs nothing: one inotify descriptor for all workspaces tells when a
 * process that had a lock file open has ended. Its lock goes an instant later,
 * so the attempt is repeated up to HOLDER_TRIES times. Where there is no
 * inotify, the end of the holder's process is waited for (pidfd), and in
 * addition every HOLDER_RETRY_MS everything is tried again; the latter also
 * where the holder is on another host, of which no event comes.
 *
 * Where there can be no lock, since the directory is not writable or its file
 * system has none, that is said once, and everybody goes on as the holder.
 */
#ifndef APP_HOLDER_H
#define APP_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/event.h"

struct log;
struct rt;
struct scope;
struct state_dir;

#define HOLDER_NAME ".mcp_lock_" /* and the workspace's id, in lower case */
#define HOLDER_TRIES 10		 /* after an event; pauses of 1, 2, 4, … ms */
#define HOLDER_RETRY_MS 20000	 /* without events */

enum holder_state {
	HOLDER_UNKNOWN,	  /* not begun, or not found out yet */
	HOLDER_HERE,	  /* this process holds it */
	HOLDER_ELSEWHERE, /* another one does */
};

/* One workspace. */
struct holder {
	struct holder *next;
	const char *workspace_id; /* borrowed */
	enum holder_state state;
	int fd;	   /* of the lock file, -1: not open */
	int watch; /* on it, -1: none */
	bool due;  /* something happened: to be tried */
	bool told; /* the log has said who holds it, or that this one does */
	bool late; /* another process had it first */
	char *by;  /* what the holder has written; NULL: nothing yet; owned */
};

struct holders {
	struct rt *rt;
	struct log *log;
	struct state_dir *state;
	struct holder *first, *last;
	int events;		  /* inotify, -1: none, or not needed yet */
	bool no_events, no_locks; /* which has been said */
	struct event known;	  /* one is held here, or all have been tried */
	void (*changed)(void *arg, struct holder *holder);
	void *arg;
};

/* Everything is borrowed for its life. changed() is called when it is
 * found out who holds a workspace, and when this process takes over; it must
 * not park. Does not park. */
void holders_init(struct holders *holders, struct rt *rt, struct log *log,
		  struct state_dir *state,
		  void (*changed)(void *arg, struct holder *holder), void *arg);
void holder_init(struct holder *holder, const char *workspace_id);
/* The holder stays put for the life of *holders. Does not park. */
void holders_add(struct holders *holders, struct holder *holder);

/* Spawns the task that takes the locks, and waits for those that others have,
 * into `scope`. 0 or -ENOMEM. Does not park. */
int holders_begin(struct holders *holders, struct scope *scope);

/* Gives up the locks; the task must have ended. Parks, always completes. */
void holders_fini(struct holders *holders);

/* Who holds a workspace that is held elsewhere, for a person: "process 12 on
 * the host ada". Returns buf. */
#define HOLDER_TEXT_MAX 160
const char *holder_text(const struct holder *holder, char *buf, size_t cap);

#endif
