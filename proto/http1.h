// SPDX-License-Identifier: MIT
/*
 * http1 - HTTP/1.1 messages (RFC 9112), bytes in and values out, no I/O.
 *
 * A struct http1_parser takes the bytes of one message in pieces of any size
 * and gives its head (start line and fields) as soon as that is whole, then
 * the body in place, decoded: by Content-Length, chunked with trailers, or up
 * to the end of the connection. It is strict where leniency is a hole
 * (RFC 9112 section 11: both length fields, repeated differing lengths, bare
 * CR or LF, white space before the colon, obs-fold) and bounded everywhere.
 *
 *	http1_parser_init(&p, HTTP1_RESPONSE, &limits);
 *	while (p.stage != HTTP1_DONE && (more bytes in buf)) {
 *		n = http1_feed(&p, buf, len);	// < 0: malformed, over a limit
 *		use(p.piece.data, p.piece.len);
 *		buf += n, len -= n;
 *	}
 *	// DONE: what is left in buf belongs to the next message
 *
 * The parser keeps the head in memory of its own (http1_parser_free); body
 * bytes are only pointed to. Trailers are checked and dropped. The writer
 * below makes heads that such a parser accepts.
 */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Start line and fields, bytes; the interim responses before a final one
 * count too. Trailers have as much again. */
#define HTTP1_HEAD_MAX (64u * 1024)
#define HTTP1_FIELDS_MAX 100
/* A chunk's size line, extensions included. */
#define HTTP1_CHUNK_LINE_MAX 4096

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

/* Where the parser stands. */
enum http1_stage {
	HTTP1_HEAD, /* the head is not yet whole */
	HTTP1_BODY, /* head is valid, body bytes may come */
	HTTP1_DONE, /* the message is complete */
};

enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH,  /* Content-Length */
	HTTP1_CHUNKED, /* Transfer-Encoding: chunked */
	HTTP1_CLOSE,   /* until the end of the connection */
};

struct http1_span {
	const char *data;
	size_t len;
};

struct http1_field {
	const char *name;  /* lower case, NUL-terminated */
	const char *value; /* trimmed, NUL-terminated */
};

struct http1_limits {
	size_t head_max; /* 0: HTTP1_HEAD_MAX */
	size_t body_max; /* decoded bytes; 0: none are accepted */
};

struct http1_parser {
	enum http1_kind kind;
	enum http1_stage stage;
	struct http1_limits limits;

	/* Set by the caller before the head is fed: the answer to a HEAD
	 * request, or to a successful CONNECT, has no body. */
	bool bodiless;

	/* Valid from HTTP1_BODY on, until http1_parser_free. */
	int version_minor;  /* HTTP/1.<this> */
	int status;	    /* responses */
	const char *reason; /* responses; may be "" */
	const char *method; /* requests */
	const char *target; /* requests */
	struct http1_field *fields;
	size_t field_count;
	enum http1_framing framing;
	uint64_t content_length; /* HTTP1_LENGTH */
	bool keep_alive;	 /* the connection may be used again after it */
	bool expect_continue;	 /* requests: the body waits for a 100 */

	/* The body bytes that the last http1_feed found, within the caller's
	 * buffer. */
	struct http1_span piece;
	uint64_t body_len; /* decoded so far */

	/* The parser's own. */
	char *head;
	size_t head_len, head_cap;
	size_t line_start; /* of the line under way, in head */
	size_t line_len;   /* of the chunk's size line under way */
	size_t overhead;   /* bytes of heads so far; then of trailers */
	uint64_t left;	   /* of the body or the chunk */
	int state;
	int err; /* the final error, once there is one */
};

/* Readies a parser in the caller's storage. Allocates nothing. `limits` is
 * copied. */
void http1_parser_init(struct http1_parser *parser, enum http1_kind kind,
		       const struct http1_limits *limits);
/* Wipes and frees the head. Harmless on an all-zero parser, and twice. */
void http1_parser_free(struct http1_parser *parser);

/* Consumes up to `len` bytes: as far as the end of the head, the end of a
 * body piece, or the end of the message, whichever comes first. Returns how
 * many were consumed (at least one of len > 0 while stage is not DONE; call
 * again with the rest), or -EBADMSG (malformed), -EMSGSIZE (over a limit),
 * -ENOMEM; errors are final. The stage then tells a head that is too large
 * (HTTP1_HEAD) from a body that is (HTTP1_BODY, and the head is valid); a
 * Content-Length above body_max is refused with the head, before any of the
 * body. Interim responses (1xx except 101) are skipped inside. */
ssize_t http1_feed(struct http1_parser *parser, const char *buf, size_t len);

/* The connection ended. 0 when that is a proper end of the message (stage is
 * then DONE), -ENODATA when nothing of the message had come, -EPROTO when it
 * was cut short; after an error of http1_feed, that error. */
int http1_eof(struct http1_parser *parser);

/* The value of a field (name in lower case), NULL when absent. Fields that
 * come several times: the first. */
const char *http1_field(const struct http1_parser *parser, const char *name);

/* Whether a comma-separated list has `token` (in lower case) among its
 * members, whatever their case (RFC 9110 section 5.6.1). */
bool http1_has_token(const char *list, const char *token);

/* A growing, bounded buffer in which a message head is written. All zero is
 * empty and ready. Errors stick: look at err once, after http1_write_end. */
struct http1_writer {
	char *data;
	size_t len, cap;
	int err;   /* -EINVAL, -EMSGSIZE (head over HTTP1_HEAD_MAX), -ENOMEM */
	bool lent; /* data is the caller's */
};

/* Readies a writer that begins in the caller's `cap` bytes, and takes memory of
 * its own only for more. */
void http1_writer_on(struct http1_writer *writer, char *buf, size_t cap);

/* The start line, always HTTP/1.1. -EINVAL for a method that is no token, or
 * a target with white space, control characters, '#' or bytes beyond ASCII. */
void http1_write_request(struct http1_writer *writer, const char *method,
			 const char *target);
/* status 100 to 999; reason NULL: the standard phrase. */
void http1_write_status(struct http1_writer *writer, int status,
			const char *reason);
/* Refuses (err = -EINVAL) names and values that would break the framing. */
void http1_write_field(struct http1_writer *writer, const char *name,
		       const char *value);
void http1_write_field_u64(struct http1_writer *writer, const char *name,
			   uint64_t value);
/* Ends the head, and appends the body (may be NULL when len is 0). */
void http1_write_end(struct http1_writer *writer, const void *body, size_t len);
/* A whole chunk of a chunked body (RFC 9112 section 7.1); len > 0. */
void http1_write_chunk(struct http1_writer *writer, const void *data,
		       size_t len);
/* Wipes the buffer, for it may have held a token, and frees its own. */
void http1_writer_free(struct http1_writer *writer);

/* The standard phrase of a status, "Unknown" if it has none here. */
const char *http1_reason(int status);

#endif
