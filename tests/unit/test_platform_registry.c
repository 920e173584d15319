// SPDX-License-Identifier: MIT
/* Registering, heartbeats, finding each other, and who may enter. */
#include "tests/unit/platform_fixture.h"

static const char *status_of(struct bed *b, const char *id)
{
	char target[128];

	snprintf(target, sizeof(target), "/workspaces/%s", id);
	CHECK_EQ(ask(b, "GET", target, NULL, NULL), 200);
	return got(b, "status");
}

static int registers(struct rt *rt, void *arg)
{
	struct bed b;
	const char *secret;
	char kept[128];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_TEXT(status_of(&b, ANN), "provisioning");
	CHECK_EQ(ask(&b, "POST", "/registry/register", ANN_TOKEN,
		     "{'id':'" ANN "','url':'','agent_card':{'name':'x'},"
		     "'delivery_mode':'poll'}"),
		 200);
	CHECK_TEXT(got(&b, "status"), "registered");
	CHECK_TEXT(got(&b, "delivery_mode"), "poll");
	CHECK_TEXT(got(&b, "auth_token"), "(absent)");
	secret = got(&b, "platform_inbound_secret");
	CHECK_EQ(strlen(secret), 64);
	snprintf(kept, sizeof(kept), "%s", secret);
	CHECK_TEXT(status_of(&b, ANN), "online");
	CHECK_TEXT(text_in(json_object_get(b.json, "agent_card"), "name"), "x");
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
		     "{'workspace_id':'" ANN "','active_tasks':3,"
		     "'uptime_seconds':7,'error_rate':0.5}"),
		 200);
	CHECK_TEXT(got(&b, "status"), "ok");
	CHECK_TEXT(got(&b, "platform_inbound_secret"), kept);
	status_of(&b, ANN);
	CHECK_EQ(json_integer_value(json_object_get(b.json, "active_tasks")),
		 3);
	CHECK_EQ(json_integer_value(json_object_get(b.json, "uptime_seconds")),
		 7);
	bed_close(&b);
	return 0;
}

static int refuses_bad_registrations(struct rt *rt, void *arg)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"{'id':'ann'}",
		"{'url':''}",
		"{'id':'" ANN "','delivery_mode':'pigeon'}",
		"{'id':'" ANN "','delivery_mode':7}",
		"{'id':'" ANN "','delivery_mode':'push'}",
		"{'id':'" ANN "','delivery_mode':'push','url':'ftp://x'}",
		"{'id':'" ANN "','agent_card':'x'}",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		CHECK_EQ(ask(&b, "POST", "/registry/register", ANN_TOKEN,
			     bodies[i]),
			 400);
		CHECK(json_get_text(b.json, "error") != NULL);
	}
	CHECK_TEXT(status_of(&b, ANN), "provisioning");
	CHECK_EQ(
		ask(&b, "POST", "/registry/register", NULL, "{'id':'" ANN "'}"),
		401);
	CHECK_TEXT(got(&b, "error"), "missing workspace auth token");
	CHECK_EQ(ask(&b, "POST", "/registry/register", BOB_TOKEN,
		     "{'id':'" ANN "'}"),
		 401);
	CHECK_TEXT(got(&b, "error"), "invalid workspace auth token");
	bed_close(&b);
	return 0;
}

/* A workspace without a token is let in once, and then has one. */
static int mints_the_first_token(struct rt *rt, void *arg)
{
	static const char body[] = "{'id':'" NEW "','agent_card':"
				   "{'name':'Eve'},'delivery_mode':'poll'}";
	static const char beat[] = "{'workspace_id':'" NEW "'}";
	struct bed b;
	char token[128];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", "x", beat), 404);
	CHECK_EQ(ask(&b, "POST", "/registry/register", NULL, body), 200);
	snprintf(token, sizeof(token), "%s", got(&b, "auth_token"));
	CHECK_EQ(strlen(token), 64);
	CHECK_EQ(ask(&b, "POST", "/registry/register", NULL, body), 401);
	CHECK_EQ(ask(&b, "POST", "/registry/register", token, body), 200);
	CHECK_TEXT(got(&b, "auth_token"), "(absent)");
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", token, beat), 200);
	CHECK_TEXT(status_of(&b, NEW), "online");
	CHECK_TEXT(got(&b, "name"), "Eve");
	bed_close(&b);
	return 0;
}

