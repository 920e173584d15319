// SPDX-License-Identifier: MIT
/* JSON-RPC lines: cut from a stream, told apart, and built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/jsonrpc.h"
#include "proto/jsonrpc_quick.h"
#include "proto/text.h"

static void same_or_null(const char *got, const char *expected)
{
	if (expected)
		assert_string_equal(got, expected);
	else
		assert_null(got);
}

static void kinds(void **state)
{
	static const struct {
		const char *line;
		enum jsonrpc_kind kind;
		const char *id, *method;
	} cases[] = {
		{ "", JSONRPC_BLANK, NULL, NULL },
		{ " \t\r", JSONRPC_BLANK, NULL, NULL },
		{ "\xEF\xBB\xBF", JSONRPC_BLANK, NULL, NULL },
		{ "hello", JSONRPC_NOT_JSON, NULL, NULL },
		{ "{\"id\":1", JSONRPC_NOT_JSON, NULL, NULL },
		{ "[{\"id\":1}", JSONRPC_NOT_JSON, NULL, NULL },
		{ "{}", JSONRPC_NOT_MESSAGE, NULL, NULL },
		{ "7", JSONRPC_NOT_MESSAGE, NULL, NULL },
		{ "null", JSONRPC_NOT_MESSAGE, NULL, NULL },
		{ "\"id\"", JSONRPC_NOT_MESSAGE, NULL, NULL },
		{ "[]", JSONRPC_NOT_MESSAGE, NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}",
		  JSONRPC_REQUEST, "1", "m" },
		{ " {\"method\":\"m\" , \"id\" : \"a\\u0062\" }\r",
		  JSONRPC_REQUEST, "\"a\\u0062\"", "m" },
		{ "\xEF\xBB\xBF{\"id\":-0,\"method\":\"m\"}", JSONRPC_REQUEST,
		  "-0", "m" },
		{ "{\"id\":123456789012345678901234567890,\"method\":\"m\"}",
		  JSONRPC_REQUEST, "123456789012345678901234567890", "m" },
		{ "{\"id\":\"\\ud800\",\"method\":\"m\"}", JSONRPC_REQUEST,
		  "\"\\ud800\"", "m" },
		{ "{\"id\":\"\xC3\xA9\",\"method\":\"m\"}", JSONRPC_REQUEST,
		  "\"\xC3\xA9\"", "m" },
		{ "{\"id\":\"\xFF\",\"method\":\"m\"}", JSONRPC_REQUEST,
		  "\"\xEF\xBF\xBD\"", "m" },
		{ "{\"id\":1,\"params\":{\"id\":2},\"method\":\"m\",\"id\":3}",
		  JSONRPC_REQUEST, "3", "m" },
		{ "{\"x\":\"\\\"id\\\":9,{\",\"y\":[{\"id\":8}],\"id\":7,"
		  "\"method\":\"m\"}",
		  JSONRPC_REQUEST, "7", "m" },
		{ "{\"method\":\"m\"}", JSONRPC_NOTIFICATION, NULL, "m" },
		{ "{\"id\":null,\"method\":\"m\"}", JSONRPC_INVALID, NULL,
		  NULL },
		{ "{\"id\":true,\"method\":\"m\"}", JSONRPC_INVALID, NULL,
		  NULL },
		{ "{\"id\":[1],\"method\":\"m\"}", JSONRPC_INVALID, NULL,
		  NULL },
		{ "{\"id\":{},\"method\":\"m\"}", JSONRPC_INVALID, NULL, NULL },
		{ "{\"id\":1.0,\"method\":\"m\"}", JSONRPC_INVALID, NULL,
		  NULL },
		{ "{\"id\":1e3,\"method\":\"m\"}", JSONRPC_INVALID, NULL,
		  NULL },
		{ "{\"id\":5}", JSONRPC_INVALID, "5", NULL },
		{ "{\"id\":5,\"method\":6}", JSONRPC_INVALID, "5", NULL },
		{ "{\"id\":5,\"method\":\"m\",\"jsonrpc\":\"1.0\"}",
		  JSONRPC_INVALID, "5", NULL },
		{ "{\"id\":5,\"method\":\"m\",\"jsonrpc\":2.0}",
		  JSONRPC_INVALID, "5", NULL },
		{ "{\"id\":5,\"result\":{}}", JSONRPC_RESPONSE, "5", NULL },
		{ "{\"id\":null,\"error\":{}}", JSONRPC_RESPONSE, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct jsonrpc_message m;

		print_message("%s\n", cases[i].line);
		assert_int_equal(
			jsonrpc_parse(&m, cases[i].line, strlen(cases[i].line)),
			0);
		assert_int_equal(m.kind, cases[i].kind);
		same_or_null(m.id, cases[i].id);
		same_or_null(m.method, cases[i].method);
		if (m.kind == JSONRPC_NOT_JSON ||
		    m.kind == JSONRPC_NOT_MESSAGE || m.kind == JSONRPC_INVALID)
			assert_non_null(m.why);
		else
			assert_null(m.why);
		jsonrpc_message_free(&m);
		jsonrpc_message_free(&m);
	}
}

static void parse(struct jsonrpc_message *m, const char *line)
{
	assert_int_equal(jsonrpc_parse(m, line, strlen(line)), 0);
}

static void params(void **state)
{
	struct jsonrpc_message m;

	(void)state;
	parse(&m, "{\"id\":1,\"method\":\"m\",\"params\":{\"a\":1,\"_meta\":"
		  "{\"progressToken\":90071992547409931234}}}");
	assert_true(json_is_object(m.params));
	assert_false(m.bad_params);
	assert_string_equal(m.progress_token, "90071992547409931234");
	assert_null(m.request_id);
	jsonrpc_message_free(&m);

	parse(&m, "{\"method\":\"m\",\"params\":{\"requestId\":\"7\"}}");
	assert_string_equal(m.request_id, "\"7\"");
	assert_null(m.progress_token);
	jsonrpc_message_free(&m);

	parse(&m, "{\"id\":1,\"method\":\"m\",\"params\":null}");
	assert_null(m.params);
	assert_false(m.bad_params);
	jsonrpc_message_free(&m);

	parse(&m, "{\"id\":1,\"method\":\"m\",\"params\":[1]}");
	assert_null(m.params);
	assert_true(m.bad_params);
	assert_int_equal(m.kind, JSONRPC_REQUEST);
	jsonrpc_message_free(&m);

	parse(&m, "{\"id\":1,\"method\":\"m\",\"params\":{\"_meta\":"
		  "{\"progressToken\":1.5},\"requestId\":null}}");
	assert_null(m.progress_token);
	assert_null(m.request_id);
	jsonrpc_message_free(&m);
}

static void batches(void **state)
{
	struct jsonrpc_message m;

	(void)state;
	parse(&m, " [ {\"id\":1,\"method\":\"a\"} , 5, {\"method\":\"b\"},[],"
		  "{\"id\":\"]\",\"method\":\"c\"} ] ");
	assert_int_equal(m.kind, JSONRPC_BATCH);
	assert_int_equal(m.item_count, 5);
	assert_int_equal(m.items[0].kind, JSONRPC_REQUEST);
	assert_string_equal(m.items[0].id, "1");
	assert_int_equal(m.items[1].kind, JSONRPC_NOT_MESSAGE);
	assert_int_equal(m.items[2].kind, JSONRPC_NOTIFICATION);
	assert_int_equal(m.items[3].kind, JSONRPC_NOT_MESSAGE);
	assert_int_equal(m.items[4].kind, JSONRPC_REQUEST);
	assert_string_equal(m.items[4].id, "\"]\"");
	jsonrpc_message_free(&m);
}

/* A line of `prefix`, then `piece` many times, then `suffix`. */
static char *repeated(const char *prefix, const char *piece, size_t count,
		      const char *suffix)
{
	struct text text = { 0 };

	text_add(&text, prefix);
	for (size_t i = 0; i < count; i++)
		text_add(&text, piece);
	text_add(&text, suffix);
	return text_take(&text);
}

