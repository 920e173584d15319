// SPDX-License-Identifier: MIT
/*
 * Tasks, scopes, channels, events and slots in simulated worlds: what they
 * promise must hold in whatever order things happen and whenever something is
 * cancelled.
 */
#include "tests/sim/sim_fixture.h"

#include "runtime/chan.h"
#include "runtime/event.h"
#include "runtime/slots.h"

#define SEEDS SIM_SEEDS(300)

/* A body that runs as the only process, on machine a, with a lot of its own. */
struct job {
	struct stage s;
	struct sim_random lot;
	void (*body)(struct rt *rt, struct job *job);
	void *arg;
};

static int job_main(struct rt *rt, void *arg)
{
	struct job *job = arg;

	job->body(rt, job);
	CHECK_EQ(sim_inflight(sim_process_of(rt)), 0);
	CHECK_EQ(sim_descriptors(sim_process_of(rt)), 0);
	return 0;
}

/* For each of so many seeds a world with faults that break nothing. */
static void in_worlds(void (*body)(struct rt *rt, struct job *job), int seeds)
{
	for (int seed = 1; seed <= seeds && check_failures == 0; seed++) {
		struct job job = { .body = body };
		struct sim_faults *faults;

		stage_open(&job.s, (uint64_t)seed);
		job.lot.state = (uint64_t)seed;
		faults = sim_faults(job.s.world);
		faults->late_max = seed % 2 ? 200 * SIM_US : 0;
		faults->slow = seed % 3 ? 200000 : 0;
		faults->interrupted = seed % 5 ? 50000 : 0;
		faults->late_cancel = seed % 4 ? 300000 : 0;
		faults->shuffled = seed % 7 ? SIM_ALWAYS / 2 : 0;
		stage_start(&job.s, job.s.a, "job", job_main, &job);
		stage_run(&job.s);
		stage_close(&job.s);
	}
}

static uint32_t lot(struct job *job, uint32_t below)
{
	return sim_random_below(&job->lot, below);
}

/* A wait of up to so many microseconds; sometimes none. */
static struct deadline soon(struct rt *rt, struct job *job, uint32_t us)
{
	struct deadline d = { .clock = lot(job, 2) ? CLOCK_ID_MONOTONIC
						   : CLOCK_ID_BOOTTIME };

	if (lot(job, 8) == 0)
		return DEADLINE_NOW;
	d.ns = clock_now(rt, d.clock) + lot(job, us) * SIM_US;
	return d;
}

/* --- Channels --- */

#define SENDERS 6
#define RECEIVERS 4
#define VALUES 60

struct market {
	struct job *job;
	struct chan *chan;
	struct scope takers;
	int sent[SENDERS], taken[SENDERS][VALUES];
	int last[RECEIVERS][SENDERS];
	int number, receivers;
};

struct value {
	int sender, number;
};

static void sell(struct rt *rt, void *arg)
{
	struct market *market = arg;
	struct job *job = market->job;
	int self = market->number++;

	while (market->sent[self] < VALUES) {
		struct value value = { self, market->sent[self] };
		struct deadline until = lot(job, 2) ? DEADLINE_NEVER
						    : soon(rt, job, 300);
		int err = chan_send(market->chan, &value, until);

		CHECK(err == 0 || err == -ETIMEDOUT);
		market->sent[self] += err == 0;
		if (lot(job, 4) == 0)
			task_sleep(rt, soon(rt, job, 100));
	}
}

static void buy(struct rt *rt, void *arg)
{
	struct market *market = arg;
	struct job *job = market->job;
	int self = market->receivers++;
	struct value value;
	int err;

	do {
		struct deadline until = lot(job, 2) ? DEADLINE_NEVER
						    : soon(rt, job, 300);

		err = chan_recv(market->chan, &value, until);
		if (err == 0) {
			market->taken[value.sender][value.number]++;
			/* Nobody sees one sender's values out of order. */
			CHECK(value.number >= market->last[self][value.sender]);
			market->last[self][value.sender] = value.number;
		}
		if (lot(job, 4) == 0)
			task_sleep(rt, soon(rt, job, 100));
	} while (err == 0 || err == -ETIMEDOUT);
	CHECK(err == -EPIPE || err == -ECANCELED);
}

/* What was sent is received once, although calls time out and receivers are
 * cancelled and replaced by others. */
