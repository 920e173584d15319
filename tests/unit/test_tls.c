// SPDX-License-Identifier: MIT
/* tls, where it works: exchanges, resumption, hosts, large data, and what it
 * costs in memory and in turns. */
#include "tests/unit/tls_world.h"

#include <malloc.h>

#include "net/tls_session.h"
#include "net/tls_stream.h"
#include "net/tls_verify.h"

#define IDLE_MAX (24u * 1024)
#define LARGE ((size_t)1024 * 1024)
#define ALERT_NO_RENEGOTIATION 100

static void say(struct world *w, struct stream *s, const char *text)
{
	char buf[64];
	bool sent = false;
	size_t len = strlen(text);

	CHECK_EQ(stream_exchange(s, text, len, buf, sizeof(buf), &sent,
				 patience(w->rt)),
		 len);
	CHECK(sent);
	CHECK(memcmp(buf, text, len) == 0);
}

/* --- What works --- */

static int one_exchange(struct rt *rt, void *arg)
{
	struct world w;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	struct stream *s = connect_to(&w, "test.example");
	CHECK(!tls_resumed(s));
	CHECK_EQ(w.error.fault, TLS_OK);
	for (int i = 0; i < 3; i++) {
		w.counted.reads = w.counted.writes = w.counted.exchanges = 0;
		say(&w, s, "question");
		CHECK_EQ(w.counted.exchanges, 1);
		CHECK_EQ(w.counted.reads + w.counted.writes, 0);
	}
	CHECK(stream_fd(s) >= 0);
	stream_close(s);
	CHECK(until(rt, &w.served, 1));
	CHECK_EQ(w.last, 0); /* close_notify came */
	world_close(&w);
	return 0;
}

static int resumes(struct rt *rt, void *arg)
{
	struct world w;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	for (int i = 0; i < 3; i++) {
		struct stream *s = connect_to(&w, "test.example");
		CHECK_EQ(tls_resumed(s), i > 0);
		say(&w, s, "again");
		stream_close(s);
	}
	/* Another origin has no session, although it is the same server. */
	struct stream *s = connect_to(&w, "a.wild.example");
	CHECK(!tls_resumed(s));
	stream_close(s);
	world_close(&w);
	return 0;
}

static int accepted(struct rt *rt, void *arg)
{
	static const struct chain_wish wishes[] = {
		{ .with_root = true },
		{ .shuffled = true },
		{ .self_signed = true, .trust_leaf = true },
	};
	static const char *const hosts[] = { "test.example", "127.0.0.1",
					     "::1",	     "b.wild.example",
					     "TEST.example", "test.example." };
	struct world w;

	(void)arg;
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		world_open(rt, &w, &wishes[i]);
		stream_close(connect_to(&w, "test.example"));
		world_close(&w);
	}
	world_open(rt, &w, &wishes[0]);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		stream_close(connect_to(&w, hosts[i]));
	world_close(&w);
	return 0;
}

/* What the server has seen of the client's hello. */
static char seen_name[256], seen_protocol[16];

static void look(struct rt *rt, void *arg)
{
	struct peer *peer = arg;
	struct world *w = peer->world;
	struct stream *s = tls_serve(w->server, stream_plain(rt, peer->fd));
	br_ssl_engine_context *engine = ((struct tls_stream *)s)->engine;
	char buf[8];

	w->last = stream_read(s, buf, sizeof(buf), patience(rt));
	const char *protocol = br_ssl_engine_get_selected_protocol(engine);
	snprintf(seen_name, sizeof(seen_name), "%s",
		 br_ssl_engine_get_server_name(engine));
	snprintf(seen_protocol, sizeof(seen_protocol), "%s",
		 protocol ? protocol : "none");
	CHECK_EQ(br_ssl_engine_get_version(engine), BR_TLS12);
	stream_close(s);
	w->served++;
	free(peer);
}

