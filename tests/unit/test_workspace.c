// SPDX-License-Identifier: MIT
/*
 * Registration and heartbeat against a scripted platform. The interval is a
 * tenth of a second; nothing here depends on how fast things go.
 */
#include "tests/unit/app_fixture.h"

#include "app/workspace.h"
#include "proto/json.h"
#include "runtime/event.h"

#define REGISTERED "{\"status\":\"registered\",\"delivery_mode\":\"poll\"}"
#define BEAT_OK "{\"status\":\"ok\"}"

/* A workspace at work. `answer` gets how many requests of the same kind came
 * before. */
struct work {
	struct agenda *agenda;
	struct world w;
	struct workspace workspace;
	struct workspace_deps deps;
	struct scope scope;
	uint64_t registrations, beats, rejections;
	int rejected_with;
	void (*on_register)(struct work *k, int n, struct http_incoming *r);
	void (*on_beat)(struct work *k, int n, struct http_incoming *r);
};

static void answer(struct world *w, int number, struct http_incoming *request)
{
	struct work *k = w->arg;
	bool is_register =
		strcmp(request->head->target, "/registry/register") == 0;

	(void)number;
	if (is_register && k->on_register)
		k->on_register(k, (int)k->registrations, request);
	else if (is_register)
		world_json(request, 200, REGISTERED);
	else if (k->on_beat)
		k->on_beat(k, (int)k->beats, request);
	else
		world_json(request, 200, BEAT_OK);
	if (is_register)
		k->registrations++;
	else
		k->beats++;
}

static void on_rejected(void *arg, int status)
{
	struct work *k = arg;

	k->rejections++;
	k->rejected_with = status;
}

static void work_open(struct work *k, struct rt *rt)
{
	*k = (struct work){ 0 };
	world_open(&k->w, rt, answer, k);
	k->deps = (struct workspace_deps){
		.rt = rt,
		.log = &k->w.log,
		.config = &k->w.config,
		.who = &k->w.who,
		.client = &k->w.client,
		.state = &k->w.state,
		.rejected = on_rejected,
		.arg = k,
	};
	workspace_init(&k->workspace, &k->deps);
	scope_open(rt, &k->scope, DEADLINE_NEVER);
	k->agenda = agenda_new(rt);
}

static void work_start(struct work *k)
{
	CHECK_EQ(workspace_start(&k->workspace, k->agenda), 0);
}

static void work_close(struct work *k)
{
	agenda_free(k->agenda);
	scope_close(&k->scope);
	workspace_fini(&k->workspace);
	world_close(&k->w);
}

static ino_t inode(struct work *k, const char *name)
{
	char path[256];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "%s/%s", k->w.dir, name);
	CHECK_EQ(stat(path, &st), 0);
	return st.st_ino;
}

static json_t *body_of(struct work *k, uint64_t number)
{
	const struct world_request *r = &k->w.seen[number];

	return json_parse_bounded(r->body, r->body_len, NULL);
}

static int registers_and_beats(struct rt *rt, void *arg)
{
	struct work k;
	json_t *card, *beat;
	json_int_t value = -1;

	(void)arg;
	work_open(&k, rt);
	k.w.config.agent_skills = strdup("a, ,b");
	work_start(&k);
	workspace_task_begin(&k.workspace);
	workspace_task_begin(&k.workspace);
	workspace_task_end(&k.workspace);
	CHECK(until(rt, &k.beats, 3));
	/* The first beat does not wait for its interval. */
	CHECK(strcmp(k.w.seen[0].line, "POST /registry/register") == 0);
	CHECK(strcmp(k.w.seen[1].line, "POST /registry/heartbeat") == 0);
	CHECK_EQ(k.registrations, 1);
	card = body_of(&k, 0);
	CHECK_EQ(json_array_size(json_object_get(
			 json_object_get(card, "agent_card"), "skills")),
		 2);
	/* F-30: the truth about tasks and uptime. */
	beat = body_of(&k, 1);
	CHECK(json_get_integer(beat, "active_tasks", &value));
	CHECK_EQ(value, 1);
	CHECK(json_get_integer(beat, "uptime_seconds", &value));
	CHECK(value >= 0 && value < 60);
	json_decref(card);
	json_decref(beat);
	/* No beat before its time. */
	for (int i = 2; i < 4; i++)
		CHECK(k.w.seen[i].boot_ns >=
		      k.workspace.started_ns + (i - 1) * 100 * CLOCK_NS_PER_MS);
	CHECK_EQ(world_logged(&k.w, "registered workspace " WORLD_ID), 1);
	work_close(&k);
	return 0;
}

