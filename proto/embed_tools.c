// SPDX-License-Identifier: MIT
/*
 * embed_tools - a program of the build: checks tools.json and writes the C
 * file that defines what tools.h declares.
 *
 *	embed_tools tools.json > tools_json.c
 *
 * What every agent host accepts is stricter than JSON Schema: short names,
 * descriptions under 2 KB, object schemas without anyOf, oneOf, allOf and
 * $ref. A schema of what a tool answers may nest and allow null, and leaves
 * room for members that the platform adds. Whatever is not so is named on
 * stderr, and the exit code is 1.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define DESCRIPTION_MAX 2048
#define LITERAL_WIDTH 64
#define NAME_ALPHABET                                                          \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static _Noreturn void refuse(const char *tool, const char *what)
{
	fprintf(stderr, "embed_tools: %s: %s\n", tool, what);
	exit(1);
}

static bool in_list(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* Refuses members that are not on the list. */
static void check_members(const char *tool, json_t *object,
			  const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (!in_list(key, known))
			refuse(tool, key);
	}
}

static const char *text_of(const char *tool, json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || !*text)
		refuse(tool, key);
	return text;
}

static const char *type_name(const char *tool, json_t *property)
{
	static const char *const types[][2] = {
		{ "string", "TOOLS_STRING" },	{ "number", "TOOLS_NUMBER" },
		{ "integer", "TOOLS_INTEGER" }, { "boolean", "TOOLS_BOOLEAN" },
		{ "array", "TOOLS_ARRAY" },	{ "object", "TOOLS_OBJECT" },
	};
	const char *type = text_of(tool, property, "type");

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcmp(types[i][0], type) == 0)
			return types[i][1];
	}
	refuse(tool, "a property's type");
}

static bool is_required(json_t *schema, const char *name)
{
	json_t *required = json_object_get(schema, "required");
	json_t *entry;
	size_t i;

	json_array_foreach(required, i, entry)
	{
		if (strcmp(json_string_value(entry), name) == 0)
			return true;
	}
	return false;
}

static void check_property(const char *tool, json_t *property)
{
	static const char *const known[] = { "type", "description", "enum",
					     "items", NULL };
	json_t *choices = json_object_get(property, "enum");
	json_t *choice;
	size_t i;

	check_members(tool, property, known);
	text_of(tool, property, "description");
	if (strcmp(type_name(tool, property), "TOOLS_ARRAY") == 0)
		text_of(tool, json_object_get(property, "items"), "type");
	/* Gemini refuses an empty string among the choices. */
	json_array_foreach(choices, i, choice)
	{
		if (json_string_length(choice) == 0)
			refuse(tool, "an empty choice");
	}
}

static void check_schema(const char *tool, json_t *schema)
{
	static const char *const known[] = { "type", "properties", "required",
					     NULL };
	json_t *properties = json_object_get(schema, "properties");
	json_t *required = json_object_get(schema, "required");
	json_t *value;
	const char *key;
	size_t i;

	check_members(tool, schema, known);
	if (strcmp(text_of(tool, schema, "type"), "object") != 0 ||
	    !json_is_object(properties))
		refuse(tool, "the schema is not one of an object");
	json_object_foreach(properties, key, value) check_property(tool, value);
	json_array_foreach(required, i, value)
	{
		const char *name = json_string_value(value);

		if (!name || !json_object_get(properties, name))
			refuse(tool, "a required property that is not there");
	}
}

/* "string", or a list like ["string","null"]. */
static void check_output_type(const char *tool, json_t *type)
{
	static const char *const types[] = { "string",	"number", "integer",
					     "boolean", "array",  "object",
					     "null",	NULL };
	json_t *entry;
	size_t i;

	if (json_is_string(type) && in_list(json_string_value(type), types))
		return;
	if (json_array_size(type) == 0)
		refuse(tool, "outputSchema: a type");
	json_array_foreach(type, i, entry)
	{
		if (!json_is_string(entry) ||
		    !in_list(json_string_value(entry), types))
			refuse(tool, "outputSchema: a type");
	}
}

static void check_output(const char *tool, json_t *schema)
{
	static const char *const known[] = { "type",  "description",
					     "enum",  "properties",
					     "items", "required",
					     NULL };
	json_t *properties = json_object_get(schema, "properties");
	json_t *items = json_object_get(schema, "items");
	json_t *value;
	const char *key;
	size_t i;

	check_members(tool, schema, known);
	check_output_type(tool, json_object_get(schema, "type"));
	json_object_foreach(properties, key, value) check_output(tool, value);
	if (items)
		check_output(tool, items);
	json_array_foreach(json_object_get(schema, "required"), i, value)
	{
		if (!json_object_get(properties, json_string_value(value)))
			refuse(tool, "outputSchema: what is required is not "
				     "there");
	}
}

