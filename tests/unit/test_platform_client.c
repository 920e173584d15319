// SPDX-License-Identifier: MIT
/*
 * The platform client against a scripted platform: paths, headers and bodies
 * as they are on the wire, and what becomes of every kind of answer.
 */
#include "tests/unit/app_fixture.h"

#include <fcntl.h>

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
	platform_poll_activity(&w.client, &w.who, NULL, 0, &r);
	CHECK(platform_ok(&r) && json_is_array(r.json));
	CHECK_EQ(r.retry_after_ms, -1);
	platform_reply_free(&r);
	expect(&w,
	       "GET /workspaces/" WORLD_ID
	       "/activity?type=a2a_receive&since_secs=600",
	       NULL, false);
	platform_poll_activity(&w.client, &w.who, "a b&c/%\xc3\xa9", 25, &r);
	platform_reply_free(&r);
	expect(&w,
	       "GET /workspaces/" WORLD_ID
	       "/activity?type=a2a_receive&since_id=a%20b%26c%2F%25%C3%A9"
	       "&limit=25",
	       NULL, false);
	platform_delegations(&w.client, &w.who, &r);
	platform_reply_free(&r);
	expect(&w, "GET /workspaces/" WORLD_ID "/delegations", NULL, false);
	platform_discover(&w.client, &w.who, PEER, &r);
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

	(void)arg;
	world_open(&w, rt, scripted, &s);
	for (size_t i = 0; ids[i] != NULL; i++) {
		platform_discover(&w.client, &w.who, ids[i], &r);
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
	static const char *const retry[] = { "Retry-After", "7", NULL };
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
	CHECK(strcmp(platform_reply_error(&r), "slow down") == 0);
	expect_text(&r, "the platform answered 429: {\"error\":\"slow down\"}");
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
	w.who.url.port = 1;
	platform_peers(&w.client, &w.who, &r);
	CHECK_EQ(r.err, -ECONNREFUSED);
	CHECK_EQ(r.phase, HTTP_PHASE_CONNECT);
	expect_text(&r, "refused");
	platform_reply_free(&r);
	free(body);
	world_close(&w);
	return 0;
}

static int make_file(struct world *w, const char *name, const char *text,
		     size_t len)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	CHECK_EQ(write(fd, text, len), len);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int upload(struct rt *rt, void *arg)
{
	struct script s = { 200,
			    "{\"files\":[{\"uri\":\"p:1\"},{\"uri\":\"p:2\"}]}",
			    NULL };
	size_t big_len = 3 * 1024 * 1024 + 7;
	char *big = malloc(big_len);
	struct platform_file files[2];
	const struct world_request *seen;
	struct platform_reply r;
	struct world w;
	char expected[512];
	const char *boundary;
	size_t head, tail;

	(void)arg;
	for (size_t i = 0; i < big_len; i++)
		big[i] = (char)(i * 7 >> 3);
	world_open(&w, rt, scripted, &s);
	files[0] = (struct platform_file){ "a\"b\n.txt",
					   make_file(&w, "a", "", 0), 0 };
	files[1] = (struct platform_file){ "big.PNG",
					   make_file(&w, "b", big, big_len),
					   big_len };
	CHECK(!platform_own_upload(&w.client, "p:2", ""));
	platform_upload(&w.client, &w.who, files, 2, &r);
	CHECK_EQ(r.err, 0);
	CHECK(platform_ok(&r));
	platform_reply_free(&r);
	CHECK(platform_own_upload(&w.client, "p:1", ""));
	CHECK(platform_own_upload(&w.client, "p:2", ""));
	CHECK(!platform_own_upload(&w.client, "p:3", ""));

	seen = last(&w);
	CHECK(strcmp(seen->line,
		     "POST /workspaces/" WORLD_ID "/chat/uploads") == 0);
	CHECK(strncmp(seen->type, "multipart/form-data; boundary=", 30) == 0);
	boundary = seen->type + 30;
	head = (size_t)snprintf(
		expected, sizeof(expected),
		"--%s\r\nContent-Disposition: form-data; name=\"files\"; "
		"filename=\"a%%22b%%0A.txt\"\r\nContent-Type: text/plain"
		"\r\n\r\n\r\n--%s\r\nContent-Disposition: form-data; "
		"name=\"files\"; filename=\"big.PNG\"\r\nContent-Type: "
		"image/png\r\n\r\n",
		boundary, boundary);
	CHECK(memcmp(seen->body, expected, head) == 0);
	CHECK(memcmp(seen->body + head, big, big_len) == 0);
	tail = (size_t)snprintf(expected, sizeof(expected), "\r\n--%s--\r\n",
				boundary);
	CHECK_EQ(seen->body_len, head + big_len + tail);
	CHECK(memcmp(seen->body + head + big_len, expected, tail) == 0);

	/* A file that is shorter than it was. */
	CHECK_EQ(lseek(files[1].fd, 5, SEEK_SET), 5);
	platform_upload(&w.client, &w.who, files, 2, &r);
	CHECK_EQ(r.err, -EIO);
	expect_text(&r, "shorter");
	platform_reply_free(&r);
	/* Limits. */
	files[1].size = PLATFORM_UPLOAD_FILE_MAX + 1;
	platform_upload(&w.client, &w.who, files, 2, &r);
	CHECK_EQ(r.err, -EFBIG);
	platform_reply_free(&r);
	platform_upload(&w.client, &w.who, files, 0, &r);
	CHECK_EQ(r.err, -EINVAL);
	platform_reply_free(&r);
	close(files[0].fd);
	close(files[1].fd);
	world_close(&w);
	free(big);
	return 0;
}

