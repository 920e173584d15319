// SPDX-License-Identifier: MIT
#include "net/http_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first allocation for a body of unknown length, and the largest one on
 * the word of a Content-Length alone. */
#define BODY_CAP_FIRST 1024
#define BODY_CAP_TRUSTED (256u * 1024)

struct deadline http_pace_next(struct rt *rt, struct http_pace pace)
{
	if (pace.idle_ms == 0)
		return pace.total;
	return deadline_earlier(rt, pace.total,
				deadline_in_ms(rt, pace.idle_ms));
}

void http_reader_init(struct http_reader *reader, struct stream *stream)
{
	reader->stream = stream;
	reader->parser = (struct http1_parser){ 0 };
	reader->received = false;
	reader->pos = reader->end = reader->filled = 0;
}

void http_reader_begin(struct http_reader *reader, enum http1_kind kind,
		       const struct http1_limits *limits)
{
	http1_parser_free(&reader->parser);
	http1_parser_init(&reader->parser, kind, limits);
}

void http_reader_free(struct http_reader *reader)
{
	/* A read that failed may have left something beyond. */
	size_t used = reader->parser.stage == HTTP1_DONE ? reader->filled
							 : sizeof(reader->buf);
	http1_parser_free(&reader->parser);
	explicit_bzero(reader->buf, used);
}

void http_reader_filled(struct http_reader *reader, size_t len)
{
	reader->pos = 0;
	reader->end = len;
	reader->received = reader->received || len > 0;
	if (len > reader->filled)
		reader->filled = len;
}

/* Reads once into the empty buffer: 0, or an error, or at the end of the
 * stream what that means to the message (0: its end). */
static int fill(struct http_reader *r, struct deadline deadline)
{
	ssize_t n = stream_read(r->stream, r->buf, sizeof(r->buf), deadline);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return http1_eof(&r->parser);
	http_reader_filled(r, (size_t)n);
	return 0;
}

int http_reader_head(struct http_reader *reader, struct http_pace pace)
{
	struct http1_parser *p = &reader->parser;
	for (;;) {
		ssize_t n = http1_feed(p, reader->buf + reader->pos,
				       reader->end - reader->pos);
		if (n < 0)
			return (int)n;
		reader->pos += (size_t)n;
		if (p->stage != HTTP1_HEAD)
			return 0;
		int err =
			fill(reader, http_pace_next(reader->stream->rt, pace));
		if (err)
			return err;
	}
}

/* Body bytes out of the buffer, which is not empty. 0: only framing was. */
static ssize_t body_from_buffer(struct http_reader *r, void *buf, size_t cap)
{
	struct http1_parser *p = &r->parser;
	size_t len = r->end - r->pos;
	ssize_t n = http1_feed(p, r->buf + r->pos, len < cap ? len : cap);
	if (n < 0)
		return n;
	r->pos += (size_t)n;
	if (p->piece.len)
		memcpy(buf, p->piece.data, p->piece.len);
	return (ssize_t)p->piece.len;
}

/* Body bytes without framing between them, read to their place. */
static ssize_t body_direct(struct http_reader *r, void *buf, size_t cap,
			   struct deadline deadline)
{
	struct http1_parser *p = &r->parser;
	if (p->framing == HTTP1_LENGTH && cap > p->content_length - p->body_len)
		cap = (size_t)(p->content_length - p->body_len);
	ssize_t n = stream_read(r->stream, buf, cap, deadline);
	if (n == 0)
		return http1_eof(p);
	return n < 0 ? n : http1_feed(p, buf, (size_t)n);
}

ssize_t http_reader_body(struct http_reader *reader, void *buf, size_t cap,
			 struct deadline deadline)
{
	struct http1_parser *p = &reader->parser;
	if (cap == 0)
		return -EINVAL;
	while (p->stage != HTTP1_DONE) {
		ssize_t n;
		if (reader->pos < reader->end)
			n = body_from_buffer(reader, buf, cap);
		else if (p->framing == HTTP1_CHUNKED)
			n = fill(reader, deadline);
		else
			n = body_direct(reader, buf, cap, deadline);
		if (n != 0)
			return n;
	}
	return 0;
}

struct body {
	char *data;
	size_t len, cap; /* cap without the NUL */
};

static void body_free(struct body *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	free(b->data);
}

/* Moves the body to room of `cap`; what it leaves is wiped. */
static int body_grow(struct body *b, size_t cap)
{
	char *data = malloc(cap + 1);
	if (!data)
		return -ENOMEM;
	if (b->len)
		memcpy(data, b->data, b->len);
	body_free(b);
	b->data = data;
	b->cap = cap;
	return 0;
}

static size_t first_cap(const struct http1_parser *p)
{
	if (p->framing == HTTP1_NO_BODY)
		return 0;
	if (p->framing != HTTP1_LENGTH)
		return BODY_CAP_FIRST;
	return p->content_length < BODY_CAP_TRUSTED ? (size_t)p->content_length
						    : BODY_CAP_TRUSTED;
}

int http_reader_collect(struct http_reader *reader, char **body, size_t *len,
			struct http_pace pace)
{
	struct http1_parser *p = &reader->parser;
	struct body b = { 0 };
	ssize_t n = body_grow(&b, first_cap(p));
	while (n >= 0 && p->stage != HTTP1_DONE) {
		if (b.len == b.cap)
			n = body_grow(&b, b.cap * 2);
		if (n < 0)
			break;
		n = http_reader_body(reader, b.data + b.len, b.cap - b.len,
				     http_pace_next(reader->stream->rt, pace));
		if (n > 0)
			b.len += (size_t)n;
	}
	if (n < 0) {
		body_free(&b);
		return (int)n;
	}
	b.data[b.len] = '\0';
	*body = b.data;
	*len = b.len;
	return 0;
}