static void check_tool(json_t *tools, size_t index)
{
	static const char *const known[] = {
		"name",		"title",       "description", "inputSchema",
		"outputSchema", "annotations", NULL
	};
	static const char *const hints[] = { "readOnlyHint", "destructiveHint",
					     "idempotentHint", "openWorldHint",
					     NULL };
	json_t *tool = json_array_get(tools, index);
	const char *name = text_of("tools", tool, "name");
	json_t *annotations = json_object_get(tool, "annotations");
	json_t *output = json_object_get(tool, "outputSchema");
	json_t *value;
	const char *key;

	if (strspn(name, NAME_ALPHABET) != strlen(name) ||
	    strlen(name) > NAME_MAX_LEN)
		refuse(name, "the name has odd characters or is too long");
	for (size_t i = 0; i < index; i++) {
		if (strcmp(name, text_of(name, json_array_get(tools, i),
					 "name")) == 0)
			refuse(name, "there are two of this name");
	}
	check_members(name, tool, known);
	text_of(name, tool, "title");
	if (strlen(text_of(name, tool, "description")) >= DESCRIPTION_MAX)
		refuse(name, "the description is too long");
	check_schema(name, json_object_get(tool, "inputSchema"));
	if (output && strcmp(text_of(name, output, "type"), "object") != 0)
		refuse(name, "outputSchema: it is not one of an object");
	if (output)
		check_output(name, output);
	if (!json_is_boolean(json_object_get(annotations, "readOnlyHint")))
		refuse(name, "there is no readOnlyHint");
	check_members(name, annotations, hints);
	json_object_foreach(annotations, key, value)
	{
		if (!json_is_boolean(value))
			refuse(name, key);
	}
}

/* A C string literal, in pieces of a readable width. */
static void put_literal(const char *text)
{
	printf("\t\"");
	for (size_t i = 0; text[i]; i++) {
		if (i > 0 && i % LITERAL_WIDTH == 0)
			printf("\"\n\t\"");
		if (text[i] == '"' || text[i] == '\\')
			putchar('\\');
		putchar(text[i]);
	}
	printf("\"");
}

static void put_params(json_t *tool, size_t index)
{
	json_t *schema = json_object_get(tool, "inputSchema");
	json_t *properties = json_object_get(schema, "properties");
	const char *name;
	json_t *property;

	if (json_object_size(properties) == 0)
		return;
	printf("static const struct tools_param params_%zu[] = {\n", index);
	json_object_foreach(properties, name, property)
		printf("\t{ \"%s\", %s, %s },\n", name, type_name("", property),
		       is_required(schema, name) ? "true" : "false");
	printf("};\n\n");
}

static void put_entry(json_t *tool, size_t index)
{
	json_t *properties = json_object_get(
		json_object_get(tool, "inputSchema"), "properties");
	json_t *annotations = json_object_get(tool, "annotations");
	const char *name = text_of("", tool, "name");
	const char *read_only =
		json_is_true(json_object_get(annotations, "readOnlyHint"))
			? "true"
			: "false";

	printf("\t{ \"%s\", ", name);
	if (json_object_size(properties) > 0)
		printf("params_%zu, ", index);
	else
		printf("NULL, ");
	printf("%zu, %s, %s },\n", json_object_size(properties), read_only,
	       json_object_get(tool, "outputSchema") ? "true" : "false");
}

static void put_file(json_t *root)
{
	json_t *tools = json_object_get(root, "tools");
	char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_t *tool;
	size_t i;

	if (!text)
		refuse("tools", "out of memory");
	printf("// SPDX-License-Identifier: MIT\n"
	       "/* Made by embed_tools from tools.json. */\n"
	       "#include \"proto/tools.h\"\n\n");
	json_array_foreach(tools, i, tool) put_params(tool, i);
	printf("const struct tools_entry tools_table[] = {\n");
	json_array_foreach(tools, i, tool) put_entry(tool, i);
	printf("};\n"
	       "const size_t tools_count = %zu;\n\n"
	       "const char tools_list_text[] =\n",
	       json_array_size(tools));
	put_literal(text);
	printf(";\nconst size_t tools_list_text_len = "
	       "sizeof(tools_list_text) - 1;\n");
	free(text);
}

int main(int argc, char **argv)
{
	static const char *const known[] = { "tools", NULL };
	json_error_t error;
	json_t *root, *tools;

	if (argc != 2) {
		fprintf(stderr, "usage: embed_tools tools.json\n");
		return 2;
	}
	root = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		fprintf(stderr, "embed_tools: %s:%d: %s\n", argv[1], error.line,
			error.text);
		return 1;
	}
	check_members("tools", root, known);
	tools = json_object_get(root, "tools");
	if (json_array_size(tools) == 0)
		refuse("tools", "there are none");
	for (size_t i = 0; i < json_array_size(tools); i++)
		check_tool(tools, i);
	put_file(root);
	json_decref(root);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("embed_tools");
		return 1;
	}
	return 0;
}