struct waiter {
	struct world *w;
	uint64_t done;
	bool own;
};

static void wait_task(struct rt *rt, void *arg)
{
	struct waiter *waiter = arg;

	(void)rt;
	waiter->own = platform_own_upload(&waiter->w->client, "p:1", "f");
	waiter->done = 1;
}

/* The row of an upload may be read before the upload is answered. */
static void answer_upload_late(struct world *w, int number,
			       struct http_incoming *request)
{
	struct waiter *waiter = w->arg;

	(void)number;
	CHECK_EQ(task_spawn(&w->scope, "reader", TASK_STACK_SMALL, wait_task,
			    waiter),
		 0);
	for (int i = 0; i < 20; i++)
		task_yield(w->rt);
	CHECK_EQ(waiter->done, 0);
	world_json(request, 200, "{\"files\":[{\"uri\":\"p:1\"}]}");
}

static int f29_own_upload_row_comes_first(struct rt *rt, void *arg)
{
	struct waiter waiter = { 0 };
	struct platform_file file;
	struct platform_reply r;
	struct world w;

	(void)arg;
	world_open(&w, rt, answer_upload_late, &waiter);
	waiter.w = &w;
	file = (struct platform_file){ "f", make_file(&w, "f", "x", 1), 1 };
	platform_upload(&w.client, &w.who, &file, 1, &r);
	platform_reply_free(&r);
	CHECK(until(rt, &waiter.done, 1));
	CHECK(waiter.own);
	close(file.fd);
	world_close(&w);
	return 0;
}

static void mime_types(void **state)
{
	(void)state;
	assert_string_equal(platform_mime_type("a.PDF"), "application/pdf");
	assert_string_equal(platform_mime_type("a.b.csv"), "text/csv");
	assert_string_equal(platform_mime_type("Makefile"),
			    "application/octet-stream");
	assert_string_equal(platform_mime_type(".png"),
			    "application/octet-stream");
	assert_string_equal(platform_mime_type("x."),
			    "application/octet-stream");
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
TEST(bad_ids)
TEST(answers)
TEST(long_bodies)
TEST(upload)
TEST(f29_own_upload_row_comes_first)
TEST(new_ids)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gets),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_bad_ids),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_long_bodies),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_f29_own_upload_row_comes_first),
		cmocka_unit_test(test_new_ids),
		cmocka_unit_test(mime_types),
		cmocka_unit_test(retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
