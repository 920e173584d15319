// SPDX-License-Identifier: MIT
/*
 * a2a - what agents say to each other (Agent2Agent protocol), as far as it
 * travels through the platform: the request `message/send`, the text of one
 * that arrived, and the reading of a peer's reply.
 *
 * Peers differ, so everything is read leniently: parts say "kind" or "type",
 * stand at three depths, and a part that is malformed is passed over.
 */
#ifndef PROTO_A2A_H
#define PROTO_A2A_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What stands for a message without text and summary. */
#define A2A_EMPTY_MESSAGE "(empty A2A message)"
/* What stands for a reply without text. */
#define A2A_NO_RESPONSE "(no response)"
/* A reply whose text begins so reports the peer agent's failure. */
#define A2A_AGENT_ERROR "Agent error:"

/* The body of POST /workspaces/:peer/a2a. `id` and `message_id` are the
 * caller's (UUIDs): a request that is sent again must carry the same ones. A
 * new reference, NULL when out of memory. */
json_t *a2a_message_send(const char *id, const char *message_id,
			 const char *text);

/* The text parts of an array of parts, one after the other with `between`
 * between them; NULL in *out when there are none or all are empty. Parts that
 * are not objects, not text, or whose text is no string are passed over. *out
 * is owned by the caller: free. Returns 0 or -ENOMEM. */
int a2a_parts_text(char **out, const json_t *parts, const char *between);

/* The text of a message that arrived: the first of params.message.parts,
 * params.parts and parts in `body` that gives any (its parts joined without
 * separator), else `summary`, else A2A_EMPTY_MESSAGE. `body` is an object, a
 * string holding JSON, or anything (NULL); summary may be NULL. Owned by the
 * caller: free. NULL when out of memory. */
char *a2a_message_text(const json_t *body, const char *summary);

enum a2a_reply_kind {
	/* The peer answered: text, A2A_NO_RESPONSE when it said nothing. */
	A2A_REPLY_TEXT,
	/* The peer took the task and works on it: text describes its state. */
	A2A_REPLY_WORKING,
	/* The peer polls for its messages; an answer comes, if at all, as a
	 * message or through the delegations. */
	A2A_REPLY_QUEUED_POLL,
	/* The peer is busy and the platform keeps the message for it. */
	A2A_REPLY_QUEUED_BUSY,
	/* It failed; text says why, without a prefix. */
	A2A_REPLY_FAILED,
};

struct a2a_reply {
	enum a2a_reply_kind kind;
	char *text;	       /* never NULL after a2a_reply_read gave 0 */
	bool may_have_arrived; /* FAILED: the peer may have seen the message */
	/* FAILED for now: the peer has not seen it and will be there in a
	 * moment, so that sending it again is harmless and may help. */
	bool try_again;
	double retry_after_secs; /* FAILED: what the platform advised, else 0 */
};

/* Reads the answer to message/send: its HTTP status and its body, as a tree
 * (NULL if it was not JSON) and as bytes (may be NULL; quoted in failures, at
 * most 200 characters). All borrowed.
 *
 * The text is that of all text parts, each beginning a line, of the first of
 * result.parts, result.message.parts, result.artifacts[].parts and
 * result.status.message.parts that has any. Fills *out, to be freed with
 * a2a_reply_free. Returns 0 or -ENOMEM. */
int a2a_reply_read(struct a2a_reply *out, int status, const json_t *json,
		   const char *body, size_t body_len);
void a2a_reply_free(struct a2a_reply *reply);

/* What an HTTP status of the platform means for somebody who deals with a
 * workspace, in words that continue a sentence ("the workspace has been
 * removed from the platform"); NULL when it says nothing more than itself.
 * Static text. */
const char *a2a_status_meaning(int status);

/* Whether a text (may be NULL) is not an answer but the platform's confirmation
 * that it keeps the message for a peer that polls. */
bool a2a_text_queued(const char *text);

#endif