static void trade(struct rt *rt, struct job *job)
{
	struct market market = { .job = job };
	struct scope sellers;
	struct value value;

	market.chan = chan_new(rt, sizeof(struct value), lot(job, 4));
	scope_open(rt, &sellers, DEADLINE_NEVER);
	scope_open(rt, &market.takers, DEADLINE_NEVER);
	for (int i = 0; i < SENDERS; i++)
		task_spawn(&sellers, "seller", TASK_STACK_SMALL, sell, &market);
	for (int i = 0; i < 3; i++) {
		market.receivers = 0;
		memset(market.last, 0, sizeof(market.last));
		for (int j = 0; j < RECEIVERS; j++)
			task_spawn(&market.takers, "buyer", TASK_STACK_SMALL,
				   buy, &market);
		task_sleep(rt, soon(rt, job, 3000));
		if (i == 2)
			break;
		scope_close(&market.takers);
		scope_open(rt, &market.takers, DEADLINE_NEVER);
	}
	scope_join(&sellers);
	chan_close(market.chan);
	scope_join(&market.takers);
	CHECK_EQ(chan_recv(market.chan, &value, DEADLINE_NEVER), -EPIPE);
	CHECK_EQ(chan_send(market.chan, &value, DEADLINE_NEVER), -EPIPE);
	for (int i = 0; i < SENDERS; i++)
		for (int n = 0; n < VALUES; n++)
			CHECK_EQ(market.taken[i][n], 1);
	chan_free(market.chan);
}

static void channels_lose_and_double_nothing(void)
{
	in_worlds(trade, SEEDS);
}
SIM_TEST(channels_lose_and_double_nothing)

struct line {
	struct job *job;
	struct chan *chan;
	struct slots slots;
	int come, served, inside, most;
};

static void stand_in_line(struct rt *rt, void *arg)
{
	struct line *line = arg;
	int place, value;

	task_sleep(rt, soon(rt, line->job, 2000));
	place = line->come++;
	if (chan_recv(line->chan, &value, DEADLINE_NEVER) == 0) {
		CHECK_EQ(place, value);
		line->served++;
	}
}

static void serve_in_order(struct rt *rt, struct job *job)
{
	struct line line = { .job = job };
	struct scope scope;

	line.chan = chan_new(rt, sizeof(int), 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 30; i++)
		task_spawn(&scope, "guest", TASK_STACK_SMALL, stand_in_line,
			   &line);
	for (int i = 0; i < 30; i++) {
		task_sleep(rt, soon(rt, job, 200));
		CHECK_EQ(chan_send(line.chan, &i, DEADLINE_NEVER), 0);
	}
	scope_join(&scope);
	CHECK_EQ(line.served, 30);
	chan_free(line.chan);
}

static void who_comes_first_is_served_first(void)
{
	in_worlds(serve_in_order, SEEDS);
}
SIM_TEST(who_comes_first_is_served_first)

/* --- Slots --- */

static void use_slot(struct rt *rt, void *arg)
{
	struct line *line = arg;
	struct job *job = line->job;

	for (int i = 0; i < 5; i++) {
		struct deadline until = lot(job, 2) ? DEADLINE_NEVER
						    : soon(rt, job, 300);
		int err = slots_take(&line->slots, until);

		CHECK(err == 0 || err == -ETIMEDOUT || err == -ECANCELED);
		if (err != 0)
			continue;
		line->served++;
		if (++line->inside > line->most)
			line->most = line->inside;
		task_sleep(rt, soon(rt, job, 50));
		line->inside--;
		slots_give(&line->slots);
	}
}

static void share_slots(struct rt *rt, struct job *job)
{
	struct line line = { .job = job };
	uint32_t count = 1 + lot(job, 4);
	struct scope stay, leave;

	slots_init(rt, &line.slots, count);
	scope_open(rt, &stay, DEADLINE_NEVER);
	scope_open(rt, &leave, DEADLINE_NEVER);
	for (int i = 0; i < 24; i++)
		task_spawn(i % 2 ? &stay : &leave, "user", TASK_STACK_SMALL,
			   use_slot, &line);
	task_sleep(rt, soon(rt, job, 2000));
	scope_close(&leave);
	scope_join(&stay);
	CHECK(line.most <= (int)count);
	CHECK_EQ(line.slots.free, count);
	CHECK_EQ(line.slots.waiting, 0);
}

static void slots_are_given_back_whatever_happens(void)
{
	in_worlds(share_slots, SEEDS);
}
SIM_TEST(slots_are_given_back_whatever_happens)

/* --- Events, conds, deadlines --- */

