// SPDX-License-Identifier: MIT
/*
 * Members made of a configuration, and what happens to one whose registration
 * is refused. Everything else of several workspaces is tested from outside,
 * by tests/process/test_workspaces.c.
 */
#include "tests/unit/app_fixture.h"

#include <fcntl.h>
#include <sys/file.h>

#include "app/fleet.h"
#include "app/inbox.h"

#define A "aaaaaaaa-1111-4111-8111-111111111111"
#define B "bbbbbbbb-2222-4222-8222-222222222222"

struct work {
	struct world w;
	struct config config;
	struct inbox *inbox;
	struct fleet fleet;
	struct scope scope;
	bool refuse_a, refuse_b;
	uint64_t beats_a, beats_b, polls_a, polls_b;
	uint64_t streams_a, streams_b;
	uint64_t registered_a, ended;
};

static void count_request(struct work *k, struct http_incoming *request)
{
	const char *target = request->head->target;
	char body[512] = "";
	bool is_a;

	memcpy(body, request->body_len ? request->body : "",
	       request->body_len < 511 ? request->body_len : 511);
	is_a = strstr(target, A) || strstr(body, A);
	if (strstr(target, "heartbeat"))
		*(is_a ? &k->beats_a : &k->beats_b) += 1;
	else if (strstr(target, "a2a_receive"))
		*(is_a ? &k->polls_a : &k->polls_b) += 1;
	else if (strstr(target, "events/stream"))
		*(is_a ? &k->streams_a : &k->streams_b) += 1;
	if (strstr(target, "register") && (is_a ? k->refuse_a : k->refuse_b)) {
		world_json(request, 401, "{\"error\":\"no\"}");
		return;
	}
	if (strstr(target, "register") && is_a)
		k->registered_a++;
	world_json(request, 200, strstr(target, "activity") ? "[]" : "{}");
}

static void answer(struct world *w, int number, struct http_incoming *request)
{
	(void)number;
	count_request(w->arg, request);
}

static void on_all_rejected(void *arg)
{
	((struct work *)arg)->ended++;
}

