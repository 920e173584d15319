// SPDX-License-Identifier: MIT
/*
 * tls_world - a TLS client and a TLS server for a test: the server's side of
 * each connection is a task, over a socket pair; what the client's side asks
 * of it is counted.
 */
#ifndef TESTS_TLS_WORLD_H
#define TESTS_TLS_WORLD_H

#include "net/tls.h"
#include "net/tls_server.h"
#include "runtime/slots.h"
#include "tests/unit/tls_fixture.h"

/* Counts what a stream is asked for. */
struct counted {
	struct stream stream;
	struct stream *lower;
	uint64_t reads, writes, exchanges;
	bool dead; /* takes nothing more, and closing closes nothing */
};

static inline ssize_t counted_read(struct stream *s, void *buf, size_t len,
				   struct deadline deadline)
{
	struct counted *c = (struct counted *)s;

	c->reads++;
	return stream_read(c->lower, buf, len, deadline);
}

static inline int counted_write(struct stream *s, const void *buf, size_t len,
				struct deadline deadline)
{
	struct counted *c = (struct counted *)s;

	c->writes++;
	if (c->dead)
		return -EPIPE;
	return stream_write(c->lower, buf, len, deadline);
}

static inline ssize_t counted_exchange(struct stream *s, const void *out,
				       size_t out_len, void *in, size_t in_len,
				       bool *sent, struct deadline deadline)
{
	struct counted *c = (struct counted *)s;

	c->exchanges++;
	return stream_exchange(c->lower, out, out_len, in, in_len, sent,
			       deadline);
}

static inline void counted_close(struct stream *s)
{
	struct counted *c = (struct counted *)s;

	if (!c->dead)
		stream_close(c->lower);
	c->lower = NULL;
}

static inline int counted_fd(const struct stream *s)
{
	return stream_fd(((const struct counted *)s)->lower);
}

static const struct stream_ops counted_ops = {
	.read = counted_read,
	.write = counted_write,
	.exchange = counted_exchange,
	.close = counted_close,
	.fd = counted_fd,
};

/* A client, and a server with a certificate. */
struct world {
	struct rt *rt;
	struct chain *chain;
	struct tls_server *server;
	struct tls_client *client;
	struct tls_error error;
	struct trust_options roots;
	struct scope scope; /* of the peers */
	struct counted counted;
	uint64_t served; /* peers that ended */
	ssize_t last;	 /* what ended the last one */
};

static inline void world_open(struct rt *rt, struct world *w,
			      const struct chain_wish *wish)
{
	const char *why = NULL;

	memset(w, 0, sizeof(*w));
	w->rt = rt;
	w->chain = chain_new(rt, wish);
	CHECK_EQ(tls_server_new(&w->server, rt, w->chain->pem,
				w->chain->pem_len, w->chain->key,
				w->chain->key_len, &why),
		 0);
	if (why)
		fprintf(stderr, "%s\n", why);
	w->roots.file = w->chain->roots;
	w->client = tls_client_new(rt, &w->roots);
	scope_open(rt, &w->scope, DEADLINE_NEVER);
}

static inline void world_close(struct world *w)
{
	scope_close(&w->scope);
	/* However its handshakes ended, none has kept a slot. */
	CHECK_EQ(tls_client_slots(w->client)->free, TLS_HANDSHAKES_MAX);
	tls_client_free(w->client);
	tls_server_free(w->server);
	chain_free(w->chain);
}

struct peer {
	struct world *world;
	int fd;
};

/* Echoes until the other side ends. */
static inline void echo(struct rt *rt, void *arg)
{
	struct peer *peer = arg;
	struct world *w = peer->world;
	struct stream *s = tls_serve(w->server, stream_plain(rt, peer->fd));
	char *buf = malloc(20000);
	ssize_t n;

	while ((n = stream_read(s, buf, 20000, patience(rt))) > 0)
		if (stream_write(s, buf, (size_t)n, patience(rt)))
			break;
	w->last = n;
	stream_close(s);
	w->served++;
	free(buf);
	free(peer);
}

/* A connected stream, counted, whose other end is served by `fn`. */
static inline struct stream *lower_open(struct world *w, task_fn fn)
{
	int fds[2] = { -1, -1 };
	struct peer *peer = malloc(sizeof(*peer));

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	*peer = (struct peer){ w, fds[1] };
	CHECK_EQ(task_spawn(&w->scope, "peer", TASK_STACK_LARGE, fn, peer), 0);
	w->counted = (struct counted){
		.stream = { .ops = &counted_ops, .rt = w->rt },
		.lower = stream_plain(w->rt, fds[0]),
	};
	/* cppcheck-suppress memleak ; the peer's task frees it */
	return &w->counted.stream;
}

static inline int try_connect(struct world *w, task_fn fn, const char *host,
			      struct stream **out)
{
	return tls_connect(w->client, lower_open(w, fn), host, 443,
			   patience(w->rt), out, &w->error);
}

static inline struct stream *connect_to(struct world *w, const char *host)
{
	struct stream *s = NULL;
	char text[1024];
	int err = try_connect(w, echo, host, &s);

	if (!CHECK(err == 0))
		fprintf(stderr, "%d: %s\n", err,
			tls_error_text(&w->error, text, sizeof(text)));
	return s;
}

static inline void world_run(int (*body)(struct rt *rt, void *arg))
{
	int before = fd_count();

	in_runtime(body, NULL);
	assert_int_equal(fd_count(), before);
}

#define WORLD_TEST(name)                                                       \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		world_run(name);                                               \
	}

#endif
