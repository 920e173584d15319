// SPDX-License-Identifier: MIT
/*
 * http_reader - HTTP messages off a stream, one after the other, by way of
 * one small buffer. Under both the client and the server.
 *
 *	http_reader_init(&r, stream);
 *	http_reader_begin(&r, HTTP1_REQUEST, &limits);
 *	err = http_reader_head(&r, pace);	// then r.parser has the head
 *	err = http_reader_collect(&r, &body, &len, pace);
 *	http_reader_begin(&r, …);		// the next message
 *	http_reader_free(&r);
 *
 * What was read beyond the end of a message stays for the next. A body whose
 * length is known goes from the stream straight to where it is wanted.
 *
 * Errors: what the stream gave; those of http1_feed; -ENODATA when the stream
 * ended before a message, -EPROTO when it ended within one. -ETIMEDOUT leaves
 * the reader usable, other errors do not.
 */
#ifndef NET_HTTP_READER_H
#define NET_HTTP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/stream.h"
#include "proto/http1.h"
#include "runtime/clock.h"

struct rt;

/* Holds the head and the whole of a usual answer. */
#define HTTP_READER_BUFFER 4096

/* By when all must be done, and how long to wait for any byte (0: no limit of
 * its own). */
struct http_pace {
	struct deadline total;
	uint32_t idle_ms;
};

/* The deadline of one read or write that begins now. */
struct deadline http_pace_next(struct rt *rt, struct http_pace pace);

struct http_reader {
	struct stream *stream; /* borrowed */
	struct http1_parser parser;
	bool received;	 /* some byte was ever read */
	size_t pos, end; /* of what was read and not yet parsed, in buf */
	size_t filled;	 /* as much of buf as ever was */
	char buf[HTTP_READER_BUFFER];
};

/* Readies a reader in the caller's storage; buf is left as it is. */
void http_reader_init(struct http_reader *reader, struct stream *stream);
/* Drops the last message, if any, and readies the parser for the next. */
void http_reader_begin(struct http_reader *reader, enum http1_kind kind,
		       const struct http1_limits *limits);
/* Wipes and frees what the reader holds; not the stream. */
void http_reader_free(struct http_reader *reader);

/* Takes note of `len` bytes that the caller had read into buf. */
void http_reader_filled(struct http_reader *reader, size_t len);

/* Reads until the head is whole. 0 or an error. Parks. */
int http_reader_head(struct http_reader *reader, struct http_pace pace);

/* Reads body bytes: 1 to cap, or 0 at the end of the body, or an error.
 * Parks, unless some are there already. */
ssize_t http_reader_body(struct http_reader *reader, void *buf, size_t cap,
			 struct deadline deadline);

/* Reads the rest of the body into memory of its own: *body, NUL-terminated
 * beyond *len, the caller's to free(). On failure there is none. Parks. */
int http_reader_collect(struct http_reader *reader, char **body, size_t *len,
			struct http_pace pace);

#endif
