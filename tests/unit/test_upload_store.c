// SPDX-License-Identifier: MIT
/* Where files from the platform are kept, and what is found there: links, other
 * writers, a full disk, what an earlier process left. */
#include "tests/unit/uploads_fixture.h"

#include <time.h>

/* Somebody else may have put links there: none is followed. */
static int links_are_not_followed(struct rt *rt, void *arg)
{
	const char *file = attachment("f-1", "a", 5);
	char hidden[128], path[256], trap[128];
	struct bed b;
	json_t *item;

	(void)arg;
	bed_open(&b, rt, true);
	snprintf(trap, sizeof(trap), "%s/trap", b.root);
	CHECK_EQ(mkdir(trap, 0700), 0);
	snprintf(hidden, sizeof(hidden), "%s/.molecule", b.root);
	CHECK_EQ(mkdir(hidden, 0700), 0);
	snprintf(path, sizeof(path), "%s/chat-uploads", hidden);
	CHECK_EQ(symlink(trap, path), 0);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "ready"));
	item = shown(&b, file);
	CHECK(strncmp(json_get_text_or(item, "path", ""), b.w.dir,
		      strlen(b.w.dir)) == 0);
	json_decref(item);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(trap), 0); /* nothing came into it */
	snprintf(path, sizeof(path), "%s/chat-uploads", b.w.dir);
	empty_dir(path);
	bed_close(&b);
	return 0;
}

/* A disk that takes nothing: said once, and tried again. */
static int no_place_on_the_disk(struct rt *rt, void *arg)
{
	char one[512];
	const char *two;
	struct bed b;
	json_t *item;

	(void)arg;
	bed_open(&b, rt, false);
	b.w.state.configs_dir = "/dev/null/nothing";
	strcpy(one, attachment("f-1", "a", 5));
	two = attachment("f-2", "a", 5);
	put(&b, "a", one);
	put(&b, "b", two);
	take(&b, one, ACTIVITY_METHOD_UPLOAD);
	take(&b, two, ACTIVITY_METHOD_UPLOAD);
	for (int i = 0; i < 1000; i++) {
		item = shown(&b, two);
		if (json_get_text(item, "problem"))
			i = 1000;
		json_decref(item);
		task_sleep(rt, deadline_in_ms(rt, 1));
	}
	item = shown(&b, two);
	expect_text(item, "state", "pending");
	CHECK(strstr(json_get_text_or(item, "problem", ""), "cannot be kept") !=
	      NULL);
	json_decref(item);
	CHECK_EQ(world_logged(&b.w, "inbox_uploads: cannot keep"), 1);
	CHECK_EQ(b.contents, 0);
	/* There is room again. */
	free(b.w.state.path);
	b.w.state.path = strdup(b.w.dir);
	CHECK(until_state(&b, one, "ready"));
	CHECK(until_state(&b, two, "ready"));
	bed_close(&b);
	return 0;
}

/* What was kept before a restart is found; what was not acknowledged is. */
static int after_a_restart(struct rt *rt, void *arg)
{
	const char *file = attachment("f", "a", 5);
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	b.ack_fails = true;
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until(rt, &b.acks, 1));
	uploads_free(b.uploads);
	open_uploads(&b);
	/* A message that only mentions it. */
	CHECK(is_state(&b, file, "ready"));
	CHECK_EQ(b.w.count, 2);
	uploads_free(b.uploads);
	open_uploads(&b);
	/* The one that brings it. */
	b.ack_fails = false;
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(is_state(&b, file, "ready"));
	CHECK(until(rt, &b.acks, 2));
	CHECK_EQ(b.contents, 1);
	/* Somebody removes it. */
	CHECK_EQ(unlink(kept(&b, kept_name("f", "a"))), 0);
	task_sleep(rt, deadline_in_ms(rt, 10));
	CHECK(is_state(&b, file, "gone"));
	bed_close(&b);
	return 0;
}

static int make(const char *path, time_t age_s)
{
	struct timespec times[2];
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_s;
	times[1] = times[0];
	CHECK_EQ(futimens(fd, times), 0);
	return close(fd);
}

static int temporary_files(struct rt *rt, void *arg)
{
	const char *file = attachment("f", "a", 5);
	char path[600];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, false);
	CHECK_EQ(mkdir(kept(&b, ""), 0700), 0);
	/* What a killed process left, long ago and just now. */
	snprintf(path, sizeof(path), "%s.tmp", kept(&b, kept_name("f", "a")));
	make(path, 5);
	snprintf(path, sizeof(path), "%s.tmp2", kept(&b, kept_name("f", "a")));
	make(path, UPLOAD_STORE_STALE_S + 100);
	snprintf(path, sizeof(path), "%s.tmp3", kept(&b, kept_name("f", "a")));
	make(path, 5);
	take(&b, file, ACTIVITY_METHOD_UPLOAD);
	CHECK(until_state(&b, file, "ready"));
	CHECK(until(rt, &b.acks, 1));
	expect_file(kept(&b, kept_name("f", "a")), 5);
	CHECK_EQ(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s.tmp", kept(&b, kept_name("f", "a")));
	CHECK_EQ(access(path, F_OK), -1);
	bed_close(&b);
	return 0;
}

/* Two processes write one file: the first to end wins, the other sees it. */
static int two_writers(struct rt *rt, void *arg)
{
	struct upload_file one, two, three, four;
	struct upload_store store;
	struct bed b;
	char *path;

	(void)arg;
	bed_open(&b, rt, false);
	store = (struct upload_store){ .rt = rt,
				       .state = &b.w.state,
				       .root = "/nowhere" };
	CHECK_EQ(upload_store_begin(&store, "n", &one), 0);
	CHECK_EQ(upload_store_begin(&store, "n", &two), 0);
	CHECK_EQ(upload_store_begin(&store, "n", &three), 0);
	CHECK_EQ(upload_store_begin(&store, "n", &four), -EBUSY);
	CHECK_EQ(write(two.fd, "whole", 5), 5);
	CHECK_EQ(write(one.fd, "half", 4), 4);
	CHECK(upload_store_find(&store, "n") == NULL);
	CHECK_EQ(upload_store_commit(&two), 0);
	path = upload_store_find(&store, "n");
	expect_file(path, 5);
	free(path);
	/* The name of the first means another file by now. */
	CHECK_EQ(upload_store_begin(&store, "n", &four), 0);
	CHECK(strcmp(four.temp, one.temp) == 0);
	CHECK_EQ(upload_store_commit(&one), -ESTALE);
	upload_store_abort(&three);
	CHECK_EQ(write(four.fd, "again", 5), 5);
	CHECK_EQ(upload_store_commit(&four), 0);
	CHECK_EQ(unlink(kept(&b, "n")), 0);
	CHECK_EQ(rmdir(kept(&b, "")), 0);
	bed_close(&b);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(links_are_not_followed)
TEST(no_place_on_the_disk)
TEST(after_a_restart)
TEST(temporary_files)
TEST(two_writers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_are_not_followed),
		cmocka_unit_test(test_no_place_on_the_disk),
		cmocka_unit_test(test_after_a_restart),
		cmocka_unit_test(test_temporary_files),
		cmocka_unit_test(test_two_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
