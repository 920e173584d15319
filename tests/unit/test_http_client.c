// SPDX-License-Identifier: MIT
/*
 * The HTTP client: what it sends, how it takes whole, cut and broken answers
 * from scripted peers, streaming, and many at once against our own server.
 */
#include "tests/unit/http_peer.h"

#include "net/http_server.h"

static int sends(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, AGAIN },
		{ REQUEST, NULL }, { SEND, AGAIN },   { REQUEST, NULL },
		{ SEND, AGAIN },   { END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	char want[512];
	(void)arg;

	struct http_request request = get(p, "/a?b=c");
	request.fields[request.field_count++] =
		(struct http_field){ "Authorization", "Bearer t" };
	CHECK_EQ(fetch(p, &request, "again"), 200);
	(void)snprintf(want, sizeof(want),
		       "GET /api/a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
		       "Authorization: Bearer t\r\nAccept: */*\r\n"
		       "User-Agent: " HTTP_USER_AGENT "\r\n\r\n",
		       p->url.port);
	p->log[p->log_len] = '\0';
	CHECK(strcmp(p->log, want) == 0);

	p->log_len = 0;
	request = post(p, "hello", 5);
	request.fields[request.field_count++] =
		(struct http_field){ "accept", "text/event-stream" };
	request.fields[request.field_count++] =
		(struct http_field){ "user-agent", "me" };
	CHECK_EQ(fetch(p, &request, "again"), 200);
	(void)snprintf(want, sizeof(want),
		       "POST /api/x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
		       "accept: text/event-stream\r\nuser-agent: me\r\n"
		       "Content-Length: 5\r\n\r\nhello",
		       p->url.port);
	p->log[p->log_len] = '\0';
	CHECK(strcmp(p->log, want) == 0);

	/* No path, no target, no body. */
	p->log_len = 0;
	p->url.path[0] = '\0';
	request = post(p, NULL, 0);
	request.target = NULL;
	CHECK_EQ(fetch(p, &request, "again"), 200);
	p->log[p->log_len] = '\0';
	CHECK(strncmp(p->log, "POST / HTTP/1.1\r\n", 17) == 0);
	CHECK(strstr(p->log, "Content-Length: 0\r\n") != NULL);
	CHECK_EQ(p->accepted, 1);
	peer_free(p);
	return 0;
}

static int refuses_to_send(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { ACCEPT, NULL }, { END, NULL } };
	static const struct http_field bad[] = {
		{ "Host", "x" },
		{ "content-length", "1" },
		{ "Connection", "close" },
		{ "Transfer-Encoding", "chunked" },
		{ "X", "a\r\nHost: other" },
		{ "X: a\r\nY", "b" },
		{ "", "v" },
	};
	struct peer *p = peer_open(rt, steps);
	enum http_phase phase = HTTP_PHASE_RECEIVE;
	struct http_response r;
	(void)arg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_request request = get(p, "/");
		request.fields[request.field_count++] = bad[i];
		CHECK_EQ(fetch(p, &request, NULL), -EINVAL);
	}
	struct http_request request = get(p, "/a b");
	CHECK_EQ(http_fetch(p->pool, &request, &r, &phase, patience(rt)),
		 -EINVAL);
	CHECK_EQ(phase, HTTP_PHASE_CONNECT);
	CHECK_EQ(pool_counters(p->pool)->opened, 0);
	peer_free(p);
	return 0;
}

/* The names that are the client's own, however they are written, and those
 * that only look like them. */
