// SPDX-License-Identifier: MIT
/*
 * The HTTP server's limits: sizes, times, connections, clients that leave,
 * its beginning and its end.
 */
#include "tests/unit/http_bench.h"

/* Head and body come with one read, on a connection that is kept. */
static int one_write(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(rt, (struct http_server_options){ 0 });
	int fd = client_open(b);
	(void)arg;
	for (int i = 0; i < 3; i++) {
		client_send(b, fd, "GET /x HTTP/1.1\r\n" HOST "\r\n");
		CHECK(is(client_answer(b, fd),
			 ECHO_HEAD "Content-Length: 7\r\n\r\nGET /x "));
	}
	CHECK_EQ(b->server.open, 1);
	io_close(rt, fd);
	bench_close(b);
	return 0;
}

static int large_answer(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(rt, (struct http_server_options){ 0 });
	char *buf = malloc(2 * LARGE);
	size_t len = 0, head;
	ssize_t n;
	int fd = client_open(b);
	(void)arg;
	client_send(b, fd,
		    "GET /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	do {
		n = io_recv(rt, fd, buf + len, 2 * LARGE - 1 - len,
			    patience(rt));
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	buf[len] = '\0';
	const char *body = strstr(buf, "\r\n\r\n");
	if (CHECK(body)) {
		head = (size_t)(body + 4 - buf);
		CHECK_EQ(len - head, LARGE);
		CHECK_EQ(strspn(body + 4, "L"), LARGE);
	}
	free(buf);
	io_close(rt, fd);
	bench_close(b);
	return 0;
}

/* What comes with the end of a large body is not lost with it. */
static int large_request(struct rt *rt, void *arg)
{
	static const char head[] = "HEAD /x HTTP/1.1\r\n" HOST
				   "Content-Length: 1000001\r\n\r\n";
	struct bench *b = bench_open(rt, (struct http_server_options){ 0 });
	size_t len = sizeof(head) - 1 + 1000001 + sizeof(LAST) - 1;
	char *text = malloc(len + 1);
	int fd = client_open(b);
	(void)arg;
	memset(text, 'x', len);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + len - (sizeof(LAST) - 1), LAST, sizeof(LAST));
	CHECK_EQ(io_send_all(rt, fd, text, len, NULL, patience(rt)), 0);
	CHECK(is(client_rest(b, fd),
		 ECHO_HEAD "Content-Length: 1000009\r\n\r\n" LAST_ANSWER));
	free(text);
	io_close(rt, fd);
	bench_close(b);
	return 0;
}

static int expects(struct rt *rt, void *arg)
{
	static const char head[] = "POST /a HTTP/1.1\r\n" HOST
				   "Expect: 100-continue\r\n"
				   "Content-Length: 2\r\n\r\n";
	struct bench *b = bench_open(rt, (struct http_server_options){ 0 });
	int fd = client_open(b);
	(void)arg;
	client_send(b, fd, head);
	CHECK(is(client_answer(b, fd), "HTTP/1.1 100 Continue\r\n\r\n"));
	client_send(b, fd, "hi");
	CHECK(is(client_answer(b, fd),
		 ECHO_HEAD "Content-Length: 10\r\n\r\nPOST /a hi"));
	/* A client that does not wait needs no leave. */
	char both[256];
	(void)snprintf(both, sizeof(both), "%shi", head);
	client_send(b, fd, both);
	CHECK(is(client_answer(b, fd),
		 ECHO_HEAD "Content-Length: 10\r\n\r\nPOST /a hi"));
	io_close(rt, fd);
	bench_close(b);
	return 0;
}

/* A large body that is refused: the client still hears why, although it never
 * stops sending before it has sent all. */
static int refuses_large(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(
		rt, (struct http_server_options){ .body_max = 1000 });
	char *body = calloc(1, LARGE);
	int fd = client_open(b);
	(void)arg;
	client_send(b, fd,
		    "POST / HTTP/1.1\r\n" HOST
		    "Content-Length: 1048576\r\n\r\n");
	CHECK_EQ(io_send_all(rt, fd, body, LARGE, NULL, patience(rt)), 0);
	CHECK(strncmp(client_rest(b, fd), "HTTP/1.1 413 ", 13) == 0);
	io_close(rt, fd);

	/* A head without an end. */
	fd = client_open(b);
	memset(body, 'h', LARGE);
	client_send(b, fd, "GET /");
	(void)io_send_all(rt, fd, body, LARGE, NULL, patience(rt));
	CHECK(strncmp(client_rest(b, fd), "HTTP/1.1 431 ", 13) == 0);
	io_close(rt, fd);
	free(body);
	bench_close(b);
	return 0;
}

static int too_slow(struct rt *rt, void *arg)
{
	static const char *const beginnings[] = {
		"G",
		"GET / HTTP/1.1\r\nHost:",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab",
	};
	struct bench *b = bench_open(
		rt, (struct http_server_options){ .request_ms = SHORT_MS });
	(void)arg;
	for (size_t i = 0; i < 3; i++) {
		int fd = client_open(b);
		client_send(b, fd, beginnings[i]);
		CHECK(is(client_rest(b, fd),
			 REFUSED("408 Request Timeout",
				 "Content-Length: 37\r\n\r\n"
				 "{\"error\":\"the request took too long\"}")));
		io_close(rt, fd);
	}
	bench_close(b);
	return 0;
}

