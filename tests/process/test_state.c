// SPDX-License-Identifier: MIT
/*
 * The files of the configs directory when things go badly: the program is
 * killed while it writes, two of them share the directory, files are not what
 * they should be.
 */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANNEL "notifications/claude/channel"
#define CURSOR ".mcp_inbox_cursor"

static void make_old(const char *dir)
{
	static const struct timespec past[2] = { { 1000000000, 0 },
						 { 1000000000, 0 } };
	DIR *d = opendir(dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strstr(e->d_name, "tmp"))
			utimensat(dirfd(d), e->d_name, past, 0);
	closedir(d);
}

/* A flow of rows, and kill -9 at any moment: the cursor is whole or absent,
 * and what was left half-written is gone after the next run. */
static void a_killed_one_leaves_whole_files(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	int n = 0;

	for (int i = 0; i < 15; i++) {
		const char *cursor;
		int64_t end;

		mcp = rig_start(rig);
		mcp_hello(mcp);
		end = now_ms() + 40 + 13 * i;
		while (now_ms() < end) {
			if (n < 150)
				fake_message(rig->fake, ++n, NULL, "m");
			pause_ms(4);
		}
		child_signal(mcp, SIGKILL);
		assert_int_equal(child_wait(mcp, BOUND_MS), 128 + SIGKILL);
		cursor = rig_state(rig, CURSOR);
		assert_true(!cursor || strlen(cursor) == 36);
	}
	make_old(rig->configs);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "GET", ACTIVITY,
		    fake_count(rig->fake, "GET", ACTIVITY) + 1);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
}

/* Several sessions of one user have one configs directory, each with its own
 * workspace. */
static void two_of_them_share_a_directory(void **state)
{
	struct rig *rig = *state;
	struct child *one, *two;
	char id[40];

	one = rig_start(rig);
	rig_env(rig, "WORKSPACE_ID", PEER_ID);
	two = rig_start(rig);
	mcp_hello(one);
	mcp_hello(two);
	/* Who begins later begins with the other's cursor. */
	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	fake_expect(rig->fake, "GET", "/workspaces/" PEER_ID "/activity", 0);
	for (int i = 1; i <= 40; i++) {
		fake_message(rig->fake, i, NULL, "m");
		pause_ms(10);
	}
	child_notification(one, CHANNEL, 39);
	child_notification(two, CHANNEL, 39);
	rig_expect_state(rig, CURSOR, row_id(40, id));
	for (int i = 0; i < 2; i++) {
		struct child *c = i ? two : one;

		child_close_stdin(c);
		assert_int_equal(child_wait(c, BOUND_MS), 0);
		assert_string_equal(child_stderr(c), "");
	}
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
	assert_string_equal(rig_state(rig, CURSOR), row_id(40, id));
}

/* The names of state files may be taken by something else. */
static void names_that_are_taken_are_no_end(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	mkdir(rig->configs, 0700);
	mkdir(rig_text(rig, "%s/" CURSOR, rig->configs), 0700);
	mkdir(rig_text(rig, "%s/.platform_inbound_secret", rig->configs), 0700);
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .body = "{'status':'ok','platform_inbound_"
					     "secret':'s'}" });
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_message(rig->fake, 1, NULL, "hello");
	child_notification(mcp, CHANNEL, 0);
	fake_expect(rig->fake, "GET", ACTIVITY, 5);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_in_range(lines_with(child_stderr(mcp), "[molecule-mcp]"), 1, 5);
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
}

/* A link in the place of the cursor is replaced, not followed. */
static void a_link_is_not_followed(void **state)
{
	struct rig *rig = *state;
	const char *victim = rig_text(rig, "%s/victim", rig->dir);
	struct child *mcp;
	char *text;
	char id[40];

	mkdir(rig->configs, 0700);
	file_write(victim, "precious", 0600);
	assert_int_equal(
		symlink(victim, rig_text(rig, "%s/" CURSOR, rig->configs)), 0);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_message(rig->fake, 1, NULL, "hello");
	rig_expect_state(rig, CURSOR, row_id(1, id));
	text = file_read(victim);
	assert_string_equal(text, "precious");
	free(text);
}

/* A token file that goes bad sends nothing bad, and heals. */
static void a_token_file_that_goes_bad(void **state)
{
	static const char *const bad[] = { "", "two words", "a\r\nX-Evil: 1",
					   "\xff\xfe", "nul\x01" };
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/token", rig->dir);
	struct child *mcp;
	char buf[256];
	int n;

	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN_FILE", file);
	file_write(file, "good-one", 0600);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "POST", HEARTBEAT, 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		file_write(file, bad[i], 0600);
		mcp_call(mcp, 10 + (json_int_t)i, "list_peers", NULL);
		mcp_failed(mcp, 10 + (json_int_t)i);
	}
	unlink(file);
	mcp_call(mcp, 20, "list_peers", NULL);
	mcp_failed(mcp, 20);
	file_write(file, "good-two", 0600);
	n = fake_count(rig->fake, "POST", HEARTBEAT);
	fake_expect(rig->fake, "POST", HEARTBEAT, n + 2);
	mcp_call(mcp, 21, "list_peers", NULL);
	mcp_ok(mcp, 21);
	for (int i = 0; i < n + 2; i++) {
		const struct request *r =
			fake_seen(rig->fake, "POST", HEARTBEAT, i);

		assert_null(request_header(r, "X-Evil", buf, sizeof buf));
		assert_non_null(
			request_header(r, "Authorization", buf, sizeof buf));
		assert_int_equal(strncmp(buf, "Bearer good-", 12), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_one_leaves_whole_files),
		TEST(two_of_them_share_a_directory),
		TEST(names_that_are_taken_are_no_end),
		TEST(a_link_is_not_followed),
		TEST(a_token_file_that_goes_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
