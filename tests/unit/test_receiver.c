// SPDX-License-Identifier: MIT
/*
 * The receiver against a scripted platform: cursor, order, what is passed
 * over, and what an unfriendly answer may not do.
 */
#include "tests/unit/app_fixture.h"

#include "app/agenda.h"
#include "app/inbox.h"
#include "app/receiver.h"
#include "proto/activity.h"
#include "runtime/event.h"

#define ID "aaaaaaaa-0000-4000-8000-00000000000"
#define ROW(n, text)                                                           \
	"{\"id\":\"" ID #n "\",\"method\":\"message/send\","                   \
	"\"source_id\":null,\"created_at\":\"2026-05-01T00:00:0" #n "Z\","     \
	"\"request_body\":{\"params\":{\"message\":{\"parts\":["               \
	"{\"kind\":\"text\",\"text\":\"" text "\"}]}}}}"

/* Answers, one after the other; the last one stays. */
struct step {
	int status;
	const char *body;
};

struct work {
	struct world w;
	const struct step *steps;
	size_t step_count;
	struct inbox *inbox;
	struct agenda *agenda;
	struct workspace_deps deps;
	struct receiver receiver;
};

static void answer(struct world *w, int number, struct http_incoming *request)
{
	struct work *k = w->arg;
	size_t n = (size_t)number < k->step_count ? (size_t)number
						  : k->step_count - 1;

	world_json(request, k->steps[n].status, k->steps[n].body);
}

static void work_open_n(struct work *k, struct rt *rt, const struct step *steps,
			size_t count)
{
	*k = (struct work){ .steps = steps, .step_count = count };
	world_open(&k->w, rt, answer, k);
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
	receiver_init(&k->receiver, &k->deps,
		      &(struct receiver_options){
			      .inbox = k->inbox,
			      .agenda = k->agenda,
			      .started_ns = clock_now(rt, CLOCK_ID_BOOTTIME) });
}

#define work_open(k, rt, steps)                                                \
	work_open_n(k, rt, steps, sizeof(steps) / sizeof(*(steps)))

static void work_close(struct work *k)
{
	agenda_free(k->agenda);
	receiver_fini(&k->receiver);
	inbox_free(k->inbox);
	world_close(&k->w);
}

static bool poll_once(struct work *k)
{
	int64_t retry_ms;

	return receiver_poll(&k->receiver, &k->receiver.messages, &retry_ms);
}

/* The texts in the inbox, in order, between commas. */
static void expect_texts(struct work *k, const char *want)
{
	char got[512] = "";
	const struct activity_message *m = inbox_first(k->inbox);

	for (; m != NULL; m = inbox_next(m)) {
		strncat(got, m->text, 100);
		strcat(got, ",");
	}
	if (!CHECK(strcmp(got, want) == 0))
		fprintf(stderr, "%s\n", got);
}

static bool asked_for(struct work *k, uint64_t number, const char *query)
{
	return strstr(k->w.seen[number].line, query) != NULL;
}

static int first_and_next(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 200, "[" ROW(2, "two") "," ROW(1, "one") "]" },
		{ 200, "[" ROW(3, "three") "," ROW(4, "four") "]" },
		{ 200, "[]" },
	};
	struct work k;
	struct receiver second;
	int64_t retry_ms;

	(void)arg;
	work_open(&k, rt, steps);
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 0, "type=a2a_receive&since_secs=600"));
	expect_texts(&k, "one,two,"); /* newest came first */
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "2"));
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 1, "since_id=" ID "2"));
	CHECK(!asked_for(&k, 1, "since_secs"));
	expect_texts(&k, "one,two,three,four,");
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "4"));
	/* Nothing new: the cursor stays. */
	CHECK(!poll_once(&k));
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "4"));
	/* Another process begins where this one was. */
	receiver_fini(&k.receiver);
	receiver_init(&second, &k.deps,
		      &(struct receiver_options){ .inbox = k.inbox,
						  .agenda = k.agenda });
	CHECK(!receiver_poll(&second, &second.messages, &retry_ms));
	CHECK(asked_for(&k, 3, "since_id=" ID "4"));
	receiver_fini(&second);
	work_close(&k);
	return 0;
}

static int not_before_it_may(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { 200, "[" ROW(1, "one") "]" } };
	struct work k;
	struct scope scope;

	(void)arg;
	work_open(&k, rt, steps);
	scope_open(rt, &scope, DEADLINE_NEVER);
	receiver_start(&k.receiver, &scope);
	task_sleep(rt, deadline_in_ms(rt, 250));
	CHECK_EQ(k.w.count, 0);
	receiver_begin(&k.receiver);
	receiver_begin(&k.receiver);
	CHECK_EQ(inbox_wait(k.inbox, patience(rt)), 0);
	CHECK(world_until(&k.w, 3)); /* and it goes on */
	scope_close(&scope);
	expect_texts(&k, "one,"); /* the same row is not queued again */
	work_close(&k);
	return 0;
}

