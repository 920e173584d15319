// SPDX-License-Identifier: MIT
/* tls, where it must not work: bad certificates, no roots, peers that speak
 * something else, and every way in which a connection ends. */
#include "tests/unit/tls_world.h"

#include <fcntl.h>

#include "net/cert.h"
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
	/* Whoever might have to add a root is told where it was missed. */
	if (fault >= TLS_SELF_SIGNED && fault <= TLS_UNHASHED_ROOTS)
		CHECK(strstr(text, w.chain->roots) != NULL);
	/* Time goes by, and it is the same refusal; another is another. */
	uint32_t mark = tls_error_mark(&w.error);
	w.error.now += 1;
	CHECK_EQ(tls_error_mark(&w.error), mark);
	w.error.fault = TLS_ALERT;
	CHECK(tls_error_mark(&w.error) != mark);
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
		TLS_OTHER_ROOT, "names \"Test Root\", but is not signed");
	refused(rt, &(struct chain_wish){ .strange_root = true },
		"test.example", TLS_UNKNOWN_ROOT,
		"leads to \"Test Root\", which is not among");
	refused(rt,
		&(struct chain_wish){ .strange_root = true, .with_root = true },
		"test.example", TLS_UNKNOWN_ROOT,
		"leads to the root \"Test Root\", which is not among");
	refused(rt, &(struct chain_wish){ .no_intermediate = true },
		"test.example", TLS_NO_INTERMEDIATE,
		"does not send the certificate of \"Test Intermediate\"");
	refused(rt,
		&(struct chain_wish){ .no_intermediate = true,
				      .with_root = true },
		"test.example", TLS_NO_INTERMEDIATE,
		"does not send the certificate of \"Test Intermediate\"");
	refused(rt, &(struct chain_wish){ .sha1 = true }, "test.example",
		TLS_WEAK_SIGNATURE, "SHA-1");
	refused(rt, &(struct chain_wish){ .sha224 = true }, "test.example",
		TLS_OTHER_SIGNATURE, "\"Test Leaf\" has a key or a signature");
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

/* Roots in directories where they cannot be found. */
static int unhashed_roots(struct rt *rt, void *arg)
{
	struct world w;
	struct stream *s = NULL;
	char text[1024], hashed[128], dirs[128];
	struct cert cert;
	uint32_t hash = 0;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	snprintf(dirs, sizeof(dirs), "/nonexistent:%s", w.chain->dir);
	tls_client_free(w.client);
	w.client = tls_client_new(rt, &(struct trust_options){ .dir = dirs });
	CHECK_EQ(try_connect(&w, echo, "test.example", &s), -EKEYREJECTED);
	CHECK_EQ(w.error.fault, TLS_UNHASHED_ROOTS);
	tls_error_text(&w.error, text, sizeof(text));
	CHECK(strstr(text, "not found in /nonexistent:") != NULL);
	snprintf(hashed, sizeof(hashed), "`openssl rehash %s`", w.chain->dir);
	CHECK(strstr(text, hashed) != NULL);
	/* Once one has done that. */
	cert_parse(&cert, (struct der){ w.chain->root, w.chain->root_len });
	CHECK(cert_name_hash(cert.subject, &hash));
	snprintf(hashed, sizeof(hashed), "%s/%08x.0", w.chain->dir, hash);
	CHECK_EQ(symlink(w.chain->roots, hashed), 0);
	stream_close(connect_to(&w, "test.example"));
	unlink(hashed);
	/* Nothing at all is there. */
	unlink(w.chain->roots);
	tls_client_free(w.client);
	w.client = tls_client_new(rt, &(struct trust_options){ .dir = dirs });
	CHECK_EQ(try_connect(&w, echo, "test.example", &s), -EKEYREJECTED);
	CHECK_EQ(w.error.fault, TLS_NO_ROOTS);
	tls_error_text(&w.error, text, sizeof(text));
	CHECK(strstr(text, "looked for /nonexistent:") != NULL);
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
	task_fn fn; /* the other side */
	int err;
};

static void attempt(struct rt *rt, void *arg)
{
	struct attempt *a = arg;
	struct stream *s = NULL;

	(void)rt;
	a->err = try_connect(a->world, a->fn, "test.example", &s);
	CHECK((s == NULL) == (a->err != 0));
	if (s)
		stream_close(s);
}

