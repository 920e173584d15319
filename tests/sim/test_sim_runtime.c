// SPDX-License-Identifier: MIT
/*
 * Operations in simulated worlds: whatever is cancelled, times out or is late,
 * no byte, descriptor or operation goes astray.
 */
#include "tests/sim/sim_fixture.h"

#include <netinet/in.h>
#include <poll.h>

#include "runtime/event.h"

#define SEEDS SIM_SEEDS(200)

struct job {
	struct stage s;
	struct sim_random lot;
	void (*body)(struct rt *rt, struct job *job);
	int in, out; /* a pipe of its own */
};

static int job_main(struct rt *rt, void *arg)
{
	struct job *job = arg;

	job->body(rt, job);
	CHECK_EQ(sim_inflight(sim_process_of(rt)), 0);
	CHECK_EQ(sim_descriptors(sim_process_of(rt)), 0);
	return 0;
}

static void in_worlds(void (*body)(struct rt *rt, struct job *job))
{
	for (int seed = 1; seed <= SEEDS && check_failures == 0; seed++) {
		struct job job = { .body = body, .in = -1, .out = -1 };
		struct sim_process *process;
		struct sim_faults *faults;

		stage_open(&job.s, (uint64_t)seed);
		job.lot.state = (uint64_t)seed;
		faults = sim_faults(job.s.world);
		faults->late_max = seed % 2 ? 200 * SIM_US : 0;
		faults->slow = seed % 3 ? 200000 : 0;
		faults->interrupted = seed % 5 ? 50000 : 0;
		faults->late_cancel = seed % 4 ? 300000 : 0;
		faults->shuffled = seed % 7 ? SIM_ALWAYS / 2 : 0;
		faults->short_io = seed % 7 ? 200000 : 0;
		process = stage_start(&job.s, job.s.a, "job", job_main, &job);
		sim_pipe(process, &job.in, process, &job.out,
			 1 + sim_random_below(&job.lot, 100));
		stage_run(&job.s);
		stage_close(&job.s);
	}
}

static uint32_t lot(struct job *job, uint32_t below)
{
	return sim_random_below(&job->lot, below);
}

static struct deadline soon(struct rt *rt, struct job *job, uint32_t us)
{
	if (lot(job, 8) == 0)
		return DEADLINE_NOW;
	return (struct deadline){ .ns = clock_now(rt, CLOCK_ID_MONOTONIC) +
					lot(job, us) * SIM_US };
}

/* --- Bytes --- */

#define BYTES 3000

struct flow {
	struct job *job;
	int in, out;
	int sent, got;
	bool by_exchange;
};

static unsigned char nth(int i)
{
	return (unsigned char)(i * 7 + i / 256);
}

/* Writes until all is written or it is cancelled; what a call says that it
 * wrote is written, and nothing else. */
static void pour(struct rt *rt, void *arg)
{
	struct flow *flow = arg;
	unsigned char buf[64];
	ssize_t n = 0;

	while (flow->sent < BYTES && n != -ECANCELED) {
		uint32_t len = 1 + lot(flow->job, sizeof(buf));

		if (len > (uint32_t)(BYTES - flow->sent))
			len = (uint32_t)(BYTES - flow->sent);
		for (uint32_t i = 0; i < len; i++)
			buf[i] = nth(flow->sent + (int)i);
		n = io_write(rt, flow->out, buf, len,
			     lot(flow->job, 2) ? DEADLINE_NEVER
					       : soon(rt, flow->job, 200));
		CHECK(n > 0 || n == -ETIMEDOUT || n == -ECANCELED);
		if (n > 0)
			flow->sent += (int)n;
		memset(buf, 0, sizeof(buf));
	}
}

static void drain(struct rt *rt, void *arg)
{
	struct flow *flow = arg;
	unsigned char buf[64];
	ssize_t n = 0;

	while (flow->got < BYTES && n != -ECANCELED) {
		n = io_read(rt, flow->in, buf, 1 + lot(flow->job, sizeof(buf)),
			    lot(flow->job, 2) ? DEADLINE_NEVER
					      : soon(rt, flow->job, 200));
		CHECK(n > 0 || n == -ETIMEDOUT || n == -ECANCELED);
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQ(buf[i], nth(flow->got++));
	}
}

