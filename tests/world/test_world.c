// SPDX-License-Identifier: MIT
/* A few days in the simulated world, and that it finds what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/json.h"
#include "tests/world/defects.h"
#include "tests/world/heap.h"
#include "tests/world/life.h"

#define OWNER 4711u
#define DAYS 32
#define NEAR 8

static void days_pass_well(void **state)
{
	struct life_result result;

	(void)state;
	for (uint64_t seed = 1; seed <= DAYS; seed++) {
		life_run(seed, NULL, &result);
		if (*result.failure)
			fail_msg("seed %d: %s (make sim SEED=%d shows it)",
				 (int)seed, result.failure, (int)seed);
		assert_true(result.beats > 1000);
	}
}

static void a_seed_is_the_same_day_each_time(void **state)
{
	struct life_result first, again;

	(void)state;
	life_run(1, NULL, &first);
	life_run(2, NULL, &again);
	assert_true(first.digest != again.digest);
	life_run(1, NULL, &again);
	assert_true(first.digest == again.digest);
}

/* *state is what is known of a defect. A change of the program may have moved
 * the seed that finds it by a little. */
static void a_planted_defect_is_found(void **state)
{
	const struct defect_known *known = *state;
	struct life_result with = { 0 }, without;
	uint64_t seed = known->seed;

	defect_planted = (enum defect)(known - defects_known);
	life_run(seed, NULL, &with);
	while (!*with.failure && seed < known->seed + NEAR)
		life_run(++seed, NULL, &with);
	defect_planted = DEFECT_NONE;
	life_run(seed, NULL, &without);
	if (!*with.failure)
		fail_msg("seed %d does not find it any more; see which one "
			 "does: make sim-defects",
			 (int)known->seed);
	assert_string_equal(without.failure, "");
}

/* A text is read as it is, or not at all, whichever piece of memory cannot be
 * had. */
static void nothing_is_misread_for_want_of_memory(void **state)
{
	static const char text[] =
		"{\"id\":\"18038770-afe0-45d1-9c80-22f11b88f0de\","
		"\"text\":\"a \\u00e9 \\n \\\"quoted\\\" line that is longer "
		"than any buffer which was made for something shorter\","
		"\"rows\":[1,2.5,true,null,{\"a\":\"b\"}]}";
	json_t *whole = json_parse_bounded(text, strlen(text), NULL);
	int refused = 0;

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		size_t bytes;
		json_t *json;
		int err;

		heap_own(OWNER);
		heap_fail(OWNER, SIM_ALWAYS / 20, i);
		json = json_parse_bounded(text, strlen(text), &err);
		heap_fail(OWNER, 0, 0);
		assert_int_equal(err, json ? 0 : -ENOMEM);
		assert_true(!json || json_equal(json, whole));
		refused += !json;
		json_decref(json);
		assert_int_equal(heap_count(OWNER, &bytes), 0);
		heap_own(0);
	}
	assert_true(refused > 1000 && refused < 19000);
	heap_drop(OWNER);
	json_decref(whole);
}

int main(void)
{
	struct CMUnitTest tests[DEFECT_COUNT + 2] = {
		cmocka_unit_test(nothing_is_misread_for_want_of_memory),
		cmocka_unit_test(days_pass_well),
		cmocka_unit_test(a_seed_is_the_same_day_each_time),
	};

	life_settle();
	for (int i = 1; i < DEFECT_COUNT; i++)
		tests[i + 2] = (struct CMUnitTest){
			.name = defects_known[i].name,
			.test_func = a_planted_defect_is_found,
			.initial_state = (void *)&defects_known[i],
		};
	return cmocka_run_group_tests_name("days", tests, NULL, NULL);
}
