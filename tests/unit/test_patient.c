// SPDX-License-Identifier: MIT
/* Tasks that are in no hurry are woken together, and hold up nobody for long.
 */
#include "tests/unit/net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io.h"

#define READERS 3

struct reader {
	int fd[2];
	uint64_t *got;
};

static void read_one(struct rt *rt, void *arg)
{
	struct reader *reader = arg;
	char byte;

	task_patient(rt, 1);
	if (io_recv(rt, reader->fd[0], &byte, 1, patience(rt)) == 1)
		++*reader->got;
}

/* Answers that are there by the time of the wait cost one wake-up. */
static int together(struct rt *rt, void *arg)
{
	struct reader readers[READERS];
	struct scope scope;
	uint64_t got = 0;

	(void)arg;
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .got = &got };
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, readers[i].fd), 0);
		CHECK_EQ(task_spawn(&scope, "reader", TASK_STACK_SMALL,
				    read_one, &readers[i]),
			 0);
	}
	CHECK_EQ(task_yield(rt), 0); /* all are parked */
	CHECK_EQ(write(readers[1].fd[1], "x", 1), 1);
	CHECK(until(rt, &got, 1)); /* one alone is not forgotten */
	CHECK_EQ(write(readers[0].fd[1], "x", 1), 1);
	CHECK_EQ(write(readers[2].fd[1], "x", 1), 1);
	CHECK(until(rt, &got, READERS));
	scope_close(&scope);
	for (int i = 0; i < READERS; i++) {
		close(readers[i].fd[0]);
		close(readers[i].fd[1]);
	}
	return 0;
}

/* Neither a deadline nor an operation of somebody in a hurry is lost while
 * patient ones go on. */
static int nobody_else_waits(struct rt *rt, void *arg)
{
	struct reader readers[2];
	struct scope scope;
	uint64_t got = 0;
	char byte;
	int pair[2];

	(void)arg;
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < 2; i++) {
		readers[i] = (struct reader){ .got = &got };
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, readers[i].fd), 0);
		CHECK_EQ(task_spawn(&scope, "reader", TASK_STACK_SMALL,
				    read_one, &readers[i]),
			 0);
	}
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 1)), 0);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(write(pair[1], "x", 1), 1);
		CHECK_EQ(io_recv(rt, pair[0], &byte, 1, patience(rt)), 1);
		CHECK_EQ(io_recv(rt, pair[0], &byte, 1, deadline_in_ms(rt, 1)),
			 -ETIMEDOUT);
	}
	CHECK_EQ(got, 0);
	scope_close(&scope);
	for (int i = 0; i < 2; i++) {
		close(readers[i].fd[0]);
		close(readers[i].fd[1]);
	}
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void note_patience(struct rt *rt, void *arg)
{
	*(uint32_t *)arg = task_patience(rt);
	task_patient(rt, 7);
	CHECK_EQ(task_patience(rt), 7);
}

/* Also where the last task on the same stack was patient. */
static int a_new_task_is_in_a_hurry(struct rt *rt, void *arg)
{
	uint32_t patience;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		struct scope scope;

		scope_open(rt, &scope, DEADLINE_NEVER);
		CHECK_EQ(task_spawn(&scope, "new", TASK_STACK_SMALL,
				    note_patience, &patience),
			 0);
		CHECK_EQ(scope_join(&scope), 0);
		CHECK_EQ(patience, 0);
	}
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(together)
TEST(nobody_else_waits)
TEST(a_new_task_is_in_a_hurry)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_nobody_else_waits),
		cmocka_unit_test(test_a_new_task_is_in_a_hurry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