/* The name is sent, an address is not (RFC 6066 section 3); the protocol
 * always is. */
static int hello(struct rt *rt, void *arg)
{
	static const char *const hosts[][2] = {
		{ "test.example", "test.example" },
		{ "a.wild.example.", "a.wild.example" },
		{ "127.0.0.1", "" },
		{ "::1", "" },
	};
	struct world w;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct stream *s = NULL;
		CHECK_EQ(try_connect(&w, look, hosts[i][0], &s), 0);
		stream_close(s);
		CHECK(until(rt, &w.served, i + 1));
		CHECK(strcmp(seen_name, hosts[i][1]) == 0);
		CHECK(strcmp(seen_protocol, "http/1.1") == 0);
	}
	world_close(&w);
	return 0;
}

/* Asks for another handshake before it answers. */
static void asks_again(struct rt *rt, void *arg)
{
	struct peer *peer = arg;
	struct world *w = peer->world;
	struct stream *s = tls_serve(w->server, stream_plain(rt, peer->fd));
	br_ssl_engine_context *engine = ((struct tls_stream *)s)->engine;
	char buf[8];

	CHECK_EQ(stream_read(s, buf, sizeof(buf), patience(rt)), 4);
	br_ssl_engine_remove_flags(engine, BR_OPT_NO_RENEGOTIATION);
	CHECK(br_ssl_engine_renegotiate(engine));
	CHECK_EQ(stream_read(s, buf, sizeof(buf), patience(rt)), -ECONNRESET);
	CHECK_EQ(br_ssl_engine_last_error(engine),
		 BR_ERR_RECV_FATAL_ALERT + ALERT_NO_RENEGOTIATION);
	stream_close(s);
	w->served++;
	free(peer);
}

/* It does not get one. Where the refusal is a warning, BearSSL's server takes
 * it for the end. */
static int renegotiation(struct rt *rt, void *arg)
{
	struct world w;
	struct stream *s = NULL;
	char buf[64];
	bool sent;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	CHECK_EQ(try_connect(&w, asks_again, "test.example", &s), 0);
	CHECK(stream_exchange(s, "what", 4, buf, sizeof(buf), &sent,
			      patience(rt)) < 0);
	CHECK(sent);
	CHECK(until(rt, &w.served, 1));
	stream_close(s);
	world_close(&w);
	return 0;
}

struct large {
	struct world *world;
	struct stream *stream;
	const char *data;
	int err;
};

static void large_write(struct rt *rt, void *arg)
{
	struct large *large = arg;

	large->err =
		stream_write(large->stream, large->data, LARGE, patience(rt));
}

/* One task writes while another reads. */
static int both_ways(struct rt *rt, void *arg)
{
	struct world w;
	struct scope scope;
	struct large large = { .world = &w, .err = 1 };
	char *data = malloc(LARGE), *back = malloc(LARGE);
	size_t got = 0;
	ssize_t n;

	(void)arg;
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (char)(i * 7 >> 3);
	world_open(rt, &w, &(struct chain_wish){ 0 });
	large.stream = connect_to(&w, "test.example");
	large.data = data;
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "writer", TASK_STACK_NORMAL, large_write, &large);
	while (got < LARGE && (n = stream_read(large.stream, back + got,
					       LARGE - got, patience(rt))) > 0)
		got += (size_t)n;
	scope_join(&scope);
	CHECK_EQ(large.err, 0);
	CHECK_EQ(got, LARGE);
	CHECK(memcmp(data, back, LARGE) == 0);
	/* A request of several records is one exchange below, too. */
	w.counted.reads = w.counted.writes = w.counted.exchanges = 0;
	bool sent;
	n = stream_exchange(large.stream, data, 16000, back, LARGE, &sent,
			    patience(rt));
	CHECK(n > 0 && sent);
	CHECK_EQ(w.counted.exchanges, 1);
	CHECK_EQ(w.counted.writes, 0);
	for (got = (size_t)n; got < 16000; got += (size_t)n)
		n = stream_read(large.stream, back + got, LARGE, patience(rt));
	CHECK_EQ(got, 16000);
	/* And a larger one still arrives. */
	n = stream_exchange(large.stream, data, 50000, back, LARGE, &sent,
			    patience(rt));
	for (got = (size_t)n; n > 0 && got < 50000; got += (size_t)n)
		n = stream_read(large.stream, back + got, LARGE, patience(rt));
	CHECK_EQ(got, 50000);
	CHECK(memcmp(data, back, 50000) == 0);
	stream_close(large.stream);
	world_close(&w);
	free(data);
	free(back);
	return 0;
}

