// SPDX-License-Identifier: MIT
/*
 * http_bench - what the tests of the HTTP server share: a server whose handler
 * does what the target says, and raw clients. The Date is cut out of what they
 * get, after a look at it.
 */
#ifndef TESTS_UNIT_HTTP_BENCH_H
#define TESTS_UNIT_HTTP_BENCH_H

#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#include "net/http_server.h"
#include "runtime/event.h"

#define HOST "Host: h\r\n"
#define ANSWER_SIZE 8192
#define LARGE (1024u * 1024)
#define SHORT_MS 40

struct bench {
	struct rt *rt;
	struct http_server server;
	struct scope scope;
	struct event go;
	uint64_t waiting; /* handlers parked in "/wait" */
	uint64_t ended;	  /* handlers that got past it */
	int wait_result;
	int reply_result; /* of the last reply that is looked at */
	char answer[ANSWER_SIZE];
};

/* What the handler does is in the target. */
static inline void answer_echo(struct http_incoming *in)
{
	char *text = malloc(in->body_len + 256);
	int n = sprintf(text, "%s %s ", in->head->method, in->head->target);
	memcpy(text + n, in->body, in->body_len + 1);
	CHECK_EQ(text[(size_t)n + in->body_len], '\0');
	(void)http_reply(in->conn, 200, NULL, "text/plain", text,
			 (size_t)n + in->body_len);
	free(text);
}

static inline void answer_stream(struct bench *b, struct http_incoming *in,
				 bool chunked, bool whole)
{
	static const char *const fields[] = { "Cache-Control", "no-cache",
					      "Connection", "keep-alive",
					      NULL };
	CHECK_EQ(http_reply_write(in->conn, "x", 1), -EPIPE);
	CHECK_EQ(http_reply_end(in->conn), -EPIPE);
	CHECK_EQ(http_reply_start(in->conn, 200, fields, "text/event-stream",
				  chunked),
		 0);
	CHECK_EQ(http_reply(in->conn, 200, NULL, NULL, NULL, 0), -EALREADY);
	CHECK_EQ(http_reply_write(in->conn, "one", 3), 0);
	CHECK_EQ(http_reply_write(in->conn, "", 0), 0);
	CHECK_EQ(http_reply_write(in->conn, "and twenty bytes two", 20), 0);
	if (whole)
		b->reply_result = http_reply_end(in->conn);
}

static inline void answer_odd(struct bench *b, struct http_incoming *in)
{
	static const char *const framing[] = { "content-length", "1", NULL };
	static const char *const split[] = { "X", "a\r\nY: b", NULL };
	CHECK_EQ(http_reply(in->conn, 200, framing, NULL, NULL, 0), -EINVAL);
	CHECK_EQ(http_reply(in->conn, 200, split, NULL, NULL, 0), -EINVAL);
	CHECK_EQ(http_reply(in->conn, 100, NULL, NULL, NULL, 0), -EINVAL);
	CHECK_EQ(http_reply_start(in->conn, 200, split, NULL, true), -EINVAL);
	CHECK_EQ(http_reply(in->conn, 200, NULL, NULL, "ok", 2), 0);
	b->reply_result = http_reply(in->conn, 200, NULL, NULL, "ok", 2);
}

static inline void answer_large(struct http_incoming *in)
{
	char *body = malloc(LARGE);
	memset(body, 'L', LARGE);
	(void)http_reply(in->conn, 200, NULL, NULL, body, LARGE);
	free(body);
}

static inline void answer_wait(struct bench *b, struct http_incoming *in)
{
	b->waiting++;
	b->wait_result = event_wait(&b->go, DEADLINE_NEVER);
	b->ended++;
	(void)http_reply(in->conn, 200, NULL, NULL, "waited", 6);
}

