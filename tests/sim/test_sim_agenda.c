// SPDX-License-Identifier: MIT
/*
 * The agenda: who goes first of those that are due, what becomes of one that is
 * put off or dropped while it has its turn before it, and when it wakes.
 */
#include "tests/sim/agenda_fixture.h"

#define FIRST AGENDA_FIRST
#define LATER AGENDA_LATER
#define FIRST_MAX (AGENDA_RUNNING_MAX - AGENDA_LATER_MAX)
#define HOUR_MS 3600000

/* Whether these have run once, each before the next. */
static void check_in_order(struct job *const *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(jobs[i]->runs, 1);
		if (i > 0)
			CHECK(jobs[i]->order > jobs[i - 1]->order);
	}
}

#define IN_ORDER(...)                                                          \
	check_in_order((struct job *const[]){ __VA_ARGS__ },                   \
		       sizeof((struct job *const[]){ __VA_ARGS__ }) /          \
			       sizeof(struct job *))

static void first_while_later_is_full(struct hall *h)
{
	struct job a = job_of(h, LATER), b = job_of(h, LATER);
	struct job c = job_of(h, FIRST), d = job_of(h, FIRST);

	hall_take(h, LATER, AGENDA_LATER_MAX);
	job_at(&a, 0, 0);
	hall_wait(h, 1);
	CHECK(a.item.ready);
	job_at(&c, 0, 0);
	job_at(&b, 0, 0);
	hall_wait(h, 1);
	job_at(&d, 5, 0);
	hall_wait(h, 10);
	CHECK_EQ(c.runs, 1);
	CHECK_EQ(d.runs, 1);
	CHECK_EQ(a.order, 0);
	CHECK_EQ(b.order, 0);
	hall_open_gate(h);
	IN_ORDER(&c, &d, &a, &b);
}

static void first_when_all_is_full(struct hall *h)
{
	struct job a = job_of(h, LATER), b = job_of(h, FIRST);
	struct job c = job_of(h, LATER), d = job_of(h, FIRST);

	hall_take(h, LATER, AGENDA_LATER_MAX);
	hall_take(h, FIRST, FIRST_MAX);
	job_at(&a, -4, 0);
	job_at(&b, -1, 0);
	job_at(&c, -3, 0);
	job_at(&d, -2, 0);
	hall_wait(h, 10);
	CHECK(a.order + b.order + c.order + d.order == 0);
	hall_open_gate(h);
	IN_ORDER(&d, &b, &a, &c);
}

/* Those of one class, by when they were due and then by who asked first. */
static void by_due_then_turn(struct hall *h, enum agenda_class class)
{
	static const int dues[] = { -5, -3, -5, -1, -3, -3, -9, -1, -5, -9 };
	enum { COUNT = sizeof(dues) / sizeof(*dues) };
	struct job jobs[COUNT];

	hall_wait(h, 20);
	for (int i = 0; i < COUNT; i++) {
		jobs[i] = job_of(h, class);
		job_at(&jobs[i], dues[i], 0);
	}
	hall_wait(h, 1);
	if (h->taken > 0) {
		for (int i = 0; i < COUNT; i++)
			CHECK_EQ(jobs[i].order, 0);
		hall_open_gate(h);
	}
	for (int i = 0; i < COUNT; i++) {
		CHECK_EQ(jobs[i].runs, 1);
		for (int k = i + 1; k < COUNT; k++)
			CHECK((jobs[i].order < jobs[k].order) ==
			      (dues[i] <= dues[k]));
	}
}

static void order_of_first(struct hall *h)
{
	by_due_then_turn(h, FIRST);
}

static void order_of_later(struct hall *h)
{
	by_due_then_turn(h, LATER);
}

static void order_of_later_that_wait(struct hall *h)
{
	hall_take(h, LATER, AGENDA_LATER_MAX);
	by_due_then_turn(h, LATER);
}

static void order_of_first_that_wait(struct hall *h)
{
	hall_take(h, LATER, AGENDA_LATER_MAX);
	hall_take(h, FIRST, FIRST_MAX);
	by_due_then_turn(h, FIRST);
}

