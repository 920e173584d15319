// SPDX-License-Identifier: MIT
/*
 * CONNECT: proxy_connect against a proxy that plays a script, and a whole
 * https request of the pool through one that relays and listens.
 */
#include "tests/unit/http_peer.h"

#include "net/http_server.h"
#include "net/proxy.h"
#include "net/tls_server.h"
#include "net/trust.h"
#include "tests/unit/tls_fixture.h"

#define SECRET "tok-secret-0123456789"
#define UP "HTTP/1.1 200 Connection established\r\n\r\n"
#define CODED "dXNlcjpwdw=="
#define AUTH "Basic " CODED

static struct proxy proxy_of(const struct peer *p, const char *authorization)
{
	struct proxy proxy = {
		.variable = "HTTPS_PROXY",
		.host = "127.0.0.1",
		.port = p->url.port,
		.authorization = (char *)(uintptr_t)authorization,
	};
	return proxy;
}

/* Connects to platform.example:8443 through a proxy that does these steps. */
static int through(struct rt *rt, const struct step *steps,
		   const char *authorization, struct proxy_error *error,
		   char *log)
{
	struct peer *p = peer_open(rt, steps);
	struct proxy proxy = proxy_of(p, authorization);
	char text[1024];
	int fd = proxy_connect(rt, NULL, &proxy, "platform.example", 8443,
			       error, patience(rt));

	if (fd >= 0)
		io_close(rt, fd);
	CHECK(until(rt, &p->ended, 1));
	if (log)
		memcpy(log, p->log, LOG_SIZE);
	proxy_error_text(error, text, sizeof(text));
	CHECK((error->fault == PROXY_OK) == (*text == '\0'));
	if (*text)
		CHECK(strstr(text, "(HTTPS_PROXY)") != NULL);
	error->proxy = NULL;
	peer_free(p);
	return fd;
}

static int requests(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, 0 }, { HEAD, 0 }, { SEND, UP }, { HOLD, 0 }, { 0 }
	};
	struct proxy_error error;
	char log[LOG_SIZE];

	(void)arg;
	CHECK(through(rt, steps, NULL, &error, log) >= 0);
	CHECK_EQ(error.fault, PROXY_OK);
	CHECK(strcmp(log, "CONNECT platform.example:8443 HTTP/1.1\r\n"
			  "Host: platform.example:8443\r\n"
			  "User-Agent: " HTTP_USER_AGENT "\r\n\r\n") == 0);
	CHECK(through(rt, steps, AUTH, &error, log) >= 0);
	CHECK(strcmp(log, "CONNECT platform.example:8443 HTTP/1.1\r\n"
			  "Host: platform.example:8443\r\n"
			  "User-Agent: " HTTP_USER_AGENT "\r\n"
			  "Proxy-Authorization: " AUTH "\r\n\r\n") == 0);
	return 0;
}

/* Answers that open the tunnel; nothing of it is swallowed. */
static int opens(struct rt *rt, void *arg)
{
	static const char *const answers[] = {
		UP,
		"HTTP/1.0 200 Connected\r\nProxy-agent: t/1.11\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n",
		/* To be ignored: RFC 9110 section 9.3.6. */
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	};

	(void)arg;
	for (size_t i = 0; i < 2 * sizeof(answers) / sizeof(*answers); i++) {
		struct step steps[] = {
			{ ACCEPT, 0 },
			{ HEAD, 0 },
			{ i % 2 ? DRIBBLE : SEND, answers[i / 2] },
			{ WAIT, 0 },
			{ SEND, "hello" },
			{ HOLD, 0 },
			{ 0 }
		};
		struct peer *p = peer_open(rt, steps);
		struct proxy proxy = proxy_of(p, NULL);
		struct proxy_error error;
		char buf[16];
		int fd = proxy_connect(rt, NULL, &proxy, "::1", 443, &error,
				       patience(rt));

		CHECK(fd >= 0);
		CHECK(strncmp(p->log, "CONNECT [::1]:443 HTTP/1.1\r\n", 28) ==
		      0);
		event_set(&p->go);
		CHECK_EQ(io_recv(rt, fd, buf, sizeof(buf), patience(rt)), 5);
		CHECK(memcmp(buf, "hello", 5) == 0);
		io_close(rt, fd);
		peer_free(p);
	}
	return 0;
}

