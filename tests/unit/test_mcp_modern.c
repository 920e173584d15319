// SPDX-License-Identifier: MIT
/* Revision 2026-07-28: which requests are of it, and what only it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/mcp_modern.h"

#define META "io.modelcontextprotocol/"
#define VERSION "'" META "protocolVersion':"
#define CLIENT "'" META "clientCapabilities':"

/* The tree of a text with ' for ". */
static json_t *quoted(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	assert_non_null(copy);
	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(copy, 0, NULL);
	assert_non_null(json);
	free(copy);
	return json;
}

static json_t *tree(struct jsonrpc_line *line)
{
	json_t *root;

	assert_non_null(line->data);
	assert_ptr_equal(memchr(line->data, '\n', line->len),
			 line->data + line->len - 1);
	root = json_loadb(line->data, line->len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	free(line->data);
	return root;
}

static const struct {
	const char *params;
	enum mcp_modern is;
	int code; /* of the refusal */
} requests[] = {
	{ "{}", MCP_MODERN_NOT, -32602 },
	{ "{'_meta':{}}", MCP_MODERN_NOT, -32602 },
	{ "{'_meta':null}", MCP_MODERN_NOT, -32602 },
	{ "{'_meta':7}", MCP_MODERN_NOT, -32602 },
	{ "{'_meta':{'progressToken':1}}", MCP_MODERN_NOT, -32602 },
	/* Of the era before. */
	{ "{'_meta':{'" META "related-task':{}}}", MCP_MODERN_NOT, -32602 },
	{ "{" VERSION "'2026-07-28'}", MCP_MODERN_NOT, -32602 },
	{ "{'_meta':{" VERSION "'2026-07-28'," CLIENT "{}}}", MCP_MODERN_GOOD,
	  0 },
	{ "{'_meta':{" CLIENT "{'roots':{}}," VERSION "'2026-07-28','" META
	  "clientInfo':{'name':'x','version':'1'},"
	  "'progressToken':7}}",
	  MCP_MODERN_GOOD, 0 },
	{ "{'_meta':{" VERSION "'2026-07-28'}}", MCP_MODERN_INVALID, -32602 },
	{ "{'_meta':{" VERSION "'2026-07-28'," CLIENT "[]}}",
	  MCP_MODERN_INVALID, -32602 },
	{ "{'_meta':{" VERSION "'2026-07-28'," CLIENT "null}}",
	  MCP_MODERN_INVALID, -32602 },
	{ "{'_meta':{" CLIENT "{}}}", MCP_MODERN_INVALID, -32602 },
	{ "{'_meta':{" VERSION "null," CLIENT "{}}}", MCP_MODERN_INVALID,
	  -32602 },
	{ "{'_meta':{" VERSION "20260728," CLIENT "{}}}", MCP_MODERN_INVALID,
	  -32602 },
	{ "{'_meta':{'" META "clientInfo':{}}}", MCP_MODERN_INVALID, -32602 },
	{ "{'_meta':{'" META "logLevel':'info'}}", MCP_MODERN_INVALID, -32602 },
	{ "{'_meta':{" VERSION "'2025-11-25'," CLIENT "{}}}",
	  MCP_MODERN_VERSION_UNKNOWN, -32022 },
	{ "{'_meta':{" VERSION "'2031-01-01'}}", MCP_MODERN_VERSION_UNKNOWN,
	  -32022 },
	{ "{'_meta':{" VERSION "''}}", MCP_MODERN_VERSION_UNKNOWN, -32022 },
};

static void eras_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(mcp_modern_check(NULL), MCP_MODERN_NOT);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		json_t *params = quoted(requests[i].params);

		print_message("%s\n", requests[i].params);
		assert_int_equal(mcp_modern_check(params), requests[i].is);
		json_decref(params);
	}
}

static void refusals(void **state)
{
	struct jsonrpc_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		json_t *params = quoted(requests[i].params), *root, *error;

		if (requests[i].code == 0) {
			json_decref(params);
			continue;
		}
		print_message("%s\n", requests[i].params);
		assert_int_equal(mcp_modern_refusal(&line, "1", params), 0);
		root = tree(&line);
		error = json_object_get(root, "error");
		assert_int_equal(
			json_integer_value(json_object_get(error, "code")),
			requests[i].code);
		/* It says what is missing. */
		if (requests[i].code == -32602)
			assert_non_null(
				strstr(json_get_text(error, "message"), META));
		json_decref(root);
		json_decref(params);
	}
}