/* What becomes due while others have their turn before it goes behind them. */
static void one_after_the_other(struct hall *h)
{
	struct job a = job_of(h, LATER), b = job_of(h, LATER);
	struct job c = job_of(h, LATER), first = job_of(h, FIRST);

	hall_take(h, LATER, AGENDA_LATER_MAX);
	job_at(&c, 30, 0);
	job_at(&b, 20, 0);
	job_at(&a, 10, 0);
	for (int ms = 15; ms <= 35; ms += 10) {
		/* It has the keeper look. */
		job_at(&first, ms, 0);
		hall_wait(h, 10);
	}
	hall_wait(h, 10);
	CHECK(a.item.ready && b.item.ready && c.item.ready);
	hall_open_gate(h);
	IN_ORDER(&a, &b, &c);
}

/* A full house, and three that are ready. */
static void three_ready(struct hall *h, struct job jobs[3])
{
	hall_take(h, LATER, AGENDA_LATER_MAX);
	for (int i = 0; i < 3; i++) {
		jobs[i] = job_of(h, LATER);
		job_at(&jobs[i], i - 3, 0);
	}
	hall_wait(h, 1);
	for (int i = 0; i < 3; i++) {
		CHECK(jobs[i].item.ready);
		CHECK_EQ(agenda_due(&jobs[i].item),
			 h->opened + (i - 3) * CLOCK_NS_PER_MS);
	}
}

/* Whichever of the three it is: it does not run, the others do, in order. */
static void all_but(struct hall *h, struct job jobs[3], int which)
{
	int before = 0;

	hall_open_gate(h);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(jobs[i].runs, i != which);
		if (i == which)
			continue;
		CHECK(jobs[i].order > before);
		before = jobs[i].order;
		CHECK_EQ(agenda_due(&jobs[i].item), INT64_MAX);
	}
	event_clear(&h->gate);
	h->taken = 0;
}

static void ready_and_dropped(struct hall *h)
{
	struct job jobs[3];

	for (int which = 0; which < 3; which++) {
		three_ready(h, jobs);
		agenda_drop(&jobs[which].item);
		CHECK_EQ(agenda_due(&jobs[which].item), INT64_MAX);
		agenda_drop(&jobs[which].item);
		all_but(h, jobs, which);
		/* It can be asked for again. */
		job_at(&jobs[which], 0, 0);
		hall_wait(h, 1);
		CHECK_EQ(jobs[which].runs, 1);
	}
}

static void ready_and_all_dropped(struct hall *h)
{
	struct job jobs[3];

	three_ready(h, jobs);
	for (int i = 0; i < 3; i++)
		agenda_drop(&jobs[(i + 1) % 3].item);
	hall_open_gate(h);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(jobs[i].order, 0);
	job_at(&jobs[1], 0, 0);
	hall_wait(h, 1);
	CHECK_EQ(jobs[1].runs, 1);
}

static void ready_and_put_off(struct hall *h)
{
	struct job jobs[3];

	for (int which = 0; which < 3; which++) {
		int64_t at = which + 1;

		three_ready(h, jobs);
		job_at(&jobs[which], at * HOUR_MS, 0);
		CHECK_EQ(agenda_due(&jobs[which].item),
			 h->opened + at * HOUR_MS * CLOCK_NS_PER_MS);
		all_but(h, jobs, which);
		hall_wait(h, HOUR_MS / 2);
		CHECK_EQ(jobs[which].runs, 0);
		hall_wait(h, HOUR_MS / 2 + 1000);
		CHECK_EQ(jobs[which].runs, 1);
		CHECK_EQ(jobs[which].ran_at, at * HOUR_MS);
	}
}

/* Asked for anew, one that is ready still runs once. */
static void ready_and_asked_for(struct hall *h)
{
	struct job jobs[3];

	three_ready(h, jobs);
	job_at(&jobs[0], 1, 0);
	CHECK_EQ(agenda_now(h->agenda, &jobs[2].item), 0);
	hall_open_gate(h);
	hall_wait(h, 100);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(jobs[i].runs, 1);
	CHECK(jobs[1].order < jobs[0].order && jobs[1].order < jobs[2].order);
}