struct alarm {
	struct job *job;
	struct event event;
	struct cond cond;
	int64_t set_at[CLOCK_ID_COUNT]; /* 0: not yet */
	int state, woken, timed_out;
};

static void wait_for_alarm(struct rt *rt, void *arg)
{
	struct alarm *alarm = arg;
	struct deadline until = soon(rt, alarm->job, 2000);
	int err = event_wait(&alarm->event, until);
	int64_t now = clock_now(rt, until.clock);

	if (err == -ETIMEDOUT) {
		CHECK(now >= until.ns);
		CHECK(until.ns == 0 || now < until.ns + SIM_MS);
		CHECK(alarm->set_at[until.clock] == 0 ||
		      until.ns < alarm->set_at[until.clock] + SIM_MS);
		alarm->timed_out++;
		return;
	}
	CHECK_EQ(err, 0);
	/* Not later than it takes to come round to it. */
	CHECK(now < alarm->set_at[until.clock] + SIM_MS);
	alarm->woken++;
}

static void wait_for_state(struct rt *rt, void *arg)
{
	struct alarm *alarm = arg;

	task_sleep(rt, soon(rt, alarm->job, 2000));
	while (alarm->state == 0)
		CHECK_EQ(cond_wait(&alarm->cond, DEADLINE_NEVER), 0);
	alarm->state--;
	alarm->woken++;
}

static void sound_alarm(struct rt *rt, struct job *job)
{
	struct alarm alarm = { .job = job };
	struct scope scope;

	event_init(rt, &alarm.event);
	cond_init(rt, &alarm.cond);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 20; i++)
		task_spawn(&scope, "waiter", TASK_STACK_SMALL, wait_for_alarm,
			   &alarm);
	task_sleep(rt, soon(rt, job, 2000));
	for (int i = 0; i < CLOCK_ID_COUNT; i++)
		alarm.set_at[i] = clock_now(rt, (enum clock_id)i);
	event_set(&alarm.event);
	scope_join(&scope);
	CHECK_EQ(alarm.woken + alarm.timed_out, 20);

	alarm.woken = 0;
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 20; i++)
		task_spawn(&scope, "waiter", TASK_STACK_SMALL, wait_for_state,
			   &alarm);
	for (int i = 0; i < 20; i++) {
		task_sleep(rt, soon(rt, job, 200));
		alarm.state++;
		cond_signal(&alarm.cond);
	}
	scope_join(&scope);
	CHECK_EQ(alarm.woken, 20);
}

static void no_wakeup_is_lost(void)
{
	in_worlds(sound_alarm, SEEDS);
}
SIM_TEST(no_wakeup_is_lost)

/* --- Scopes --- */

struct family {
	struct job *job;
	struct chan *chan;
	struct scope *root;
	int alive, born, depth;
};

static void live(struct rt *rt, void *arg);

/* Waits in one way or another: the reason to end, or 0. */
static int idle_somehow(struct rt *rt, struct family *family)
{
	struct job *job = family->job;
	struct event never;
	int value, err;

	switch (lot(job, 4)) {
	case 0:
		err = task_sleep(rt, soon(rt, job, 500));
		break;
	case 1:
		err = chan_recv(family->chan, &value, soon(rt, job, 500));
		break;
	case 2:
		err = task_yield(rt);
		break;
	default:
		event_init(rt, &never);
		err = event_wait(&never, soon(rt, job, 500));
		CHECK(err != 0);
		break;
	}
	return task_cancelled(rt) ? task_cancelled(rt)
				  : (err == -ETIMEDOUT ? 0 : err);
}

static void have_children(struct rt *rt, struct family *family)
{
	struct job *job = family->job;
	struct deadline until = lot(job, 2) ? DEADLINE_NEVER
					    : soon(rt, job, 1000);
	int before = family->alive, reason;
	uint32_t count = 1 + lot(job, 4);
	struct scope scope;

	(void)before;
	scope_open(rt, &scope, until);
	family->depth++;
	for (uint32_t i = 0; i < count; i++)
		task_spawn(&scope, "child", TASK_STACK_SMALL, live, family);
	if (lot(job, 3) == 0)
		scope_cancel(&scope, -ECANCELED);
	reason = scope_join(&scope);
	CHECK(reason == 0 || reason == -ECANCELED || reason == -ETIMEDOUT);
	CHECK_EQ(scope.count, 0);
	family->depth--;
}

