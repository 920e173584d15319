// SPDX-License-Identifier: MIT
/*
 * http_peer - what the tests of the HTTP client share: the other side, which
 * plays a script on a listening socket of its own, and ways to fetch from it.
 */
#ifndef TESTS_UNIT_HTTP_PEER_H
#define TESTS_UNIT_HTTP_PEER_H

#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#include "net/http_client.h"
#include "net/pool.h"
#include "runtime/event.h"

#define LOG_SIZE 4096

/* What a scripted peer does, one after the other. */
enum act {
	END,
	ACCEPT,
	REQUEST, /* reads a whole request, into the log */
	HEAD,	 /* reads the head of one, and nothing more */
	ECHO,	 /* answers with the last letter of its target, and closes */
	SEND,
	DRIBBLE, /* sends byte by byte, a turn between them */
	TRICKLE, /* sends the text again and again until that fails */
	CLOSE,
	RESET,
	HOLD, /* until the client has closed */
	WAIT, /* until the test says go */
};

struct step {
	enum act act;
	const char *text;
};

struct peer {
	struct rt *rt;
	int listener, fd;
	const struct step *steps;
	struct url url;
	struct pool *pool;
	struct scope scope;
	struct event go;
	uint64_t accepted, requests, held, ended;
	char log[LOG_SIZE];
	size_t log_len, last; /* where the last request begins */
};

static inline void log_add(struct peer *p, const char *data, size_t len)
{
	size_t room = LOG_SIZE - 1 - p->log_len;
	if (len > room)
		len = room;
	memcpy(p->log + p->log_len, data, len);
	p->log_len += len;
}

/* Byte by byte, so that nothing beyond it is taken from the socket. */
static inline void read_request(struct peer *p, bool head_only)
{
	struct http1_parser parser;
	char byte;
	p->last = p->log_len;
	http1_parser_init(&parser, HTTP1_REQUEST,
			  &(struct http1_limits){ .body_max = SIZE_MAX });
	while (parser.stage == HTTP1_HEAD &&
	       io_recv(p->rt, p->fd, &byte, 1, DEADLINE_NEVER) == 1) {
		log_add(p, &byte, 1);
		CHECK_EQ(http1_feed(&parser, &byte, 1), 1);
	}
	char *buf = malloc(65536);
	while (!head_only && parser.stage == HTTP1_BODY) {
		uint64_t left = parser.content_length - parser.body_len;
		ssize_t n = io_recv(p->rt, p->fd, buf,
				    left < 65536 ? (size_t)left : 65536,
				    DEADLINE_NEVER);
		if (n <= 0)
			break;
		log_add(p, buf, (size_t)n);
		CHECK_EQ(http1_feed(&parser, buf, (size_t)n), n);
	}
	free(buf);
	p->requests += head_only || parser.stage == HTTP1_DONE;
	http1_parser_free(&parser);
}

static inline int send_text(struct peer *p, const char *text, size_t piece)
{
	size_t len = strlen(text);
	int err = 0;
	for (size_t at = 0; at < len && !err; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		err = io_send_all(p->rt, p->fd, text + at, n, NULL,
				  DEADLINE_NEVER);
		if (!err && piece < len)
			err = task_yield(p->rt);
	}
	return err;
}

static inline void hang_up(struct peer *p, bool reset)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	if (p->fd < 0)
		return;
	if (reset)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	io_close(p->rt, p->fd);
	p->fd = -1;
}

static inline void echo_letter(struct peer *p)
{
	char answer[128];
	p->log[p->log_len] = '\0';
	const char *version = strstr(p->log + p->last, " HTTP/");
	(void)snprintf(answer, sizeof(answer),
		       "HTTP/1.1 200 OK\r\nConnection: close\r\n"
		       "Content-Length: 1\r\n\r\n%c",
		       CHECK(version != NULL) ? version[-1] : '?');
	(void)send_text(p, answer, SIZE_MAX / 2);
}

