// SPDX-License-Identifier: MIT
#include "tests/sim/rt_worlds.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/event.h"
#include "runtime/san.h"
#include "runtime/scope.h"

struct order {
	char seen[64];
	int len;
};

struct letter {
	struct order *order;
	char name;
};

static void write_thrice(struct rt *rt, void *arg)
{
	struct letter *letter = arg;

	for (int i = 0; i < 3; i++) {
		letter->order->seen[letter->order->len++] = letter->name;
		assert_int_equal(task_yield(rt), 0);
	}
}

static void yields_take_turns(struct rt *rt)
{
	struct order order = { .len = 0 };
	struct letter a = { &order, 'a' }, b = { &order, 'b' },
		      c = { &order, 'c' };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "a", TASK_STACK_SMALL, write_thrice, &a);
	task_spawn(&scope, "b", TASK_STACK_SMALL, write_thrice, &b);
	task_spawn(&scope, "c", TASK_STACK_SMALL, write_thrice, &c);
	assert_int_equal(scope_join(&scope), 0);
	assert_string_equal(order.seen, "abcabcabc");
}
RT_ORDER_TEST(yields_take_turns)

static void spin(struct rt *rt, void *arg)
{
	bool *stop = arg;

	while (!*stop)
		task_yield(rt);
}

/* Tasks that never park do not starve timers or I/O. */
static void busy_tasks_do_not_starve_timers(struct rt *rt)
{
	struct scope scope;
	bool stop = false;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "spin1", TASK_STACK_SMALL, spin, &stop);
	task_spawn(&scope, "spin2", TASK_STACK_SMALL, spin, &stop);
	assert_int_equal(task_sleep(rt, deadline_in_ms(rt, 5)), 0);
	stop = true;
	scope_join(&scope);
}
RT_WORLDS_TEST(busy_tasks_do_not_starve_timers)

static void wait_event(struct rt *rt, void *arg)
{
	(void)rt;
	event_wait(arg, DEADLINE_NEVER);
}

static void nothing(struct rt *rt, void *arg)
{
	(void)rt;
	(void)arg;
}

/* Once the stacks are there, tasks come and go without the allocator. */
static void spawning_allocates_nothing_when_warm(struct rt *rt)
{
	struct scope scope;

	for (int round = 0; round < 3; round++) {
		size_t before = mallinfo2().uordblks;
		for (int i = 0; i < 1000; i++) {
			scope_open(rt, &scope, DEADLINE_NEVER);
			for (int k = 0; k < 4; k++)
				assert_int_equal(task_spawn(&scope, "n",
							    TASK_STACK_SMALL,
							    nothing, NULL),
						 0);
			scope_join(&scope);
		}
		if (round > 0)
			assert_int_equal(mallinfo2().uordblks, before);
	}
}
RT_TEST(spawning_allocates_nothing_when_warm)

#define MANY 30000

static void thirty_thousand_tasks_can_be_parked(struct rt *rt)
{
	struct event go;
	struct scope scope;

	event_init(rt, &go);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(task_spawn(&scope, "waiter", TASK_STACK_SMALL,
					    wait_event, &go),
				 0);
	rt_settle(rt);
	assert_int_equal(scope.count, MANY);
	event_set(&go);
	assert_int_equal(scope_join(&scope), 0);
}
RT_IN_WORLDS(thirty_thousand_tasks_can_be_parked, RT_WORLDS_FEW, RT_SHUFFLED)

static int spawn_until_refused(struct rt *rt, uint32_t at_most, uint32_t *made)
{
	struct event go;
	struct scope scope;
	int err = 0;

	event_init(rt, &go);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (*made = 0; *made < at_most && err == 0; ++*made)
		err = task_spawn(&scope, "waiter", TASK_STACK_SMALL, wait_event,
				 &go);
	event_set(&go);
	scope_join(&scope);
	return err;
}

static void past_the_task_limit(struct rt *rt)
{
	uint32_t made;

	assert_int_equal(spawn_until_refused(rt, 100, &made), -ENOMEM);
	assert_int_equal(made, 10); /* this task is one of the ten */
	assert_non_null(strstr(rt_limit_message(rt), "max_tasks"));
	assert_non_null(strstr(rt_limit_message(rt), "10 tasks"));
	/* The refusal did no harm. */
	assert_int_equal(spawn_until_refused(rt, 9, &made), 0);
}

