// SPDX-License-Identifier: MIT
/* JSON that is bounded and forgiving; UTF-8; what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/json_clean.h"
#include "proto/text.h"
#include "proto/utf8.h"

#define FFFD "\xEF\xBF\xBD"

static json_t *parse(const char *text)
{
	return json_parse_bounded(text, strlen(text), NULL);
}

/* Parses `text` and compares with what json_dump_text makes of it. */
static void reads_as(const char *text, const char *expected)
{
	json_t *root = parse(text);
	char *dumped = json_dump_text(root, 0);

	print_message("%s\n", text);
	assert_non_null(root);
	assert_string_equal(dumped, expected);
	free(dumped);
	json_decref(root);
}

static void plain_documents(void **state)
{
	(void)state;
	reads_as("{\"a\":[1,2.5,true,false,null,\"x\"]}",
		 "{\"a\": [1, 2.5, true, false, null, \"x\"]}");
	reads_as(" 7 ", "7");
	reads_as("\"s\"", "\"s\"");
	reads_as("\xEF\xBB\xBF{}", "{}");
	reads_as("{\"a\":1,\"a\":2}", "{\"a\": 2}");
	reads_as("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
		 "\"\\\"\\\\/\\b\\f\\n\\r\\t\xC3\xA9\"");
}

static void refused_documents(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[1,]",
		"{\"a\":1}x",
		"nul",
		"'a'",
		"NaN",
		"[1 2]",
		"\"\t\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\ud800\\u12\"",
		"01",
		"-",
		"1.",
		"1e",
		"\"open",
		"\"open\\",
		"\"\\\xC3\xA9\"",
		"\xFF",
	};
	int err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		print_message("%s\n", bad[i]);
		err = 1;
		assert_null(json_parse_bounded(bad[i], strlen(bad[i]), &err));
		assert_int_equal(err, -EBADMSG);
	}
	assert_null(json_parse_bounded(NULL, 0, &err));
	assert_int_equal(err, -EBADMSG);
	assert_null(json_parse_bounded("\"a\0b\"", 5, &err));
	assert_int_equal(err, -EBADMSG);
}

