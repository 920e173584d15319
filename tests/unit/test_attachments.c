// SPDX-License-Identifier: MIT
/* Attachments, in every shape in which a row may name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/attachments.h"
#include "proto/json.h"

/* ' stands for ". */
static json_t *parse(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json = json_loads(copy, JSON_DECODE_ANY, NULL);
	assert_non_null(json);
	free(copy);
	return json;
}

/* What a row with this list and this body names; "" for none. */
static void expect(const char *row_text, const char *body_text,
		   const char *want_text)
{
	json_t *row = parse(row_text);
	json_t *body = parse(body_text);
	json_t *got;

	print_message("%s %s\n", row_text, body_text);
	assert_int_equal(attachments_read(&got, row, body, "ws"), 0);
	if (*want_text == '\0') {
		assert_null(got);
	} else {
		json_t *want = parse(want_text);
		char *shown = json_dump_text(got, 0);

		print_message("got %s\n", shown);
		assert_true(json_equal(got, want));
		free(shown);
		json_decref(want);
	}
	json_decref(got);
	json_decref(row);
	json_decref(body);
}

static void parts(void **state)
{
	(void)state;
	expect("{}",
	       "{'params':{'message':{'parts':[{'kind':'text','text':'t'},"
	       "{'kind':'file','file':{'uri':'u:1','name':'a',"
	       "'mimeType':'text/plain','size':7,'bytes':'x'}},"
	       "{'type':'image','uri':'u:2','mime_type':'image/png',"
	       "'mimeType':'no'},"
	       "{'kind':'audio','name':'b'},{'kind':'video','uri':'u:3'},"
	       "{'kind':'file','file':{'mimeType':'text/plain'}},"
	       "{'kind':'data','uri':'u:4'}]},'parts':["
	       "{'kind':'file','uri':'u:5'}]}}",
	       "[{'kind':'file','uri':'u:1','mime_type':'text/plain',"
	       "'name':'a','size':7},"
	       "{'kind':'image','uri':'u:2','mime_type':'image/png'},"
	       "{'kind':'audio','name':'b'},{'kind':'video','uri':'u:3'}]");
	expect("{}", "{'params':{'parts':[{'kind':'file','uri':'u:1'}]}}",
	       "[{'kind':'file','uri':'u:1'}]");
	expect("{}", "{'parts':[{'type':'file','uri':'u:1'}]}",
	       "[{'kind':'file','uri':'u:1'}]");
	expect("{}", "null", "");
	expect("7", "[]", "");
}

static void manifests(void **state)
{
	(void)state;
	expect("{}",
	       "{'file_id':'f','name':'n','mimeType':'video/mp4','size':-1,"
	       "'uri':'platform-pending:ws/f'}",
	       "[{'kind':'video','uri':'platform-pending:ws/f','name':'n',"
	       "'mime_type':'video/mp4'}]");
	expect("{}", "{'file_id':'f','name':'n','mime_type':'audio/x'}",
	       "[{'kind':'audio','uri':'platform-pending:ws/f','name':'n',"
	       "'mime_type':'audio/x'}]");
	expect("{}", "{'file_id':'f'}", "");
	expect("{}", "{'name':'n'}", "");
	expect("{}", "{'uri':'u'}", "[{'kind':'file','uri':'u'}]");
}

static void lists(void **state)
{
	(void)state;
	expect("{'attachments':[{'kind':'file','uri':'u:1','mimeType':'a/b'},"
	       "{'uri':'u:2'},7,{'kind':'x','name':'n'}]}",
	       "{}",
	       "[{'kind':'file','uri':'u:1','mime_type':'a/b'},"
	       "{'kind':'x','name':'n'}]");
	/* What the platform's list has lost is in the body. */
	expect("{'attachments':[{'kind':'file','uri':'u:1'}]}",
	       "{'parts':[{'kind':'file','uri':'u:1','mimeType':'a/b'}]}",
	       "[{'kind':'file','uri':'u:1','mime_type':'a/b'}]");
	expect("{'attachments':[{'kind':'file','uri':'u:1'},"
	       "{'kind':'file','uri':'u:2'}]}",
	       "{'parts':[{'kind':'file','uri':'u:1'}]}",
	       "[{'kind':'file','uri':'u:1'},{'kind':'file','uri':'u:2'}]");
	expect("{'attachments':{}}", "{}", "");
}

static void too_much(void **state)
{
	json_t *row = json_object();
	json_t *list = json_array();
	json_t *long_uri = json_object();
	char *text = malloc(ATTACHMENTS_URI_MAX + 2);
	json_t *got;

	(void)state;
	memset(text, 'x', ATTACHMENTS_URI_MAX + 1);
	text[ATTACHMENTS_URI_MAX + 1] = '\0';
	json_set_text(long_uri, "kind", text);
	json_set_text(long_uri, "uri", text);
	json_set_text(long_uri, "name", text);
	json_set_text(long_uri, "mime_type", text);
	json_array_append_new(list, long_uri);
	for (int i = 0; i < ATTACHMENTS_MAX + 5; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "kind", "k",
						      "name", "n"));
	json_object_set_new(row, "attachments", list);
	assert_int_equal(attachments_read(&got, row, NULL, "ws"), 0);
	assert_int_equal(json_array_size(got), ATTACHMENTS_MAX);
	assert_null(json_object_get(json_array_get(got, 0), "uri"));
	assert_null(json_object_get(json_array_get(got, 0), "mime_type"));
	assert_string_equal(json_get_text(json_array_get(got, 0), "kind"),
			    "file");
	assert_int_equal(strlen(json_get_text(json_array_get(got, 0), "name")),
			 ATTACHMENTS_NAME_MAX);
	json_decref(got);
	json_decref(row);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(manifests),
		cmocka_unit_test(lists),
		cmocka_unit_test(too_much),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