/* Pairs of name and value, ending with NULL. */
static const char *lookup(void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

/* A fleet of this list, not started, with so many streams at most. */
static void work_open_n(struct work *k, struct rt *rt, const char *list,
			uint32_t streams)
{
	struct fleet_options options = {
		.all_rejected = on_all_rejected,
		.arg = k,
	};

	*k = (struct work){ 0 };
	world_open(&k->w, rt, answer, k);
	CHECK_EQ(config_read(&k->config, lookup,
			     (const char *[]){ "PLATFORM_URL", k->w.origin,
					       "MOLECULE_ORG_ID", "org",
					       "MOLECULE_WORKSPACES", list,
					       NULL, NULL }),
		 0);
	CHECK(config_usable(&k->config));
	k->config.heartbeat_ms = k->config.poll_ms = 100;
	k->config.streams_max = streams;
	k->inbox = inbox_new(rt, &k->w.log);
	options.inbox = k->inbox;
	options.deps = (struct workspace_deps){
		.rt = rt,
		.log = &k->w.log,
		.config = &k->config,
		.client = &k->w.client,
		.state = &k->w.state,
	};
	CHECK_EQ(fleet_init(&k->fleet, &options), 0);
	scope_open(rt, &k->scope, DEADLINE_NEVER);
}

static void work_open(struct work *k, struct rt *rt, const char *list)
{
	work_open_n(k, rt, list, CONFIG_STREAMS_MAX);
}

static void work_close(struct work *k)
{
	fleet_stop(&k->fleet);
	scope_close(&k->scope);
	fleet_fini(&k->fleet);
	inbox_free(k->inbox);
	config_free(&k->config);
	world_close(&k->w);
}

#define LIST                                                                   \
	"[{\"id\":\"" A "\",\"token\":\"t-a\"},"                               \
	"{\"id\":\"" B "\",\"token\":\"t-b\"}]"

static int members(struct rt *rt, void *arg)
{
	struct work k;
	char name[TOKEN_NAME_MAX];

	(void)arg;
	work_open(&k, rt,
		  "[{\"id\":\"" A "\",\"token\":\"t\"},"
		  "{\"id\":\"aaaaaaaa-other\",\"token\":\"t\"},"
		  "{\"id\":\"short\",\"token\":\"t\","
		  "\"platform_url\":\"http://h/p\"},"
		  "{\"id\":\"" B "\",\"token\":\"t\"}]");
	CHECK_EQ(k.fleet.count, 4);
	CHECK(strcmp(k.fleet.members[0].who.suffix, "_" A) == 0);
	CHECK(strcmp(k.fleet.members[1].who.suffix, "_aaaaaaaa-other") == 0);
	CHECK(strcmp(k.fleet.members[2].who.suffix, "_short") == 0);
	CHECK(strcmp(k.fleet.members[3].who.suffix, "_bbbbbbbb") == 0);
	CHECK(strcmp(k.fleet.members[0].who.org_id, "org") == 0);
	CHECK(k.fleet.members[2].who.org_id == NULL);
	CHECK(strcmp(k.fleet.members[2].who.origin, "http://h/p") == 0);
	CHECK(strcmp(token_source_name(&k.fleet.members[3].who.token, name,
				       sizeof(name)),
		     "MOLECULE_WORKSPACES[3]") == 0);
	CHECK(fleet_find(&k.fleet, "SHORT") == &k.fleet.members[2]);
	CHECK(fleet_find(&k.fleet, "shorter") == NULL);
	CHECK(!fleet_inbox_known(&k.fleet));
	work_close(&k);
	return 0;
}

/* One that is refused rests, and comes back when it is accepted later. */
static int refused_for_a_while(struct rt *rt, void *arg)
{
	struct work k;
	uint64_t polls;

	(void)arg;
	work_open(&k, rt, LIST);
	k.refuse_a = true;
	k.fleet.members[0].workspace.rejected_ms = 300;
	CHECK_EQ(fleet_start(&k.fleet, &k.scope), 0);
	fleet_begin(&k.fleet);
	CHECK(until(rt, &k.beats_b, 3));
	CHECK(until(rt, &k.polls_b, 3));
	CHECK(k.fleet.members[0].rejected);
	CHECK_EQ(k.beats_a, 0);
	CHECK(fleet_inbox_known(&k.fleet));
	CHECK(fleet_inbox_refusal(&k.fleet) == NULL);
	CHECK_EQ(k.ended, 0);
	CHECK_EQ(world_logged(&k.w, A ", refused with 401, is left out; 1 of 2 "
				      "go on"),
		 1);
	polls = k.polls_a;
	CHECK(until(rt, &k.polls_b, 6));
	CHECK(k.polls_a <= polls + 1);
	k.refuse_a = false;
	CHECK(until(rt, &k.registered_a, 1));
	CHECK(until(rt, &k.beats_a, 2));
	CHECK(until(rt, &k.polls_a, polls + 3));
	CHECK(!k.fleet.members[0].rejected);
	CHECK_EQ(world_logged(&k.w, A " has been registered after all"), 1);
	work_close(&k);
	return 0;
}

/* The event streams are for the first ones, as many as may be. */
static int streams_are_bounded(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open_n(&k, rt, LIST, 1);
	CHECK(k.fleet.members[0].receiver.options.follow);
	CHECK(!k.fleet.members[1].receiver.options.follow);
	CHECK_EQ(fleet_start(&k.fleet, &k.scope), 0);
	fleet_begin(&k.fleet);
	CHECK(until(rt, &k.streams_a, 1));
	CHECK(until(rt, &k.polls_b, 4));
	CHECK_EQ(k.streams_b, 0);
	work_close(&k);
	return 0;
}

/* Those on one platform beat at different times. */
static int set_apart(struct rt *rt, void *arg)
{
	struct work k;
	struct workspace *a, *b;

	(void)arg;
	work_open(&k, rt, LIST);
	a = &k.fleet.members[0].workspace;
	b = &k.fleet.members[1].workspace;
	CHECK_EQ(workspace_phase(a, 20000), a->started_ns);
	CHECK_EQ(workspace_phase(b, 20000),
		 b->started_ns + 10000 * CLOCK_NS_PER_MS);
	/* In steps, so that several wake together. */
	CHECK_EQ(workspace_phase(b, 3900),
		 b->started_ns + 1500 * CLOCK_NS_PER_MS);
	CHECK_EQ(k.fleet.members[1].receiver.options.started_ns,
		 workspace_phase(b, k.config.heartbeat_ms));
	CHECK(k.fleet.members[0].who.pace == k.fleet.members[1].who.pace);
	CHECK_EQ(k.fleet.members[0].who.pace->members, 2);
	/* Of ten, where the limit leaves four: evenly among these. */
	k.fleet.members[1].who.pace->members = b->places = 10;
	k.fleet.members[1].who.pace->limit = 6;
	CHECK_EQ(pace_fitting(k.fleet.members[1].who.pace), 4);
	CHECK_EQ(workspace_phase(b, 20000),
		 b->started_ns + 5000 * CLOCK_NS_PER_MS);
	b->place = 5;
	CHECK_EQ(workspace_phase(b, 20000),
		 b->started_ns + 10000 * CLOCK_NS_PER_MS);
	work_close(&k);

	work_open(&k, rt,
		  "[{\"id\":\"" A "\",\"token\":\"t-a\"},"
		  "{\"id\":\"" B "\",\"token\":\"t-b\","
		  "\"platform_url\":\"http://h/p\"}]");
	b = &k.fleet.members[1].workspace;
	CHECK_EQ(workspace_phase(b, 20000), b->started_ns);
	CHECK(k.fleet.members[0].who.pace != k.fleet.members[1].who.pace);
	work_close(&k);
	return 0;
}

/* After the stop nothing begins any more: not a member that had not started
 * yet, nor one that this process would take over just then. */
static int stopped_for_good(struct rt *rt, void *arg)
{
	char path[256];
	struct work k;
	struct holder *holder;
	int lock;

	(void)arg;
	work_open(&k, rt, LIST);
	holder = &k.fleet.members[1].holder;
	snprintf(path, sizeof(path), "%s/" HOLDER_NAME B, k.w.dir);
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(fleet_start(&k.fleet, &k.scope), 0);
	fleet_begin(&k.fleet);
	CHECK(until(rt, &k.polls_a, 3));
	CHECK_EQ(holder->state, HOLDER_ELSEWHERE);
	fleet_stop(&k.fleet);
	close(lock);
	for (int i = 0; i < 10000 && holder->state != HOLDER_HERE; i++)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(holder->state, HOLDER_HERE);
	CHECK(!k.fleet.members[1].receiver.begun);
	work_close(&k);
	CHECK_EQ(k.polls_b, 0);

	work_open(&k, rt, LIST);
	CHECK_EQ(fleet_start(&k.fleet, &k.scope), 0);
	fleet_stop(&k.fleet);
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(k.w.count, 0);
	work_close(&k);
	return 0;
}

static int all_refused(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt, LIST);
	k.refuse_a = k.refuse_b = true;
	CHECK_EQ(fleet_start(&k.fleet, &k.scope), 0);
	CHECK(until(rt, &k.ended, 1));
	CHECK_EQ(k.beats_a + k.beats_b, 0);
	CHECK_EQ(world_logged(&k.w, "is left out"), 1);
	work_close(&k);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(members)
TEST(refused_for_a_while)
TEST(streams_are_bounded)
TEST(set_apart)
TEST(stopped_for_good)
TEST(all_refused)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_refused_for_a_while),
		cmocka_unit_test(test_streams_are_bounded),
		cmocka_unit_test(test_set_apart),
		cmocka_unit_test(test_stopped_for_good),
		cmocka_unit_test(test_all_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
