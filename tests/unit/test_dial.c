// SPDX-License-Identifier: MIT
/* dial: literals, localhost, failures, races, cancellation; no descriptor is
 * left behind by any of them. */
#include "tests/unit/net_fixture.h"

#include <netinet/tcp.h>

#include "net/dial.h"

struct call {
	const char *host;
	uint16_t port;
	int result;
};

static int dial_now(struct rt *rt, const char *host, uint16_t port)
{
	return dial(rt, NULL, host, port, patience(rt));
}

static int literals(struct rt *rt, void *arg)
{
	uint16_t port = 0, port6 = 0;
	int listener = bound_socket(AF_INET, SOCK_STREAM, &port, 8);
	int listener6 = bound_socket(AF_INET6, SOCK_STREAM, &port6, 8);
	uint64_t spawns = rt_counters(rt)->spawns;
	int nodelay = 0;
	socklen_t len = sizeof(nodelay);
	int fd;

	(void)arg;
	fd = dial_now(rt, "127.0.0.1", port);
	if (CHECK(fd >= 0)) {
		CHECK_EQ(peer_port(fd), port);
		CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay,
				 &len) == 0);
		CHECK(nodelay != 0);
		io_close(rt, fd);
	}
	if (listener6 >= 0) {
		fd = dial_now(rt, "::1", port6);
		CHECK(fd >= 0);
		CHECK_EQ(peer_family(fd), AF_INET6);
		io_close(rt, fd);
		close(listener6);
	}
	CHECK_EQ(rt_counters(rt)->spawns, spawns);
	close(listener);
	return 0;
}

static int localhost(struct rt *rt, void *arg)
{
	static const char *const names[] = { "localhost", "LocalHost.",
					     "agent.localhost",
					     "agent.localhost." };
	uint16_t port = 0;
	int listener = bound_socket(AF_INET, SOCK_STREAM, &port, 8);

	(void)arg;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = dial_now(rt, names[i], port);

		CHECK(fd >= 0);
		CHECK_EQ(peer_family(fd), AF_INET);
		if (fd >= 0)
			io_close(rt, fd);
	}
	/* Not localhost: without a resolver there is no such name. */
	CHECK_EQ(dial_now(rt, "notlocalhost", port), -ENOENT);
	CHECK_EQ(dial_now(rt, "", port), -ENOENT);
	CHECK_EQ(dial_now(rt, "127.1", port), -ENOENT);
	CHECK_EQ(dial_now(rt, "1.2.3.4.5", port), -ENOENT);
	close(listener);
	return 0;
}

static int localhost_prefers_six(struct rt *rt, void *arg)
{
	uint16_t port = 0;
	int listener6 = bound_socket(AF_INET6, SOCK_STREAM, &port, 8);
	int listener = bound_socket(AF_INET, SOCK_STREAM, &port, 8);
	int fd;

	(void)arg;
	if (listener6 >= 0 && listener >= 0) {
		fd = dial_now(rt, "localhost", port);
		CHECK(fd >= 0);
		CHECK_EQ(peer_family(fd), AF_INET6);
		io_close(rt, fd);
	}
	close(listener6);
	close(listener);
	return 0;
}

static int refused(struct rt *rt, void *arg)
{
	uint16_t port = 0;
	int fd = bound_socket(AF_INET, SOCK_STREAM, &port, 1);

	(void)arg;
	close(fd);
	CHECK_EQ(dial_now(rt, "127.0.0.1", port), -ECONNREFUSED);
	CHECK_EQ(dial_now(rt, "localhost", port), -ECONNREFUSED);
	return 0;
}

/* A listener whose queue is full: connecting to it neither works nor fails. */
struct tarpit {
	int listener, fill[8];
	uint16_t port;
};

static bool tarpit_open(struct rt *rt, struct tarpit *pit, int family)
{
	struct sockaddr_storage addr;
	size_t count = sizeof(pit->fill) / sizeof(pit->fill[0]);
	bool stuck = false;

	pit->port = 0;
	pit->listener = bound_socket(family, SOCK_STREAM, &pit->port, 0);
	for (size_t i = 0; i < count; i++)
		pit->fill[i] = -1;
	if (pit->listener < 0)
		return false;
	socklen_t len = loopback(&addr, family, pit->port);
	for (size_t i = 0; i < count && !stuck; i++) {
		pit->fill[i] = io_socket(rt, family, SOCK_STREAM, 0);
		stuck = io_connect(rt, pit->fill[i], (struct sockaddr *)&addr,
				   len, deadline_in_ms(rt, 100)) == -ETIMEDOUT;
	}
	return stuck;
}

static void tarpit_close(struct rt *rt, struct tarpit *pit)
{
	for (size_t i = 0; i < sizeof(pit->fill) / sizeof(pit->fill[0]); i++)
		if (pit->fill[i] >= 0)
			io_close(rt, pit->fill[i]);
	if (pit->listener >= 0)
		io_close(rt, pit->listener);
}

