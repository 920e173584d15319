// SPDX-License-Identifier: MIT
/*
 * The HTTP server's conversations: what raw clients send, whole and byte by
 * byte, and what must come back.
 */
#include "tests/unit/http_bench.h"

static const struct {
	const char *send, *answer;
} talks[] = {
	{ LAST, LAST_ANSWER },
	{ "POST /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi" LAST,
	  ECHO_HEAD "Content-Length: 10\r\n\r\nPOST /a hi" LAST_ANSWER },
	{ "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	  "1\r\nh\r\n1\r\ni\r\n0\r\n\r\n" LAST,
	  ECHO_HEAD "Content-Length: 10\r\n\r\nPOST /a hi" LAST_ANSWER },
	{ "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n" LAST
	  "GET /lost HTTP/1.1\r\n" HOST "\r\n",
	  ECHO_HEAD "Content-Length: 7\r\n\r\nGET /1 " ECHO_HEAD
		    "Content-Length: 7\r\n\r\nGET /2 " LAST_ANSWER },
	{ "GET http://h:1/x?y HTTP/1.1\r\n" HOST "\r\n"
	  "GET https://h HTTP/1.1\r\n" HOST "\r\n" LAST,
	  ECHO_HEAD "Content-Length: 9\r\n\r\nGET /x?y " ECHO_HEAD
		    "Content-Length: 6\r\n\r\nGET / " LAST_ANSWER },
	{ "HEAD /h HTTP/1.1\r\n" HOST "\r\n" LAST,
	  ECHO_HEAD "Content-Length: 8\r\n\r\n" LAST_ANSWER },
	{ "GET /none HTTP/1.1\r\n" HOST "\r\nGET /same HTTP/1.1\r\n" HOST
	  "\r\n" LAST,
	  "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not "
	  "Modified\r\n\r\n" LAST_ANSWER },
	{ "GET /fields HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 429 Too Many Requests\r\nContent-Type: a/b\r\n"
	  "Retry-After: 7\r\nX-Y: \r\nContent-Length: "
	  "2\r\n\r\n{}" LAST_ANSWER },
	{ "GET /close HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	  "Content-Length: 3\r\n\r\nbye" },
	{ "GET / HTTP/1.0\r\n\r\n" LAST,
	  ECHO_HEAD "Connection: close\r\nContent-Length: 6\r\n\r\nGET / " },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" LAST,
	  ECHO_HEAD "Connection: keep-alive\r\nContent-Length: 6\r\n\r\n"
		    "GET / " LAST_ANSWER },

	/* streamed */
	{ "GET /chunked HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "3\r\none\r\n14\r\nand twenty bytes two\r\n0\r\n\r\n" LAST_ANSWER },
	{ "GET /stream HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	  "Cache-Control: no-cache\r\nConnection: close\r\n\r\n"
	  "oneand twenty bytes two" },
	{ "GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	  "Cache-Control: no-cache\r\nConnection: close\r\n\r\n"
	  "oneand twenty bytes two" },
	{ "HEAD /chunked HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	  "Cache-Control: no-cache\r\n\r\n" LAST_ANSWER },
	{ "GET /cut HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "3\r\none\r\n14\r\nand twenty bytes two\r\n" },

	/* handlers that err */
	{ "GET /silent HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 500 Internal Server Error\r\nContent-Type: "
	  "application/json\r\nContent-Length: 21\r\n\r\n"
	  "{\"error\":\"no answer\"}" LAST_ANSWER },
	{ "GET /odd HTTP/1.1\r\n" HOST "\r\n" LAST,
	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" LAST_ANSWER },

	/* clients that err */
	{ "nonsense\r\n" LAST,
	  REFUSED("400 Bad Request",
		  "Content-Length: 40\r\n\r\n"
		  "{\"error\":\"not a valid HTTP/1.1 request\"}") },
	{ "GET / HTTP/1.1\r\n\r\n" LAST,
	  REFUSED("400 Bad Request",
		  "Content-Length: 40\r\n\r\n"
		  "{\"error\":\"not a valid HTTP/1.1 request\"}") },
	{ "GET /1 HTTP/1.1\r\n" HOST "\r\nPOST / HTTP/1.1\r\n" HOST
	  "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
	  ECHO_HEAD "Content-Length: 7\r\n\r\nGET /1 " REFUSED(
		  "400 Bad Request",
		  "Content-Length: 40\r\n\r\n"
		  "{\"error\":\"not a valid HTTP/1.1 request\"}") },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n" LAST,
	  REFUSED("413 Content Too Large",
		  "Content-Length: 41\r\n\r\n"
		  "{\"error\":\"the request body is too large\"}") },
	{ "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
	  "Content-Length: 1001\r\n\r\n",
	  REFUSED("413 Content Too Large",
		  "Content-Length: 41\r\n\r\n"
		  "{\"error\":\"the request body is too large\"}") },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	  "3e9\r\nabc",
	  REFUSED("413 Content Too Large",
		  "Content-Length: 41\r\n\r\n"
		  "{\"error\":\"the request body is too large\"}") },
};

static int talk(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(
		rt, (struct http_server_options){ .body_max = 1000 });
	(void)arg;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		int fd = client_open(b);
		client_send(b, fd, talks[i].send);
		if (!CHECK(is(client_rest(b, fd), talks[i].answer)))
			fprintf(stderr, "sent:\n%s\n", talks[i].send);
		io_close(rt, fd);

		/* The same byte by byte. */
		fd = client_open(b);
		for (const char *c = talks[i].send; *c; c++) {
			if (io_send(rt, fd, c, 1, patience(rt)) != 1)
				break;
			task_yield(rt);
		}
		CHECK(is(client_rest(b, fd), talks[i].answer));
		io_close(rt, fd);
	}
	CHECK_EQ(b->reply_result, -EALREADY);
	bench_close(b);
	return 0;
}

RUN(talk)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
