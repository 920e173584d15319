// SPDX-License-Identifier: MIT
/*
 * A request goes out in one of two ways. A small one is a single exchange:
 * head and body are written and the first of the answer read as one operation.
 * For a large body one task writes while another reads: a server that answers
 * before it has read everything (413, 401) is heard at once, and neither side
 * waits for the other for ever. Whichever has the last word cancels the other.
 *
 * What an answer needs stays with its connection for the next one, wiped.
 */
#include "net/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/http_call.h"
#include "net/http_lane.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define SOURCE_PIECE (16u * 1024)
#define BODY_PIECE (64u * 1024)
/* What goes out as one exchange mostly fits. */
#define OUT_CAP 640u

/* One http_fetch or http_open. */
struct call {
	struct pool *pool;
	const struct http_request *request;
	struct http1_writer out; /* the head, and the body if that is small */
	size_t body_max;
	struct http_pace pace;
	enum http_phase phase;
};

static bool is_method(const struct http_request *request, const char *method)
{
	return strcmp(request->method, method) == 0;
}

static bool has_body(const struct http_request *request)
{
	return request->body || request->source;
}

/* The start line: url->path and target in one, "/" when both are empty. */
static void write_request(struct http1_writer *w,
			  const struct http_request *request)
{
	const char *path = request->url->path;
	const char *target = request->target ? request->target : "";
	const char *slash = *path || *target == '/' ? "" : "/";
	char *joined;
	if (!*path && !*slash) {
		http1_write_request(w, request->method, target);
		return;
	}
	if (asprintf(&joined, "%s%s%s", slash, path, target) < 0) {
		w->err = -ENOMEM;
		return;
	}
	http1_write_request(w, request->method, joined);
	free(joined);
}

/* Whether a field has this name, given in lower case. */
static inline bool is_named(const char *name, const char *lower)
{
	return (*name | 0x20) == *lower && strcasecmp(name, lower) == 0;
}

/* Fields that are this file's business. */
static bool is_reserved(const char *name)
{
	static const char *const names[] = { "host",	   "content-length",
					     "connection", "transfer-encoding",
					     "upgrade",	   "expect",
					     "keep-alive", "te",
					     "trailer" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_named(name, names[i]))
			return true;
	return false;
}

static void write_fields(struct http1_writer *w,
			 const struct http_request *request)
{
	bool accept = false, agent = false;
	http1_write_field(w, "Host", request->url->authority);
	for (size_t i = 0; i < request->field_count; i++) {
		const struct http_field *field = &request->fields[i];
		if (is_reserved(field->name))
			w->err = -EINVAL;
		accept = accept || is_named(field->name, "accept");
		agent = agent || is_named(field->name, "user-agent");
		http1_write_field(w, field->name, field->value);
	}
	if (!accept)
		http1_write_field(w, "Accept", "*/*");
	if (!agent)
		http1_write_field(w, "User-Agent", HTTP_USER_AGENT);
	if (has_body(request) || is_method(request, "POST") ||
	    is_method(request, "PUT") || is_method(request, "PATCH"))
		http1_write_field_u64(w, "Content-Length",
				      has_body(request) ? request->body_len
							: 0);
}

bool http_call_is_large(const struct http_request *request)
{
	return request->source ||
	       (request->body && request->body_len > HTTP_INLINE_BODY_MAX);
}

int http_call_write(struct http1_writer *out,
		    const struct http_request *request)
{
	bool in_line = request->body && !http_call_is_large(request);
	if (request->field_count > HTTP_REQUEST_FIELDS_MAX)
		return -EINVAL;
	write_request(out, request);
	write_fields(out, request);
	http1_write_end(out, in_line ? request->body : NULL,
			in_line ? request->body_len : 0);
	return out->err;
}

struct http_pace http_call_pace(const struct http_request *request,
				struct deadline total)
{
	return (struct http_pace){ .total = total,
				   .idle_ms = request->idle_ms
						      ? request->idle_ms
						      : HTTP_IDLE_MS };
}

static bool is_closed(int err)
{
	return err == -ECONNRESET || err == -EPIPE;
}

