// SPDX-License-Identifier: MIT
#include "tests/sim/rt_worlds.h"

#include <errno.h>

#include "runtime/scope.h"
#include "runtime/slots.h"

#define TASKS 20
#define COUNT 3

struct user {
	struct slots *slots;
	struct deadline until;
	int *inside, *most, *turn;
	int place; /* the how-manieth it was that got a slot; 0: none */
	int result;
};

static void use(struct rt *rt, void *arg)
{
	struct user *user = arg;

	user->result = slots_take(user->slots, user->until);
	if (user->result)
		return;
	user->place = ++*user->turn;
	if (++*user->inside > *user->most)
		*user->most = *user->inside;
	for (int i = 0; i < 5; i++)
		task_yield(rt);
	--*user->inside;
	slots_give(user->slots);
}

static void so_many_at_once_in_the_order_they_came(struct rt *rt)
{
	int inside = 0, most = 0, turn = 0;
	struct user users[TASKS];
	struct slots slots;
	struct scope scope;

	slots_init(rt, &slots, COUNT);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < TASKS; i++) {
		users[i] = (struct user){ &slots, DEADLINE_NEVER, &inside,
					  &most,  &turn,	  .result = 1 };
		task_spawn(&scope, "user", TASK_STACK_SMALL, use, &users[i]);
	}
	task_yield(rt);
	assert_int_equal(slots.free, 0);
	assert_int_equal(slots.waiting, TASKS - COUNT);
	scope_join(&scope);
	for (int i = 0; i < TASKS; i++) {
		assert_int_equal(users[i].result, 0);
		assert_int_equal(users[i].place, i + 1);
	}
	assert_int_equal(most, COUNT);
	assert_int_equal(slots.free, COUNT);
	assert_int_equal(slots.waiting, 0);
}
RT_ORDER_TEST(so_many_at_once_in_the_order_they_came)

/* Who gives a slot and asks again stands behind those who wait. */
static void nobody_is_overtaken(struct rt *rt)
{
	int inside = 0, most = 0, turn = 0;
	struct slots slots;
	struct user user = { &slots, DEADLINE_NEVER, &inside,
			     &most,  &turn,	     .result = 1 };
	struct scope scope;

	slots_init(rt, &slots, 1);
	scope_open(rt, &scope, DEADLINE_NEVER);
	assert_int_equal(slots_take(&slots, DEADLINE_NEVER), 0);
	task_spawn(&scope, "user", TASK_STACK_SMALL, use, &user);
	rt_settle(rt);
	slots_give(&slots);
	assert_int_equal(slots_take(&slots, DEADLINE_NEVER), 0);
	assert_int_equal(user.place, 1);
	slots_give(&slots);
	scope_join(&scope);
	assert_int_equal(slots.free, 1);
}
RT_WORLDS_TEST(nobody_is_overtaken)

static void who_waits_too_long_leaves_the_line(struct rt *rt)
{
	int inside = 0, most = 0, turn = 0;
	struct slots slots;
	struct user hasty = { &slots,  deadline_in_ms(rt, 5),
			      &inside, &most,
			      &turn,   .result = 1 };
	struct user patient = { &slots, DEADLINE_NEVER, &inside,
				&most,	&turn,		.result = 1 };
	struct scope scope;

	slots_init(rt, &slots, 1);
	scope_open(rt, &scope, DEADLINE_NEVER);
	assert_int_equal(slots_take(&slots, DEADLINE_NOW), 0);
	assert_int_equal(slots_take(&slots, DEADLINE_NOW), -ETIMEDOUT);
	assert_int_equal(slots.waiting, 0);
	task_spawn(&scope, "hasty", TASK_STACK_SMALL, use, &hasty);
	task_spawn(&scope, "patient", TASK_STACK_SMALL, use, &patient);
	while (hasty.result == 1)
		task_sleep(rt, deadline_in_ms(rt, 1));
	assert_int_equal(hasty.result, -ETIMEDOUT);
	assert_int_equal(slots.waiting, 1);
	slots_give(&slots);
	scope_join(&scope);
	assert_int_equal(patient.result, 0);
	assert_int_equal(patient.place, 1);
	assert_int_equal(slots.free, 1);
}
RT_WORLDS_TEST(who_waits_too_long_leaves_the_line)

static void who_is_cancelled_leaves_the_line(struct rt *rt)
{
	int inside = 0, most = 0, turn = 0;
	struct slots slots;
	struct user victim = { &slots, DEADLINE_NEVER, &inside,
			       &most,  &turn,	       .result = 1 };
	struct user other = victim, late = victim;
	struct scope scope, doomed;

	slots_init(rt, &slots, 1);
	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &doomed, DEADLINE_NEVER);
	assert_int_equal(slots_take(&slots, DEADLINE_NEVER), 0);
	task_spawn(&doomed, "victim", TASK_STACK_SMALL, use, &victim);
	task_spawn(&scope, "other", TASK_STACK_SMALL, use, &other);
	rt_settle(rt);
	assert_int_equal(slots.waiting, 2);
	/* One that has not even begun to wait. */
	task_spawn(&doomed, "late", TASK_STACK_SMALL, use, &late);
	scope_cancel(&doomed, -ECANCELED);
	assert_int_equal(slots.waiting, 1);
	slots_give(&slots);
	scope_join(&doomed);
	scope_join(&scope);
	assert_int_equal(victim.result, -ECANCELED);
	assert_int_equal(late.result, -ECANCELED);
	assert_int_equal(other.place, 1);
	assert_int_equal(slots.free, 1);
}
RT_WORLDS_TEST(who_is_cancelled_leaves_the_line)

/* Granted and cancelled in one turn: it has the slot, and gives it back. */
static void a_slot_is_not_lost_to_a_cancelled_task(struct rt *rt)
{
	int inside = 0, most = 0, turn = 0;
	struct slots slots;
	struct user user = { &slots, DEADLINE_NEVER, &inside,
			     &most,  &turn,	     .result = 1 };
	struct scope doomed;

	slots_init(rt, &slots, 1);
	scope_open(rt, &doomed, DEADLINE_NEVER);
	assert_int_equal(slots_take(&slots, DEADLINE_NEVER), 0);
	task_spawn(&doomed, "user", TASK_STACK_SMALL, use, &user);
	rt_settle(rt);
	slots_give(&slots);
	scope_cancel(&doomed, -ECANCELED);
	scope_join(&doomed);
	assert_int_equal(user.result, 0);
	assert_int_equal(slots.free, 1);
	assert_int_equal(slots.waiting, 0);
}
RT_WORLDS_TEST(a_slot_is_not_lost_to_a_cancelled_task)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_so_many_at_once_in_the_order_they_came),
		cmocka_unit_test(test_nobody_is_overtaken),
		cmocka_unit_test(test_who_waits_too_long_leaves_the_line),
		cmocka_unit_test(test_who_is_cancelled_leaves_the_line),
		cmocka_unit_test(test_a_slot_is_not_lost_to_a_cancelled_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
