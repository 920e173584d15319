// SPDX-License-Identifier: MIT
/* What resolve remembers and for how long, and who shares a query. */
#include "tests/unit/dns_fixture.h"

#include "net/dial.h"
#include "net/resolve_cache.h"

#define SECONDS(n) ((int64_t)(n)*CLOCK_NS_PER_S)

/* --- The table by itself --- */

static struct resolve_answer answer_of(uint32_t ttl_s, uint16_t mark)
{
	struct resolve_answer made = { .ttl_s = ttl_s, .count = 1 };

	made.addrs[0].four = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0xc0000200u | mark),
	};
	return made;
}

static void put(struct resolve_cache *cache, const char *host, uint32_t ttl_s,
		uint16_t mark, int64_t now_ns)
{
	struct resolve_answer made = answer_of(ttl_s, mark);

	resolve_cache_put(cache, host, &made, now_ns);
}

static int mark_of(struct resolve_cache *cache, const char *host,
		   int64_t now_ns)
{
	const struct resolve_answer *kept =
		resolve_cache_get(cache, host, now_ns);

	if (!kept)
		return -1;
	return (int)(ntohl(kept->addrs[0].four.sin_addr.s_addr) & 0xffu);
}

static void test_table_times(void **state)
{
	struct resolve_cache cache = { 0 };
	int64_t t0 = SECONDS(1000);
	int64_t limit = SECONDS(RESOLVE_CACHE_TTL_MAX_S);

	(void)state;
	put(&cache, "a.test", 10, 1, t0);
	assert_int_equal(mark_of(&cache, "a.test", t0), 1);
	assert_int_equal(mark_of(&cache, "A.Test", t0 + SECONDS(10) - 1), 1);
	assert_int_equal(mark_of(&cache, "a.tes", t0), -1);
	assert_int_equal(mark_of(&cache, "a.test", t0 + SECONDS(10)), -1);
	assert_int_equal(cache.count, 0);

	put(&cache, "long.test", UINT32_MAX, 2, t0);
	assert_int_equal(mark_of(&cache, "long.test", t0 + limit - 1), 2);
	assert_int_equal(mark_of(&cache, "long.test", t0 + limit), -1);

	/* No time to live: nothing is kept, not even what was. */
	put(&cache, "a.test", 10, 1, t0);
	put(&cache, "a.test", 0, 2, t0);
	assert_int_equal(mark_of(&cache, "a.test", t0), -1);

	put(&cache, "a.test", 10, 1, t0);
	put(&cache, "A.TEST", 20, 2, t0);
	assert_int_equal(cache.count, 1);
	assert_int_equal(mark_of(&cache, "a.test", t0 + SECONDS(15)), 2);
	resolve_cache_drop(&cache, "b.test");
	resolve_cache_drop(&cache, "A.test");
	assert_int_equal(cache.count, 0);
	resolve_cache_clear(&cache);
}

/* The one that nobody asked for the longest makes room. */
static void test_table_bound(void **state)
{
	struct resolve_cache cache = { 0 };
	char name[32];

	(void)state;
	for (int i = 0; i < RESOLVE_CACHE_MAX; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		put(&cache, name, 60, (uint16_t)i, 0);
	}
	assert_int_equal(mark_of(&cache, "n0.test", 0), 0);
	put(&cache, "one.test", 60, 100, 0);
	put(&cache, "two.test", 60, 101, 0);
	assert_int_equal(cache.count, RESOLVE_CACHE_MAX);
	assert_int_equal(mark_of(&cache, "n0.test", 0), 0);
	assert_int_equal(mark_of(&cache, "n1.test", 0), -1);
	assert_int_equal(mark_of(&cache, "n2.test", 0), -1);
	assert_int_equal(mark_of(&cache, "n3.test", 0), 3);
	assert_int_equal(mark_of(&cache, "one.test", 0), 100);
	assert_int_equal(mark_of(&cache, "two.test", 0), 101);
	resolve_cache_clear(&cache);
	assert_null(cache.first);
	assert_int_equal(cache.count, 0);
}

/* --- Behind resolve --- */

struct world {
	struct server server;
	struct resolver *resolver;
};

static bool world_open(struct rt *rt, struct world *world)
{
	if (!server_open(rt, &world->server))
		return false;
	world->resolver =
		resolver_new_servers(rt, world->server.address, TRY_LATE_MS);
	return CHECK(world->resolver != NULL);
}

static void world_close(struct world *world)
{
	resolver_free(world->resolver);
	server_close(&world->server);
}