/* Parses the line, which is freed. */
static void parse_and_free(struct jsonrpc_message *m, char *line)
{
	assert_non_null(line);
	parse(m, line);
	free(line);
}

static void limits(void **state)
{
	struct jsonrpc_message m;

	(void)state;
	parse_and_free(&m, repeated("[1", ",1", JSONRPC_BATCH_MAX - 1, "]"));
	assert_int_equal(m.kind, JSONRPC_BATCH);
	assert_int_equal(m.item_count, JSONRPC_BATCH_MAX);
	jsonrpc_message_free(&m);
	parse_and_free(&m, repeated("[1", ",1", JSONRPC_BATCH_MAX, "]"));
	assert_int_equal(m.kind, JSONRPC_NOT_MESSAGE);
	jsonrpc_message_free(&m);

	parse_and_free(&m, repeated("{\"id\":9,\"method\":\"m\",\"params\":",
				    "[", 100000, ""));
	assert_int_equal(m.kind, JSONRPC_INVALID);
	assert_string_equal(m.id, "9");
	jsonrpc_message_free(&m);

	parse_and_free(&m, repeated("{\"method\":\"m\",\"id\":\"", "x",
				    JSONRPC_ID_MAX - 2, "\"}"));
	assert_int_equal(m.kind, JSONRPC_REQUEST);
	jsonrpc_message_free(&m);
	parse_and_free(&m, repeated("{\"method\":\"m\",\"id\":\"", "x",
				    JSONRPC_ID_MAX - 1, "\"}"));
	assert_int_equal(m.kind, JSONRPC_INVALID);
	assert_null(m.id);
	jsonrpc_message_free(&m);
}

