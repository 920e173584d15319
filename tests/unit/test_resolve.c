// SPDX-License-Identifier: MIT
/* resolve: what comes of a lookup, by UDP and TCP, with many at once. */
#include "tests/unit/dns_fixture.h"

#include "net/dial.h"
#include "net/resolve_query.h"

static int addresses(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *resolver;
	struct lookup both = { .name = "both.test" };
	struct lookup four = { .name = "four.test" };
	struct lookup many = { .name = "many.test", .max = 5 };

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	both.resolver = four.resolver = many.resolver = resolver;

	look_up(rt, &both);
	CHECK_EQ(both.result, 2);
	CHECK(is_address(&both.out[0], "2001:db8::7", 80));
	CHECK(is_address(&both.out[1], "192.0.2.7", 80));

	look_up(rt, &four);
	CHECK_EQ(four.result, 1);
	CHECK(is_address(&four.out[0], "192.0.2.7", 80));

	look_up(rt, &many);
	CHECK_EQ(many.result, 5);
	for (int i = 0; i < many.result; i++)
		CHECK_EQ(many.out[i].ss_family, i % 2 ? AF_INET : AF_INET6);

	CHECK_EQ(server.unanswered, 0);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

static int refusals(struct rt *rt, void *arg)
{
	char long_name[300];
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	CHECK_EQ(look_up_name(rt, resolver, "nx.test"), -ENOENT);
	CHECK_EQ(look_up_name(rt, resolver, "none.test"), -ENOENT);
	CHECK_EQ(look_up_name(rt, resolver, "fail.test"), -EAGAIN);
	CHECK_EQ(look_up_name(rt, resolver, "bad..test"), -ENOENT);
	CHECK_EQ(look_up_name(rt, resolver, "secret.onion"), -ENOENT);
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	CHECK_EQ(look_up_name(rt, resolver, long_name), -ENOENT);
	server_close(&server);

	/* Nobody listens there any more. */
	CHECK_EQ(look_up_name(rt, resolver, "both.test"), -EAGAIN);
	resolver_free(resolver);
	return 0;
}

static int no_answer(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *patient, *hasty;
	struct lookup lookup = { .name = "silent.test" };

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	patient = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	hasty = resolver_new_servers(rt, server.address, TRY_SOON_MS);

	/* The caller's deadline; then c-ares's own patience. */
	lookup.resolver = patient;
	lookup.deadline = deadline_in_ms(rt, 30);
	look_up(rt, &lookup);
	CHECK_EQ(lookup.result, -ETIMEDOUT);
	CHECK_EQ(server.queries, 2);

	server.queries = 0;
	CHECK_EQ(look_up_name(rt, hasty, "silent.test"), -ETIMEDOUT);
	CHECK_EQ(server.queries, (uint64_t)2 * RESOLVE_TRIES);

	server.queries = 0;
	CHECK_EQ(look_up_name(rt, hasty, "lossy.test"), 2);

	resolver_free(patient);
	resolver_free(hasty);
	server_close(&server);
	return 0;
}

/* A server that never answers for IPv6. */
static int half_answer(struct rt *rt, void *arg)
{
	struct server server;
	struct resolve_answer found;
	struct resolve_servers servers = { .try_ms = TRY_LATE_MS,
					   .slow_ms = 20 };

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	servers.list = server.address;
	CHECK_EQ(resolve_query(rt, &servers, "half.test", &found), 0);
	CHECK_EQ(found.count, 1);
	CHECK_EQ(found.addrs[0].any.sa_family, AF_INET);
	CHECK_EQ(found.ttl_s, server.ttl_s);
	CHECK_EQ(server.queries, 3);
	/* Whoever answers for both is not asked again. */
	server.queries = 0;
	servers.slow_ms = TRY_LATE_MS;
	CHECK_EQ(resolve_query(rt, &servers, "both.test", &found), 0);
	CHECK_EQ(found.count, 2);
	CHECK_EQ(server.queries, 2);
	/* What is asked in addition is not waited for. */
	servers.slow_ms = 0;
	CHECK_EQ(resolve_query(rt, &servers, "nx.test", &found), -ENOENT);
	servers.try_ms = TRY_SOON_MS;
	CHECK_EQ(resolve_query(rt, &servers, "silent.test", &found),
		 -ETIMEDOUT);
	server_close(&server);
	return 0;
}

static int by_tcp(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	CHECK_EQ(look_up_name(rt, resolver, "long.test"), 2);
	CHECK_EQ(server.queries, 2);
	CHECK_EQ(server.tcp_queries, 2);

	/* A second query for the connection while it waits for an answer. */
	server.tcp_queries = 0;
	CHECK_EQ(look_up_name(rt, resolver, "late.test"), 2);
	CHECK_EQ(server.tcp_queries, 2);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

#define CROWD 30

/* Many at once, half of which are cancelled at different moments: the other
 * half gets its answers. */
static int crowd(struct rt *rt, void *arg)
{
	static struct lookup lookups[CROWD];
	static char names[CROWD][32];
	struct scope scopes[CROWD];
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	for (int i = 0; i < CROWD; i++) {
		snprintf(names[i], sizeof(names[i]), "%s%d.test",
			 i % 2 ? "both" : "silent", i);
		lookups[i] = (struct lookup){
			.resolver = resolver,
			.name = names[i],
			.deadline = patience(rt),
			.max = 8,
		};
		scope_open(rt, &scopes[i], DEADLINE_NEVER);
		task_spawn(&scopes[i], "lookup", TASK_STACK_SMALL, lookup_task,
			   &lookups[i]);
	}
	for (int i = 0; i < CROWD; i += 2) {
		/* The first wait in vain; later ones may still be in line. */
		if (i < RESOLVE_PARALLEL_MAX)
			CHECK(until(rt, &server.unanswered, 1));
		scope_close(&scopes[i]);
		CHECK_EQ(lookups[i].result, -ECANCELED);
	}
	for (int i = 1; i < CROWD; i += 2) {
		scope_join(&scopes[i]);
		CHECK_EQ(lookups[i].result, 2);
	}
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

/* A task in line for its turn goes when its deadline comes. */
static int line(struct rt *rt, void *arg)
{
	static struct lookup lookups[RESOLVE_PARALLEL_MAX];
	static char names[RESOLVE_PARALLEL_MAX][32];
	struct lookup late = { .name = "both.test" };
	struct scope scope;
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < RESOLVE_PARALLEL_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "silent%d.test", i);
		lookups[i] = (struct lookup){
			.resolver = resolver,
			.name = names[i],
			.deadline = patience(rt),
			.max = 8,
		};
		task_spawn(&scope, "lookup", TASK_STACK_SMALL, lookup_task,
			   &lookups[i]);
	}
	CHECK(until(rt, &server.unanswered,
		    (uint64_t)2 * RESOLVE_PARALLEL_MAX));
	late.resolver = resolver;
	late.deadline = deadline_in_ms(rt, 20);
	look_up(rt, &late);
	CHECK_EQ(late.result, -ETIMEDOUT);
	CHECK_EQ(server.queries, server.unanswered);
	scope_close(&scope);
	CHECK_EQ(look_up_name(rt, resolver, "both.test"), 2);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

/* A name is looked up, and what was found is dialled: here ::1, where nobody
 * listens, then 127.0.0.1. */
static int dialled(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *resolver;
	int fd;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	CHECK_EQ(dial(rt, resolver, "nx.test", server.port, patience(rt)),
		 -ENOENT);
	fd = dial(rt, resolver, "here.test", server.port, patience(rt));
	CHECK(fd >= 0);
	CHECK_EQ(peer_port(fd), server.port);
	CHECK_EQ(server.queries, 4);
	if (fd >= 0)
		io_close(rt, fd);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

TEST(addresses)
TEST(refusals)
TEST(no_answer)
TEST(half_answer)
TEST(by_tcp)
TEST(crowd)
TEST(line)
TEST(dialled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_half_answer),
		cmocka_unit_test(test_by_tcp),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_dialled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
