// SPDX-License-Identifier: MIT
/* mcp_writer: whether a line has really gone out. */
#include "tests/unit/app_fixture.h"

#include <fcntl.h>
#include <signal.h>

#include "app/mcp_writer.h"

#define LINE_LEN ((size_t)32 * 1024)
#define PIPE_LEN 4096

struct work {
	int fds[2];
	struct mcp_writer *writer;
};

static void work_open(struct work *k, struct rt *rt)
{
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(pipe2(k->fds, O_CLOEXEC), 0);
	CHECK(fcntl(k->fds[1], F_SETPIPE_SZ, PIPE_LEN) >= PIPE_LEN);
	k->writer = mcp_writer_new(rt, k->fds[1], NULL, NULL);
}

static void work_close(struct work *k)
{
	mcp_writer_close(k->writer);
	mcp_writer_free(k->writer);
	close(k->fds[1]);
	if (k->fds[0] >= 0)
		close(k->fds[0]);
}

static void put(struct work *k, size_t len)
{
	char *line = malloc(len);

	memset(line, 'x', len);
	CHECK_EQ(mcp_writer_put(
			 k->writer,
			 (struct jsonrpc_line){ .data = line, .len = len },
			 DEADLINE_NEVER),
		 0);
}

static int reached(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	CHECK_EQ(mcp_writer_reach(k.writer, DEADLINE_NEVER), 0);
	put(&k, 10);
	CHECK_EQ(mcp_writer_written(k.writer), 0);
	CHECK_EQ(mcp_writer_reach(k.writer, DEADLINE_NEVER), 0);
	CHECK_EQ(mcp_writer_written(k.writer), 10);
	work_close(&k);
	return 0;
}

/* A reader that does not read, and then reads all the same. */
static int held_up(struct rt *rt, void *arg)
{
	static char buf[2 * LINE_LEN];
	struct work k;
	size_t len = 0;

	(void)arg;
	work_open(&k, rt);
	put(&k, LINE_LEN);
	CHECK_EQ(mcp_writer_reach(k.writer, deadline_in_ms(rt, 20)),
		 -ETIMEDOUT);
	while (len < LINE_LEN) {
		ssize_t n = io_read(rt, k.fds[0], buf, sizeof(buf),
				    deadline_in_ms(rt, 10000));

		if (!CHECK(n > 0))
			break;
		len += (size_t)n;
	}
	CHECK_EQ(mcp_writer_reach(k.writer, DEADLINE_NEVER), 0);
	work_close(&k);
	return 0;
}

/* Nobody is there who could have got it. */
static int unheard(struct rt *rt, void *arg)
{
	struct work k;

	(void)arg;
	work_open(&k, rt);
	put(&k, 10);
	close(k.fds[0]);
	k.fds[0] = -1;
	CHECK_EQ(mcp_writer_reach(k.writer, DEADLINE_NEVER), -EPIPE);
	work_close(&k);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(reached)
TEST(held_up)
TEST(unheard)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reached),
		cmocka_unit_test(test_held_up),
		cmocka_unit_test(test_unheard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
