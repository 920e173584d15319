// SPDX-License-Identifier: MIT
/*
 * http_server - serves HTTP/1.1 over a listening socket, a task for each
 * connection.
 *
 *	struct http_server server;
 *	http_server_start(&server, rt, &options);	// binds, listens
 *	task_spawn(&scope, "accept", …, http_server_task, &server);
 *	…scope_close(&scope) ends it.
 *	http_server_stop(&server);
 *
 * The handler gets a whole request (head and body within limits) and answers
 * with http_reply, or streams with http_reply_start, http_reply_write. Requests
 * of a connection are handled in order, pipelined ones too. What is not a
 * request, too large or too slow is answered for (400, 413, 431, 408) and the
 * connection closed.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/stream.h"
#include "proto/http1.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/scope.h"

struct rt;
struct http_server;
struct http_conn;
struct tls_server;

#define HTTP_SERVER_BODY_MAX (64u * 1024 * 1024)
#define HTTP_SERVER_CONNECTIONS 4096
#define HTTP_SERVER_IDLE_MS 120000   /* between requests */
#define HTTP_SERVER_REQUEST_MS 60000 /* for one to arrive */
#define HTTP_SERVER_WRITE_MS 60000   /* for the client to take a write */

/* A request as the handler sees it; valid during the call. */
struct http_incoming {
	/* Method, target (without scheme and host), fields. */
	const struct http1_parser *head;
	const char *body; /* NUL-terminated beyond body_len */
	size_t body_len;
	struct http_conn *conn;
};

/* Called in the connection's task (TASK_STACK_LARGE); may park. Must answer,
 * once, before it returns; a handler that did not is answered for with a 500.
 * When the server's scope is cancelled the call it is parked in ends. */
typedef void (*http_handler_fn)(void *arg, struct http_incoming *request);

struct http_server_options {
	const char *host;	  /* literal or localhost (127.0.0.1) */
	uint16_t port;		  /* 0: the kernel chooses */
	uint32_t max_connections; /* 0: HTTP_SERVER_CONNECTIONS; more wait */
	uint32_t idle_ms;	  /* 0: HTTP_SERVER_IDLE_MS */
	uint32_t request_ms;	  /* 0: HTTP_SERVER_REQUEST_MS */
	size_t body_max;	  /* 0: HTTP_SERVER_BODY_MAX */
	struct tls_server *tls;	  /* serve https with it; NULL: http */
	http_handler_fn handler;
	void *arg;
};

struct http_server {
	struct rt *rt;
	int fd;
	uint16_t port; /* the one that is really bound */
	struct http_server_options options;
	struct scope connections;
	uint32_t open;	   /* connections that are */
	uint64_t accepted; /* connections so far */
	struct cond room;  /* signalled when one has gone */
};

/* Binds and listens: 0 or a negative errno; -EINVAL for a host that is neither
 * a literal nor localhost. `options` is copied; host is not used afterwards.
 * Parks only to close the socket after a failure. */
int http_server_start(struct http_server *server, struct rt *rt,
		      const struct http_server_options *options);
/* The accepting task; `arg` is the server. Ends when its scope is cancelled,
 * taking its connections with it. */
void http_server_task(struct rt *rt, void *arg);
/* Closes the listening socket; the task must have ended. Parks. */
void http_server_stop(struct http_server *server);

/* Answers with a whole body, in one write if that is small. `fields` as name,
 * value pairs ending with NULL, may be NULL; content_type may be NULL. Date
 * and Content-Length are added, and the body is left out where there is none
 * (HEAD, 204, 304). Of Connection fields only "close" has a meaning: the
 * connection is closed after the answer. 0 or the write's error; -EALREADY
 * when the request was answered before; -EINVAL for fields that cannot be
 * sent (nothing was then). Parks. */
int http_reply(struct http_conn *conn, int status, const char *const *fields,
	       const char *content_type, const void *body, size_t len);

/* Starts a streamed answer, delimited by the end of the connection (or
 * chunked when `chunked` and the client speaks HTTP/1.1); then any number of
 * writes; http_reply_end. A handler that returns without that has cut the
 * answer short. Errors as http_reply; -EPIPE for a write that no start came
 * before. Each write is sent at once. Park. */
int http_reply_start(struct http_conn *conn, int status,
		     const char *const *fields, const char *content_type,
		     bool chunked);
int http_reply_write(struct http_conn *conn, const void *data, size_t len);
int http_reply_end(struct http_conn *conn);

/* The stream underneath: for a handler that must know that the client left. */
struct stream *http_conn_stream(struct http_conn *conn);

/* The client's address as accept gave it; valid as long as the connection. */
const struct sockaddr_storage *http_conn_peer(const struct http_conn *conn);

#endif
