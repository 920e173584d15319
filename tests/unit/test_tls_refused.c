// SPDX-License-Identifier: MIT
/* tls, where it must not work: bad certificates, no roots, peers that speak
 * something else, and every way in which a connection ends. */
#include "tests/unit/tls_world.h"

#include "net/tls_stream.h"

static void refused(struct rt *rt, const struct chain_wish *wish,
		    const char *host, enum tls_fault fault, const char *part)
{
	struct world w;
	struct stream *s = NULL;
	char text[1024];

	world_open(rt, &w, wish);
	CHECK_EQ(try_connect(&w, echo, host, &s), -EKEYREJECTED);
	CHECK(s == NULL);
	CHECK_EQ(w.error.fault, fault);
	tls_error_text(&w.error, text, sizeof(text));
	if (!CHECK(strstr(text, part) != NULL))
		fprintf(stderr, "%s\n", text);
	if (getenv("SHOW"))
		fprintf(stderr, "%s\n", text);
	world_close(&w);
}

static int bad_certificates(struct rt *rt, void *arg)
{
	static const char *const others[] = { "other.example", "10.0.0.1",
					      NULL };

	(void)arg;
	refused(rt, &(struct chain_wish){ .from = -9 * DAY_SECONDS, .to = -60 },
		"test.example", TLS_EXPIRED, "expired on");
	refused(rt, &(struct chain_wish){ .from = 3600 }, "test.example",
		TLS_NOT_YET_VALID, "set the clock");
	refused(rt, &(struct chain_wish){ .self_signed = true }, "test.example",
		TLS_SELF_SIGNED, "self-signed certificate (\"Test Leaf\")");
	refused(rt, &(struct chain_wish){ .hosts = others }, "test.example",
		TLS_WRONG_HOST, "other.example, 10.0.0.1");
	refused(rt, &(struct chain_wish){ .hosts = others }, "127.0.0.1",
		TLS_WRONG_HOST, "other.example, 10.0.0.1");
	refused(rt, &(struct chain_wish){ .hosts = others }, "::1",
		TLS_WRONG_HOST, "other.example, 10.0.0.1");
	refused(rt, &(struct chain_wish){ 0 }, "a.b.wild.example",
		TLS_WRONG_HOST, "*.wild.example");
	refused(rt, &(struct chain_wish){ .other_root = true }, "test.example",
		TLS_UNKNOWN_ISSUER, "\"Test Root\"");
	refused(rt, &(struct chain_wish){ .no_intermediate = true },
		"test.example", TLS_UNKNOWN_ISSUER, "intermediate");
	refused(rt, &(struct chain_wish){ .sha1 = true }, "test.example",
		TLS_WEAK_SIGNATURE, "SHA-1");
	refused(rt, &(struct chain_wish){ .client_only = true }, "test.example",
		TLS_WRONG_PURPOSE, "not meant for servers");
	refused(rt, &(struct chain_wish){ .leaf_issues = true }, "test.example",
		TLS_NOT_AN_ISSUER, "may not issue");
	refused(rt, &(struct chain_wish){ .spoilt = true }, "test.example",
		TLS_BAD_SIGNATURE, "signature");
	refused(rt, &(struct chain_wish){ .root_to = -60 }, "test.example",
		TLS_EXPIRED, "root certificate");
	return 0;
}

static int no_roots(struct rt *rt, void *arg)
{
	struct world w;
	struct stream *s = NULL;
	char text[1024];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	write_text(w.chain->roots, "nothing here\n", 13);
	CHECK_EQ(try_connect(&w, echo, "test.example", &s), -EKEYREJECTED);
	CHECK_EQ(w.error.fault, TLS_NO_ROOTS);
	unlink(w.chain->roots);
	CHECK_EQ(try_connect(&w, echo, "test.example", &s), -EKEYREJECTED);
	CHECK_EQ(w.error.fault, TLS_NO_ROOTS);
	tls_error_text(&w.error, text, sizeof(text));
	CHECK(strstr(text, w.chain->roots) && strstr(text, "SSL_CERT_FILE"));
	/* A directory cannot be read as a file. */
	CHECK(mkdir(w.chain->roots, 0700) == 0);
	CHECK_EQ(try_connect(&w, echo, "test.example", &s), -EKEYREJECTED);
	CHECK_EQ(w.error.fault, TLS_BAD_ROOTS);
	rmdir(w.chain->roots);
	world_close(&w);
	return 0;
}