static inline void handle(void *arg, struct http_incoming *in)
{
	static const char *const close[] = { "Connection", "close", NULL };
	static const char *const extra[] = { "Retry-After", "7", "X-Y", "",
					     NULL };
	struct bench *b = arg;
	const char *target = in->head->target;
	if (strcmp(target, "/silent") == 0)
		return;
	if (strcmp(target, "/chunked") == 0)
		answer_stream(b, in, true, true);
	else if (strcmp(target, "/stream") == 0)
		answer_stream(b, in, false, true);
	else if (strcmp(target, "/cut") == 0)
		answer_stream(b, in, true, false);
	else if (strcmp(target, "/odd") == 0)
		answer_odd(b, in);
	else if (strcmp(target, "/large") == 0)
		answer_large(in);
	else if (strcmp(target, "/wait") == 0)
		answer_wait(b, in);
	else if (strcmp(target, "/close") == 0)
		(void)http_reply(in->conn, 200, close, NULL, "bye", 3);
	else if (strcmp(target, "/none") == 0)
		(void)http_reply(in->conn, 204, NULL, NULL, NULL, 0);
	else if (strcmp(target, "/same") == 0)
		(void)http_reply(in->conn, 304, NULL, NULL, NULL, 0);
	else if (strcmp(target, "/fields") == 0)
		(void)http_reply(in->conn, 429, extra, "a/b", "{}", 2);
	else
		answer_echo(in);
}

static inline struct bench *bench_open(struct rt *rt,
				       struct http_server_options options)
{
	struct bench *b = calloc(1, sizeof(*b));
	b->rt = rt;
	b->reply_result = 1;
	event_init(rt, &b->go);
	options.host = options.host ? options.host : "127.0.0.1";
	options.handler = handle;
	options.arg = b;
	CHECK_EQ(http_server_start(&b->server, rt, &options), 0);
	CHECK(b->server.port != 0);
	scope_open(rt, &b->scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&b->scope, "server", TASK_STACK_NORMAL,
			    http_server_task, &b->server),
		 0);
	return b;
}

static inline void bench_close(struct bench *b)
{
	scope_close(&b->scope);
	CHECK_EQ(b->server.open, 0);
	http_server_stop(&b->server);
	free(b);
}

/* Connects at once, with a socket that closes by itself if the test ends. */
static inline int client_open(struct bench *b)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(&addr, AF_INET, b->server.port);
	int fd = io_socket(b->rt, AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(io_connect(b->rt, fd, (struct sockaddr *)&addr, len,
			    patience(b->rt)),
		 0);
	return fd;
}

static inline void client_send(struct bench *b, int fd, const char *text)
{
	(void)io_send_all(b->rt, fd, text, strlen(text), NULL, patience(b->rt));
}

/* Cuts "Date: …\r\n" out of each head, after a look at it. */
static inline void cut_dates(char *text)
{
	char *at;
	while ((at = strstr(text, "Date: ")) != NULL) {
		char *end = strstr(at, "\r\n");
		if (!CHECK(end && end - at == 6 + 29 &&
			   memcmp(end - 4, " GMT", 4) == 0))
			return;
		memmove(at, end + 2, strlen(end + 2) + 1);
	}
}

/* Everything up to the end of the connection, in b->answer. */
static inline const char *client_rest(struct bench *b, int fd)
{
	size_t len = 0;
	ssize_t n;
	do {
		n = io_recv(b->rt, fd, b->answer + len, ANSWER_SIZE - 1 - len,
			    patience(b->rt));
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	CHECK_EQ(n, 0);
	b->answer[len] = '\0';
	cut_dates(b->answer);
	return b->answer;
}

/* The next answer; it must come in one piece. */
static inline const char *client_answer(struct bench *b, int fd)
{
	ssize_t n =
		io_recv(b->rt, fd, b->answer, ANSWER_SIZE - 1, patience(b->rt));
	b->answer[n > 0 ? n : 0] = '\0';
	cut_dates(b->answer);
	return b->answer;
}

static inline bool is(const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return true;
	fprintf(stderr, "got:\n%s\nnot:\n%s\n", got, want);
	return false;
}

#define ECHO_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define LAST "GET /last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define LAST_ANSWER                                                            \
	ECHO_HEAD "Connection: close\r\nContent-Length: 10\r\n\r\nGET "        \
		  "/last "
#define REFUSED(status, error)                                                 \
	"HTTP/1.1 " status "\r\nContent-Type: application/json\r\n"            \
	"Connection: close\r\n" error

#define RUN(body)                                                              \
	static void test_##body(void **state)                                  \
	{                                                                      \
		int fds = fd_count();                                          \
		(void)state;                                                   \
		in_runtime(body, NULL);                                        \
		assert_int_equal(fd_count(), fds);                             \
	}

#endif