static int reserved_names(struct rt *rt, void *arg)
{
	static const char *const own[] = {
		"Host",
		"host",
		"HOST",
		"Content-Length",
		"content-lengTH",
		"Connection",
		"connection",
		"Transfer-Encoding",
		"transfer-encoding",
		"Upgrade",
		"UPGRADE",
		"Expect",
		"expect",
		"Keep-Alive",
		"keep-alive",
		"TE",
		"te",
		"tE",
		"Trailer",
		"trailer",
	};
	static const struct step steps[] = { { ACCEPT, NULL },
					     { REQUEST, NULL },
					     { SEND, AGAIN },
					     { END, NULL } };
	struct peer *p = peer_open(rt, steps);
	struct http_request request;

	(void)arg;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		request = get(p, "/");
		request.fields[request.field_count++] =
			(struct http_field){ own[i], "v" };
		CHECK_EQ(fetch(p, &request, NULL), -EINVAL);
	}
	request = get(p, "/");
	for (size_t i = 0; i < 3; i++)
		request.fields[request.field_count++] = (struct http_field){
			(const char *const[]){ "Hosts", "t", "Accept-Too" }[i], "v"
		};
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(p->accepted, 1);
	p->log[p->log_len] = '\0';
	CHECK(strstr(p->log, "\r\nHosts: v\r\nt: v\r\nAccept-Too: v\r\n"
			     "Accept: */*\r\nUser-Agent: ") != NULL);
	peer_free(p);
	return 0;
}

/* So many requests on one connection; `again` is what is answered. */
static struct peer *patient_peer(struct rt *rt, struct step *steps,
				 size_t count)
{
	steps[0] = (struct step){ ACCEPT, NULL };
	for (size_t i = 0; i < count; i++) {
		steps[1 + 2 * i] = (struct step){ REQUEST, NULL };
		steps[2 + 2 * i] = (struct step){ SEND, AGAIN };
	}
	steps[1 + 2 * count] = (struct step){ END, NULL };
	return peer_open(rt, steps);
}

static int targets(struct rt *rt, void *arg)
{
	static const struct {
		const char *path, *target, *line;
	} cases[] = {
		{ "", NULL, "GET / HTTP/1.1\r\n" },
		{ "", "", "GET / HTTP/1.1\r\n" },
		{ "", "/", "GET / HTTP/1.1\r\n" },
		{ "", "/a?b", "GET /a?b HTTP/1.1\r\n" },
		{ "", "?b", "GET /?b HTTP/1.1\r\n" },
		{ "/api", "/a", "GET /api/a HTTP/1.1\r\n" },
		{ "/api", NULL, "GET /api HTTP/1.1\r\n" },
		{ "/api", "?b", "GET /api?b HTTP/1.1\r\n" },
	};
	enum { COUNT = sizeof(cases) / sizeof(*cases) };
	struct step steps[2 + 2 * COUNT];
	struct peer *p = patient_peer(rt, steps, COUNT);

	(void)arg;
	for (size_t i = 0; i < COUNT; i++) {
		struct http_request request = get(p, cases[i].target);

		snprintf(p->url.path, sizeof(p->url.path), "%s", cases[i].path);
		p->log_len = 0;
		CHECK_EQ(fetch(p, &request, "again"), 200);
		p->log[p->log_len] = '\0';
		CHECK(strncmp(p->log, cases[i].line, strlen(cases[i].line)) ==
		      0);
	}
	peer_free(p);
	return 0;
}

/* A request of `size` bytes, head and body, arrives as it is; the last field
 * takes what is left. */
static void send_sized(struct peer *p, size_t size)
{
	char value[2048], want[2300];
	const char *form = "POST /api/x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
			   "X: %s\r\nAccept: */*\r\n"
			   "User-Agent: " HTTP_USER_AGENT "\r\n"
			   "Content-Length: 5\r\n\r\nhello";
	size_t rest =
		(size_t)snprintf(want, sizeof(want), form, p->url.port, "");
	struct http_request request = post(p, "hello", 5);

	memset(value, 'v', size - rest);
	value[size - rest] = '\0';
	request.fields[request.field_count++] =
		(struct http_field){ "X", value };
	p->log_len = 0;
	CHECK_EQ(fetch(p, &request, "again"), 200);
	p->log[p->log_len] = '\0';
	snprintf(want, sizeof(want), form, p->url.port, value);
	CHECK_EQ(p->log_len, size);
	CHECK(strcmp(p->log, want) == 0);
}

/* Around what a request begins in, whatever of it does not fit. */
static int sizes(struct rt *rt, void *arg)
{
	enum { FROM = 500, COUNT = 300 };
	struct step steps[2 + 2 * COUNT];
	struct peer *p = patient_peer(rt, steps, COUNT);

	(void)arg;
	for (size_t i = 0; i < COUNT; i++)
		send_sized(p, FROM + i);
	CHECK_EQ(p->accepted, 1);
	peer_free(p);
	return 0;
}

