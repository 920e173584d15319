// SPDX-License-Identifier: MIT
/* The tools as they are embedded: complete, in order, fit for every host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/json.h"
#include "proto/mcp.h"
#include "proto/tools.h"

static const struct {
	const char *name;
	const char *required[2];
	const char *optional[1];
	bool read_only;
} expected[] = {
	{ "delegate_task", { "workspace_id", "task" }, { NULL }, false },
	{ "delegate_task_async", { "workspace_id", "task" }, { NULL }, false },
	{ "check_task_status", { "workspace_id", "task_id" }, { NULL }, true },
	{ "list_peers", { NULL }, { NULL }, true },
	{ "get_workspace_info", { NULL }, { NULL }, true },
	{ "send_message_to_user", { "message" }, { "attachments" }, false },
	{ "wait_for_message", { NULL }, { "timeout_secs" }, true },
	{ "inbox_peek", { NULL }, { "limit" }, true },
	{ "inbox_pop", { "activity_id" }, { NULL }, false },
	{ "commit_memory", { "content" }, { "scope" }, false },
	{ "recall_memory", { NULL }, { "query" }, true },
};

#define COUNT (sizeof(expected) / sizeof(*expected))

static json_t *root;

static json_t *tool(size_t index)
{
	return json_array_get(json_object_get(root, "tools"), index);
}

static int load(void **state)
{
	(void)state;
	root = json_loadb(tools_list_text, tools_list_text_len,
			  JSON_REJECT_DUPLICATES, NULL);
	return root ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	json_decref(root);
	return 0;
}

static void text_is_a_line(void **state)
{
	(void)state;
	assert_int_equal(tools_list_text_len, strlen(tools_list_text));
	for (size_t i = 0; i < tools_list_text_len; i++)
		assert_in_range(tools_list_text[i], ' ', '~');
}

static const struct tools_param *find_param(const struct tools_entry *entry,
					    const char *name)
{
	for (size_t i = 0; i < entry->param_count; i++) {
		if (strcmp(entry->params[i].name, name) == 0)
			return &entry->params[i];
	}
	return NULL;
}

static void table(void **state)
{
	(void)state;
	assert_int_equal(tools_count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		const struct tools_entry *entry = &tools_table[i];

		print_message("%s\n", expected[i].name);
		assert_string_equal(entry->name, expected[i].name);
		assert_int_equal(entry->read_only, expected[i].read_only);
		assert_int_equal(tools_find(expected[i].name), i);
		for (size_t k = 0; k < 2 && expected[i].required[k]; k++)
			assert_true(find_param(entry, expected[i].required[k])
					    ->required);
		if (expected[i].optional[0])
			assert_false(find_param(entry, expected[i].optional[0])
					     ->required);
	}
	assert_int_equal(tools_find("nothing"), -1);
	assert_int_equal(tools_find(""), -1);
	assert_int_equal(tools_find(NULL), -1);
	assert_int_equal(find_param(&tools_table[6], "timeout_secs")->type,
			 TOOLS_NUMBER);
	assert_int_equal(find_param(&tools_table[7], "limit")->type,
			 TOOLS_INTEGER);
	assert_int_equal(find_param(&tools_table[5], "attachments")->type,
			 TOOLS_ARRAY);
}

static void text_agrees_with_table(void **state)
{
	(void)state;
	assert_int_equal(json_array_size(json_object_get(root, "tools")),
			 COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		json_t *schema = json_object_get(tool(i), "inputSchema");
		json_t *hints = json_object_get(tool(i), "annotations");
		json_t *names = json_object_get(schema, "required");
		size_t required = 0;

		assert_string_equal(json_get_text(tool(i), "name"),
				    expected[i].name);
		assert_non_null(json_get_text(tool(i), "title"));
		assert_null(json_object_get(tool(i), "outputSchema"));
		assert_int_equal(json_get_true(hints, "readOnlyHint"),
				 expected[i].read_only);
		assert_string_equal(json_get_text(schema, "type"), "object");
		assert_int_equal(
			json_object_size(json_object_get(schema, "properties")),
			tools_table[i].param_count);
		while (required < 2 && expected[i].required[required])
			required++;
		assert_int_equal(json_array_size(names), required);
		for (size_t k = 0; k < required; k++)
			assert_string_equal(
				json_string_value(json_array_get(names, k)),
				expected[i].required[k]);
	}
}

static void hosts_can_read_it(void **state)
{
	static const char *const unwelcome[] = { "anyOf", "oneOf", "allOf",
						 "$ref" };

	(void)state;
	for (size_t i = 0; i < sizeof(unwelcome) / sizeof(*unwelcome); i++)
		assert_null(strstr(tools_list_text, unwelcome[i]));
	for (size_t i = 0; i < COUNT; i++)
		assert_in_range(strlen(json_get_text(tool(i), "description")),
				40, MCP_TEXT_MAX - 1);
}

/* What a model must be told, or it sends users links that are dead. */
static void files_are_explained(void **state)
{
	static const char *const needed[] = { "attachments", "REQUIRED",
					      "25 MB",	     "URL",
					      "base64",	     "path",
					      "SaaS" };
	const char *text = json_get_text(tool(5), "description");

	(void)state;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		assert_non_null(strstr(text, needed[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_a_line),
		cmocka_unit_test(table),
		cmocka_unit_test(text_agrees_with_table),
		cmocka_unit_test(hosts_can_read_it),
		cmocka_unit_test(files_are_explained),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
