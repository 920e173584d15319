// SPDX-License-Identifier: MIT
/*
 * Good HTTP/1.1 messages. Each is parsed whole, byte by byte, and split in two
 * at each position, with the beginning of a next one behind it; and cut short
 * at each position it is not whole.
 */
#include "tests/unit/http1_fixture.h"

struct good {
	enum http1_kind kind;
	const char *text;
	enum http1_framing framing;
	const char *body;
	bool keep_alive;
	int minor;
	int status;
	const char *start; /* method and target, or reason */
	bool bodiless;
};

static const struct good good[] = {
	/* requests */
	{ REQ, "GET / HTTP/1.1\r\n" HOST "\r\n", HTTP1_NO_BODY, "", true, 1, 0,
	  "GET /", false },
	{ REQ, "\r\nGET /a?b=c&d[]={} HTTP/1.1\r\n" HOST "\r\n", HTTP1_NO_BODY,
	  "", true, 1, 0, "GET /a?b=c&d[]={}", false },
	{ REQ, "M-SEARCH * HTTP/1.1\r\nHOST:\r\n\r\n", HTTP1_NO_BODY, "", true,
	  1, 0, "M-SEARCH *", false },
	{ REQ, "GET / HTTP/1.0\r\n\r\n", HTTP1_NO_BODY, "", false, 0, 0,
	  "GET /", false },
	{ REQ, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
	  HTTP1_NO_BODY, "", true, 0, 0, "GET /", false },
	{ REQ,
	  "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: "
	  "close\r\n\r\n",
	  HTTP1_NO_BODY, "", false, 0, 0, "GET /", false },
	{ REQ, "GET / HTTP/1.1\r\n" HOST "Connection: x ,\tClose , y\r\n\r\n",
	  HTTP1_NO_BODY, "", false, 1, 0, "GET /", false },
	{ REQ, "GET / HTTP/1.1\r\n" HOST "Connection: closed, xclose\r\n\r\n",
	  HTTP1_NO_BODY, "", true, 1, 0, "GET /", false },
	{ REQ, "GET / HTTP/1.9\r\n" HOST "\r\n", HTTP1_NO_BODY, "", true, 9, 0,
	  "GET /", false },
	{ REQ, "GET http://h:1/x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	  HTTP1_NO_BODY, "", true, 1, 0, "GET http://h:1/x", false },
	{ REQ, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
	  HTTP1_LENGTH, "hello", true, 1, 0, "POST /", false },
	{ REQ, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
	  HTTP1_LENGTH, "", true, 1, 0, "POST /", false },
	{ REQ,
	  "POST / HTTP/1.1\r\n" HOST "content-length:\t005 \r\nCONTENT-LENGTH: "
	  "5\r\n\r\nhello",
	  HTTP1_LENGTH, "hello", true, 1, 0, "POST /", false },
	{ REQ,
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
	  "5\r\nhello\r\n0\r\n\r\n",
	  HTTP1_CHUNKED, "hello", true, 1, 0, "POST /", false },

	/* responses */
	{ RES, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", HTTP1_LENGTH,
	  "{}", true, 1, 200, "OK", false },
	{ RES, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", HTTP1_LENGTH, "",
	  true, 1, 200, "", false },
	{ RES, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", HTTP1_LENGTH, "",
	  true, 1, 200, "", false },
	{ RES, "HTTP/1.1 404 N\xc3\xb6 way\tx\r\nContent-Length: 1\r\n\r\nx",
	  HTTP1_LENGTH, "x", true, 1, 404, "N\xc3\xb6 way\tx", false },
	{ RES, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", HTTP1_LENGTH,
	  "x", false, 0, 200, "OK", false },
	{ RES,
	  "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
	  "Content-Length: 1\r\n\r\nx",
	  HTTP1_LENGTH, "x", true, 0, 200, "OK", false },
	{ RES,
	  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "
	  "1\r\n\r\nx",
	  HTTP1_LENGTH, "x", false, 1, 200, "OK", false },
	{ RES,
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "4;name=\"v;\xc3\xa4\"\r\nwiki\r\n00000000000000000000a ; x\r\n"
	  "pedia\r\n in\r\nF\r\n chunked bodies\r\n000;end\r\n\r\n",
	  HTTP1_CHUNKED, "wikipedia\r\n in chunked bodies", true, 1, 200, "OK",
	  false },
	{ RES,
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "1\r\nx\r\n0\r\nDigest: a=b\r\nX-Empty:\r\n\r\n",
	  HTTP1_CHUNKED, "x", true, 1, 200, "OK", false },
	{ RES,
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
	  HTTP1_LENGTH, "x", true, 1, 200, "OK", false },
	{ RES,
	  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
	  "Connection: Upgrade\r\n\r\n",
	  HTTP1_NO_BODY, "", false, 1, 101, "Switching Protocols", false },
	{ RES, "HTTP/1.1 204 No Content\r\n\r\n", HTTP1_NO_BODY, "", true, 1,
	  204, "No Content", false },
	{ RES, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
	  HTTP1_NO_BODY, "", true, 1, 304, "Not Modified", false },
	{ RES, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
	  HTTP1_NO_BODY, "", true, 1, 200, "OK", true },
	{ RES, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	  HTTP1_NO_BODY, "", true, 1, 200, "OK", true },
};

static void check_good(const struct good *g, struct http1_parser *p,
		       const struct result *r)
{
	assert_int_equal(p->stage, HTTP1_DONE);
	assert_int_equal(r->used, strlen(g->text));
	assert_int_equal(p->framing, g->framing);
	assert_int_equal(r->body_len, strlen(g->body));
	assert_memory_equal(r->body, g->body, r->body_len);
	assert_int_equal(p->body_len, r->body_len);
	assert_int_equal(p->keep_alive, g->keep_alive);
	assert_int_equal(p->version_minor, g->minor);
	assert_int_equal(p->status, g->status);
	if (g->kind == REQ) {
		char start[64];
		(void)snprintf(start, sizeof(start), "%s %s", p->method,
			       p->target);
		assert_string_equal(start, g->start);
	} else {
		assert_string_equal(p->reason, g->start);
	}
	assert_int_equal(http1_eof(p), 0);
	assert_int_equal(http1_feed(p, "x", 1), 0);
}

static void start(const struct good *g, struct http1_parser *p,
		  struct result *r)
{
	http1_parser_init(p, g->kind, &(struct http1_limits){ .body_max = 99 });
	p->bodiless = g->bodiless;
	*r = (struct result){ 0 };
}

static void good_messages(void **state)
{
	static const char next[] = "HTTP/1.1 500 next\r\n\r\n";
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct good *g = &good[i];
		struct http1_parser p;
		struct result r;
		char both[1024];
		size_t len = strlen(g->text);
		print_message("%s\n", g->text);
		(void)snprintf(both, sizeof(both), "%s%s", g->text, next);

		start(g, &p, &r);
		assert_int_equal(feed(&p, &r, both, strlen(both)), 0);
		check_good(g, &p, &r);
		http1_parser_free(&p);

		start(g, &p, &r);
		for (size_t at = 0; at < len; at++)
			assert_int_equal(feed(&p, &r, both + at, 1), 0);
		check_good(g, &p, &r);
		http1_parser_free(&p);

		for (size_t at = 1; at < len; at++) {
			start(g, &p, &r);
			assert_int_equal(feed(&p, &r, both, at), 0);
			assert_int_not_equal(p.stage, HTTP1_DONE);
			assert_int_equal(
				feed(&p, &r, both + at, strlen(both) - at), 0);
			check_good(g, &p, &r);
			http1_parser_free(&p);
		}

		/* Cut short anywhere, it is not whole. */
		for (size_t at = 0; at < len; at++) {
			start(g, &p, &r);
			assert_int_equal(feed(&p, &r, both, at), 0);
			assert_int_equal(http1_eof(&p),
					 at ? -EPROTO : -ENODATA);
			http1_parser_free(&p);
		}
	}
}