static int heartbeats_are_checked(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
		     "{'id':'" ANN "'}"),
		 400);
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN, "x"), 400);
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", "wrong",
		     "{'workspace_id':'" ANN "'}"),
		 401);
	/* What is wedged stays degraded until it says that it is not. */
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
		     "{'workspace_id':'" ANN "','runtime_state':'wedged'}"),
		 200);
	CHECK_TEXT(status_of(&b, ANN), "degraded");
	ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
	    "{'workspace_id':'" ANN "','runtime_state':'ok'}");
	CHECK_TEXT(status_of(&b, ANN), "degraded");
	ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
	    "{'workspace_id':'" ANN "'}");
	CHECK_TEXT(status_of(&b, ANN), "online");
	bed_close(&b);
	return 0;
}

static int silence_is_noticed(struct rt *rt, void *arg)
{
	struct deadline limit = patience(rt);
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ .stale_after_ms = 60 });
	ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
	    "{'workspace_id':'" ANN "'}");
	while (strcmp(status_of(&b, ANN), "awaiting_agent") != 0 &&
	       deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 2));
	CHECK_TEXT(status_of(&b, ANN), "awaiting_agent");
	CHECK_TEXT(status_of(&b, BOB), "provisioning");
	ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
	    "{'workspace_id':'" ANN "'}");
	CHECK_TEXT(status_of(&b, ANN), "online");
	bed_close(&b);
	return 0;
}

/* The workspace's own token and nothing else opens its doors. */
static int doors_are_kept(struct rt *rt, void *arg)
{
	static const char *const doors[][2] = {
		{ "GET", "/workspaces/" ANN "/activity" },
		{ "POST", "/workspaces/" ANN "/activity" },
		{ "POST", "/workspaces/" ANN "/notify" },
		{ "POST", "/workspaces/" ANN "/delegate" },
		{ "GET", "/workspaces/" ANN "/delegations" },
		{ "POST", "/workspaces/" ANN "/memories" },
		{ "GET", "/workspaces/" ANN "/memories" },
		{ "POST", "/workspaces/" ANN "/chat/uploads" },
		{ "GET",
		  "/workspaces/" ANN "/pending-uploads/" ANN "/content" },
		{ "POST", "/workspaces/" ANN "/pending-uploads/" ANN "/ack" },
		{ "GET", "/workspaces/" ANN "/events/stream" },
		{ "GET", "/registry/" ANN "/peers" },
	};
	static const char *const wrong[] = { BOB_TOKEN, "token-of-an",
					     "token-of-anna", "x" };
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		CHECK_EQ(ask(&b, doors[i][0], doors[i][1], NULL, NULL), 401);
		CHECK_TEXT(got(&b, "error"), "missing workspace auth token");
		for (size_t j = 0; j < 4; j++) {
			CHECK_EQ(ask(&b, doors[i][0], doors[i][1], wrong[j],
				     NULL),
				 401);
			CHECK_TEXT(got(&b, "error"),
				   "invalid workspace auth token");
		}
	}
	/* One that does not exist is no different. */
	CHECK_EQ(ask(&b, "GET", "/workspaces/" NEW "/activity", "x", NULL),
		 401);
	CHECK_EQ(ask(&b, "GET", "/workspaces/ann/activity", "x", NULL), 401);
	bed_close(&b);
	return 0;
}

static int tokens_come_and_go(struct rt *rt, void *arg)
{
	static const char door[] = "/workspaces/" ANN "/activity";
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" ANN "/tokens", NULL,
		     "{'token':'second'}"),
		 201);
	CHECK_EQ(ask(&b, "GET", door, "second", NULL), 200);
	CHECK_EQ(ask(&b, "GET", door, ANN_TOKEN, NULL), 200);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" ANN "/tokens", NULL,
		     "{'token':'not visible'}"),
		 400);
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" ANN "/tokens", NULL,
		     NULL),
		 200);
	CHECK_EQ(ask(&b, "GET", door, "second", NULL), 401);
	CHECK_EQ(ask(&b, "GET", door, ANN_TOKEN, NULL), 401);
	bed_close(&b);
	return 0;
}

static int removed_ones_are_gone(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" ANN, NULL, NULL), 200);
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" ANN, NULL, NULL), 404);
	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN, NULL, NULL), 410);
	CHECK_TEXT(got(&b, "id"), ANN);
	CHECK(json_get_text(b.json, "removed_at") != NULL);
	CHECK(json_get_text(b.json, "hint") != NULL);
	CHECK_EQ(ask(&b, "POST", "/registry/register", ANN_TOKEN,
		     "{'id':'" ANN "'}"),
		 401);
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
		     "{'workspace_id':'" ANN "'}"),
		 401);
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL),
		401);
	bed_close(&b);
	return 0;
}

