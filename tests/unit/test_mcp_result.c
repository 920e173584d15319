// SPDX-License-Identifier: MIT
/* The answers of tools as lines: their members in each era, and that no line is
 * too long, whatever a tool leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/mcp.h"
#include "proto/mcp_modern.h"
#include "proto/mcp_result.h"

#define MIB ((size_t)1 << 20)

static void expect(const struct mcp_result *result, const char *want)
{
	struct jsonrpc_line line;

	assert_int_equal(mcp_result_line(&line, "1", result), 0);
	assert_string_equal(line.data, want);
	assert_int_equal(line.len, strlen(want));
	free(line.data);
}

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":["
#define BLOCK(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define INFO                                                                   \
	"\"io.modelcontextprotocol/serverInfo\":{\"name\":\"molecule\","       \
	"\"title\":\"Molecule workspace\",\"version\":\"" MOLECULE_VERSION     \
	"\"}"

static void members(void **state)
{
	json_t *object = json_pack("{s:i}", "n", 7);

	(void)state;
	expect(&(struct mcp_result){ .text = "a\n\xC3\xA9\xFF", .len = 5 },
	       HEAD BLOCK("a\\n\\u00E9\\uFFFD") "]}}\n");
	expect(&(struct mcp_result){ .text = "", .is_error = true },
	       HEAD BLOCK("") "],\"isError\":true}}\n");
	expect(&(struct mcp_result){ .text = "x", .len = 1, .untrusted = true },
	       HEAD BLOCK("x") "],\"_meta\":{\"molecule/untrusted\":true}}}\n");
	expect(&(struct mcp_result){ .text = "x",
				     .len = 1,
				     .structured = object },
	       HEAD BLOCK("x") "],\"structuredContent\":{\"n\":7}}}\n");
	/* A failure has none. */
	expect(&(struct mcp_result){ .text = "x",
				     .len = 1,
				     .structured = object,
				     .is_error = true },
	       HEAD BLOCK("x") "],\"isError\":true}}\n");
	expect(&(struct mcp_result){ .text = "x",
				     .len = 1,
				     .structured = object,
				     .modern = true },
	       HEAD BLOCK("x") "],\"structuredContent\":{\"n\":7},"
			       "\"resultType\":\"complete\","
			       "\"_meta\":{" INFO "}}}\n");
	expect(&(struct mcp_result){ .text = "x",
				     .len = 1,
				     .is_error = true,
				     .untrusted = true,
				     .modern = true },
	       HEAD BLOCK("x") "],\"isError\":true,\"resultType\":\"complete\","
			       "\"_meta\":{" INFO
			       ",\"molecule/untrusted\":true}}}\n");
	json_decref(object);
}

static char *filled(size_t size, char with)
{
	char *text = malloc(size + 1);

	assert_non_null(text);
	memset(text, with, size);
	text[size] = '\0';
	return text;
}

/* The result of a line, which must not be too long. */
static json_t *result_of(const struct mcp_result *result)
{
	struct jsonrpc_line line;
	json_t *root, *found;

	assert_int_equal(mcp_result_line(&line, "1", result), 0);
	assert_true(line.len <= MCP_LINE_MAX);
	assert_ptr_equal(memchr(line.data, '\n', line.len),
			 line.data + line.len - 1);
	root = json_loadb(line.data, line.len, 0, NULL);
	assert_non_null(root);
	free(line.data);
	found = json_incref(json_object_get(root, "result"));
	json_decref(root);
	return found;
}

static const char *text_of(const json_t *result, size_t block)
{
	return json_get_text(
		json_array_get(json_object_get(result, "content"), block),
		"text");
}

/* A text of any character is cut, says so, and is not cut without need. */
static void long_texts(void **state)
{
	static const char with[] = { 'x', '"', '\n', '\x01', '\xFF' };
	static const size_t takes[] = { 1, 2, 2, 6, 6 };

	(void)state;
	for (size_t i = 0; i < sizeof(with); i++) {
		char *text = filled(9 * MIB, with[i]);
		json_t *result = result_of(
			&(struct mcp_result){ .text = text, .len = 9 * MIB });
		const char *shown = text_of(result, 0);
		size_t kept = strcspn(shown, "[");

		assert_non_null(strstr(shown, "\n[cut here"));
		if (with[i] == '\xFF') /* one becomes three bytes */
			kept /= 3;
		assert_true(kept * takes[i] > 7 * MIB);
		assert_null(json_object_get(result, "isError"));
		json_decref(result);
		free(text);
	}
}

/* A list of so many items, each with so long a text. */
static json_t *list_of(size_t count, size_t size)
{
	char *text = filled(size, '"');
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:s}", "n",
						(json_int_t)i, "text", text));
	free(text);
	return list;
}