/* A read that times out leaves the stream usable. */
static int timeouts(struct rt *rt, void *arg)
{
	struct world w;
	char buf[8];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	struct stream *s = connect_to(&w, "test.example");
	CHECK_EQ(stream_read(s, buf, sizeof(buf), deadline_in_ms(rt, 5)),
		 -ETIMEDOUT);
	say(&w, s, "still");
	stream_close(s);
	world_close(&w);
	return 0;
}

/* --- What it costs --- */

static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* What an idle connection holds: what closing it gives back at once, with a
 * stream below that takes nothing and waits for nothing. */
static int memory(struct rt *rt, void *arg)
{
	struct world w;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	struct stream *s = connect_to(&w, "test.example");
	say(&w, s, "hello");
	size_t plain = heap();
	struct stream *lower = w.counted.lower;
	w.counted.dead = true;
	stream_close(s);
	size_t held = plain - heap();
	/* The socket's own stream is part of it. */
	held += malloc_usable_size(lower) + sizeof(size_t);
	printf("an idle connection holds %zu bytes\n", held);
	CHECK(held <= IDLE_MAX);
#ifndef __SANITIZE_ADDRESS__
	CHECK(held > 16384);
#endif
	stream_close(lower);
	world_close(&w);
	return 0;
}

/* Others run between the signatures of a chain. */
struct ticker {
	bool stop;
	uint64_t ticks;
};

static void tick(struct rt *rt, void *arg)
{
	struct ticker *t = arg;

	while (!t->stop && task_yield(rt) == 0)
		t->ticks++;
}

static void push(const br_x509_class **x, const uint8_t *der, size_t len)
{
	(*x)->start_cert(x, (uint32_t)len);
	for (size_t at = 0; at < len; at += 256)
		(*x)->append(x, der + at, len - at < 256 ? len - at : 256);
	(*x)->end_cert(x);
}

static int yields(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct trust_options roots = { .file = c->roots };
	struct trust *trust = trust_new(rt, &roots);
	struct tls_error error = { 0 };
	struct tls_verify v;
	struct scope scope;
	struct ticker t = { 0 };
	unsigned usages = 0;

	(void)arg;
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "ticker", TASK_STACK_NORMAL, tick, &t);
	/* The second time there is no file to wait for. */
	for (int i = 0; i < 2; i++) {
		tls_verify_init(&v, rt, trust, "test.example", patience(rt),
				&error);
		const br_x509_class **x = &v.vtable;
		(*x)->start_chain(x, "test.example");
		push(x, c->leaf, c->leaf_len);
		push(x, c->middle, c->middle_len);
		CHECK(!v.done);
		t.ticks = 0;
		CHECK_EQ((*x)->end_chain(x), 0);
		CHECK(v.done);
		CHECK(i == 0 || t.ticks >= 4);
		const br_x509_pkey *key = (*x)->get_pkey(x, &usages);
		CHECK(key && key->key_type == BR_KEYTYPE_EC);
		CHECK_EQ(usages, BR_KEYTYPE_SIGN);
		tls_verify_fini(&v);
	}
	/* Too many certificates are refused, not gathered. */
	tls_verify_init(&v, rt, trust, "test.example", patience(rt), &error);
	v.vtable->start_chain(&v.vtable, NULL);
	for (int i = 0; i <= TLS_VERIFY_CERTS; i++)
		push(&v.vtable, c->leaf, c->leaf_len);
	CHECK(v.vtable->end_chain(&v.vtable) != 0);
	CHECK_EQ(error.fault, TLS_BAD_CERTIFICATE);
	tls_verify_fini(&v);
	t.stop = true;
	scope_join(&scope);
	trust_free(trust);
	chain_free(c);
	return 0;
}

