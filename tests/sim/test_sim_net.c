// SPDX-License-Identifier: MIT
/* The simulated network: connections that work, and attempts that do not. */
#include "tests/sim/sim_net_fixture.h"

#include <poll.h>

static void connections_carry_all_in_order(void)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct net net = { .server = echo,
				   .client = talks,
				   .clients = PEERS };
		struct sim_faults *faults;

		net_open(&net, seed);
		faults = sim_faults(net.s.world);
		faults->short_io = seed % 2 ? 200000 : 0;
		faults->slow = seed % 3 ? 100000 : 0;
		faults->interrupted = seed % 5 ? 50000 : 0;
		faults->latency_max = (int64_t)(seed % 7) * 50 * SIM_MS;
		net_run(&net);
		for (int i = 0; i < PEERS; i++)
			CHECK_EQ(net.result[i], BYTES);
		CHECK_EQ(net.served, PEERS);
	}
}
SIM_TEST(connections_carry_all_in_order)

static int notes(struct rt *rt, struct net *net, int fd)
{
	char byte;

	while (io_recv(rt, fd, &byte, 1, DEADLINE_NEVER) == 1)
		snprintf(net->seen + strlen(net->seen), 2, "%c", byte);
	return 0;
}

static int says_in_turn(struct rt *rt, struct net *net, int number)
{
	int fd;

	(void)number;
	for (const char *c = "ab"; *c; c++) {
		CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
		CHECK_EQ(io_send(rt, fd, c, 1, DEADLINE_NEVER), 1);
		io_close(rt, fd);
	}
	return 0;
}

static void connections_overtake_each_other(void)
{
	bool straight = false, swapped = false;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct net net = { .server = notes, .client = says_in_turn };

		net_open(&net, seed);
		sim_faults(net.s.world)->latency_max = 50 * SIM_MS;
		net_run(&net);
		straight = straight || strcmp(net.seen, "ab") == 0;
		swapped = swapped || strcmp(net.seen, "ba") == 0;
	}
	CHECK(straight);
	CHECK(swapped);
}
SIM_TEST(connections_overtake_each_other)

/* --- Connecting --- */

static int tries(struct rt *rt, struct net *net, int number)
{
	int fd;
	int err = connect_to(rt, net, deadline_in_ms(rt, 1000000), &fd);

	(void)number;
	if (err == 0) {
		net->connected++;
		task_sleep(rt, deadline_in_ms(rt, 100));
		io_close(rt, fd);
	}
	return err;
}

static void attempts_fail_as_they_do(void)
{
	static const struct {
		const char *address;
		uint32_t refused, unreachable, lost;
		bool net_down, no_server;
		int want;
		int64_t at_least;
	} cases[] = {
		{ .want = 0 },
		{ .no_server = true, .want = -ECONNREFUSED },
		{ .refused = SIM_ALWAYS, .want = -ECONNREFUSED },
		{ .unreachable = SIM_ALWAYS, .want = -EHOSTUNREACH },
		{ .address = "192.0.2.1", .want = -ENETUNREACH },
		/* b listens, but this is a's own. */
		{ .address = "127.0.0.1", .want = -ECONNREFUSED },
		{ .address = "fd00::2", .want = -ECONNREFUSED },
		{ .lost = SIM_ALWAYS,
		  .want = -ETIMEDOUT,
		  .at_least = 60 * SIM_S },
		{ .net_down = true,
		  .want = -ETIMEDOUT,
		  .at_least = 60 * SIM_S },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net net = { .server = echo,
				   .client = tries,
				   .address = cases[i].address,
				   .no_server = cases[i].no_server };
		struct sim_faults *faults;

		net_open(&net, i);
		faults = sim_faults(net.s.world);
		faults->refused = cases[i].refused;
		faults->unreachable = cases[i].unreachable;
		faults->lost = cases[i].lost;
		faults->net_down = cases[i].net_down;
		net_run(&net);
		CHECK_EQ(net.result[0], cases[i].want);
		CHECK(net.took[0] >= cases[i].at_least);
	}
}
SIM_TEST(attempts_fail_as_they_do)

static int listens_only(struct rt *rt, void *arg)
{
	struct sockaddr_storage addr;
	socklen_t len = make_address(&addr, "0.0.0.0");
	int fd = io_socket(rt, AF_INET, SOCK_STREAM, 0);

	(void)arg;
	CHECK_EQ(io_bind(rt, fd, (struct sockaddr *)&addr, len), 0);
	CHECK_EQ(io_listen(rt, fd, 3), 0);
	task_sleep(rt, deadline_in_ms(rt, 300000));
	io_close(rt, fd);
	return 0;
}

/* Those for whom there is no room try until they are given up. */
static void a_backlog_is_full(void)
{
	struct net net = { .server = ignores,
			   .client = tries,
			   .clients = PEERS,
			   .no_server = true };
	int late = 0;

	net_open(&net, 1);
	stage_start(&net.s, net.s.b, "listener", listens_only, NULL);
	net_run(&net);
	for (int i = 0; i < PEERS; i++)
		late += net.result[i] == -ETIMEDOUT;
	CHECK_EQ(net.connected, 3);
	CHECK_EQ(late, PEERS - 3);
}
SIM_TEST(a_backlog_is_full)

