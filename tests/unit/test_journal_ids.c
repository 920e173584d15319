// SPDX-License-Identifier: MIT
/* Which ids are remembered: the latest, and those of the last minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "app/journal_ids.h"

#define NAME_MAX_LEN 32

static const char *name_of(size_t i, char buf[NAME_MAX_LEN])
{
	snprintf(buf, NAME_MAX_LEN, "id-%zu", i);
	return buf;
}

static void add(struct journal_ids *ids, size_t from, size_t to, int64_t now_s)
{
	char buf[NAME_MAX_LEN];

	for (size_t i = from; i < to; i++)
		assert_int_equal(journal_ids_add(ids, name_of(i, buf), now_s),
				 0);
}

/* Those are there, in order, and no others. */
static void expect(const struct journal_ids *ids, size_t from, size_t to)
{
	char buf[NAME_MAX_LEN];

	assert_int_equal(ids->count, to - from);
	for (size_t i = from; i < to; i++) {
		assert_true(journal_ids_have(ids, name_of(i, buf)));
		assert_string_equal(journal_ids_at(ids, i - from),
				    name_of(i, buf));
	}
	assert_null(journal_ids_at(ids, to - from));
	if (from > 0)
		assert_false(journal_ids_have(ids, name_of(from - 1, buf)));
	assert_false(journal_ids_have(ids, name_of(to, buf)));
}

static void nothing_is_had_by_nobody(void **state)
{
	struct journal_ids ids = { 0 };

	(void)state;
	assert_false(journal_ids_have(&ids, "id-0"));
	assert_null(journal_ids_at(&ids, 0));
	journal_ids_free(&ids);
}

static void few_are_remembered_for_ever(void **state)
{
	struct journal_ids ids = { 0 };

	(void)state;
	add(&ids, 0, JOURNAL_IDS_LEAST, 5);
	add(&ids, JOURNAL_IDS_LEAST, JOURNAL_IDS_LEAST + 100, 1000000);
	expect(&ids, 100, JOURNAL_IDS_LEAST + 100);
	journal_ids_free(&ids);
}

static void many_are_remembered_for_a_while(void **state)
{
	struct journal_ids ids = { 0 };

	(void)state;
	add(&ids, 0, 10000, 5);
	add(&ids, 10000, 10001, 5 + JOURNAL_IDS_KEEP_S);
	expect(&ids, 0, 10001);
	add(&ids, 10001, 10002, 6 + JOURNAL_IDS_KEEP_S);
	expect(&ids, 10002 - JOURNAL_IDS_LEAST, 10002);
	/* It grows again where its oldest is not the array's first. */
	add(&ids, 10002, 40000, 7 + JOURNAL_IDS_KEEP_S);
	expect(&ids, 40000 - JOURNAL_IDS_MOST, 40000);
	journal_ids_free(&ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_had_by_nobody),
		cmocka_unit_test(few_are_remembered_for_ever),
		cmocka_unit_test(many_are_remembered_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
