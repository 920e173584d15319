// SPDX-License-Identifier: MIT
/*
 * outcome - what has become of a delegated task, as far as the platform's
 * lists tell.
 *
 * GET /workspaces/:id/delegations gives one or more rows for a delegation,
 * newest first, with the first 300 bytes of an answer at most. Of a task for a
 * peer that polls, some platforms say that it is completed as soon as it is
 * queued, with the words in which the queueing was confirmed as its answer;
 * that is no outcome. The whole of an answer stands in the activity list, as
 * the result of the delegation or as the peer's message.
 *
 * Everything is borrowed unless said otherwise; what is malformed is passed
 * over.
 */
#ifndef PROTO_OUTCOME_H
#define PROTO_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>

/* Bytes that the platform shows of an answer, and what it may put behind a
 * part. One that is shorter by less than a character may be a part too. */
#define OUTCOME_PREVIEW_MAX 300
#define OUTCOME_PREVIEW_MIN (OUTCOME_PREVIEW_MAX - 3)

enum outcome_kind {
	OUTCOME_UNKNOWN, /* there is no such row */
	OUTCOME_OPEN,	 /* under way */
	OUTCOME_QUEUED,	 /* the peer polls; its answer comes as a message */
	OUTCOME_ANSWERED,
	OUTCOME_FAILED,
};

struct outcome {
	enum outcome_kind kind;
	json_t *row;	    /* the one that tells most; NULL: unknown */
	const char *status; /* as the row has it; "" when it has none */
	/* What was answered, or why it failed; "" when that is not said. */
	const char *text;
	bool cut; /* the answer may go on */
};

void outcome_read(struct outcome *out, const json_t *rows,
		  const char *delegation_id);

/* What a row of the activity list says, when it holds the whole answer of
 * which `preview` is the beginning. */
struct outcome_text {
	char *text; /* owned: free; NULL: there is none, or out of memory */
	/* It is a message of the peer, which comes (or came) to the inbox. */
	bool is_message;
};

/* The answer to the delegation in rows of the activity list: its own result, or
 * a message of the peer that begins as the preview does (NULL or "": none is
 * compared). */
struct outcome_text outcome_text(const json_t *rows, const char *delegation_id,
				 const char *peer_id, const char *preview);

/* The text of the oldest message of the peer in rows of the activity list,
 * which are listed newest first or oldest first. Owned by the caller: free.
 * NULL: there is none, or out of memory. */
char *outcome_message(const json_t *rows, const char *peer_id,
		      bool newest_first);

#endif