static void fail_twice(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	world_json(r, n < 1 ? 500 : 200, n < 1 ? "oops" : REGISTERED);
}

/* F-14: registration is repeated until it succeeds; beats go on meanwhile. */
static int f14_registration_is_repeated(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.on_register = fail_twice;
	work_start(&k);
	CHECK(until(rt, &k.registrations, 2));
	CHECK(k.beats >= 2);
	CHECK_EQ(world_logged(&k.w, "registration failed: the platform "
				    "answered 500: oops"),
		 1);
	CHECK_EQ(k.rejections, 0);
	work_close(&k);
	return 0;
}

static void refuse(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	(void)n;
	world_json(r, 403, "{\"error\":\"invalid workspace auth token\"}");
}

static int rejected(struct rt *rt, void *arg)
{
	struct work k;
	char *text;

	(void)arg;
	work_open(&k, rt);
	k.on_register = refuse;
	work_start(&k);
	CHECK(until(rt, &k.rejections, 1));
	CHECK_EQ(k.rejected_with, 403);
	CHECK_EQ(k.beats, 0);
	text = world_log(&k.w);
	/* A plain line, which names the real source (F-17). */
	CHECK(strncmp(text, "molecule-mcp: ", 14) == 0);
	CHECK(strstr(text, "403") != NULL);
	CHECK(strstr(text, WORLD_ID) != NULL);
	CHECK(strstr(text, "Tokens tab") != NULL);
	CHECK(strstr(text, "MOLECULE_WORKSPACE_TOKEN") != NULL);
	CHECK(strstr(text, WORLD_TOKEN) == NULL);
	free(text);
	work_close(&k);
	return 0;
}

static void forget_us(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	world_json(r, n == 1 ? 404 : 200, n == 1 ? "{}" : BEAT_OK);
}

static void refuse_second(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	world_json(r, n == 1 ? 401 : 200, n == 1 ? "{}" : REGISTERED);
}

/* A platform that does not know the workspace is told again; a refusal then
 * is not the end. */
static int registers_again_when_unknown(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.on_beat = forget_us;
	k.on_register = refuse_second;
	work_start(&k);
	CHECK(until(rt, &k.registrations, 3));
	CHECK_EQ(k.rejections, 0);
	CHECK_EQ(world_logged(&k.w, "registration was refused with 401"), 1);
	work_close(&k);
	return 0;
}

static void down_for_a_while(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	world_json(r, n >= 1 && n < 5 ? 502 : 200,
		   n >= 1 && n < 5 ? "gateway" : BEAT_OK);
}

static int registers_again_after_an_outage(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.on_beat = down_for_a_while;
	work_start(&k);
	CHECK(until(rt, &k.registrations, 2));
	CHECK(k.beats >= 5);
	CHECK(until(rt, &k.beats, 8));
	CHECK_EQ(k.registrations, 2);
	/* Said once, not four times; and that it is over. */
	CHECK_EQ(world_logged(&k.w, "heartbeat failed"), 1);
	CHECK_EQ(world_logged(&k.w, "heartbeat works again after 4 failures"),
		 1);
	work_close(&k);
	return 0;
}

static void put_off(struct work *k, int n, struct http_incoming *r)
{
	static const char *const fields[] = { "Retry-After", "1", NULL };

	(void)k;
	if (n == 0)
		http_reply(r->conn, 429, fields, "application/json", "{}", 2);
	else
		world_json(r, 200, BEAT_OK);
}

/* F-11: Retry-After is followed. */
static int f11_retry_after(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.on_beat = put_off;
	work_start(&k);
	CHECK(until(rt, &k.beats, 2));
	CHECK(k.w.seen[2].boot_ns - k.w.seen[1].boot_ns >= CLOCK_NS_PER_S);
	work_close(&k);
	return 0;
}

static void redirect(struct work *k, int n, struct http_incoming *r)
{
	static const char *const fields[] = { "Location", "https://x.org/y",
					      NULL };

	(void)k;
	(void)n;
	http_reply(r->conn, 301, fields, NULL, "", 0);
}

/* F-15: a redirect is not a registration, nor a beat. */
static int f15_redirects_are_failures(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.on_register = k.on_beat = redirect;
	work_start(&k);
	CHECK(until(rt, &k.beats, 1));
	CHECK(!k.workspace.registered);
	CHECK_EQ(world_logged(&k.w, "registration failed: the platform "
				    "answered 301 (a redirect to "
				    "https://x.org"),
		 1);
	CHECK_EQ(world_logged(&k.w, "heartbeat failed"), 1);
	work_close(&k);
	return 0;
}