static inline void act(struct peer *p, const struct step *step)
{
	char byte[64];
	switch (step->act) {
	case ACCEPT:
		hang_up(p, false);
		p->fd = io_accept(p->rt, p->listener, NULL, DEADLINE_NEVER);
		p->accepted += p->fd >= 0;
		break;
	case REQUEST:
	case HEAD:
		read_request(p, step->act == HEAD);
		break;
	case ECHO:
		echo_letter(p);
		break;
	case SEND:
		(void)send_text(p, step->text, SIZE_MAX / 2);
		break;
	case DRIBBLE:
		(void)send_text(p, step->text, 1);
		break;
	case TRICKLE:
		while (send_text(p, step->text, SIZE_MAX / 2) == 0)
			if (task_sleep(p->rt, deadline_in_ms(p->rt, 2)))
				break;
		break;
	case CLOSE:
	case RESET:
		hang_up(p, step->act == RESET);
		break;
	case HOLD:
		while (io_recv(p->rt, p->fd, byte, sizeof(byte),
			       DEADLINE_NEVER) > 0)
			continue;
		p->held++;
		break;
	case WAIT:
		(void)event_wait(&p->go, DEADLINE_NEVER);
		event_clear(&p->go);
		break;
	case END:
		break;
	}
}

static inline void play(struct rt *rt, void *arg)
{
	struct peer *p = arg;
	for (const struct step *s = p->steps; s->act != END; s++) {
		act(p, s);
		if (task_cancelled(rt))
			break;
	}
	p->ended++;
}

static inline struct peer *peer_open(struct rt *rt, const struct step *steps)
{
	uint16_t port = 0;
	char text[64];
	struct peer *p = calloc(1, sizeof(*p));
	p->rt = rt;
	p->fd = -1;
	p->steps = steps;
	p->listener = bound_socket(AF_INET, SOCK_STREAM, &port, 16);
	(void)snprintf(text, sizeof(text), "http://127.0.0.1:%u/api/", port);
	CHECK_EQ(url_parse(&p->url, text, NULL), 0);
	p->pool = pool_new(rt, NULL);
	event_init(rt, &p->go);
	scope_open(rt, &p->scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&p->scope, "peer", TASK_STACK_NORMAL, play, p), 0);
	return p;
}

static inline void peer_free(struct peer *p)
{
	scope_close(&p->scope);
	hang_up(p, false);
	pool_free(p->pool);
	close(p->listener);
	free(p);
}

static inline struct http_request get(struct peer *p, const char *target)
{
	return (struct http_request){ .method = "GET",
				      .url = &p->url,
				      .target = target };
}

static inline struct http_request post(struct peer *p, const void *body,
				       size_t len)
{
	return (struct http_request){ .method = "POST",
				      .url = &p->url,
				      .target = "/x",
				      .body = body,
				      .body_len = len };
}

/* Fetches; the status, or the error. Checks the body unless it is NULL. */
static inline int fetch(struct peer *p, const struct http_request *request,
			const char *body)
{
	struct http_response r;
	int err = http_fetch(p->pool, request, &r, NULL, patience(p->rt));
	int result = err ? err : r.status;
	if (err) {
		CHECK(r.body == NULL && r.head.head == NULL);
	} else if (body) {
		CHECK_EQ(r.body_len, strlen(body));
		CHECK(memcmp(r.body, body, r.body_len + 1) == 0);
	}
	http_response_free(&r);
	http_response_free(&r);
	return result;
}

#define OK "HTTP/1.1 200 OK\r\n"
#define AGAIN OK "Content-Length: 5\r\n\r\nagain"

#define RUN(body)                                                              \
	static void test_##body(void **state)                                  \
	{                                                                      \
		int fds = fd_count();                                          \
		(void)state;                                                   \
		in_runtime(body, NULL);                                        \
		assert_int_equal(fd_count(), fds);                             \
	}

#endif