/* Sessions are bounded in number and in age. */
static int sessions(struct rt *rt, void *arg)
{
	struct tls_sessions s = { .rt = rt };
	br_ssl_session_parameters p = { .session_id_len = 32 }, got;

	(void)arg;
	for (uint16_t port = 1; port <= TLS_SESSIONS_MAX + 4; port++) {
		p.master_secret[0] = (unsigned char)port;
		tls_session_put(&s, "host", port, &p);
		/* The first one is used again and again. */
		CHECK(tls_session_get(&s, "host", 1, &got));
	}
	CHECK_EQ(got.master_secret[0], 1);
	CHECK(!tls_session_get(&s, "host", 2, &got));
	CHECK(tls_session_get(&s, "host", TLS_SESSIONS_MAX + 4, &got));
	CHECK(!tls_session_get(&s, "other", 1, &got));
	p.session_id_len = 0;
	tls_session_put(&s, "host", 1, &p);
	CHECK(!tls_session_get(&s, "host", 1, &got));
	tls_session_forget(&s, "host", TLS_SESSIONS_MAX + 4);
	CHECK(!tls_session_get(&s, "host", TLS_SESSIONS_MAX + 4, &got));
	tls_sessions_clear(&s);
	return 0;
}

/* What the platform makes for itself: files that only their owner reads, which
 * a server takes and a client trusts. */
static int own_certificate(struct rt *rt, void *arg)
{
	struct world w;
	struct stat st;
	const char *why = NULL;
	char cert[96], key[96];

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	snprintf(cert, sizeof(cert), "%s/cert.pem", w.chain->dir);
	snprintf(key, sizeof(key), "%s/key.pem", w.chain->dir);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(selfsign_files(rt, cert, key, patience(rt)), 0);
	CHECK(stat(key, &st) == 0 && (st.st_mode & 0777) == 0600);
	tls_server_free(w.server);
	w.server = NULL;
	CHECK_EQ(tls_server_load(&w.server, rt, cert, w.chain->roots,
				 patience(rt), &why),
		 -EINVAL);
	CHECK(why && strstr(why, "PRIVATE KEY"));
	CHECK_EQ(tls_server_load(&w.server, rt, w.chain->roots, key,
				 patience(rt), &why),
		 -EINVAL);
	CHECK(why && strstr(why, "not that of"));
	CHECK_EQ(tls_server_load(&w.server, rt, "/nonexistent", key,
				 patience(rt), &why),
		 -ENOENT);
	CHECK_EQ(tls_server_load(&w.server, rt, cert, key, patience(rt), &why),
		 0);
	w.roots.file = cert;
	tls_client_free(w.client);
	w.client = tls_client_new(rt, &w.roots);
	stream_close(connect_to(&w, "localhost"));
	stream_close(connect_to(&w, "127.0.0.1"));
	stream_close(connect_to(&w, "::1"));
	unlink(cert);
	unlink(key);
	world_close(&w);
	return 0;
}

/* --- Many at once --- */

#define STORM 40

/* Answers with the beginning of a record, and leaves it at that. */
static void stalls(struct rt *rt, void *arg)
{
	struct peer *peer = arg;
	char buf[512];

	CHECK_EQ(io_send_all(rt, peer->fd, "\x16\x03\x03\x00\x40\x02", 6, NULL,
			     patience(rt)),
		 0);
	while (io_recv(rt, peer->fd, buf, sizeof(buf), patience(rt)) > 0)
		continue;
	io_close(rt, peer->fd);
	free(peer);
}