static void id_equality(void **state)
{
	(void)state;
	assert_true(jsonrpc_id_equal("7", "7"));
	assert_false(jsonrpc_id_equal("7", "\"7\""));
	assert_false(jsonrpc_id_equal("7", "8"));
	assert_false(jsonrpc_id_equal("123456789012345678901234567890",
				      "123456789012345678901234567891"));
	assert_true(jsonrpc_id_equal("\"\\u0061\"", "\"a\""));
	assert_false(jsonrpc_id_equal("\"A\"", "\"a\""));
}

static void id_hashes(void **state)
{
	static const char *const ids[] = { "7",	     "\"7\"",	 "8",
					   "-7",     "\"\"",	 "\"ab\"",
					   "\"ba\"", "\"a\\b\"", "\"a b\"",
					   "77" };
	const size_t count = sizeof(ids) / sizeof(*ids);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++)
			assert_int_equal(jsonrpc_id_hash(ids[i]) ==
						 jsonrpc_id_hash(ids[k]),
					 i == k);
	assert_int_equal(jsonrpc_id_hash("\"\\u0061\\u00e9\""),
			 jsonrpc_id_hash("\"a\xC3\xA9\""));
	/* No JSON at all: whatever, but no harm. */
	jsonrpc_id_hash("\"\\\"");
}

/* Whether the line was told at a glance; if so, as jsonrpc_parse does. */
static bool quick_agrees(const char *line, size_t len)
{
	struct jsonrpc_quick quick;
	struct jsonrpc_message m;

	if (!jsonrpc_quick(&quick, line, len))
		return false;
	assert_int_equal(jsonrpc_parse(&m, line, len), 0);
	assert_int_equal(m.kind, JSONRPC_REQUEST);
	assert_int_equal(strlen(m.id), quick.id.len);
	assert_memory_equal(m.id, quick.id.data, quick.id.len);
	assert_int_equal(strlen(m.method), quick.method.len);
	assert_memory_equal(m.method, quick.method.data, quick.method.len);
	assert_null(m.params);
	assert_false(m.bad_params);
	jsonrpc_message_free(&m);
	return true;
}

