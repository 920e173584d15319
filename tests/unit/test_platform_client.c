// SPDX-License-Identifier: MIT
/*
 * The platform client against a scripted platform: paths, headers and bodies
 * as they are on the wire, and what becomes of every kind of answer.
 */
#include "tests/unit/app_fixture.h"

#include "app/platform_request.h"
#include "proto/json.h"

#define PEER "22222222-2222-4222-8222-222222222222"

/* What the platform answers next. */
struct script {
	int status;
	const char *body;
	const char *const *fields;
};

static void scripted(struct world *w, int number, struct http_incoming *request)
{
	struct script *s = w->arg;

	(void)number;
	http_reply(request->conn, s->status, s->fields, "application/json",
		   s->body, strlen(s->body));
}

static const struct world_request *last(struct world *w)
{
	return &w->seen[(w->count - 1) % WORLD_SEEN_MAX];
}

/* The line of the last request, its common headers, and its body as JSON. */
static void expect(struct world *w, const char *line, const char *body,
		   bool own_id)
{
	const struct world_request *r = last(w);
	json_t *got, *want;

	CHECK(strcmp(r->line, line) == 0);
	if (strcmp(r->line, line) != 0)
		fprintf(stderr, "%s\n", r->line);
	CHECK(strcmp(r->token, "Bearer " WORLD_TOKEN) == 0);
	CHECK(strcmp(r->origin, w->origin) == 0);
	CHECK(strcmp(r->own_id, own_id ? WORLD_ID : "") == 0);
	if (body == NULL) {
		CHECK_EQ(r->body_len, 0);
		CHECK(strcmp(r->type, "") == 0);
		return;
	}
	CHECK(strcmp(r->type, "application/json") == 0);
	got = json_parse_bounded(r->body, r->body_len, NULL);
	want = json_parse_bounded(body, strlen(body), NULL);
	CHECK(want != NULL);
	if (!CHECK(json_equal(got, want)))
		fprintf(stderr, "%s\n%s\n", r->body, body);
	json_decref(got);
	json_decref(want);
}

static int gets(struct rt *rt, void *arg)
{
	struct script s = { 200, "[]", NULL };
	struct platform_reply r;
	struct world w;

	(void)arg;
	world_open(&w, rt, scripted, &s);
	platform_activity(
		&w.client, &w.who,
		&(struct platform_activity_query){ .type = "a2a_receive",
						   .since_secs = 600,
						   .peer_info = true },
		&r);
	CHECK(platform_ok(&r) && json_is_array(r.json));
	CHECK_EQ(r.retry_after_ms, -1);
	platform_reply_free(&r);
	expect(&w,
	       "GET /workspaces/" WORLD_ID
	       "/activity?type=a2a_receive&since_secs=600&include=peer_info",
	       NULL, false);
	platform_activity(
		&w.client, &w.who,
		&(struct platform_activity_query){ .type = "a2a_receive",
						   .cursor = "a b&c/%\xc3\xa9",
						   .limit = 25,
						   .peer_info = true },
		&r);
	platform_reply_free(&r);
	expect(&w,
	       "GET /workspaces/" WORLD_ID
	       "/activity?type=a2a_receive&since_id=a%20b%26c%2F%25%C3%A9"
	       "&limit=25&include=peer_info",
	       NULL, false);
	platform_activity(&w.client, &w.who,
			  &(struct platform_activity_query){
				  .before_ts = "2026-01-01T00:00:00+02:00",
				  .peer_id = PEER,
				  .limit = 7 },
			  &r);
	platform_reply_free(&r);
	expect(&w,
	       "GET /workspaces/" WORLD_ID
	       "/activity?before_ts=2026-01-01T00%3A00%3A00%2B02%3A00"
	       "&peer_id=" PEER "&limit=7",
	       NULL, false);
	platform_activity(&w.client, &w.who,
			  &(struct platform_activity_query){ 0 }, &r);
	platform_reply_free(&r);
	expect(&w, "GET /workspaces/" WORLD_ID "/activity", NULL, false);
	platform_delegations(&w.client, &w.who, &r);
	platform_reply_free(&r);
	expect(&w, "GET /workspaces/" WORLD_ID "/delegations", NULL, false);
	platform_discover(&w.client, &w.who, PEER, 1000, &r);
	platform_reply_free(&r);
	expect(&w, "GET /registry/discover/" PEER, NULL, true);
	platform_peers(&w.client, &w.who, &r);
	platform_reply_free(&r);
	expect(&w, "GET /registry/" WORLD_ID "/peers", NULL, true);
	platform_workspace(&w.client, &w.who, NULL, &r);
	platform_reply_free(&r);
	expect(&w, "GET /workspaces/" WORLD_ID, NULL, false);
	platform_memory_recall(&w.client, &w.who, "a+b c", "", &r);
	platform_reply_free(&r);
	expect(&w,
	       "GET /workspaces/" WORLD_ID "/memories?workspace_id=" WORLD_ID
	       "&q=a%2Bb%20c&scope=",
	       NULL, false);
	/* F-10: one connection carried them all. */
	CHECK_EQ(pool_counters(w.pool)->opened, 1);
	world_close(&w);
	return 0;
}