/* On a second connection it is the same once more. */
static int sizes_sent_again(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, AGAIN },
		{ HEAD, NULL },	   { CLOSE, NULL },   { ACCEPT, NULL },
		{ REQUEST, NULL }, { SEND, AGAIN },   { END, NULL },
	};

	(void)arg;
	for (size_t size = 400; size <= 1500; size += 1100) {
		struct peer *p = peer_open(rt, steps);
		struct http_request request = get(p, "/");
		char value[1500], *first;

		CHECK_EQ(fetch(p, &request, "again"), 200);
		memset(value, 'v', size - 1);
		value[size - 1] = '\0';
		request.fields[request.field_count++] =
			(struct http_field){ "X", value };
		p->log_len = 0;
		CHECK_EQ(fetch(p, &request, "again"), 200);
		CHECK_EQ(p->accepted, 2);
		p->log[p->log_len] = '\0';
		first = strndup(p->log, p->log_len / 2);
		CHECK(strstr(first, value) != NULL);
		CHECK(strcmp(first, p->log + p->log_len / 2) == 0);
		free(first);
		peer_free(p);
	}
	return 0;
}

struct answer {
	const char *method, *text;
	bool closes; /* the peer, after the text */
	int result;  /* status or error */
	const char *body;
	bool reused;
};

static const struct answer answers[] = {
	{ "GET", OK "Content-Length: 2\r\n\r\n{}", false, 200, "{}", true },
	{ "GET", OK "Content-Length: 0\r\n\r\n", false, 200, "", true },
	{ "GET",
	  OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	     "2;x\r\nde\r\n0\r\nT: x\r\n\r\n",
	  false, 200, "abcde", true },
	{ "GET", OK "\r\nto the end", true, 200, "to the end", false },
	{ "GET",
	  "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
	  false, 200, "x", true },
	{ "GET", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true },
	{ "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
	  false, 304, "", true },
	{ "HEAD", OK "Content-Length: 999999999\r\n\r\n", false, 200, "",
	  true },
	{ "GET",
	  "HTTP/1.1 302 Found\r\nLocation: /other\r\n"
	  "Content-Length: 0\r\n\r\n",
	  false, 302, "", true },
	{ "GET", "HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad", false, 500,
	  "bad", true },
	{ "GET", OK "Connection: close\r\nContent-Length: 1\r\n\r\nx", false,
	  200, "x", false },
	{ "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, 200,
	  "x", false },
	{ "GET", OK "Content-Length: 1\r\n\r\nxy", false, 200, "x", false },
	{ "GET", "HTTP/1.1 101 Up\r\n\r\n", false, 101, "", false },

	{ "GET", "", true, -ECONNRESET, NULL, false },
	{ "GET", "HTTP/1.1 20", true, -EPROTO, NULL, false },
	{ "GET", "HTTP/1.1 100 Continue\r\n\r\n", true, -EPROTO, NULL, false },
	{ "GET", OK "Content-Length: 5\r\n\r\n1234", true, -EPROTO, NULL,
	  false },
	{ "GET", OK "Content-Length: 5\r\n\r\n", true, -EPROTO, NULL, false },
	{ "GET", OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true,
	  -EPROTO, NULL, false },
	{ "GET", OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", true,
	  -EPROTO, NULL, false },
	{ "GET", "SSH-2.0-x\r\n", false, -EBADMSG, NULL, false },
	{ "GET", OK "X y\r\n\r\n", false, -EBADMSG, NULL, false },
	{ "GET",
	  OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "0\r\n\r\n",
	  false, -EBADMSG, NULL, false },
	{ "GET", OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, -EBADMSG,
	  NULL, false },
	{ "GET", OK "Content-Length: 21\r\n\r\n", false, -EMSGSIZE, NULL,
	  false },
	{ "GET", OK "Transfer-Encoding: chunked\r\n\r\n15\r\n", false,
	  -EMSGSIZE, NULL, false },
	{ "GET", OK "\r\n123456789012345678901", false, -EMSGSIZE, NULL,
	  false },
};

/* The answer, then a second request, which tells whether the first one's
 * connection was kept. Where it was not, the client must have closed it. */
