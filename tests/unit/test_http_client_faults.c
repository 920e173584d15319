// SPDX-License-Identifier: MIT
/*
 * The HTTP client when things go wrong: connections that close, requests that
 * may or may not be sent again, large bodies and early answers, time limits,
 * cancelling.
 */
#include "tests/unit/http_peer.h"

#define BIG (4u * 1024 * 1024)

struct retry {
	const char *method;
	bool idempotent;
	const char *answer; /* to the second request, before the close */
	enum act close;
	int result;
	enum http_phase phase;
	uint64_t accepted;
};

static const struct retry retries[] = {
	{ "GET", false, NULL, CLOSE, 200, HTTP_PHASE_RECEIVE, 2 },
	{ "HEAD", false, NULL, RESET, 200, HTTP_PHASE_RECEIVE, 2 },
	{ "POST", true, NULL, CLOSE, 200, HTTP_PHASE_RECEIVE, 2 },
	{ "POST", true, NULL, RESET, 200, HTTP_PHASE_RECEIVE, 2 },
	{ "POST", false, NULL, CLOSE, -ECONNRESET, HTTP_PHASE_RECEIVE, 1 },
	{ "POST", false, NULL, RESET, -ECONNRESET, HTTP_PHASE_RECEIVE, 1 },
	{ "GET", false, "HTTP/1.1 2", CLOSE, -EPROTO, HTTP_PHASE_RECEIVE, 1 },
	{ "GET", false, "HTTP/1.1 100 C\r\n\r\n", CLOSE, -EPROTO,
	  HTTP_PHASE_RECEIVE, 1 },
	{ "GET", false, "HTTP/1.1 2", RESET, -ECONNRESET, HTTP_PHASE_RECEIVE,
	  1 },
	{ "GET", false, "nonsense", CLOSE, -EBADMSG, HTTP_PHASE_RECEIVE, 1 },
};

/* One request keeps the connection; the second one is read and the connection
 * closed. What may be sent again then is, once, on a new connection. */
static int retries_what_is_safe(struct rt *rt, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(retries) / sizeof(retries[0]); i++) {
		const struct retry *t = &retries[i];
		const struct step steps[] = {
			{ ACCEPT, NULL },
			{ REQUEST, NULL },
			{ SEND, AGAIN },
			{ REQUEST, NULL },
			{ SEND, t->answer ? t->answer : "" },
			{ t->close, NULL },
			{ ACCEPT, NULL },
			{ REQUEST, NULL },
			{ SEND, OK "Content-Length: 0\r\n\r\n" },
			{ END, NULL },
		};
		struct peer *p = peer_open(rt, steps);
		struct http_request request = get(p, "/");
		enum http_phase phase;
		struct http_response r;
		CHECK_EQ(fetch(p, &request, "again"), 200);
		request.method = t->method;
		request.idempotent = t->idempotent;
		int err =
			http_fetch(p->pool, &request, &r, &phase, patience(rt));
		CHECK_EQ(err ? err : r.status, t->result);
		CHECK_EQ(phase, t->phase);
		CHECK_EQ(p->accepted, t->accepted);
		http_response_free(&r);
		peer_free(p);
	}
	return 0;
}

static int retries_once(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, AGAIN },
		{ REQUEST, NULL }, { CLOSE, NULL },   { ACCEPT, NULL },
		{ REQUEST, NULL }, { CLOSE, NULL },   { ACCEPT, NULL },
		{ REQUEST, NULL }, { SEND, AGAIN },   { END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct http_request request = get(p, "/");
	(void)arg;
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(fetch(p, &request, NULL), -ECONNRESET);
	CHECK_EQ(p->accepted, 2);
	/* A fresh connection is not tried again at all. */
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(p->accepted, 3);
	peer_free(p);
	return 0;
}

/* A connection closed while idle is gone before anybody uses it: even what
 * must not be sent twice is safe. */
static int notices_idle_close(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, AGAIN },
		{ WAIT, NULL },	   { CLOSE, NULL },   { ACCEPT, NULL },
		{ REQUEST, NULL }, { SEND, AGAIN },   { END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct http_request request = post(p, "x", 1);
	(void)arg;
	CHECK_EQ(fetch(p, &request, "again"), 200);
	event_set(&p->go);
	CHECK(until(rt, &pool_counters(p->pool)->dropped, 1));
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(p->requests, 2);
	CHECK_EQ(p->accepted, 2);
	peer_free(p);
	return 0;
}

struct source {
	size_t left, given;
	size_t piece;
	int err; /* given instead of the last piece */
};

static ssize_t source_read(void *arg, void *buf, size_t cap)
{
	struct source *s = arg;
	size_t len = s->piece < cap ? s->piece : cap;
	if (len > s->left)
		len = s->left;
	if (len == s->left && s->err)
		return s->err;
	memset(buf, 's', len);
	s->left -= len;
	s->given += len;
	return (ssize_t)len;
}

