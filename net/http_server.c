// SPDX-License-Identifier: MIT
/*
 * The accepting task owns a scope with a task for each connection. Such a task
 * loops: read a request, call the handler, until either side wants an end. A
 * connection that ends although the client may still be sending is closed
 * gently (RFC 9112 section 9.6): a close with bytes unread would reset it,
 * and the client would lose the answer that says why.
 */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/http_conn.h"
#include "net/tls_server.h"
#include "net/tls_stream.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

#define BACKLOG 1024
/* How long a refused client gets to hear it, and the pause after accepting
 * failed for want of resources. */
#define LINGER_MS 2000
#define ACCEPT_PAUSE_MS 100

static socklen_t parse_host(const char *host, uint16_t port,
			    struct sockaddr_storage *addr)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	memset(addr, 0, sizeof(*addr));
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		return sizeof(*in4);
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	return 0;
}

/* Accepted sockets inherit TCP_NODELAY from the listening one. */
static int listen_on(struct rt *rt, int fd, struct sockaddr_storage *addr,
		     socklen_t len)
{
	int err = io_setsockopt(rt, fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!err)
		err = io_setsockopt(rt, fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!err)
		err = io_bind(rt, fd, (struct sockaddr *)addr, len);
	if (!err)
		err = io_listen(rt, fd, BACKLOG);
	if (!err)
		err = io_getsockname(rt, fd, addr, &len);
	return err;
}

static void set_defaults(struct http_server_options *options)
{
	options->host = NULL;
	if (options->max_connections == 0)
		options->max_connections = HTTP_SERVER_CONNECTIONS;
	if (options->idle_ms == 0)
		options->idle_ms = HTTP_SERVER_IDLE_MS;
	if (options->request_ms == 0)
		options->request_ms = HTTP_SERVER_REQUEST_MS;
	if (options->body_max == 0)
		options->body_max = HTTP_SERVER_BODY_MAX;
}

int http_server_start(struct http_server *server, struct rt *rt,
		      const struct http_server_options *options)
{
	struct sockaddr_storage addr;
	socklen_t len = parse_host(options->host, options->port, &addr);
	*server =
		(struct http_server){ .rt = rt, .fd = -1, .options = *options };
	set_defaults(&server->options);
	cond_init(rt, &server->room);
	if (len == 0)
		return -EINVAL;
	int fd = io_socket(rt, addr.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	int err = listen_on(rt, fd, &addr, len);
	if (err) {
		io_close(rt, fd);
		return err;
	}
	server->fd = fd;
	server->port = ntohs(addr.ss_family == AF_INET6
				     ? ((struct sockaddr_in6 *)&addr)->sin6_port
				     : ((struct sockaddr_in *)&addr)->sin_port);
	return 0;
}

/* What to answer when a request could not be read; 0: nothing, just end. */
static int refusal(struct http_conn *conn, int err)
{
	const struct http1_parser *p = &conn->reader.parser;
	switch (err) {
	case -EBADMSG:
		return 400;
	case -EMSGSIZE:
		return p->stage == HTTP1_HEAD ? 431 : 413;
	case -ETIMEDOUT:
		return p->overhead || p->stage == HTTP1_BODY ? 408 : 0;
	case -ENOMEM:
		return 503;
	default:
		return 0;
	}
}

static void refuse(struct http_conn *conn, int err)
{
	static const struct {
		int status;
		const char *body;
	} answers[] = {
		{ 400, "{\"error\":\"not a valid HTTP/1.1 request\"}" },
		{ 408, "{\"error\":\"the request took too long\"}" },
		{ 413, "{\"error\":\"the request body is too large\"}" },
		{ 431, "{\"error\":\"the request head is too large\"}" },
		{ 503, "{\"error\":\"out of memory\"}" },
	};
	int status = refusal(conn, err);
	conn->close = true;
	if (status == 0 || task_cancelled(conn->stream->rt)) {
		conn->broken = true;
		return;
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].status == status)
			(void)http_reply(conn, status, NULL, "application/json",
					 answers[i].body,
					 strlen(answers[i].body));
}

/* The target as the handler wants it: of the absolute form, which clients use
 * towards proxies, only the path and query (RFC 9112 section 3.2.2). */
static void strip_origin(struct http1_parser *p)
{
	const char *target = p->target;
	if (strncmp(target, "http://", 7) != 0 &&
	    strncmp(target, "https://", 8) != 0)
		return;
	const char *host = strchr(target, '/') + 2;
	char *path = (char *)(uintptr_t)(host + strcspn(host, "/?"));
	/* "http://host?query" means "/?query": the slash takes the place of
	 * the host's last character, which is of no use any more. */
	if (*path == '?')
		*--path = '/';
	p->target = *path ? path : "/";
}

