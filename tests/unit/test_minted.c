// SPDX-License-Identifier: MIT
/* Whether an answer has the secret that is known already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "app/minted.h"

/* Of a body that ends, with its NUL, where its memory does. */
static bool is_known(const char *known, const char *body)
{
	char *copy = strdup(body);
	bool result;

	assert_non_null(copy);
	result = minted_is_known(known, copy, strlen(copy));
	free(copy);
	return result;
}

static void known(void **state)
{
	(void)state;
	assert_true(is_known("s3", "{\"platform_inbound_secret\":\"s3\"}"));
	assert_true(is_known("s3", "{\"a\":1,\"b\": \"s3\" , \"c\":\"x\"}"));
	assert_true(is_known("s", "{\"b\":\"s\"}"));
	/* The whole of a body, and its end. */
	assert_true(is_known("s3", "\"s3\""));
	assert_true(is_known("s3", "[1,\"s3\""));
}

static void not_known(void **state)
{
	(void)state;
	assert_false(is_known("s3", "{\"platform_inbound_secret\":\"s4\"}"));
	assert_false(is_known("s3", "{\"status\":\"ok\"}"));
	assert_false(is_known("s3", ""));
	assert_false(is_known("s3", "\""));
	/* Another that has it in it. */
	assert_false(is_known("s3", "{\"b\":\"s33\"}"));
	assert_false(is_known("s3", "{\"b\":\"ss3\"}"));
	assert_false(is_known("s3", "{\"b\":\"as3b\"}"));
	/* Something that is no string, or not whole. */
	assert_false(is_known("3", "{\"b\":3}"));
	assert_false(is_known("s3", "s3"));
	assert_false(is_known("s3", "s3\""));
	assert_false(is_known("s3", "{\"b\":\"s3"));
	assert_false(is_known("s3", "{\"b\":\"s"));
}

static void nothing_is_known(void **state)
{
	(void)state;
	assert_false(is_known(NULL, "{\"b\":\"s3\"}"));
	assert_false(is_known(NULL, "{\"b\":\"\"}"));
	assert_false(is_known("", "{\"b\":\"\"}"));
	assert_false(minted_is_known("s3", NULL, 0));
	assert_false(minted_is_known(NULL, NULL, 0));
}

/* What is beyond the body is not looked at. */
static void beyond(void **state)
{
	(void)state;
	assert_false(minted_is_known("s3", "{}\"s3\"", 2));
	assert_false(minted_is_known("s3", "{}\"s3\"", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(not_known),
		cmocka_unit_test(nothing_is_known),
		cmocka_unit_test(beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
