// SPDX-License-Identifier: MIT
/* The server's answers: see net/http_server.h. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "net/http_conn.h"
#include "net/http_date.h"
#include "runtime/rt.h"

/* Bodies up to this size go out in one write with the head. */
#define INLINE_MAX (16u * 1024)

static int conn_write(struct http_conn *conn, const void *data, size_t len)
{
	if (conn->broken)
		return -EPIPE;
	int err = stream_write(
		conn->stream, data, len,
		deadline_in_ms(conn->stream->rt, HTTP_SERVER_WRITE_MS));
	conn->broken = conn->broken || err != 0;
	return err;
}

/* The handler's fields; Connection is taken note of and not written. */
static void write_fields(struct http_conn *conn, struct http1_writer *w,
			 const char *const *fields)
{
	for (; fields && fields[0]; fields += 2) {
		if (strcasecmp(fields[0], "Connection") == 0) {
			if (http1_has_token(fields[1], "close"))
				conn->close = true;
			continue;
		}
		if (strcasecmp(fields[0], "Content-Length") == 0 ||
		    strcasecmp(fields[0], "Transfer-Encoding") == 0)
			w->err = -EINVAL;
		http1_write_field(w, fields[0], fields[1]);
	}
}

/* All of the head that a whole and a streamed answer have in common. */
static void write_head(struct http_conn *conn, struct http1_writer *w,
		       int status, const char *const *fields,
		       const char *content_type)
{
	char date[HTTP_DATE_SIZE];
	const struct http1_parser *request = &conn->reader.parser;
	http_date(date, clock_wall(conn->stream->rt) / CLOCK_NS_PER_S);
	/* Interim answers are the server's business. */
	http1_write_status(w, status < 200 ? 0 : status, NULL);
	http1_write_field(w, "Date", date);
	if (content_type)
		http1_write_field(w, "Content-Type", content_type);
	write_fields(conn, w, fields);
	if (conn->close)
		http1_write_field(w, "Connection", "close");
	else if (request->version_minor == 0)
		http1_write_field(w, "Connection", "keep-alive");
}

/* RFC 9110 section 6.4.1. */
static bool has_no_body(const struct http_conn *conn, int status)
{
	const char *method = conn->reader.parser.method;
	return status == 204 || status == 304 ||
	       (method && strcmp(method, "HEAD") == 0);
}

int http_reply(struct http_conn *conn, int status, const char *const *fields,
	       const char *content_type, const void *body, size_t len)
{
	struct http1_writer w = { 0 };
	bool close = conn->close;
	if (conn->answer != HTTP_ANSWER_NONE)
		return -EALREADY;
	write_head(conn, &w, status, fields, content_type);
	if (status != 204 && (status != 304 || len > 0))
		http1_write_field_u64(&w, "Content-Length", len);
	if (has_no_body(conn, status))
		len = 0;
	bool small = len <= INLINE_MAX;
	http1_write_end(&w, body, small ? len : 0);
	int err = w.err;
	if (err) {
		conn->close = close;
	} else {
		conn->answer = HTTP_ANSWER_DONE;
		err = conn_write(conn, w.data, w.len);
		if (!err && !small)
			err = conn_write(conn, body, len);
	}
	http1_writer_free(&w);
	return err;
}

int http_reply_start(struct http_conn *conn, int status,
		     const char *const *fields, const char *content_type,
		     bool chunked)
{
	struct http1_writer w = { 0 };
	bool close = conn->close;
	if (conn->answer != HTTP_ANSWER_NONE)
		return -EALREADY;
	conn->bodiless = has_no_body(conn, status);
	conn->chunked = chunked && !conn->bodiless &&
			conn->reader.parser.version_minor > 0;
	if (!conn->chunked && !conn->bodiless)
		conn->close = true;
	write_head(conn, &w, status, fields, content_type);
	if (conn->chunked)
		http1_write_field(&w, "Transfer-Encoding", "chunked");
	http1_write_end(&w, NULL, 0);
	int err = w.err;
	if (err) {
		conn->close = close;
	} else {
		conn->answer = HTTP_ANSWER_OPEN;
		err = conn_write(conn, w.data, w.len);
	}
	http1_writer_free(&w);
	return err;
}

static int write_chunk(struct http_conn *conn, const void *data, size_t len)
{
	struct http1_writer w = { 0 };
	http1_write_chunk(&w, data, len);
	int err = w.err ? w.err : conn_write(conn, w.data, w.len);
	http1_writer_free(&w);
	return err;
}

int http_reply_write(struct http_conn *conn, const void *data, size_t len)
{
	if (conn->answer != HTTP_ANSWER_OPEN)
		return -EPIPE;
	/* An empty chunk would be the last one. */
	if (len == 0 || conn->bodiless)
		return 0;
	return conn->chunked ? write_chunk(conn, data, len)
			     : conn_write(conn, data, len);
}

int http_reply_end(struct http_conn *conn)
{
	if (conn->answer != HTTP_ANSWER_OPEN)
		return -EPIPE;
	conn->answer = HTTP_ANSWER_DONE;
	return conn->chunked ? conn_write(conn, "0\r\n\r\n", 5) : 0;
}

const struct sockaddr_storage *http_conn_peer(const struct http_conn *conn)
{
	return &conn->peer;
}

struct stream *http_conn_stream(struct http_conn *conn)
{
	return conn->stream;
}