/* One of these is dropped or put to another time, perhaps while all sleeps. */
struct plan {
	const char *what;
	struct {
		int at, slack;
	} jobs[3];
	int which; /* of the jobs is changed */
	int to;	   /* -1: dropped */
	int runs_from[3], runs_until[3];
};

static const struct plan plans[] = {
	{ "the first is dropped",
	  { { 10, 0 }, { 40, 0 }, { 50, 0 } },
	  0,
	  -1,
	  { -1, 40, 50 },
	  { -1, 40, 50 } },
	{ "the first is put between the others",
	  { { 10, 0 }, { 40, 0 }, { 50, 0 } },
	  0,
	  45,
	  { 45, 40, 50 },
	  { 45, 40, 50 } },
	{ "the first is put behind the others",
	  { { 10, 0 }, { 40, 0 }, { 50, 0 } },
	  0,
	  70,
	  { 70, 40, 50 },
	  { 70, 40, 50 } },
	{ "the last is put before the others",
	  { { 10, 0 }, { 40, 0 }, { 50, 0 } },
	  2,
	  7,
	  { 10, 40, 7 },
	  { 10, 40, 7 } },
	{ "the second is dropped",
	  { { 10, 0 }, { 40, 0 }, { 50, 0 } },
	  1,
	  -1,
	  { 10, -1, 50 },
	  { 10, -1, 50 } },
	{ "the one without slack is dropped",
	  { { 10, 200 }, { 40, 0 }, { 300, 0 } },
	  1,
	  -1,
	  { 10, -1, 300 },
	  { 210, -1, 300 } },
	{ "the one without slack is put off",
	  { { 10, 200 }, { 40, 0 }, { 300, 0 } },
	  1,
	  100,
	  { 10, 100, 300 },
	  { 100, 100, 300 } },
	{ "the first with much slack is dropped",
	  { { 10, 200 }, { 40, 10 }, { 300, 0 } },
	  0,
	  -1,
	  { -1, 40, 300 },
	  { -1, 50, 300 } },
	{ "one of two that are alike is dropped",
	  { { 10, 0 }, { 10, 0 }, { 50, 0 } },
	  0,
	  -1,
	  { -1, 10, 50 },
	  { -1, 10, 50 } },
	{ "the only one is dropped, the others being far",
	  { { 10, 0 }, { HOUR_MS, 0 }, { HOUR_MS, 0 } },
	  0,
	  -1,
	  { -1, HOUR_MS, HOUR_MS },
	  { -1, HOUR_MS, HOUR_MS } },
};

static void check_ran(const struct plan *plan, int i, const struct job *job)
{
	bool held = true;

	held = CHECK_EQ(job->runs, plan->runs_from[i] >= 0) && held;
	if (plan->runs_from[i] < 0)
		return;
	held = CHECK(job->ran_at >= plan->runs_from[i]) && held;
	held = CHECK(job->ran_at <= plan->runs_until[i]) && held;
	if (!held)
		fprintf(stderr, "%s: job %d at %lld ms\n", plan->what, i,
			(long long)job->ran_at);
}

/* The plan that is carried out, the classes of its jobs (a bit each), and when
 * it is changed. */
static struct {
	const struct plan *plan;
	unsigned classes, change_at;
} act;

static void carry_out(struct hall *h)
{
	const struct plan *plan = act.plan;
	struct job jobs[3];

	for (int i = 0; i < 3; i++) {
		jobs[i] = job_of(h, act.classes >> i & 1 ? LATER : FIRST);
		job_at(&jobs[i], plan->jobs[i].at,
		       (uint32_t)plan->jobs[i].slack);
	}
	if (act.change_at > 0)
		hall_wait(h, act.change_at);
	if (plan->to < 0)
		agenda_drop(&jobs[plan->which].item);
	else
		job_at(&jobs[plan->which], plan->to, 0);
	hall_wait(h, HOUR_MS + 1000);
	for (int i = 0; i < 3; i++)
		check_ran(plan, i, &jobs[i]);
}