static void assert_numbered(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		assert_int_equal(json_integer_value(json_object_get(
					 json_array_get(list, i), "n")),
				 i);
}

/* The object loses items, and so does the text, be it the object or its
 * list. */
static void long_lists(void **state)
{
	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		json_t *list = list_of(1000, 4000), *shown, *inner;
		json_t *object = json_pack("{s:s, s:o, s:[i]}", "a", "b",
					   "messages", list, "other", 1);
		char *text = json_dump_text(whole ? object : list, 0);
		json_t *result =
			result_of(&(struct mcp_result){ .text = text,
							.len = strlen(text),
							.structured = object });
		size_t kept;

		shown = json_object_get(result, "structuredContent");
		assert_true(json_is_true(json_object_get(shown, "truncated")));
		assert_string_equal(json_get_text(shown, "a"), "b");
		assert_int_equal(
			json_array_size(json_object_get(shown, "other")), 1);
		list = json_object_get(shown, "messages");
		kept = json_array_size(list);
		/* 8000 bytes in the object and 16000 in the text, each. */
		assert_in_range(kept, 300, 349);
		assert_numbered(list);
		inner = json_loads(text_of(result, 0), 0, NULL);
		assert_non_null(inner);
		assert_true(json_equal(inner, whole ? shown : list));
		assert_non_null(strstr(text_of(result, 1), " of 1000 are "));
		assert_null(json_object_get(result, "isError"));
		json_decref(inner);
		json_decref(result);
		json_decref(object);
		free(text);
	}
}

/* Nothing is cut from what just fits. */
static void what_fits_is_whole(void **state)
{
	(void)state;
	for (size_t count = 347; count < 350; count++) {
		json_t *list = list_of(count, 4000), *result, *shown;
		json_t *object = json_pack("{s:o}", "messages", list);
		char *text = json_dump_text(list, 0);
		size_t kept;

		result =
			result_of(&(struct mcp_result){ .text = text,
							.len = strlen(text),
							.structured = object });
		shown = json_object_get(result, "structuredContent");
		kept = json_array_size(json_object_get(shown, "messages"));
		assert_int_equal(kept < count,
				 json_object_get(shown, "truncated") != NULL);
		assert_true(kept >= 345 || kept == count);
		json_decref(result);
		json_decref(object);
		free(text);
	}
}

/* Lines of text beside a list that is too long. */
static void long_both(void **state)
{
	json_t *object = json_pack("{s:o}", "peers", list_of(1000, 4000));
	char *text = filled(8 * MIB, '-');
	json_t *result = result_of(&(struct mcp_result){
		.text = text, .len = 8 * MIB, .structured = object });
	json_t *shown = json_object_get(result, "structuredContent");

	(void)state;
	assert_true(json_is_true(json_object_get(shown, "truncated")));
	assert_in_range(json_array_size(json_object_get(shown, "peers")), 400,
			530);
	assert_non_null(strstr(text_of(result, 0), "-\n[cut here"));
	assert_true(strlen(text_of(result, 0)) > 3 * MIB);
	json_decref(result);
	json_decref(object);
	free(text);
}

/* What cannot be cut is said to be too large. */
static void too_large(void **state)
{
	char *text = filled(5 * MIB, '"');
	json_t *objects[] = {
		json_pack("{s:s}", "text", text),
		json_pack("{s:[s]}", "list", text),
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *dump = json_dump_text(objects[i], 0);
		json_t *result = result_of(
			&(struct mcp_result){ .text = dump,
					      .len = strlen(dump),
					      .structured = objects[i] });

		assert_true(json_get_true(result, "isError"));
		assert_null(json_object_get(result, "structuredContent"));
		assert_non_null(strstr(text_of(result, 0), "too large"));
		json_decref(result);
		json_decref(objects[i]);
		free(dump);
	}
	free(text);
}

/* An id of any length that is taken leaves room for the rest. */
static void long_ids(void **state)
{
	char *id = filled(JSONRPC_ID_MAX, '7');
	char *text = filled(9 * MIB, 'x');
	struct jsonrpc_line line;

	(void)state;
	assert_int_equal(
		mcp_result_line(&line, id,
				&(struct mcp_result){ .text = text,
						      .len = 9 * MIB,
						      .untrusted = true,
						      .modern = true }),
		0);
	assert_true(line.len <= MCP_LINE_MAX);
	assert_true(line.len > MCP_LINE_MAX - 2048);
	free(line.data);
	free(text);
	free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(long_lists),
		cmocka_unit_test(what_fits_is_whole),
		cmocka_unit_test(long_both),
		cmocka_unit_test(too_large),
		cmocka_unit_test(long_ids),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
