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

/* The order is that of the original program. */
static const struct {
	const char *name;
	const char *required[2];
	const char *optional[3];
	bool read_only;
	bool structured; /* what it answers is an object */
} expected[] = {
	{ "delegate_task",
	  { "workspace_id", "task" },
	  { "source_workspace_id" },
	  false,
	  false },
	{ "delegate_task_async",
	  { "workspace_id", "task" },
	  { "source_workspace_id" },
	  false,
	  true },
	{ "check_task_status",
	  { "workspace_id", "task_id" },
	  { "source_workspace_id" },
	  true,
	  true },
	{ "list_peers", { NULL }, { "source_workspace_id" }, true, true },
	{ "get_workspace_info",
	  { NULL },
	  { "source_workspace_id" },
	  true,
	  true },
	{ "get_runtime_identity", { NULL }, { NULL }, true, true },
	{ "update_agent_card",
	  { "card" },
	  { "source_workspace_id" },
	  false,
	  true },
	{ "broadcast_message",
	  { "message" },
	  { "workspace_id" },
	  false,
	  false },
	{ "send_message_to_user",
	  { "message" },
	  { "attachments", "workspace_id" },
	  false,
	  false },
	{ "wait_for_message", { NULL }, { "timeout_secs" }, true, true },
	{ "inbox_peek", { NULL }, { "limit" }, true, true },
	{ "inbox_pop", { "activity_id" }, { NULL }, false, true },
	{ "chat_history",
	  { "peer_id" },
	  { "limit", "before_ts", "source_workspace_id" },
	  true,
	  true },
	{ "commit_memory",
	  { "content" },
	  { "scope", "source_workspace_id" },
	  false,
	  true },
	{ "recall_memory",
	  { NULL },
	  { "query", "scope", "source_workspace_id" },
	  true,
	  false },
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

static size_t known_count(const char *const *names, size_t max)
{
	size_t count = 0;

	while (count < max && names[count])
		count++;
	return count;
}

/* A parameter of a tool, both of which there are. */
static const struct tools_param *param_of(const char *tool_name,
					  const char *name)
{
	int index = tools_find(tool_name);

	assert_true(index >= 0);
	return find_param(&tools_table[index], name);
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
		assert_int_equal(entry->structured, expected[i].structured);
		assert_int_equal(tools_find(expected[i].name), i);
		for (size_t k = 0; k < 2 && expected[i].required[k]; k++)
			assert_true(find_param(entry, expected[i].required[k])
					    ->required);
		for (size_t k = 0; k < 3 && expected[i].optional[k]; k++)
			assert_false(find_param(entry, expected[i].optional[k])
					     ->required);
		assert_int_equal(entry->param_count,
				 known_count(expected[i].required, 2) +
					 known_count(expected[i].optional, 3));
	}
	assert_int_equal(tools_find("nothing"), -1);
	assert_int_equal(tools_find(""), -1);
	assert_int_equal(tools_find(NULL), -1);
	assert_int_equal(param_of("wait_for_message", "timeout_secs")->type,
			 TOOLS_NUMBER);
	assert_int_equal(param_of("inbox_peek", "limit")->type, TOOLS_INTEGER);
	assert_int_equal(param_of("send_message_to_user", "attachments")->type,
			 TOOLS_ARRAY);
	assert_int_equal(param_of("update_agent_card", "card")->type,
			 TOOLS_OBJECT);
}

/* Whether "type" of a schema, a word or a list of words, has this one. */
static bool has_type(const json_t *schema, const char *word)
{
	const json_t *type = json_object_get(schema, "type"), *entry;
	size_t i;

	if (json_is_string(type))
		return strcmp(json_string_value(type), word) == 0;
	json_array_foreach(type, i, entry) if (strcmp(json_string_value(entry),
						      word) == 0) return true;
	return false;
}

/* Schemas of what is answered are closed to nothing, since the platform may
 * add members; and every property has a type that hosts know. */
static void assert_open(json_t *schema)
{
	static const char *const words[] = { "string",	"number", "integer",
					     "boolean", "array",  "object",
					     "null" };
	const char *name;
	json_t *property;
	size_t known = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		known += has_type(schema, words[i]);
	assert_true(known > 0);
	assert_null(json_object_get(schema, "additionalProperties"));
	json_object_foreach(json_object_get(schema, "properties"), name,
			    property) assert_open(property);
	if (json_object_get(schema, "items"))
		assert_open(json_object_get(schema, "items"));
}

static void output_schemas(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		json_t *schema = json_object_get(tool(i), "outputSchema");

		assert_int_equal(schema != NULL, expected[i].structured);
		if (!schema)
			continue;
		print_message("%s\n", expected[i].name);
		assert_string_equal(json_get_text(schema, "type"), "object");
		assert_open(schema);
	}
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
		assert_int_equal(json_get_true(hints, "readOnlyHint"),
				 expected[i].read_only);
		/* The others have defaults that are bad for most of ours. */
		assert_true(json_is_boolean(
			json_object_get(hints, "destructiveHint")));
		assert_true(json_is_boolean(
			json_object_get(hints, "idempotentHint")));
		assert_true(json_is_boolean(
			json_object_get(hints, "openWorldHint")));
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
	int index = tools_find("send_message_to_user");
	const char *text = json_get_text(tool((size_t)index), "description");

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
		cmocka_unit_test(output_schemas),
		cmocka_unit_test(hosts_can_read_it),
		cmocka_unit_test(files_are_explained),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
