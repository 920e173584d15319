// SPDX-License-Identifier: MIT
/*
 * rt_fixture - a cmocka test as the first task of a runtime.
 *
 *	static void it_works(struct rt *rt) { ... }
 *	RT_TEST(it_works)
 *	...
 *	cmocka_unit_test(test_it_works),
 */
#ifndef TESTS_UNIT_RT_FIXTURE_H
#define TESTS_UNIT_RT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/rt.h"
#include "runtime/task.h"

typedef void (*rt_test_fn)(struct rt *rt);

static inline int rt_test_main(struct rt *rt, void *arg)
{
	rt_test_fn fn = *(rt_test_fn *)arg;

	fn(rt);
	return 0;
}

static inline void rt_test_run(rt_test_fn fn, const struct rt_options *options)
{
	struct rt *rt;

	assert_int_equal(rt_new(&rt, options), 0);
	assert_int_equal(rt_run(rt, "test", rt_test_main, &fn), 0);
	rt_free(rt);
}

#define RT_TEST(fn)                                                            \
	static void test_##fn(void **state)                                    \
	{                                                                      \
		(void)state;                                                   \
		rt_test_run(fn, &(struct rt_options){ 0 });                    \
	}

#endif
