// SPDX-License-Identifier: MIT
/* What a platform's limit leaves for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/pace.h"
#include "runtime/clock.h"

#define S CLOCK_NS_PER_S

static const struct pace_answer nothing = { 200, -1, -1, -1, -1 };

static struct pace pace_for(uint32_t members)
{
	return (struct pace){ .members = members, .beat_ms = 20000 };
}

static void answer(struct pace *pace, int64_t limit, int64_t remaining,
		   int64_t reset_s, int64_t now)
{
	pace_done(pace,
		  &(struct pace_answer){ 200, limit, remaining, reset_s, -1 },
		  now);
}

/* How many requests of a class are let through now. */
static int passes(struct pace *pace, enum pace_class class, int64_t now)
{
	int n = 0;

	while (n < 5000 && pace_ask(pace, class, now) == 0) {
		pace_done(pace, &nothing, now);
		n++;
	}
	return n;
}

static void no_limit(void **state)
{
	struct pace pace = pace_for(1000);

	(void)state;
	assert_int_equal(passes(&pace, PACE_POLL, 7), 5000);
	assert_int_equal(pace_beat_ms(&pace), 20000);
	assert_int_equal(pace_poll_ms(&pace, 5000), 5000);
	assert_int_equal(pace_fitting(&pace), 1000);
}

static void one_workspace_is_not_slowed(void **state)
{
	struct pace pace = pace_for(1);

	(void)state;
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 0);
	answer(&pace, 600, 599, 59, 0);
	assert_int_equal(pace_beat_ms(&pace), 20000);
	assert_int_equal(pace_poll_ms(&pace, 5000), 5000);
	assert_int_equal(pace_fitting(&pace), 1);
	assert_true(passes(&pace, PACE_POLL, S) > 400);
}

static void order(void **state)
{
	struct pace pace = pace_for(30); /* 90 beats a minute */

	(void)state;
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 0);
	answer(&pace, 600, 599, 59, 0);
	/* 539 may go out; 90 and a little more are for beats, 54 for calls. */
	assert_in_range(passes(&pace, PACE_POLL, 0), 390, 396);
	assert_in_range(passes(&pace, PACE_CALL, 0), 50, 56);
	assert_in_range(passes(&pace, PACE_BEAT, 0), 92, 98);
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 60 * S);
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 59 * S), S);
	/* A new window, and everybody is served again. */
	assert_true(passes(&pace, PACE_POLL, 60 * S) > 300);
}

/* Towards the end of a window less is kept. */
static void late_in_the_window(void **state)
{
	struct pace early = pace_for(100), late = pace_for(100);

	(void)state;
	early.under_way = late.under_way = 1;
	answer(&early, 600, 400, 59, 0);
	answer(&late, 600, 400, 9, 0);
	assert_true(passes(&late, PACE_POLL, 0) >
		    passes(&early, PACE_POLL, 0) + 100);
}

static void the_server_knows_better(void **state)
{
	struct pace pace = pace_for(1);

	(void)state;
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 0);
	answer(&pace, 600, 61, 30, 0); /* somebody else shares the address */
	assert_int_equal(passes(&pace, PACE_POLL, 0), 0);
	assert_int_equal(passes(&pace, PACE_BEAT, 0), 1);
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 31 * S);
	/* Answers without the header change nothing. */
	pace_done(&pace, &nothing, 0);
	assert_int_equal(pace.limit, 600);
}

static void under_way_counts(void **state)
{
	struct pace pace = pace_for(1);

	(void)state;
	for (int i = 0; i < 21; i++)
		assert_int_equal(pace_ask(&pace, PACE_CALL, 0), 0);
	answer(&pace, 100, 40, 59, 0);
	/* 40, less 10 of the share, less the 20 that are still on the way. */
	assert_int_equal(pace.left, 10);
}

static void refused(void **state)
{
	struct pace pace = pace_for(1);

	(void)state;
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 0);
	pace_done(&pace, &(struct pace_answer){ 429, 600, 0, 7, 7000 }, 0);
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 0), 8 * S);
	assert_int_equal(pace_ask(&pace, PACE_BEAT, 8 * S), 0);
	pace_done(&pace, &(struct pace_answer){ 429, -1, -1, -1, -1 }, 8 * S);
	assert_int_equal(pace_ask(&pace, PACE_CALL, 8 * S), 0);
	pace_done(&pace, &(struct pace_answer){ 503, -1, -1, -1, 5000 },
		  24 * S);
	assert_int_equal(pace_ask(&pace, PACE_CALL, 24 * S), 5 * S);
	/* A 503 that says nothing about time is no reason to wait. */
	assert_int_equal(pace_ask(&pace, PACE_CALL, 29 * S), 0);
	pace_done(&pace, &(struct pace_answer){ 503, -1, -1, -1, -1 }, 29 * S);
	assert_int_equal(pace_ask(&pace, PACE_CALL, 29 * S), 0);
}

static void stretched(void **state)
{
	struct pace pace = pace_for(300); /* 900 beats a minute */

	(void)state;
	pace.under_way = 1;
	answer(&pace, 600, 599, 59, 0);
	assert_in_range(pace_beat_ms(&pace), 36000, 38000);
	assert_int_equal(pace_fitting(&pace), 300);
	assert_int_equal(pace_poll_ms(&pace, 5000), PACE_POLL_MAX_MS);
	pace.members = 100; /* 300 beats, 186 polls */
	assert_int_equal(pace_beat_ms(&pace), 20000);
	assert_in_range(pace_poll_ms(&pace, 5000), 31000, 33000);
}

static void too_many(void **state)
{
	struct pace pace = pace_for(1000);

	(void)state;
	pace.under_way = 1;
	answer(&pace, 600, 599, 59, 0);
	assert_in_range(pace_fitting(&pace), 440, 450);
	assert_in_range(pace_beat_ms(&pace), 54000, PACE_BEAT_MAX_MS);
	/* What fits is within the limit. */
	assert_true((uint64_t)pace_fitting(&pace) * PACE_WINDOW_MS /
			    pace_beat_ms(&pace) <=
		    600u * PACE_SHARE / 100);
	pace.limit = 1;
	assert_int_equal(pace_fitting(&pace), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit),
		cmocka_unit_test(one_workspace_is_not_slowed),
		cmocka_unit_test(order),
		cmocka_unit_test(late_in_the_window),
		cmocka_unit_test(the_server_knows_better),
		cmocka_unit_test(under_way_counts),
		cmocka_unit_test(refused),
		cmocka_unit_test(stretched),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
