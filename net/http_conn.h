// SPDX-License-Identifier: MIT
/*
 * http_conn - a connection of the server: what http_server.c (which reads
 * requests) and http_reply.c (which writes answers) share. For those two.
 */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H

#include <stdbool.h>

#include "net/http_reader.h"
#include "net/http_server.h"

/* How far the answer to the current request is. */
enum http_answer {
	HTTP_ANSWER_NONE,
	HTTP_ANSWER_OPEN, /* started, streamed */
	HTTP_ANSWER_DONE,
};

struct http_conn {
	struct http_server *server;
	struct stream *stream;
	struct sockaddr_storage peer;
	enum http_answer answer;
	bool chunked;  /* the streamed answer is */
	bool bodiless; /* the streamed answer has no body: HEAD, 204 … */
	bool close;    /* no further request on this connection */
	bool broken;   /* a write failed */
	struct http_reader reader;
};

#endif
