// SPDX-License-Identifier: MIT
/* stream_plain: each direction, exchange, ends, deadlines, closing. */
#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#include "net/stream.h"

/* More than a socket's buffers hold. */
#define LARGE ((size_t)8 * 1024 * 1024)

struct pair {
	struct rt *rt;
	struct stream *a, *b;
	uint64_t count;
	int err;
};

static void pair_open(struct rt *rt, struct pair *pair)
{
	int fds[2] = { -1, -1 };

	*pair = (struct pair){ .rt = rt };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	pair->a = stream_plain(rt, fds[0]);
	pair->b = stream_plain(rt, fds[1]);
	CHECK_EQ(stream_fd(pair->a), fds[0]);
}

static int both_ways(struct rt *rt, void *arg)
{
	struct pair pair;
	char buf[16];

	(void)arg;
	pair_open(rt, &pair);
	CHECK_EQ(stream_write(pair.a, "ping", 4, patience(rt)), 0);
	CHECK_EQ(stream_read(pair.b, buf, sizeof(buf), patience(rt)), 4);
	CHECK(memcmp(buf, "ping", 4) == 0);
	CHECK_EQ(stream_write(pair.b, "pong!", 5, patience(rt)), 0);
	CHECK_EQ(stream_read(pair.a, buf, 2, patience(rt)), 2);
	CHECK_EQ(stream_read(pair.a, buf, sizeof(buf), patience(rt)), 3);
	CHECK(memcmp(buf, "ng!", 3) == 0);
	stream_close(pair.a);
	CHECK_EQ(stream_read(pair.b, buf, sizeof(buf), patience(rt)), 0);
	stream_close(pair.b);
	return 0;
}

static void drain(struct rt *rt, void *arg)
{
	struct pair *pair = arg;
	char buf[1000];
	ssize_t n;

	while ((n = stream_read(pair->b, buf, sizeof(buf), patience(rt))) > 0)
		pair->count += (size_t)n;
	pair->err = (int)n;
}

static int large_write(struct rt *rt, void *arg)
{
	char *data = calloc(1, LARGE);
	struct pair pair;
	struct scope scope;

	(void)arg;
	pair_open(rt, &pair);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "drain", TASK_STACK_SMALL, drain, &pair);
	CHECK_EQ(stream_write(pair.a, data, LARGE, patience(rt)), 0);
	stream_close(pair.a);
	scope_join(&scope);
	CHECK_EQ(pair.count, LARGE);
	CHECK_EQ(pair.err, 0);
	stream_close(pair.b);
	free(data);
	return 0;
}

static void answer(struct rt *rt, void *arg)
{
	struct pair *pair = arg;
	char buf[16];

	pair->count = (uint64_t)stream_read(pair->b, buf, 8, patience(rt));
	stream_write(pair->b, "answer", 6, patience(rt));
}

static int exchange(struct rt *rt, void *arg)
{
	struct pair pair;
	struct scope scope;
	char buf[16];
	bool sent = false;

	(void)arg;
	pair_open(rt, &pair);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "answer", TASK_STACK_SMALL, answer, &pair);
	CHECK_EQ(stream_exchange(pair.a, "question", 8, buf, sizeof(buf), &sent,
				 patience(rt)),
		 6);
	CHECK(sent);
	CHECK(memcmp(buf, "answer", 6) == 0);
	scope_join(&scope);
	CHECK_EQ(pair.count, 8);

	/* The other side leaves instead of answering. */
	stream_close(pair.b);
	sent = true;
	CHECK(stream_exchange(pair.a, "question", 8, buf, sizeof(buf), &sent,
			      patience(rt)) <= 0);
	CHECK(!sent);
	stream_close(pair.a);
	return 0;
}

static int timeouts(struct rt *rt, void *arg)
{
	struct pair pair;
	char buf[16];

	(void)arg;
	pair_open(rt, &pair);
	CHECK_EQ(stream_read(pair.a, buf, sizeof(buf), deadline_in_ms(rt, 5)),
		 -ETIMEDOUT);
	/* Such a read leaves the stream usable. */
	CHECK_EQ(stream_write(pair.b, "late", 4, patience(rt)), 0);
	CHECK_EQ(stream_read(pair.a, buf, sizeof(buf), patience(rt)), 4);
	stream_close(pair.b);
	CHECK_EQ(stream_write(pair.a, "x", 1, patience(rt)), -EPIPE);
	stream_close(pair.a);
	return 0;
}

static void run(int (*body)(struct rt *rt, void *arg))
{
	int before = fd_count();

	in_runtime(body, NULL);
	assert_int_equal(fd_count(), before);
}

static void test_both_ways(void **state)
{
	(void)state;
	run(both_ways);
}

static void test_large_write(void **state)
{
	(void)state;
	run(large_write);
}

static void test_exchange(void **state)
{
	(void)state;
	run(exchange);
}

static void test_timeouts(void **state)
{
	(void)state;
	run(timeouts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_large_write),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_timeouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