static int finds_the_others(struct rt *rt, void *arg)
{
	struct bed b;
	char url[128];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" BOB, ANN_TOKEN, NULL),
		 200);
	CHECK_TEXT(got(&b, "id"), BOB);
	CHECK_TEXT(got(&b, "name"), "Bob");
	snprintf(url, sizeof(url), "%s/workspaces/" BOB "/a2a", b.origin);
	CHECK_TEXT(got(&b, "url"), url);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" BOB, ANN_TOKEN, NULL),
		 400);
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" BOB, BOB_TOKEN, NULL),
		 401);
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" NEW, ANN_TOKEN, NULL),
		 404);
	/* The child of another is out of reach, the own one is not. */
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" DOT, ANN_TOKEN, NULL),
		 403);
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" CID, ANN_TOKEN, NULL),
		 200);

	CHECK_EQ(ask(&b, "GET", "/registry/" ANN "/peers", ANN_TOKEN, NULL),
		 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 0), "id"), BOB);
	CHECK_TEXT(text_in(row(&b, 0), "role"), "builder");
	CHECK_TEXT(text_in(row(&b, 0), "status"), "provisioning");
	CHECK_TEXT(text_in(row(&b, 1), "id"), CID);
	CHECK(json_is_null(json_object_get(row(&b, 1), "role")));
	CHECK_TEXT(text_in(row(&b, 1), "parent_id"), ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/" NEW "/peers", "x", NULL), 404);
	CHECK_EQ(ask(&b, "GET", "/workspaces/nonsense", NULL, NULL), 400);
	CHECK_EQ(ask(&b, "GET", "/workspaces/" NEW, NULL, NULL), 404);
	bed_close(&b);
	return 0;
}

static int paths_are_known(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "GET", "/health", NULL, NULL), 200);
	CHECK_TEXT(got(&b, "status"), "ok");
	CHECK_TEXT(header(&b, "x-ratelimit-limit"), "unlimited");
	CHECK_EQ(ask(&b, "POST", "/health", NULL, "{}"), 405);
	CHECK_EQ(ask(&b, "GET", "/healthz", NULL, NULL), 404);
	CHECK_EQ(ask(&b, "GET", "/", NULL, NULL), 404);
	CHECK_EQ(ask(&b, "GET", "//health", NULL, NULL), 404);
	CHECK_EQ(ask(&b, "GET", "/health/", NULL, NULL), 404);
	CHECK_EQ(ask(&b, "GET", "/workspaces//activity", ANN_TOKEN, NULL), 404);
	CHECK_EQ(ask(&b, "POST", "/registry/update-card", ANN_TOKEN,
		     "{'workspace_id':'" ANN "','agent_card':{'name':'z'}}"),
		 200);
	CHECK_TEXT(got(&b, "status"), "updated");
	bed_close(&b);
	return 0;
}

static int requests_are_limited(struct rt *rt, void *arg)
{
	struct bed b;
	int reset;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ .rate_limit = 3 });
	for (int left = 2; left >= 0; left--) {
		char want[12];

		CHECK_EQ(ask(&b, "GET", "/health", NULL, NULL), 200);
		snprintf(want, sizeof(want), "%d", left);
		CHECK_TEXT(header(&b, "x-ratelimit-limit"), "3");
		CHECK_TEXT(header(&b, "x-ratelimit-remaining"), want);
		CHECK_TEXT(header(&b, "retry-after"), "(absent)");
	}
	CHECK_EQ(ask(&b, "GET", "/nowhere", NULL, NULL), 429);
	CHECK_TEXT(got(&b, "error"), "rate limit exceeded");
	reset = atoi(header(&b, "retry-after"));
	CHECK(reset > 0 && reset <= 60);
	CHECK_EQ(json_integer_value(json_object_get(b.json, "retry_after")),
		 reset);
	CHECK_TEXT(header(&b, "x-ratelimit-remaining"), "0");
	/* The user is not an agent. */
	CHECK_EQ(ask(&b, "GET", "/demo/counters", NULL, NULL), 200);
	CHECK_EQ(json_integer_value(json_object_get(b.json, "requests")), 4);
	bed_close(&b);
	return 0;
}

