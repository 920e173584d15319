// SPDX-License-Identifier: MIT
/*
 * Files that users send: fetched, kept, acknowledged, shown; and what becomes
 * of them when the platform, the disk or the process fails.
 */
#include "tests/unit/uploads_fixture.h"

static int f31_kept_under_the_configs_directory(struct rt *rt, void *arg)
{
	const char *file = attachment("f-1", "my notes.txt", 5);
	char uri[600];
	struct stat st;
	struct bed b;
	json_t *item;

	(void)arg;
	bed_open(&b, rt, false);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "ready"));
	CHECK(until(rt, &b.acks, 1));
	item = shown(&b, file);
	expect_text(item, "kind", "file");
	expect_text(item, "name", "my notes.txt");
	expect_text(item, "path", kept(&b, kept_name("f-1", "my notes.txt")));
	snprintf(uri, sizeof(uri), "file://%s",
		 kept(&b, kept_name("f-1", "my_notes.txt")));
	expect_text(item, "uri", uri);
	expect_file(json_get_text_or(item, "path", ""), 5);
	CHECK_EQ(stat(kept(&b, ""), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0700);
	json_decref(item);
	/* Content, then acknowledgement; each once. */
	CHECK(strcmp(b.w.seen[0].line, CONTENT "f-1/content") == 0);
	CHECK(strcmp(b.w.seen[1].line, ACK "f-1/ack") == 0);
	CHECK_EQ(b.w.count, 2);
	/* The later message that refers to it. */
	take(&b, file, "message/send");
	CHECK(is_state(&b, file, "ready"));
	CHECK_EQ(b.w.count, 2);
	bed_close(&b);
	return 0;
}

static int kept_in_the_workspace(struct rt *rt, void *arg)
{
	const char *file = attachment("f-1", "a.png", 5);
	char uri[600];
	struct stat st;
	struct bed b;
	json_t *item;

	(void)arg;
	bed_open(&b, rt, true);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "ready"));
	item = shown(&b, file);
	expect_text(item, "path", kept(&b, kept_name("f-1", "a.png")));
	snprintf(uri, sizeof(uri), "workspace:%s",
		 kept(&b, kept_name("f-1", "a.png")));
	expect_text(item, "uri", uri);
	expect_file(json_get_text_or(item, "path", ""), 5);
	CHECK_EQ(stat(kept(&b, ""), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0700);
	json_decref(item);
	bed_close(&b);
	return 0;
}

static int f32_others_go_on_meanwhile(struct rt *rt, void *arg)
{
	char files[8][512];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	event_clear(&b.open);
	for (int i = 0; i < 8; i++) {
		char id[16];

		snprintf(id, sizeof(id), "f-%d", i);
		strcpy(files[i], attachment(id, "a", 5));
		take(&b, files[i], ACTIVITY_METHOD_UPLOAD);
	}
	/* Nothing waits for them, and they come four at a time. */
	CHECK(is_state(&b, files[0], "pending"));
	CHECK(until(rt, &b.contents, UPLOADS_AT_ONCE));
	for (int i = 0; i < 50; i++)
		task_yield(rt);
	CHECK_EQ(b.contents, UPLOADS_AT_ONCE);
	CHECK(is_state(&b, files[7], "pending"));
	event_set(&b.open);
	for (int i = 0; i < 8; i++)
		CHECK(until_state(&b, files[i], "ready"));
	CHECK_EQ(b.most, UPLOADS_AT_ONCE);
	CHECK(until(rt, &b.acks, 8));
	bed_close(&b);
	return 0;
}

static int f32_failures_are_tried_again(struct rt *rt, void *arg)
{
	const char *file;
	char bad[512];
	struct bed b;
	json_t *item;

	(void)arg;
	bed_open(&b, rt, false);
	strcpy(bad, attachment("bad", "a", 5));
	put(&b, "a", bad);
	b.failing = 1;
	take(&b, bad, ACTIVITY_METHOD_UPLOAD);
	CHECK(until(rt, &b.contents, 1));
	while (b.failing)
		task_yield(rt);
	/* One that is fine does not wait for it. */
	file = attachment("good", "a", 5);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "ready"));
	CHECK(is_state(&b, bad, "pending"));
	item = shown(&b, bad);
	CHECK(strstr(json_get_text_or(item, "problem", ""), "503") != NULL);
	expect_text(item, "uri", "platform-pending:" WORLD_ID "/bad");
	json_decref(item);
	CHECK(until_state(&b, bad, "ready"));
	CHECK_EQ(b.contents, 3);
	CHECK(until(rt, &b.acks, 2));
	CHECK_EQ(world_logged(&b.w, "inbox_uploads: cannot fetch"), 1);
	bed_close(&b);
	return 0;
}

