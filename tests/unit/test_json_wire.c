// SPDX-License-Identifier: MIT
/* How much room a text takes in a line: exactly as much as it is written in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/json_wire.h"
#include "proto/utf8.h"

/* What a value takes as a line, its quotes not counted. */
static size_t dumped(json_t *string)
{
	size_t len = 0;
	char *line = json_dump_line(string, &len);

	assert_non_null(line);
	free(line);
	json_decref(string);
	return len - 2;
}

static void assert_sizes(const char *text, size_t len)
{
	json_t *inner = json_string_clean(text, len);
	char *nested = json_dump_text(inner, 0);
	size_t string = dumped(json_string_clean(text, len));
	size_t in_text;

	assert_non_null(nested);
	/* Two of the characters are the inner quotes, escaped. */
	in_text = dumped(json_string_clean_z(nested)) - 4;
	assert_int_equal(json_wire_size(text, len, JSON_WIRE_STRING), string);
	assert_int_equal(json_wire_size(text, len, JSON_WIRE_NESTED), in_text);
	assert_int_equal(json_wire_size(text, len, JSON_WIRE_BOTH),
			 string + in_text);
	free(nested);
	json_decref(inner);
}

static void sizes(void **state)
{
	static const char *const texts[] = {
		"",
		"plain",
		"\"quoted\" and \\ too",
		"\n\t\r\b\f",
		"\x01\x1f\x7f/",
		"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
		"\xFF broken \xE2\x82 \xF0\x9F\x98 \xC0\x80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_sizes(texts[i], strlen(texts[i]));
	assert_sizes("a\0b", 3);
}

static void random_bytes(void **state)
{
	uint64_t seed = 7;
	char text[64];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)i % sizeof(text);

		for (size_t k = 0; k < len; k++) {
			seed = seed * 6364136223846793005u +
			       1442695040888963407u;
			/* Half of them ASCII. */
			text[k] =
				(char)(seed >> 40 & (seed >> 63 ? 0x7F : 0xFF));
		}
		assert_sizes(text, len);
	}
}

static void prefixes(void **state)
{
	static const char text[] = "ab\"\xC3\xA9\xF0\x9F\x98\x80z";
	const size_t len = sizeof(text) - 1;
	const size_t all = json_wire_size(text, len, JSON_WIRE_STRING);
	size_t before = 0;

	(void)state;
	assert_int_equal(all, 2 + 2 + 6 + 12 + 1);
	for (size_t room = 0; room <= all + 1; room++) {
		size_t kept =
			json_wire_prefix(text, len, JSON_WIRE_STRING, room);

		assert_true(kept >= before);
		assert_true(json_wire_size(text, kept, JSON_WIRE_STRING) <=
			    room);
		assert_true(utf8_valid(text, kept));
		before = kept;
	}
	assert_int_equal(before, len);
	/* No room is left unused that the next character would fit into. */
	assert_int_equal(json_wire_prefix(text, len, JSON_WIRE_STRING, 3), 2);
	assert_int_equal(json_wire_prefix(text, len, JSON_WIRE_STRING, 4), 3);
	assert_int_equal(json_wire_prefix(text, len, JSON_WIRE_BOTH, 4), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(prefixes),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
