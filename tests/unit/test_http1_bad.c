// SPDX-License-Identifier: MIT
/*
 * Bad HTTP/1.1 messages, whole and byte by byte, with the same error; and what
 * is over a limit.
 */
#include "tests/unit/http1_fixture.h"

struct bad {
	enum http1_kind kind;
	int err;
	const char *text;
	size_t len; /* 0: strlen */
};

#define BYTES(text) text, sizeof(text) - 1

static const struct bad bad[] = {
	/* start lines */
	{ REQ, -EBADMSG, "GET /\r\n\r\n", 0 },
	{ REQ, -EBADMSG, "GET\r\n\r\n", 0 },
	{ REQ, -EBADMSG, " GET / HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET  / HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET /  HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1 \r\n", 0 },
	{ REQ, -EBADMSG, "GET\t/ HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET /a b HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET /a\tb HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET /\x7f HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET /\xc3\xa4 HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET /#f HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "G(T / HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET: / HTTP/1.1\r\n", 0 },
	{ REQ, -EBADMSG, BYTES("GE\0T / HTTP/1.1\r\n") },
	{ REQ, -EBADMSG, BYTES("GET /\0 HTTP/1.1\r\n") },
	{ REQ, -EBADMSG, "GET / HTTP/2.0\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/0.9\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.11\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.x\r\n", 0 },
	{ REQ, -EBADMSG, "GET / http/1.1\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1\n", 0 },
	{ REQ, -EBADMSG, "\n", 0 },
	{ REQ, -EBADMSG, "PRI * HTTP/2.0\r\n", 0 },
	{ RES, -EBADMSG, "\r\nHTTP/1.1 200 OK\r\n", 0 },
	{ RES, -EBADMSG, "SSH-2.0", 0 },
	{ RES, -EBADMSG, "H2", 0 },
	{ RES, -EBADMSG, BYTES("\x15\x03\x01\x00\x02\x02") },
	{ RES, -EBADMSG, "HTTP/2 200\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1  200 OK\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1 20 OK\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1 2000 OK\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1 099 OK\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1 +20 OK\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1 200\tOK\r\n", 0 },
	{ RES, -EBADMSG, "HTTP/1.1 200 O\rK\r\n", 0 },
	{ RES, -EBADMSG, BYTES("HTTP/1.1 200 O\0K\r\n") },

	/* fields */
	{ REQ, -EBADMSG, GET "X : y\r\n", 0 },
	{ REQ, -EBADMSG, GET "X\t: y\r\n", 0 },
	{ REQ, -EBADMSG, GET "X: y\r\n z\r\n", 0 },
	{ REQ, -EBADMSG, GET "X: y\r\n\tz: a\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1\r\n Host: h\r\n", 0 },
	{ REQ, -EBADMSG, GET ": y\r\n", 0 },
	{ REQ, -EBADMSG, GET "no colon\r\n", 0 },
	{ REQ, -EBADMSG, GET "X y: z\r\n", 0 },
	{ REQ, -EBADMSG, GET "X(: z\r\n", 0 },
	{ REQ, -EBADMSG, GET "\xc3\xa4: z\r\n", 0 },
	{ REQ, -EBADMSG, GET "X: y\n", 0 },
	{ REQ, -EBADMSG, GET "X: y\rz\r\n", 0 },
	{ REQ, -EBADMSG, GET "X: y\r\r\n", 0 },
	{ REQ, -EBADMSG, GET "X: \x01\r\n", 0 },
	{ REQ, -EBADMSG, GET "X: \x7f\r\n", 0 },
	{ REQ, -EBADMSG, BYTES(GET "X: y\0z\r\n") },
	{ REQ, -EBADMSG, BYTES(GET "X\0: y\r\n") },
	{ REQ, -EBADMSG, GET "\n", 0 },
	{ REQ, -EBADMSG, GET "\r \n", 0 },

	/* host */
	{ REQ, -EBADMSG, "GET / HTTP/1.1\r\n\r\n", 0 },
	{ REQ, -EBADMSG, GET HOST "\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 0 },
	{ REQ, -EBADMSG, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 0 },

	/* framing */
	{ REQ, -EBADMSG,
	  POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
	{ REQ, -EBADMSG,
	  POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 0 },
	{ RES, -EBADMSG,
	  OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
	  0 },
	{ RES, -EBADMSG, OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
	  0 },
	{ REQ, -EBADMSG, POST "Content-Length: 3, 3\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: \r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: +3\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: -3\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: 0x3\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: 3 3\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Content-Length: 3;\r\n\r\n", 0 },
	{ REQ, -EMSGSIZE, POST "Content-Length: 100\r\n\r\n", 0 },
	{ RES, -EMSGSIZE, OK "Content-Length: 100\r\n\r\n", 0 },
	{ REQ, -EMSGSIZE, POST "Content-Length: 18446744073709551616\r\n\r\n",
	  0 },
	{ REQ, -EMSGSIZE,
	  POST "Content-Length: 99999999999999999999999\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding: gzip\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding: chunked, chunked\r\n\r\n",
	  0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding: chunked, identity\r\n\r\n",
	  0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding: xchunked\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0 },
	{ REQ, -EBADMSG, POST "Transfer-Encoding:\r\n\r\n", 0 },
	{ REQ, -EBADMSG,
	  POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
	       "chunked\r\n\r\n",
	  0 },
	{ REQ, -EBADMSG,
	  "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0 },
	{ RES, -EBADMSG,
	  "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },

	/* chunks */
	{ REQ, -EBADMSG, CHUNKED "\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "x\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "0x5\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "+5\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "-5\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED " 5\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "5 \r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "5_0\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "5\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "5\rx", 0 },
	{ REQ, -EBADMSG, CHUNKED ";\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "5;a\nhello", 0 },
	{ REQ, -EBADMSG, CHUNKED "5;a\rb", 0 },
	{ REQ, -EBADMSG, CHUNKED "5;\x01", 0 },
	{ REQ, -EBADMSG, BYTES(CHUNKED "5;\0") },
	{ REQ, -EBADMSG, CHUNKED "1\r\nab", 0 },
	{ REQ, -EBADMSG, CHUNKED "1\r\na\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "1\r\na\rb", 0 },
	{ REQ, -EMSGSIZE, CHUNKED "64\r\n", 0 },
	{ REQ, -EMSGSIZE, CHUNKED "1\r\na\r\n63\r\n", 0 },
	{ REQ, -EMSGSIZE, CHUNKED "ffffffffffffffff\r\n", 0 },
	{ REQ, -EMSGSIZE, CHUNKED "10000000000000000", 0 },
	{ REQ, -EMSGSIZE, CHUNKED "1\r\na\r\nffffffffffffffff\r\n", 0 },

	/* trailers */
	{ REQ, -EBADMSG, CHUNKED "0\r\n\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\n\rx", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\n x: y", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\n: y", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\nx y", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\nx\r\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\nx : y", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\nx: y\n", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\nx: y\rz", 0 },
	{ REQ, -EBADMSG, CHUNKED "0\r\nx: y\r\n z", 0 },
	{ REQ, -EBADMSG, BYTES(CHUNKED "0\r\nx: \0") },
};

static void bad_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct bad *b = &bad[i];
		size_t len = b->len ? b->len : strlen(b->text);
		struct http1_limits limits = { .body_max = 99 };
		struct http1_parser p;
		struct result r = { 0 };
		print_message("%s\n", b->text);

		http1_parser_init(&p, b->kind, &limits);
		assert_int_equal(feed(&p, &r, b->text, len), b->err);
		assert_int_not_equal(p.stage, HTTP1_DONE);
		assert_int_equal(http1_feed(&p, "x", 1), b->err);
		assert_int_equal(http1_eof(&p), b->err);
		http1_parser_free(&p);

		int err = 0;
		http1_parser_init(&p, b->kind, &limits);
		r = (struct result){ 0 };
		for (size_t at = 0; at < len && !err; at++)
			err = feed(&p, &r, b->text + at, 1);
		assert_int_equal(err, b->err);
		http1_parser_free(&p);
	}
}

/* Feeds `count` times `text` after `head`; the first error, or 0. */
static int feed_many(struct http1_parser *p, const char *head, const char *text,
		     size_t count)
{
	struct result r = { 0 };
	int err = feed(p, &r, head, strlen(head));
	for (size_t i = 0; !err && i < count; i++)
		err = feed(p, &r, text, strlen(text));
	return err;
}

static void limits(void **state)
{
	struct http1_limits l = { .head_max = 200, .body_max = 10 };
	struct http1_parser p;
	char exact[201];
	(void)state;

	/* A head of exactly the limit, and one more. */
	memset(exact, 'x', sizeof(exact));
	memcpy(exact, GET "X: ", strlen(GET "X: "));
	memcpy(exact + 196, "\r\n\r\n", 5);
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, exact, "", 0), 0);
	assert_int_equal(p.stage, HTTP1_DONE);
	http1_parser_free(&p);
	l.head_max = 199;
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, exact, "", 0), -EMSGSIZE);
	assert_int_equal(p.stage, HTTP1_HEAD);
	http1_parser_free(&p);

	/* A line without an end; no line at all; the default limit. */
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, "GET /", "a", 1000), -EMSGSIZE);
	http1_parser_free(&p);
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, "", "\r\n", 1000), -EMSGSIZE);
	http1_parser_free(&p);
	l.head_max = 0;
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, "GET /", "a", HTTP1_HEAD_MAX - 5), 0);
	assert_int_equal(http1_feed(&p, "a", 1), -EMSGSIZE);
	http1_parser_free(&p);

	/* Fields: one of them is Host. */
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, GET, "a: b\r\n", HTTP1_FIELDS_MAX - 1),
			 0);
	assert_int_equal(http1_feed(&p, "a: b\r\n", 6), -EMSGSIZE);
	http1_parser_free(&p);

	/* Interim responses without end. */
	http1_parser_init(&p, RES, &l);
	assert_int_equal(feed_many(&p, "", "HTTP/1.1 100 C\r\n\r\n", 10000),
			 -EMSGSIZE);
	http1_parser_free(&p);

	/* Chunk lines and trailers. */
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(
		feed_many(&p, CHUNKED "1;", "a", HTTP1_CHUNK_LINE_MAX - 2), 0);
	assert_int_equal(http1_feed(&p, "a", 1), -EMSGSIZE);
	http1_parser_free(&p);
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, CHUNKED, "1;aaaa\r\nx\r\n", 10), 0);
	assert_int_equal(feed_many(&p, "", "1\r\n", 1), -EMSGSIZE);
	assert_int_equal(p.stage, HTTP1_BODY);
	http1_parser_free(&p);
	http1_parser_init(&p, REQ, &l);
	assert_int_equal(feed_many(&p, CHUNKED "0\r\n", "a: b\r\n", 20000),
			 -EMSGSIZE);
	http1_parser_free(&p);
}

/* A body over the limit is refused with its head, which stays readable. */
static void body_refused_early(void **state)
{
	static const char text[] = OK
		"X-Why: big\r\nContent-Length: 11\r\n\r\n";
	struct http1_parser p;
	struct result r = { 0 };
	(void)state;
	http1_parser_init(&p, RES, &(struct http1_limits){ .body_max = 10 });
	assert_int_equal(feed(&p, &r, text, sizeof(text) - 1), -EMSGSIZE);
	assert_int_equal(p.stage, HTTP1_BODY);
	assert_int_equal(p.status, 200);
	assert_string_equal(http1_field(&p, "x-why"), "big");
	http1_parser_free(&p);

	/* No limit: the largest length there is. */
	static const char huge[] = OK
		"Content-Length: 18446744073709551615\r\n\r\nx";
	http1_parser_init(&p, RES,
			  &(struct http1_limits){ .body_max = SIZE_MAX });
	assert_int_equal(feed(&p, &r, huge, sizeof(huge) - 1), 0);
	assert_true(p.content_length == UINT64_MAX);
	assert_int_equal(p.body_len, 1);
	assert_int_equal(http1_eof(&p), -EPROTO);
	http1_parser_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(limits),
		cmocka_unit_test(body_refused_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
