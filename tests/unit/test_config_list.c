// SPDX-License-Identifier: MIT
/*
 * Lists of workspaces: what an entry may be, and that everything wrong with a
 * list is told at once, with the entry's index and never with a token.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"

#define A "8dad3e29-1111-4111-8111-111111111111"
#define B "5b1c0e77-7d0e-4f3c-8a51-3a6f0c2d4e02"

/* Pairs of name and value, ending with NULL. */
static const char *lookup(void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

#define READ(config, ...)                                                      \
	config_read(config, lookup,                                            \
		    (const char *[]){ "PLATFORM_URL", "https://example.org/",  \
				      __VA_ARGS__, NULL, NULL })

/* JSON with ' for ". */
static char *quoted(const char *json)
{
	char *text = strdup(json);

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

static void two_entries(void **state)
{
	char *list = quoted(" [{'id':' " A " ','token':' t-1 ','more':[1]},"
			    "{'token':42,'id':7,'platform_url':"
			    "' http://other.example:8080/x// '}] ");
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, "MOLECULE_WORKSPACES", list, "WORKSPACE_ID",
			      "not used /", "MOLECULE_WORKSPACE_TOKEN",
			      "not used", "MOLECULE_WORKSPACES_FILE", "unread"),
			 0);
	assert_true(config_usable(&c));
	assert_string_equal(c.list, "MOLECULE_WORKSPACES");
	assert_null(c.workspaces_file);
	assert_null(c.token);
	assert_int_equal(c.workspace_count, 2);
	assert_string_equal(c.workspaces[0].id, A);
	assert_string_equal(c.workspaces[0].token, "t-1");
	assert_string_equal(c.workspaces[0].platform_text,
			    "https://example.org");
	assert_string_equal(c.workspaces[0].platform->host, "example.org");
	assert_false(c.workspaces[0].own_platform);
	assert_string_equal(c.workspaces[1].id, "7");
	assert_string_equal(c.workspaces[1].token, "42");
	assert_string_equal(c.workspaces[1].platform_text,
			    "http://other.example:8080/x");
	assert_int_equal(c.workspaces[1].platform->port, 8080);
	assert_true(c.workspaces[1].own_platform);
	config_free(&c);
	free(list);
}

static void equal_platforms_are_one(void **state)
{
	char *list = quoted("[{'id':'a','token':'t','platform_url':'http://x'},"
			    "{'id':'b','token':'t','platform_url':'http://x/'}"
			    ",{'id':'c','token':'t','platform_url':' '},"
			    "{'id':'d','token':'t','platform_url':null}]");
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, "MOLECULE_WORKSPACES", list), 0);
	assert_true(config_usable(&c));
	assert_ptr_equal(c.workspaces[0].platform, c.workspaces[1].platform);
	assert_ptr_equal(c.workspaces[2].platform, &c.platform);
	assert_ptr_equal(c.workspaces[3].platform, &c.platform);
	assert_false(c.workspaces[2].own_platform);
	config_free(&c);
	free(list);
}

static void one_workspace_is_a_list_of_one(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, "WORKSPACE_ID", "ws-1",
			      "MOLECULE_WORKSPACE_TOKEN", "tok",
			      "MOLECULE_WORKSPACES", "  "),
			 0);
	assert_true(config_usable(&c));
	assert_null(c.list);
	assert_int_equal(c.workspace_count, 1);
	assert_string_equal(c.workspaces[0].id, "ws-1");
	assert_string_equal(c.workspaces[0].token, "tok");
	assert_ptr_equal(c.workspaces[0].platform, &c.platform);
	config_free(&c);
}

/* The list as it is read from a file. */
static void a_file_is_only_noted(void **state)
{
	char *list = quoted("[{'id':'a','token':'t'}]");
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, "MOLECULE_WORKSPACES_FILE", " /x/list "), 0);
	assert_true(config_usable(&c));
	assert_string_equal(c.workspaces_file, "/x/list");
	assert_int_equal(c.workspace_count, 0);
	assert_int_equal(config_read_list(&c, "MOLECULE_WORKSPACES_FILE", list,
					  strlen(list)),
			 0);
	assert_true(config_usable(&c));
	assert_int_equal(c.workspace_count, 1);
	config_free(&c);
	assert_int_equal(READ(&c, "MOLECULE_WORKSPACES_FILE", "/x"), 0);
	assert_int_equal(
		config_read_list(&c, "MOLECULE_WORKSPACES_FILE", "", 0), 0);
	assert_false(config_usable(&c));
	config_free(&c);
	free(list);
}

/* The report on a list, the caller's; it never has a token in it. */
static char *report_on(const char *json)
{
	char *list = quoted(json);
	struct config c;
	char *report;

	assert_int_equal(READ(&c, "MOLECULE_WORKSPACES", list), 0);
	if (config_usable(&c))
		fail_msg("accepted: %s", json);
	report = config_report(&c);
	if (strstr(report, "very-secret") != NULL)
		fail_msg("a token in: %s", report);
	config_free(&c);
	free(list);
	return report;
}