static int the_operator_is_local(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "GET", "/demo/state", NULL, NULL), 200);
	CHECK_EQ(json_array_size(json_object_get(b.json, "workspaces")), 4);
	CHECK(strstr(b.body, ANN_TOKEN) == NULL);
	with(&b, "Origin", "http://evil.example");
	CHECK_EQ(ask(&b, "GET", "/demo/state", NULL, NULL), 403);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL,
		     "{'id':'" NEW "','name':'Eve'}"),
		 201);
	CHECK_EQ(strlen(got(&b, "token")), 64);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL, "{'id':'" NEW "'}"),
		 400);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL, "{'token':null}"),
		 201);
	CHECK(json_is_null(json_object_get(b.json, "token")));
	CHECK_EQ(ask(&b, "GET", "/health?x=1", "tok", NULL), 200);
	CHECK_EQ(ask(&b, "GET", "/demo/requests", NULL, NULL), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "target"), "/health?x=1");
	CHECK(json_is_true(json_object_get(row(&b, 0), "bearer")));
	CHECK(strstr(b.body, "tok") == NULL);
	CHECK_EQ(ask(&b, "GET", "/demo/counters", NULL, NULL), 200);
	CHECK_EQ(json_integer_value(
			 json_object_get(b.json, "connections_accepted")),
		 1);
	CHECK_EQ(json_integer_value(json_object_get(
			 json_object_get(b.json, "endpoints"), "GET /health")),
		 1);
	bed_close(&b);
	return 0;
}

static int agents_write_to_the_user(struct rt *rt, void *arg)
{
	static const char door[] = "/workspaces/" ANN "/notify";
	char longer[200];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	memset(longer, 'x', sizeof(longer));
	snprintf(longer, sizeof(longer), "{'message':'%0100d'}", 7);
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, longer), 200);
	CHECK_TEXT(got(&b, "status"), "sent");
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, "{'message':''}"), 400);
	CHECK_TEXT(got(&b, "error"), "message is required");
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, "x"), 400);
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN,
		     "{'message':'m','attachments':[{'uri':'u','name':'n'},"
		     "{'uri':'u'}]}"),
		 400);
	CHECK(strstr(got(&b, "error"), "attachment[1]") != NULL);
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN,
		     "{'message':'m','attachments':[{'uri':'u','name':'n'}]}"),
		 200);
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 1), "method"), "notify");
	CHECK(json_is_null(json_object_get(row(&b, 1), "source_id")));
	CHECK(json_object_get(row(&b, 1), "request_body") == NULL);
	CHECK_EQ(strlen(text_in(row(&b, 1), "summary")), 15 + 80);
	CHECK_TEXT(
		text_in(json_object_get(row(&b, 0), "response_body"), "result"),
		"m");
	CHECK_EQ(
		json_array_size(json_object_get(
			json_object_get(row(&b, 0), "response_body"), "parts")),
		1);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL,
		     "{'id':'" NEW "','token':'t','talk_to_user':false}"),
		 201);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" NEW "/notify", "t",
		     "{'message':'m'}"),
		 403);
	CHECK_TEXT(got(&b, "error"), "talk_to_user_disabled");
	bed_close(&b);
	return 0;
}

CASE(registers)
CASE(refuses_bad_registrations)
CASE(mints_the_first_token)
CASE(heartbeats_are_checked)
CASE(silence_is_noticed)
CASE(doors_are_kept)
CASE(tokens_come_and_go)
CASE(removed_ones_are_gone)
CASE(finds_the_others)
CASE(paths_are_known)
CASE(requests_are_limited)
CASE(the_operator_is_local)
CASE(agents_write_to_the_user)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_test),
		cmocka_unit_test(refuses_bad_registrations_test),
		cmocka_unit_test(mints_the_first_token_test),
		cmocka_unit_test(heartbeats_are_checked_test),
		cmocka_unit_test(silence_is_noticed_test),
		cmocka_unit_test(doors_are_kept_test),
		cmocka_unit_test(tokens_come_and_go_test),
		cmocka_unit_test(removed_ones_are_gone_test),
		cmocka_unit_test(finds_the_others_test),
		cmocka_unit_test(paths_are_known_test),
		cmocka_unit_test(requests_are_limited_test),
		cmocka_unit_test(the_operator_is_local_test),
		cmocka_unit_test(agents_write_to_the_user_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