/* Peers that send something of their own after the ClientHello. */
static void answer_with(struct rt *rt, struct peer *peer, const void *text,
			size_t len)
{
	char buf[4096];

	CHECK(io_recv(rt, peer->fd, buf, sizeof(buf), patience(rt)) > 0);
	CHECK_EQ(io_send_all(rt, peer->fd, text, len, NULL, patience(rt)), 0);
	/* Until the client is through with it. */
	while (len && io_recv(rt, peer->fd, buf, sizeof(buf), patience(rt)) > 0)
		continue;
	io_close(rt, peer->fd);
	free(peer);
}

static void plain_http(struct rt *rt, void *arg)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	answer_with(rt, arg, text, sizeof(text) - 1);
}

static void garbage(struct rt *rt, void *arg)
{
	answer_with(rt, arg, "220 mail.example ESMTP\r\n", 24);
}

static void only_13(struct rt *rt, void *arg)
{
	answer_with(rt, arg, "\x15\x03\x03\x00\x02\x02\x46", 7);
}

static void no_common(struct rt *rt, void *arg)
{
	answer_with(rt, arg, "\x15\x03\x03\x00\x02\x02\x28", 7);
}

static void unknown_name(struct rt *rt, void *arg)
{
	answer_with(rt, arg, "\x15\x03\x03\x00\x02\x02\x70", 7);
}

static void bad_record(struct rt *rt, void *arg)
{
	answer_with(rt, arg, "\x16\x03\x03\x00\x04\x63\x00\x00\x00", 9);
}

static void leaves(struct rt *rt, void *arg)
{
	answer_with(rt, arg, "", 0);
}

static int strangers(struct rt *rt, void *arg)
{
	static const struct {
		task_fn fn;
		int err;
		enum tls_fault fault;
		const char *part;
	} cases[] = {
		{ plain_http, -EKEYREJECTED, TLS_PLAIN_HTTP, "plain HTTP" },
		{ garbage, -EKEYREJECTED, TLS_GARBAGE, "does not speak TLS" },
		{ only_13, -EKEYREJECTED, TLS_VERSION, "TLS 1.3" },
		{ no_common, -EKEYREJECTED, TLS_NO_COMMON, "cipher suite" },
		{ unknown_name, -EKEYREJECTED, TLS_ALERT, "unrecognized name" },
		{ bad_record, -EKEYREJECTED, TLS_PROTOCOL, "broke the TLS" },
		{ leaves, -ECONNRESET, TLS_CLOSED, "closed" },
	};
	struct world w;
	char text[1024];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *s = NULL;
		CHECK_EQ(try_connect(&w, cases[i].fn, "test.example", &s),
			 cases[i].err);
		CHECK(s == NULL);
		CHECK_EQ(w.error.fault, cases[i].fault);
		tls_error_text(&w.error, text, sizeof(text));
		if (!CHECK(strstr(text, cases[i].part) != NULL) ||
		    getenv("SHOW"))
			fprintf(stderr, "%s\n", text);
	}
	world_close(&w);
	return 0;
}

static void silent(struct rt *rt, void *arg)
{
	struct peer *peer = arg;
	char byte[512];

	while (io_recv(rt, peer->fd, byte, sizeof(byte), patience(rt)) > 0)
		continue;
	io_close(rt, peer->fd);
	free(peer);
}