/* F-29: own notes, echoes and uploads are passed over; the cursor moves. */
static int f29_own_rows(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 200, "[{\"id\":\"" ID "1\",\"method\":\"notify\","
		       "\"source_id\":null,\"summary\":\"mine\"},"
		       "{\"id\":\"" ID "2\",\"method\":\"message/send\","
		       "\"source_id\":\"" WORLD_ID "\"},"
		       "{\"id\":\"" ID "3\",\"method\":\"chat_upload_receive\","
		       "\"request_body\":{\"uri\":\"p:own\",\"name\":\"f\"}},"
		       "{\"id\":\"" ID "4\",\"method\":\"chat_upload_receive\","
		       "\"summary\":\"theirs\","
		       "\"request_body\":{\"uri\":\"p:user\"}}]" },
		{ 200, "[" ROW(5, "five") ",{\"id\":\"" ID
					  "6\",\"method\":\"notify\",\"source_"
					  "id\":\"\"}]" },
	};
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	k.receiver.messages.cursor_read = true;
	k.receiver.messages.cursor = strdup(ID "0");
	k.w.client.uploads[0] = strdup("p:own");
	CHECK(!poll_once(&k));
	expect_texts(&k, "theirs,");
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "4"));
	CHECK(!poll_once(&k));
	expect_texts(&k, "theirs,five,");
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "6"));
	work_close(&k);
	return 0;
}

/* F-5: what was popped does not come back. */
static int f5_popped_stays_popped(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { 200, "[" ROW(1, "one") "]" } };
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	CHECK(!poll_once(&k));
	CHECK_EQ(inbox_pop(k.inbox, ID "1"), 1);
	CHECK(!poll_once(&k));
	expect_texts(&k, "");
	work_close(&k);
	return 0;
}

/* F-6: no row stops those behind it. */
static int f6_poison_rows(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 200,
		  "[1,null,[],\"x\",{},{\"id\":null},{\"id\":\"\"},"
		  "{\"id\":\"" ID "1\",\"summary\":\"s\",\"request_body\":"
		  "{\"params\":{\"message\":{\"parts\":[{\"kind\":\"text\","
		  "\"text\":null},{\"kind\":\"text\",\"text\":5},7]}}}},"
		  "{\"id\":\"" ID "2\",\"method\":[],\"source_id\":{},"
		  "\"created_at\":1,\"summary\":false,\"request_body\":\"{\"}"
		  "," ROW(3, "good") ",{\"id\":{}}]" },
	};
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	k.receiver.messages.cursor_read = true;
	k.receiver.messages.cursor = strdup(ID "0");
	CHECK(!poll_once(&k));
	expect_texts(&k, "s,(empty A2A message),good,");
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "3"));
	CHECK(!poll_once(&k));
	CHECK_EQ(inbox_count(k.inbox), 3);
	CHECK_EQ(world_logged(&k.w, "passed over"), 1); /* once, not 18 times */
	work_close(&k);
	return 0;
}

/* F-7: a cursor file that holds no row's id heals. */
static int f7_bad_cursor(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 500, "{\"error\":\"cursor lookup failed\"}" },
		{ 200, "[" ROW(1, "one") "]" },
	};
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_CURSOR, " gar/ba?ge \n",
				 12),
		 0);
	CHECK(poll_once(&k)); /* the next follows at once */
	CHECK(asked_for(&k, 0, "since_id=gar%2Fba%3Fge"));
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, NULL));
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 1, "since_secs=600"));
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "1"));
	work_close(&k);
	return 0;
}

/* With a proper cursor a 500 is the platform's trouble, not the cursor's. */
static int good_cursor_is_kept(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 500, "{\"error\":\"cursor lookup failed\"}" },
	};
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_CURSOR, ID "1",
				 sizeof(ID)),
		 0);
	CHECK(!poll_once(&k));
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 1, "since_id=" ID "1"));
	CHECK_EQ(world_logged(&k.w, "inbox poller: poll failed"), 1);
	work_close(&k);
	return 0;
}

static int gone_cursor(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 410, "{\"error\":\"gone\"}" },
		{ 200, "[" ROW(1, "one") "]" },
	};
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_CURSOR, ID "9",
				 sizeof(ID)),
		 0);
	CHECK(poll_once(&k));
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, NULL));
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 1, "since_secs=600"));
	expect_texts(&k, "one,");
	work_close(&k);
	return 0;
}