struct caller {
	struct world *world;
	task_fn fn; /* the other side */
	int err;
	uint64_t *done;
};

static void call(struct rt *rt, void *arg)
{
	struct caller *c = arg;
	struct world *w = c->world;
	struct stream *s = NULL;
	struct tls_error error;
	struct peer *peer = malloc(sizeof(*peer));
	int fds[2] = { -1, -1 };

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	*peer = (struct peer){ w, fds[1] };
	CHECK_EQ(task_spawn(&w->scope, "peer", TASK_STACK_LARGE, c->fn, peer),
		 0);
	/* cppcheck-suppress memleak ; the peer's task frees it */
	c->err = tls_connect(w->client, stream_plain(rt, fds[0]),
			     "test.example", 443, patience(rt), &s, &error);
	++*c->done;
	if (s)
		stream_close(s);
}

struct watcher {
	const struct slots *slots;
	const uint64_t *done;
	uint32_t most, longest; /* slots taken, tasks in line */
};

static void watch(struct rt *rt, void *arg)
{
	struct watcher *w = arg;

	while (*w->done < STORM && task_yield(rt) == 0) {
		uint32_t taken = TLS_HANDSHAKES_MAX - w->slots->free;
		w->most = taken > w->most ? taken : w->most;
		if (w->slots->waiting > w->longest)
			w->longest = w->slots->waiting;
	}
}

/* Few compute at once, all get through, and servers that stall in the middle
 * of their answer are in nobody's way. */
static int storm(struct rt *rt, void *arg)
{
	struct caller callers[STORM], stuck[TLS_HANDSHAKES_MAX + 1];
	uint64_t done = 0, given_up = 0;
	struct scope scope, stalled;
	struct world w;

	(void)arg;
	world_open(rt, &w, &(struct chain_wish){ 0 });
	struct slots *slots = tls_client_slots(w.client);
	struct watcher watcher = { slots, &done, 0, 0 };
	scope_open(rt, &stalled, DEADLINE_NEVER);
	for (int i = 0; i <= TLS_HANDSHAKES_MAX; i++) {
		stuck[i] = (struct caller){ &w, stalls, 1, &given_up };
		task_spawn(&stalled, "stuck", TASK_STACK_NORMAL, call,
			   &stuck[i]);
	}
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < STORM; i++) {
		callers[i] = (struct caller){ &w, echo, 1, &done };
		task_spawn(&scope, "caller", TASK_STACK_NORMAL, call,
			   &callers[i]);
	}
	task_spawn(&scope, "watcher", TASK_STACK_NORMAL, watch, &watcher);
	scope_join(&scope);
	for (int i = 0; i < STORM; i++)
		CHECK_EQ(callers[i].err, 0);
	CHECK_EQ(watcher.most, TLS_HANDSHAKES_MAX);
	CHECK(watcher.longest > 0);
	CHECK_EQ(slots->free, TLS_HANDSHAKES_MAX);
	CHECK_EQ(given_up, 0);
	scope_close(&stalled);
	for (int i = 0; i <= TLS_HANDSHAKES_MAX; i++)
		CHECK_EQ(stuck[i].err, -ECANCELED);
	world_close(&w);
	return 0;
}

WORLD_TEST(one_exchange)
WORLD_TEST(resumes)
WORLD_TEST(accepted)
WORLD_TEST(hello)
WORLD_TEST(renegotiation)
WORLD_TEST(both_ways)
WORLD_TEST(timeouts)
WORLD_TEST(memory)
WORLD_TEST(yields)
WORLD_TEST(sessions)
WORLD_TEST(own_certificate)
WORLD_TEST(storm)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_exchange),
		cmocka_unit_test(test_resumes),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_yields),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