/* An acknowledgement that fails is repeated; the file is there meanwhile. */
static int f32_the_acknowledgement_too(struct rt *rt, void *arg)
{
	const char *file = attachment("f", "a", 5);
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	put(&b, "a", file);
	b.ack_fails = true;
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "ready"));
	CHECK(until(rt, &b.acks, 1));
	b.ack_fails = false;
	CHECK(until(rt, &b.acks, 2));
	CHECK(is_state(&b, file, "ready"));
	CHECK_EQ(b.contents, 1);
	bed_close(&b);
	return 0;
}

static int pauses_grow(struct rt *rt, void *arg)
{
	struct upload_means means = { .rt = rt };
	struct upload upload = { .means = &means };
	int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);
	int64_t last = 0;

	(void)arg;
	for (int i = 0; i < 40; i++) {
		int64_t pause;

		upload_put_off(&upload, -1);
		pause = (upload.due_ns - now) / CLOCK_NS_PER_MS;
		CHECK(i > 0 ? pause >= last : pause >= UPLOADS_PAUSE_MS);
		CHECK(i != 1 || pause >= 2 * (int64_t)UPLOADS_PAUSE_MS);
		CHECK(pause <= UPLOADS_PAUSE_MAX_MS + 60000);
		last = pause;
	}
	CHECK(last >= UPLOADS_PAUSE_MAX_MS);
	upload.failures = 0;
	upload_put_off(&upload, 70000);
	CHECK((upload.due_ns - now) / CLOCK_NS_PER_MS >= 70000);
	return 0;
}

static int f32_tried_as_long_as_it_is_named(struct rt *rt, void *arg)
{
	const char *file = attachment("f", "a", 5);
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	b.failing = 1;
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until(rt, &b.contents, 1));
	/* Nothing in the inbox names it: it rests, until it is shown. */
	task_sleep(rt, deadline_in_ms(rt, 2 * UPLOADS_PAUSE_MS));
	CHECK_EQ(b.contents, 1);
	CHECK(is_state(&b, file, "pending"));
	CHECK(until_state(&b, file, "ready"));
	CHECK_EQ(b.contents, 2);
	bed_close(&b);
	return 0;
}

static int what_is_gone(struct rt *rt, void *arg)
{
	const int statuses[] = { 404, 410 };

	(void)arg;
	for (size_t i = 0; i < 2; i++) {
		const char *file = attachment("f", "a", 5);
		struct bed b;

		bed_open(&b, rt, false);
		put(&b, "a", file);
		b.status = statuses[i];
		take(&b, file, ACTIVITY_METHOD_UPLOAD);
		CHECK(until_state(&b, file, "gone"));
		take(&b, file, "message/send");
		CHECK(is_state(&b, file, "gone"));
		CHECK_EQ(b.w.count, 1);
		CHECK_EQ(b.acks, 0);
		bed_close(&b);
	}
	return 0;
}

static int what_is_refused(struct rt *rt, void *arg)
{
	const char *file;
	struct deadline limit;
	struct bed b;
	json_t *item;

	(void)arg;
	bed_open(&b, rt, false);
	/* Announced as too large: nothing is asked. */
	file = attachment("f-1", "a", PLATFORM_UPLOAD_FILE_MAX + 1LL);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(is_state(&b, file, "refused"));
	CHECK_EQ(b.w.count, 0);
	/* It turns out to be too large. */
	b.size = PLATFORM_UPLOAD_FILE_MAX + 1;
	file = attachment("f-2", "a", 5);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "refused"));
	item = shown(&b, file);
	CHECK(strstr(json_get_text_or(item, "problem", ""), "25 MiB") != NULL);
	json_decref(item);
	b.status = 400;
	file = attachment("f-3", "a", 5);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "refused"));
	CHECK_EQ(b.contents, 2);
	CHECK_EQ(b.acks, 0);
	/* Nothing is left of them, soon. */
	limit = patience(rt);
	while (rmdir(kept(&b, "")) < 0 && deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK(access(kept(&b, ""), F_OK) < 0);
	bed_close(&b);
	return 0;
}

