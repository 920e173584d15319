// SPDX-License-Identifier: MIT
/* Time, processes, pipes and what the world finds out by itself. */
#include "tests/sim/sim_fixture.h"

#include <poll.h>
#include <sys/inotify.h>

#include "runtime/event.h"

/* --- Time --- */

static int sleeps_a_day(struct rt *rt, void *arg)
{
	int64_t before = clock_now(rt, CLOCK_ID_MONOTONIC);
	int64_t *slept = arg;

	for (int i = 0; i < 24 * 60; i++)
		CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 60000)), 0);
	*slept = clock_now(rt, CLOCK_ID_MONOTONIC) - before;
	return 7;
}

static void time_passes_only_where_something_happens(void)
{
	struct stage s;
	int64_t slept = 0;

	stage_open(&s, 1);
	stage_start(&s, s.a, "sleeper", sleeps_a_day, &slept);
	stage_run(&s);
	CHECK(slept >= 86400 * SIM_S);
	CHECK(slept < 86600 * SIM_S); /* deadlines have some slack */
	stage_close(&s);
}
SIM_TEST(time_passes_only_where_something_happens)

struct clocks {
	int64_t mono, boot, wall;
	struct sim_event event;
	struct sim_machine *machine;
};

static int watches_clocks(struct rt *rt, void *arg)
{
	struct clocks *c = arg;
	int64_t mono = clock_now(rt, CLOCK_ID_MONOTONIC);
	int64_t boot = clock_now(rt, CLOCK_ID_BOOTTIME);
	int64_t wall = clock_wall(rt);

	CHECK(boot >= mono);
	CHECK_EQ(task_sleep(rt, deadline_cadence(boot + 10 * SIM_S, 0)), 0);
	c->mono = clock_now(rt, CLOCK_ID_MONOTONIC) - mono;
	c->boot = clock_now(rt, CLOCK_ID_BOOTTIME) - boot;
	c->wall = clock_wall(rt) - wall;
	return 0;
}

static void suspend(struct sim_event *event)
{
	struct clocks *c = (struct clocks *)((char *)event -
					     offsetof(struct clocks, event));

	sim_suspend(c->machine, 3600 * SIM_S);
}

/* A cadence is due at once after a suspend; MONOTONIC knows nothing of it. */
static void a_suspend_stops_one_clock(void)
{
	struct clocks c = { 0 };
	struct stage s;

	stage_open(&s, 2);
	c.machine = s.a;
	stage_start(&s, s.a, "sleeper", watches_clocks, &c);
	sim_at(s.world, &c.event, 4 * SIM_S, suspend);
	stage_run(&s);
	CHECK(c.mono >= 3 * SIM_S && c.mono < 5 * SIM_S);
	CHECK(c.boot >= 3603 * SIM_S && c.boot < 3605 * SIM_S);
	CHECK(c.wall >= 3603 * SIM_S && c.wall < 3605 * SIM_S);
	stage_close(&s);
}
SIM_TEST(a_suspend_stops_one_clock)

static void set_clock(struct sim_event *event)
{
	struct clocks *c = (struct clocks *)((char *)event -
					     offsetof(struct clocks, event));

	sim_set_wall(c->machine, -86400 * SIM_S);
}

static void a_clock_that_is_set_moves_nothing_else(void)
{
	struct clocks c = { 0 };
	struct stage s;

	stage_open(&s, 3);
	c.machine = s.a;
	stage_start(&s, s.a, "sleeper", watches_clocks, &c);
	sim_at(s.world, &c.event, 4 * SIM_S, set_clock);
	stage_run(&s);
	CHECK(c.mono >= 10 * SIM_S && c.mono < 11 * SIM_S);
	CHECK(c.boot >= 10 * SIM_S && c.boot < 11 * SIM_S);
	CHECK(c.wall < -86000 * SIM_S);
	stage_close(&s);
}
SIM_TEST(a_clock_that_is_set_moves_nothing_else)

static int sleeps_shortly(struct rt *rt, void *arg)
{
	int64_t *late = arg;
	int64_t due = clock_now(rt, CLOCK_ID_BOOTTIME) + SIM_S;

	task_sleep(rt, deadline_cadence(due, 0));
	*late = clock_now(rt, CLOCK_ID_BOOTTIME) - due;
	return 0;
}

static void sleepers_are_woken_late_but_not_early(void)
{
	bool some_late = false;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct stage s;
		int64_t late = -1;

		stage_open(&s, seed);
		sim_faults(s.world)->late_max = 50 * SIM_MS;
		stage_start(&s, s.a, "sleeper", sleeps_shortly, &late);
		stage_run(&s);
		CHECK(late >= 0 && late < 51 * SIM_MS);
		some_late = some_late || late > 10 * SIM_MS;
		stage_close(&s);
	}
	CHECK(some_late);
}
SIM_TEST(sleepers_are_woken_late_but_not_early)