static void test_changes(void **state)
{
	(void)state;
	check_failures = 0;
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++)
		for (unsigned classes = 0; classes < 8; classes++)
			for (unsigned at = 0; at < 6; at += 5) {
				act.plan = &plans[i];
				act.classes = classes;
				act.change_at = at;
				hall_in_world(carry_out, 1);
			}
	assert_int_equal(check_failures, 0);
}

/* A class without room does not have the keeper wake, and room does. */
static void wakes_for_room(struct hall *h)
{
	struct job soon = job_of(h, LATER), later = job_of(h, LATER);
	struct job first = job_of(h, FIRST);

	hall_take(h, LATER, AGENDA_LATER_MAX);
	job_at(&soon, 10, 0);
	job_at(&later, 90, 0);
	job_at(&first, 50, 0);
	hall_wait(h, 60);
	CHECK_EQ(first.ran_at, 50);
	CHECK_EQ(soon.order, 0);
	hall_open_gate(h);
	CHECK_EQ(soon.runs, 1);
	hall_wait(h, 60);
	CHECK_EQ(later.ran_at, 90);
}

/* Turns of the scheduler while nothing is done for so long. */
static uint64_t turns_of(struct hall *h, uint32_t ms)
{
	uint64_t before = rt_counters(h->rt)->turns;

	hall_wait(h, ms);
	return rt_counters(h->rt)->turns - before;
}

/* One that was dropped before all slept, or has no room, wakes nobody. */
static void wakes_for_nothing_else(struct hall *h)
{
	uint64_t idle = turns_of(h, 100);
	struct job soon = job_of(h, LATER), late = job_of(h, LATER);
	struct job first = job_of(h, FIRST);

	job_at(&late, 900, 0);
	job_at(&soon, 150, 0);
	job_at(&first, 160, 0);
	agenda_drop(&soon.item);
	job_at(&first, 1000, 0);
	hall_wait(h, 1);
	CHECK_EQ(turns_of(h, 100), idle);
	hall_take(h, LATER, AGENDA_LATER_MAX);
	job_at(&soon, 250, 0);
	hall_wait(h, 1);
	CHECK_EQ(turns_of(h, 100), idle);
	CHECK_EQ(soon.order, 0);
	hall_open_gate(h);
	CHECK_EQ(soon.runs, 1);
	hall_wait(h, 1000);
	CHECK_EQ(late.ran_at, 900);
	CHECK_EQ(first.ran_at, 1000);
}

/* Between due and latest: as soon as the process is awake. */
static void awake_anyway(struct hall *h)
{
	struct job a = job_of(h, LATER), b = job_of(h, LATER);
	int64_t awake;

	job_at(&a, 10, 200);
	job_at(&b, 90, 500);
	hall_wait(h, 50);
	awake = hall_ms(h);
	hall_wait(h, 1);
	CHECK_EQ(a.ran_at, awake);
	CHECK_EQ(b.runs, 0);
	hall_wait(h, 100);
	awake = hall_ms(h);
	hall_wait(h, 1);
	CHECK_EQ(b.ran_at, awake);
}

/* All the slack of one is used when the one without it is gone. */
static void slack_is_used(struct hall *h)
{
	struct job a = job_of(h, LATER), b = job_of(h, LATER);

	job_at(&a, 10, 200);
	job_at(&b, 40, 0);
	agenda_drop(&b.item);
	hall_wait(h, 1000);
	CHECK_EQ(a.ran_at, 210);
	CHECK_EQ(b.order, 0);
}

/* What is due in this moment does not wait for another. */
static void due_at_once(struct hall *h)
{
	struct job job = job_of(h, LATER);
	int64_t now = clock_now(h->rt, CLOCK_ID_BOOTTIME);

	CHECK_EQ(agenda_now(h->agenda, &job.item), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(task_yield(h->rt), 0);
	CHECK_EQ(clock_now(h->rt, CLOCK_ID_BOOTTIME), now);
	CHECK_EQ(job.runs, 1);
}

static void freed_with_all_kinds(struct hall *h)
{
	struct job ready[20], waiting[20];

	hall_take(h, LATER, AGENDA_LATER_MAX);
	hall_take(h, FIRST, FIRST_MAX);
	for (int i = 0; i < 20; i++) {
		enum agenda_class class = i % 2 ? FIRST : LATER;

		ready[i] = waiting[i] = job_of(h, class);
		job_at(&ready[i], 0, 0);
		job_at(&waiting[i], HOUR_MS, 0);
	}
	hall_wait(h, 1);
	job_at(&ready[0], 0, 0); /* it waits to be looked at */
	CHECK(ready[1].item.ready && !ready[0].item.ready);
	agenda_free(h->agenda);
	h->agenda = NULL;
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(ready[i].order + waiting[i].order, 0);
		CHECK_EQ(agenda_due(&ready[i].item), INT64_MAX);
		CHECK_EQ(agenda_due(&waiting[i].item), INT64_MAX);
		/* Of nothing, it is harmless. */
		agenda_drop(&ready[i].item);
		agenda_drop(&waiting[i].item);
	}
}

