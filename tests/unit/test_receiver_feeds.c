// SPDX-License-Identifier: MIT
/*
 * The receiver's two feeds, its being woken and put to rest, and what it tells
 * others of the messages that come.
 */
#include "tests/unit/app_fixture.h"

#include "app/agenda.h"
#include "app/inbox.h"
#include "app/peers.h"
#include "app/receiver.h"
#include "proto/activity.h"
#include "runtime/event.h"

#define ID "aaaaaaaa-0000-4000-8000-00000000000"
#define PEER "5b1c0e77-7d0e-4f3c-8a51-3a6f0c2d4e02"
#define BROADCAST(n, text)                                                     \
	"{\"id\":\"" ID #n "\",\"activity_type\":\"broadcast_receive\","       \
	"\"source_id\":\"" PEER "\",\"summary\":\"" text "\"}"
#define MESSAGE(n, text)                                                       \
	"{\"id\":\"" ID #n "\",\"activity_type\":\"a2a_receive\","             \
	"\"source_id\":\"" PEER "\",\"peer_name\":\"Ada\","                    \
	"\"peer_role\":\"tester\",\"method\":\"message/send\","                \
	"\"summary\":\"" text "\"}"

struct work {
	struct world w;
	const char *messages, *broadcasts; /* the lists, as JSON */
	int broadcast_status;
	uint64_t polls, fetches;
	char last_fetch[512]; /* the line of the last one of broadcasts */
	struct inbox *inbox;
	struct agenda *agenda;
	struct workspace_deps deps;
	struct receiver receiver;
	struct scope scope;
};

static void answer(struct world *w, int number, struct http_incoming *request)
{
	struct work *k = w->arg;

	(void)number;
	if (strstr(request->head->target, "type=broadcast_receive")) {
		snprintf(k->last_fetch, sizeof(k->last_fetch), "%s",
			 request->head->target);
		world_json(request, k->broadcast_status, k->broadcasts);
		k->fetches++;
	} else {
		world_json(request, 200, k->messages);
		k->polls++;
	}
}

static void work_open(struct work *k, struct rt *rt)
{
	*k = (struct work){ .messages = "[]",
			    .broadcasts = "[]",
			    .broadcast_status = 200 };
	world_open(&k->w, rt, answer, k);
	k->w.who.suffix = "_x";
	k->inbox = inbox_new(rt, &k->w.log);
	k->agenda = agenda_new(rt);
	k->deps = (struct workspace_deps){
		.rt = rt,
		.log = &k->w.log,
		.config = &k->w.config,
		.who = &k->w.who,
		.client = &k->w.client,
		.state = &k->w.state,
	};
	scope_open(rt, &k->scope, DEADLINE_NEVER);
}

static void work_start(struct work *k)
{
	receiver_init(
		&k->receiver, &k->deps,
		&(struct receiver_options){
			.inbox = k->inbox,
			.agenda = k->agenda,
			.started_ns = clock_now(k->w.rt, CLOCK_ID_BOOTTIME) });
	receiver_start(&k->receiver, &k->scope);
}

static void work_stop(struct work *k)
{
	receiver_rest(&k->receiver);
	agenda_free(k->agenda);
	scope_close(&k->scope);
	scope_open(k->w.rt, &k->scope, DEADLINE_NEVER);
	receiver_fini(&k->receiver);
	k->agenda = agenda_new(k->w.rt);
}

static void work_close(struct work *k)
{
	agenda_free(k->agenda);
	scope_close(&k->scope);
	inbox_free(k->inbox);
	world_close(&k->w);
}

/* F-35: broadcasts reach the inbox; they are asked for at a start and not with
 * every poll; the cursor survives a restart. */