static int sends_large(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, AGAIN },
		{ REQUEST, NULL }, { SEND, AGAIN },   { REQUEST, NULL },
		{ SEND, AGAIN },   { END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct source source = { .left = 300000, .piece = 1000 };
	char *body = calloc(1, BIG);
	(void)arg;
	struct http_request request = post(p, body, BIG);
	CHECK_EQ(fetch(p, &request, "again"), 200);
	request = post(p, NULL, 300000);
	request.source = source_read;
	request.source_arg = &source;
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(source.given, 300000);
	request = post(p, body, HTTP_INLINE_BODY_MAX + 1);
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(p->requests, 3);
	CHECK_EQ(p->accepted, 1);
	free(body);
	peer_free(p);
	return 0;
}

static int source_fails(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { ACCEPT, NULL },
		{ REQUEST, NULL }, { ACCEPT, NULL },  { REQUEST, NULL },
		{ SEND, AGAIN },   { END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	enum http_phase phase;
	struct http_response r;
	(void)arg;
	struct source source = { .left = 100, .piece = 30, .err = -EACCES };
	struct http_request request = post(p, NULL, 100);
	request.source = source_read;
	request.source_arg = &source;
	CHECK_EQ(http_fetch(p->pool, &request, &r, &phase, patience(rt)),
		 -EACCES);
	CHECK_EQ(phase, HTTP_PHASE_SEND);
	/* Ends early; it did not send the body as promised. */
	source = (struct source){ .left = 99, .piece = 30 };
	CHECK_EQ(fetch(p, &request, NULL), -EIO);
	request = get(p, "/");
	CHECK_EQ(fetch(p, &request, "again"), 200);
	peer_free(p);
	return 0;
}

/* An answer before the body is read: it is heard while the peer reads
 * nothing, and also when the peer then resets the connection, which in no case
 * is used again. No deadline helps. */
static int hears_early_answer(struct rt *rt, void *arg)
{
	static const char early[] =
		"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
	static const struct step steps[][9] = {
		{ { ACCEPT, NULL },
		  { HEAD, NULL },
		  { SEND, early },
		  { WAIT, NULL },
		  { ACCEPT, NULL },
		  { REQUEST, NULL },
		  { SEND, AGAIN },
		  { END, NULL } },
		{ { ACCEPT, NULL },
		  { HEAD, NULL },
		  { SEND, early },
		  { CLOSE, NULL },
		  { ACCEPT, NULL },
		  { REQUEST, NULL },
		  { SEND, AGAIN },
		  { END, NULL } },
		{ { ACCEPT, NULL },
		  { HEAD, NULL },
		  { SEND, "HTTP/1.1 100 Continue\r\n\r\n" },
		  { SEND, early },
		  { WAIT, NULL },
		  { ACCEPT, NULL },
		  { REQUEST, NULL },
		  { SEND, AGAIN },
		  { END, NULL } },
	};
	char *body = calloc(1, 4 * BIG);
	(void)arg;
	for (size_t i = 0; i < 3; i++) {
		struct peer *p = peer_open(rt, steps[i]);
		struct http_request request = post(p, body, 4 * BIG);
		struct http_response r;
		request.idle_ms = UINT32_MAX;
		CHECK_EQ(
			http_fetch(p->pool, &request, &r, NULL, DEADLINE_NEVER),
			0);
		CHECK_EQ(r.status, 413);
		CHECK(r.body && strcmp(r.body, "big") == 0);
		http_response_free(&r);
		event_set(&p->go);
		request = post(p, "x", 1);
		CHECK_EQ(fetch(p, &request, "again"), 200);
		CHECK_EQ(p->accepted, 2);
		peer_free(p);
	}
	free(body);
	return 0;
}

/* Where total_ms is 0 there is no total, and the idle limit must do it. */
static int runs_out_of_time(struct rt *rt, void *arg)
{
	static const struct {
		struct step steps[5];
		size_t body_len;
		uint32_t idle_ms, total_ms;
		enum http_phase phase;
	} cases[] = {
		/* no answer; half a head; half a body */
		{ { { ACCEPT, NULL }, { REQUEST, NULL }, { WAIT, NULL } },
		  0,
		  30,
		  0,
		  HTTP_PHASE_RECEIVE },
		{ { { ACCEPT, NULL }, { REQUEST, NULL }, { WAIT, NULL } },
		  0,
		  0,
		  30,
		  HTTP_PHASE_RECEIVE },
		{ { { ACCEPT, NULL },
		    { SEND, "HTTP/1.1 200" },
		    { WAIT, NULL } },
		  0,
		  30,
		  0,
		  HTTP_PHASE_RECEIVE },
		{ { { ACCEPT, NULL },
		    { SEND, OK "Content-Length: 3\r\n\r\nxx" },
		    { WAIT, NULL } },
		  0,
		  30,
		  0,
		  HTTP_PHASE_RECEIVE },
		/* always a byte, never an end */
		{ { { ACCEPT, NULL }, { SEND, OK "\r\n" }, { TRICKLE, "x" } },
		  0,
		  UINT32_MAX,
		  50,
		  HTTP_PHASE_RECEIVE },
		{ { { ACCEPT, NULL }, { TRICKLE, "HTTP/1.1 100 C\r\n\r\n" } },
		  0,
		  UINT32_MAX,
		  50,
		  HTTP_PHASE_RECEIVE },
		/* a body nobody reads */
		{ { { ACCEPT, NULL }, { WAIT, NULL } },
		  4 * BIG,
		  30,
		  0,
		  HTTP_PHASE_SEND },
		{ { { ACCEPT, NULL }, { WAIT, NULL } },
		  4 * BIG,
		  0,
		  30,
		  HTTP_PHASE_SEND },
		/* a body that is read, no answer */
		{ { { ACCEPT, NULL }, { REQUEST, NULL }, { WAIT, NULL } },
		  BIG,
		  30,
		  0,
		  HTTP_PHASE_RECEIVE },
	};
	char *body = calloc(1, 4 * BIG);
	(void)arg;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer *p = peer_open(rt, cases[i].steps);
		size_t len = cases[i].body_len;
		struct http_request request = post(p, len ? body : NULL, len);
		uint32_t ms = cases[i].total_ms;
		enum http_phase phase;
		struct http_response r;
		request.idle_ms = cases[i].idle_ms;
		CHECK_EQ(http_fetch(p->pool, &request, &r, &phase,
				    ms ? deadline_in_ms(rt, ms)
				       : DEADLINE_NEVER),
			 -ETIMEDOUT);
		CHECK_EQ(phase, cases[i].phase);
		peer_free(p);
	}
	free(body);
	return 0;
}