/* The answer, then what has to come of it. */
struct refusal {
	const char *answer, *authorization;
	int err;
	enum proxy_fault fault;
	const char *text;
};

#define LOGIN "HTTP/1.1 407 Proxy Authentication Required\r\n"

static int refuses(struct rt *rt, void *arg)
{
	static const struct refusal table[] = {
		{ LOGIN "Proxy-Authenticate: Basic realm=\"x\"\r\n\r\n", NULL,
		  -ENOKEY, PROXY_WANTS_CREDENTIALS, "wants credentials" },
		{ LOGIN "\r\n", NULL, -ENOKEY, PROXY_WANTS_CREDENTIALS,
		  "HTTPS_PROXY" },
		{ LOGIN "Proxy-Authenticate: Negotiate\r\n"
			"Proxy-Authenticate: BASIC\r\n\r\n",
		  AUTH, -ENOKEY, PROXY_BAD_CREDENTIALS, "does not accept" },
		{ LOGIN "Proxy-Authenticate: NTLM\r\n\r\n", AUTH, -ENOKEY,
		  PROXY_OTHER_SCHEME, "way of authentication" },
		{ "HTTP/1.0 401 Unauthorized\r\n\r\n", AUTH, -ENOKEY,
		  PROXY_BAD_CREDENTIALS, "does not accept" },
		{ "HTTP/1.0 401 Unauthorized\r\n\r\n", NULL, -EREMOTEIO,
		  PROXY_REFUSED, "401" },
		{ "HTTP/1.1 403 Filtered\r\nContent-Length: 2\r\n\r\nno", NULL,
		  -EREMOTEIO, PROXY_REFUSED,
		  "refused to connect to platform.example:8443 (it answered "
		  "403 Forbidden)" },
		{ "HTTP/1.0 502 Bad Gateway\r\n\r\nbody", NULL, -EREMOTEIO,
		  PROXY_REFUSED, "was not able to connect" },
		{ "HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", NULL, -EREMOTEIO,
		  PROXY_REFUSED, "302" },
		{ "HTTP/1.1 101 Switching\r\n\r\n", NULL, -EREMOTEIO,
		  PROXY_REFUSED, "101" },
		{ UP "X", NULL, -EBADMSG, PROXY_EXCESS, "more than an answer" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", NULL, -EBADMSG, PROXY_GARBAGE,
		  "as an HTTP proxy does" },
		{ "\x15\x03\x01\x00\x02\x02\x28", NULL, -EBADMSG, PROXY_GARBAGE,
		  "as an HTTP proxy does" },
		{ "HTTP/1.1 200 OK\nX: y\n\n", NULL, -EBADMSG, PROXY_GARBAGE,
		  "as an HTTP proxy does" },
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct refusal *r = &table[i];
		/* HOLD: the connection is closed from this side. */
		struct step steps[] = { { ACCEPT, 0 },
					{ HEAD, 0 },
					{ SEND, r->answer },
					{ HOLD, 0 },
					{ 0 } };
		struct peer *p = peer_open(rt, steps);
		struct proxy proxy = proxy_of(p, r->authorization);
		struct proxy_error error;
		char text[1024];

		CHECK_EQ(proxy_connect(rt, NULL, &proxy, "platform.example",
				       8443, &error, patience(rt)),
			 r->err);
		CHECK_EQ(error.fault, r->fault);
		CHECK(strstr(proxy_error_text(&error, text, sizeof(text)),
			     r->text) != NULL);
		CHECK(strstr(text, CODED) == NULL);
		CHECK(until(rt, &p->held, 1));
		peer_free(p);
	}
	return 0;
}

static int cut_short(struct rt *rt, void *arg)
{
	static const struct step scripts[][5] = {
		{ { ACCEPT, 0 }, { CLOSE, 0 }, { 0 } },
		{ { ACCEPT, 0 }, { HEAD, 0 }, { CLOSE, 0 }, { 0 } },
		{ { ACCEPT, 0 }, { HEAD, 0 }, { RESET, 0 }, { 0 } },
		{ { ACCEPT, 0 },
		  { HEAD, 0 },
		  { SEND, "HTTP/1.1 200 OK\r\n" },
		  { CLOSE, 0 },
		  { 0 } },
		{ { ACCEPT, 0 },
		  { HEAD, 0 },
		  { SEND, "HTTP/1.1 200 OK\r\nA: b\r\n\r" },
		  { CLOSE, 0 },
		  { 0 } },
	};
	struct proxy_error error;

	(void)arg;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		CHECK_EQ(through(rt, scripts[i], NULL, &error, NULL),
			 -ECONNRESET);
		CHECK_EQ(error.fault, PROXY_CUT);
	}
	return 0;
}

