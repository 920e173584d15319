// SPDX-License-Identifier: MIT
/* The tools of a process that serves several workspaces, each at a platform of
 * its own: who is asked what, with which token. */
#include "tests/unit/tools_fixture.h"

#include "proto/listing.h"

#define SECOND_ID "44444444-4444-4444-8444-444444444444"
#define SECOND_TOKEN "tok-2"
#define PEER "22222222-2222-4222-8222-222222222222"
#define OTHER "33333333-3333-4333-8333-333333333333"

struct two {
	struct fake a, b; /* a's tools are used */
	struct member members[2];
};

static void two_open(struct two *two, struct rt *rt)
{
	fake_open(&two->a, rt);
	fake_open(&two->b, rt);
	fake_join(&two->a, &two->b, two->members, SECOND_ID, SECOND_TOKEN);
}

static void two_close(struct two *two)
{
	fake_close(&two->b);
	fake_close(&two->a);
}

/* Each platform has seen its own workspace's token and nothing of the other's.
 */
static void check_tokens(const struct two *two)
{
	CHECK_EQ(seen(&two->a, SECOND_TOKEN), 0);
	CHECK_EQ(seen(&two->a, SECOND_ID), 0);
	CHECK_EQ(seen(&two->b, "tok-1"), 0);
	CHECK_EQ(seen(&two->b, OWN_ID), 0);
}

#define BOB                                                                    \
	{ "GET /registry/discover/" PEER, 200, "{'name':'Bob'}", 0, 0 },       \
		{ "POST /workspaces/" PEER "/a2a", 200,                        \
		  "{'result':{'parts':[{'kind':'text','text':'done'}]}}", 0,   \
		  0 },                                                         \
	{                                                                      \
		"POST /workspaces/", 202, "{'delegation_id':'d'}", 0, 0        \
	}

/* F-22: everything of a delegation is done in one workspace's name. */
static int routing_body(struct rt *rt, void *arg)
{
	struct two two;

	(void)arg;
	two_open(&two, rt);
	RULES(&two.a, BOB);
	RULES(&two.b, BOB);
	/* The one that is named, in any case of letters. */
	want(&two.a, "delegate_task",
	     "{'workspace_id':'" PEER
	     "','task':'t','source_workspace_id':'" SECOND_ID "'}",
	     false, "done");
	CHECK_EQ(two.a.seen_len, 0);
	CHECK_EQ(seen(&two.b, "[" SECOND_TOKEN "]"), 4);
	CHECK_EQ(seen(&two.b, "POST /workspaces/" SECOND_ID "/activity "), 2);
	CHECK_EQ(seen(&two.b, "/a2a "), 1);
	/* The one through which the peer was seen, which the first call told.
	 */
	RULES(&two.b, BOB);
	want(&two.a, "delegate_task", "{'workspace_id':'" PEER "','task':'t'}",
	     false, "done");
	want_part(&two.a, "delegate_task_async",
		  "{'workspace_id':'" PEER "','task':'t'}", false, "\"d\"");
	want_part(&two.a, "check_task_status",
		  "{'workspace_id':'" PEER "','task_id':'d'}", true, "(404)");
	CHECK_EQ(two.a.seen_len, 0);
	CHECK_EQ(seen(&two.b, "GET /workspaces/" SECOND_ID "/delegations "), 1);
	CHECK_EQ(seen(&two.b, "POST /workspaces/" SECOND_ID "/delegate "), 1);
	/* A stranger is asked by the primary; "" is nobody. */
	want_part(&two.a, "delegate_task",
		  "{'workspace_id':'" OTHER "','task':'t',"
		  "'source_workspace_id':''}",
		  true, "not found");
	CHECK_EQ(seen(&two.a, "GET /registry/discover/" OTHER " [tok-1]"), 1);
	check_tokens(&two);
	/* Workspaces of one process are strangers to each other. */
	RULES(&two.a, BOB);
	want_part(&two.a, "delegate_task",
		  "{'workspace_id':'" OWN_ID "','task':'t'}", true,
		  "or name another workspace of this process as "
		  "source_workspace_id");
	want_part(&two.a, "delegate_task",
		  "{'workspace_id':'" SECOND_ID "','task':'t'}", true,
		  "not found");
	CHECK_EQ(seen(&two.a, "GET /registry/discover/" SECOND_ID), 1);
	want_part(&two.a, "delegate_task",
		  "{'workspace_id':'" PEER "','task':'t','source_workspace_id':"
		  "'" OTHER "'}",
		  true, "it can be " OWN_ID ", " SECOND_ID ", or left out.");
	two_close(&two);
	return 0;
}

static void f22_a_delegation_stays_with_its_workspace(void **state)
{
	(void)state;
	in_runtime(routing_body, NULL);
}

static int info_body(struct rt *rt, void *arg)
{
	struct two two;

	(void)arg;
	two_open(&two, rt);
	RULES(&two.a, { "GET /workspaces/" OWN_ID " ", 200, "{'n':1}", 0, 0 });
	RULES(&two.b,
	      { "GET /workspaces/" SECOND_ID " ", 200, "{'n':2}", 0, 0 });
	want(&two.a, "get_workspace_info", "{}", false, "{\n  \"n\": 1\n}");
	want(&two.a, "get_workspace_info",
	     "{'source_workspace_id':'" SECOND_ID "'}", false,
	     "{\n  \"n\": 2\n}");
	want_part(&two.a, "get_workspace_info",
		  "{'source_workspace_id':'" PEER "'}", true,
		  "is not one of the workspaces");
	check_tokens(&two);
	two_close(&two);
	return 0;
}