/* --- The seed --- */

static int busy(struct rt *rt, void *arg)
{
	unsigned char bytes[8];

	(void)arg;
	for (int i = 0; i < 50; i++) {
		io_random(rt, bytes, sizeof(bytes));
		task_sleep(rt, deadline_in_ms(rt, bytes[0]));
		io_mkdirat(rt, -100, "/x", 0700, DEADLINE_NEVER);
		io_unlinkat(rt, -100, "/x", 0x200, DEADLINE_NEVER);
	}
	return 0;
}

static uint64_t digest_of(uint64_t seed)
{
	struct stage s;

	stage_open(&s, seed);
	sim_faults(s.world)->slow = 100000;
	for (int i = 0; i < 4; i++)
		stage_start(&s, i % 2 ? s.a : s.b, "busy", busy, NULL);
	stage_run(&s);
	return stage_close(&s);
}

static void a_seed_decides_everything(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		uint64_t digest = digest_of(seed);

		CHECK(digest_of(seed) == digest);
		CHECK(digest_of(seed + 1) != digest);
	}
}
SIM_TEST(a_seed_decides_everything)

/* --- Pipes --- */

#define LINES 400

struct talk {
	int reader_fd, writer_fd;
	int read;
	ssize_t last;
};

static int writes_lines(struct rt *rt, void *arg)
{
	struct talk *talk = arg;
	char line[64];

	for (int i = 0; i < LINES; i++) {
		int len = snprintf(line, sizeof(line), "line %d\n", i);

		CHECK_EQ(io_write_all(rt, talk->writer_fd, line, (size_t)len,
				      NULL, DEADLINE_NEVER),
			 0);
	}
	io_close(rt, talk->writer_fd);
	return 0;
}

static int reads_lines(struct rt *rt, void *arg)
{
	struct talk *talk = arg;
	char buf[100], line[64], want[64];
	size_t len = 0;
	ssize_t n;

	while ((n = io_read(rt, talk->reader_fd, buf, sizeof(buf),
			    DEADLINE_NEVER)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			line[len++] = buf[i];
			if (buf[i] != '\n')
				continue;
			snprintf(want, sizeof(want), "line %d\n", talk->read++);
			CHECK(len == strlen(want) &&
			      memcmp(line, want, len) == 0);
			len = 0;
		}
	talk->last = n;
	io_close(rt, talk->reader_fd);
	return 0;
}

static void a_pipe_carries_all_in_order(void)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct talk talk = { .reader_fd = 0, .writer_fd = 1 };
		struct sim_process *reader, *writer;
		struct stage s;

		stage_open(&s, seed);
		sim_faults(s.world)->short_io = 300000;
		sim_faults(s.world)->slow = 100000;
		sim_faults(s.world)->interrupted = 100000;
		reader = stage_start(&s, s.a, "reader", reads_lines, &talk);
		writer = stage_start(&s, s.a, "writer", writes_lines, &talk);
		sim_pipe(reader, &talk.reader_fd, writer, &talk.writer_fd,
			 1 + (uint32_t)seed * 7);
		stage_run(&s);
		CHECK_EQ(talk.read, LINES);
		CHECK_EQ(talk.last, 0);
		stage_close(&s);
	}
}
SIM_TEST(a_pipe_carries_all_in_order)

static int reads_nothing(struct rt *rt, void *arg)
{
	struct talk *talk = arg;

	task_sleep(rt, deadline_in_ms(rt, 1000));
	io_close(rt, talk->reader_fd);
	return 0;
}

static int fills(struct rt *rt, void *arg)
{
	struct talk *talk = arg;
	char data[100] = { 0 };
	size_t done;

	CHECK_EQ(io_write(rt, talk->writer_fd, data, 100,
			  deadline_in_ms(rt, 10)),
		 64);
	CHECK_EQ(io_write_all(rt, talk->writer_fd, data, 1, &done,
			      deadline_in_ms(rt, 10)),
		 -ETIMEDOUT);
	CHECK_EQ(io_poll(rt, talk->writer_fd, POLLOUT, deadline_in_ms(rt, 10)),
		 -ETIMEDOUT);
	talk->last = io_write(rt, talk->writer_fd, data, 1, DEADLINE_NEVER);
	CHECK(io_poll(rt, talk->writer_fd, POLLOUT, DEADLINE_NEVER) & POLLERR);
	return 0;
}

