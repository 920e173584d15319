// SPDX-License-Identifier: MIT
/*
 * rt_worlds - a cmocka test as the first task of a runtime, on the kernel and
 * then in many simulated worlds, each with a seed of its own.
 *
 *	static void it_works(struct rt *rt) { ... }
 *	RT_WORLDS_TEST(it_works)
 *	...
 *	cmocka_unit_test(test_it_works),
 *
 * In most of the worlds who is ready runs in an order drawn by lot, and what is
 * waited for comes late. What a test wants to have happened it waits for, with
 * rt_settle. RT_ORDER_TEST is for what is promised of the order itself.
 */
#ifndef TESTS_SIM_RT_WORLDS_H
#define TESTS_SIM_RT_WORLDS_H

#include "tests/unit/rt_fixture.h"

#include <stdio.h>

#include "runtime/io.h"
#include "runtime/san.h"
#include "runtime/sched.h"
#include "runtime/sim_world.h"

#define RT_WORLDS (500 / (SAN_STACK_FACTOR * SAN_STACK_FACTOR))
#define RT_WORLDS_FEW 3

enum rt_order { RT_IN_ORDER, RT_SHUFFLED };

/* Of the world that runs, 0: none does. It outlives a failed assertion, which
 * leaves the world where it is. */
static uint64_t rt_worlds_seed;
static bool rt_worlds_ended;

static inline void rt_worlds_tell(void)
{
	if (rt_worlds_seed)
		fprintf(stderr, "a test failed in the world of seed %llu\n",
			(unsigned long long)rt_worlds_seed);
	rt_worlds_seed = 0;
}

static inline void rt_worlds_end(struct sim_process *process, void *arg,
				 int result, bool killed)
{
	(void)arg;
	rt_worlds_ended = result == 0 && !killed;
	sim_stop(sim_world_of_process(process));
}

static inline void rt_world_run(rt_test_fn fn, uint64_t seed,
				enum rt_order order)
{
	struct sim_world *world =
		sim_world_new(seed, &(struct sim_options){ 0 });
	struct sim_faults *faults = sim_faults(world);

	rt_worlds_seed = seed;
	rt_worlds_ended = false;
	faults->late_max = seed % 2 ? 200 * SIM_US : 0;
	faults->slow = seed % 3 ? 200000 : 0;
	faults->interrupted = seed % 5 ? 50000 : 0;
	faults->late_cancel = seed % 4 ? 300000 : 0;
	if (order == RT_SHUFFLED)
		faults->shuffled =
			seed % 4 ? SIM_ALWAYS / (uint32_t)(seed % 3 + 1) : 0;
	sim_process_start(sim_machine_new(world, "machine", 0),
			  &(struct sim_program){ .name = "test",
						 .main = rt_test_main,
						 .arg = &fn,
						 .ended = rt_worlds_end });
	sim_run(world);
	assert_string_equal(sim_failure(world), "");
	assert_true(rt_worlds_ended);
	rt_worlds_seed = 0;
	sim_world_free(world);
}

static inline void rt_worlds_run(rt_test_fn fn, int worlds, enum rt_order order)
{
	static bool told;

	if (!told)
		atexit(rt_worlds_tell);
	told = true;
	rt_worlds_tell();
	rt_test_run(fn, &(struct rt_options){ 0 });
	for (int seed = 1; seed <= worlds; seed++)
		rt_world_run(fn, (uint64_t)seed, order);
}

/* Returns when all other tasks wait for something. */
static inline void rt_settle(struct rt *rt)
{
	while (rt->ready_first)
		task_yield(rt);
}

/* Whether that is a simulated world. */
static inline bool rt_simulated(void)
{
	return rt_worlds_seed != 0;
}

/* Whether who becomes ready first goes on first. */
static inline bool rt_in_order(struct rt *rt)
{
	return !rt_simulated() || sim_faults(sim_world_of(rt))->shuffled == 0;
}

#define RT_IN_WORLDS(fn, worlds, order)                                        \
	static void test_##fn(void **state)                                    \
	{                                                                      \
		(void)state;                                                   \
		rt_worlds_run(fn, worlds, order);                              \
	}
#define RT_WORLDS_TEST(fn) RT_IN_WORLDS(fn, RT_WORLDS, RT_SHUFFLED)
#define RT_ORDER_TEST(fn) RT_IN_WORLDS(fn, RT_WORLDS, RT_IN_ORDER)

#endif
