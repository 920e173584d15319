// SPDX-License-Identifier: MIT
/* Text that grows as it is added to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

static void expect_number(uint64_t number, const char *expected)
{
	struct text text = { 0 };
	size_t len;
	char *got;

	text_add(&text, "<");
	text_add_number(&text, number);
	text_add(&text, ">");
	got = text_take_len(&text, &len);
	assert_non_null(got);
	assert_string_equal(got, expected);
	assert_int_equal(len, strlen(expected));
	free(got);
}

static void numbers(void **state)
{
	(void)state;
	expect_number(0, "<0>");
	expect_number(1, "<1>");
	expect_number(9, "<9>");
	expect_number(10, "<10>");
	expect_number(99, "<99>");
	expect_number(100, "<100>");
	expect_number(UINT32_MAX, "<4294967295>");
	expect_number((uint64_t)UINT32_MAX + 1, "<4294967296>");
	expect_number(UINT64_MAX - 5, "<18446744073709551610>");
	expect_number(UINT64_MAX, "<18446744073709551615>");
}

/* Every number of digits there is. */
static void powers_of_ten(void **state)
{
	char expected[32];

	(void)state;
	for (uint64_t number = 1;; number *= 10) {
		(void)snprintf(expected, sizeof(expected), "<%" PRIu64 ">",
			       number);
		expect_number(number, expected);
		(void)snprintf(expected, sizeof(expected), "<%" PRIu64 ">",
			       number - 1);
		expect_number(number - 1, expected);
		if (number > UINT64_MAX / 10)
			break;
	}
}

/* Whatever is there, and whatever is added: the room is never one too few. */
static void growth(void **state)
{
	char bytes[600];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 26);
	for (size_t first = 0; first < 300; first++)
		for (size_t more = 0; more < 300; more += 1 + first % 7) {
			struct text text = { 0 };
			size_t len;
			char *got;

			text_add_bytes(&text, bytes, first);
			text_add_bytes(&text, bytes + first, more);
			assert_true(text.cap > text.len);
			got = text_take_len(&text, &len);
			assert_int_equal(len, first + more);
			assert_memory_equal(got, bytes, len);
			assert_int_equal(got[len], '\0');
			free(got);
		}
}

static void empty(void **state)
{
	struct text text = { 0 };
	char *got = text_take(&text);

	(void)state;
	assert_string_equal(got, "");
	free(got);
	assert_null(text.data);
}

/* What failed once gives nothing, whatever is added after that. */
static void failed(void **state)
{
	struct text text = { 0 };

	(void)state;
	text_add(&text, "before");
	text.failed = true;
	text_add(&text, "after");
	text_add_number(&text, 1);
	assert_null(text_take(&text));
	assert_null(text.data);
	text = (struct text){ .failed = true };
	text_add(&text, "after");
	assert_null(text_take(&text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(powers_of_ten),
		cmocka_unit_test(growth),  cmocka_unit_test(empty),
		cmocka_unit_test(failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