static void a_pipe_is_full_and_then_broken(void)
{
	struct talk talk = { .reader_fd = -1, .writer_fd = -1 };
	struct sim_process *reader, *writer;
	struct stage s;

	stage_open(&s, 4);
	reader = stage_start(&s, s.a, "reader", reads_nothing, &talk);
	writer = stage_start(&s, s.a, "writer", fills, &talk);
	sim_pipe(reader, &talk.reader_fd, writer, &talk.writer_fd, 64);
	stage_run(&s);
	CHECK_EQ(talk.last, -EPIPE);
	stage_close(&s);
}
SIM_TEST(a_pipe_is_full_and_then_broken)

/* --- Ends of processes --- */

struct victim {
	struct stage *stage;
	struct sim_process *process;
	struct sim_event event;
	struct talk talk;
	int killed, steps;
};

static void strike(struct sim_event *event)
{
	struct victim *victim =
		(struct victim *)((char *)event -
				  offsetof(struct victim, event));

	sim_kill(victim->process);
}

static void hold(struct rt *rt, void *arg)
{
	(void)arg;
	task_sleep(rt, DEADLINE_NEVER);
}

static int lives_on(struct rt *rt, void *arg)
{
	struct victim *victim = arg;
	struct scope scope;
	char byte;

	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 20; i++)
		task_spawn(&scope, "holder", TASK_STACK_SMALL, hold, NULL);
	for (;;) {
		victim->steps++;
		io_read(rt, victim->talk.reader_fd, &byte, 1,
			deadline_in_ms(rt, 100));
	}
	return 0;
}

static int notices(struct rt *rt, void *arg)
{
	struct victim *victim = arg;

	victim->talk.last =
		io_poll(rt, victim->talk.writer_fd, POLLERR, DEADLINE_NEVER);
	return 0;
}

static void died(struct sim_process *process, void *arg, int result,
		 bool killed)
{
	struct victim *victim = arg;

	(void)process;
	(void)result;
	victim->killed += killed;
	victim->stage->running--;
}

static void a_killed_process_leaves_nothing(void)
{
	struct victim victim = { .talk = { .reader_fd = 0, .writer_fd = 0 } };
	struct sim_process *other;
	struct stage s;

	stage_open(&s, 5);
	victim.stage = &s;
	s.running++;
	victim.process =
		sim_process_start(s.a, &(struct sim_program){ .name = "victim",
							      .main = lives_on,
							      .arg = &victim,
							      .ended = died });
	other = stage_start(&s, s.a, "other", notices, &victim);
	sim_pipe(victim.process, &victim.talk.reader_fd, other,
		 &victim.talk.writer_fd, 10);
	sim_at(s.world, &victim.event, 3 * SIM_S, strike);
	stage_run(&s);
	CHECK_EQ(victim.killed, 1);
	CHECK(victim.steps > 25 && victim.steps < 35);
	CHECK_EQ(victim.talk.last, POLLERR);
	CHECK_EQ(s.running, 0);
	stage_close(&s);
}
SIM_TEST(a_killed_process_leaves_nothing)

struct pair {
	int first_pid;
	bool told;
	int before, after;
};

static int holds_a_lock(struct rt *rt, void *arg)
{
	struct pair *pair = arg;
	int fd = io_openat(rt, -100, "/lock", 0101, 0600, DEADLINE_NEVER);

	CHECK_EQ(io_flock(rt, fd, 2 | 4), 0);
	pair->first_pid = io_getpid(rt);
	task_sleep(rt, deadline_in_ms(rt, 1000));
	return 0; /* its end closes the file */
}

static int waits_for_the_lock(struct rt *rt, void *arg)
{
	struct pair *pair = arg;
	struct inotify_event event;
	int fd, events, process;

	task_sleep(rt, deadline_in_ms(rt, 500));
	fd = io_openat(rt, -100, "/lock", 0101, 0600, DEADLINE_NEVER);
	pair->before = io_flock(rt, fd, 2 | 4);
	process = io_pidfd_open(rt, pair->first_pid);
	CHECK(process >= 0);
	events = io_inotify_open(rt);
	CHECK(io_inotify_add(rt, events, "/lock", IN_CLOSE_WRITE) > 0);
	CHECK_EQ(io_read_now(rt, events, &event, sizeof(event)), -EAGAIN);
	CHECK_EQ(io_poll(rt, events, POLLIN, DEADLINE_NEVER), POLLIN);
	CHECK_EQ(io_read_now(rt, events, &event, sizeof(event)), sizeof(event));
	CHECK_EQ(event.mask, IN_CLOSE_WRITE);
	CHECK_EQ(io_poll(rt, process, POLLIN, DEADLINE_NEVER), POLLIN);
	task_sleep(rt, deadline_in_ms(rt, 1));
	pair->after = io_flock(rt, fd, 2 | 4);
	pair->told = true;
	return 0;
}