static int posts(struct rt *rt, void *arg)
{
	struct script s = { 200, "{}", NULL };
	struct platform_reply r;
	struct world w;
	json_t *json;

	(void)arg;
	world_open(&w, rt, scripted, &s);
	json = json_pack("{s:s,s:[]}", "name", "n", "skills");
	platform_register(&w.client, &w.who, json, &r);
	platform_reply_free(&r);
	json_decref(json);
	expect(&w, "POST /registry/register",
	       "{\"id\":\"" WORLD_ID "\",\"url\":\"\",\"agent_card\":{"
	       "\"name\":\"n\",\"skills\":[]},\"delivery_mode\":\"poll\"}",
	       false);
	platform_heartbeat(&w.client, &w.who,
			   &(struct payload_heartbeat){ .active_tasks = 2,
							.uptime_secs = 7 },
			   1000, &r);
	platform_reply_free(&r);
	expect(&w, "POST /registry/heartbeat",
	       "{\"workspace_id\":\"" WORLD_ID "\",\"error_rate\":0.0,"
	       "\"sample_error\":\"\",\"active_tasks\":2,"
	       "\"uptime_seconds\":7}",
	       false);
	platform_report_activity(&w.client, &w.who,
				 &(struct payload_activity){ .type = "a2a_send",
							     .target_id = PEER,
							     .summary = "s",
							     .status = "ok",
							     .task = "t" },
				 &r);
	platform_reply_free(&r);
	expect(&w, "POST /workspaces/" WORLD_ID "/activity",
	       "{\"activity_type\":\"a2a_send\",\"source_id\":\"" WORLD_ID
	       "\",\"target_id\":\"" PEER "\",\"method\":\"message/send\","
	       "\"summary\":\"s\",\"status\":\"ok\","
	       "\"request_body\":{\"task\":\"t\"}}",
	       false);
	json = json_pack("[{s:s,s:s}]", "uri", "u", "name", "n");
	platform_notify(&w.client, &w.who, "hi \xff", json, &r);
	platform_reply_free(&r);
	json_decref(json);
	expect(&w, "POST /workspaces/" WORLD_ID "/notify",
	       "{\"message\":\"hi \xef\xbf\xbd\",\"attachments\":"
	       "[{\"uri\":\"u\",\"name\":\"n\"}]}",
	       false);
	platform_delegate(&w.client, &w.who, PEER, "task", "key", &r);
	platform_reply_free(&r);
	expect(&w, "POST /workspaces/" WORLD_ID "/delegate",
	       "{\"target_id\":\"" PEER "\",\"task\":\"task\","
	       "\"idempotency_key\":\"key\"}",
	       false);
	platform_a2a(&w.client, &w.who, PEER, "m-1", "do", &r);
	platform_reply_free(&r);
	expect(&w, "POST /workspaces/" PEER "/a2a",
	       "{\"jsonrpc\":\"2.0\",\"id\":\"m-1\",\"method\":"
	       "\"message/send\",\"params\":{\"message\":{\"role\":\"user\","
	       "\"messageId\":\"m-1\",\"parts\":[{\"kind\":\"text\","
	       "\"text\":\"do\"}]}}}",
	       true);
	platform_memory_commit(&w.client, &w.who, "c", "TEAM", &r);
	platform_reply_free(&r);
	expect(&w, "POST /workspaces/" WORLD_ID "/memories",
	       "{\"content\":\"c\",\"scope\":\"TEAM\",\"workspace_id\":"
	       "\"" WORLD_ID "\"}",
	       false);
	json = json_pack("{s:s}", "name", "n");
	platform_update_card(&w.client, &w.who, json, &r);
	platform_reply_free(&r);
	CHECK_EQ(json->refcount, 1);
	json_decref(json);
	expect(&w, "POST /registry/update-card",
	       "{\"workspace_id\":\"" WORLD_ID "\",\"agent_card\":{"
	       "\"name\":\"n\"}}",
	       false);
	platform_broadcast(&w.client, &w.who, "to all", &r);
	platform_reply_free(&r);
	expect(&w, "POST /workspaces/" WORLD_ID "/broadcast",
	       "{\"message\":\"to all\"}", false);
	platform_upload_ack(&w.client, &w.who, "file-1", &r);
	platform_reply_free(&r);
	expect(&w, "POST /workspaces/" WORLD_ID "/pending-uploads/file-1/ack",
	       NULL, false);
	world_close(&w);
	return 0;
}