static void secrets(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	world_json(r, 200,
		   n < 4   ? "{\"platform_inbound_secret\":\"hush-1\"}"
		   : n < 6 ? "{\"platform_inbound_secret\":\"\"}"
			   : "{\"platform_inbound_secret\":\"hush-2\"}");
}

/* The secret is written when it changes, and only then. */
static int secret(struct rt *rt, void *arg)
{
	struct work k;
	ino_t first;

	(void)arg;
	work_open(&k, rt);
	k.on_beat = secrets;
	work_start(&k);
	CHECK(until(rt, &k.beats, 1));
	CHECK(world_file(&k.w, STATE_DIR_SECRET, "hush-1"));
	first = inode(&k, STATE_DIR_SECRET);
	CHECK(until(rt, &k.beats, 6));
	CHECK_EQ(inode(&k, STATE_DIR_SECRET), first);
	CHECK(until(rt, &k.beats, 7));
	CHECK(world_file(&k.w, STATE_DIR_SECRET, "hush-2"));
	CHECK_EQ(world_logged(&k.w, "hush"), 0);
	work_close(&k);
	return 0;
}

static int secret_known_from_before(struct rt *rt, void *arg)
{
	struct work k;
	ino_t first;

	(void)arg;
	work_open(&k, rt);
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_SECRET, "hush-1", 6), 0);
	first = inode(&k, STATE_DIR_SECRET);
	k.on_beat = secrets;
	work_start(&k);
	CHECK(until(rt, &k.beats, 4));
	CHECK_EQ(inode(&k, STATE_DIR_SECRET), first);
	work_close(&k);
	return 0;
}

static void mint(struct work *k, int n, struct http_incoming *r)
{
	(void)k;
	(void)n;
	world_json(r, 200,
		   "{\"status\":\"registered\",\"auth_token\":\"minted-1\","
		   "\"platform_inbound_secret\":\"hush-3\"}");
}

/* F-14: what the answer to a registration holds is kept. */
static int f14_registration_reply_is_used(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	k.on_register = mint;
	work_start(&k);
	CHECK(world_file(&k.w, STATE_DIR_SECRET, "hush-3"));
	CHECK(world_file(&k.w, STATE_DIR_TOKEN, "minted-1"));
	CHECK(until(rt, &k.beats, 2));
	CHECK_EQ(world_logged(&k.w, "made a new token"), 1);
	CHECK_EQ(world_logged(&k.w, "minted-1"), 0);
	/* The configured one stays in use. */
	CHECK(strcmp(k.w.seen[k.w.count - 1].token, "Bearer " WORLD_TOKEN) ==
	      0);
	work_close(&k);

	/* One that is there is not overwritten, unless it is the one in use.
	 */
	work_open(&k, rt);
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_TOKEN, "older", 5), 0);
	k.on_register = mint;
	work_start(&k);
	CHECK(until(rt, &k.beats, 2));
	CHECK_EQ(world_logged(&k.w, "has not been kept"), 1);
	CHECK(world_file(&k.w, STATE_DIR_TOKEN, "older"));
	work_close(&k);

	work_open(&k, rt);
	k.w.who.token.value = NULL;
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_TOKEN, "older", 5), 0);
	k.on_register = mint;
	work_start(&k);
	CHECK(world_file(&k.w, STATE_DIR_TOKEN, "minted-1"));
	CHECK(until(rt, &k.beats, 3));
	CHECK(strcmp(k.w.seen[k.w.count - 1].token, "Bearer minted-1") == 0);
	work_close(&k);
	return 0;
}