static int f35_broadcasts_are_received(struct rt *rt, void *arg)
{
	const struct activity_message *m;
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.broadcasts = "[" BROADCAST(2, "two") "," BROADCAST(1, "one") "]";
	work_start(&k);
	receiver_begin(&k.receiver);
	CHECK(until(rt, &k.fetches, 1));
	CHECK(world_file(&k.w, STATE_DIR_BROADCASTS "_x", ID "2"));
	CHECK(strstr(k.last_fetch, "since_secs=600"));
	CHECK(until(rt, &k.polls, 10));
	CHECK_EQ(k.fetches, 1);
	CHECK_EQ(inbox_count(k.inbox), 2);
	m = inbox_first(k.inbox);
	CHECK(strcmp(m->text, "one") == 0); /* newest came first */
	CHECK(strcmp(m->kind, "peer_agent") == 0);
	CHECK(strcmp(m->method, "broadcast") == 0);
	CHECK(strcmp(m->peer_id, PEER) == 0);
	work_stop(&k);
	/* The other cursor is another's. */
	CHECK(world_file(&k.w, STATE_DIR_CURSOR "_x", NULL));

	k.broadcasts = "[" BROADCAST(3, "three") "]";
	work_start(&k);
	receiver_begin(&k.receiver);
	CHECK(until(rt, &k.fetches, 2));
	CHECK(strstr(k.last_fetch, "since_id=" ID "2"));
	CHECK(world_file(&k.w, STATE_DIR_BROADCASTS "_x", ID "3"));
	CHECK_EQ(inbox_count(k.inbox), 3);
	work_stop(&k);
	work_close(&k);
	return 0;
}

/* A platform that lists everything whatever it is asked for, and one that
 * knows no such list. */
static int broadcasts_of_older_platforms(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.messages = "[" MESSAGE(1, "one") "]";
	k.broadcasts = "[" MESSAGE(1, "one") "," MESSAGE(2, "two") ",3]";
	work_start(&k);
	receiver_begin(&k.receiver);
	CHECK(until(rt, &k.fetches, 1));
	CHECK(until(rt, &k.polls, 3));
	CHECK_EQ(inbox_count(k.inbox), 1);
	work_stop(&k);

	k.broadcast_status = 400;
	work_start(&k);
	receiver_begin(&k.receiver);
	for (uint64_t i = 2; i < 5; i++) {
		receiver_wake_broadcasts(&k.receiver);
		CHECK(until(rt, &k.fetches, i));
	}
	CHECK_EQ(world_logged(&k.w, "poll for broadcasts failed"), 1);
	work_stop(&k);
	work_close(&k);
	return 0;
}

/* Waking: at once, not by the cadence, and coalesced. */
static int woken(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.w.config.poll_ms = 3600000;
	work_start(&k);
	receiver_wake(&k.receiver); /* nothing before the beginning */
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(k.w.count, 0);
	receiver_begin(&k.receiver);
	CHECK(until(rt, &k.fetches, 1));
	CHECK_EQ(k.polls, 1);
	for (int i = 0; i < 5; i++)
		receiver_wake(&k.receiver);
	CHECK(until(rt, &k.polls, 2));
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(k.polls, 2);
	CHECK_EQ(k.fetches, 1);
	receiver_wake_broadcasts(&k.receiver);
	CHECK(until(rt, &k.fetches, 2));
	CHECK_EQ(k.polls, 3);
	/* At rest nothing wakes it; then it goes on at once. */
	receiver_rest(&k.receiver);
	receiver_wake(&k.receiver);
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(k.polls, 3);
	receiver_begin(&k.receiver);
	CHECK(until(rt, &k.polls, 4));
	work_stop(&k);
	work_close(&k);
	return 0;
}

/* Where there are several workspaces a message says to which it came; and who
 * wrote it is remembered. */
static int arrival_and_peers(struct rt *rt, void *arg)
{
	const struct activity_message *m;
	struct member *via = (struct member *)(uintptr_t)&rt; /* any */
	struct peer peer;
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.w.config.workspace_count = 2;
	k.deps.peers = peers_new(rt, &k.w.client);
	k.deps.member = via;
	k.messages = "[" MESSAGE(1, "one") "]";
	work_start(&k);
	receiver_begin(&k.receiver);
	CHECK_EQ(inbox_wait(k.inbox, patience(rt)), 0);
	m = inbox_first(k.inbox);
	CHECK(strcmp(m->arrival_workspace_id, WORLD_ID) == 0);
	CHECK(strcmp(m->peer_name, "Ada") == 0);
	CHECK(peers_find(k.deps.peers, PEER, &peer));
	CHECK(strcmp(peer.name, "Ada") == 0);
	CHECK(strcmp(peer.role, "tester") == 0);
	CHECK(peer.via == via);
	work_stop(&k);
	peers_free(k.deps.peers);
	k.w.config.workspace_count = 0;
	work_close(&k);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(f35_broadcasts_are_received)
TEST(broadcasts_of_older_platforms)
TEST(woken)
TEST(arrival_and_peers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f35_broadcasts_are_received),
		cmocka_unit_test(test_broadcasts_of_older_platforms),
		cmocka_unit_test(test_woken),
		cmocka_unit_test(test_arrival_and_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