/* The organisation is named in every kind of request, or in none. */
static int f22_organisation(struct rt *rt, void *arg)
{
	struct script s = { 200, "{}", NULL };
	struct platform_reply r;
	struct world w;
	uint64_t size;
	int write_err;

	(void)arg;
	world_open(&w, rt, scripted, &s);
	platform_peers(&w.client, &w.who, &r);
	platform_reply_free(&r);
	CHECK(strcmp(last(&w)->org_id, "") == 0);
	w.who.org_id = "org/1";
	platform_peers(&w.client, &w.who, &r);
	platform_reply_free(&r);
	CHECK(strcmp(last(&w)->org_id, "org/1") == 0);
	platform_broadcast(&w.client, &w.who, "m", &r);
	platform_reply_free(&r);
	CHECK(strcmp(last(&w)->org_id, "org/1") == 0);
	platform_upload_content(&w.client, &w.who, "f", w.log_fd, &size,
				&write_err, &r);
	platform_reply_free(&r);
	CHECK(strcmp(last(&w)->org_id, "org/1") == 0);
	world_close(&w);
	return 0;
}

static int bad_ids(struct rt *rt, void *arg)
{
	static const char *const ids[] = { "",	  ".",	  "..",	 "a/b",
					   "a?b", "a#b",  "a%b", "a b",
					   "a\n", "\xc3", NULL };
	struct script s = { 200, "{}", NULL };
	struct platform_reply r;
	struct world w;
	uint64_t size;
	int write_err;

	(void)arg;
	world_open(&w, rt, scripted, &s);
	for (size_t i = 0; ids[i] != NULL; i++) {
		platform_discover(&w.client, &w.who, ids[i], 1000, &r);
		CHECK_EQ(r.err, -EINVAL);
		platform_reply_free(&r);
		platform_a2a(&w.client, &w.who, ids[i], "m", "t", &r);
		CHECK_EQ(r.err, -EINVAL);
		platform_reply_free(&r);
		platform_delegate(&w.client, &w.who, ids[i], "t", "k", &r);
		CHECK_EQ(r.err, -EINVAL);
		platform_reply_free(&r);
		platform_workspace(&w.client, &w.who, ids[i], &r);
		CHECK_EQ(r.err, -EINVAL);
		platform_reply_free(&r);
		platform_upload_ack(&w.client, &w.who, ids[i], &r);
		CHECK_EQ(r.err, -EINVAL);
		platform_reply_free(&r);
		platform_upload_content(&w.client, &w.who, ids[i], -1, &size,
					&write_err, &r);
		CHECK_EQ(r.err, -EINVAL);
		platform_reply_free(&r);
	}
	CHECK_EQ(w.count, 0);
	world_close(&w);
	return 0;
}