/* An answer without an end is given up. */
static int endless(struct rt *rt, void *arg)
{
	static const char *const pieces[] = {
		"HTTP/1.1 100 Continue\r\nX: "
		"abcdefghijklmnopqrstuvwxyz\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: abc",
	};
	struct proxy_error error;
	char *fields = malloc(PROXY_ANSWER_MAX + 100);

	(void)arg;
	memset(fields, 'x', PROXY_ANSWER_MAX + 99);
	fields[PROXY_ANSWER_MAX + 99] = '\0';
	memcpy(fields, pieces[1], strlen(pieces[1]));
	const struct step interim[] = {
		{ ACCEPT, 0 }, { HEAD, 0 }, { TRICKLE, pieces[0] }, { 0 }
	};
	const struct step large[] = {
		{ ACCEPT, 0 }, { HEAD, 0 }, { SEND, fields }, { HOLD, 0 }, { 0 }
	};
	CHECK_EQ(through(rt, large, NULL, &error, NULL), -EBADMSG);
	CHECK_EQ(error.fault, PROXY_GARBAGE);
	CHECK_EQ(through(rt, interim, NULL, &error, NULL), -EBADMSG);
	CHECK_EQ(error.fault, PROXY_GARBAGE);
	free(fields);
	return 0;
}

static const struct step hang[] = {
	{ ACCEPT, 0 }, { HEAD, 0 }, { HOLD, 0 }, { 0 }
};

static int times_out(struct rt *rt, void *arg)
{
	struct peer *p = peer_open(rt, hang);
	struct proxy proxy = proxy_of(p, NULL);
	struct proxy_error error;
	char text[1024];

	(void)arg;
	CHECK_EQ(proxy_connect(rt, NULL, &proxy, "platform.example", 443,
			       &error, deadline_in_ms(rt, 50)),
		 -ETIMEDOUT);
	CHECK_EQ(error.fault, PROXY_TIMEOUT);
	CHECK(strstr(proxy_error_text(&error, text, sizeof(text)), "in time"));
	peer_free(p);
	return 0;
}

struct caller {
	struct peer *peer;
	int result;
	enum proxy_fault fault;
	uint64_t done;
};

static void call(struct rt *rt, void *arg)
{
	struct caller *caller = arg;
	struct proxy proxy = proxy_of(caller->peer, AUTH);
	struct proxy_error error;

	caller->result = proxy_connect(rt, NULL, &proxy, "platform.example",
				       443, &error, DEADLINE_NEVER);
	caller->fault = error.fault;
	caller->done = 1;
}

static int cancelled(struct rt *rt, void *arg)
{
	struct caller caller = { .peer = peer_open(rt, hang) };
	struct scope scope;

	(void)arg;
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "call", TASK_STACK_NORMAL, call, &caller),
		 0);
	CHECK(until(rt, &caller.peer->requests, 1));
	CHECK_EQ(caller.done, 0);
	scope_close(&scope);
	CHECK_EQ(caller.result, -ECANCELED);
	CHECK_EQ(caller.fault, PROXY_OK);
	CHECK(until(rt, &caller.peer->held, 1));
	peer_free(caller.peer);
	return 0;
}