/* Now and then everybody is cancelled and others go on where they were. */
static void carry(struct rt *rt, struct job *job, struct flow *flow)
{
	while (flow->got < BYTES && check_failures == 0) {
		struct scope scope;

		scope_open(rt, &scope, DEADLINE_NEVER);
		task_spawn(&scope, "pour", TASK_STACK_SMALL, pour, flow);
		task_spawn(&scope, "drain", TASK_STACK_SMALL, drain, flow);
		scope_wait(&scope, soon(rt, job, 5000));
		scope_close(&scope);
	}
	CHECK_EQ(flow->sent, BYTES);
	CHECK_EQ(flow->got, BYTES);
}

static void through_a_pipe(struct rt *rt, struct job *job)
{
	struct flow flow = { .job = job, .in = job->in, .out = job->out };

	carry(rt, job, &flow);
	io_close(rt, job->in);
	io_close(rt, job->out);
}

static void no_byte_is_lost_in_a_pipe(void)
{
	in_worlds(through_a_pipe);
}
SIM_TEST(no_byte_is_lost_in_a_pipe)

static void close_pipe(struct rt *rt, struct job *job)
{
	io_close(rt, job->in);
	io_close(rt, job->out);
}

static int listen_here(struct rt *rt, struct sockaddr_in *addr)
{
	int fd = io_socket(rt, AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage bound;
	socklen_t len;

	*addr = (struct sockaddr_in){ .sin_family = AF_INET };
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(io_bind(rt, fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
	CHECK_EQ(io_listen(rt, fd, 64), 0);
	CHECK_EQ(io_getsockname(rt, fd, &bound, &len), 0);
	memcpy(addr, &bound, sizeof(*addr));
	return fd;
}

static int connect_here(struct rt *rt, const struct sockaddr_in *addr,
			struct deadline deadline)
{
	int fd = io_socket(rt, AF_INET, SOCK_STREAM, 0);
	int err = io_connect(rt, fd, (const struct sockaddr *)addr,
			     sizeof(*addr), deadline);

	if (err == 0)
		return fd;
	io_close(rt, fd);
	return err;
}

static void through_a_connection(struct rt *rt, struct job *job)
{
	struct flow flow = { .job = job };
	struct sockaddr_in addr;
	int listener = listen_here(rt, &addr);

	close_pipe(rt, job);
	flow.out = connect_here(rt, &addr, DEADLINE_NEVER);
	flow.in = io_accept(rt, listener, NULL, DEADLINE_NEVER);
	CHECK(flow.out >= 0 && flow.in >= 0);
	carry(rt, job, &flow);
	io_close(rt, flow.in);
	io_close(rt, flow.out);
	io_close(rt, listener);
}

static void no_byte_is_lost_in_a_connection(void)
{
	in_worlds(through_a_connection);
}
SIM_TEST(no_byte_is_lost_in_a_connection)

/* --- Requests and answers --- */

struct service {
	struct job *job;
	struct sockaddr_in addr;
	int listener;
	int asked, answered, given_up;
};

static void answer(struct rt *rt, void *arg)
{
	struct service *service = arg;

	for (;;) {
		unsigned char buf[40];
		size_t got = 0;
		ssize_t n = 1;
		int fd = io_accept(rt, service->listener, NULL, DEADLINE_NEVER);

		if (fd < 0)
			break;
		while (n > 0 && got < sizeof(buf)) {
			n = io_recv(rt, fd, buf + got, sizeof(buf) - got,
				    DEADLINE_NEVER);
			got += n > 0 ? (size_t)n : 0;
		}
		if (lot(service->job, 3) == 0)
			task_sleep(rt, soon(rt, service->job, 5000));
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] ^= 0xff;
		if (got == sizeof(buf))
			io_send_all(rt, fd, buf, sizeof(buf), NULL,
				    DEADLINE_NEVER);
		io_close(rt, fd);
	}
}

/* The rest of an answer that begins with `n` bytes: whether all is right. */
static bool is_answer(struct rt *rt, int fd, unsigned char *in, ssize_t n,
		      unsigned char want)
{
	size_t got = 0;

	while (n > 0) {
		got += (size_t)n;
		n = got < 40 ? io_recv(rt, fd, in + got, 40 - got,
				       DEADLINE_NEVER)
			     : 0;
	}
	for (size_t i = 0; i < got; i++)
		if (in[i] != want)
			return false;
	return got == 40;
}

static void ask(struct rt *rt, void *arg)
{
	struct service *service = arg;
	struct job *job = service->job;

	for (int i = 0; i < 10 && !task_cancelled(rt); i++) {
		struct deadline until = soon(rt, job, 20000);
		unsigned char out[40], in[40];
		unsigned char mark = (unsigned char)lot(job, 256);
		bool sent = true;
		ssize_t n;
		int fd = connect_here(rt, &service->addr, until);

		service->asked++;
		memset(out, mark, sizeof(out));
		memset(in, 0, sizeof(in));
		if (fd < 0) {
			service->given_up++;
			continue;
		}
		n = io_exchange(rt, fd, out, sizeof(out), in, sizeof(in), &sent,
				until);
		CHECK(n > 0 || n == -ETIMEDOUT || n == -ECANCELED);
		CHECK(n <= 0 || sent);
		memset(out, 0, sizeof(out));
		if (n > 0 && is_answer(rt, fd, in, n, mark ^ 0xff))
			service->answered++;
		else
			service->given_up++;
		/* Only who was cancelled gets half an answer. */
		CHECK(n <= 0 || task_cancelled(rt) || in[39] == (mark ^ 0xff));
		io_close(rt, fd);
	}
}

static void serve(struct rt *rt, struct job *job)
{
	struct service service = { .job = job };
	struct scope servers, clients;

	close_pipe(rt, job);
	service.listener = listen_here(rt, &service.addr);
	scope_open(rt, &servers, DEADLINE_NEVER);
	scope_open(rt, &clients, DEADLINE_NEVER);
	for (int i = 0; i < 3; i++)
		task_spawn(&servers, "server", TASK_STACK_SMALL, answer,
			   &service);
	for (int i = 0; i < 6; i++)
		task_spawn(&clients, "client", TASK_STACK_SMALL, ask, &service);
	if (lot(job, 3) == 0) {
		task_sleep(rt, soon(rt, job, 50000));
		scope_cancel(&clients, -ECANCELED);
	}
	scope_join(&clients);
	scope_close(&servers);
	io_close(rt, service.listener);
	CHECK_EQ(service.asked, service.answered + service.given_up);
}

static void answers_belong_to_their_requests(void)
{
	in_worlds(serve);
}
SIM_TEST(answers_belong_to_their_requests)

/* --- Descriptors --- */

static void open_something(struct rt *rt, void *arg)
{
	struct job *job = arg;

	while (!task_cancelled(rt)) {
		int fd = io_openat(rt, -100, "/file", 0102, 0600,
				   soon(rt, job, 200));

		CHECK(fd >= 0 || fd == -ETIMEDOUT || fd == -ECANCELED);
		if (fd >= 0)
			io_close(rt, fd);
	}
}

/* Whatever comes of an open whose task is cancelled, nothing stays open
 * (job_main looks). */
static void open_and_cancel(struct rt *rt, struct job *job)
{
	close_pipe(rt, job);
	for (int i = 0; i < 20; i++) {
		struct scope scope;

		scope_open(rt, &scope, DEADLINE_NEVER);
		for (int j = 0; j < 4; j++)
			task_spawn(&scope, "opener", TASK_STACK_SMALL,
				   open_something, job);
		task_sleep(rt, soon(rt, job, 500));
		scope_close(&scope);
	}
}

static void no_descriptor_is_left_open(void)
{
	in_worlds(open_and_cancel);
}
SIM_TEST(no_descriptor_is_left_open)

/* --- Watches and polls --- */

struct seen {
	struct io_watch watch;
	int fired, events;
};

static void see(struct io_watch *watch, int events)
{
	struct seen *seen =
		(struct seen *)((char *)watch - offsetof(struct seen, watch));

	seen->fired++;
	seen->events = events;
}

static void watch_and_stop(struct rt *rt, struct job *job)
{
	char byte;

	for (int i = 0; i < 50; i++) {
		struct seen seen = { 0 };
		bool written = lot(job, 2);
		int before;

		io_watch_start(rt, &seen.watch, job->in, POLLIN, see);
		if (lot(job, 2))
			task_sleep(rt, soon(rt, job, 300));
		if (written)
			CHECK_EQ(io_write(rt, job->out, "x", 1, DEADLINE_NEVER),
				 1);
		if (lot(job, 2))
			task_sleep(rt, soon(rt, job, 300));
		io_watch_stop(rt, &seen.watch);
		before = seen.fired;
		CHECK(!seen.watch.armed);
		CHECK(seen.fired == 0 || (written && seen.events == POLLIN));
		task_sleep(rt, soon(rt, job, 2000));
		CHECK_EQ(seen.fired, before);
		if (written)
			CHECK_EQ(io_read(rt, job->in, &byte, 1, DEADLINE_NEVER),
				 1);
	}
	close_pipe(rt, job);
}

static void a_stopped_watch_says_nothing(void)
{
	in_worlds(watch_and_stop);
}
SIM_TEST(a_stopped_watch_says_nothing)

struct poller {
	struct job *job;
	struct event go_on;
	int polled;
};

static void poll_in_turn(struct rt *rt, void *arg)
{
	struct poller *poller = arg;
	int events;
	char byte;

	for (;;) {
		events = io_poll(rt, poller->job->in, POLLIN, DEADLINE_NEVER);
		if (events & POLLHUP)
			break;
		CHECK_EQ(events, POLLIN);
		CHECK_EQ(io_read(rt, poller->job->in, &byte, 1, DEADLINE_NEVER),
			 1);
		poller->polled++;
		event_set(&poller->go_on);
	}
}

/* One is told of each byte, and then of the end. */
static void poll_a_pipe(struct rt *rt, struct job *job)
{
	struct poller poller = { .job = job };
	struct scope scope;

	event_init(rt, &poller.go_on);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "poller", TASK_STACK_SMALL, poll_in_turn, &poller);
	for (int i = 0; i < 30; i++) {
		CHECK_EQ(io_write(rt, job->out, "x", 1, DEADLINE_NEVER), 1);
		CHECK_EQ(event_wait(&poller.go_on, DEADLINE_NEVER), 0);
		event_clear(&poller.go_on);
	}
	io_close(rt, job->out);
	scope_join(&scope);
	io_close(rt, job->in);
	CHECK_EQ(poller.polled, 30);
}

static void a_poll_is_told(void)
{
	in_worlds(poll_a_pipe);
}
SIM_TEST(a_poll_is_told)

/* --- Deadlines --- */

static void time_out(struct rt *rt, struct job *job)
{
	char byte;

	for (int i = 0; i < 100; i++) {
		struct deadline until = soon(rt, job, 3000);
		int64_t now;

		CHECK_EQ(io_read(rt, job->in, &byte, 1, until), -ETIMEDOUT);
		now = clock_now(rt, CLOCK_ID_MONOTONIC);
		CHECK(now >= until.ns);
		CHECK(until.ns == 0 || now < until.ns + 2 * SIM_MS);
	}
	close_pipe(rt, job);
}

static void operations_end_by_their_deadlines(void)
{
	in_worlds(time_out);
}
SIM_TEST(operations_end_by_their_deadlines)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_byte_is_lost_in_a_pipe),
		cmocka_unit_test(test_no_byte_is_lost_in_a_connection),
		cmocka_unit_test(test_answers_belong_to_their_requests),
		cmocka_unit_test(test_no_descriptor_is_left_open),
		cmocka_unit_test(test_a_stopped_watch_says_nothing),
		cmocka_unit_test(test_a_poll_is_told),
		cmocka_unit_test(test_operations_end_by_their_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
