// SPDX-License-Identifier: MIT
/* Writing message heads: see proto/http1.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http1.h"
#include "proto/http1_chars.h"

#define WRITER_CAP_FIRST 512

/* Makes room for `len` more bytes; what moves is wiped where it was. */
static bool make_room(struct http1_writer *w, size_t len)
{
	if (w->err)
		return false;
	if (len <= w->cap - w->len)
		return true;
	size_t need, cap = w->cap ? w->cap * 2 : WRITER_CAP_FIRST;
	if (__builtin_add_overflow(w->len, len, &need)) {
		w->err = -EMSGSIZE;
		return false;
	}
	if (cap < need)
		cap = need;
	char *data = malloc(cap);
	if (!data) {
		w->err = -ENOMEM;
		return false;
	}
	if (w->len) {
		memcpy(data, w->data, w->len);
		explicit_bzero(w->data, w->len);
	}
	if (!w->lent)
		free(w->data);
	w->data = data;
	w->cap = cap;
	w->lent = false;
	return true;
}

void http1_writer_on(struct http1_writer *writer, char *buf, size_t cap)
{
	*writer =
		(struct http1_writer){ .data = buf, .cap = cap, .lent = true };
}

/* Appends anything. */
static void put_body(struct http1_writer *w, const void *body, size_t len)
{
	if (len && make_room(w, len)) {
		memcpy(w->data + w->len, body, len);
		w->len += len;
	}
}

/* Room for `len` more bytes of the head, to be filled; NULL: an error. */
static char *claim(struct http1_writer *w, size_t len)
{
	if (!w->err &&
	    (w->len > HTTP1_HEAD_MAX || len > HTTP1_HEAD_MAX - w->len))
		w->err = -EMSGSIZE;
	if (!make_room(w, len))
		return NULL;
	w->len += len;
	return w->data + w->len - len;
}

static void refuse(struct http1_writer *w)
{
	if (!w->err)
		w->err = -EINVAL;
}

void http1_write_request(struct http1_writer *writer, const char *method,
			 const char *target)
{
	static const char version[] = " HTTP/1.1\r\n";
	size_t method_len = strlen(method), target_len = strlen(target);
	char *at;

	if (!http1_all(method, method_len, http1_is_tchar) ||
	    !http1_target(target, target_len))
		refuse(writer);
	at = claim(writer, method_len + 1 + target_len + sizeof(version) - 1);
	if (!at)
		return;
	at = mempcpy(at, method, method_len);
	*at++ = ' ';
	at = mempcpy(at, target, target_len);
	memcpy(at, version, sizeof(version) - 1);
}

void http1_write_status(struct http1_writer *writer, int status,
			const char *reason)
{
	char line[32];
	size_t len, reason_len;
	char *at;

	if (!reason)
		reason = http1_reason(status);
	reason_len = strlen(reason);
	if (status < 100 || status > 999 || !http1_text(reason, reason_len))
		refuse(writer);
	len = (size_t)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	at = claim(writer, len + reason_len + 2);
	if (!at)
		return;
	at = mempcpy(at, line, len);
	at = mempcpy(at, reason, reason_len);
	memcpy(at, "\r\n", 2);
}

void http1_write_field(struct http1_writer *writer, const char *name,
		       const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	char *at;

	if (!http1_all(name, name_len, http1_is_tchar) ||
	    !http1_text(value, value_len))
		refuse(writer);
	at = claim(writer, name_len + 2 + value_len + 2);
	if (!at)
		return;
	at = mempcpy(at, name, name_len);
	at = mempcpy(at, ": ", 2);
	at = mempcpy(at, value, value_len);
	memcpy(at, "\r\n", 2);
}

void http1_write_field_u64(struct http1_writer *writer, const char *name,
			   uint64_t value)
{
	char digits[24];
	(void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
	http1_write_field(writer, name, digits);
}

void http1_write_end(struct http1_writer *writer, const void *body, size_t len)
{
	char *at = claim(writer, 2);

	if (at)
		memcpy(at, "\r\n", 2);
	put_body(writer, body, len);
}

void http1_write_chunk(struct http1_writer *writer, const void *data,
		       size_t len)
{
	char line[24];
	int n = snprintf(line, sizeof(line), "%zx\r\n", len);
	if (len == 0)
		refuse(writer);
	put_body(writer, line, (size_t)n);
	put_body(writer, data, len);
	put_body(writer, "\r\n", 2);
}

void http1_writer_free(struct http1_writer *writer)
{
	if (writer->data)
		explicit_bzero(writer->data, writer->len);
	if (!writer->lent)
		free(writer->data);
	*writer = (struct http1_writer){ 0 };
}

const char *http1_reason(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}