#define FEW_TASKS 8

/* Where no more tasks can be made, those that have none keep their turn. */
static void short_of_tasks(struct hall *h)
{
	struct job jobs[FEW_TASKS], first = job_of(h, FIRST);
	struct job *const last = &jobs[FEW_TASKS - 1];

	for (int i = 0; i < FEW_TASKS; i++) {
		jobs[i] = job_of(h, LATER);
		jobs[i].gate = &h->gate;
		job_at(&jobs[i], i - FEW_TASKS, 0);
	}
	hall_wait(h, 1000);
	/* The first task and the keeper are two of them. */
	for (int i = 0; i < FEW_TASKS; i++)
		CHECK_EQ(jobs[i].order, i < FEW_TASKS - 2 ? i + 1 : 0);
	CHECK(agenda_due(&last[-1].item) < agenda_due(&last->item));
	CHECK(agenda_due(&last->item) != INT64_MAX);
	agenda_drop(&last[-1].item);
	job_at(&first, 0, 0);
	hall_wait(h, 1000);
	CHECK_EQ(first.order + last->order, 0);
	event_set(&h->gate);
	hall_wait(h, 1000);
	CHECK_EQ(last[-1].order, 0);
	CHECK_EQ(first.order, FEW_TASKS - 1);
	CHECK_EQ(last->order, FEW_TASKS);
	CHECK_EQ(last->runs, 1);
}

static void test_short_of_tasks(void **state)
{
	(void)state;
	check_failures = 0;
	hall_in_small_world(short_of_tasks, 1, FEW_TASKS);
	assert_int_equal(check_failures, 0);
}

AGENDA_TEST(first_while_later_is_full)
AGENDA_TEST(first_when_all_is_full)
AGENDA_TEST(order_of_first)
AGENDA_TEST(order_of_later)
AGENDA_TEST(order_of_first_that_wait)
AGENDA_TEST(order_of_later_that_wait)
AGENDA_TEST(one_after_the_other)
AGENDA_TEST(ready_and_dropped)
AGENDA_TEST(ready_and_all_dropped)
AGENDA_TEST(ready_and_put_off)
AGENDA_TEST(ready_and_asked_for)
AGENDA_TEST(wakes_for_room)
AGENDA_TEST(wakes_for_nothing_else)
AGENDA_TEST(awake_anyway)
AGENDA_TEST(slack_is_used)
AGENDA_TEST(due_at_once)
AGENDA_TEST(freed_with_all_kinds)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_while_later_is_full),
		cmocka_unit_test(test_first_when_all_is_full),
		cmocka_unit_test(test_order_of_first),
		cmocka_unit_test(test_order_of_later),
		cmocka_unit_test(test_order_of_first_that_wait),
		cmocka_unit_test(test_order_of_later_that_wait),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_ready_and_dropped),
		cmocka_unit_test(test_ready_and_all_dropped),
		cmocka_unit_test(test_ready_and_put_off),
		cmocka_unit_test(test_ready_and_asked_for),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_wakes_for_room),
		cmocka_unit_test(test_wakes_for_nothing_else),
		cmocka_unit_test(test_awake_anyway),
		cmocka_unit_test(test_slack_is_used),
		cmocka_unit_test(test_due_at_once),
		cmocka_unit_test(test_freed_with_all_kinds),
		cmocka_unit_test(test_short_of_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
