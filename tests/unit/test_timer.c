// SPDX-License-Identifier: MIT
#include "tests/sim/rt_worlds.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "runtime/scope.h"
#include "runtime/timer.h"

#define MODEL 500

static int64_t true_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

struct alarm {
	struct timer timer;
	int fired;
};

static void ring_alarm(struct timer *timer)
{
	((struct alarm *)timer)->fired++;
}

static struct deadline at(int64_t ns, uint32_t slack_ms)
{
	return (struct deadline){ .ns = ns, .slack_ms = slack_ms };
}

/* A small generator (Numerical Recipes' constants): the same on every run. */
static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* The heap against a plain array: random arming, moving and disarming; then
 * time passes in steps, and after each the same timers must have fired. */
static void the_heap_agrees_with_a_model(struct rt *rt)
{
	struct alarm *alarms = calloc(MODEL, sizeof(*alarms));
	int64_t *due = calloc(MODEL, sizeof(*due));
	int64_t start =
		clock_now(rt, CLOCK_ID_MONOTONIC) + 20 * CLOCK_NS_PER_MS;

	assert_non_null(alarms);
	assert_non_null(due);
	uint32_t seed = 4711;
	for (int step = 0; step < 20000; step++) {
		uint32_t i = next(&seed) % MODEL;
		if (next(&seed) % 3) {
			due[i] = start + next(&seed) % 20 * CLOCK_NS_PER_MS;
			timer_arm(rt, &alarms[i].timer, at(due[i], 0),
				  ring_alarm);
		} else {
			due[i] = 0;
			timer_disarm(rt, &alarms[i].timer);
		}
		assert_int_equal(alarms[i].timer.armed, due[i] != 0);
	}
	for (int ms = 0; ms < 45; ms += 5) {
		task_sleep(rt, at(start + ms * CLOCK_NS_PER_MS, 0));
		int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);
		for (int i = 0; i < MODEL; i++)
			assert_int_equal(alarms[i].fired,
					 due[i] != 0 && due[i] <= now);
	}
	free(alarms);
	free(due);
}
RT_IN_WORLDS(the_heap_agrees_with_a_model, RT_WORLDS_FEW, RT_SHUFFLED)

struct nap {
	int64_t ns;
	int order;
	int *clock;
};

static void take_nap(struct rt *rt, void *arg)
{
	struct nap *nap = arg;

	task_sleep(rt, at(nap->ns, 0));
	nap->order = (*nap->clock)++;
}

/* Sleepers wake in the order of their deadlines, whatever the order in which
 * they went to sleep. */
static void sleepers_wake_in_order(struct rt *rt)
{
	static const int shuffled[] = { 5, 2, 8, 1, 9, 3, 7, 0, 6, 4 };
	struct nap naps[10];
	struct scope scope;
	int clock = 0;
	int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);

	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 10; i++) {
		naps[i] = (struct nap){
			.ns = now + 5 * CLOCK_NS_PER_MS +
			      shuffled[i] * CLOCK_NS_PER_US * 100,
			.clock = &clock,
		};
		task_spawn(&scope, "nap", TASK_STACK_SMALL, take_nap, &naps[i]);
	}
	scope_join(&scope);
	for (int i = 0; i < 10; i++)
		assert_int_equal(naps[i].order, shuffled[i]);
}
RT_ORDER_TEST(sleepers_wake_in_order)

/* Timers whose slacks overlap cost one wake-up, not one each. Where a ring was
 * set up and then refused, its end interrupts a wait or two as well. */
static void timers_within_their_slack_fire_together(struct rt *rt)
{
	struct alarm alarms[8] = { 0 };
	int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);
	uint64_t before = rt_counters(rt)->waits;

	for (int i = 0; i < 8; i++)
		timer_arm(rt, &alarms[i].timer,
			  at(now + (i + 1) * CLOCK_NS_PER_MS, 100), ring_alarm);
	task_sleep(rt, at(now + 10 * CLOCK_NS_PER_MS, 100));
	for (int i = 0; i < 8; i++)
		assert_int_equal(alarms[i].fired, 1);
	assert_in_range(rt_counters(rt)->waits - before, 1, 4);
}
RT_WORLDS_TEST(timers_within_their_slack_fire_together)