/* Waits for the first byte of a request, then for its whole head. */
static int read_head(struct http_conn *conn, struct http_pace *pace)
{
	struct http_reader *r = &conn->reader;
	struct rt *rt = conn->stream->rt;
	const struct http_server_options *o = &conn->server->options;
	const struct http1_limits limits = { .body_max = o->body_max };
	http_reader_begin(r, HTTP1_REQUEST, &limits);
	if (r->pos == r->end) {
		ssize_t n = stream_read(conn->stream, r->buf, sizeof(r->buf),
					deadline_in_ms(rt, o->idle_ms));
		if (n <= 0)
			return n < 0 ? (int)n : -ENODATA;
		http_reader_filled(r, (size_t)n);
	}
	pace->total = deadline_in_ms(rt, o->request_ms);
	return http_reader_head(r, *pace);
}

static int read_request(struct http_conn *conn, char **body, size_t *len)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_reader *r = &conn->reader;
	struct http_pace pace = { 0 };
	int err = read_head(conn, &pace);
	if (!err && r->parser.expect_continue && r->pos == r->end)
		err = stream_write(conn->stream, go_on, sizeof(go_on) - 1,
				   pace.total);
	return err ? err : http_reader_collect(r, body, len, pace);
}

/* One request and its answer. */
static void serve(struct http_conn *conn)
{
	const struct http_server_options *options = &conn->server->options;
	struct http_incoming in = { .head = &conn->reader.parser,
				    .conn = conn };
	char *body = NULL;
	conn->answer = HTTP_ANSWER_NONE;
	int err = read_request(conn, &body, &in.body_len);
	if (err) {
		refuse(conn, err);
		return;
	}
	in.body = body;
	conn->close = !conn->reader.parser.keep_alive;
	strip_origin(&conn->reader.parser);
	options->handler(options->arg, &in);
	explicit_bzero(body, in.body_len);
	free(body);
	if (conn->answer == HTTP_ANSWER_NONE)
		(void)http_reply(conn, 500, NULL, "application/json",
				 "{\"error\":\"no answer\"}", 21);
	/* An answer cut short can only be marked by the end. */
	if (conn->answer != HTTP_ANSWER_DONE)
		conn->close = true;
}

/* Says that nothing more comes, and lets the client finish what it sends. */
static void linger(struct http_conn *conn)
{
	struct rt *rt = conn->stream->rt;
	struct http_reader *r = &conn->reader;
	struct deadline end = deadline_in_ms(rt, LINGER_MS);
	int fd = stream_fd(conn->stream);
	if (conn->broken || fd < 0)
		return;
	if (conn->server->options.tls &&
	    tls_stream_finish(conn->stream, end) != 0)
		return;
	if (io_shutdown(rt, fd, SHUT_WR) != 0)
		return;
	while (stream_read(conn->stream, r->buf, sizeof(r->buf), end) > 0)
		continue;
}

static void connection(struct rt *rt, void *arg)
{
	struct http_conn *conn = arg;
	struct http_server *server = conn->server;
	while (!conn->close && !conn->broken && !task_cancelled(rt))
		serve(conn);
	if (!task_cancelled(rt))
		linger(conn);
	stream_close(conn->stream);
	http_reader_free(&conn->reader);
	free(conn);
	server->open--;
	cond_signal(&server->room);
}

/* Gives a connection its task. Takes fd. */
static int start_connection(struct http_server *server, int fd,
			    const struct sockaddr_storage *peer)
{
	struct stream *stream = stream_plain(server->rt, fd);
	if (stream && server->options.tls)
		stream = tls_serve(server->options.tls, stream);
	if (!stream)
		return -ENOMEM;
	struct http_conn *conn = malloc(sizeof(*conn));
	int err = -ENOMEM;
	if (conn) {
		conn->server = server;
		conn->stream = stream;
		conn->peer = *peer;
		conn->answer = HTTP_ANSWER_NONE;
		conn->chunked = conn->bodiless = false;
		conn->close = conn->broken = false;
		http_reader_init(&conn->reader, stream);
		err = task_spawn(&server->connections, "http connection",
				 TASK_STACK_LARGE, connection, conn);
	}
	if (err) {
		free(conn);
		stream_close(stream);
		return err;
	}
	server->open++;
	server->accepted++;
	return 0;
}

/* Whether accepting can go on after such an error at once. */
static bool is_passing(int err)
{
	return err == -ECONNABORTED || err == -EPROTO || err == -EINTR ||
	       err == -EAGAIN;
}

void http_server_task(struct rt *rt, void *arg)
{
	struct http_server *server = arg;
	struct sockaddr_storage peer = { 0 };
	scope_open(rt, &server->connections, DEADLINE_NEVER);
	while (!task_cancelled(rt)) {
		if (server->open >= server->options.max_connections) {
			(void)cond_wait(&server->room, DEADLINE_NEVER);
			continue;
		}
		int err = io_accept(rt, server->fd, &peer, DEADLINE_NEVER);
		if (err >= 0)
			err = start_connection(server, err, &peer);
		if (err < 0 && !is_passing(err))
			(void)task_sleep(rt,
					 deadline_in_ms(rt, ACCEPT_PAUSE_MS));
	}
	scope_close(&server->connections);
}

void http_server_stop(struct http_server *server)
{
	if (server->fd >= 0)
		io_close(server->rt, server->fd);
	server->fd = -1;
}