static void told_at_a_glance(void **state)
{
	static const struct {
		const char *line;
		bool quick;
	} cases[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", true },
		{ "{\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"id\":\"a b\"}\r",
		  true },
		{ " { \"id\" : -0 ,\t\"method\" : \"\" } ", true },
		{ "{\"id\":123456789012345678901234567890,\"method\":\"m\"}",
		  true },
		{ "{\"id\":\"\",\"method\":\"m\"}", true },
		{ "{\"id\":01,\"method\":\"m\"}", false },
		{ "{\"id\":-,\"method\":\"m\"}", false },
		{ "{\"id\":1.0,\"method\":\"m\"}", false },
		{ "{\"id\":1e3,\"method\":\"m\"}", false },
		{ "{\"id\":null,\"method\":\"m\"}", false },
		{ "{\"id\":1,\"id\":2,\"method\":\"m\"}", false },
		{ "{\"id\":1,\"method\":\"m\",\"method\":\"n\"}", false },
		{ "{\"id\":1,\"method\":\"m\",\"params\":{}}", false },
		{ "{\"id\":1,\"method\":\"m\",\"jsonrpc\":\"1.0\"}", false },
		{ "{\"id\":1,\"method\":\"m\",\"jsonrpc\":2.0}", false },
		{ "{\"id\":1,\"method\":\"\\u006d\"}", false },
		{ "{\"id\":\"\xC3\xA9\",\"method\":\"m\"}", false },
		{ "{\"id\":1,\"method\":7}", false },
		{ "{\"id\":1}", false },
		{ "{\"method\":\"m\"}", false },
		{ "{\"id\":1,\"method\":\"m\",}", false },
		{ "{\"id\":1,\"method\":\"m\"}x", false },
		{ "{\"id\":1,\"method\":\"m\"", false },
		{ "{\"id\":1,\"method\":\"m", false },
		{ "{\"id\":", false },
		{ "[{\"id\":1,\"method\":\"m\"}]", false },
		{ "{}", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i].line);
		char *line = malloc(len + 1);

		/* No byte beyond the end is looked at. */
		assert_non_null(line);
		memcpy(line, cases[i].line, len);
		print_message("%s\n", cases[i].line);
		assert_int_equal(quick_agrees(line, len), cases[i].quick);
		free(line);
	}
}

/* Damaged lines: what is told at a glance is never told otherwise. */
static void a_glance_agrees(void **state)
{
	static const char seed_line[] =
		"{\"jsonrpc\":\"2.0\",\"id\":\"12\",\"method\":\"ping\"}";
	static const char bytes[] = "{}[]\",:\\0123456789-+.eE tnull\x7F\x80";
	uint64_t seed = 1;
	int told = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char line[sizeof(seed_line)];
		size_t len = sizeof(seed_line) - 1;

		memcpy(line, seed_line, len);
		for (int edits = 1 + i % 3; edits > 0; edits--) {
			size_t at;

			seed = seed * 6364136223846793005u +
			       1442695040888963407u;
			at = (size_t)(seed >> 33) % len;
			if (seed >> 63) {
				line[at] = bytes[(seed >> 40) %
						 (sizeof(bytes) - 1)];
			} else {
				memmove(line + at, line + at + 1, len - at - 1);
				len--;
			}
		}
		told += quick_agrees(line, len);
	}
	assert_in_range(told, 1000, 199000);
}

static void expect_line(struct jsonrpc_line *line, const char *expected)
{
	assert_string_equal(line->data, expected);
	assert_int_equal(line->len, strlen(expected));
	free(line->data);
}

static void builders(void **state)
{
	struct jsonrpc_line line, two[2];

	(void)state;
	assert_int_equal(jsonrpc_result(&line, "\"\\u0061\"",
					json_pack("{s:s}", "t", "\xC3\xA9\n")),
			 0);
	expect_line(&line, "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0061\","
			   "\"result\":{\"t\":\"\\u00E9\\n\"}}\n");
	assert_true(jsonrpc_result(&line, "1", NULL) < 0);
	assert_null(line.data);
	assert_int_equal(jsonrpc_error(&line, "1", JSONRPC_INVALID_PARAMS,
				       "bad \xFF", json_pack("[i]", 1)),
			 0);
	expect_line(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":"
			   "-32602,\"message\":\"bad \\uFFFD\",\"data\":[1]}}"
			   "\n");
	assert_int_equal(jsonrpc_notification(&line, "n/m", NULL), 0);
	expect_line(&line, "{\"jsonrpc\":\"2.0\",\"method\":\"n/m\"}\n");
	assert_int_equal(jsonrpc_request(&line, "5", "m", json_object()), 0);
	expect_line(&line, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"m\","
			   "\"params\":{}}\n");
	assert_int_equal(jsonrpc_result_text(&two[0], "1", "{}", 2), 0);
	assert_int_equal(jsonrpc_result_text(&two[1], "2", "{}", 2), 0);
	assert_int_equal(jsonrpc_batch(&line, two, 2), 0);
	expect_line(&line, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}},"
			   "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}]\n");
	free(two[0].data);
	free(two[1].data);
}