static int what_is_not_ours(struct rt *rt, void *arg)
{
	static const char *const lists[] = {
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:other/f\"}]",
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:"
		"11111111-1111-4111-8111-111111111112/f\"}]",
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:" WORLD_ID
		"\"}]",
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:" WORLD_ID
		"/\"}]",
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:" WORLD_ID
		"/a/b\"}]",
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:" WORLD_ID
		"/..\"}]",
		"[{\"kind\":\"file\",\"uri\":\"platform-pending:" WORLD_ID
		"/a?b\"}]",
		"[{\"kind\":\"file\",\"uri\":\"https://x/f\"}]",
		"[{\"kind\":\"file\",\"name\":\"n\"}]",
		"[7,null]",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		json_t *list, *as_it_came;

		take(&b, lists[i], ACTIVITY_METHOD_UPLOAD);
		list = uploads_resolve(b.uploads, lists[i], WORLD_ID);
		as_it_came = json_loads(lists[i], 0, NULL);
		CHECK(json_equal(list, as_it_came));
		json_decref(list);
		json_decref(as_it_came);
	}
	CHECK(uploads_resolve(b.uploads, "", WORLD_ID) == NULL);
	CHECK(uploads_resolve(b.uploads, "[]", WORLD_ID) == NULL);
	CHECK(uploads_resolve(b.uploads, "rubbish", WORLD_ID) == NULL);
	/* A workspace that this process does not serve. */
	take(&b, attachment("f", "a", 5), "x");
	task_sleep(rt, deadline_in_ms(rt, 20));
	CHECK_EQ(b.contents, 1);
	uploads_take(
		b.uploads, "other",
		&(struct activity_message){
			.method = "", .attachments = attachment("g", "a", 5) });
	task_sleep(rt, deadline_in_ms(rt, 20));
	CHECK_EQ(b.contents, 1);
	/* Without uploads everything stays as it is. */
	uploads_take(
		NULL, WORLD_ID,
		&(struct activity_message){ .method = "", .attachments = "" });
	bed_close(&b);
	return 0;
}

/* The memory of old ones is bounded; those under way are not forgotten. */
static int many(struct rt *rt, void *arg)
{
	const char *file;
	char first[512];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	b.status = 404;
	strcpy(first, attachment("f-0", "a", 5));
	for (unsigned int i = 0; i < UPLOADS_KNOWN_MAX + 10; i++) {
		char id[16];

		snprintf(id, sizeof(id), "f-%u", i);
		file = attachment(id, "a", 5);
		take(&b, file, "x");
		CHECK(until_state(&b, file, "gone"));
	}
	CHECK_EQ(b.contents, UPLOADS_KNOWN_MAX + 10);
	/* The first is forgotten, so it is asked for anew. */
	CHECK(until_state(&b, first, "gone"));
	CHECK_EQ(b.contents, UPLOADS_KNOWN_MAX + 11);
	bed_close(&b);
	return 0;
}

static int more_than_can_be_known(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	event_clear(&b.open);
	for (unsigned int i = 0; i < UPLOADS_KNOWN_MAX + 10; i++) {
		char id[16];

		snprintf(id, sizeof(id), "f-%u", i);
		take(&b, attachment(id, "a", 5), "x");
	}
	CHECK(until(rt, &b.contents, UPLOADS_AT_ONCE));
	/* No room for this one yet; it is as it came. */
	CHECK(is_state(&b, attachment("f-1033", "a", 5), ""));
	/* An end in the middle of it all. */
	uploads_free(b.uploads);
	b.uploads = NULL;
	event_set(&b.open);
	bed_close(&b);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(f31_kept_under_the_configs_directory)
TEST(kept_in_the_workspace)
TEST(f32_others_go_on_meanwhile)
TEST(f32_failures_are_tried_again)
TEST(f32_the_acknowledgement_too)
TEST(f32_tried_as_long_as_it_is_named)
TEST(pauses_grow)
TEST(what_is_gone)
TEST(what_is_refused)
TEST(what_is_not_ours)
TEST(many)
TEST(more_than_can_be_known)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f31_kept_under_the_configs_directory),
		cmocka_unit_test(test_kept_in_the_workspace),
		cmocka_unit_test(test_f32_others_go_on_meanwhile),
		cmocka_unit_test(test_f32_failures_are_tried_again),
		cmocka_unit_test(test_f32_the_acknowledgement_too),
		cmocka_unit_test(test_f32_tried_as_long_as_it_is_named),
		cmocka_unit_test(test_pauses_grow),
		cmocka_unit_test(test_what_is_gone),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_what_is_not_ours),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_more_than_can_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
