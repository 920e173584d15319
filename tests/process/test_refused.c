// SPDX-License-Identifier: MIT
/*
 * A system that refuses what the programs would like: io_uring, descriptors,
 * memory. They get along without a word, or say so in one clear line, and end.
 *
 * To put a program into such a system this one starts itself with what is to
 * be refused as its first argument, refuses it, and becomes the program.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/refuse.h"

/* Refuses and becomes exe. */
static int become(const char *refused, char *const *argv)
{
	if (refuse(refused)) {
		perror(refused);
		return 77;
	}
	execv(argv[0], argv);
	perror(argv[0]);
	return 78;
}

static struct child *start_without(struct rig *rig, const char *refused,
				   const char *exe, bool people)
{
	const char *args[] = { refused, exe, people ? "--listen" : NULL,
			       "127.0.0.1:0", NULL };

	return rig_spawn(rig, (struct child_how){ .exe = "/proc/self/exe",
						  .args = args,
						  .text_stdout = people });
}

static const char *const io_uring_ways[] = { "setup-EPERM", "setup-ENOSYS",
					     "setup-EOPNOTSUPP",
					     "enter-EPERM" };
#define WAYS (sizeof(io_uring_ways) / sizeof(*io_uring_ways))

/* As in a container: nothing is different, and nothing is said. */
static void without_io_uring_it_serves(void **state)
{
	struct rig *rig = *state;

	rig_env(rig, "MOLECULE_IO_BACKEND", NULL);
	for (size_t i = 0; i < WAYS; i++) {
		struct child *c = start_without(rig, io_uring_ways[i],
						harness_program("MOLECULE_MCP"),
						false);

		mcp_hello(c);
		fake_expect(rig->fake, "POST", REGISTER, (int)i);
		child_close_stdin(c);
		assert_int_equal(child_wait(c, BOUND_MS), 0);
		assert_string_equal(child_stderr(c), "");
	}
}

/* At the level of information it is said, once. */
static void epoll_is_named_to_who_wants_to_know(void **state)
{
	struct rig *rig = *state;

	rig_env(rig, "MOLECULE_IO_BACKEND", NULL);
	rig_env(rig, "MOLECULE_MCP_VERBOSE", "1");
	for (size_t i = 0; i < WAYS; i++) {
		struct child *c = start_without(rig, io_uring_ways[i],
						harness_program("MOLECULE_MCP"),
						false);

		mcp_hello(c);
		child_close_stdin(c);
		assert_int_equal(child_wait(c, BOUND_MS), 0);
		assert_int_equal(lines_with(child_stderr(c), "io_uring"), 1);
		assert_int_equal(lines_with(child_stderr(c),
					    "epoll does the I/O, because "),
				 1);
	}
}

static void without_io_uring_the_platform_serves(void **state)
{
	struct rig *rig = *state;

	rig_env(rig, "MOLECULE_IO_BACKEND", NULL);
	for (size_t i = 0; i < WAYS; i++) {
		struct child *c = start_without(
			rig, io_uring_ways[i],
			harness_program("MOLECULE_PLATFORM"), true);

		for (int ms = 0; ms < BOUND_MS; ms += 10) {
			if (strstr(child_stdout(c), "http://127.0.0.1:"))
				break;
			usleep(10000);
		}
		assert_non_null(strstr(child_stdout(c), "http://127.0.0.1:"));
		child_signal(c, SIGTERM);
		assert_int_equal(child_wait(c, BOUND_MS), 0);
	}
}

/* Asked for by name it is not replaced. */
static void io_uring_alone_says_that_it_is_refused(void **state)
{
	struct rig *rig = *state;

	rig_env(rig, "MOLECULE_IO_BACKEND", "uring");
	for (size_t i = 0; i < WAYS; i++) {
		struct child *c = start_without(rig, io_uring_ways[i],
						harness_program("MOLECULE_MCP"),
						false);

		if (child_wait(c, BOUND_MS) != 1)
			child_fail(c, "it should exit with 1");
		assert_int_equal(lines_with(child_stderr(c), ""), 1);
		assert_non_null(strstr(child_stderr(c), "io_uring"));
		assert_string_equal(child_stdout(c), "");
	}
}

/* A sanitizer's own needs are larger than what is left here. */
static void skip_sanitizer(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
}

static void without_descriptors_it_says_so(void **state)
{
	struct rig *rig = *state;
	struct child *c;

	skip_sanitizer();
	c = start_without(rig, "descriptors", harness_program("MOLECULE_MCP"),
			  false);
	assert_int_equal(child_wait(c, BOUND_MS), 1);
	assert_int_equal(lines_with(child_stderr(c), ""), 1);
}

static void without_memory_it_says_so(void **state)
{
	struct rig *rig = *state;
	struct child *c;
	int code;

	skip_sanitizer();
	c = start_without(rig, "memory", harness_program("MOLECULE_MCP"),
			  false);
	code = child_wait(c, 1500);
	/* It may be little enough. */
	if (code < 0) {
		mcp_hello(c);
		return;
	}
	assert_int_equal(code, 1);
	assert_int_equal(lines_with(child_stderr(c), ""), 1);
}

/* A disk that takes nothing: said, once, and messages arrive. */
static void without_disk_it_lives_on(void **state)
{
	struct rig *rig = *state;
	struct child *c = start_without(rig, "file-size",
					harness_program("MOLECULE_MCP"), false);

	fake_message(rig->fake, 1, NULL, "hello");
	mcp_hello(c);
	child_notification(c, "notifications/claude/channel", 0);
	child_expect_stderr(c, rig->configs);
	fake_expect(rig->fake, "GET", ACTIVITY, 6);
	assert_in_range(lines_with(child_stderr(c), "[molecule-mcp]"), 1, 3);
	child_close_stdin(c);
	assert_int_equal(child_wait(c, BOUND_MS), 0);
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(without_io_uring_it_serves),
		TEST(epoll_is_named_to_who_wants_to_know),
		TEST(without_io_uring_the_platform_serves),
		TEST(io_uring_alone_says_that_it_is_refused),
		TEST(without_descriptors_it_says_so),
		TEST(without_memory_it_says_so),
		TEST(without_disk_it_lives_on),
	};

	if (argc > 2)
		return become(argv[1], argv + 2);
	/* Or one that starts itself wrongly would do so without end. */
	if (argc > 1)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
