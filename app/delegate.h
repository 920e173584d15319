// SPDX-License-Identifier: MIT
/*
 * delegate - what the tools that give tasks to peers have in common.
 *
 * Everything about one delegation is done in the name of one workspace, the
 * call's source: with its token, at its platform, and nowhere else.
 *
 * Nothing is sent twice that the peer may have got the first time. What is
 * tried again is a request that never left, or one of which the platform says
 * that the peer has not seen it, or that carries a key by which the platform
 * knows it again; after a growing, jittered rest, at least as long as
 * Retry-After asks, and only while the call has time for it.
 */
#ifndef APP_DELEGATE_H
#define APP_DELEGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/tools.h"
#include "proto/activity.h"
#include "runtime/clock.h"

struct platform_reply;

/* Attempts in all: where the platform said that it is for now, and where no
 * connection came about. */
#define DELEGATE_ATTEMPTS 5
#define DELEGATE_CONNECT_ATTEMPTS 3
/* How long a call takes when no budget was configured, milliseconds: with a
 * host that goes on waiting while progress comes, and with one that may give up
 * after a minute. */
#define DELEGATE_BUDGET_MS 300000
#define DELEGATE_PATIENCE_MS 50000
#define DELEGATE_MEANING_MAX 192 /* enough for delegate_meaning */

/* One delegation; strings are borrowed. */
struct delegate {
	struct tool_call *call;
	char peer_id[ACTIVITY_ID_MAX + 1]; /* a UUID in lower case */
	const char *task;
	const char *name;      /* the peer's, or its id */
	int64_t budget_ms;     /* how long the call may take … */
	struct deadline until; /* … and when that is over */
	unsigned int attempts; /* made so far at what is being done */
};

/* Reads the arguments and settles the source. False when a task cannot be
 * delegated so: the error is left. `tool` is the tool's name. Does not park. */
bool delegate_read(struct delegate *d, struct tool_call *call,
		   const char *tool);

/* After an attempt that failed without harm: rests and says true when there
 * should be another one, which may help when `passing` or when no connection
 * came about. `what` is in the way, for progress. Parks. */
bool delegate_again(struct delegate *d, const struct platform_reply *reply,
		    bool passing, const char *what);

/* Hands the task to the platform to be delivered (POST /delegate). A task that
 * is under way already is not sent again; one that has ended is. Fills in
 * *reply, the caller's. Parks. */
void delegate_post(struct delegate *d, struct platform_reply *reply);

/* Leaves the error of a delegate_post that failed. */
void delegate_not_posted(struct delegate *d,
			 const struct platform_reply *reply);

/* ": " and what the reply's status means, or "". Static text or `buf`. */
const char *delegate_meaning(const struct platform_reply *reply, char *buf,
			     size_t cap);

#endif
