// SPDX-License-Identifier: MIT
/*
 * exchange - one request and its answer, as a handler of the platform sees
 * them: what the path named, the query, the body as JSON, who is asking, and
 * the ways to answer.
 *
 * A handler answers exactly once, with one of exchange_json, exchange_error,
 * exchange_raw or by streaming, and last of all: those park. Whether the
 * client gets to hear it is another matter: see `lost`.
 */
#ifndef APP_PLATFORM_EXCHANGE_H
#define APP_PLATFORM_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/platform/ident.h"
#include "app/platform/ratelimit.h"

struct http_incoming;
struct member;
struct platform;

#define EXCHANGE_BASE_MAX 300
#define EXCHANGE_QUERY_VALUE_MAX 512
#define EXCHANGE_EXTRA_MAX 8

struct exchange {
	struct platform *platform;
	struct http_incoming *in;
	struct ident id;       /* `:id` of the path; none when not a UUID */
	struct ident file;     /* `:file` likewise */
	struct member *member; /* the workspace that `id` names, or NULL */
	const char *query;     /* what follows '?', "" when nothing */
	struct ratelimit_state rate;
	uint64_t serial; /* of its record, while that has no status; 0: none */
	bool lost;	 /* the connection is cut in place of an answer */
};

/* The value of a query parameter, percent-decoded into `out` (cap bytes);
 * false when it is absent. A value that is too long or badly encoded becomes
 * one byte that no parameter accepts. */
bool exchange_query(const struct exchange *x, const char *name, char *out,
		    size_t cap);

/* The request body as a JSON object, a new reference; NULL when it is none.
 * Nothing is answered. */
json_t *exchange_body(const struct exchange *x);

/* A request header, NULL when absent. `name` in lower case. */
const char *exchange_field(const struct exchange *x, const char *name);

/* The bearer token of the request, NULL when it brings none. */
const char *exchange_bearer(const struct exchange *x);

/* How the client calls this platform: "http://<Host>" or "https://<Host>". */
void exchange_base(const struct exchange *x, char out[EXCHANGE_BASE_MAX]);

/* WorkspaceAuth: the bearer must open `member` (NULL: fails). False: a 401 has
 * been answered. */
bool exchange_auth_workspace(struct exchange *x, const struct member *member);

/* Registry auth: as WorkspaceAuth, but a workspace that has no token at all
 * is let through, unless it was removed. */
bool exchange_auth_registry(struct exchange *x, const struct member *member);

/* Answers with `json`, which is taken; NULL answers 500. */
void exchange_json(struct exchange *x, int status, json_t *json);

/* Answers {"error": text}. */
void exchange_error(struct exchange *x, int status, const char *text);

/* Answers with any status and header lines: `fields` as name, value pairs that
 * end with NULL, at most EXCHANGE_EXTRA_MAX of them; may be NULL. */
void exchange_raw(struct exchange *x, int status, const char *const *fields,
		  const char *mime, const void *data, size_t len);

/* Cuts the connection without an answer. Does not park. */
void exchange_cut(struct exchange *x);

/* Begins a streamed answer of type text/event-stream. 0 or an error. */
int exchange_stream(struct exchange *x);

#endif