static void check_refused(const char *json, const char *needle)
{
	char *report = report_on(json);

	if (strstr(report, needle) == NULL)
		fail_msg("no \"%s\" in: %s", needle, report);
	free(report);
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	check_refused("[{'id':'a','token':'very-secret'",
		      "MOLECULE_WORKSPACES is not valid JSON: ");
	check_refused("very-secret",
		      "unexpected characters at line 1, column ");
	check_refused("[\n  very-secret]", "at line 2");
	check_refused("{}", "is not a JSON array of at least one");
	check_refused("[]", "is not a JSON array of at least one");
	check_refused("'very-secret'", "is not a JSON array of at least one");
	check_refused("[{'id':'a','token':'very-secret'},7]",
		      "MOLECULE_WORKSPACES[1] is not an object");
	check_refused("[{'token':'very-secret'}]",
		      "MOLECULE_WORKSPACES[0]: the id is missing");
	check_refused("[{'id':'a'}]",
		      "MOLECULE_WORKSPACES[0]: the token is missing");
	check_refused("[{'id':'a','token':' '}]",
		      "MOLECULE_WORKSPACES[0]: the token is missing");
	check_refused("[{'id':'a','token':null}]",
		      "MOLECULE_WORKSPACES[0]: the token is missing");
	check_refused("[{'id':'a/b','token':'very-secret'}]",
		      "MOLECULE_WORKSPACES[0]: the id is not a workspace id");
	check_refused("[{'id':'a','token':'very-secret very-secret'}]",
		      "MOLECULE_WORKSPACES[0]: the token has white space");
	check_refused("[{'id':'a','token':'${very-secret}'}]",
		      "MOLECULE_WORKSPACES[0].token is a reference");
	check_refused("[{'id':'a','token':'very-secret','platform_url':[]}]",
		      "MOLECULE_WORKSPACES[0]: platform_url is not a string");
	check_refused("[{'id':'a','token':'t','platform_url':'ftp://x'}]",
		      "MOLECULE_WORKSPACES[0].platform_url: the address is "
		      "not usable");
	check_refused("[{'id':'AB','token':'t'},{'id':'x','token':'t'},"
		      "{'id':'ab','token':'very-secret'}]",
		      "MOLECULE_WORKSPACES[2]: the same id as "
		      "MOLECULE_WORKSPACES[0]");
	check_refused("${LIST}", "MOLECULE_WORKSPACES is a reference");
}

/* Any error rejects the whole list, and all of them are told. */
static void all_errors_at_once(void **state)
{
	char *report = report_on("[{'id':'a'},{'token':'very-secret'},3,"
				 "{'id':'ok','token':'very-secret'}]");

	(void)state;
	assert_non_null(strstr(report, "[0]: the token is missing"));
	assert_non_null(strstr(report, "[1]: the id is missing"));
	assert_non_null(strstr(report, "[2] is not an object"));
	free(report);
	report = report_on("[1,2,3,4,5,6,7,8,9,10]");
	assert_non_null(strstr(report, "[7] is not an object"));
	assert_non_null(strstr(report, "and 2 more"));
	free(report);
}

static void the_platform_stays_required(void **state)
{
	static const char *const pairs[] = { "MOLECULE_WORKSPACES",
					     "[{\"id\":\"a\",\"token\":\"t\"}]",
					     NULL, NULL };
	struct config c;
	char *report;

	(void)state;
	assert_int_equal(config_read(&c, lookup, (void *)(uintptr_t)pairs), 0);
	assert_false(config_usable(&c));
	report = config_report(&c);
	assert_non_null(strstr(report, "\nCurrently missing: PLATFORM_URL\n"));
	free(report);
	config_free(&c);
}

/* A proxy that cannot be used matters for the platforms behind it. */
static void proxies_of_own_platforms(void **state)
{
	char *list = quoted("[{'id':'a','token':'t','platform_url':"
			    "'https://x.example'}]");
	struct config c;

	(void)state;
	assert_int_equal(
		config_read(&c, lookup,
			    (const char *[]){
				    "PLATFORM_URL", "http://localhost",
				    "HTTPS_PROXY", "socks5://p:1",
				    "MOLECULE_WORKSPACES", list, NULL, NULL }),
		0);
	assert_int_equal(c.invalid_count, 1);
	assert_non_null(strstr(c.invalid[0], "HTTPS_PROXY"));
	config_free(&c);
	free(list);
}

static void a_thousand_entries(void **state)
{
	size_t cap = 100000, len = 1;
	char *list = malloc(cap);
	struct config c;

	(void)state;
	*list = '[';
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(
			list + len, cap - len,
			"%s{\"id\":\"00000000-0000-4000-8000-%012d\","
			"\"token\":\"t%d\"}",
			i ? "," : "", i, i);
	snprintf(list + len, cap - len, "]");
	assert_int_equal(READ(&c, "MOLECULE_WORKSPACES", list), 0);
	assert_true(config_usable(&c));
	assert_int_equal(c.workspace_count, 1000);
	assert_string_equal(c.workspaces[999].token, "t999");
	config_free(&c);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_entries),
		cmocka_unit_test(equal_platforms_are_one),
		cmocka_unit_test(one_workspace_is_a_list_of_one),
		cmocka_unit_test(a_file_is_only_noted),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(all_errors_at_once),
		cmocka_unit_test(the_platform_stays_required),
		cmocka_unit_test(proxies_of_own_platforms),
		cmocka_unit_test(a_thousand_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
