// SPDX-License-Identifier: MIT
/* What the operator puts in the place of the true answers. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/faults.h"

#define INFO "/workspaces/" ANN
#define POLL "/workspaces/" ANN "/activity"

static int fault(struct bed *b, const char *body)
{
	return ask(b, "POST", "/demo/faults", NULL, body);
}

static int poll(struct bed *b)
{
	return ask(b, "GET", POLL, ANN_TOKEN, NULL);
}

static int beat(struct bed *b, const char *id, const char *token)
{
	char body[96];

	snprintf(body, sizeof(body), "{'workspace_id':'%s'}", id);
	return ask(b, "POST", "/registry/heartbeat", token, body);
}

static int answers_are_replaced(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(fault(&b, "{'endpoint':'POST /workspaces/:id/a2a',"
			   "'status':503,'times':2,"
			   "'body':{'busy':true,'retry_after':5},"
			   "'headers':{'Retry-After':'5'}}"),
		 201);
	CHECK_EQ(poll(&b), 200);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(ask(&b, "POST", "/workspaces/" BOB "/a2a", ANN_TOKEN,
			     "{'content':'x'}"),
			 503);
		CHECK(json_get_true(b.json, "busy"));
		CHECK_TEXT(header(&b, "retry-after"), "5");
		CHECK_TEXT(header(&b, "content-type"), "application/json");
		CHECK_TEXT(header(&b, "x-ratelimit-limit"), "unlimited");
	}
	CHECK_EQ(ask(&b, "POST", "/workspaces/" BOB "/a2a", ANN_TOKEN,
		     "{'content':'x'}"),
		 200);
	/* What was answered so has not been handled. */
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" BOB "/activity", BOB_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), 1);
	CHECK_EQ(ask(&b, "GET", "/demo/counters", NULL, NULL), 200);
	CHECK_EQ(number_in(b.json, "faults_met"), 2);
	CHECK_EQ(number_in(AT(b.json, "statuses"), "503"), 2);
	bed_close(&b);
	return 0;
}

static int bodies_come_as_given(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(fault(&b, "{'status':200,'body':'<html>',"
			   "'content_type':'text/html'}"),
		 201);
	CHECK_EQ(fault(&b, "{'status':429,"
			   "'headers':{'X-RateLimit-Remaining':'0'}}"),
		 201);
	CHECK_EQ(fault(&b, "{'status':404,'body':''}"), 201);
	CHECK_EQ(poll(&b), 200);
	CHECK_TEXT(b.body, "<html>");
	CHECK_TEXT(header(&b, "content-type"), "text/html");
	CHECK_EQ(poll(&b), 429);
	CHECK(json_get_text(b.json, "error") != NULL);
	CHECK_TEXT(header(&b, "x-ratelimit-remaining"), "0");
	CHECK_TEXT(header(&b, "x-ratelimit-limit"), "(absent)");
	CHECK_EQ(poll(&b), 404);
	CHECK_TEXT(b.body, "");
	CHECK_EQ(poll(&b), 200);
	bed_close(&b);
	return 0;
}

/* By the path, or by the body where the path names nobody. */
static int one_workspace_may_be_meant(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(fault(&b, "{'workspace_id':'" ANN "','status':500,"
			   "'times':0}"),
		 201);
	CHECK_EQ(beat(&b, BOB, BOB_TOKEN), 200);
	CHECK_EQ(beat(&b, ANN, ANN_TOKEN), 500);
	CHECK_EQ(ask(&b, "POST", "/registry/register", ANN_TOKEN,
		     "{'id':'" ANN "'}"),
		 500);
	CHECK_EQ(poll(&b), 500);
	CHECK_EQ(ask(&b, "GET", "/workspaces/" BOB, NULL, NULL), 200);
	/* It lasts until it is taken away, and the operator is exempt. */
	CHECK_EQ(ask(&b, "GET", "/demo/faults", NULL, NULL), 200);
	CHECK_EQ(json_array_size(AT(b.json, "faults")), 1);
	CHECK_EQ(number_in(b.json, "met"), 3);
	CHECK_EQ(ask(&b, "DELETE", "/demo/faults", NULL, NULL), 200);
	CHECK_EQ(poll(&b), 200);
	bed_close(&b);
	return 0;
}

