// SPDX-License-Identifier: MIT
/*
 * platform_client - the platform's HTTP interface; the only file that knows
 * its paths.
 *
 *	struct platform_reply reply;
 *	platform_peers(client, who, &reply);
 *	if (!platform_ok(&reply))
 *		… platform_reply_text(&reply, text, sizeof(text)) …
 *	platform_reply_free(&reply);
 *
 * Each function makes one request in the name of `who` and fills in *reply,
 * which the caller then owns, whatever came of it. All of them park, and all
 * of them end by their timeout, or early when the task is cancelled. Requests
 * share the pool's connections. Redirects are not followed and count as
 * failures. Arguments are borrowed for the call.
 *
 * Ids that come from outside are checked by platform_id_valid before they
 * become part of a path; a request with a bad one fails with -EINVAL and
 * nothing is sent.
 *
 * Every request carries Authorization, read anew from its source, Origin, and
 * X-Molecule-Org-Id where the identity has one; discover, peers and a2a also
 * X-Workspace-ID.
 */
#ifndef APP_PLATFORM_CLIENT_H
#define APP_PLATFORM_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/identity.h"
#include "net/http_client.h"
#include "net/http_lane.h"
#include "proto/payload.h"
#include "proto/uuid.h"
#include "runtime/event.h"

struct pool;
struct rt;

/* How long a request may take in all, milliseconds. */
#define PLATFORM_TIMEOUT_MS 10000
#define PLATFORM_REPORT_MS 5000	 /* report_activity */
#define PLATFORM_NOTIFY_MS 60000 /* notify, uploads: each */
#define PLATFORM_BROADCAST_MS 30000
#define PLATFORM_DOWNLOAD_MS 600000 /* a file of 25 MiB over a slow line … */
#define PLATFORM_SILENCE_MS 60000   /* … of which no byte came for so long */
#define PLATFORM_A2A_MS 300000	    /* a2a: the peer thinks */
#define PLATFORM_RETRY_MAX_MS 3600000 /* longer Retry-After are cut to this */
#define PLATFORM_UPLOAD_FILES_MAX 64
#define PLATFORM_UPLOAD_FILE_MAX (25u * 1024 * 1024)
#define PLATFORM_UPLOAD_TOTAL_MAX (50u * 1024 * 1024)
#define PLATFORM_UPLOADS_KEPT 128 /* own uploads remembered */
#define PLATFORM_EXCERPT_MAX 200  /* characters of a body in a message */
#define PLATFORM_SINCE_SECS 600	  /* a poll without cursor */
#define PLATFORM_PAGE_BYTES (64u * 1024 * 1024) /* of one poll's answer */
#define PLATFORM_PAGE 100      /* rows the server gives unless asked for more */
#define PLATFORM_PAGE_MAX 500  /* rows it gives at most */
#define PLATFORM_TEXT_MAX 1024 /* enough for platform_reply_text */
#define PLATFORM_DATE_MAX 32   /* bytes of a Date, NUL included */
#define PLATFORM_MEANING_MAX 128 /* and for platform_reply_meaning */

/* Of requests so far. */
struct platform_counters {
	uint64_t sent;
	uint64_t failed;   /* of them those without an answer */
	uint64_t refused;  /* … and those answered with 4xx or 5xx, */
	uint64_t limited;  /* 429 among them */
	uint64_t not_sent; /* others: there was no token, or no turn in time */
};

/* One for a process. */
struct platform_client {
	struct rt *rt;
	struct pool *pool;
	/* What was uploaded from here lately, by address, oldest overwritten;
	 * and how many uploads are under way. */
	char *uploads[PLATFORM_UPLOADS_KEPT];
	unsigned int next_upload;
	unsigned int uploading;
	struct cond uploaded;
	struct platform_counters counters;
	struct http_lanes lanes; /* for polls */
	/* The last Date, of an answer, and what it means: all the answers of a
	 * second have the same. */
	char date[PLATFORM_DATE_MAX];
	int64_t date_s;
};

/* The pool is borrowed for the client's life. Does not park. */
void platform_client_init(struct platform_client *client, struct rt *rt,
			  struct pool *pool);
/* No request may be under way. Does not park. */
void platform_client_fini(struct platform_client *client);

