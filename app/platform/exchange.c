// SPDX-License-Identifier: MIT
#include "app/platform/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/platform/members.h"
#include "app/platform/platform.h"
#include "app/platform/requests.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"
#include "runtime/io.h"

/* Room for the rate-limit headers, those of a handler, and the end. */
#define FIELDS_MAX (8 + 2 * EXCHANGE_EXTRA_MAX + 1)
#define NUMBER_MAX 12

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes len bytes of a query into out; false when that cannot be done. */
static bool query_decode(const char *text, size_t len, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0' || n + 1 >= cap)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

bool exchange_query(const struct exchange *x, const char *name, char *out,
		    size_t cap)
{
	const char *at = x->query;
	size_t name_len = strlen(name);

	while (*at) {
		size_t len = strcspn(at, "&");

		if (len > name_len && strncmp(at, name, name_len) == 0 &&
		    at[name_len] == '=') {
			if (!query_decode(at + name_len + 1, len - name_len - 1,
					  out, cap))
				(void)snprintf(out, cap, "\x7f");
			return true;
		}
		at += len;
		at += *at == '&';
	}
	return false;
}

json_t *exchange_body(const struct exchange *x)
{
	json_t *body = json_parse_bounded(x->in->body, x->in->body_len, NULL);

	if (body && !json_is_object(body)) {
		json_decref(body);
		return NULL;
	}
	return body;
}

const char *exchange_field(const struct exchange *x, const char *name)
{
	return http1_field(x->in->head, name);
}

const char *exchange_bearer(const struct exchange *x)
{
	const char *value = exchange_field(x, "authorization");

	if (!value || strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	value += 7;
	value += strspn(value, " ");
	return *value ? value : NULL;
}

void exchange_base(const struct exchange *x, char out[EXCHANGE_BASE_MAX])
{
	const char *host = exchange_field(x, "host");

	if (!host || strlen(host) > 255)
		host = "127.0.0.1";
	(void)snprintf(out, EXCHANGE_BASE_MAX, "%s://%s",
		       platform_scheme(x->platform), host);
}

bool exchange_auth_workspace(struct exchange *x, const struct member *member)
{
	const char *token = exchange_bearer(x);

	if (!token) {
		exchange_error(x, 401, "missing workspace auth token");
		return false;
	}
	if (!member || !member_token_matches(member, token)) {
		exchange_error(x, 401, "invalid workspace auth token");
		return false;
	}
	return true;
}

bool exchange_auth_registry(struct exchange *x, const struct member *member)
{
	if (!member ||
	    (member->status != MEMBER_REMOVED && !member_has_token(member)))
		return true;
	return exchange_auth_workspace(x, member);
}

/* Whether a handler brings rate-limit headers of its own. */
static bool names_rate(const char *const *extra)
{
	static const char prefix[] = "X-RateLimit-";

	for (; extra && *extra; extra += 2) {
		if (strncasecmp(*extra, prefix, sizeof(prefix) - 1) == 0)
			return true;
	}
	return false;
}

/* The headers of every answer. The numbers live in `numbers`. */
static void fields_fill(const struct exchange *x, const char **fields,
			char numbers[4][NUMBER_MAX], const char *const *extra)
{
	const struct ratelimit_state *rate = &x->rate;
	const uint32_t values[3] = { rate->limit, rate->remaining,
				     rate->reset_s };
	size_t n = 0;

	for (size_t i = 0; i < 3; i++)
		(void)snprintf(numbers[i], NUMBER_MAX, "%u", values[i]);
	if (!names_rate(extra)) {
		fields[n++] = "X-RateLimit-Limit";
		fields[n++] = rate->limit ? numbers[0] : "unlimited";
	}
	if (rate->limit && !names_rate(extra)) {
		fields[n++] = "X-RateLimit-Remaining";
		fields[n++] = numbers[1];
		fields[n++] = "X-RateLimit-Reset";
		fields[n++] = numbers[2];
	}
	if (!rate->allowed) {
		fields[n++] = "Retry-After";
		fields[n++] = numbers[2];
	}
	for (size_t i = 0; extra && extra[i] && i < 2 * EXCHANGE_EXTRA_MAX; i++)
		fields[n++] = extra[i];
	fields[n] = NULL;
}

static void finish(struct exchange *x, int status)
{
	if (x->serial)
		requests_end(&x->platform->requests, x->serial, status);
	x->serial = 0;
}

/* The server's own answer to a handler that gave none fails then, and so the
 * connection ends. */
void exchange_cut(struct exchange *x)
{
	int fd = stream_fd(http_conn_stream(x->in->conn));

	finish(x, 0);
	if (fd >= 0)
		(void)io_shutdown(x->platform->rt, fd, SHUT_RDWR);
}

static void reply(struct exchange *x, int status, const char *mime,
		  const char *const *extra, const void *data, size_t len)
{
	const char *fields[FIELDS_MAX];
	char numbers[4][NUMBER_MAX];

	if (x->lost) {
		exchange_cut(x);
		return;
	}
	finish(x, status);
	fields_fill(x, fields, numbers, extra);
	/* A client that left early has nobody to tell. */
	(void)http_reply(x->in->conn, status, fields, mime, data, len);
}

void exchange_json(struct exchange *x, int status, json_t *json)
{
	size_t len = 0;
	char *text = json ? json_dump_line(json, &len) : NULL;

	json_decref(json);
	if (!text) {
		static const char out_of_memory[] =
			"{\"error\":\"out of memory\"}";

		reply(x, 500, "application/json", NULL, out_of_memory,
		      sizeof(out_of_memory) - 1);
		return;
	}
	reply(x, status, "application/json", NULL, text, len);
	/* It may have held a token or a secret. */
	explicit_bzero(text, len);
	free(text);
}

void exchange_error(struct exchange *x, int status, const char *text)
{
	exchange_json(x, status, json_pack("{s:s}", "error", text));
}

void exchange_raw(struct exchange *x, int status, const char *const *fields,
		  const char *mime, const void *data, size_t len)
{
	reply(x, status, mime, fields, data, len);
}

int exchange_stream(struct exchange *x)
{
	const char *fields[FIELDS_MAX];
	char numbers[4][NUMBER_MAX];
	static const char *const extra[] = { "Cache-Control", "no-cache",
					     "X-Accel-Buffering", "no", NULL };

	if (x->lost) {
		exchange_cut(x);
		return -EPIPE;
	}
	finish(x, 200);
	fields_fill(x, fields, numbers, extra);
	return http_reply_start(x->in->conn, 200, fields, "text/event-stream",
				true);
}