/* The oldest that fits takes effect, each as often as it says. */
static int they_come_in_order(struct rt *rt, void *arg)
{
	static const int want[] = { 501, 501, 502, 200 };
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(fault(&b, "{'status':501,'times':2}"), 201);
	CHECK_EQ(fault(&b, "{'status':502}"), 201);
	CHECK_EQ(ask(&b, "GET", "/demo/faults", NULL, NULL), 200);
	CHECK_EQ(number_in(json_array_get(AT(b.json, "faults"), 0), "times"),
		 2);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		CHECK_EQ(ask(&b, "GET", INFO, NULL, NULL), want[i]);
	CHECK_EQ(fault(&b, "{'status':501,'times':0,'chance':0}"), 201);
	CHECK_EQ(fault(&b, "{'status':502,'times':0,'chance':0.5}"), 201);
	for (int i = 0, met = 0; i < 200; i++) {
		int status = ask(&b, "GET", INFO, NULL, NULL);

		CHECK(status == 200 || status == 502);
		met += status == 502;
		if (i == 199)
			CHECK(met > 0 && met < 200);
	}
	bed_close(&b);
	return 0;
}

/* Whether the answer is lost; what becomes of the request is another thing. */
static int connections_are_cut(struct rt *rt, void *arg)
{
	static const char send[] = "{'message':{'messageId':'m','content':"
				   "'x'}}";
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(fault(&b, "{'cut':'before','times':0}"), 201);
	CHECK(ask(&b, "POST", "/workspaces/" BOB "/a2a", ANN_TOKEN, send) < 0);
	CHECK_EQ(ask(&b, "DELETE", "/demo/faults", NULL, NULL), 200);
	CHECK_EQ(members_find(b.platform, &(struct ident){ BOB })->log.count,
		 0);
	CHECK_EQ(fault(&b, "{'cut':'after'}"), 201);
	CHECK(ask(&b, "POST", "/workspaces/" BOB "/a2a", ANN_TOKEN, send) < 0);
	CHECK_EQ(members_find(b.platform, &(struct ident){ BOB })->log.count,
		 1);
	/* The same message once more makes no other row. */
	CHECK_EQ(ask(&b, "POST", "/workspaces/" BOB "/a2a", ANN_TOKEN, send),
		 200);
	CHECK_EQ(members_find(b.platform, &(struct ident){ BOB })->log.count,
		 1);
	CHECK_EQ(ask(&b, "GET", "/demo/counters", NULL, NULL), 200);
	CHECK(number_in(AT(b.json, "responses"), "cut") >= 2);
	bed_close(&b);
	return 0;
}

/* One that only waits is answered truly; and while it waits its fault may
 * go. */
static int answers_may_be_late(struct rt *rt, void *arg)
{
	int64_t began = clock_now(rt, CLOCK_ID_MONOTONIC);
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(fault(&b, "{'delay_ms':50}"), 201);
	CHECK_EQ(poll(&b), 200);
	CHECK_TEXT(b.body, "[]");
	CHECK(clock_now(rt, CLOCK_ID_MONOTONIC) - began >= 50 * 1000000);
	CHECK_EQ(fault(&b, "{'delay_ms':60000}"), 201);
	bed_close(&b);
	return 0;
}

static int bad_faults_are_refused(struct rt *rt, void *arg)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{'status':99}",
		"{'status':'500'}",
		"{'status':500,'times':-1}",
		"{'status':500,'chance':2}",
		"{'status':500,'chance':'x'}",
		"{'delay_ms':-1}",
		"{'cut':'later'}",
		"{'status':500,'endpoint':'GET /nowhere'}",
		"{'status':500,'workspace_id':'x'}",
		"{'status':500,'headers':[]}",
		"{'status':500,'headers':{'a b':'c'}}",
		"{'status':500,'headers':{'a':'b\\nc'}}",
		"{'status':500,'headers':{'a':7}}",
		"{'status':500,'content_type':7}",
		"{'status':500,'stauts':1}",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!CHECK(fault(&b, bad[i]) == 400))
			fprintf(stderr, "%s\n", bad[i]);
	}
	CHECK_EQ(poll(&b), 200);
	for (int i = 0; i < FAULTS_MAX; i++)
		CHECK_EQ(fault(&b, "{'status':500,'chance':0}"), 201);
	CHECK_EQ(fault(&b, "{'status':500}"), 400);
	with(&b, "Origin", "http://example.com");
	CHECK_EQ(fault(&b, "{'status':500}"), 403);
	bed_close(&b);
	return 0;
}

CASE(answers_are_replaced)
CASE(bodies_come_as_given)
CASE(one_workspace_may_be_meant)
CASE(they_come_in_order)
CASE(connections_are_cut)
CASE(answers_may_be_late)
CASE(bad_faults_are_refused)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_replaced_test),
		cmocka_unit_test(bodies_come_as_given_test),
		cmocka_unit_test(one_workspace_may_be_meant_test),
		cmocka_unit_test(they_come_in_order_test),
		cmocka_unit_test(connections_are_cut_test),
		cmocka_unit_test(answers_may_be_late_test),
		cmocka_unit_test(bad_faults_are_refused_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