static void each_can_be_shown(void **state)
{
	(void)state;
	in_runtime(info_body, NULL);
}

#define PEERS_OF(id, list)                                                     \
	{                                                                      \
		"GET /registry/" id "/peers", 200, list, 0, 0                  \
	}

/* F-48: the peers of all, with what could not be listed beside them. */
static int peers_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct two two;

	(void)arg;
	two_open(&two, rt);
	RULES(&two.a, PEERS_OF(OWN_ID, "[{'id':'" OTHER "','name':'Al',"
				       "'status':'online','role':null}]"));
	RULES(&two.b, BOB,
	      PEERS_OF(SECOND_ID, "[{'id':'" PEER "','name':'Bob','status':"
				  "'online','role':'coder'}]"));
	call = fake_run(&two.a, "list_peers", "{}");
	if (!CHECK(strcmp(call.text,
			  "- Al (ID: " OTHER ", status: online, via: 11111111)"
			  "\n- Bob (ID: " PEER ", status: online, role: coder, "
			  "via: 44444444)") == 0))
		fprintf(stderr, "%s\n", call.text);
	CHECK(call.untrusted);
	CHECK(strcmp(text_at(json_array_get(
				     json_object_get(call.structured, "peers"),
				     1),
			     "via"),
		     SECOND_ID) == 0);
	CHECK(!json_object_get(call.structured, "failures"));
	fake_done(&call);
	check_tokens(&two);
	/* From then on it is known who talks to whom. */
	two.b.seen_len = 0;
	*two.b.seen = '\0';
	want(&two.a, "delegate_task", "{'workspace_id':'" PEER "','task':'t'}",
	     false, "done");
	CHECK_EQ(seen(&two.b, "/a2a "), 1);
	/* One alone. */
	want(&two.a, "list_peers", "{'source_workspace_id':'" SECOND_ID "'}",
	     false, "- Bob (ID: " PEER ", status: online, role: coder)");

	RULES(&two.b, { "GET /", 503, "{'error':'down'}", 0, 0 });
	call = fake_run(&two.a, "list_peers", "{}");
	CHECK(!call.is_error);
	CHECK(strstr(call.text, "- Al (ID: " OTHER));
	CHECK(strstr(call.text, "\nThe peers of 1 workspace(s) could not be "
				"listed: [44444444] the platform failed: "));
	CHECK(strcmp(text_at(json_array_get(json_object_get(call.structured,
							    "failures"),
					    0),
			     "workspace_id"),
		     SECOND_ID) == 0);
	fake_done(&call);
	RULES(&two.a, PEERS_OF(OWN_ID, "[]"));
	want_part(&two.a, "list_peers", "{}", false,
		  "No peers found. [44444444] the platform failed: ");
	RULES(&two.a, { "GET /", 401, "{'error':'x'}", 0, 0 });
	want_part(
		&two.a, "list_peers", "{}", true,
		"No peers found. [11111111] the platform refused the token: ");
	want_part(&two.a, "list_peers", "{}", true,
		  "; [44444444] the platform failed: ");
	RULES(&two.a, PEERS_OF(OWN_ID, "[]"));
	RULES(&two.b, PEERS_OF(SECOND_ID, "[]"));
	want(&two.a, "list_peers", "{}", false, LISTING_NO_PEERS);
	two_close(&two);
	return 0;
}

static void f48_peers_and_failures_are_shown(void **state)
{
	(void)state;
	in_runtime(peers_body, NULL);
}

/* Many workspaces at once; more failures than anybody reads. */
static int many_body(struct rt *rt, void *arg)
{
	enum { COUNT = 60 };
	static char ids[COUNT][40];
	static struct member members[COUNT];
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, { "GET /registry/00000000-0000-4000-8000-00000000000", 200,
		       "[{'id':'p','name':'P','status':'online'}]", 0, 0 });
	for (int i = 0; i < COUNT; i++) {
		snprintf(ids[i], sizeof(ids[i]),
			 "00000000-0000-4000-8000-%012d", i);
		members[i] = fake.host.member;
		members[i].who.workspace_id = ids[i];
	}
	fake.host.fleet = (struct fleet){ .members = members, .count = COUNT };
	call = fake_run(&fake, "list_peers", "{}");
	CHECK(!call.is_error);
	CHECK_EQ(json_array_size(json_object_get(call.structured, "peers")),
		 10);
	CHECK_EQ(json_array_size(json_object_get(call.structured, "failures")),
		 20);
	CHECK(strstr(call.text, "The peers of 50 workspace(s)"));
	CHECK(strstr(call.text, "; and 30 more"));
	fake_done(&call);
	fake_close(&fake);
	return 0;
}

static void many_are_asked(void **state)
{
	(void)state;
	in_runtime(many_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f22_a_delegation_stays_with_its_workspace),
		cmocka_unit_test(each_can_be_shown),
		cmocka_unit_test(f48_peers_and_failures_are_shown),
		cmocka_unit_test(many_are_asked),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
