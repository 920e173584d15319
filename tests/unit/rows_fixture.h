// SPDX-License-Identifier: MIT
/*
 * rows_fixture - a platform's list of activity, made up from a few numbers.
 *
 *	struct rows rows = { .end = 1200, .when = rows_each_second };
 *	... rows_answer(&rows, request) ...
 *
 * Row n has the id row_id(n) and the text "m<n>"; it was made at when(n), and
 * of rows made at the same time a higher number is a later one. The list knows
 * since_id, before_ts and limit as contract C.3 says, and leaves since_secs to
 * the test.
 */
#ifndef TESTS_UNIT_ROWS_FIXTURE_H
#define TESTS_UNIT_ROWS_FIXTURE_H

#include "tests/unit/app_fixture.h"

#include <time.h>

#include "proto/rfc3339.h"

#define ROWS_ID "aaaaaaaa-0000-4000-8000-"
#define ROWS_START INT64_C(1777593600) /* 2026-05-01 */

struct rows {
	int first, end;		/* the rows that there are: first … end - 1 */
	int64_t (*when)(int n); /* seconds since 1970 */
	int pad;		/* bytes that a text has besides … */
	int padded;		/* … in this row; 0: in each */
	int most;		/* more at once are too large; 0: never */
	bool no_before;		/* before_ts is not known */
	int status;		/* of every answer, unless 0 … */
	const char *retry;	/* … with "Retry-After", this; or NULL */
	int upload;		/* the row of a file; 0: none */
	int64_t clock_s;	/* the platform's, for Date; 0: none */
	uint64_t fail_at; /* the answer with this number, from 1, is 503 */
	uint64_t asked;
};

static inline int64_t rows_each_second(int n)
{
	return ROWS_START + n;
}

/* Two ids at a time may be in use. */
static inline const char *row_id(int n)
{
	static char ids[2][48];
	static unsigned int turn;
	char *id = ids[turn++ % 2];

	snprintf(id, sizeof(ids[0]), ROWS_ID "%012d", n);
	return id;
}

/* The row with this id; -1 when it is none of these. */
static inline int row_number(const char *id)
{
	size_t len = strlen(ROWS_ID);

	return strncmp(id, ROWS_ID, len) == 0 ? (int)strtol(id + len, NULL, 10)
					      : -1;
}

static inline const char *rows_time(int64_t seconds)
{
	static char text[32];
	time_t when = (time_t)seconds;
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

/* A condition of the question, decoded; "" when it is absent. */
static inline void rows_query(const char *target, const char *name, char *out,
			      size_t cap)
{
	char key[32];
	const char *at = target;
	size_t len = 0;

	snprintf(key, sizeof(key), "%s=", name);
	while ((at = strstr(at, key)) != NULL && at[-1] != '?' && at[-1] != '&')
		at++;
	for (at = at ? at + strlen(key) : "";
	     *at && *at != '&' && len + 1 < cap; at++) {
		char hex[3] = { at[0], at[0] == '%' ? at[1] : '\0', '\0' };

		if (*at == '%') {
			hex[0] = at[1];
			hex[1] = at[2];
			out[len++] = (char)strtol(hex, NULL, 16);
			at += 2;
		} else {
			out[len++] = *at;
		}
	}
	out[len] = '\0';
}

/* Appends row n to the text; its new length. */
static inline size_t rows_print(const struct rows *rows, int n, char *text,
				size_t len)
{
	bool upload = n > 0 && n == rows->upload;
	int pad = rows->padded == 0 || rows->padded == n ? rows->pad : 0;

	len += (size_t)sprintf(
		text + len,
		"%s{\"id\":\"%s\",\"activity_type\":\"a2a_receive\","
		"\"method\":\"%s\",\"source_id\":null,%s"
		"\"created_at\":\"%s\",\"summary\":\"m%d",
		len > 1 ? "," : "", row_id(n),
		upload ? "chat_upload_receive" : "message/send",
		upload ? "\"request_body\":{\"uri\":\"p:f\","
			 "\"name\":\"f\"},"
		       : "",
		rows_time(rows->when(n)), n);
	memset(text + len, ' ', (size_t)pad);
	len += (size_t)pad;
	return len + (size_t)sprintf(text + len, "\"}");
}

/* The same as http_reply, from a server with a clock of its own. */
static inline void rows_send_dated(struct http_incoming *request,
				   int64_t seconds, const char *body,
				   size_t len)
{
	struct stream *stream = http_conn_stream(request->conn);
	char head[256], date[64];
	time_t when = (time_t)seconds;
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %zu\r\n"
		 "Connection: close\r\n\r\n",
		 date, len);
	CHECK_EQ(stream_write(stream, head, strlen(head), DEADLINE_NEVER), 0);
	CHECK_EQ(stream_write(stream, body, len, DEADLINE_NEVER), 0);
}