/* What came of a request. */
struct platform_reply {
	int err; /* 0: there is an answer; else a negative errno: -EKEYREJECTED
		  * when there was no usable token, -EINVAL when an argument
		  * was refused, or as http_fetch */
	enum http_phase phase; /* where it failed, when err is not 0 */
	int status;	       /* of the answer, 0 without one */
	json_t *json;	       /* its body, NULL if that is not JSON; with
				* heartbeats and polls that succeed, NULL until
				* platform_reply_json */
	int json_err; /* why it is NULL though there is a body: -EBADMSG (not
		       * JSON), -E2BIG, -ENOMEM */
	char *body;   /* NUL-terminated; NULL without an answer */
	size_t body_len;
	int64_t date_s;		/* Date, the platform's clock; -1 when absent */
	int64_t retry_after_ms; /* Retry-After, -1 when absent */
	/* X-RateLimit-Limit, -Remaining and -Reset (seconds); -1 when absent or
	 * no number ("unlimited"). */
	int64_t rate_limit, rate_remaining, rate_reset_s;
	enum token_kind token; /* which source was used */
	char *detail;	       /* a sentence that says more, or NULL */
	uint32_t mark; /* tells errors with the same `err` apart: it differs
			* where what is wrong does; 0 when `err` says all */
};

/* An answer with a 2xx status. */
static inline bool platform_ok(const struct platform_reply *reply)
{
	return reply->err == 0 && reply->status >= 200 && reply->status < 300;
}

/* An answer that refuses the token. */
static inline bool platform_unauthorised(const struct platform_reply *reply)
{
	return reply->err == 0 &&
	       (reply->status == 401 || reply->status == 403);
}

/* Frees what the reply owns and makes it all zero; harmless twice. */
void platform_reply_free(struct platform_reply *reply);

/* The body as JSON, parsed now if it has not been; borrowed. NULL: see
 * json_err. For heartbeats and polls, most of which have nothing new to say.
 * Does not park. */
json_t *platform_reply_json(struct platform_reply *reply);

/* What went wrong, for a person, in one line without full stop: "connection
 * refused", "the platform answered 503: <excerpt of the body>". Returns buf. */
const char *platform_reply_text(const struct platform_reply *reply, char *buf,
				size_t cap);

/* The server's own words: the string `error` of a JSON object, NULL if there
 * is none. Borrowed from the reply. */
const char *platform_reply_error(const struct platform_reply *reply);

/* What to say behind the status of a refusal: ": " with the server's words and
 * hint, and in parentheses what the status means, as far as there are any; ""
 * otherwise. Returns buf. */
const char *platform_reply_words(const struct platform_reply *reply, char *buf,
				 size_t cap);

/* " (" what the status of a refusal means ")"; "" when there is nothing in
 * particular to say of it. Returns buf. */
const char *platform_reply_meaning(const struct platform_reply *reply,
				   char *buf, size_t cap);

/* What to say behind an error of a request that must not be done twice: that
 * it may have got through, or "". Static text. */
const char *platform_reply_doubt(const struct platform_reply *reply);

/* The first PLATFORM_EXCERPT_MAX characters of the body, "" without one.
 * Returns buf. */
const char *platform_reply_excerpt(const struct platform_reply *reply,
				   char *buf, size_t cap);

/* Whether an id may stand in a path: [A-Za-z0-9._-]{1,128}, not "." or "..";
 * that includes every UUID. */
bool platform_id_valid(const char *id);

/* A random UUID (RFC 9562, version 4) in lower case. Does not park. */
void platform_new_id(struct rt *rt, char out[UUID_LEN + 1]);

/* C.19: whether the platform is there at all; asked without the token. To be
 * answered within `timeout_ms`. */
void platform_health(struct platform_client *client, const struct identity *who,
		     int64_t timeout_ms, struct platform_reply *reply);

/* C.1. `card` is the agent card, borrowed. */
void platform_register(struct platform_client *client,
		       const struct identity *who, json_t *card,
		       struct platform_reply *reply);

/* C.2. The workspace id is filled in here. To be answered within
 * `timeout_ms`. */
void platform_heartbeat(struct platform_client *client,
			const struct identity *who,
			const struct payload_heartbeat *beat,
			int64_t timeout_ms, struct platform_reply *reply);

/* C.3, C.17: rows of the activity list, all conditions together. With a cursor
 * they come oldest first, else newest first. Texts are percent-encoded; NULL,
 * 0 and false leave a condition out. An answer may have PLATFORM_PAGE_BYTES. */
struct platform_activity_query {
	const char *type;      /* "a2a_receive", "broadcast_receive", … */
	const char *cursor;    /* only rows after the one with this id */
	uint32_t since_secs;   /* only rows of the last so many seconds */
	const char *before_ts; /* only rows strictly older (RFC 3339) */
	const char *peer_id;   /* only rows from or to this workspace */
	unsigned int limit;    /* rows at most; 0: PLATFORM_PAGE */
	bool poll;	       /* it can wait (PACE_POLL) */
	bool peer_info;	       /* with peer_name, peer_role, agent_card_url
				* and attachments, where the server can */
};
void platform_activity(struct platform_client *client,
		       const struct identity *who,
		       const struct platform_activity_query *query,
		       struct platform_reply *reply);