/* Head and body in one exchange, then the rest of the answer's head. */
static int send_small(struct call *c, struct http_stream *s)
{
	struct http_reader *r = &s->reader;
	ssize_t n = stream_exchange(r->stream, c->out.data, c->out.len, r->buf,
				    sizeof(r->buf), &s->sent,
				    http_pace_next(r->stream->rt, c->pace));
	if (is_closed((int)n) && !s->sent) {
		/* It may have answered before it closed. */
		n = stream_read(r->stream, r->buf, sizeof(r->buf),
				http_pace_next(r->stream->rt, c->pace));
	}
	if (n == 0 || is_closed((int)n))
		return -ECONNRESET;
	if (n < 0)
		return (int)n;
	http_reader_filled(r, (size_t)n);
	return http_reader_head(r, c->pace);
}

/* What the two tasks of a large request share. */
struct upload {
	struct call *call;
	struct http_stream *stream;
	struct scope scope;
	bool written;  /* the writing is over, one way or the other */
	int write_err; /* what ended it, but for a closed connection */
	int read_err;  /* 0: the head of an answer is there */
};

static ssize_t source_piece(const struct http_request *request, char *buf,
			    size_t left)
{
	size_t cap = left < SOURCE_PIECE ? left : SOURCE_PIECE;
	ssize_t n = request->source(request->source_arg, buf, cap);
	if (n == 0 || n > (ssize_t)cap)
		return -EIO;
	return n;
}

/* Writes the body, `buf` is for what a source gives. */
static int write_body(struct call *c, struct stream *stream, char *buf)
{
	const struct http_request *request = c->request;
	size_t left = request->body_len;
	const char *body = request->body;
	while (left > 0) {
		size_t len = left < BODY_PIECE ? left : BODY_PIECE;
		const char *piece = body;
		if (request->source) {
			ssize_t n = source_piece(request, buf, left);
			if (n < 0)
				return (int)n;
			len = (size_t)n;
			piece = buf;
		} else {
			body += len;
		}
		int err = stream_write(stream, piece, len,
				       http_pace_next(stream->rt, c->pace));
		if (err)
			return err;
		left -= len;
	}
	return 0;
}

static int write_large(struct call *c, struct stream *stream)
{
	char *buf = NULL;
	if (c->request->source) {
		buf = malloc(SOURCE_PIECE);
		if (!buf)
			return -ENOMEM;
	}
	int err = stream_write(stream, c->out.data, c->out.len,
			       http_pace_next(stream->rt, c->pace));
	if (!err)
		err = write_body(c, stream, buf);
	if (buf)
		explicit_bzero(buf, SOURCE_PIECE);
	free(buf);
	return err;
}

static void upload_writer(struct rt *rt, void *arg)
{
	struct upload *u = arg;
	(void)rt;
	int err = write_large(u->call, u->stream->reader.stream);
	u->stream->sent = err == 0;
	u->written = true;
	/* From a closed connection the reader learns, or gets an answer. */
	if (err && !is_closed(err)) {
		u->write_err = err;
		scope_cancel(&u->scope, -ECANCELED);
	}
}

/* While the body is being written the peer may be silent: then the writer's
 * own limit holds, and idle time counts from when it is through. */
static void upload_reader(struct rt *rt, void *arg)
{
	struct upload *u = arg;
	bool written;
	do {
		written = u->written;
		u->read_err =
			http_reader_head(&u->stream->reader, u->call->pace);
	} while (u->read_err == -ETIMEDOUT && !written && !task_cancelled(rt) &&
		 deadline_left_ns(rt, u->call->pace.total) > 0);
	if (!u->written)
		scope_cancel(&u->scope, -ECANCELED);
}