/* A call that is given up leaves no descriptor (client_main looks). */
static int hurries(struct rt *rt, struct net *net, int number)
{
	for (int i = 0; i < 50; i++) {
		struct deadline soon = deadline_in_ms(rt, i % 5);
		int fd;

		if (connect_to(rt, net, soon, &fd) < 0)
			continue;
		net->connected++;
		io_send(rt, fd, "x", 1, soon);
		io_close(rt, fd);
	}
	return number;
}

static void what_is_given_up_leaves_nothing(void)
{
	int connected = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct net net = { .server = echo,
				   .client = hurries,
				   .clients = 4 };

		net_open(&net, seed);
		sim_faults(net.s.world)->late_cancel = 300000;
		sim_faults(net.s.world)->slow = 300000;
		net_run(&net);
		connected += net.connected;
	}
	CHECK(connected > 100 && connected < 20 * 4 * 50 - 100);
}
SIM_TEST(what_is_given_up_leaves_nothing)

/* --- Ends --- */

static int ends_its_half(struct rt *rt, struct net *net, int fd)
{
	char buf[100];
	ssize_t n;

	CHECK_EQ(io_send_all(rt, fd, "bye", 3, NULL, DEADLINE_NEVER), 0);
	CHECK_EQ(io_shutdown(rt, fd, SHUT_WR), 0);
	n = io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER);
	CHECK_EQ(n, 5);
	snprintf(net->seen, sizeof(net->seen), "%.*s", (int)n, buf);
	CHECK_EQ(io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 0);
	CHECK_EQ(io_send(rt, fd, "x", 1, DEADLINE_NEVER), -EPIPE);
	return 0;
}

static int speaks_after_the_end(struct rt *rt, struct net *net, int number)
{
	char buf[10];
	int fd;

	(void)number;
	CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
	CHECK_EQ(io_poll(rt, fd, POLLRDHUP, DEADLINE_NEVER), POLLRDHUP);
	CHECK_EQ(io_poll(rt, fd, POLLIN, DEADLINE_NEVER), POLLIN);
	CHECK_EQ(io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 3);
	CHECK_EQ(io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 0);
	CHECK_EQ(io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 0);
	CHECK_EQ(io_send_all(rt, fd, "reply", 5, NULL, DEADLINE_NEVER), 0);
	io_close(rt, fd);
	return 0;
}

static void a_half_closed_connection_carries_the_other_half(void)
{
	struct net net = { .server = ends_its_half,
			   .client = speaks_after_the_end };

	net_open(&net, 1);
	net_run(&net);
	assert_string_equal(net.seen, "reply");
}
SIM_TEST(a_half_closed_connection_carries_the_other_half)

static int closes_unread(struct rt *rt, struct net *net, int fd)
{
	(void)net;
	CHECK_EQ(io_poll(rt, fd, POLLIN, DEADLINE_NEVER), POLLIN);
	return 0;
}

static int is_reset(struct rt *rt, struct net *net, int number)
{
	char byte;
	int fd;

	(void)number;
	CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
	CHECK_EQ(io_send(rt, fd, "x", 1, DEADLINE_NEVER), 1);
	CHECK_EQ(io_recv(rt, fd, &byte, 1, DEADLINE_NEVER), -ECONNRESET);
	CHECK_EQ(io_recv(rt, fd, &byte, 1, DEADLINE_NEVER), 0);
	CHECK_EQ(io_send(rt, fd, "x", 1, DEADLINE_NEVER), -EPIPE);
	CHECK(io_poll(rt, fd, POLLIN, DEADLINE_NEVER) & POLLHUP);
	io_close(rt, fd);
	return 0;
}

static void what_is_not_read_is_answered_with_a_reset(void)
{
	struct net net = { .server = closes_unread, .client = is_reset };

	net_open(&net, 1);
	net_run(&net);
}
SIM_TEST(what_is_not_read_is_answered_with_a_reset)

static int says_goodbye(struct rt *rt, struct net *net, int fd)
{
	(void)net;
	io_send_all(rt, fd, "bye", 3, NULL, DEADLINE_NEVER);
	return 0;
}

static int sends_too_late(struct rt *rt, struct net *net, int number)
{
	char buf[10];
	int fd;

	(void)number;
	CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
	task_sleep(rt, deadline_in_ms(rt, 1000));
	CHECK_EQ(io_send(rt, fd, "x", 1, DEADLINE_NEVER), 1);
	task_sleep(rt, deadline_in_ms(rt, 1000));
	/* It had come before the reset. */
	CHECK_EQ(io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER), 3);
	CHECK_EQ(io_send(rt, fd, "x", 1, DEADLINE_NEVER), -EPIPE);
	io_close(rt, fd);
	return 0;
}

static void sending_to_nobody_breaks(void)
{
	struct net net = { .server = says_goodbye, .client = sends_too_late };

	net_open(&net, 1);
	net_run(&net);
}
SIM_TEST(sending_to_nobody_breaks)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_carry_all_in_order),
		cmocka_unit_test(test_connections_overtake_each_other),
		cmocka_unit_test(test_attempts_fail_as_they_do),
		cmocka_unit_test(test_a_backlog_is_full),
		cmocka_unit_test(test_what_is_given_up_leaves_nothing),
		cmocka_unit_test(
			test_a_half_closed_connection_carries_the_other_half),
		cmocka_unit_test(
			test_what_is_not_read_is_answered_with_a_reset),
		cmocka_unit_test(test_sending_to_nobody_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