/* A peer that is slow but moves is not cut off by the idle limit. */
static int slow_is_not_idle(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ DRIBBLE, AGAIN },
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct http_request request = get(p, "/");
	(void)arg;
	request.idle_ms = PATIENCE_MS;
	CHECK_EQ(fetch(p, &request, "again"), 200);
	peer_free(p);
	return 0;
}

struct victim {
	struct peer *peer;
	struct http_request request;
	int result;
	uint64_t done;
};

static void fetch_task(struct rt *rt, void *arg)
{
	struct victim *v = arg;
	(void)rt;
	v->result = fetch(v->peer, &v->request, NULL);
	v->done++;
}

static int cancels(struct rt *rt, void *arg)
{
	static const struct step steps[][6] = {
		{ { ACCEPT, NULL },
		  { REQUEST, NULL },
		  { HOLD, NULL },
		  { ACCEPT, NULL },
		  { END, NULL } },
		{ { ACCEPT, NULL },
		  { HEAD, NULL },
		  { WAIT, NULL },
		  { ACCEPT, NULL },
		  { END, NULL } },
	};
	char *body = calloc(1, 4 * BIG);
	(void)arg;
	for (size_t i = 0; i < 2; i++) {
		struct peer *p = peer_open(rt, steps[i]);
		struct victim v = { .peer = p,
				    .request = post(p, i ? body : NULL,
						    i ? 4 * BIG : 0) };
		struct scope scope;
		int fds = fd_count();
		scope_open(rt, &scope, DEADLINE_NEVER);
		CHECK_EQ(task_spawn(&scope, "victim", TASK_STACK_LARGE,
				    fetch_task, &v),
			 0);
		CHECK(until(rt, &p->requests, 1));
		scope_close(&scope);
		CHECK_EQ(v.done, 1);
		CHECK_EQ(v.result, -ECANCELED);
		/* Its connection is closed: at most the peer's end is left. */
		if (i == 0)
			CHECK(until(rt, &p->held, 1));
		CHECK(fd_count() <= fds + 1);
		peer_free(p);
	}
	free(body);
	return 0;
}

RUN(retries_what_is_safe)
RUN(retries_once)
RUN(notices_idle_close)
RUN(sends_large)
RUN(source_fails)
RUN(hears_early_answer)
RUN(runs_out_of_time)
RUN(slow_is_not_idle)
RUN(cancels)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retries_what_is_safe),
		cmocka_unit_test(test_retries_once),
		cmocka_unit_test(test_notices_idle_close),
		cmocka_unit_test(test_sends_large),
		cmocka_unit_test(test_source_fails),
		cmocka_unit_test(test_hears_early_answer),
		cmocka_unit_test(test_runs_out_of_time),
		cmocka_unit_test(test_slow_is_not_idle),
		cmocka_unit_test(test_cancels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