static int send_large(struct call *c, struct http_stream *s)
{
	struct rt *rt = s->reader.stream->rt;
	struct upload u = { .call = c, .stream = s, .read_err = -ECANCELED };
	scope_open(rt, &u.scope, DEADLINE_NEVER);
	int err = task_spawn(&u.scope, "http upload", TASK_STACK_NORMAL,
			     upload_writer, &u);
	if (!err)
		err = task_spawn(&u.scope, "http answer", TASK_STACK_NORMAL,
				 upload_reader, &u);
	if (err)
		scope_close(&u.scope);
	else
		(void)scope_join(&u.scope);
	if (err)
		return err;
	if (task_cancelled(rt))
		return task_cancelled(rt);
	/* A write that the reader has cancelled is no error. */
	if (u.read_err == 0)
		return 0;
	if (u.write_err && u.write_err != -ECANCELED)
		return u.write_err;
	if (u.read_err == -ENODATA || is_closed(u.read_err))
		return -ECONNRESET;
	return u.read_err;
}

void http_call_drop(struct http_stream *stream, bool reusable)
{
	struct pool_conn *conn = stream->conn;

	http_reader_free(&stream->reader);
	conn->scratch = stream;
	pool_give(stream->pool, conn, reusable);
}

/* The memory that stays with the connection is taken too. */
int http_call_take(struct pool *pool, const struct http_request *request,
		   bool fresh, struct deadline total, struct http_stream **out)
{
	struct pool_conn *conn;
	int err = pool_take(pool, request->url,
			    (fresh ? POOL_FRESH : 0) |
				    (request->urgent ? POOL_URGENT : 0),
			    &conn, total);
	if (err)
		return err;
	struct http_stream *s = conn->scratch;
	if (!s)
		s = malloc(sizeof(*s));
	if (!s) {
		pool_give(pool, conn, true);
		return -ENOMEM;
	}
	conn->scratch = NULL;
	s->pool = pool;
	s->conn = conn;
	s->sent = s->failed = false;
	http_reader_init(&s->reader, conn->stream);
	*out = s;
	return 0;
}

size_t http_call_body_max(const struct http_request *request)
{
	return request->body_max ? request->body_max : HTTP_RESPONSE_BODY_MAX;
}

void http_call_expect(struct http_stream *stream,
		      const struct http_request *request, size_t body_max)
{
	http_reader_begin(&stream->reader, HTTP1_RESPONSE,
			  &(struct http1_limits){ .body_max = body_max });
	stream->reader.parser.bodiless = is_method(request, "HEAD");
}

/* One try on one connection. On failure *retry says whether the connection
 * was found closed so that trying again can do nothing twice. */
static int attempt(struct call *c, bool fresh, struct http_stream **out,
		   bool *retry)
{
	const struct http_request *request = c->request;
	struct http_stream *s;
	c->phase = HTTP_PHASE_CONNECT;
	int err = http_call_take(c->pool, request, fresh, c->pace.total, &s);
	if (err)
		return err;
	http_call_expect(s, request, c->body_max);

	err = http_call_is_large(request) ? send_large(c, s) : send_small(c, s);
	c->phase = s->sent ? HTTP_PHASE_RECEIVE : HTTP_PHASE_SEND;
	if (!err) {
		*out = s;
		return 0;
	}
	bool idempotent = request->idempotent || is_method(request, "GET") ||
			  is_method(request, "HEAD");
	*retry = err == -ECONNRESET && s->conn->reused && !s->reader.received &&
		 (idempotent || !s->sent) && !request->source;
	http_call_drop(s, false);
	return err;
}

/* Sends the request, again if that is safe, and reads the answer's head. */
static int begin(struct call *c, struct http_stream **out)
{
	bool retry = false;
	c->phase = HTTP_PHASE_CONNECT;
	char space[OUT_CAP];
	http1_writer_on(&c->out, space, sizeof(space));
	int err = http_call_write(&c->out, c->request);
	if (!err)
		err = attempt(c, false, out, &retry);
	if (err && retry)
		err = attempt(c, true, out, &retry);
	http1_writer_free(&c->out);
	return err;
}

int http_call_collect(struct http_stream *stream,
		      struct http_response *response, struct http_pace pace)
{
	struct http1_parser *p = &stream->reader.parser;
	int err = http_reader_collect(&stream->reader, &response->body,
				      &response->body_len, pace);
	stream->failed = err != 0;
	if (err)
		return err;
	response->status = p->status;
	response->head = *p;
	/* Taken: the stream must not free it. */
	p->head = NULL;
	p->fields = NULL;
	return 0;
}

