// SPDX-License-Identifier: MIT
/* The names under which files are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/upload_name.h"

static void expect(const char *name, const char *want)
{
	char safe[UPLOAD_NAME_SAFE + 1];

	upload_name_safe(safe, name);
	assert_string_equal(safe, want);
}

static void harmless(void **state)
{
	(void)state;
	expect("a.txt", "a.txt");
	expect("my file (1).txt", "my_file__1_.txt");
	expect("/etc/passwd", "passwd");
	expect("../../x", "x");
	expect("C:\\dir\\y.doc", "y.doc");
	expect("a\\b/c", "c");
	expect("a/b\\c", "c");
	expect("", "file");
	expect("dir/", "file");
	expect(".", "file");
	expect("..", "file");
	expect("...", "...");
	expect(".hidden", ".hidden");
	expect("\n\t$(x)`", "____x__");
	expect("h\xc3\xa9llo \xf0\x9f\x98\x80.png", "h_llo__.png");
}

static void long_names(void **state)
{
	char name[300], want[UPLOAD_NAME_SAFE + 1];

	(void)state;
	memset(name, 'x', 200);
	strcpy(name + 200, ".jpeg");
	memset(want, 'x', 95);
	strcpy(want + 95, ".jpeg");
	expect(name, want);
	/* The longest extension that stays, and one more. */
	strcpy(name + 200, ".23456789abcdef0");
	memset(want, 'x', 84);
	strcpy(want + 84, ".23456789abcdef0");
	expect(name, want);
	strcpy(name + 200, ".23456789abcdef01");
	memset(want, 'x', 100);
	expect(name, want);
	/* As long as may be. */
	strcpy(name, want);
	expect(name, want);
	/* Characters count, not bytes. */
	for (int i = 0; i < 100; i++)
		memcpy(name + 2 * (size_t)i, "\xc3\xa9", 2);
	name[200] = '\0';
	memset(want, '_', 100);
	expect(name, want);
}

static void whole_names(void **state)
{
	char name[UPLOAD_NAME_MAX + 1];

	(void)state;
	/* What sha256sum(1) says of "ws/file". */
	upload_name_make(name, "ws", "file", "n 1.txt");
	assert_string_equal(name, "29adf7b3beac1a2775c8572376de4340-n_1.txt");
}

static void differ(void **state)
{
	char a[UPLOAD_NAME_MAX + 1], b[UPLOAD_NAME_MAX + 1];
	char name[300];

	(void)state;
	upload_name_make(a, "ws", "file", "n");
	upload_name_make(b, "ws", "file2", "n");
	assert_string_not_equal(a, b);
	upload_name_make(b, "ws2", "file", "n");
	assert_string_not_equal(a, b);
	upload_name_make(b, "ws", "file", "n");
	assert_string_equal(a, b);
	memset(name, 'x', 299);
	name[299] = '\0';
	upload_name_make(a, "ws", "file", name);
	assert_int_equal(strlen(a), UPLOAD_NAME_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harmless),
		cmocka_unit_test(long_names),
		cmocka_unit_test(whole_names),
		cmocka_unit_test(differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