static void bad_characters(void **state)
{
	(void)state;
	/* raw bytes */
	reads_as("\"a\xFFz\"", "\"a" FFFD "z\"");
	reads_as("\"\xC3\"", "\"" FFFD "\"");
	reads_as("\"\xE2\x82\"", "\"" FFFD "\"");
	reads_as("\"\xE2\x82x\"", "\"" FFFD "x\"");
	reads_as("\"\xC0\xAF\"", "\"" FFFD FFFD "\"");
	reads_as("\"\xE0\x80\x80\"", "\"" FFFD FFFD FFFD "\"");
	reads_as("\"\xED\xA0\x80\"", "\"" FFFD FFFD FFFD "\"");
	reads_as("\"\xF4\x90\x80\x80\"", "\"" FFFD FFFD FFFD FFFD "\"");
	reads_as("\"\xF0\x9F\x98\x80\"", "\"\xF0\x9F\x98\x80\"");
	reads_as("{\"k\xFF\":1}", "{\"k" FFFD "\": 1}");
	/* escapes */
	reads_as("\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"");
	reads_as("\"\\uD83D\"", "\"" FFFD "\"");
	reads_as("\"\\ude00\\ud83d\"", "\"" FFFD FFFD "\"");
	reads_as("\"\\ud83d\\ud83d\\ude00\"", "\"" FFFD "\xF0\x9F\x98\x80\"");
	reads_as("\"\\ud83d\\udbff\"", "\"" FFFD FFFD "\"");
	reads_as("\"\\ud83dx\"", "\"" FFFD "x\"");
	reads_as("\"a\\u0000b\"", "\"a" FFFD "b\"");
	reads_as("{\"\\u0000\":1}", "{\"" FFFD "\": 1}");
	/* a backslash that is itself escaped begins nothing */
	reads_as("\"\\\\ud83d\\\\u0000\"", "\"\\\\ud83d\\\\u0000\"");
}

static void numbers(void **state)
{
	(void)state;
	reads_as("9223372036854775807", "9223372036854775807");
	reads_as("-9223372036854775808", "-9223372036854775808");
	reads_as("9223372036854775808", "9.223372036854776e18");
	reads_as("[123456789012345678901234567890,1]",
		 "[1.2345678901234568e29, 1]");
	reads_as("-99999999999999999999", "-1e20");
	reads_as("1e400", "1.7976931348623157e308");
	reads_as("-1e99999999999999999999", "-1.7976931348623157e308");
	reads_as("0.0001e400", "1.7976931348623157e308");
	reads_as("0.01e309", "1e307");
	reads_as("0.01e310", "1.7976931348623157e308");
	reads_as("0e400", "0.0");
	reads_as("1e-400", "0.0");
	reads_as("0.1", "0.1");
	reads_as("[0.1,2.0,1234567.25]", "[0.1, 2.0, 1234567.25]");
	reads_as("{\"a\":[{\"b\":0.30000000000000004}]}",
		 "{\"a\": [{\"b\": 0.30000000000000004}]}");
}

static void huge_literal(void **state)
{
	char digits[1001];
	json_t *root;

	(void)state;
	memset(digits, '9', 1000);
	digits[1000] = '\0';
	root = parse(digits);
	assert_true(json_is_real(root));
	assert_true(json_real_value(root) == 1.7976931348623157e308);
	json_decref(root);
}

static json_t *nested(size_t levels, int *err)
{
	char *text = malloc(2 * levels);
	json_t *root;

	assert_non_null(text);
	memset(text, '[', levels);
	memset(text + levels, ']', levels);
	root = json_parse_bounded(text, 2 * levels, err);
	free(text);
	return root;
}

static void depth_is_bounded(void **state)
{
	static const char in_string[] = "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
					"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"";
	json_t *root;
	int err;

	(void)state;
	root = nested(JSON_DEPTH_MAX, &err);
	assert_non_null(root);
	json_decref(root);
	assert_null(nested(JSON_DEPTH_MAX + 1, &err));
	assert_int_equal(err, -E2BIG);
	assert_null(nested(1000000, &err));
	assert_int_equal(err, -E2BIG);
	root = parse(in_string);
	assert_non_null(root);
	json_decref(root);
}

static void values_are_bounded(void **state)
{
	size_t count = JSON_VALUES_MAX + 1;
	char *text = malloc(2 * count + 1);
	int err;

	(void)state;
	assert_non_null(text);
	text[0] = '[';
	for (size_t i = 0; i < count; i++)
		memcpy(text + 1 + 2 * i, "0,", 2);
	text[2 * count] = ']';
	assert_null(json_parse_bounded(text, 2 * count + 1, &err));
	assert_int_equal(err, -E2BIG);
	free(text);
}

static void untouched_text_is_not_copied(void **state)
{
	const char *text = "{\"a\":[1.5,\"\xC3\xA9\\u00e9\"]}";
	char *out;
	size_t len;

	(void)state;
	assert_int_equal(json_clean(text, strlen(text), &out, &len), 0);
	assert_null(out);
}

static void wire_form(void **state)
{
	json_t *root = parse("{\"a\": \"\xC3\xA9\xF0\x9F\x98\x80\\n\\u2028\", "
			     "\"b\": [1, 2.0]}");
	size_t len;
	char *line = json_dump_line(root, &len);

	(void)state;
	assert_string_equal(line, "{\"a\":\"\\u00E9\\uD83D\\uDE00\\n\\u2028\","
				  "\"b\":[1,2.0]}");
	assert_int_equal(len, strlen(line));
	free(line);
	json_decref(root);
	assert_null(json_dump_line(NULL, &len));
}

static void reading_form(void **state)
{
	json_t *root = parse("{\"a\":[1,{}],\"b\":{\"c\":null},\"d\":[]}");
	char *text = json_dump_text(root, 2);

	(void)state;
	assert_string_equal(text, "{\n  \"a\": [\n    1,\n    {}\n  ],\n"
				  "  \"b\": {\n    \"c\": null\n  },\n"
				  "  \"d\": []\n}");
	free(text);
	json_decref(root);
}

static void strings_from_any_bytes(void **state)
{
	json_t *string = json_string_clean("a\xFF\0z", 4);

	(void)state;
	assert_string_equal(json_string_value(string), "a" FFFD FFFD "z");
	json_decref(string);
	assert_null(json_string_clean_z(NULL));
	string = json_string_clean_z("");
	assert_string_equal(json_string_value(string), "");
	json_decref(string);
}

static void getters_text(void **state)
{
	json_t *root = parse("{\"s\":\"x\",\"n\":7,\"r\":1.5,\"t\":true,"
			     "\"f\":false,\"z\":null,\"o\":{}}");
	char buf[32];

	(void)state;
	assert_string_equal(json_get_text(root, "s"), "x");
	assert_null(json_get_text(root, "n"));
	assert_null(json_get_text(root, "absent"));
	assert_null(json_get_text(NULL, "s"));
	assert_string_equal(json_get_text_or(root, "z", "-"), "-");
	assert_string_equal(json_get_scalar(root, "s", buf, 32), "x");
	assert_string_equal(json_get_scalar(root, "n", buf, 32), "7");
	assert_string_equal(json_get_scalar(root, "r", buf, 32), "1.5");
	assert_string_equal(json_get_scalar(root, "t", buf, 32), "true");
	assert_null(json_get_scalar(root, "z", buf, 32));
	assert_null(json_get_scalar(root, "o", buf, 32));
	assert_true(json_get_true(root, "t"));
	assert_false(json_get_true(root, "f"));
	assert_false(json_get_true(root, "s"));
	assert_int_equal(json_set_text(root, "new", "\xFF"), 0);
	assert_string_equal(json_get_text(root, "new"), FFFD);
	assert_int_equal(json_set_text(root, "none", NULL), 0);
	assert_null(json_object_get(root, "none"));
	json_decref(root);
}

static void getters_numbers(void **state)
{
	static const struct {
		const char *text;
		bool is_integer, is_number;
		json_int_t integer;
		double number;
	} cases[] = {
		{ "7", true, true, 7, 7 },
		{ "-7", true, true, -7, -7 },
		{ "7.0", true, true, 7, 7 },
		{ "7.5", false, true, 0, 7.5 },
		{ "1e300", false, true, 0, 1e300 },
		{ "9223372036854775807", true, true, INT64_MAX, 0x1p63 },
		{ "\" 12 \"", true, true, 12, 12 },
		{ "\"-3\"", true, true, -3, -3 },
		{ "\"1.5\"", false, true, 0, 1.5 },
		{ "\"1e3\"", false, true, 0, 1000 },
		{ "\"99999999999999999999\"", false, true, 0, 1e20 },
		{ "\"\"", false, false, 0, 0 },
		{ "\"12x\"", false, false, 0, 0 },
		{ "\"1 2\"", false, false, 0, 0 },
		{ "\"inf\"", false, false, 0, 0 },
		{ "\"1e999\"", false, false, 0, 0 },
		{ "\"0x10\"", false, false, 0, 0 },
		{ "true", false, false, 0, 0 },
		{ "null", false, false, 0, 0 },
		{ "[]", false, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *root = json_pack("{s:o}", "v", parse(cases[i].text));
		json_int_t integer = 0;
		double number = 0;

		print_message("%s\n", cases[i].text);
		assert_int_equal(json_get_integer(root, "v", &integer),
				 cases[i].is_integer);
		assert_int_equal(integer, cases[i].integer);
		assert_int_equal(json_get_number(root, "v", &number),
				 cases[i].is_number);
		assert_true(number == cases[i].number);
		json_decref(root);
	}
}

static void utf8_counts_and_cuts(void **state)
{
	const char *text = "a\xC3\xA9\xF0\x9F\x98\x80\xFFz";
	char *clean;
	size_t len;

	(void)state;
	assert_int_equal(utf8_count(text, 9), 5);
	assert_int_equal(utf8_prefix(text, 9, 0), 0);
	assert_int_equal(utf8_prefix(text, 9, 2), 3);
	assert_int_equal(utf8_prefix(text, 9, 3), 7);
	assert_int_equal(utf8_prefix(text, 9, 99), 9);
	assert_true(utf8_valid(text, 7));
	assert_false(utf8_valid(text, 8));
	assert_false(utf8_valid(text, 6));
	clean = utf8_clean(text, 9, &len);
	assert_string_equal(clean, "a\xC3\xA9\xF0\x9F\x98\x80" FFFD "z");
	assert_int_equal(len, 11);
	free(clean);
}

static void text_grows(void **state)
{
	struct text text = { 0 };
	size_t len;
	char *taken;

	(void)state;
	for (int i = 0; i < 1000; i++)
		text_format(&text, "%03d", i);
	text_add(&text, "!");
	taken = text_take_len(&text, &len);
	assert_int_equal(len, 3001);
	assert_int_equal(strlen(taken), 3001);
	assert_memory_equal(taken + 2994, "998999!", 7);
	free(taken);
	taken = text_take(&text);
	assert_string_equal(taken, "");
	free(taken);
	text_add_number(&text, 0);
	text_add_number(&text, 7);
	text_add_number(&text, 10);
	text_add_number(&text, UINT32_MAX);
	taken = text_take(&text);
	assert_string_equal(taken, "07104294967295");
	free(taken);
}

/* Adds a text behind another and compares with what is expected. */
static void adds(const char *string, const char *expected)
{
	struct text text = { 0 };
	size_t len;
	char *got;

	text_add(&text, "{:");
	json_add_text(&text, string);
	text_add(&text, "}");
	got = text_take_len(&text, &len);
	assert_non_null(got);
	assert_int_equal(len, strlen(got));
	assert_int_equal(len, strlen(expected) + 3);
	assert_memory_equal(got, "{:", 2);
	assert_memory_equal(got + 2, expected, len - 3);
	assert_int_equal(got[len - 1], '}');
	free(got);
}

static void added_texts(void **state)
{
	(void)state;
	adds("", "\"\"");
	adds("plain ~!/'", "\"plain ~!/'\"");
	adds("say \"hi\"", "\"say \\\"hi\\\"\"");
	adds("\"", "\"\\\"\"");
	adds("a\\b\\", "\"a\\\\b\\\\\"");
	adds("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
	adds("\x01 \x1f", "\"\\u0001 \\u001F\"");
	adds("\xC3\xA9\xE2\x82\xAC", "\"\\u00E9\\u20AC\"");
	adds("\xF0\x9F\x98\x80", "\"\\uD83D\\uDE00\"");
	adds("w\xFF", "\"w\\uFFFD\"");
	adds("w\xE2\x82", "\"w\\uFFFD\"");
}

/* The same as a tree's line, whatever byte stands where. */
static void added_as_dumped(void **state)
{
	(void)state;
	for (size_t at = 0; at < 4; at++)
		for (int c = 1; c < 256; c++) {
			char string[] = "abcd";
			json_t *tree;
			char *line;

			string[at] = (char)c;
			tree = json_string_clean_z(string);
			line = json_dump_line(tree, NULL);
			adds(string, line);
			free(line);
			json_decref(tree);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_documents),
		cmocka_unit_test(refused_documents),
		cmocka_unit_test(bad_characters),
		cmocka_unit_test(numbers),
		cmocka_unit_test(huge_literal),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(untouched_text_is_not_copied),
		cmocka_unit_test(wire_form),
		cmocka_unit_test(reading_form),
		cmocka_unit_test(strings_from_any_bytes),
		cmocka_unit_test(getters_text),
		cmocka_unit_test(getters_numbers),
		cmocka_unit_test(utf8_counts_and_cuts),
		cmocka_unit_test(text_grows),
		cmocka_unit_test(added_texts),
		cmocka_unit_test(added_as_dumped),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