int http_fetch(struct pool *pool, const struct http_request *request,
	       struct http_response *response, enum http_phase *phase,
	       struct deadline total)
{
	struct call c = { .pool = pool,
			  .request = request,
			  .body_max = http_call_body_max(request),
			  .pace = http_call_pace(request, total) };
	struct http_stream *s = NULL;
	int err = HTTP_LANE_ALONE;
	*response = (struct http_response){ 0 };
	if (request->lanes)
		err = http_lane_fetch(request->lanes, pool, request, response,
				      &c.phase, total);
	if (err == HTTP_LANE_ALONE) {
		err = begin(&c, &s);
		if (!err) {
			err = http_call_collect(s, response, c.pace);
			http_close(s);
		}
	}
	if (phase)
		*phase = c.phase;
	return err;
}

void http_response_free(struct http_response *response)
{
	http1_parser_free(&response->head);
	if (response->body)
		explicit_bzero(response->body, response->body_len);
	free(response->body);
	response->body = NULL;
	response->body_len = 0;
}

int http_open(struct pool *pool, const struct http_request *request,
	      struct http_stream **out, int *status, struct deadline deadline)
{
	struct call c = { .pool = pool,
			  .request = request,
			  .body_max = SIZE_MAX,
			  .pace = http_call_pace(request, deadline) };
	int err = begin(&c, out);
	if (!err)
		*status = (*out)->reader.parser.status;
	return err;
}

void http_keep(struct http_stream *stream)
{
	pool_keep(stream->conn);
}

const struct http1_parser *http_head(const struct http_stream *stream)
{
	return &stream->reader.parser;
}

ssize_t http_read(struct http_stream *stream, void *buf, size_t cap,
		  struct deadline deadline)
{
	ssize_t n = http_reader_body(&stream->reader, buf, cap, deadline);
	if (n < 0 && n != -ETIMEDOUT)
		stream->failed = true;
	return n;
}

bool http_call_is_over(const struct http_stream *stream)
{
	const struct http1_parser *p = &stream->reader.parser;
	return !stream->failed && stream->sent && p->stage == HTTP1_DONE &&
	       p->keep_alive;
}

void http_close(struct http_stream *stream)
{
	const struct http_reader *r = &stream->reader;
	http_call_drop(stream, http_call_is_over(stream) && r->pos == r->end);
}

const char *http_error_text(int err)
{
	static const struct {
		int err;
		const char *text;
	} texts[] = {
		{ ECONNREFUSED, "connection refused" },
		{ ECONNRESET, "the other side closed the connection" },
		{ EPIPE, "the other side closed the connection" },
		{ ECONNABORTED, "the connection was aborted" },
		{ ETIMEDOUT, "no answer in time" },
		{ ENOENT, "the host name does not exist" },
		{ EAGAIN, "the host name cannot be looked up now" },
		{ EHOSTUNREACH, "the host cannot be reached" },
		{ ENETUNREACH, "the network cannot be reached" },
		{ ENETDOWN, "the network is down" },
		{ EADDRNOTAVAIL, "no local address can reach the host" },
		{ EPROTO, "the answer was cut short" },
		{ EBADMSG, "the answer is not valid HTTP" },
		{ EMSGSIZE, "the answer is too large" },
		{ EINVAL, "the request has something that HTTP cannot carry" },
		{ EIO, "the data to send could not be read" },
		{ EKEYREJECTED, "TLS with the other side could not be agreed" },
		{ ENOKEY, "the proxy wants credentials" },
		{ EREMOTEIO, "the proxy did not connect" },
		{ ECANCELED, "cancelled" },
		{ ENOMEM, "out of memory" },
		{ EMFILE, "too many open files" },
		{ ENFILE, "too many open files on this machine" },
		{ EACCES, "not permitted by this machine" },
		{ EPERM, "not permitted by this machine" },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].err == -err)
			return texts[i].text;
	return "the request failed";
}