/* G.1: opens the event stream. *stream is NULL when there was no answer, and
 * the reply says why; else it is the caller's (http_close) whatever the status
 * is. */
void platform_events(struct platform_client *client, const struct identity *who,
		     struct http_stream **stream, struct platform_reply *reply);

/* C.9. The source is filled in here. */
void platform_report_activity(struct platform_client *client,
			      const struct identity *who,
			      const struct payload_activity *activity,
			      struct platform_reply *reply);

/* C.5. `attachments`: an array (borrowed), or NULL. */
void platform_notify(struct platform_client *client, const struct identity *who,
		     const char *message, json_t *attachments,
		     struct platform_reply *reply);

/* C.6. Streams the files from their descriptors, never holding one in memory.
 * The caller opened them (regular files, positioned at the start) and closes
 * them. A file that turns out shorter than `size` fails the request with
 * -EIO; what one has beyond it is left out. -EINVAL: more than
 * PLATFORM_UPLOAD_FILES_MAX; -EFBIG: a file or the sum is over its limit. Sent
 * once, never repeated. */
struct platform_file {
	const char *name; /* without directories; any bytes */
	const char *type; /* the MIME type (mime.h) */
	int fd;
	uint64_t size;
};
void platform_upload(struct platform_client *client, const struct identity *who,
		     const struct platform_file *files, size_t count,
		     struct platform_reply *reply);

/* C.7. Streams the content of a pending upload into `fd` (a file open for
 * writing), and gives its size. On any failure, an answer without 2xx among
 * them, what is in the file is to be thrown away; 404 and 410 say that there
 * is nothing to fetch any more. -EFBIG: larger than PLATFORM_UPLOAD_FILE_MAX.
 * What the write gave stands in *write_err, with reply->err the same; 0 when
 * the disk did its part. The reply of a success has no body. */
void platform_upload_content(struct platform_client *client,
			     const struct identity *who, const char *file_id,
			     int fd, uint64_t *size, int *write_err,
			     struct platform_reply *reply);
/* The file is safe here: the platform may forget it. */
void platform_upload_ack(struct platform_client *client,
			 const struct identity *who, const char *file_id,
			 struct platform_reply *reply);

/* Whether the file at `uri` came from this process: the platform lists own
 * uploads like those of the user, maybe before it has answered the upload.
 * While one is under way, and this address is not known, waits for it. For
 * struct activity_reader: `arg` is the client. Parks. */
bool platform_own_upload(void *arg, const char *uri, const char *name);

/* C.8. The key makes a repetition harmless: `key` is sent as it is. */
void platform_delegate(struct platform_client *client,
		       const struct identity *who, const char *target_id,
		       const char *task, const char *key,
		       struct platform_reply *reply);
void platform_delegations(struct platform_client *client,
			  const struct identity *who,
			  struct platform_reply *reply);

/* C.10. One message/send to a peer, and its answer. `message_id` is both the
 * request's and the message's id; use the same again for the same message. */
void platform_a2a(struct platform_client *client, const struct identity *who,
		  const char *peer_id, const char *message_id, const char *text,
		  struct platform_reply *reply);

/* Writes the address of a peer's card on the platform of `who`, which is what
 * discover asks. False, and buf is "", when it is longer than `cap` or the id
 * cannot be part of a path. No request is made. */
bool platform_card_url(const struct identity *who, const char *peer_id,
		       char *buf, size_t cap);

/* C.11, C.12, C.13. discover is to be answered within `timeout_ms`
 * (PLATFORM_TIMEOUT_MS when somebody waits for it). */
void platform_discover(struct platform_client *client,
		       const struct identity *who, const char *peer_id,
		       int64_t timeout_ms, struct platform_reply *reply);
void platform_peers(struct platform_client *client, const struct identity *who,
		    struct platform_reply *reply);
/* `workspace_id` NULL: one's own. */
void platform_workspace(struct platform_client *client,
			const struct identity *who, const char *workspace_id,
			struct platform_reply *reply);

/* C.14. `scope` and `query` may be "". */
void platform_memory_commit(struct platform_client *client,
			    const struct identity *who, const char *content,
			    const char *scope, struct platform_reply *reply);
void platform_memory_recall(struct platform_client *client,
			    const struct identity *who, const char *query,
			    const char *scope, struct platform_reply *reply);

/* C.15. `card`: an object, borrowed. */
void platform_update_card(struct platform_client *client,
			  const struct identity *who, json_t *card,
			  struct platform_reply *reply);

/* C.16. */
void platform_broadcast(struct platform_client *client,
			const struct identity *who, const char *message,
			struct platform_reply *reply);

#endif
