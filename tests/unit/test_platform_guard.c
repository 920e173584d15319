// SPDX-License-Identifier: MIT
/* What stands before the endpoints: tenants, edges, and the rate limit. */
#include "tests/unit/platform_fixture.h"

#define ORG "org-7f3a1c22"
#define POLL "/workspaces/" ANN "/activity"

static const struct platform_options guarded = { .org_id = ORG };

static int beat(struct bed *b)
{
	return ask(b, "POST", "/registry/heartbeat", ANN_TOKEN,
		   "{'workspace_id':'" ANN "'}");
}

/* Before authentication: with no token, a wrong one, or the right one. */
static int tenants_are_named(struct rt *rt, void *arg)
{
	static const char *const tokens[] = { NULL, "wrong", ANN_TOKEN };
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &guarded);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		CHECK_EQ(ask(&b, "GET", POLL, tokens[i], NULL), 400);
		CHECK_TEXT(got(&b, "code"), "TENANT_ORG_HEADER_REQUIRED");
		CHECK_TEXT(got(&b, "required_header"), "X-Molecule-Org-Id");
	}
	with(&b, "X-Molecule-Org-Id", "another");
	CHECK_EQ(ask(&b, "GET", POLL, ANN_TOKEN, NULL), 404);
	CHECK_TEXT(b.body, "");
	with(&b, "X-Molecule-Org-Id", ORG "x");
	CHECK_EQ(ask(&b, "GET", POLL, ANN_TOKEN, NULL), 404);
	with(&b, "X-Molecule-Org-Id", ORG);
	CHECK_EQ(ask(&b, "GET", POLL, ANN_TOKEN, NULL), 200);
	with(&b, "X-Molecule-Org-Id", ORG);
	CHECK_EQ(ask(&b, "GET", POLL, "wrong", NULL), 401);
	bed_close(&b);
	return 0;
}

static int replays_name_tenants(struct rt *rt, void *arg)
{
	static const struct {
		const char *header;
		int status;
	} replays[] = {
		{ "instance=i; region=r; state=" ORG, 200 },
		{ "state=" ORG ";t=1", 200 },
		{ "state=" ORG "x", 404 },
		{ "state=org", 404 },
		{ "t=1", 404 },
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &guarded);
	for (size_t i = 0; i < sizeof(replays) / sizeof(replays[0]); i++) {
		with(&b, "Fly-Replay-Src", replays[i].header);
		if (!CHECK(ask(&b, "GET", POLL, ANN_TOKEN, NULL) ==
			   replays[i].status))
			fprintf(stderr, "%s\n", replays[i].header);
	}
	bed_close(&b);
	return 0;
}

/* Registering and beating are exempt, and so is the operator. */
static int some_paths_need_no_tenant(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &guarded);
	CHECK_EQ(ask(&b, "GET", "/health", NULL, NULL), 200);
	CHECK_EQ(beat(&b), 200);
	CHECK_EQ(ask(&b, "POST", "/registry/register", ANN_TOKEN,
		     "{'id':'" ANN "','delivery_mode':'poll'}"),
		 200);
	CHECK_EQ(ask(&b, "GET", "/demo/state", NULL, NULL), 200);
	CHECK_EQ(ask(&b, "GET", "/registry/" ANN "/peers", ANN_TOKEN, NULL),
		 400);
	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN, NULL, NULL), 400);
	bed_close(&b);
	return 0;
}

/* An edge gives what has no Origin to its web pages, which know no such
 * path. */
static int edges_want_an_origin(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ .require_origin = true });
	CHECK_EQ(beat(&b), 200);
	CHECK_EQ(ask(&b, "GET", POLL, ANN_TOKEN, NULL), 404);
	CHECK_TEXT(b.body, "");
	CHECK_EQ(ask(&b, "GET", "/registry/" ANN "/peers", ANN_TOKEN, NULL),
		 404);
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" BOB, ANN_TOKEN, NULL),
		 200);
	with(&b, "Origin", b.origin);
	CHECK_EQ(ask(&b, "GET", POLL, ANN_TOKEN, NULL), 200);
	with(&b, "Origin", b.origin);
	CHECK_EQ(ask(&b, "GET", "/registry/" ANN "/peers", ANN_TOKEN, NULL),
		 200);
	bed_close(&b);
	return 0;
}

/* Every answer tells the rate, whatever became of the request. */
static int rates_are_told(struct rt *rt, void *arg)
{
	char remaining[16];
	struct bed b;

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .rate_limit = 5, .org_id = ORG });
	for (int i = 4; i >= 0; i--) {
		CHECK_EQ(ask(&b, "GET", i % 2 ? POLL : "/nowhere", NULL, NULL),
			 i % 2 ? 400 : 404);
		snprintf(remaining, sizeof(remaining), "%d", i);
		CHECK_TEXT(header(&b, "x-ratelimit-remaining"), remaining);
		CHECK_TEXT(header(&b, "x-ratelimit-limit"), "5");
		CHECK(atoi(header(&b, "x-ratelimit-reset")) <= 60);
	}
	CHECK_EQ(beat(&b), 429);
	CHECK_TEXT(header(&b, "x-ratelimit-remaining"), "0");
	CHECK_TEXT(header(&b, "retry-after"), header(&b, "x-ratelimit-reset"));
	CHECK_TEXT(got(&b, "error"), "rate limit exceeded");
	CHECK_EQ(ask(&b, "GET", "/demo/counters", NULL, NULL), 200);
	CHECK_EQ(number_in(AT(b.json, "statuses"), "429"), 1);
	bed_close(&b);
	return 0;
}

CASE(tenants_are_named)
CASE(replays_name_tenants)
CASE(some_paths_need_no_tenant)
CASE(edges_want_an_origin)
CASE(rates_are_told)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tenants_are_named_test),
		cmocka_unit_test(replays_name_tenants_test),
		cmocka_unit_test(some_paths_need_no_tenant_test),
		cmocka_unit_test(edges_want_an_origin_test),
		cmocka_unit_test(rates_are_told_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
