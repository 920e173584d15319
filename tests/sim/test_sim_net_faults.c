// SPDX-License-Identifier: MIT
/* What goes wrong in the simulated network. */
#include "tests/sim/sim_net_fixture.h"

/* --- Faults --- */

/* Whatever happens, what comes is a beginning of what was sent. */
static void faults_leave_a_beginning(uint32_t reset, uint32_t stall,
				     uint32_t cut, bool *whole, bool *part,
				     bool *none)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct net net = { .server = echo,
				   .client = talks,
				   .clients = PEERS };
		struct sim_faults *faults;

		net_open(&net, seed);
		faults = sim_faults(net.s.world);
		faults->reset = reset;
		faults->stall = stall;
		faults->cut = cut;
		faults->stall_max = 100 * SIM_S;
		faults->short_io = 100000;
		net_run(&net);
		for (int i = 0; i < PEERS; i++) {
			*whole = *whole || net.result[i] == BYTES;
			*part = *part ||
				(net.result[i] >= 0 && net.result[i] < BYTES);
			*none = *none || net.result[i] < 0;
		}
	}
}

static void a_reset_ends_a_connection(void)
{
	bool whole = false, part = false, none = false;

	faults_leave_a_beginning(10000, 0, 0, &whole, &part, &none);
	CHECK(whole && none);
}
SIM_TEST(a_reset_ends_a_connection)

static void a_cut_looks_like_an_end(void)
{
	bool whole = false, part = false, none = false;

	faults_leave_a_beginning(0, 0, 10000, &whole, &part, &none);
	CHECK(whole && part);
}
SIM_TEST(a_cut_looks_like_an_end)

static void a_stall_delays_or_hangs(void)
{
	bool whole = false, part = false, none = false;

	faults_leave_a_beginning(0, 10000, 0, &whole, &part, &none);
	CHECK(whole && none && !part);
}
SIM_TEST(a_stall_delays_or_hangs)

struct outage {
	struct sim_event event;
	struct sim_world *world;
};

static void back(struct sim_event *event)
{
	struct outage *outage =
		(struct outage *)((char *)event -
				  offsetof(struct outage, event));

	sim_faults(outage->world)->net_down = false;
}

static void down(struct sim_event *event)
{
	struct outage *outage =
		(struct outage *)((char *)event -
				  offsetof(struct outage, event));

	sim_faults(outage->world)->net_down = true;
	sim_at(outage->world, event, event->at + 60 * SIM_S, back);
}

static int talks_later(struct rt *rt, struct net *net, int number)
{
	ssize_t end;
	int fd, got;

	CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
	task_sleep(rt, deadline_in_ms(rt, 5000));
	got = talk(rt, fd, number, &end);
	io_close(rt, fd);
	return got;
}

static void what_is_sent_into_an_outage_comes_after_it(void)
{
	struct net net = { .server = echo, .client = talks_later };
	struct outage outage = { 0 };

	net_open(&net, 1);
	outage.world = net.s.world;
	sim_at(net.s.world, &outage.event, SIM_S, down);
	net_run(&net);
	CHECK_EQ(net.result[0], BYTES);
	CHECK(net.took[0] > 59 * SIM_S && net.took[0] < 300 * SIM_S);
}
SIM_TEST(what_is_sent_into_an_outage_comes_after_it)

static int waits_in_vain(struct rt *rt, struct net *net, int number)
{
	static const char data[100000];
	int fd, err;

	(void)number;
	CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
	sim_faults(net->s.world)->net_down = true;
	do
		err = io_send_all(rt, fd, data, sizeof(data), NULL,
				  DEADLINE_NEVER);
	while (err == 0);
	io_close(rt, fd);
	return err;
}

static void a_dead_network_is_noticed_in_the_end(void)
{
	struct net net = { .server = echo, .client = waits_in_vain };

	net_open(&net, 1);
	net_run(&net);
	CHECK_EQ(net.result[0], -ETIMEDOUT);
	CHECK(net.took[0] > 300 * SIM_S && net.took[0] < 3600 * SIM_S);
}
SIM_TEST(a_dead_network_is_noticed_in_the_end)

struct cutter {
	struct sim_event event;
	struct net *net;
};

static void cut_power(struct sim_event *event)
{
	struct cutter *cutter =
		(struct cutter *)((char *)event -
				  offsetof(struct cutter, event));

	sim_power_cut(cutter->net->s.b, SIM_LOSS_ALL);
}

static int waits_through(struct rt *rt, struct net *net, int number)
{
	ssize_t end;
	char byte;
	int fd;

	(void)number;
	CHECK_EQ(connect_to(rt, net, DEADLINE_NEVER, &fd), 0);
	/* Nobody says that the other machine has gone. */
	CHECK_EQ(io_recv(rt, fd, &byte, 1, deadline_in_ms(rt, 10000)),
		 -ETIMEDOUT);
	io_send(rt, fd, "x", 1, DEADLINE_NEVER);
	end = io_recv(rt, fd, &byte, 1, deadline_in_ms(rt, 60000));
	io_close(rt, fd);
	return (int)end;
}

static void a_machine_without_power_is_silent(void)
{
	bool silent = false, reset = false;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct net net = { .server = ignores, .client = waits_through };
		struct cutter cutter = { .net = &net };

		net_open(&net, seed);
		sim_at(net.s.world, &cutter.event, SIM_S, cut_power);
		net_run(&net);
		silent = silent || net.result[0] == -ETIMEDOUT;
		reset = reset || net.result[0] == -ECONNRESET;
	}
	CHECK(silent);
	CHECK(reset);
}
SIM_TEST(a_machine_without_power_is_silent)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reset_ends_a_connection),
		cmocka_unit_test(test_a_cut_looks_like_an_end),
		cmocka_unit_test(test_a_stall_delays_or_hangs),
		cmocka_unit_test(
			test_what_is_sent_into_an_outage_comes_after_it),
		cmocka_unit_test(test_a_dead_network_is_noticed_in_the_end),
		cmocka_unit_test(test_a_machine_without_power_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