static void cadence(struct rt *rt)
{
	int64_t start = clock_now(rt, CLOCK_ID_BOOTTIME);

	for (int i = 1; i <= 5; i++) {
		int64_t due = start + INT64_C(2) * i * CLOCK_NS_PER_MS;
		assert_int_equal(task_sleep(rt, deadline_cadence(due, 1)), 0);
		assert_true(clock_now(rt, CLOCK_ID_BOOTTIME) >= due);
	}
	/* One on each clock at a time: the earlier decides. */
	struct deadline soon = deadline_cadence(
		clock_now(rt, CLOCK_ID_BOOTTIME) + CLOCK_NS_PER_MS, 0);
	struct deadline late = deadline_in_ms(rt, 60000);
	struct scope scope;
	scope_open(rt, &scope, late);
	assert_int_equal(task_sleep(rt, soon), 0);
	scope_close(&scope);
	assert_int_equal(deadline_earlier(rt, soon, late).clock,
			 CLOCK_ID_BOOTTIME);
	assert_int_equal(deadline_earlier(rt, late, DEADLINE_NEVER).ns,
			 late.ns);
}
RT_WORLDS_TEST(cadence)

static void test_cadence_through_a_timerfd(void **state)
{
	(void)state;
	rt_test_run(cadence, &(struct rt_options){ .boot_timerfd = true });
}

static void deadlines_do_not_overflow(struct rt *rt)
{
	assert_true(deadline_is_never(deadline_in_ms(rt, INT64_MAX)));
	assert_true(deadline_is_never(deadline_in_ms(rt, INT64_MAX / 1000000)));
	assert_int_equal(deadline_left_ns(rt, deadline_in_ms(rt, -5)), 0);
	assert_int_equal(deadline_left_ns(rt, DEADLINE_NEVER), INT64_MAX);
	assert_int_equal(task_sleep(rt, DEADLINE_NOW), 0);
	assert_int_equal(task_sleep(rt, deadline_cadence(INT64_MIN, 0)), 0);
}
RT_WORLDS_TEST(deadlines_do_not_overflow)

static int nap_in_ms(struct rt *rt, void *arg)
{
	int64_t start = true_time();

	(void)arg;
	task_sleep(rt, deadline_in_ms(rt, 30));
	return true_time() - start >= 30 * CLOCK_NS_PER_MS;
}

/* A runtime that stood still between two runs knows what time it is. */
static void test_a_second_run_has_its_own_time(void **state)
{
	struct rt *rt;

	(void)state;
	assert_int_equal(rt_new(&rt, &(struct rt_options){ 0 }), 0);
	assert_int_equal(rt_run(rt, "first", nap_in_ms, NULL), 1);
	usleep(40000);
	assert_int_equal(rt_run(rt, "second", nap_in_ms, NULL), 1);
	rt_free(rt);
}

/* What is due already does not sleep out its slack. */
static void an_overdue_timer_fires_at_once(struct rt *rt)
{
	struct deadline overdue = deadline_cadence(
		clock_now(rt, CLOCK_ID_BOOTTIME) - CLOCK_NS_PER_MS, 3600000);

	assert_int_equal(task_sleep(rt, overdue), 0);
}
RT_WORLDS_TEST(an_overdue_timer_fires_at_once)

static void odd_deadlines(struct rt *rt)
{
	struct deadline far = { .ns = INT64_MAX - 1, .slack_ms = UINT32_MAX };
	struct scope scope;

	assert_int_equal(
		task_sleep(rt, deadline_cadence(-5 * CLOCK_NS_PER_S, 0)), 0);
	scope_open(rt, &scope, far);
	assert_int_equal(task_sleep(rt, deadline_in_ms(rt, 1)), 0);
	scope_close(&scope);
	scope_open(rt, &scope, deadline_cadence(INT64_MAX - 1, UINT32_MAX));
	assert_int_equal(task_sleep(rt, deadline_in_ms(rt, 1)), 0);
	scope_close(&scope);
}
RT_WORLDS_TEST(odd_deadlines)

static void test_odd_deadlines_through_a_timerfd(void **state)
{
	(void)state;
	rt_test_run(odd_deadlines,
		    &(struct rt_options){ .boot_timerfd = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_heap_agrees_with_a_model),
		cmocka_unit_test(test_sleepers_wake_in_order),
		cmocka_unit_test(test_timers_within_their_slack_fire_together),
		cmocka_unit_test(test_cadence),
		cmocka_unit_test(test_cadence_through_a_timerfd),
		cmocka_unit_test(test_deadlines_do_not_overflow),
		cmocka_unit_test(test_a_second_run_has_its_own_time),
		cmocka_unit_test(test_an_overdue_timer_fires_at_once),
		cmocka_unit_test(test_odd_deadlines),
		cmocka_unit_test(test_odd_deadlines_through_a_timerfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