static void one_answer(struct rt *rt, const struct answer *a, bool dribble)
{
	struct step steps[10];
	size_t n = 0;
	steps[n++] = (struct step){ ACCEPT, NULL };
	steps[n++] = (struct step){ REQUEST, NULL };
	steps[n++] = (struct step){ dribble ? DRIBBLE : SEND, a->text };
	if (a->closes)
		steps[n++] = (struct step){ CLOSE, NULL };
	else if (!a->reused)
		steps[n++] = (struct step){ HOLD, NULL };
	if (!a->reused)
		steps[n++] = (struct step){ ACCEPT, NULL };
	steps[n++] = (struct step){ REQUEST, NULL };
	steps[n++] = (struct step){ SEND, AGAIN };
	steps[n] = (struct step){ END, NULL };

	struct peer *p = peer_open(rt, steps);
	struct http_request request = get(p, "/");
	request.method = a->method;
	request.body_max = 20;
	int result = fetch(p, &request, a->body);
	if (result != a->result)
		fprintf(stderr, "answer: %s\n", a->text);
	CHECK_EQ(result, a->result);
	request.method = "GET";
	CHECK_EQ(fetch(p, &request, "again"), 200);
	CHECK_EQ(p->accepted, a->reused ? 1 : 2);
	peer_free(p);
}

static int reads_answers(struct rt *rt, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		one_answer(rt, &answers[i], false);
		/* What follows the answer is seen only if it comes with it. */
		if (!strstr(answers[i].text, "\r\n\r\nxy"))
			one_answer(rt, &answers[i], true);
	}
	return 0;
}

static int keeps_fields(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ SEND, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n"
			"Content-Length: 1\r\n\r\nx" },
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct http_request request = get(p, "/");
	enum http_phase phase = HTTP_PHASE_CONNECT;
	struct http_response r;
	(void)arg;
	CHECK_EQ(http_fetch(p->pool, &request, &r, &phase, patience(rt)), 0);
	CHECK_EQ(phase, HTTP_PHASE_RECEIVE);
	CHECK_EQ(r.status, 429);
	const char *value = http1_field(&r.head, "retry-after");
	CHECK(value && strcmp(value, "7") == 0);
	CHECK(strcmp(r.head.reason, "Slow") == 0);
	http_response_free(&r);
	peer_free(p);
	return 0;
}

static int streams(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ SEND, OK "Transfer-Encoding: chunked\r\n\r\n6\r\nda" },
		{ WAIT, NULL },
		{ SEND, "ta 1\r\n" },
		{ WAIT, NULL },
		{ SEND, "3\r\nend\r\n0\r\n\r\n" },
		{ REQUEST, NULL },
		{ SEND, OK "Content-Length: 10\r\n\r\n12345" },
		{ HOLD, NULL },
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ SEND, OK "Content-Length: 10\r\n\r\n12345" },
		{ CLOSE, NULL },
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct http_request request = get(p, "/");
	struct http_stream *s;
	int status;
	char buf[16];
	(void)arg;
	request.body_max = 1;
	CHECK_EQ(http_open(p->pool, &request, &s, &status, patience(rt)), 0);
	CHECK_EQ(status, 200);
	CHECK(http1_field(http_head(s), "transfer-encoding") != NULL);
	CHECK_EQ(http_read(s, buf, 1, patience(rt)), 1);
	CHECK_EQ(http_read(s, buf + 1, 9, patience(rt)), 1);
	/* Nothing there: out of time, and still usable. */
	CHECK_EQ(http_read(s, buf, 9, deadline_in_ms(rt, 5)), -ETIMEDOUT);
	CHECK_EQ(http_read(s, buf, 9, DEADLINE_NOW), -ETIMEDOUT);
	event_set(&p->go);
	CHECK_EQ(http_read(s, buf + 2, 9, patience(rt)), 4);
	CHECK(memcmp(buf, "data 1", 6) == 0);
	event_set(&p->go);
	size_t len = 0;
	ssize_t n;
	while ((n = http_read(s, buf + len, 2, patience(rt))) > 0)
		len += (size_t)n;
	CHECK_EQ(n, 0);
	CHECK_EQ(len, 3);
	CHECK(memcmp(buf, "end", 3) == 0);
	CHECK_EQ(http_read(s, buf, 2, patience(rt)), 0);
	http_close(s);

	/* The connection was kept; this one is left in the middle. */
	CHECK_EQ(http_open(p->pool, &request, &s, &status, patience(rt)), 0);
	CHECK_EQ(p->accepted, 1);
	CHECK_EQ(http_read(s, buf, sizeof(buf), patience(rt)), 5);
	http_close(s);
	CHECK(until(rt, &p->held, 1));

	CHECK_EQ(http_open(p->pool, &request, &s, &status, patience(rt)), 0);
	CHECK_EQ(http_read(s, buf, sizeof(buf), patience(rt)), 5);
	CHECK_EQ(http_read(s, buf, sizeof(buf), patience(rt)), -EPROTO);
	CHECK(http_read(s, buf, sizeof(buf), patience(rt)) < 0);
	http_close(s);
	CHECK_EQ(p->accepted, 2);
	peer_free(p);
	return 0;
}

