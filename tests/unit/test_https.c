// SPDX-License-Identifier: MIT
/* https end to end: http_client and pool against http_server over TLS. */
#include "tests/unit/tls_fixture.h"

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tls_server.h"
#include "net/trust.h"

struct bench {
	struct chain *chain;
	struct tls_server *tls;
	struct http_server server;
	struct scope scope;
	struct pool *pool;
	struct url url;
};

static void handler(void *arg, struct http_incoming *in)
{
	static const char text[] = "{\"hello\":1}";

	(void)arg;
	if (strcmp(in->head->target, "/end") == 0) {
		/* Delimited by the end of the connection. */
		http_reply_start(in->conn, 200, NULL, "text/plain", false);
		http_reply_write(in->conn, "part", 4);
		http_reply_end(in->conn);
	} else if (strcmp(in->head->target, "/cut") == 0) {
		http_reply_start(in->conn, 200, NULL, "text/plain", false);
		http_reply_write(in->conn, "part", 4);
		shutdown(stream_fd(http_conn_stream(in->conn)), SHUT_RDWR);
	} else if (in->body_len) {
		http_reply(in->conn, 200, NULL, "text/plain", in->body,
			   in->body_len);
	} else {
		http_reply(in->conn, 200, NULL, "application/json", text,
			   sizeof(text) - 1);
	}
}

static void open_bench(struct rt *rt, struct bench *b,
		       const struct chain_wish *wish)
{
	static struct trust_options roots;
	const char *why;
	char text[64];

	b->chain = chain_new(rt, wish);
	CHECK_EQ(tls_server_new(&b->tls, rt, b->chain->pem, b->chain->pem_len,
				b->chain->key, b->chain->key_len, &why),
		 0);
	CHECK_EQ(http_server_start(
			 &b->server, rt,
			 &(struct http_server_options){ .host = "127.0.0.1",
							.handler = handler,
							.tls = b->tls }),
		 0);
	scope_open(rt, &b->scope, DEADLINE_NEVER);
	task_spawn(&b->scope, "server", TASK_STACK_NORMAL, http_server_task,
		   &b->server);
	b->pool = pool_new(rt, NULL);
	roots = (struct trust_options){ .file = b->chain->roots };
	pool_set_roots(b->pool, &roots);
	snprintf(text, sizeof(text), "https://127.0.0.1:%u", b->server.port);
	CHECK_EQ(url_parse(&b->url, text, &why), 0);
}

static void close_bench(struct bench *b)
{
	pool_free(b->pool);
	scope_close(&b->scope);
	http_server_stop(&b->server);
	tls_server_free(b->tls);
	chain_free(b->chain);
}

static int fetch(struct rt *rt, struct bench *b, const char *target,
		 const char *body, size_t len, struct http_response *r)
{
	struct http_request q = { .method = body ? "POST" : "GET",
				  .url = &b->url,
				  .target = target,
				  .body = body,
				  .body_len = len };
	return http_fetch(b->pool, &q, r, NULL, patience(rt));
}

static int good(struct rt *rt, void *arg)
{
	struct bench b;
	struct http_response r;
	size_t large = 300000;
	char *body = malloc(large);

	(void)arg;
	memset(body, 'x', large);
	open_bench(rt, &b, &(struct chain_wish){ 0 });
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(fetch(rt, &b, "/", NULL, 0, &r), 0);
		CHECK(r.status == 200 && r.body_len == 11);
		http_response_free(&r);
	}
	CHECK_EQ(pool_counters(b.pool)->opened, 1);
	CHECK_EQ(fetch(rt, &b, "/", body, large, &r), 0);
	CHECK_EQ(r.body_len, large);
	http_response_free(&r);
	CHECK_EQ(fetch(rt, &b, "/end", NULL, 0, &r), 0);
	CHECK_EQ(r.body_len, 4);
	http_response_free(&r);
	CHECK_EQ(fetch(rt, &b, "/cut", NULL, 0, &r), -EPROTO);
	CHECK_EQ(fetch(rt, &b, "/", NULL, 0, &r), 0);
	http_response_free(&r);
	CHECK_EQ(pool_counters(b.pool)->opened, 3);
	close_bench(&b);
	free(body);
	return 0;
}

static int bad(struct rt *rt, void *arg)
{
	struct bench b;
	struct http_response r;
	char text[1024];

	(void)arg;
	open_bench(rt, &b, &(struct chain_wish){ .other_root = true });
	CHECK_EQ(fetch(rt, &b, "/", NULL, 0, &r), -EKEYREJECTED);
	CHECK(strstr(pool_refusal(b.pool, text, sizeof(text)), "Test Root"));
	close_bench(&b);
	return 0;
}

static void test_good(void **state)
{
	(void)state;
	in_runtime(good, NULL);
}

static void test_bad(void **state)
{
	(void)state;
	in_runtime(bad, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