static int unreadable_cursor(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { 200, "[]" } };
	char longer[FEED_CURSOR_MAX + 10];
	struct work k;

	(void)arg;
	memset(longer, 'x', sizeof(longer));
	work_open(&k, rt, steps);
	CHECK_EQ(state_dir_write(&k.w.state, STATE_DIR_CURSOR, longer,
				 sizeof(longer)),
		 0);
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 0, "since_secs=600"));
	CHECK_EQ(world_logged(&k.w, "cannot read the cursor"), 1);
	work_close(&k);
	return 0;
}

/* Rows `from` up to `to`, as a page; the caller frees it. */
static char *page(int from, int to)
{
	size_t cap = 128 + (size_t)(to - from) * 96;
	char *text = malloc(cap);
	size_t len = (size_t)sprintf(text, "[");

	for (int i = from; i < to; i++)
		len += (size_t)snprintf(
			text + len, cap - len,
			"%s{\"id\":\"aaaaaaaa-0000-4000-8000-%012d\","
			"\"summary\":\"m\"}",
			i > from ? "," : "", i);
	snprintf(text + len, cap - len, "]");
	return text;
}

/* F-47, F-8: a full page is followed by the next one at once. */
static int f47_full_page(struct rt *rt, void *arg)
{
	char *full = page(0, 100);
	char *rest = page(100, 110);
	struct step steps[] = { { 200, full }, { 200, rest } };
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	k.receiver.messages.cursor_read = true;
	k.receiver.messages.cursor = strdup(ID "0");
	CHECK(poll_once(&k));
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 1,
			"since_id=aaaaaaaa-0000-4000-8000-000000000099"));
	CHECK_EQ(inbox_count(k.inbox), 110);
	work_close(&k);

	/* A full page of nothing new is not asked for again and again. */
	steps[1] = steps[0] = (struct step){ 200, full };
	memset(full, ' ', strlen(full));
	full[0] = '[';
	for (int i = 0; i < 99; i++)
		memcpy(full + 1 + i * 3, "{},", 3);
	memcpy(full + 1 + 99L * 3, "{}]", 3);
	work_open(&k, rt, steps);
	k.receiver.messages.cursor_read = true;
	k.receiver.messages.cursor = strdup(ID "0");
	CHECK(!poll_once(&k));
	work_close(&k);
	free(full);
	free(rest);
	return 0;
}

/* F-4: a full inbox makes the receiver pause; nothing is dropped. */
static int f4_back_pressure(struct rt *rt, void *arg)
{
	char *rows = page(0, 210), *rest = page(200, 210);
	struct step steps[] = { { 200, rows }, { 200, rest } };
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	k.receiver.messages.cursor_read = true;
	k.receiver.messages.cursor = strdup(ID "0");
	CHECK(poll_once(&k)); /* there are more, if there is room */
	CHECK_EQ(inbox_count(k.inbox), INBOX_CAPACITY);
	/* What is in has been noted, so that it does not come again. */
	CHECK(world_file(&k.w, STATE_DIR_CURSOR,
			 "aaaaaaaa-0000-4000-8000-000000000199"));
	CHECK(!poll_once(&k));
	CHECK_EQ(k.w.count, 1); /* it was not even asked */
	for (int i = 0; i < 10; i++) {
		char id[64];

		snprintf(id, sizeof(id), "aaaaaaaa-0000-4000-8000-%012d", i);
		CHECK_EQ(inbox_pop(k.inbox, id), 1);
	}
	CHECK(poll_once(&k)); /* as many as there was room for: maybe more */
	CHECK(asked_for(&k, 1, "limit=10"));
	CHECK_EQ(inbox_count(k.inbox), INBOX_CAPACITY);
	CHECK(world_file(&k.w, STATE_DIR_CURSOR,
			 "aaaaaaaa-0000-4000-8000-000000000209"));
	work_close(&k);
	free(rest);
	free(rows);
	return 0;
}