struct attempt {
	struct world *world;
	int err;
};

static void attempt(struct rt *rt, void *arg)
{
	struct attempt *a = arg;
	struct stream *s = NULL;

	(void)rt;
	a->err = try_connect(a->world, silent, "test.example", &s);
	CHECK(s == NULL);
}

static int given_up(struct rt *rt, void *arg)
{
	struct world w;
	struct stream *s = NULL;
	struct scope scope;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	CHECK_EQ(tls_connect(w.client, lower_open(&w, silent), "test.example",
			     443, deadline_in_ms(rt, 20), &s, &w.error),
		 -ETIMEDOUT);
	CHECK_EQ(w.error.fault, TLS_TIMEOUT);
	struct attempt a = { .world = &w };
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
	task_sleep(rt, deadline_in_ms(rt, 10));
	scope_close(&scope);
	CHECK_EQ(a.err, -ECANCELED);
	world_close(&w);
	return 0;
}

/* --- Ends --- */

/* Answers with `text`, then goes in one of three ways. */
static void serve_and(struct rt *rt, struct peer *peer, const char *text,
		      int how)
{
	struct world *w = peer->world;
	int fd = dup(peer->fd);
	struct stream *s = tls_serve(w->server, stream_plain(rt, peer->fd));
	char buf[64];

	CHECK(stream_read(s, buf, sizeof(buf), patience(rt)) > 0);
	if (*text)
		CHECK_EQ(stream_write(s, text, strlen(text), patience(rt)), 0);
	if (how == 1) {
		CHECK_EQ(tls_stream_finish(s, patience(rt)), 0);
		CHECK_EQ(stream_write(s, "x", 1, patience(rt)), -EPIPE);
		while (stream_read(s, buf, sizeof(buf), patience(rt)) > 0)
			continue;
	} else if (how == 2) {
		CHECK(shutdown(fd, SHUT_RDWR) == 0);
	} else {
		CHECK_EQ(io_send_all(rt, fd,
				     "\x17\x03\x03\x00\x20"
				     "................................",
				     37, NULL, patience(rt)),
			 0);
	}
	close(fd);
	stream_close(s);
	free(peer);
}

static void proper_end(struct rt *rt, void *arg)
{
	serve_and(rt, arg, "body", 1);
}

static void cut_short(struct rt *rt, void *arg)
{
	serve_and(rt, arg, "body", 2);
}

static void no_answer(struct rt *rt, void *arg)
{
	serve_and(rt, arg, "", 2);
}

static void forged(struct rt *rt, void *arg)
{
	serve_and(rt, arg, "body", 3);
}

static int ends(struct rt *rt, void *arg)
{
	static const struct {
		task_fn fn;
		bool answers;
		int end;
	} cases[] = {
		{ proper_end, true, 0 },
		{ cut_short, true, -EPROTO },
		{ no_answer, false, -ECONNRESET },
		{ forged, true, -EPROTO },
	};
	struct world w;
	char buf[64];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream *s = NULL;
		bool sent = false;
		CHECK_EQ(try_connect(&w, cases[i].fn, "test.example", &s), 0);
		ssize_t n = stream_exchange(s, "hi", 2, buf, sizeof(buf), &sent,
					    patience(rt));
		CHECK(sent);
		CHECK_EQ(n, cases[i].answers ? 4 : cases[i].end);
		for (int again = 0; again < 2; again++)
			CHECK_EQ(stream_read(s, buf, sizeof(buf), patience(rt)),
				 cases[i].end);
		CHECK(stream_write(s, "x", 1, patience(rt)) < 0);
		stream_close(s);
	}
	world_close(&w);
	return 0;
}

WORLD_TEST(bad_certificates)
WORLD_TEST(no_roots)
WORLD_TEST(strangers)
WORLD_TEST(given_up)
WORLD_TEST(ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_certificates),
		cmocka_unit_test(test_no_roots),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