/* Nothing is said on a connection that was merely idle. */
static int idle_ends(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(
		rt, (struct http_server_options){ .idle_ms = SHORT_MS });
	int fd = client_open(b);
	(void)arg;
	CHECK(is(client_rest(b, fd), ""));
	io_close(rt, fd);
	fd = client_open(b);
	client_send(b, fd, "GET /x HTTP/1.1\r\n" HOST "\r\n");
	CHECK(is(client_rest(b, fd),
		 ECHO_HEAD "Content-Length: 7\r\n\r\nGET /x "));
	io_close(rt, fd);
	bench_close(b);
	return 0;
}

/* Clients that leave at any point, politely or not, hurt nobody else. */
static int clients_leave(struct rt *rt, void *arg)
{
	static const char text[] = "POST /large HTTP/1.1\r\n" HOST
				   "Content-Length: 2\r\n\r\nhi";
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct bench *b = bench_open(rt, (struct http_server_options){ 0 });
	(void)arg;
	for (size_t len = 0; len < sizeof(text); len++) {
		int fd = client_open(b);
		(void)io_send_all(rt, fd, text, len, NULL, patience(rt));
		if (len % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &now,
				   sizeof(now));
		io_close(rt, fd);
	}
	int fd = client_open(b);
	client_send(b, fd, LAST);
	CHECK(is(client_rest(b, fd), LAST_ANSWER));
	io_close(rt, fd);
	bench_close(b);
	return 0;
}

/* Beyond the limit connections wait until another one has ended. */
static int bounded(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(
		rt, (struct http_server_options){ .max_connections = 2 });
	int fd[3];
	(void)arg;
	for (size_t i = 0; i < 2; i++) {
		fd[i] = client_open(b);
		client_send(b, fd[i], "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	}
	CHECK(until(rt, &b->waiting, 2));
	fd[2] = client_open(b);
	client_send(b, fd[2], LAST);
	CHECK_EQ(io_recv(rt, fd[2], b->answer, 1, deadline_in_ms(rt, SHORT_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(b->server.open, 2);
	event_set(&b->go);
	io_close(rt, fd[0]);
	CHECK(is(client_rest(b, fd[2]), LAST_ANSWER));
	io_close(rt, fd[1]);
	io_close(rt, fd[2]);
	bench_close(b);
	return 0;
}

/* The end of the scope ends what is idle, half read, lingering, and in a
 * handler; then the port is free. */
static int ends_with_its_scope(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(rt, (struct http_server_options){ 0 });
	int fd[4];
	(void)arg;
	for (size_t i = 0; i < 4; i++)
		fd[i] = client_open(b);
	client_send(b, fd[1], "GET / HT");
	client_send(b, fd[2], "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	client_send(b, fd[3], LAST);
	CHECK(strncmp(client_answer(b, fd[3]), "HTTP/1.1 200", 12) == 0);
	CHECK(until(rt, &b->waiting, 1));
	uint16_t port = b->server.port;
	scope_close(&b->scope);
	CHECK_EQ(b->server.open, 0);
	CHECK_EQ(b->ended, 1);
	CHECK_EQ(b->wait_result, -ECANCELED);
	for (size_t i = 0; i < 4; i++) {
		char byte;
		ssize_t n = io_recv(rt, fd[i], &byte, 1, patience(rt));
		CHECK(n == 0 || n == -ECONNRESET);
		io_close(rt, fd[i]);
	}
	http_server_stop(&b->server);
	http_server_stop(&b->server);
	free(b);

	struct http_server again;
	CHECK_EQ(http_server_start(
			 &again, rt,
			 &(struct http_server_options){ .host = "127.0.0.1",
							.port = port,
							.handler = handle }),
		 0);
	http_server_stop(&again);
	return 0;
}

static int starts(struct rt *rt, void *arg)
{
	struct bench *b = bench_open(
		rt, (struct http_server_options){ .host = "localhost" });
	struct http_server other;
	struct http_server_options options = { .host = "127.0.0.1",
					       .port = b->server.port,
					       .handler = handle };
	(void)arg;
	CHECK_EQ(http_server_start(&other, rt, &options), -EADDRINUSE);
	options.host = "platform.example";
	CHECK_EQ(http_server_start(&other, rt, &options), -EINVAL);
	http_server_stop(&other);
	options.host = "::1";
	options.port = 0;
	int err = http_server_start(&other, rt, &options);
	CHECK(err == 0 || err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT);
	http_server_stop(&other);
	bench_close(b);
	return 0;
}

RUN(one_write)
RUN(large_answer)
RUN(large_request)
RUN(expects)
RUN(refuses_large)
RUN(too_slow)
RUN(idle_ends)
RUN(clients_leave)
RUN(bounded)
RUN(ends_with_its_scope)
RUN(starts)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_write),
		cmocka_unit_test(test_large_answer),
		cmocka_unit_test(test_large_request),
		cmocka_unit_test(test_expects),
		cmocka_unit_test(test_refuses_large),
		cmocka_unit_test(test_too_slow),
		cmocka_unit_test(test_idle_ends),
		cmocka_unit_test(test_clients_leave),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_ends_with_its_scope),
		cmocka_unit_test(test_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