static void expect_text(const struct platform_reply *r, const char *needle)
{
	char text[PLATFORM_TEXT_MAX];

	platform_reply_text(r, text, sizeof(text));
	if (!CHECK(strstr(text, needle) != NULL))
		fprintf(stderr, "no \"%s\" in \"%s\"\n", needle, text);
	CHECK(strstr(text, WORLD_TOKEN) == NULL);
}

static int answers(struct rt *rt, void *arg)
{
	static const char *const retry[] = { "Retry-After",
					     "7",
					     "X-RateLimit-Limit",
					     "600",
					     "X-RateLimit-Remaining",
					     "0",
					     "X-RateLimit-Reset",
					     "6",
					     NULL };
	static const char *const unlimited[] = { "X-RateLimit-Limit",
						 "unlimited",
						 "X-RateLimit-Remaining", "",
						 NULL };
	static const char *const moved[] = {
		"Location", "https://u:p@other.example:8/x?y=z", NULL
	};
	struct script s = { 429, "{\"error\":\"slow down\"}", retry };
	char name[TOKEN_NAME_MAX];
	struct platform_reply r;
	struct world w;

	(void)arg;
	world_open(&w, rt, scripted, &s);
	platform_peers(&w.client, &w.who, &r);
	CHECK(!platform_ok(&r) && !platform_unauthorised(&r));
	CHECK_EQ(r.retry_after_ms, 7000);
	CHECK_EQ(r.rate_limit, 600);
	CHECK_EQ(r.rate_remaining, 0);
	CHECK_EQ(r.rate_reset_s, 6);
	CHECK(strcmp(platform_reply_error(&r), "slow down") == 0);
	expect_text(&r, "the platform answered 429: {\"error\":\"slow down\"}");
	platform_reply_free(&r);

	s = (struct script){ 200, "[]", unlimited };
	platform_peers(&w.client, &w.who, &r);
	CHECK_EQ(r.rate_limit, -1);
	CHECK_EQ(r.rate_remaining, -1);
	CHECK_EQ(r.rate_reset_s, -1);
	platform_reply_free(&r);

	/* F-15: a redirect is a failure that says where it leads. */
	s = (struct script){ 302, "", moved };
	platform_peers(&w.client, &w.who, &r);
	CHECK(!platform_ok(&r));
	expect_text(&r, "the platform answered 302 (a redirect to https://");
	CHECK(strstr(r.detail, "x?y=z") == NULL);
	platform_reply_free(&r);

	/* F-17: who refuses the token is told where it came from. */
	s = (struct script){ 401, "no", NULL };
	platform_peers(&w.client, &w.who, &r);
	CHECK(platform_unauthorised(&r));
	CHECK(r.json == NULL && platform_reply_error(&r) == NULL);
	expect_text(&r, "answered 401: no (the token came from "
			"MOLECULE_WORKSPACE_TOKEN)");
	platform_reply_free(&r);
	w.who.token.value = NULL;
	CHECK_EQ(state_dir_write(&w.state, STATE_DIR_TOKEN, "other", 5), 0);
	platform_peers(&w.client, &w.who, &r);
	CHECK(strcmp(last(&w)->token, "Bearer other") == 0);
	expect_text(&r, token_source_name(&w.who.token, name, sizeof(name)));
	expect_text(&r, "/.auth_token");
	platform_reply_free(&r);

	/* Without a usable token nothing is sent. */
	CHECK_EQ(state_dir_remove(&w.state, STATE_DIR_TOKEN), 0);
	uint64_t before = w.count;
	platform_peers(&w.client, &w.who, &r);
	CHECK_EQ(r.err, -EKEYREJECTED);
	expect_text(&r, "/.auth_token does not exist");
	platform_reply_free(&r);
	CHECK_EQ(w.count, before);
	world_close(&w);
	return 0;
}