/* Looks `name` up; how many queries that took, -1 without an answer. */
static int queries_for(struct rt *rt, struct world *world, const char *name)
{
	uint64_t before = world->server.queries;

	if (look_up_name(rt, world->resolver, name) < 1)
		return -1;
	return (int)(world->server.queries - before);
}

static int remembered(struct rt *rt, void *arg)
{
	struct world world;
	struct lookup again = { .name = "BOTH.test", .max = 1 };
	uint64_t spawns;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	again.resolver = world.resolver;
	CHECK_EQ(queries_for(rt, &world, "both.test"), 2);
	CHECK_EQ(queries_for(rt, &world, "both.test"), 0);
	CHECK_EQ(queries_for(rt, &world, "other.test"), 2);

	/* Remembered without port or limit, and without a task. */
	world.server.mute = true;
	spawns = rt_counters(rt)->spawns;
	look_up(rt, &again);
	CHECK_EQ(again.result, 1);
	CHECK(is_address(&again.out[0], "2001:db8::7", 80));
	CHECK_EQ(rt_counters(rt)->spawns, spawns + 1);
	again.result = resolve(world.resolver, "both.test", 443, again.out, 8,
			       DEADLINE_NOW);
	CHECK_EQ(again.result, 2);
	CHECK(is_address(&again.out[1], "192.0.2.7", 443));
	world_close(&world);
	return 0;
}

/* What does not hold, or is no address, is asked for each time. */
static int not_remembered(struct rt *rt, void *arg)
{
	struct world world;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(queries_for(rt, &world, "mixed.test"), 2);
		CHECK_EQ(queries_for(rt, &world, "alias.test"), 2);
	}
	world.server.ttl_s = 0;
	CHECK_EQ(queries_for(rt, &world, "both.test"), 2);
	CHECK_EQ(queries_for(rt, &world, "both.test"), 2);
	for (int i = 0; i < 2; i++) {
		world.server.queries = 0;
		CHECK_EQ(look_up_name(rt, world.resolver, "nx.test"), -ENOENT);
		CHECK(world.server.queries > 0);
	}
	world_close(&world);
	return 0;
}

static int expired(struct rt *rt, void *arg)
{
	struct world world;
	struct lookup lookup = { .name = "both.test" };
	struct deadline limit = patience(rt);
	uint64_t before;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	lookup.resolver = world.resolver;
	world.server.ttl_s = 1;
	CHECK_EQ(queries_for(rt, &world, "both.test"), 2);
	world.server.last_octet = 9;
	before = world.server.queries;
	while (world.server.queries == before &&
	       deadline_left_ns(rt, limit) > 0) {
		task_sleep(rt, deadline_in_ms(rt, 20));
		look_up(rt, &lookup);
	}
	CHECK_EQ(lookup.result, 2);
	CHECK(is_address(&lookup.out[1], "192.0.2.9", 80));
	world_close(&world);
	return 0;
}

static int bound(struct rt *rt, void *arg)
{
	struct world world;
	char name[32];

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	for (int i = 0; i <= RESOLVE_CACHE_MAX; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		CHECK_EQ(queries_for(rt, &world, name), 2);
	}
	CHECK_EQ(queries_for(rt, &world, name), 0);
	CHECK_EQ(queries_for(rt, &world, "n1.test"), 0);
	CHECK_EQ(queries_for(rt, &world, "n0.test"), 2);
	world_close(&world);
	return 0;
}

/* --- One query for many --- */

#define SHARERS 5

struct sharing {
	struct lookup lookups[SHARERS];
	struct scope scopes[SHARERS];
};

/* Several lookups of one name that waits for the server to be unmuted. */
static void share(struct rt *rt, struct world *world, struct sharing *sharing,
		  const char *name)
{
	for (int i = 0; i < SHARERS; i++) {
		sharing->lookups[i] = (struct lookup){
			.resolver = world->resolver,
			.name = name,
			.deadline = patience(rt),
			.max = 8,
		};
		scope_open(rt, &sharing->scopes[i], DEADLINE_NEVER);
		task_spawn(&sharing->scopes[i], "lookup", TASK_STACK_SMALL,
			   lookup_task, &sharing->lookups[i]);
	}
}

static int shared(struct rt *rt, void *arg)
{
	static struct sharing sharing;
	struct world world;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	world.server.ttl_s = 0;
	share(rt, &world, &sharing, "both.test");
	for (int i = 0; i < SHARERS; i++) {
		scope_join(&sharing.scopes[i]);
		CHECK_EQ(sharing.lookups[i].result, 2);
		CHECK(is_address(&sharing.lookups[i].out[1], "192.0.2.7", 80));
	}
	CHECK_EQ(world.server.queries, 2);

	/* A failure is shared as well. */
	share(rt, &world, &sharing, "fail.test");
	for (int i = 0; i < SHARERS; i++) {
		scope_join(&sharing.scopes[i]);
		CHECK_EQ(sharing.lookups[i].result, -EAGAIN);
	}
	world_close(&world);
	return 0;
}