static void live(struct rt *rt, void *arg)
{
	struct family *family = arg;
	struct job *job = family->job;
	int err = 0;

	family->alive++;
	family->born++;
	for (int i = 0; i < 6 && err == 0; i++) {
		if (family->depth < 6 && family->born < 3000 &&
		    lot(job, 3) == 0)
			have_children(rt, family);
		err = idle_somehow(rt, family);
	}
	/* A cancelled task is not let wait again. */
	if (task_cancelled(rt)) {
		int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);

		CHECK_EQ(task_sleep(rt, DEADLINE_NEVER), task_cancelled(rt));
		CHECK_EQ(clock_now(rt, CLOCK_ID_MONOTONIC), now);
	}
	family->alive--;
}

static void raise_families(struct rt *rt, struct job *job)
{
	struct family family = { .job = job };
	struct scope scope;

	family.chan = chan_new(rt, sizeof(int), 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 5; i++)
		task_spawn(&scope, "elder", TASK_STACK_SMALL, live, &family);
	if (lot(job, 2)) {
		task_sleep(rt, soon(rt, job, 3000));
		scope_close(&scope);
	}
	scope_join(&scope);
	CHECK_EQ(family.alive, 0);
	CHECK(family.born >= 5);
	chan_free(family.chan);
}

static void families_end_from_the_youngest(void)
{
	in_worlds(raise_families, SEEDS);
}
SIM_TEST(families_end_from_the_youngest)

struct inn {
	struct job *job;
	struct scope scope;
	bool closed;
	int guests;
};

static void stay_a_while(struct rt *rt, void *arg)
{
	struct inn *inn = arg;

	task_sleep(rt, soon(rt, inn->job, 20));
	inn->guests--;
}

static void bring_guests(struct rt *rt, void *arg)
{
	struct inn *inn = arg;

	for (int i = 0; i < 50 && !inn->closed; i++) {
		if (task_spawn(&inn->scope, "guest", TASK_STACK_SMALL,
			       stay_a_while, inn) == 0)
			inn->guests++;
		task_sleep(rt, soon(rt, inn->job, 30));
	}
}

/* Who joins a scope finds it empty, although others spawn into it. */
static void run_an_inn(struct rt *rt, struct job *job)
{
	struct inn inn = { .job = job };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &inn.scope, DEADLINE_NEVER);
	for (int i = 0; i < 3; i++)
		task_spawn(&scope, "guide", TASK_STACK_SMALL, bring_guests,
			   &inn);
	task_yield(rt);
	CHECK_EQ(scope_join(&inn.scope), 0);
	CHECK_EQ(inn.scope.count, 0);
	CHECK_EQ(inn.guests, 0);
	inn.closed = true;
	scope_join(&scope);
}

static void a_joined_scope_is_empty(void)
{
	in_worlds(run_an_inn, SEEDS);
}
SIM_TEST(a_joined_scope_is_empty)

/* --- Thousands --- */

struct crowd {
	struct job *job;
	int64_t latest;
	int ended;
};

static void wake_in_time(struct rt *rt, void *arg)
{
	struct crowd *crowd = arg;
	struct job *job = crowd->job;
	int64_t due =
		clock_now(rt, CLOCK_ID_MONOTONIC) + lot(job, 1000000) * SIM_US;
	struct deadline until = { .ns = due, .slack_ms = lot(job, 20) };
	int64_t now;

	CHECK_EQ(task_sleep(rt, until), 0);
	now = clock_now(rt, CLOCK_ID_MONOTONIC);
	CHECK(now >= due);
	CHECK(now < due + until.slack_ms * SIM_MS + 5 * SIM_MS);
	crowd->ended++;
}

static void gather(struct rt *rt, struct job *job)
{
	struct crowd crowd = { .job = job };
	struct scope scope, gone;

	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &gone, DEADLINE_NEVER);
	for (int i = 0; i < 4000; i++)
		CHECK_EQ(task_spawn(&scope, "one", TASK_STACK_SMALL,
				    wake_in_time, &crowd),
			 0);
	scope_join(&scope);
	CHECK_EQ(crowd.ended, 4000);
	scope_close(&gone);
}

static void thousands_wake_in_time(void)
{
	in_worlds(gather, 5);
}
SIM_TEST(thousands_wake_in_time)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channels_lose_and_double_nothing),
		cmocka_unit_test(test_who_comes_first_is_served_first),
		cmocka_unit_test(test_slots_are_given_back_whatever_happens),
		cmocka_unit_test(test_no_wakeup_is_lost),
		cmocka_unit_test(test_families_end_from_the_youngest),
		cmocka_unit_test(test_a_joined_scope_is_empty),
		cmocka_unit_test(test_thousands_wake_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
