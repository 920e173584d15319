// SPDX-License-Identifier: MIT
/* peers: what is known of others, for how long, and how it is looked up. */
#include "tests/unit/tools_fixture.h"

#define PEER "22222222-2222-4222-8222-222222222222"
#define DISCOVER "GET /registry/discover/"

static const char *id_of(unsigned int n, char buf[40])
{
	snprintf(buf, 40, "00000000-0000-4000-8000-%012u", n);
	return buf;
}

static int known_body(struct rt *rt, void *arg)
{
	struct fake fake;
	struct peers *peers;
	struct member *via;
	struct peer peer;
	char id[40];

	(void)arg;
	fake_open(&fake, rt);
	peers = fake.host.tools.peers;
	via = &fake.host.member;
	CHECK(!peers_find(peers, PEER, &peer));
	CHECK(*peer.name == '\0' && *peer.role == '\0' && !peer.via);
	peers_seen(peers, PEER, "Bob", NULL, via);
	CHECK(peers_find(peers, PEER, &peer));
	CHECK(strcmp(peer.name, "Bob") == 0 && *peer.role == '\0');
	CHECK(peer.via == via);
	/* What is not said again stays; letters and spaces do not matter. */
	peers_seen(peers, " 22222222-2222-4222-8222-222222222222 ", "", "coder",
		   NULL);
	CHECK(peers_find(peers, "22222222-2222-4222-8222-222222222222", &peer));
	CHECK(strcmp(peer.name, "Bob") == 0);
	CHECK(strcmp(peer.role, "coder") == 0);
	CHECK(peer.via == via);
	peers_seen(peers, PEER, "Robert", "boss", NULL);
	CHECK(peers_find(peers, PEER, &peer));
	CHECK(strcmp(peer.name, "Robert") == 0);
	CHECK(strcmp(peer.role, "boss") == 0);
	/* No UUID, nothing known. */
	peers_seen(peers, "bob", "Bob", "x", via);
	CHECK(!peers_find(peers, "bob", &peer));
	peers_seen(peers, id_of(1, id), NULL, NULL, via);
	CHECK(peers_find(peers, id, &peer));
	CHECK(*peer.name == '\0' && peer.via == via);
	fake_close(&fake);
	return 0;
}

static void what_was_seen_is_known(void **state)
{
	(void)state;
	in_runtime(known_body, NULL);
}

/* The one unused for longest is forgotten first. */
static int many_body(struct rt *rt, void *arg)
{
	struct fake fake;
	struct peers *peers;
	struct peer peer;
	char id[40];

	(void)arg;
	fake_open(&fake, rt);
	peers = fake.host.tools.peers;
	for (unsigned int i = 0; i < PEERS_MAX; i++)
		peers_seen(peers, id_of(i, id), "n", NULL, NULL);
	CHECK(peers_find(peers, id_of(0, id), &peer));
	peers_seen(peers, id_of(1, id), NULL, "r", NULL);
	for (unsigned int i = 0; i < 10; i++)
		peers_seen(peers, id_of(PEERS_MAX + i, id), "n", NULL, NULL);
	for (unsigned int i = 0; i < PEERS_MAX + 10; i++)
		CHECK_EQ(peers_find(peers, id_of(i, id), &peer),
			 i < 2 || i >= 12);
	fake_close(&fake);
	return 0;
}

static void the_unused_are_forgotten(void **state)
{
	(void)state;
	in_runtime(many_body, NULL);
}

/* Until the lookup is over, or patience is. */
static bool found(struct fake *fake, const char *id)
{
	struct deadline until = patience(fake->host.rt);
	struct peer peer;

	while (!peers_find(fake->host.tools.peers, id, &peer))
		if (task_sleep(fake->host.rt,
			       deadline_in_ms(fake->host.rt, 5)) != 0 ||
		    deadline_left_ns(fake->host.rt, until) == 0)
			return false;
	return true;
}

static void wait_for(struct fake *fake, const char *what, int times)
{
	struct deadline until = patience(fake->host.rt);

	while (seen(fake, what) < times &&
	       deadline_left_ns(fake->host.rt, until) > 0)
		task_sleep(fake->host.rt, deadline_in_ms(fake->host.rt, 5));
	CHECK_EQ(seen(fake, what), times);
}

static int lookup_body(struct rt *rt, void *arg)
{
	struct fake fake;
	struct peers *peers;
	struct member *via;
	struct peer peer;
	char id[40];

	(void)arg;
	fake_open(&fake, rt);
	peers = fake.host.tools.peers;
	via = &fake.host.member;
	RULES(&fake, { DISCOVER PEER, 200, "{'name':'Bob'}", 0, 0 },
	      { DISCOVER, 404, "{}", 0, 0 });
	/* Once, whoever wants it how often. */
	for (int i = 0; i < 5; i++)
		peers_want(peers, PEER, via);
	CHECK(found(&fake, PEER));
	CHECK(peers_find(peers, PEER, &peer) && strcmp(peer.name, "Bob") == 0);
	peers_want(peers, PEER, via);
	/* Two at a time; the third is not looked up. */
	for (unsigned int i = 0; i < 3; i++)
		peers_want(peers, id_of(i, id), via);
	wait_for(&fake, DISCOVER "0", PEERS_LOOKUPS_MAX);
	CHECK_EQ(seen(&fake, DISCOVER PEER), 1);
	task_sleep(rt, deadline_in_ms(rt, 20));
	/* A failure is remembered too. */
	for (int i = 0; i < 5; i++) {
		peers_want(peers, id_of(0, id), via);
		task_sleep(rt, deadline_in_ms(rt, 5));
	}
	CHECK_EQ(seen(&fake, DISCOVER "0"), 2);
	CHECK(!peers_find(peers, id_of(0, id), &peer));
	peers_want(peers, id_of(2, id), via);
	wait_for(&fake, DISCOVER "0", 3);
	peers_want(peers, "no uuid", via);
	/* One is under way when all is over. */
	peers_want(peers, id_of(9, id), via);
	fake_close(&fake);
	return 0;
}

static void who_is_unknown_is_looked_up(void **state)
{
	(void)state;
	in_runtime(lookup_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_seen_is_known),
		cmocka_unit_test(the_unused_are_forgotten),
		cmocka_unit_test(who_is_unknown_is_looked_up),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