/* Those who give up, the first of them included, do not disturb the rest. */
static int some_give_up(struct rt *rt, void *arg)
{
	static struct sharing sharing;
	struct lookup hasty = { .name = "Held.test" };
	struct world world;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	world.server.held = true;
	share(rt, &world, &sharing, "held.test");
	CHECK(until(rt, &world.server.queries, 2));
	for (int i = 0; i < SHARERS - 1; i++) {
		scope_close(&sharing.scopes[i]);
		CHECK_EQ(sharing.lookups[i].result, -ECANCELED);
	}
	hasty.resolver = world.resolver;
	hasty.deadline = deadline_in_ms(rt, 5);
	look_up(rt, &hasty);
	CHECK_EQ(hasty.result, -ETIMEDOUT);
	server_release(&world.server);
	scope_join(&sharing.scopes[SHARERS - 1]);
	CHECK_EQ(sharing.lookups[SHARERS - 1].result, 2);
	/* Queries are read in order: none came between. */
	CHECK_EQ(look_up_name(rt, world.resolver, "other.test"), 2);
	CHECK_EQ(world.server.queries, 4);
	world_close(&world);
	return 0;
}

/* The query ends with the last who wants it, and the next one is new. */
static int all_give_up(struct rt *rt, void *arg)
{
	static struct sharing sharing;
	struct world world;
	int before, during;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	/* What a runtime opens for its first work on files is there. */
	queries_for(rt, &world, "warm.test");
	world.server.mute = true;
	before = fd_count();
	share(rt, &world, &sharing, "both.test");
	CHECK(until(rt, &world.server.unanswered, 2));
	during = fd_count();
	for (int i = 0; i < SHARERS; i++)
		scope_close(&sharing.scopes[i]);
	CHECK(during > before);
	CHECK_EQ(fd_count(), before);
	world.server.mute = false;
	CHECK_EQ(queries_for(rt, &world, "both.test"), 2);
	world_close(&world);
	return 0;
}

/* --- A platform that moved --- */

/* Nobody answers at the remembered address any more: the next dial asks
 * again, and finds where the name leads now. */
static int moved(struct rt *rt, void *arg)
{
	struct world world;
	uint16_t port = 0;
	int listener, fd;

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	listener = bound_socket(AF_INET, SOCK_STREAM, &port, 8);
	for (int i = 0; i < 2; i++) {
		fd = dial(rt, world.resolver, "here.test", port, patience(rt));
		CHECK(fd >= 0);
		if (fd >= 0)
			io_close(rt, fd);
	}
	CHECK_EQ(world.server.queries, 2);
	close(listener);
	CHECK_EQ(dial(rt, world.resolver, "here.test", port, patience(rt)),
		 -ECONNREFUSED);
	CHECK_EQ(world.server.queries, 2);
	CHECK_EQ(dial(rt, world.resolver, "here.test", port, patience(rt)),
		 -ECONNREFUSED);
	CHECK_EQ(world.server.queries, 4);
	world_close(&world);
	return 0;
}

static int forgotten(struct rt *rt, void *arg)
{
	struct world world;
	struct lookup lookup = { .name = "both.test" };

	(void)arg;
	if (!world_open(rt, &world))
		return 0;
	lookup.resolver = world.resolver;
	CHECK_EQ(queries_for(rt, &world, "both.test"), 2);
	CHECK_EQ(queries_for(rt, &world, "other.test"), 2);
	world.server.last_octet = 9;
	resolve_forget(world.resolver, "nobody.test");
	resolve_forget(world.resolver, "Both.test");
	look_up(rt, &lookup);
	CHECK(is_address(&lookup.out[1], "192.0.2.9", 80));
	CHECK_EQ(queries_for(rt, &world, "other.test"), 0);
	world_close(&world);
	return 0;
}

TEST(remembered)
TEST(not_remembered)
TEST(expired)
TEST(bound)
TEST(shared)
TEST(some_give_up)
TEST(all_give_up)
TEST(moved)
TEST(forgotten)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_times),
		cmocka_unit_test(test_table_bound),
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_not_remembered),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_some_give_up),
		cmocka_unit_test(test_all_give_up),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
