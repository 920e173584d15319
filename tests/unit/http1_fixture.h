// SPDX-License-Identifier: MIT
/* http1_fixture - what the tests of proto/http1 share: feeding, and the
 * beginnings of messages. */
#ifndef TESTS_UNIT_HTTP1_FIXTURE_H
#define TESTS_UNIT_HTTP1_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http1.h"

#define REQ HTTP1_REQUEST
#define RES HTTP1_RESPONSE
#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

struct result {
	char body[256];
	size_t body_len, used;
};

/* Feeds text[0..len), gathering the body. 0 or the error. */
static inline int feed(struct http1_parser *p, struct result *r,
		       const char *text, size_t len)
{
	while (len && p->stage != HTTP1_DONE) {
		/* A copy of its own, so that a checker sees overreads. */
		char *copy = malloc(len);
		assert_non_null(copy);
		memcpy(copy, text, len);
		ssize_t n = http1_feed(p, copy, len);
		if (n < 0) {
			free(copy);
			return (int)n;
		}
		assert_in_range(n, 1, len);
		if (p->piece.len) {
			assert_true(p->piece.data >= copy);
			assert_true(p->piece.data + p->piece.len <= copy + n);
			assert_true(r->body_len + p->piece.len <=
				    sizeof(r->body));
			memcpy(r->body + r->body_len, p->piece.data,
			       p->piece.len);
			r->body_len += p->piece.len;
		}
		free(copy);
		text += n;
		len -= (size_t)n;
		r->used += (size_t)n;
	}
	return 0;
}

#endif