/* Until a handshake stands in line for a slot. */
static void wait_for_one(struct rt *rt, const struct slots *slots)
{
	struct deadline limit = patience(rt);

	while (slots->waiting == 0 && deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(slots->waiting, 1);
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
	struct attempt a = { .world = &w, .fn = silent };
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
	task_sleep(rt, deadline_in_ms(rt, 10));
	scope_close(&scope);
	CHECK_EQ(a.err, -ECANCELED);
	world_close(&w);
	return 0;
}

/* Files of roots that take for ever. */
static int slow_roots(struct rt *rt, void *arg)
{
	struct world w;
	struct stream *s = NULL;
	char text[1024];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	unlink(w.chain->roots);
	CHECK_EQ(mkfifo(w.chain->roots, 0600), 0);
	int writer = open(w.chain->roots, O_RDWR | O_CLOEXEC);
	CHECK(writer >= 0);
	CHECK_EQ(tls_connect(w.client, lower_open(&w, echo), "test.example",
			     443, deadline_in_ms(rt, 1000), &s, &w.error),
		 -ETIMEDOUT);
	CHECK_EQ(w.error.fault, TLS_BAD_ROOTS);
	tls_error_text(&w.error, text, sizeof(text));
	CHECK(strstr(text, w.chain->roots) && strstr(text, "cannot be read"));
	/* Given up meanwhile: nothing is wrong with them. */
	struct attempt a = { .world = &w, .fn = echo };
	struct scope scope;
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
	CHECK(until(rt, &w.counted.exchanges, 1));
	task_sleep(rt, deadline_in_ms(rt, 50));
	scope_close(&scope);
	CHECK_EQ(a.err, -ECANCELED);
	CHECK_EQ(w.error.fault, TLS_OK);
	close(writer);
	world_close(&w);
	return 0;
}

/* While all slots are taken: who waits too long says why, who is cancelled
 * goes, and once one is free it goes on. */
static int busy(struct rt *rt, void *arg)
{
	struct world w;
	struct stream *s = NULL;
	struct scope scope;
	char text[1024];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	struct slots *slots = tls_client_slots(w.client);
	for (int i = 0; i < TLS_HANDSHAKES_MAX; i++)
		CHECK_EQ(slots_take(slots, DEADLINE_NOW), 0);
	CHECK_EQ(tls_connect(w.client, lower_open(&w, echo), "test.example",
			     443, deadline_in_ms(rt, 1000), &s, &w.error),
		 -ETIMEDOUT);
	CHECK_EQ(w.error.fault, TLS_BUSY);
	tls_error_text(&w.error, text, sizeof(text));
	CHECK(strstr(text, "test.example") && strstr(text, "busy"));
	CHECK_EQ(slots->waiting, 0);

	struct attempt a = { .world = &w, .fn = echo };
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
	wait_for_one(rt, slots);
	scope_close(&scope);
	CHECK_EQ(a.err, -ECANCELED);
	CHECK_EQ(slots->waiting, 0);

	a.err = 1;
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
	wait_for_one(rt, slots);
	slots_give(slots);
	scope_join(&scope);
	CHECK_EQ(a.err, 0);
	for (int i = 1; i < TLS_HANDSHAKES_MAX; i++)
		slots_give(slots);
	world_close(&w);
	return 0;
}

static uint64_t may_answer;

static void echo_later(struct rt *rt, void *arg)
{
	CHECK(until(rt, &may_answer, 1));
	echo(rt, arg);
}

/* It has no slot while it waits for the server, so the answer finds it in
 * line again. */
static int busy_again(struct rt *rt, void *arg)
{
	struct world w;
	struct attempt a = { .world = &w, .fn = echo_later, .err = 1 };
	struct scope scope;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	struct slots *slots = tls_client_slots(w.client);
	scope_open(rt, &scope, DEADLINE_NEVER);
	may_answer = 0;
	task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
	CHECK(until(rt, &w.counted.exchanges, 1));
	for (int i = 0; i < TLS_HANDSHAKES_MAX; i++)
		CHECK_EQ(slots_take(slots, DEADLINE_NOW), 0);
	may_answer = 1;
	wait_for_one(rt, slots);
	for (int i = 0; i < TLS_HANDSHAKES_MAX; i++)
		slots_give(slots);
	scope_join(&scope);
	CHECK_EQ(a.err, 0);
	world_close(&w);
	return 0;
}

/* Cancelled at every step, it gives all back. */
static int cancelled_anywhere(struct rt *rt, void *arg)
{
	struct attempt a = { .fn = echo };
	int cancelled = 0;

	(void)arg;
	for (int turns = 1; turns <= 60; turns++) {
		struct scope scope;
		struct world w;
		world_open(rt, &w, &(struct chain_wish){ 0 });
		a.world = &w;
		scope_open(rt, &scope, DEADLINE_NEVER);
		task_spawn(&scope, "attempt", TASK_STACK_NORMAL, attempt, &a);
		for (int i = 0; i < turns; i++)
			task_yield(rt);
		scope_close(&scope);
		CHECK(a.err == 0 || a.err == -ECANCELED);
		CHECK(w.error.fault == TLS_OK);
		cancelled += a.err != 0;
		world_close(&w);
	}
	CHECK(cancelled > 5);
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
WORLD_TEST(unhashed_roots)
WORLD_TEST(strangers)
WORLD_TEST(given_up)
WORLD_TEST(slow_roots)
WORLD_TEST(busy)
WORLD_TEST(busy_again)
WORLD_TEST(cancelled_anywhere)
WORLD_TEST(ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_certificates),
		cmocka_unit_test(test_no_roots),
		cmocka_unit_test(test_unhashed_roots),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_slow_roots),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_busy_again),
		cmocka_unit_test(test_cancelled_anywhere),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