static int escalation(struct rt *rt, void *arg)
{
	struct workspace_failures failures = { 0 };
	struct platform_reply refused = { .status = 401 };
	struct platform_reply broken = { .status = 500 };
	struct work k;
	char *text;

	(void)arg;
	work_open(&k, rt);
	for (int i = 1; i <= 2; i++)
		workspace_failed(&failures, &k.deps, "it", &refused);
	CHECK_EQ(world_logged(&k.w, "(1/3)"), 1);
	CHECK_EQ(world_logged(&k.w, "(2/3)"), 1);
	CHECK_EQ(world_logged(&k.w, "revoked"), 0);
	/* Other failures neither raise nor reset the count. */
	workspace_failed(&failures, &k.deps, "it", &broken);
	CHECK_EQ(failures.unauthorised, 2);
	workspace_failed(&failures, &k.deps, "it", &refused);
	text = world_log(&k.w);
	CHECK(strstr(text, "revoked") && strstr(text, "deleted") &&
	      strstr(text, "Regenerate") && strstr(text, WORLD_ID));
	free(text);
	for (int i = 4; i <= 22; i++)
		workspace_failed(&failures, &k.deps, "it", &refused);
	CHECK_EQ(world_logged(&k.w, "revoked"), 1);
	workspace_failed(&failures, &k.deps, "it", &refused);
	CHECK_EQ(world_logged(&k.w, "revoked"), 2);
	for (int i = 24; i <= 43; i++)
		workspace_failed(&failures, &k.deps, "it", &refused);
	CHECK_EQ(world_logged(&k.w, "revoked"), 3);
	/* A success starts anew. */
	workspace_succeeded(&failures, &k.deps, "it");
	CHECK_EQ(world_logged(&k.w, "it works again after 44 failures"), 1);
	for (int i = 1; i <= 2; i++)
		workspace_failed(&failures, &k.deps, "it", &refused);
	CHECK_EQ(world_logged(&k.w, "revoked"), 3);
	work_close(&k);
	return 0;
}

/* The same failure is said once a minute; another one at once, also when only
 * its mark tells them apart. */
static int repetition(struct rt *rt, void *arg)
{
	struct workspace_failures failures = { 0 };
	char one[] = "the certificate expired at one; it is two now";
	char same[] = "the certificate expired at one; it is three now";
	char other[] = "the certificate is for another host";
	struct platform_reply reply = { .err = -EKEYREJECTED, .mark = 1 };
	struct work k;

	(void)arg;
	work_open(&k, rt);
	reply.detail = one;
	workspace_failed(&failures, &k.deps, "it", &reply);
	reply.detail = same;
	workspace_failed(&failures, &k.deps, "it", &reply);
	CHECK_EQ(world_logged(&k.w, "it failed"), 1);
	CHECK_EQ(world_logged(&k.w, "it is two now"), 1);
	reply.detail = other;
	reply.mark = 2;
	for (int i = 0; i < 3; i++)
		workspace_failed(&failures, &k.deps, "it", &reply);
	CHECK_EQ(world_logged(&k.w, "it failed"), 2);
	CHECK_EQ(world_logged(&k.w, "it failed (3 in a row): the certificate "
				    "is for another host"),
		 1);
	work_close(&k);
	return 0;
}

static void cadence(void **state)
{
	(void)state;
	assert_int_equal(workspace_next(1000, 1000, 100), 1100);
	assert_int_equal(workspace_next(1000, 1001, 100), 1100);
	assert_int_equal(workspace_next(1000, 1099, 100), 1100);
	assert_int_equal(workspace_next(1000, 1100, 100), 1200);
	/* Missed ones are not made up for. */
	assert_int_equal(workspace_next(1000, 5050, 100), 5100);
	assert_int_equal(workspace_next(1000, 10, 100), 1000);
}

static void backoff(void **state)
{
	(void)state;
	assert_int_equal(workspace_backoff_ms(0, 0, -1), 750);
	assert_int_equal(workspace_backoff_ms(0, 500, -1), 1250);
	assert_int_equal(workspace_backoff_ms(1, 0, -1), 1500);
	assert_int_equal(workspace_backoff_ms(5, 0, -1), 24000);
	assert_int_equal(workspace_backoff_ms(6, 0, -1), 45000);
	assert_int_equal(workspace_backoff_ms(4000000000u, 30000, -1), 75000);
	assert_int_equal(workspace_backoff_ms(0, 0, 90000), 90000);
	for (uint32_t i = 0; i < 100000; i += 77)
		assert_in_range(workspace_backoff_ms(2, i, -1), 3000, 5000);
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(registers_and_beats)
TEST(f14_registration_is_repeated)
TEST(rejected)
TEST(registers_again_when_unknown)
TEST(registers_again_after_an_outage)
TEST(f11_retry_after)
TEST(f15_redirects_are_failures)
TEST(secret)
TEST(secret_known_from_before)
TEST(f14_registration_reply_is_used)
TEST(escalation)
TEST(repetition)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers_and_beats),
		cmocka_unit_test(test_f14_registration_is_repeated),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_registers_again_when_unknown),
		cmocka_unit_test(test_registers_again_after_an_outage),
		cmocka_unit_test(test_f11_retry_after),
		cmocka_unit_test(test_f15_redirects_are_failures),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_secret_known_from_before),
		cmocka_unit_test(test_f14_registration_reply_is_used),
		cmocka_unit_test(test_escalation),
		cmocka_unit_test(test_repetition),
		cmocka_unit_test(cadence),
		cmocka_unit_test(backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
