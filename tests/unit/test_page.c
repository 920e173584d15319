// SPDX-License-Identifier: MIT
/*
 * The rows of an answer whose body is there and mostly not yet parsed, and
 * what parses it: once, and only for who asks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/page.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/text.h"

/* A reply as a poll that succeeded has it. */
static struct platform_reply reply_of(const char *body)
{
	struct platform_reply reply = { .status = 200, .body = strdup(body) };

	assert_non_null(reply.body);
	reply.body_len = strlen(body);
	return reply;
}

/* Reads a page of `body`: how many rows, or the error. */
static long rows_of(const char *body)
{
	struct platform_reply reply = reply_of(body);
	struct page page;
	int err = page_read(&page, &reply);
	long count = (long)page.count;

	if (err)
		assert_int_equal(page.count, 0);
	page_free(&page);
	platform_reply_free(&reply);
	return err ? err : count;
}

static void lists(void **state)
{
	(void)state;
	assert_int_equal(rows_of("[]"), 0);
	assert_int_equal(rows_of(" []"), 0);
	assert_int_equal(rows_of("[] "), 0);
	assert_int_equal(rows_of("[ ]"), 0);
	assert_int_equal(rows_of("[]\n"), 0);
	assert_int_equal(rows_of("[{}]"), 1);
	assert_int_equal(rows_of("[1,2]"), 2);
	assert_int_equal(rows_of("[[]]"), 1);
}

static void no_lists(void **state)
{
	struct platform_reply nothing = { .status = 200 };
	struct page page;

	(void)state;
	assert_int_equal(rows_of("{}"), -EBADMSG);
	assert_int_equal(rows_of(""), -EBADMSG);
	assert_int_equal(rows_of("["), -EBADMSG);
	assert_int_equal(rows_of("]"), -EBADMSG);
	assert_int_equal(rows_of("[}"), -EBADMSG);
	assert_int_equal(rows_of("[]]"), -EBADMSG);
	assert_int_equal(rows_of("[],"), -EBADMSG);
	assert_int_equal(rows_of("42"), -EBADMSG);
	assert_int_equal(rows_of("null"), -EBADMSG);
	assert_int_equal(page_read(&page, &nothing), -EBADMSG);
	page_free(&page);
}

/* An empty one is told without a tree; others have theirs in the reply. */
static void parsed_on_demand(void **state)
{
	struct platform_reply empty = reply_of("[]");
	struct platform_reply one = reply_of("[{\"id\":\"a\"}]");
	struct page page;
	json_t *row;

	(void)state;
	assert_int_equal(page_read(&page, &empty), 0);
	assert_null(empty.json);
	assert_null(page.tree);
	page_free(&page);
	assert_int_equal(json_array_size(platform_reply_json(&empty)), 0);
	assert_int_equal(page_read(&page, &empty), 0);
	page_free(&page);
	assert_int_equal(page_read(&page, &one), 0);
	assert_non_null(one.json);
	assert_ptr_equal(page.tree, one.json);
	row = page_row(&page, 0);
	assert_string_equal(json_get_text(row, "id"), "a");
	json_decref(row);
	page_free(&page);
	platform_reply_free(&empty);
	platform_reply_free(&one);
}

/* Too deep for a tree: the rows are found in the text. */
static void read_from_text(void **state)
{
	struct text body = { 0 };
	struct platform_reply reply = { .status = 200 };
	struct page page;
	json_t *row;

	(void)state;
	text_add(&body, " [{\"id\":\"a\"},{\"id\":\"b\",\"x\":");
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		text_add(&body, "[");
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		text_add(&body, "]");
	text_add(&body, "}]");
	reply.body = text_take_len(&body, &reply.body_len);
	assert_int_equal(page_read(&page, &reply), 0);
	assert_null(reply.json);
	assert_int_equal(reply.json_err, -E2BIG);
	assert_int_equal(page.count, 2);
	row = page_row(&page, 1);
	assert_string_equal(json_get_text(row, "id"), "b");
	json_decref(row);
	page_free(&page);
	platform_reply_free(&reply);
}

static void parsed_once(void **state)
{
	struct platform_reply reply = reply_of("{\"a\":1}");
	json_t *json = platform_reply_json(&reply);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(json, "a")), 1);
	assert_int_equal(reply.json_err, 0);
	assert_ptr_equal(reply.json, json);
	/* Whatever becomes of the body. */
	reply.body[0] = '!';
	assert_ptr_equal(platform_reply_json(&reply), json);
	assert_int_equal(json->refcount, 1);
	platform_reply_free(&reply);
}

static void not_json(void **state)
{
	struct platform_reply bad = reply_of("<html>");
	struct platform_reply empty = reply_of("");
	struct platform_reply failed = { .err = -ECONNREFUSED };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_null(platform_reply_json(&bad));
		assert_int_equal(bad.json_err, -EBADMSG);
		assert_null(platform_reply_json(&empty));
		assert_int_equal(empty.json_err, 0);
		assert_null(platform_reply_json(&failed));
		assert_int_equal(failed.json_err, 0);
	}
	platform_reply_free(&bad);
	platform_reply_free(&empty);
	platform_reply_free(&failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(no_lists),
		cmocka_unit_test(parsed_on_demand),
		cmocka_unit_test(read_from_text),
		cmocka_unit_test(parsed_once),
		cmocka_unit_test(not_json),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