static void unknown_versions_are_named(void **state)
{
	json_t *params = quoted("{'_meta':{" VERSION "'1900-01-01'}}");
	struct jsonrpc_line line;
	json_t *root, *data, *supported;

	(void)state;
	assert_int_equal(mcp_modern_refusal(&line, "1", params), 0);
	root = tree(&line);
	data = json_object_get(json_object_get(root, "error"), "data");
	assert_string_equal(json_get_text(data, "requested"), "1900-01-01");
	supported = json_object_get(data, "supported");
	assert_int_equal(json_array_size(supported), 1);
	assert_string_equal(json_string_value(json_array_get(supported, 0)),
			    "2026-07-28");
	json_decref(root);
	json_decref(params);
}

/* What every result has. */
static void assert_complete(const json_t *result)
{
	const json_t *info = json_object_get(json_object_get(result, "_meta"),
					     META "serverInfo");

	assert_string_equal(json_get_text(result, "resultType"), "complete");
	assert_string_equal(json_get_text(info, "name"), "molecule");
	assert_string_equal(json_get_text(info, "version"), MOLECULE_VERSION);
}

static void assert_cacheable(const json_t *result)
{
	const json_t *ttl = json_object_get(result, "ttlMs");
	const char *scope = json_get_text(result, "cacheScope");

	assert_true(json_is_integer(ttl) && json_integer_value(ttl) >= 0);
	assert_non_null(scope);
	assert_true(strcmp(scope, "public") == 0 ||
		    strcmp(scope, "private") == 0);
}

static void discover(void **state)
{
	struct jsonrpc_line line;
	char text[MCP_TEXT_MAX];
	json_t *root, *result, *versions, *can;

	(void)state;
	assert_int_equal(mcp_discover_answer(&line, "\"p\"", 7), 0);
	root = tree(&line);
	result = json_object_get(root, "result");
	assert_complete(result);
	assert_cacheable(result);
	versions = json_object_get(result, "supportedVersions");
	assert_int_equal(json_array_size(versions), 1);
	assert_string_equal(json_string_value(json_array_get(versions, 0)),
			    "2026-07-28");
	can = json_object_get(result, "capabilities");
	assert_int_equal(json_object_size(can), 1);
	assert_true(json_is_object(json_object_get(can, "tools")));
	mcp_instructions(text, 7);
	assert_string_equal(json_get_text(result, "instructions"), text);
	json_decref(root);
}

static void lists(void **state)
{
	struct jsonrpc_line line;
	json_t *root;

	(void)state;
	assert_int_equal(mcp_tools_answer(&line, "1", NULL, true), 0);
	root = tree(&line);
	assert_complete(json_object_get(root, "result"));
	assert_cacheable(json_object_get(root, "result"));
	json_decref(root);
}

/* The id goes out as it came in all three places. */
static void subscriptions(void **state)
{
	static const char id[] = "123456789012345678901234567890";
	struct jsonrpc_line line;
	json_t *root, *params;

	(void)state;
	assert_int_equal(mcp_listen_heard(&line, id), 0);
	assert_string_equal(
		line.data,
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/"
		"acknowledged\",\"params\":{\"_meta\":{\"" META
		"subscriptionId\":123456789012345678901234567890},"
		"\"notifications\":{}}}\n");
	free(line.data);
	assert_int_equal(mcp_listen_heard(&line, "\"x\""), 0);
	root = tree(&line);
	params = json_object_get(root, "params");
	assert_string_equal(json_get_text(json_object_get(params, "_meta"),
					  META "subscriptionId"),
			    "x");
	json_decref(root);

	assert_int_equal(mcp_listen_ended(&line, "\"x\""), 0);
	root = tree(&line);
	assert_string_equal(json_get_text(root, "id"), "x");
	assert_complete(json_object_get(root, "result"));
	assert_string_equal(
		json_get_text(json_object_get(json_object_get(root, "result"),
					      "_meta"),
			      META "subscriptionId"),
		"x");
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eras_are_told_apart),
		cmocka_unit_test(refusals),
		cmocka_unit_test(unknown_versions_are_named),
		cmocka_unit_test(discover),
		cmocka_unit_test(lists),
		cmocka_unit_test(subscriptions),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