static int unreachable(struct rt *rt, void *arg)
{
	struct proxy proxy = { .variable = "all_proxy", .host = "::1" };
	struct proxy_error error;
	char text[1024];
	uint16_t port = 0;
	int taken = bound_socket(AF_INET6, SOCK_DGRAM, &port, 0);

	(void)arg;
	/* Nobody listens for TCP there. */
	proxy.port = port;
	CHECK(proxy_connect(rt, NULL, &proxy, "platform.example", 443, &error,
			    patience(rt)) < 0);
	CHECK_EQ(error.fault, PROXY_UNREACHABLE);
	proxy_error_text(&error, text, sizeof(text));
	CHECK(strstr(text, "the proxy [::1]:") == text);
	CHECK(strstr(text, "(all_proxy) cannot be reached: ") != NULL);
	if (taken >= 0)
		close(taken);

	proxy.fault = "it is odd";
	CHECK_EQ(proxy_connect(rt, NULL, &proxy, "platform.example", 443,
			       &error, patience(rt)),
		 -EINVAL);
	CHECK(strcmp(proxy_error_text(&error, text, sizeof(text)),
		     "the proxy in all_proxy is not usable: it is odd") == 0);
	return 0;
}

/* --- Through the pool --- */

#define SEEN_SIZE 65536

/* A proxy that relays one tunnel after the other to a port of this machine,
 * whatever was asked for, and keeps what it saw, either way. */
struct relay {
	struct rt *rt;
	int listener, client, server;
	uint16_t port, to;
	struct scope scope;
	uint64_t tunnels;
	char seen[SEEN_SIZE];
	size_t len;
};

static void see(struct relay *r, const char *data, size_t len)
{
	if (len > SEEN_SIZE - r->len)
		len = SEEN_SIZE - r->len;
	memcpy(r->seen + r->len, data, len);
	r->len += len;
}

static void pump(struct relay *r, int from, int to)
{
	char buf[1024];
	ssize_t n;

	while ((n = io_recv(r->rt, from, buf, sizeof(buf), DEADLINE_NEVER)) >
	       0) {
		see(r, buf, (size_t)n);
		if (io_send_all(r->rt, to, buf, (size_t)n, NULL,
				DEADLINE_NEVER))
			break;
	}
	io_shutdown(r->rt, to, SHUT_WR);
}

static void pump_back(struct rt *rt, void *arg)
{
	struct relay *r = arg;

	(void)rt;
	pump(r, r->server, r->client);
}

static void tunnel(struct relay *r)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(&addr, AF_INET, r->to);
	struct scope scope;
	char byte;

	while (r->len < 4 || memcmp(r->seen + r->len - 4, "\r\n\r\n", 4) != 0) {
		if (io_recv(r->rt, r->client, &byte, 1, DEADLINE_NEVER) != 1)
			return;
		see(r, &byte, 1);
	}
	CHECK_EQ(io_send_all(r->rt, r->client, UP, strlen(UP), NULL,
			     DEADLINE_NEVER),
		 0);
	r->server = io_socket(r->rt, AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(io_connect(r->rt, r->server, (struct sockaddr *)&addr, len,
			    DEADLINE_NEVER),
		 0);
	r->tunnels++;
	scope_open(r->rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "back", TASK_STACK_SMALL, pump_back, r);
	pump(r, r->client, r->server);
	scope_close(&scope);
	io_close(r->rt, r->server);
}

static void relay_run(struct rt *rt, void *arg)
{
	struct relay *r = arg;

	while ((r->client = io_accept(rt, r->listener, NULL, DEADLINE_NEVER)) >=
	       0) {
		tunnel(r);
		io_close(rt, r->client);
	}
}

static void answer(void *arg, struct http_incoming *in)
{
	const char *auth = http1_field(in->head, "authorization");

	(void)arg;
	http_reply(in->conn, auth && strstr(auth, SECRET) ? 200 : 401, NULL,
		   "text/plain", "hello", 5);
}

static int ask(struct rt *rt, struct pool *pool, const struct url *url)
{
	struct http_request request = {
		.method = "GET",
		.url = url,
		.target = "/x",
		.fields = { { "Authorization", "Bearer " SECRET } },
		.field_count = 1,
	};
	struct http_response response;
	int err = http_fetch(pool, &request, &response, NULL, patience(rt));
	int status = response.status;

	http_response_free(&response);
	return err ? err : status;
}