/* Answers with rows, from `from` on in steps of `step`. */
static inline void rows_send(const struct rows *rows,
			     struct http_incoming *request, int from, int step,
			     int limit)
{
	char *text = malloc(3 + (size_t)limit * (256 + (size_t)rows->pad));
	size_t len = (size_t)sprintf(text, "[");

	for (int n = from; n >= rows->first && n < rows->end && limit > 0;
	     n += step, limit--)
		len = rows_print(rows, n, text, len);
	text[len++] = ']';
	if (rows->clock_s)
		rows_send_dated(request, rows->clock_s, text, len);
	else
		http_reply(request->conn, 200, NULL, "application/json", text,
			   len);
	free(text);
}

/* An answer that is too much to be read. */
static inline void rows_send_huge(struct http_incoming *request)
{
	size_t len = 3 * 300000;
	char *text = malloc(len + 1);

	for (size_t i = 0; i < len; i += 3)
		memcpy(text + i, "[],", 3);
	memmove(text + 1, text, len - 1);
	text[0] = '[';
	text[len] = ']';
	http_reply(request->conn, 200, NULL, "application/json", text, len + 1);
	free(text);
}

/* The newest row that is strictly older than before_ts. */
static inline int rows_newest(const struct rows *rows, const char *target)
{
	int n = rows->end - 1;
	char before[64];
	int64_t limit;

	rows_query(target, "before_ts", before, sizeof(before));
	if (rows->no_before || !rfc3339_seconds(before, &limit))
		return n;
	while (n >= rows->first && rows->when(n) >= limit)
		n--;
	return n;
}

static inline void rows_answer(struct rows *rows, struct http_incoming *request)
{
	const char *target = request->head->target;
	char cursor[300], text[16];
	int limit, after;

	rows->asked++;
	rows_query(target, "limit", text, sizeof(text));
	limit = (int)strtol(text, NULL, 10);
	limit = limit <= 0 ? 100 : limit > 500 ? 500 : limit;
	rows_query(target, "since_id", cursor, sizeof(cursor));
	after = row_number(cursor);
	if (rows->status && rows->retry)
		http_reply(request->conn, rows->status,
			   (const char *const[]){ "Retry-After", rows->retry,
						  NULL },
			   "application/json", "{}", 2);
	else if (rows->asked == rows->fail_at || rows->status)
		world_json(request, rows->status ? rows->status : 503, "{}");
	else if (*cursor && after < 0)
		world_json(request, 500,
			   "{\"error\":\"cursor lookup failed\"}");
	else if (*cursor && (after < rows->first || after >= rows->end))
		world_json(request, 410, "{\"error\":\"gone\"}");
	else if (rows->most && limit > rows->most)
		rows_send_huge(request);
	else if (*cursor)
		rows_send(rows, request, after + 1, 1, limit);
	else
		rows_send(rows, request, rows_newest(rows, target), -1, limit);
}

#endif