static void test_past_the_task_limit(void **state)
{
	(void)state;
	rt_test_run(past_the_task_limit,
		    &(struct rt_options){ .max_tasks = 10 });
}

static void past_the_map_limit(struct rt *rt)
{
	uint32_t made;

	assert_int_equal(spawn_until_refused(rt, 200000, &made), -ENOMEM);
	assert_in_range(made, 1000, 150000);
	assert_non_null(strstr(rt_limit_message(rt), "vm.max_map_count"));
	assert_int_equal(spawn_until_refused(rt, 100, &made), 0);
}

static void test_past_the_map_limit(void **state)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	char line[32] = "0";

	(void)state;
	if (file) {
		if (!fgets(line, sizeof(line), file))
			line[0] = '\0';
		fclose(file);
	}
	long maps = strtol(line, NULL, 10);
#ifdef SAN_ADDRESS
	maps = 0; /* the sanitizer needs maps too, and dies without */
#endif
	if (maps == 0 || maps > 200000)
		skip();
	rt_test_run(past_the_map_limit,
		    &(struct rt_options){ .max_tasks = 250000,
					  .mprotect_guards = true });
}

static int give_back(struct rt *rt, void *arg)
{
	task_sleep(rt, deadline_in_ms(rt, 1));
	return *(int *)arg;
}

/* Two runtimes interleave nothing and share nothing. */
static void test_runtimes_are_independent(void **state)
{
	struct rt *a, *b;
	int one = 1, two = 2;

	(void)state;
	assert_int_equal(rt_new(&a, &(struct rt_options){ 0 }), 0);
	assert_int_equal(rt_new(&b, &(struct rt_options){ 0 }), 0);
	assert_int_equal(rt_run(a, "a", give_back, &one), 1);
	assert_int_equal(rt_run(b, "b", give_back, &two), 2);
	assert_int_equal(rt_run(a, "a", give_back, &two), 2);
	rt_free(a);
	assert_int_equal(rt_run(b, "b", give_back, &one), 1);
	rt_free(b);
}

static int run_inner(struct rt *rt, void *arg)
{
	struct rt *inner = arg;
	int three = 3;

	task_yield(rt);
	return rt_run(inner, "inner", give_back, &three);
}

/* A task may even run another runtime while its own stands still. */
static void test_runtimes_nest(void **state)
{
	struct rt *outer, *inner;

	(void)state;
	assert_int_equal(rt_new(&outer, &(struct rt_options){ 0 }), 0);
	assert_int_equal(rt_new(&inner, &(struct rt_options){ 0 }), 0);
	assert_int_equal(rt_run(outer, "outer", run_inner, inner), 3);
	rt_free(inner);
	rt_free(outer);
}

struct lines {
	const char *own;
	int count;
	bool waiter, self;
};

static void see_line(const char *line, void *arg)
{
	struct lines *lines = arg;

	lines->count++;
	if (strncmp(line, "waiter ", 7) == 0 && strstr(line, "event"))
		lines->waiter = true;
	if (strncmp(line, lines->own, strlen(lines->own)) == 0 &&
	    strstr(line, "running"))
		lines->self = true;
}

static void the_task_list_tells_who_waits_for_what(struct rt *rt)
{
	struct lines lines = { .own = task_name(rt) };
	struct event go;
	struct scope scope;

	event_init(rt, &go);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "waiter", TASK_STACK_SMALL, wait_event, &go);
	rt_settle(rt);
	rt_each_task(rt, see_line, &lines);
	scope_close(&scope);
	assert_int_equal(lines.count, 2);
	assert_true(lines.waiter);
	assert_true(lines.self);
}
RT_WORLDS_TEST(the_task_list_tells_who_waits_for_what)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yields_take_turns),
		cmocka_unit_test(test_busy_tasks_do_not_starve_timers),
		cmocka_unit_test(test_spawning_allocates_nothing_when_warm),
		cmocka_unit_test(test_thirty_thousand_tasks_can_be_parked),
		cmocka_unit_test(test_past_the_task_limit),
		cmocka_unit_test(test_past_the_map_limit),
		cmocka_unit_test(test_runtimes_are_independent),
		cmocka_unit_test(test_runtimes_nest),
		cmocka_unit_test(test_the_task_list_tells_who_waits_for_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
