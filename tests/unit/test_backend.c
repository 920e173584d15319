// SPDX-License-Identifier: MIT
/*
 * Which backend a runtime gets. Each case is a process of its own, which takes
 * something from itself before it makes one.
 */
#include "tests/unit/rt_fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/refuse.h"

#define CANNOT 77 /* exit code: cannot be had here */

/* In a process that has lost what it should: 0 when all is as it should be. */
typedef int (*look_fn)(int err);

static int name_is(const char *name)
{
	char why[256];
	struct rt *rt;
	int code = 1;

	if (rt_new(&rt, &(struct rt_options){ 0 }) != 0)
		return 2;
	if (strcmp(rt_backend_name(rt), name) != 0)
		code = 3;
	else if ((*rt_backend_reason(rt, why, sizeof(why)) == '\0') !=
		 (strcmp(name, "io_uring") == 0))
		code = 4;
	else
		code = 0;
	rt_free(rt);
	return code;
}

/* With `err`, or without the memory that others of the user have locked. */
static bool refused_with(int err, enum rt_backend backend)
{
	struct rt *rt;
	int got = rt_new(&rt, &(struct rt_options){ .backend = backend });

	return got == err || got == -ENOMEM;
}

/* Who leaves it open gets epoll, who insists the reason. */
static int epoll_instead(int err)
{
	int code = name_is("epoll");

	if (code != 0)
		return code;
	if (!refused_with(err, RT_BACKEND_URING))
		return 5;
	setenv(RT_BACKEND_VARIABLE, "uring", 1);
	return refused_with(err, RT_BACKEND_AUTO) ? 0 : 6;
}

static int too_few_descriptors(int err)
{
	struct rt *rt;
	int next = dup(0);
	struct rlimit files = { .rlim_cur = (rlim_t)next,
				.rlim_max = (rlim_t)next };

	close(next);
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		return CANNOT;
	return rt_new(&rt, &(struct rt_options){ 0 }) == err ? 0 : 7;
}

/* Where a ring can be had, but for its use. */
static int no_first_operation(int err)
{
	return name_is("io_uring") != 0 ? CANNOT
	       : refuse("enter-EPERM")	? CANNOT
					: epoll_instead(err);
}

/* Kernels before 6.14 or so do not count what a ring takes. */
static int no_locked_memory(int err)
{
	if (name_is("io_uring") != 0 ||
	    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0 }) != 0 ||
	    name_is("io_uring") == 0)
		return CANNOT;
	return epoll_instead(err);
}

static void in_a_process(const char *refused, look_fn look, int err)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		unsetenv(RT_BACKEND_VARIABLE);
		_exit(refused && refuse(refused) ? CANNOT : look(err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void any_refusal_of_the_setup_means_epoll(void **state)
{
	(void)state;
	in_a_process("setup-EPERM", epoll_instead, -EPERM);
	in_a_process("setup-ENOSYS", epoll_instead, -ENOSYS);
	in_a_process("setup-EOPNOTSUPP", epoll_instead, -EOPNOTSUPP);
}

static void a_refusal_of_the_first_operation_means_epoll(void **state)
{
	(void)state;
	in_a_process(NULL, no_first_operation, -EPERM);
}

static void without_locked_memory_it_is_epoll(void **state)
{
	(void)state;
	in_a_process("ordinary", no_locked_memory, -ENOMEM);
}

static void a_lack_of_descriptors_is_no_refusal(void **state)
{
	(void)state;
	in_a_process(NULL, too_few_descriptors, -EMFILE);
}

static int by_name(int err)
{
	(void)err;
	setenv(RT_BACKEND_VARIABLE, "epoll", 1);
	struct rt *rt;
	char why[256];
	int code = 8;

	if (rt_new(&rt, &(struct rt_options){ 0 }) != 0)
		return code;
	if (strcmp(rt_backend_name(rt), "epoll") == 0 &&
	    *rt_backend_reason(rt, why, sizeof(why)) == '\0')
		code = 0;
	rt_free(rt);
	return code;
}

static void epoll_that_was_asked_for_needs_no_reason(void **state)
{
	(void)state;
	in_a_process(NULL, by_name, 0);
	in_a_process("setup-EPERM", by_name, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_refusal_of_the_setup_means_epoll),
		cmocka_unit_test(a_refusal_of_the_first_operation_means_epoll),
		cmocka_unit_test(without_locked_memory_it_is_epoll),
		cmocka_unit_test(a_lack_of_descriptors_is_no_refusal),
		cmocka_unit_test(epoll_that_was_asked_for_needs_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
