// SPDX-License-Identifier: MIT
/*
 * http_client - one request on one connection of a pool.
 *
 * No redirects are followed (a token must not travel to another host); every
 * size and time is bounded. A request is sent again, once, only when nothing
 * can have been done twice: it went out on a reused connection which was found
 * closed before any byte of an answer, and it is idempotent, or not all of it
 * had been sent. One that shares a connection (http_lane) may besides that be
 * sent once more by itself.
 *
 * Two ways of use: http_fetch for a whole answer in memory; http_open,
 * http_read, http_close for one that streams (events, large files).
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/pool.h"
#include "net/url.h"
#include "proto/http1.h"
#include "runtime/clock.h"

struct rt;
struct http_lanes;

#define HTTP_RESPONSE_BODY_MAX (8u * 1024 * 1024)
#define HTTP_REQUEST_FIELDS_MAX 16
#define HTTP_IDLE_MS 10000 /* default: no byte moved for so long */
/* Bodies up to this size go out together with the head. */
#define HTTP_INLINE_BODY_MAX (16u * 1024)
#define HTTP_USER_AGENT "molecule-mcp/" MOLECULE_VERSION

struct http_field {
	const char *name, *value;
};

/* Supplies a request body piece by piece: fills buf and returns the count, 0
 * at the end, or a negative errno, which ends the request with that error. An
 * end before `body_len` bytes ends it with -EIO. Called in a task of its own
 * (TASK_STACK_NORMAL), not at the same time as itself, and not any more once
 * http_fetch or http_open has returned. May park. */
typedef ssize_t (*http_source_fn)(void *arg, void *buf, size_t cap);

/* Everything is borrowed for the call. Host, Content-Length, Accept: any and
 * User-Agent are added; `fields` may replace the last two, but -EINVAL is
 * given for Host and for what frames a message or rules the connection. */
struct http_request {
	const char *method;
	const struct url *url; /* origin and path prefix */
	const char *target;    /* appended to url->path: "/registry/…?…" */
	const void *body;      /* NULL: none (or `source`) */
	size_t body_len;
	http_source_fn source; /* streams `body_len` bytes instead of `body` */
	void *source_arg;
	bool idempotent; /* may be sent twice: GET and HEAD are anyway */
	bool urgent;	 /* POOL_URGENT */
	/* Where it may go behind others on their connection; NULL: it goes
	 * alone. For what is idempotent and has no body of its own. */
	struct http_lanes *lanes;
	uint32_t idle_ms; /* 0: HTTP_IDLE_MS; between bytes, either way */
	size_t body_max;  /* of the answer; 0: HTTP_RESPONSE_BODY_MAX */
	size_t field_count;
	struct http_field fields[HTTP_REQUEST_FIELDS_MAX];
};

/* An answer. Owned by the caller: http_response_free. */
struct http_response {
	int status;
	struct http1_parser
		head; /* fields: http1_field(&r.head, "retry-after") */
	char *body;   /* NUL-terminated beyond body_len */
	size_t body_len;
};

/* Where a request failed, for the message to a person. */
enum http_phase {
	HTTP_PHASE_CONNECT, /* nothing was sent */
	HTTP_PHASE_SEND,    /* it may have arrived in part */
	HTTP_PHASE_RECEIVE, /* it may have arrived whole */
};

/* Sends and reads the whole answer by `total`. Returns 0 whatever the status
 * is (redirects too), or a negative errno: as pool_take; -ETIMEDOUT (total or
 * idle; connecting is bounded by total alone); -ECONNRESET (closed
 * without an answer, or reset); -EPROTO (cut short); -EBADMSG (not HTTP);
 * -EMSGSIZE (over a limit); -EINVAL (a field or the target cannot be sent);
 * what `source` gave; or the cancellation's reason. *phase (may be NULL) says
 * where. An answer that comes before the body is all sent ends the sending
 * and is returned. Parks; when cancelled its connection is closed and no
 * other, and who shares it goes on by another. On failure *response is empty.
 */
int http_fetch(struct pool *pool, const struct http_request *request,
	       struct http_response *response, enum http_phase *phase,
	       struct deadline total);
/* Wipes and frees. Harmless on an empty response. */
void http_response_free(struct http_response *response);

/* A streaming exchange. */
struct http_stream;

/* Sends the request and reads the head: *out and *status. Errors as
 * http_fetch; request->body_max bounds nothing here. Parks. */
int http_open(struct pool *pool, const struct http_request *request,
	      struct http_stream **out, int *status, struct deadline deadline);
/* The head of the answer, valid until http_close. */
const struct http1_parser *http_head(const struct http_stream *stream);
/* The answer goes on for long: its connection is not among those that are
 * bounded any more (pool_keep). Does not park. */
void http_keep(struct http_stream *stream);
/* Reads body bytes: > 0, 0 at its proper end, or a negative errno. -ETIMEDOUT
 * leaves the stream usable; idle_ms does not count here. cap > 0. Parks. */
ssize_t http_read(struct http_stream *stream, void *buf, size_t cap,
		  struct deadline deadline);
/* Ends it; the connection is kept if the body was read to its end. Parks. */
void http_close(struct http_stream *stream);

/* Why a request failed, in words for a person, without host or token:
 * "connection refused", "no answer in time", … Static text. */
const char *http_error_text(int err);

#endif