static int race_past_a_hang(struct rt *rt, void *arg)
{
	struct sockaddr_storage addrs[3];
	struct tarpit pit;
	uint16_t port = 0, closed = 0;
	int listener = bound_socket(AF_INET, SOCK_STREAM, &port, 8);
	int fd = bound_socket(AF_INET, SOCK_STREAM, &closed, 1);
	int64_t begin;

	(void)arg;
	close(fd);
	if (!tarpit_open(rt, &pit, AF_INET)) {
		fprintf(stderr, "cannot fill a listener's queue here\n");
		tarpit_close(rt, &pit);
		close(listener);
		return 0;
	}
	loopback(&addrs[0], AF_INET, pit.port);
	loopback(&addrs[1], AF_INET, closed);
	loopback(&addrs[2], AF_INET, port);
	begin = clock_now(rt, CLOCK_ID_MONOTONIC);
	fd = dial_addrs(rt, addrs, 3, patience(rt));
	CHECK(fd >= 0);
	CHECK_EQ(peer_port(fd), port);
	/* The first hangs, so the second began when its time had come. */
	CHECK(clock_now(rt, CLOCK_ID_MONOTONIC) - begin >=
	      DIAL_ATTEMPT_MS * CLOCK_NS_PER_MS);
	if (fd >= 0)
		io_close(rt, fd);

	/* Nothing but hanging ends at the deadline, one address or two. */
	CHECK_EQ(dial_addrs(rt, addrs, 1, deadline_in_ms(rt, 20)), -ETIMEDOUT);
	addrs[1] = addrs[0];
	CHECK_EQ(dial_addrs(rt, addrs, 2, deadline_in_ms(rt, 20)), -ETIMEDOUT);
	CHECK_EQ(dial_addrs(rt, addrs, 2, deadline_in_ms(rt, 300)), -ETIMEDOUT);

	tarpit_close(rt, &pit);
	close(listener);
	return 0;
}

static int failures_go_on_at_once(struct rt *rt, void *arg)
{
	struct sockaddr_storage addrs[DIAL_ADDRS_MAX];
	uint16_t port = 0, closed = 0;
	int listener = bound_socket(AF_INET, SOCK_STREAM, &port, 8);
	int fd = bound_socket(AF_INET, SOCK_STREAM, &closed, 1);
	uint64_t timers;

	(void)arg;
	close(fd);
	for (int i = 0; i < DIAL_ADDRS_MAX; i++)
		loopback(&addrs[i], AF_INET, closed);
	loopback(&addrs[DIAL_ADDRS_MAX - 1], AF_INET, port);
	timers = rt_counters(rt)->timers;
	fd = dial_addrs(rt, addrs, DIAL_ADDRS_MAX, patience(rt));
	CHECK(fd >= 0);
	CHECK_EQ(peer_port(fd), port);
	/* No attempt waited for its 250 ms. */
	CHECK_EQ(rt_counters(rt)->timers, timers);
	if (fd >= 0)
		io_close(rt, fd);
	close(listener);
	return 0;
}

static void dial_task(struct rt *rt, void *arg)
{
	struct call *call = arg;
	struct sockaddr_storage addrs[2];

	loopback(&addrs[0], AF_INET, call->port);
	loopback(&addrs[1], AF_INET, call->port);
	if (call->host)
		call->result = dial_now(rt, call->host, call->port);
	else
		call->result = dial_addrs(rt, addrs, 2, patience(rt));
}

static int cancelled(struct rt *rt, void *arg)
{
	struct call calls[] = { { .host = "127.0.0.1" }, { .host = NULL } };
	struct tarpit pit;
	struct scope scope;

	(void)arg;
	if (tarpit_open(rt, &pit, AF_INET)) {
		for (size_t i = 0; i < 2; i++) {
			calls[i].port = pit.port;
			scope_open(rt, &scope, DEADLINE_NEVER);
			task_spawn(&scope, "dial", TASK_STACK_SMALL, dial_task,
				   &calls[i]);
			/* Far enough for every attempt to hang. */
			task_sleep(rt, deadline_in_ms(rt, 20));
			scope_close(&scope);
			CHECK_EQ(calls[i].result, -ECANCELED);
		}
	}
	tarpit_close(rt, &pit);
	return 0;
}

/* Cancels a dial that is about to succeed at each point it can be at. */
static int cancelled_late(struct rt *rt, void *arg)
{
	uint16_t port = 0;
	int listener = bound_socket(AF_INET, SOCK_STREAM, &port, 64);

	(void)arg;
	for (int turns = 0; turns < 8; turns++) {
		struct call call = { .port = port };
		struct scope scope;

		scope_open(rt, &scope, DEADLINE_NEVER);
		task_spawn(&scope, "dial", TASK_STACK_SMALL, dial_task, &call);
		for (int i = 0; i < turns; i++)
			task_yield(rt);
		scope_close(&scope);
		if (call.result >= 0)
			io_close(rt, call.result);
		else
			CHECK_EQ(call.result, -ECANCELED);
	}
	close(listener);
	return 0;
}

static void run(int (*body)(struct rt *rt, void *arg))
{
	int before = fd_count();

	in_runtime(body, NULL);
	assert_int_equal(fd_count(), before);
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		run(name);                                                     \
	}

TEST(literals)
TEST(localhost)
TEST(localhost_prefers_six)
TEST(refused)
TEST(race_past_a_hang)
TEST(failures_go_on_at_once)
TEST(cancelled)
TEST(cancelled_late)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_localhost),
		cmocka_unit_test(test_localhost_prefers_six),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_race_past_a_hang),
		cmocka_unit_test(test_failures_go_on_at_once),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_cancelled_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