static int pool_uses_it(struct rt *rt, void *arg)
{
	static const char *const hosts[] = { "platform.example", NULL };
	struct chain *chain =
		chain_new(rt, &(struct chain_wish){ .hosts = hosts });
	struct relay *r = calloc(1, sizeof(*r));
	struct trust_options roots = { .file = chain->roots };
	struct proxy_options proxies = {
		.https = { .variable = "HTTPS_PROXY",
			   .host = "127.0.0.1",
			   .authorization = (char[]){ AUTH } },
	};
	struct tls_server *tls;
	struct http_server server;
	struct scope scope;
	struct pool *pool = pool_new(rt, NULL);
	struct url url;
	char text[1024];
	const char *why;

	(void)arg;
	CHECK_EQ(tls_server_new(&tls, rt, chain->pem, chain->pem_len,
				chain->key, chain->key_len, &why),
		 0);
	CHECK_EQ(http_server_start(
			 &server, rt,
			 &(struct http_server_options){ .host = "127.0.0.1",
							.handler = answer,
							.tls = tls }),
		 0);
	r->rt = rt;
	r->to = server.port;
	r->listener = bound_socket(AF_INET, SOCK_STREAM, &r->port, 4);
	proxies.https.port = r->port;
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "server", TASK_STACK_NORMAL, http_server_task,
		   &server);
	task_spawn(&scope, "relay", TASK_STACK_NORMAL, relay_run, r);
	pool_set_roots(pool, &roots);
	pool_set_proxies(pool, &proxies);

	/* The name exists nowhere: the proxy has to know it. */
	CHECK_EQ(url_parse(&url, "https://platform.example", NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(rt, pool, &url), 200);
	CHECK_EQ(r->tunnels, 1);
	CHECK_EQ(pool_counters(pool)->opened, 1);
	CHECK_EQ(*pool_refusal(pool, text, sizeof(text)), 0);
	CHECK(memcmp(r->seen, "CONNECT platform.example:443 HTTP/1.1\r\n",
		     39) == 0);
	CHECK(memmem(r->seen, r->len, AUTH, strlen(AUTH)) != NULL);
	CHECK(memmem(r->seen, r->len, SECRET, strlen(SECRET)) == NULL);
	CHECK(memmem(r->seen, r->len, "hello", 5) == NULL);

	/* An http origin is connected to directly, though that fails here. */
	CHECK_EQ(url_parse(&url, "http://platform.example", NULL), 0);
	CHECK_EQ(ask(rt, pool, &url), -ENOENT);
	CHECK_EQ(*pool_refusal(pool, text, sizeof(text)), 0);
	CHECK_EQ(r->tunnels, 1);

	pool_free(pool);
	scope_close(&scope);
	http_server_stop(&server);
	tls_server_free(tls);
	close(r->listener);
	free(r);
	chain_free(chain);
	return 0;
}

/* Each failure has the words for its own reason, and no other's. */
static int pool_tells(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, 0 }, { HEAD, 0 }, { SEND, LOGIN "\r\n" },
		{ ACCEPT, 0 }, { HEAD, 0 }, { SEND, UP },
		{ CLOSE, 0 },  { 0 }
	};
	struct peer *p = peer_open(rt, steps);
	struct proxy_options proxies = { .https = proxy_of(p, NULL) };
	struct url url;
	char text[1024];

	(void)arg;
	pool_set_proxies(p->pool, &proxies);
	CHECK_EQ(url_parse(&url, "https://platform.example", NULL), 0);
	CHECK_EQ(ask(rt, p->pool, &url), -ENOKEY);
	CHECK(strstr(pool_refusal(p->pool, text, sizeof(text)),
		     "wants credentials") != NULL);
	CHECK_EQ(ask(rt, p->pool, &url), -ECONNRESET);
	CHECK(strstr(pool_refusal(p->pool, text, sizeof(text)),
		     "platform.example closed the connection") != NULL);
	CHECK_EQ(url_parse(&url, "http://platform.example", NULL), 0);
	CHECK_EQ(ask(rt, p->pool, &url), -ENOENT);
	CHECK_EQ(*pool_refusal(p->pool, text, sizeof(text)), 0);
	CHECK(strstr(p->log, SECRET) == NULL);
	peer_free(p);
	return 0;
}

RUN(requests)
RUN(opens)
RUN(refuses)
RUN(cut_short)
RUN(endless)
RUN(times_out)
RUN(cancelled)
RUN(unreachable)
RUN(pool_uses_it)
RUN(pool_tells)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_opens),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_times_out),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_pool_uses_it),
		cmocka_unit_test(test_pool_tells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
