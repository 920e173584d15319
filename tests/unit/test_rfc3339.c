// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/rfc3339.h"

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-05-01T12:34:56Z", 1777638896 },
		{ "2026-05-01T12:34:56.999999Z", 1777638896 },
		{ "2026-05-01t12:34:56.1z", 1777638896 },
		{ "2026-05-01 14:34:56+02:00", 1777638896 },
		{ "2026-05-01T07:04:56-05:30", 1777638896 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "1969-12-31T23:59:59Z", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t seconds;

		assert_true(rfc3339_seconds(cases[i].text, &seconds));
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void no_times(void **state)
{
	static const char *const cases[] = {
		"",
		"2026",
		"2026-05-01",
		"2026-05-01T12:34:56",
		"2026-05-01T12:34:56Zx",
		"2026-05-01T12:34:56.Z",
		"2026-13-01T12:34:56Z",
		"2026-00-01T12:34:56Z",
		"2026-05-32T12:34:56Z",
		"2026-05-01T24:34:56Z",
		"2026-05-01T12:60:56Z",
		"2026-05-01T12:34:61Z",
		"2026-05-01T12:34:56+2:00",
		"2026-05-01T12:34:56+0200",
		"2026-05-01T12:34:56+24:00",
		"26-05-01T12:34:56Z",
		" 2026-05-01T12:34:56Z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t seconds = 42;

		assert_false(rfc3339_seconds(cases[i], &seconds));
		assert_int_equal(seconds, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(no_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