static int long_bodies(struct rt *rt, void *arg)
{
	struct script s = { 500, NULL, NULL };
	char *body = malloc(100001);
	char excerpt[PLATFORM_EXCERPT_MAX * 4 + 1];
	struct platform_reply r;
	struct world w;

	(void)arg;
	for (int i = 0; i < 100000; i += 2)
		memcpy(body + i, "\xc3\xa9", 2);
	body[100000] = '\0';
	s.body = body;
	world_open(&w, rt, scripted, &s);
	platform_peers(&w.client, &w.who, &r);
	CHECK_EQ(strlen(platform_reply_excerpt(&r, excerpt, sizeof(excerpt))),
		 400);
	expect_text(&r, "\xc3\xa9");
	platform_reply_free(&r);
	/* Nobody there. */
	http_server_stop(&w.server);
	w.url.port = 1;
	platform_peers(&w.client, &w.who, &r);
	CHECK_EQ(r.err, -ECONNREFUSED);
	CHECK_EQ(r.phase, HTTP_PHASE_CONNECT);
	expect_text(&r, "refused");
	platform_reply_free(&r);
	free(body);
	world_close(&w);
	return 0;
}

static void retry_after(void **state)
{
	const int64_t now = INT64_C(784111777) * CLOCK_NS_PER_S;

	(void)state;
	assert_int_equal(platform_retry_after_ms(NULL, now), -1);
	assert_int_equal(platform_retry_after_ms("", now), -1);
	assert_int_equal(platform_retry_after_ms("0", now), 0);
	assert_int_equal(platform_retry_after_ms("120", now), 120000);
	assert_int_equal(platform_retry_after_ms("99999999999999999999", now),
			 PLATFORM_RETRY_MAX_MS);
	assert_int_equal(platform_retry_after_ms("12x", now), -1);
	assert_int_equal(platform_retry_after_ms("-1", now), -1);
	assert_int_equal(
		platform_retry_after_ms("Sun, 06 Nov 1994 08:49:47 GMT", now),
		10000);
	assert_int_equal(
		platform_retry_after_ms("Sun, 06 Nov 1994 08:49:07 GMT", now),
		0);
	assert_int_equal(
		platform_retry_after_ms("Mon, 29 Feb 2096 00:00:00 GMT", now),
		PLATFORM_RETRY_MAX_MS);
	assert_int_equal(
		platform_retry_after_ms("Sun, 06 Foo 1994 08:49:37 GMT", now),
		-1);
	assert_int_equal(platform_retry_after_ms("soon", now), -1);
}

static int new_ids(struct rt *rt, void *arg)
{
	char a[UUID_LEN + 1], b[UUID_LEN + 1];

	(void)arg;
	platform_new_id(rt, a);
	platform_new_id(rt, b);
	CHECK(uuid_valid(a) && uuid_valid(b) && strcmp(a, b) != 0);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(gets)
TEST(posts)
TEST(f22_organisation)
TEST(bad_ids)
TEST(answers)
TEST(long_bodies)
TEST(new_ids)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gets),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_f22_organisation),
		cmocka_unit_test(test_bad_ids),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_long_bodies),
		cmocka_unit_test(test_new_ids),
		cmocka_unit_test(retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