/* A page too large to be read is asked for in pieces. */
static int too_large(struct rt *rt, void *arg)
{
	size_t len = 3 * 300000;
	char *huge = malloc(len + 3);
	struct step steps[] = {
		{ 200, huge },
		{ 200, huge },
		{ 200, "[" ROW(1, "1") "," ROW(2, "2") "," ROW(3, "3") "," ROW(
			       4, "4") "," ROW(5, "5") "]" },
		{ 200, "[]" },
		{ 200, "[]" },
	};
	struct work k;

	(void)arg;
	huge[0] = '[';
	for (size_t i = 0; i < len; i += 3)
		memcpy(huge + 1 + i, "[],", 3);
	memcpy(huge + len, "]", 2);
	work_open(&k, rt, steps);
	k.receiver.messages.cursor_read = true;
	k.receiver.messages.cursor = strdup(ID "0");
	CHECK(poll_once(&k));
	CHECK(!asked_for(&k, 0, "limit"));
	CHECK(poll_once(&k));
	CHECK(asked_for(&k, 1, "&limit=25"));
	CHECK(poll_once(&k)); /* a full page of five */
	CHECK(asked_for(&k, 2, "&limit=5"));
	expect_texts(&k, "1,2,3,4,5,");
	CHECK(!poll_once(&k));
	CHECK(asked_for(&k, 3, "&limit=5"));
	CHECK(!poll_once(&k));
	CHECK(!asked_for(&k, 4, "limit"));
	work_close(&k);
	free(huge);
	return 0;
}

/* A row that is too much for a tree stops none of the others, nor is it lost
 * itself. */
static int too_deep(struct rt *rt, void *arg)
{
	char deep[4096] = "";
	char *many = malloc(2 * 300000 + 2);
	char *body;
	struct step steps[] = { { 200, NULL }, { 200, "[]" } };
	struct work k;

	(void)arg;
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	for (int i = 0; i < 300000; i++)
		memcpy(many + 2L * i, "7,", 2);
	memcpy(many + 2L * 300000, "7", 2);
	CHECK(asprintf(
		      &body,
		      " [" ROW(4,
			       "four") ",{\"id\":\"" ID
				       "3\",\"summary\":\"many\",\"request_"
				       "body\":[%s]},"
				       "{\"id\":\"" ID
				       "2\",\"source_id\":\"" WORLD_ID
				       "\",\"x\":%s},[%s],{\"request_body\":%s,"
				       "\"summary\":\"deep "
				       "\\u00e9\",\"id\":\"" ID
				       "1\"}," ROW(0, "zero") "]\n",
		      many, deep, deep, deep) > 0);
	steps[0].body = body;
	work_open(&k, rt, steps);
	CHECK(!poll_once(&k));
	expect_texts(&k, "zero,deep \xc3\xa9,many,four,");
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, ID "4"));
	work_close(&k);
	free(body);
	free(many);
	return 0;
}

/* F-18: a refused token is counted and told as by the heartbeat. */
static int f18_escalation(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { 401, "{}" } };
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	for (int i = 0; i < 22; i++)
		CHECK(!poll_once(&k));
	CHECK_EQ(world_logged(&k.w, "inbox poller: poll was refused with 401"),
		 2);
	CHECK_EQ(world_logged(&k.w, "has been revoked"), 1);
	work_close(&k);
	return 0;
}

static int unfriendly_answers(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ 200, "<html>" },
		{ 200, "{\"a\":1}" },
		{ 200, "" },
		{ 204, "" },
		{ 302, "" },
		{ 503, "busy" },
		{ 200, "[" ROW(1, "one") "]" },
	};
	struct work k;

	(void)arg;
	work_open(&k, rt, steps);
	for (int i = 0; i < 6; i++)
		CHECK(!poll_once(&k));
	CHECK(world_logged(&k.w, "poll failed") >= 3);
	CHECK(world_logged(&k.w, "not a list of activities") >= 1);
	CHECK(!poll_once(&k));
	CHECK_EQ(world_logged(&k.w, "poll works again after 6 failures"), 1);
	expect_texts(&k, "one,");
	work_close(&k);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(first_and_next)
TEST(not_before_it_may)
TEST(f29_own_rows)
TEST(f5_popped_stays_popped)
TEST(f6_poison_rows)
TEST(f7_bad_cursor)
TEST(good_cursor_is_kept)
TEST(gone_cursor)
TEST(unreadable_cursor)
TEST(f47_full_page)
TEST(f4_back_pressure)
TEST(too_large)
TEST(too_deep)
TEST(f18_escalation)
TEST(unfriendly_answers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_and_next),
		cmocka_unit_test(test_not_before_it_may),
		cmocka_unit_test(test_f29_own_rows),
		cmocka_unit_test(test_f5_popped_stays_popped),
		cmocka_unit_test(test_f6_poison_rows),
		cmocka_unit_test(test_f7_bad_cursor),
		cmocka_unit_test(test_good_cursor_is_kept),
		cmocka_unit_test(test_gone_cursor),
		cmocka_unit_test(test_unreadable_cursor),
		cmocka_unit_test(test_f47_full_page),
		cmocka_unit_test(test_f4_back_pressure),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_f18_escalation),
		cmocka_unit_test(test_unfriendly_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
