// SPDX-License-Identifier: MIT
/*
 * activity - from rows of GET /workspaces/:id/activity to inbox messages.
 *
 * A row is a message, or is skipped (our own notes and echoes come back in
 * the same list), or is no row at all. What is skipped still moves the cursor;
 * what has no id cannot. A row that is malformed inside is a message all the
 * same, with whatever text can be found: no row stops those after it.
 */
#ifndef PROTO_ACTIVITY_H
#define PROTO_ACTIVITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The longest row id that is believed; a row with a longer one has none. */
#define ACTIVITY_ID_MAX 128

/* A message in the inbox: one block with all its text, released with free. No
 * field is NULL. */
struct activity_message {
	const char *activity_id;
	const char *text;
	const char *peer_id; /* sender's workspace; "" for the canvas */
	const char *kind;    /* "canvas_user" or "peer_agent" */
	const char *method;  /* "" when the row has none */
	const char *created_at;
};

enum activity_verdict {
	ACTIVITY_MESSAGE, /* queue it, then the cursor moves to its id */
	ACTIVITY_SKIP,	  /* the cursor moves to its id */
	ACTIVITY_IGNORE,  /* no object, or without an id */
};

/* Who reads. */
struct activity_reader {
	/* The own workspace. */
	const char *workspace_id;
	/* Whether an upload in the list is one that this process made itself:
	 * the row alone cannot tell it from one of the user's. Gets the
	 * manifest's uri and name ("" when absent). NULL: none is. */
	bool (*own_upload)(void *arg, const char *uri, const char *name);
	void *arg;
};

/* One row, read. */
struct activity {
	enum activity_verdict verdict;
	char id[ACTIVITY_ID_MAX + 1];	  /* "" for ACTIVITY_IGNORE */
	struct activity_message *message; /* for ACTIVITY_MESSAGE: take it */
};

/* Reads a row. Skipped are: notes to the user (method `notify` without a
 * source), rows whose source is the own workspace, in any case of letters
 * (but for method `delegate_result`), and own uploads. Fills *out; whoever
 * calls owns out->message. Returns 0, or -ENOMEM: then nothing was decided. */
int activity_read(struct activity *out, const json_t *row,
		  const struct activity_reader *reader);

/* A message of given content, in one block. A field that is NULL counts as "".
 * NULL when out of memory. */
struct activity_message *
activity_message_new(const struct activity_message *content);

/* The message as a tool gives it: activity_id, text, peer_id, kind, method,
 * created_at, in this order. A new reference, NULL when out of memory. */
json_t *activity_message_json(const struct activity_message *message);

#endif