static void close_delimited(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nto the "
				   "end";
	static const char *const heads[] = { "", "Connection: keep-alive\r\n" };
	(void)state;
	for (size_t at = 1; at < sizeof(text) - 1; at++) {
		struct http1_parser p;
		struct result r = { 0 };
		http1_parser_init(&p, RES,
				  &(struct http1_limits){ .body_max = 10 });
		assert_int_equal(feed(&p, &r, text, at), 0);
		assert_int_equal(feed(&p, &r, text + at, strlen(text) - at), 0);
		assert_int_equal(p.stage, HTTP1_BODY);
		assert_int_equal(p.framing, HTTP1_CLOSE);
		assert_false(p.keep_alive);
		assert_int_equal(http1_eof(&p), 0);
		assert_int_equal(p.stage, HTTP1_DONE);
		assert_int_equal(r.body_len, 10);
		assert_memory_equal(r.body, "to the end", 10);
		http1_parser_free(&p);
	}
	for (size_t i = 0; i < 2; i++) {
		char head[128];
		struct http1_parser p;
		struct result r = { 0 };
		(void)snprintf(head, sizeof(head), "HTTP/1.0 200 OK\r\n%s\r\n",
			       heads[i]);
		http1_parser_init(&p, RES, &(struct http1_limits){ 0 });
		assert_int_equal(feed(&p, &r, head, strlen(head)), 0);
		assert_false(p.keep_alive);
		assert_int_equal(feed(&p, &r, "x", 1), -EMSGSIZE);
		assert_int_equal(http1_eof(&p), -EMSGSIZE);
		http1_parser_free(&p);
	}
}

