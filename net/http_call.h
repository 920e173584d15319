// SPDX-License-Identifier: MIT
/*
 * http_call - what the ways of sending a request have in common: how it is
 * written, the connection with what stays beside it, how a whole answer is
 * taken.
 *
 * For http_client.c and http_lane.c.
 */
#ifndef NET_HTTP_CALL_H
#define NET_HTTP_CALL_H

#include "net/http_client.h"
#include "net/http_reader.h"

struct http_stream {
	struct pool *pool;
	struct pool_conn *conn;
	bool sent;   /* the request went out whole */
	bool failed; /* good only for closing */
	struct http_reader reader;
};

/* Whether its body is sent after the head, not with it. */
bool http_call_is_large(const struct http_request *request);

/* Appends the request, without a large body. 0; -EINVAL, -EMSGSIZE or -ENOMEM.
 * Does not park. */
int http_call_write(struct http1_writer *out,
		    const struct http_request *request);

/* By when, and how long to wait for any byte. */
struct http_pace http_call_pace(const struct http_request *request,
				struct deadline total);

/* Gets a connection with the reader at its beginning; errors as pool_take.
 * Parks. */
int http_call_take(struct pool *pool, const struct http_request *request,
		   bool fresh, struct deadline total, struct http_stream **out);

/* Readies the reader for the answer to this request. */
void http_call_expect(struct http_stream *stream,
		      const struct http_request *request, size_t body_max);

/* The rest of the answer whose head has been read. 0 or as http_reader_collect,
 * *response then being empty. Parks. */
int http_call_collect(struct http_stream *stream,
		      struct http_response *response, struct http_pace pace);

/* Gives the connection back. Parks only to close; always completes. */
void http_call_drop(struct http_stream *stream, bool reusable);

/* Whether the answer has been read to its end, and nothing stands against
 * using the connection for another. */
bool http_call_is_over(const struct http_stream *stream);

/* How much of an answer's body is taken. */
size_t http_call_body_max(const struct http_request *request);

#endif
