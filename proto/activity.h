// SPDX-License-Identifier: MIT
/*
 * activity - from rows of GET /workspaces/:id/activity to inbox messages.
 *
 * The kind of a message says who sent it: "peer_agent" another workspace's
 * agent, directly or by a broadcast; "delegation_result" the platform, the
 * outcome of a delegation of this workspace; "canvas_user" a person in the
 * canvas, and only when the row has no source and nothing in it says otherwise;
 * "system" whatever else has no workspace behind it. Not even "canvas_user"
 * proves a person.
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
/* What is kept of a peer's name and role (bytes); and the longest address of
 * an agent card, which is left out when longer. */
#define ACTIVITY_NAME_MAX 255
#define ACTIVITY_URL_MAX 1023

/* Values of `type` and `activity_type` that become messages. */
#define ACTIVITY_TYPE_RECEIVE "a2a_receive"
#define ACTIVITY_TYPE_BROADCAST "broadcast_receive"

/* The methods of messages that this program treats apart. */
#define ACTIVITY_METHOD_UPLOAD "chat_upload_receive"
#define ACTIVITY_METHOD_BROADCAST "broadcast" /* given here */

/* A message in the inbox: one block with all its text, released with free. No
 * field is NULL; "" is unknown. */
struct activity_message {
	const char *activity_id;
	const char *text;
	const char *peer_id; /* sender's workspace; "" for the canvas */
	const char *kind;    /* see above */
	const char *method;  /* "" when the row has none */
	const char *created_at;
	/* The workspace it came to, where the process serves several. */
	const char *arrival_workspace_id;
	const char *peer_name; /* display text, proves nothing */
	const char *peer_role;
	const char *agent_card_url;
	const char *attachments; /* a JSON array as text (attachments.h) */
};
/* Its fields, all strings, in this order. */
#define ACTIVITY_MESSAGE_FIELDS 11

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
	/* What becomes the messages' arrival_workspace_id; NULL: nothing. */
	const char *arrival;
};

/* One row, read. */
struct activity {
	enum activity_verdict verdict;
	char id[ACTIVITY_ID_MAX + 1];	  /* "" for ACTIVITY_IGNORE */
	struct activity_message *message; /* for ACTIVITY_MESSAGE: take it */
};

/* Reads a row. Skipped are: notes to the user (method `notify` without a
 * source), rows whose source is the own workspace, in any case of letters
 * (but for method `delegate_result`), and own uploads. A row of the type
 * broadcast_receive is a message of the method `broadcast` whose text is the
 * summary. Fills *out; whoever calls owns out->message. Returns 0, or -ENOMEM:
 * then nothing was decided. */
int activity_read(struct activity *out, const json_t *row,
		  const struct activity_reader *reader);

/* A message of given content, in one block. A field that is NULL counts as "".
 * NULL when out of memory. */
struct activity_message *
activity_message_new(const struct activity_message *content);

/* The same without allocating: the bytes that its text takes, and a copy into
 * that many at `at`, in *out. */
size_t activity_message_size(const struct activity_message *content);
void activity_message_copy(struct activity_message *out, char *at,
			   const struct activity_message *content);

/* The message as a tool gives it: activity_id, text, peer_id, kind, method,
 * created_at, and of the others those that are known, in the order above. A
 * new reference, NULL when out of memory. */
json_t *activity_message_json(const struct activity_message *message);

#endif
