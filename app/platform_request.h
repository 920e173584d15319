// SPDX-License-Identifier: MIT
/*
 * platform_request - what all requests of the platform client have in common:
 * the headers, the token, the timeout, and the making of a reply.
 *
 * For platform_client.c, platform_upload.c and platform_download.c.
 */
#ifndef APP_PLATFORM_REQUEST_H
#define APP_PLATFORM_REQUEST_H

#include "app/platform_client.h"
#include "proto/text.h"

/* One request. What is marked as taken is freed by platform_request_send. */
struct platform_request {
	struct platform_client *client;
	const struct identity *who;
	const char *method;
	char *target;	  /* taken; from platform_target */
	char *body;	  /* taken; malloc'd, NULL: none (or `source`) */
	size_t body_len;  /* of either */
	const char *type; /* Content-Type; NULL: none */
	http_source_fn source;
	void *source_arg;
	enum pace_class class; /* whose turn it is where requests are few */
	bool as_workspace;     /* with X-Workspace-ID */
	bool without_token;    /* for what anybody may ask */
	bool idempotent;       /* harmless when it arrives twice */
	bool unparsed; /* a success's body is left to platform_reply_json */
	int64_t timeout_ms;
	size_t answer_max; /* bytes; 0: HTTP_RESPONSE_BODY_MAX */
};

/* The request's target from a format; every %s in it must be safe in a path
 * or encoded. Malloc'd; NULL when out of memory. */
char *platform_target(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Adds a value to a query, percent-encoded (what RFC 3986 section 2.3 lists is
 * left as it is). */
void platform_add_encoded(struct text *target, const char *value);

/* Makes *reply an error that was found before anything was sent; `detail` is
 * copied, may be NULL. */
void platform_reply_refuse(struct platform_reply *reply, int err,
			   const char *detail);

/* Sends it and fills in *reply. A NULL target becomes -ENOMEM. Parks. */
void platform_request_send(struct platform_request *request,
			   struct platform_reply *reply);

/* Sends it for an answer that streams. True: *stream is open, with
 * reply->status and what the head says, whatever the status is. False: *reply
 * says why not. The rest as platform_request_send; the deadline is that of the
 * head. Parks. */
bool platform_request_open(struct platform_request *request,
			   struct platform_reply *reply,
			   struct http_stream **stream);

/* platform_upload_content, from `target`, which is taken. Parks. */
void platform_download(struct platform_client *client,
		       const struct identity *who, char *target, int fd,
		       uint64_t *size, int *write_err,
		       struct platform_reply *reply);

/* platform_upload, to `target`, which is taken. Parks. */
void platform_upload_send(struct platform_client *client,
			  const struct identity *who, char *target,
			  const struct platform_file *files, size_t count,
			  struct platform_reply *reply);

/* An IMF-fixdate (RFC 9110 section 5.6.7) as seconds since 1970; -1 when it is
 * none, or NULL. */
int64_t platform_date_s(const char *value);

/* The value of Retry-After (RFC 9110 section 10.2.3): seconds or a date, which
 * `wall_ns` is compared with. Milliseconds from 0 to PLATFORM_RETRY_MAX_MS; -1
 * when it is neither, or NULL. */
int64_t platform_retry_after_ms(const char *value, int64_t wall_ns);

#endif