#define CLIENTS 40
#define ROUNDS 10

static void echo(void *arg, struct http_incoming *in)
{
	(void)arg;
	(void)http_reply(in->conn, 200, NULL, "application/octet-stream",
			 in->body, in->body_len);
}

struct crowd {
	struct pool *pool;
	struct url url;
	uint64_t right;
};

static void crowd_task(struct rt *rt, void *arg)
{
	struct crowd *c = arg;
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t len = i * 3001;
		char *body = malloc(len + 1);
		struct http_request request = { .method = "POST",
						.url = &c->url,
						.target = "/",
						.body = body,
						.body_len = len };
		struct http_response r;
		memset(body, 'a' + (int)i, len + 1);
		if (http_fetch(c->pool, &request, &r, NULL, patience(rt)) == 0)
			c->right += r.status == 200 && r.body_len == len &&
				    memcmp(r.body, body, len) == 0;
		http_response_free(&r);
		free(body);
	}
}

static int crowd(struct rt *rt, void *arg)
{
	struct http_server server;
	struct crowd c = { .pool = pool_new(rt, NULL) };
	struct scope scope, clients;
	char text[64];
	(void)arg;
	CHECK_EQ(http_server_start(
			 &server, rt,
			 &(struct http_server_options){ .host = "localhost",
							.handler = echo }),
		 0);
	(void)snprintf(text, sizeof(text), "http://127.0.0.1:%u", server.port);
	CHECK_EQ(url_parse(&c.url, text, NULL), 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "server", TASK_STACK_NORMAL,
			    http_server_task, &server),
		 0);
	scope_open(rt, &clients, DEADLINE_NEVER);
	for (size_t i = 0; i < CLIENTS; i++)
		CHECK_EQ(task_spawn(&clients, "client", TASK_STACK_NORMAL,
				    crowd_task, &c),
			 0);
	CHECK_EQ(scope_join(&clients), 0);
	CHECK_EQ(c.right, CLIENTS * ROUNDS);
	CHECK(pool_counters(c.pool)->opened <= CLIENTS);
	pool_free(c.pool);
	scope_close(&scope);
	http_server_stop(&server);
	return 0;
}

static void texts(void **state)
{
	static const int errs[] = { ECONNREFUSED, ECONNRESET,	EPIPE,
				    ETIMEDOUT,	  ENOENT,	EAGAIN,
				    EPROTO,	  EBADMSG,	EMSGSIZE,
				    EINVAL,	  EKEYREJECTED, ECANCELED };
	(void)state;
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		assert_string_not_equal(http_error_text(-errs[i]),
					http_error_text(-9999));
	assert_string_equal(http_error_text(-ECONNREFUSED),
			    "connection refused");
}

RUN(sends)
RUN(refuses_to_send)
RUN(reserved_names)
RUN(targets)
RUN(sizes)
RUN(sizes_sent_again)
RUN(reads_answers)
RUN(keeps_fields)
RUN(streams)
RUN(crowd)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sends),
		cmocka_unit_test(test_refuses_to_send),
		cmocka_unit_test(test_reserved_names),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_sizes_sent_again),
		cmocka_unit_test(test_reads_answers),
		cmocka_unit_test(test_keeps_fields),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
