// SPDX-License-Identifier: MIT
/* roles: what config.yaml gives, and what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/roles.h"

#define READ ROLES_MEMORY_READ
#define WRITE ROLES_MEMORY_WRITE

static void what_files_give(void **state)
{
	static const struct {
		const char *text;
		unsigned rights;
		const char *names, *unknown;
	} cases[] = {
		{ "", ROLES_ALL, "operator", NULL },
		{ "# nothing\n", ROLES_ALL, "operator", NULL },
		{ "name: Alpha\ntier: 2\nskills: [a, {b: c}]\n", ROLES_ALL,
		  "operator", NULL },
		{ "rbac:\n", ROLES_ALL, "operator", NULL },
		{ "rbac: {}\n", ROLES_ALL, "operator", NULL },
		{ "rbac:\n  roles:\n", ROLES_ALL, "operator", NULL },
		{ "rbac:\n  roles: ~\n", ROLES_ALL, "operator", NULL },
		{ "rbac:\n  roles: [admin]\n", ROLES_ALL, "admin", NULL },
		{ "rbac:\n  roles:\n    - operator\n", ROLES_ALL, "operator",
		  NULL },
		{ "rbac:\n  roles: read-only\n", READ, "read-only", NULL },
		{ "rbac: {roles: [memory-readonly]}", READ, "memory-readonly",
		  NULL },
		{ "rbac: {roles: [no-delegation]}",
		  ROLES_APPROVE | READ | WRITE, "no-delegation", NULL },
		{ "rbac: {roles: [no-approval]}", ROLES_DELEGATE | READ | WRITE,
		  "no-approval", NULL },
		/* Any of them gives. */
		{ "rbac: {roles: [no-approval, no-delegation]}", ROLES_ALL,
		  "no-approval, no-delegation", NULL },
		{ "rbac: {roles: []}", 0, "", NULL },
		{ "rbac: {roles: [boss, read-only, chief]}", READ,
		  "boss, read-only, chief", "boss, chief" },
		/* Roles of one's own; they go before those of the same name. */
		{ "rbac:\n  roles: [analyst]\n  allowed_actions:\n"
		  "    analyst: [memory.read, memory.write, unheard.of, 7]\n",
		  READ | WRITE, "analyst", NULL },
		{ "rbac:\n  roles: [admin]\n  allowed_actions:\n"
		  "    admin: delegate\n",
		  ROLES_DELEGATE, "admin", NULL },
		{ "rbac: {roles: [x], allowed_actions: {x: }}", 0, "x", NULL },
		/* The last of two counts; the first document counts. */
		{ "rbac: {roles: [admin]}\nrbac: {roles: [read-only]}\n", READ,
		  "read-only", NULL },
		{ "rbac: {roles: [read-only]}\n---\nrbac: {roles: [admin]}\n",
		  READ, "read-only", NULL },
		/* An alias is not followed, so it gives nothing. */
		{ "x: &a admin\nrbac: {roles: [*a]}\n", 0, "*alias", "*alias" },
		{ "rbac: {roles: [\"read-only\"]}", READ, "read-only", NULL },
		{ "? [a, b]\n: c\nrbac: {roles: [read-only]}", READ,
		  "read-only", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct roles roles;
		char *why;
		int err = roles_read(&roles, cases[i].text,
				     strlen(cases[i].text), &why);

		if (err || roles.rights != cases[i].rights)
			print_error("in: %s", cases[i].text);
		assert_null(why);
		assert_int_equal(err, 0);
		assert_int_equal(roles.rights, cases[i].rights);
		assert_string_equal(roles.names, cases[i].names);
		if (cases[i].unknown)
			assert_string_equal(roles.unknown, cases[i].unknown);
		else
			assert_null(roles.unknown);
		roles_free(&roles);
	}
}

static void expect_broken(const char *text, size_t len, const char *what)
{
	struct roles roles;
	char *why;

	assert_int_equal(roles_read(&roles, text, len, &why), -EBADMSG);
	assert_non_null(why);
	if (!strstr(why, what))
		assert_string_equal(why, what);
	assert_int_equal(roles.rights, ROLES_ALL);
	assert_string_equal(roles.names, ROLES_DEFAULT);
	free(why);
	roles_free(&roles);
}

static void broken_files(void **state)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{ "a: b: c\n", "line 1: mapping values are not allowed" },
		{ "a: 1\nb: [1, 2\n", "line 3: " },
		{ "a: \"unfinished\n", "line " },
		{ "\ta: 1\n", "line 1: " },
		{ "- a\n", "the file must be a mapping" },
		{ "just words", "the file must be a mapping" },
		{ "rbac: 7\n", "rbac must be a mapping" },
		{ "rbac: [roles]\n", "rbac must be a mapping" },
		{ "rbac: {roles: {a: b}}\n", "rbac.roles must be a list" },
		{ "rbac: {roles: [[a]]}\n", "rbac.roles must be a list" },
		{ "rbac: {roles: [a], allowed_actions: [b]}\n",
		  "rbac.allowed_actions must be a mapping" },
		{ "a: \xFF\xFE\n", "line " },
	};
	char *many;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_broken(cases[i].text, strlen(cases[i].text),
			      cases[i].what);
	expect_broken("a: \0b", 5, "line 1: ");
	/* Too deep, too large. */
	many = malloc(400000);
	memset(many, '[', 400000);
	expect_broken(many, 100, "too deep");
	for (size_t i = 1; i + 1 < 400000; i += 2)
		memcpy(many + i, "a,", 2);
	expect_broken(many, 400000, "too large");
	free(many);
}

static void names_of_rights(void **state)
{
	(void)state;
	assert_string_equal(roles_right_name(ROLES_MEMORY_WRITE),
			    "memory.write");
	assert_string_equal(roles_right_name(ROLES_DELEGATE), "delegate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_files_give),
		cmocka_unit_test(broken_files),
		cmocka_unit_test(names_of_rights),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
