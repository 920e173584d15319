// SPDX-License-Identifier: MIT
/*
 * delegate_wait - waits until a peer that polls has answered.
 *
 * The answer comes as a message of the peer, by the inbox (turns.h). Where the
 * messages of the workspace do not come here (the inbox is switched off, or
 * another process has it) the platform's activity list is looked at instead
 * for what the peer wrote after the task, and the message stays for whoever
 * receives. A task that was handed to the platform with delegate_post has a
 * delegation too, whose state is asked for as well; then the answer may be in
 * the platform's own record of it.
 */
#ifndef APP_DELEGATE_WAIT_H
#define APP_DELEGATE_WAIT_H

#include "app/delegate.h"
#include "app/turns.h"

/* Between two looks at the platform's lists; the first follow faster. */
#define DELEGATE_LOOK_MS 3000
#define DELEGATE_LOOK_FIRST_MS 250
/* So long a message may take from the activity list to the inbox. */
#define DELEGATE_ARRIVAL_MS 20000
#define DELEGATE_STATUS_MAX 64

enum delegate_end {
	DELEGATE_ANSWERED, /* text: the whole answer */
	DELEGATE_PART,	   /* text: its beginning; there is no more to be had */
	DELEGATE_FAILED,   /* text: why */
	DELEGATE_LATE,	   /* the call's time is over */
	DELEGATE_CANCELLED, /* the task is */
};

struct delegate_wait {
	struct delegate *d;
	bool by_inbox; /* turn is under way */
	struct turn turn;
	bool by_list; /* look into the activity list */
	/* The last row before the task; "" none. */
	char cursor[ACTIVITY_ID_MAX + 1];
	/* Of the delegation, "" none; and what was last heard of it. */
	char delegation_id[ACTIVITY_ID_MAX + 1];
	char status[DELEGATE_STATUS_MAX];
	char *text;    /* owned; see enum delegate_end */
	bool in_inbox; /* text is the turn's message */
};

/* Before the task is sent. Parks. */
void delegate_wait_begin(struct delegate_wait *w, struct delegate *d);
/* Whether the task answers a message of the peer: nobody answers that. */
bool delegate_wait_is_reply(const struct delegate_wait *w);
/* The task was not sent. Does not park. */
void delegate_wait_unsent(struct delegate_wait *w);
/* The peer has the task and polls: waits for its answer. Parks. */
enum delegate_end delegate_wait_answer(struct delegate_wait *w);
/* Whether an answer would be noticed at all. */
bool delegate_wait_can(const struct delegate_wait *w);
/* Frees. When `taken`, the text of a message is the call's answer: the message
 * is popped when that has reached the host, and shown when it has not. Does not
 * park. */
void delegate_wait_end(struct delegate_wait *w, bool taken);

/* Asks the platform for the whole of a delegation's answer, of which `preview`
 * is the beginning. Parks. */
struct outcome_text delegate_whole_answer(struct tool_call *call,
					  const char *delegation_id,
					  const char *peer_id,
					  const char *preview);

#endif