static void fields(void **state)
{
	static const char text[] =
		"POST /x HTTP/1.1\r\nHoSt: h\r\n"
		"X-Empty:\r\nX-Space: \t \r\nX-A:  b\t c \r\n"
		"X-A: second\r\nX-Colon: a:b: c\r\n"
		"EXPECT: 100-Continue\r\n"
		"Content-Length: 1\r\n\r\n";
	struct http1_parser p;
	struct result r = { 0 };
	(void)state;
	http1_parser_init(&p, REQ, &(struct http1_limits){ .body_max = 1 });
	assert_null(http1_field(&p, "host"));
	assert_int_equal(feed(&p, &r, text, sizeof(text) - 1), 0);
	assert_int_equal(p.stage, HTTP1_BODY);
	assert_int_equal(p.field_count, 8);
	assert_string_equal(http1_field(&p, "host"), "h");
	assert_string_equal(http1_field(&p, "x-empty"), "");
	assert_string_equal(http1_field(&p, "x-space"), "");
	assert_string_equal(http1_field(&p, "x-a"), "b\t c");
	assert_string_equal(p.fields[4].value, "second");
	assert_string_equal(http1_field(&p, "x-colon"), "a:b: c");
	assert_null(http1_field(&p, "x"));
	assert_true(p.expect_continue);
	assert_int_equal(p.content_length, 1);
	http1_parser_free(&p);
	assert_null(http1_field(&p, "host"));
	http1_parser_free(&p);
}

/* A 100 is waited for only when a body follows, and never by HTTP/1.0. */
static void expectation(void **state)
{
	static const struct {
		const char *text;
		bool expect;
	} cases[] = {
		{ POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		  true },
		{ POST "Expect: 100-continue\r\nTransfer-Encoding: "
		       "chunked\r\n\r\n",
		  true },
		{ POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
		  false },
		{ POST "Expect: 100-continue\r\n\r\n", false },
		{ POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", false },
		{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
		  "Content-Length: 1\r\n\r\n",
		  false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http1_parser p;
		struct result r = { 0 };
		http1_parser_init(&p, REQ,
				  &(struct http1_limits){ .body_max = 1 });
		assert_int_equal(
			feed(&p, &r, cases[i].text, strlen(cases[i].text)), 0);
		assert_int_equal(p.expect_continue, cases[i].expect);
		http1_parser_free(&p);
	}
}

static void tokens(void **state)
{
	(void)state;
	assert_true(http1_has_token("close", "close"));
	assert_true(http1_has_token("a, b,ClOsE \t,c", "close"));
	assert_true(http1_has_token(",,close", "close"));
	assert_false(http1_has_token("", "close"));
	assert_false(http1_has_token(" , ,", "close"));
	assert_false(http1_has_token("closed", "close"));
	assert_false(http1_has_token("clos", "close"));
	assert_false(http1_has_token("a close", "close"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_messages),
		cmocka_unit_test(close_delimited),
		cmocka_unit_test(fields),
		cmocka_unit_test(expectation),
		cmocka_unit_test(tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
