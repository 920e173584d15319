// SPDX-License-Identifier: MIT
/*
 * sim_fixture - a world for a test, and checks that tasks of simulated
 * processes may use, since cmocka's own jump out of them.
 *
 *	struct stage s;
 *	stage_open(&s, seed);
 *	stage_start(&s, s.a, "client", client_main, &arg);
 *	stage_run(&s);
 *	stage_close(&s);
 */
#ifndef TESTS_SIM_SIM_FIXTURE_H
#define TESTS_SIM_SIM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/clock.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/san.h"
#include "runtime/scope.h"
#include "runtime/sim_world.h"
#include "runtime/task.h"

#define STAGE_WALL (INT64_C(1767225600) * SIM_S) /* 2026-01-01 */

/* So many seeds, fewer where each takes its time. */
#define SIM_SEEDS(count) ((count) / (SAN_STACK_FACTOR * SAN_STACK_FACTOR) + 10)

static int check_failures;
static uint64_t check_seed;

static inline bool check_that(bool holds, const char *what, const char *file,
			      int line)
{
	if (!holds) {
		fprintf(stderr, "%s:%d: seed %llu: failed: %s\n", file, line,
			(unsigned long long)check_seed, what);
		check_failures++;
	}
	return holds;
}

static inline bool check_equal(long long got, long long want, const char *what,
			       const char *file, int line)
{
	if (got != want) {
		fprintf(stderr, "%s:%d: seed %llu: %s is %lld, not %lld\n",
			file, line, (unsigned long long)check_seed, what, got,
			want);
		check_failures++;
	}
	return got == want;
}

#define CHECK(cond) check_that((cond), #cond, __FILE__, __LINE__)
#define CHECK_EQ(got, want)                                                    \
	check_equal((long long)(got), (long long)(want), #got, __FILE__,       \
		    __LINE__)

/* Two machines. */
struct stage {
	struct sim_world *world;
	struct sim_machine *a, *b;
	int running;
	bool failure_wanted;
};

static inline void stage_open(struct stage *stage, uint64_t seed)
{
	const char *trace = getenv("SIM_TRACE");

	*stage = (struct stage){ 0 };
	check_seed = seed;
	stage->world = sim_world_new(
		seed, &(struct sim_options){ .user = stage,
					     .trace = trace ? stderr : NULL });
	stage->a = sim_machine_new(stage->world, "a", STAGE_WALL);
	stage->b = sim_machine_new(stage->world, "b", STAGE_WALL);
}

static inline void stage_ended(struct sim_process *process, void *arg,
			       int result, bool killed)
{
	struct stage *stage = sim_user(sim_world_of_process(process));

	(void)arg;
	(void)result;
	(void)killed;
	if (--stage->running == 0)
		sim_stop(stage->world);
}

static inline struct sim_process *
stage_start(struct stage *stage, struct sim_machine *machine, const char *name,
	    int (*main)(struct rt *rt, void *arg), void *arg)
{
	stage->running++;
	return sim_process_start(machine,
				 &(struct sim_program){ .name = name,
							.main = main,
							.arg = arg,
							.ended = stage_ended });
}

/* Until all have ended. */
static inline void stage_run(struct stage *stage)
{
	sim_run(stage->world);
	if (!stage->failure_wanted && *sim_failure(stage->world)) {
		fprintf(stderr, "seed %llu: %s\n",
			(unsigned long long)check_seed,
			sim_failure(stage->world));
		check_failures++;
	}
}

static inline uint64_t stage_close(struct stage *stage)
{
	uint64_t digest = sim_digest(stage->world);

	sim_world_free(stage->world);
	return digest;
}

/* A cmocka test of a body without arguments. */
#define SIM_TEST(fn)                                                           \
	static void test_##fn(void **state)                                    \
	{                                                                      \
		(void)state;                                                   \
		check_failures = 0;                                            \
		fn();                                                          \
		assert_int_equal(check_failures, 0);                           \
	}

#endif
