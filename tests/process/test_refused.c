// SPDX-License-Identifier: MIT
/*
 * A system that refuses what the programs would like: io_uring, descriptors,
 * memory. They get along without a word, or say so in one clear line, and end.
 *
 * To put a program into such a system this one starts itself with what is to
 * be refused as its first argument, refuses it, and becomes the program.
 */
#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system call answers with this errno from now on. */
static int refuse_call(unsigned int call, unsigned int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

static int limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };

	return setrlimit((__rlimit_resource_t)what, &r);
}

/* Refuses and becomes exe. */
static int become(const char *refused, char *const *argv)
{
	int err = -1;

	if (!strcmp(refused, "io_uring-EPERM"))
		err = refuse_call(SYS_io_uring_setup, EPERM);
	else if (!strcmp(refused, "io_uring-ENOSYS"))
		err = refuse_call(SYS_io_uring_setup, ENOSYS);
	else if (!strcmp(refused, "io_uring-EOPNOTSUPP"))
		err = refuse_call(SYS_io_uring_setup, EOPNOTSUPP);
	else if (!strcmp(refused, "io_uring_enter"))
		err = refuse_call(SYS_io_uring_enter, EPERM);
	else if (!strcmp(refused, "descriptors"))
		err = limit(RLIMIT_NOFILE, 4);
	else if (!strcmp(refused, "memory"))
		err = limit(RLIMIT_AS, 3 << 20);
	else if (!strcmp(refused, "file-size"))
		err = limit(RLIMIT_FSIZE, 0);
	if (err) {
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

static const char *const io_uring_ways[] = { "io_uring-EPERM",
					     "io_uring-ENOSYS",
					     "io_uring-EOPNOTSUPP",
					     "io_uring_enter" };
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