static void a_lock_goes_with_its_process_and_that_is_told(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct pair pair = { 0 };
		struct stage s;

		stage_open(&s, seed);
		stage_start(&s, s.a, "first", holds_a_lock, &pair);
		stage_start(&s, s.a, "second", waits_for_the_lock, &pair);
		stage_run(&s);
		CHECK(pair.told);
		CHECK_EQ(pair.before, -EWOULDBLOCK);
		CHECK_EQ(pair.after, 0);
		stage_close(&s);
	}
}
SIM_TEST(a_lock_goes_with_its_process_and_that_is_told)

/* --- What the world finds out --- */

static void expect(int (*main)(struct rt *rt, void *arg), const char *what)
{
	struct victim victim = { .talk = { .reader_fd = 0, .writer_fd = 1 } };
	struct sim_process *process;
	struct stage s;

	stage_open(&s, 6);
	s.failure_wanted = true;
	process = stage_start(&s, s.a, "wrong", main, &victim);
	sim_pipe(process, &victim.talk.reader_fd, process,
		 &victim.talk.writer_fd, 10);
	stage_run(&s);
	if (!strstr(sim_failure(s.world), what)) {
		fprintf(stderr, "\"%s\" does not say \"%s\"\n",
			sim_failure(s.world), what);
		check_failures++;
	}
	stage_close(&s);
}

static void read_pipe(struct rt *rt, void *arg)
{
	struct victim *victim = arg;
	char byte;

	io_read(rt, victim->talk.reader_fd, &byte, 1, DEADLINE_NEVER);
}

static int closes_too_early(struct rt *rt, void *arg)
{
	struct victim *victim = arg;
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "reader", TASK_STACK_SMALL, read_pipe, victim);
	task_yield(rt);
	io_close(rt, victim->talk.reader_fd);
	scope_close(&scope);
	return 0;
}

static int closes_twice(struct rt *rt, void *arg)
{
	(void)arg;
	io_close(rt, 0);
	io_close(rt, 0);
	return 0;
}

static int uses_what_is_closed(struct rt *rt, void *arg)
{
	char byte = 0;

	(void)arg;
	io_close(rt, 1);
	io_write(rt, 1, &byte, 1, DEADLINE_NEVER);
	return 0;
}

static void nothing(struct io_watch *watch, int events)
{
	(void)watch;
	(void)events;
}

/* The watch's memory is used again while it is armed. */
static int reuses_memory(struct rt *rt, void *arg)
{
	static struct io_watch watch;

	(void)arg;
	io_watch_start(rt, &watch, 0, POLLIN, nothing);
	memset(&watch.op, 0, sizeof(watch.op));
	io_write(rt, 1, "x", 1, DEADLINE_NEVER);
	task_sleep(rt, deadline_in_ms(rt, 10));
	return 0;
}

static int ends_with_a_watch(struct rt *rt, void *arg)
{
	static struct io_watch watch;

	(void)arg;
	io_watch_start(rt, &watch, 0, POLLIN, nothing);
	return 0;
}

static int yields_for_ever(struct rt *rt, void *arg)
{
	(void)arg;
	for (;;)
		task_yield(rt);
	return 0;
}

static int waits_for_nothing(struct rt *rt, void *arg)
{
	struct event never;

	(void)arg;
	event_init(rt, &never);
	for (;;)
		event_wait(&never, DEADLINE_NOW);
	return 0;
}

static void misuse_is_found(void)
{
	expect(closes_too_early, "while an operation waits");
	expect(closes_twice, "which is not open");
	expect(uses_what_is_closed, "which is not open");
	expect(reuses_memory, "has changed while it was under way");
	expect(ends_with_a_watch, "operations under way");
	expect(waits_for_nothing, "spins");
	expect(yields_for_ever, "spins");
}
SIM_TEST(misuse_is_found)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_passes_only_where_something_happens),
		cmocka_unit_test(test_a_suspend_stops_one_clock),
		cmocka_unit_test(test_a_clock_that_is_set_moves_nothing_else),
		cmocka_unit_test(test_sleepers_are_woken_late_but_not_early),
		cmocka_unit_test(test_a_seed_decides_everything),
		cmocka_unit_test(test_a_pipe_carries_all_in_order),
		cmocka_unit_test(test_a_pipe_is_full_and_then_broken),
		cmocka_unit_test(test_a_killed_process_leaves_nothing),
		cmocka_unit_test(
			test_a_lock_goes_with_its_process_and_that_is_told),
		cmocka_unit_test(test_misuse_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