/* Reads `bytes` in steps of `step` and joins the lines with '|'; "<long>"
 * stands for one that was dropped. */
static void expect_lines(const char *bytes, size_t len, size_t step,
			 const char *expected)
{
	struct jsonrpc_lines lines = { 0 };
	char *got = calloc(1, len + 64);
	size_t at = 0;
	bool ended = false;

	assert_non_null(got);
	while (!ended) {
		enum jsonrpc_lines_event what;
		const char *line;
		size_t line_len, room;
		char *buf;

		if (at < len) {
			assert_int_equal(
				jsonrpc_lines_room(&lines, &buf, &room), 0);
			assert_true(room >= 1);
			room = room < step ? room : step;
			room = room < len - at ? room : len - at;
			memcpy(buf, bytes + at, room);
			jsonrpc_lines_added(&lines, room);
			at += room;
		} else {
			assert_int_equal(jsonrpc_lines_end(&lines), 0);
			ended = true;
		}
		while ((what = jsonrpc_lines_next(&lines, &line, &line_len)) !=
		       JSONRPC_LINES_EMPTY) {
			if (what == JSONRPC_LINES_TOO_LONG)
				strcat(got, "<long>");
			else
				strncat(got, line, line_len);
			strcat(got, "|");
		}
	}
	assert_string_equal(got, expected);
	jsonrpc_lines_free(&lines);
	free(got);
}

static void lines_in_pieces(void **state)
{
	static const char text[] = "one\n\ntwo\r\nthree";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++)
		expect_lines(text, sizeof(text) - 1, step, "one||two\r|three|");
	expect_lines("a\n", 2, 1, "a|");
	expect_lines("", 0, 1, "");
}

static void too_long(void **state)
{
	size_t len = (size_t)JSONRPC_LINE_MAX + 1;
	char *text = malloc(2 * len + 2);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 2 * len + 2);
	memcpy(text + len, "\nafter\n", 7);
	expect_lines(text, len + 7, 65536, "<long>|after|");
	/* no newline at all */
	expect_lines(text, len, 65536, "<long>|");
	/* two in a row */
	memcpy(text + len, "\nyyyyyy", 7);
	text[2 * len + 1] = '\n';
	expect_lines(text, 2 * len + 2, 100000, "<long>|<long>|");
	free(text);
}

static void longest_line(void **state)
{
	struct jsonrpc_lines lines = { 0 };
	size_t fed = 0, room, len = 0;
	const char *line;
	char *buf;

	(void)state;
	while (fed < JSONRPC_LINE_MAX) {
		assert_int_equal(jsonrpc_lines_room(&lines, &buf, &room), 0);
		room = room < JSONRPC_LINE_MAX - fed ? room
						     : JSONRPC_LINE_MAX - fed;
		memset(buf, 'x', room);
		jsonrpc_lines_added(&lines, room);
		fed += room;
		assert_int_equal(jsonrpc_lines_next(&lines, &line, &len),
				 JSONRPC_LINES_EMPTY);
	}
	assert_int_equal(jsonrpc_lines_end(&lines), 0);
	assert_int_equal(jsonrpc_lines_next(&lines, &line, &len),
			 JSONRPC_LINES_LINE);
	assert_int_equal(len, JSONRPC_LINE_MAX);
	/* what it needed goes back */
	assert_int_equal(jsonrpc_lines_room(&lines, &buf, &room), 0);
	assert_int_equal(lines.cap, JSONRPC_LINES_INITIAL);
	assert_int_equal(room, JSONRPC_LINES_INITIAL);
	jsonrpc_lines_free(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(params),
		cmocka_unit_test(batches),
		cmocka_unit_test(limits),
		cmocka_unit_test(id_equality),
		cmocka_unit_test(id_hashes),
		cmocka_unit_test(told_at_a_glance),
		cmocka_unit_test(a_glance_agrees),
		cmocka_unit_test(builders),
		cmocka_unit_test(lines_in_pieces),
		cmocka_unit_test(too_long),
		cmocka_unit_test(longest_line),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
