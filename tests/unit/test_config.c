// SPDX-License-Identifier: MIT
/*
 * The environment: what is required, what is preset, what is refused, and the
 * report on all of it at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"

/* Pairs of name and value, ending with NULL. */
static const char *lookup(void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

#define GOOD                                                                   \
	"WORKSPACE_ID", "8dad3e29-1111-4111-8111-111111111111",                \
		"PLATFORM_URL", "https://example.org",                         \
		"MOLECULE_WORKSPACE_TOKEN", "tok"

#define READ(config, ...)                                                      \
	config_read(config, lookup, (const char *[]){ __VA_ARGS__, NULL, NULL })

static void presets(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, GOOD), 0);
	assert_true(config_usable(&c));
	assert_string_equal(c.token, "tok");
	assert_string_equal(c.platform_text, "https://example.org");
	assert_string_equal(c.platform.host, "example.org");
	assert_null(c.agent_name);
	assert_null(c.agent_description);
	assert_null(c.agent_skills);
	assert_null(c.token_file);
	assert_false(c.verbose);
	assert_true(c.heartbeat);
	assert_true(c.inbox);
	assert_int_equal(c.poll_timeout_secs, 2);
	assert_int_equal(c.heartbeat_ms, 20000);
	assert_int_equal(c.poll_ms, 5000);
	assert_int_equal(c.warning_count, 0);
	config_free(&c);
}

static void values_are_trimmed(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, "WORKSPACE_ID", "  ws-1 \n", "PLATFORM_URL",
			      " http://localhost:8080// ",
			      "MOLECULE_WORKSPACE_TOKEN", "\ttok\r\n",
			      "MOLECULE_AGENT_NAME", "  ",
			      "MOLECULE_AGENT_DESCRIPTION", " it helps "),
			 0);
	assert_true(config_usable(&c));
	assert_string_equal(c.workspace_id, "ws-1");
	assert_string_equal(c.platform_text, "http://localhost:8080");
	assert_string_equal(c.token, "tok");
	assert_null(c.agent_name);
	assert_string_equal(c.agent_description, "it helps");
	config_free(&c);
}

static void switches(void **state)
{
	static const char *const off[] = { "",	 "  ",	"0",	"false",
					   "No", "OFF", " off " };
	static const char *const on[] = { "1", "true", "yes", "2", "00" };

	(void)state;
	assert_false(config_switch(NULL));
	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++)
		assert_false(config_switch(off[i]));
	for (size_t i = 0; i < sizeof(on) / sizeof(*on); i++)
		assert_true(config_switch(on[i]));
}

/* F-43: "0" does not disable. */
static void f43_zero_disables_nothing(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, GOOD, "MOLECULE_MCP_DISABLE_HEARTBEAT", "0",
			      "MOLECULE_MCP_DISABLE_INBOX", "false",
			      "MOLECULE_MCP_VERBOSE", "off"),
			 0);
	assert_true(c.heartbeat);
	assert_true(c.inbox);
	assert_false(c.verbose);
	config_free(&c);
	assert_int_equal(READ(&c, GOOD, "MOLECULE_MCP_DISABLE_HEARTBEAT", "1",
			      "MOLECULE_MCP_DISABLE_INBOX", "yes",
			      "MOLECULE_MCP_VERBOSE", "1"),
			 0);
	assert_false(c.heartbeat);
	assert_false(c.inbox);
	assert_true(c.verbose);
	config_free(&c);
}

static void everything_missing_at_once(void **state)
{
	struct config c;
	char *report;

	(void)state;
	assert_int_equal(READ(&c, "WORKSPACE_ID", " "), 0);
	assert_false(config_usable(&c));
	c.missing |= CONFIG_MISSING_TOKEN;
	report = config_report(&c);
	assert_non_null(strstr(
		report,
		"\nCurrently missing: WORKSPACE_ID, PLATFORM_URL, "
		"MOLECULE_WORKSPACE_TOKEN (or CONFIGS_DIR/.auth_token)\n"));
	assert_non_null(strstr(report, "\n  MOLECULE_WORKSPACE_TOKEN "));
	free(report);
	config_free(&c);
}

static void one_missing(void **state)
{
	struct config c;
	char *report;

	(void)state;
	assert_int_equal(READ(&c, "PLATFORM_URL", "http://x"), 0);
	report = config_report(&c);
	assert_non_null(strstr(report, "\nCurrently missing: WORKSPACE_ID\n"));
	/* With a token file there, the token is not asked for. */
	assert_null(strstr(report, "MOLECULE_WORKSPACE_TOKEN"));
	free(report);
	config_free(&c);
}

static void check_refused(const char *needle, const char *const *pairs)
{
	struct config c;
	char *report;

	assert_int_equal(config_read(&c, lookup, (void *)(uintptr_t)pairs), 0);
	assert_false(config_usable(&c));
	report = config_report(&c);
	if (strstr(report, needle) == NULL)
		fail_msg("no \"%s\" in: %s", needle, report);
	assert_null(strstr(report, "very-secret"));
	free(report);
	config_free(&c);
}

#define REFUSED(needle, ...)                                                   \
	check_refused(needle, (const char *[]){ __VA_ARGS__, GOOD, NULL, NULL })

static void unusable_values(void **state)
{
	(void)state;
	REFUSED("WORKSPACE_ID is not a workspace id", "WORKSPACE_ID", "a/b");
	REFUSED("WORKSPACE_ID is not a workspace id", "WORKSPACE_ID", "..");
	REFUSED("WORKSPACE_ID is a reference", "WORKSPACE_ID", "${WS}");
	REFUSED("PLATFORM_URL: the address is not usable: ", "PLATFORM_URL",
		"ftp://example.org");
	REFUSED("PLATFORM_URL: the address is not usable: ", "PLATFORM_URL",
		"http://");
	REFUSED("MOLECULE_WORKSPACE_TOKEN is a reference",
		"MOLECULE_WORKSPACE_TOKEN", "${very-secret}");
	REFUSED("MOLECULE_WORKSPACE_TOKEN has white space inside",
		"MOLECULE_WORKSPACE_TOKEN", "very-secret very-secret");
	REFUSED("MOLECULE_WORKSPACE_TOKEN has characters",
		"MOLECULE_WORKSPACE_TOKEN", "very-secret\xc3\xa9");
}

static void invalid_and_missing_together(void **state)
{
	static const char *const pairs[] = { "PLATFORM_URL", "nonsense", NULL,
					     NULL };

	(void)state;
	check_refused("PLATFORM_URL: the address", pairs);
	check_refused("\nCurrently missing: WORKSPACE_ID\n", pairs);
}

static void check_interval(const char *text, uint32_t ms, size_t warnings)
{
	struct config c;

	assert_int_equal(
		READ(&c, GOOD, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", text),
		0);
	assert_int_equal(c.heartbeat_ms, ms);
	assert_int_equal(c.warning_count, warnings);
	config_free(&c);
}

static void intervals(void **state)
{
	(void)state;
	check_interval("0.1", 100, 0);
	check_interval(" 1.5 ", 1500, 0);
	check_interval("20", 20000, 0);
	check_interval("3600", 3600000, 0);
	check_interval("3600.0", 3600000, 0);
	check_interval("0.25099", 250, 0);
	check_interval(".5", 500, 0);
	check_interval("", 20000, 0);
	check_interval("0.05", 20000, 1);
	check_interval("3600.5", 20000, 1);
	check_interval("3601", 20000, 1);
	check_interval("0", 20000, 1);
	check_interval("-1", 20000, 1);
	check_interval("1e1", 20000, 1);
	check_interval(".", 20000, 1);
	check_interval("99999999999999999999999", 20000, 1);
	check_interval("ten", 20000, 1);
}

static void check_poll_timeout(const char *text, int want)
{
	struct config c;

	assert_int_equal(READ(&c, GOOD, "MOLECULE_MCP_POLL_TIMEOUT_SECS", text),
			 0);
	assert_int_equal(c.poll_timeout_secs, want);
	config_free(&c);
}

static void poll_timeout(void **state)
{
	(void)state;
	check_poll_timeout("0", 0);
	check_poll_timeout("+5", 5);
	check_poll_timeout("60", 60);
	check_poll_timeout("61", 60);
	check_poll_timeout("99999999999999999999", 60);
	check_poll_timeout("-1", 2);
	check_poll_timeout("2.5", 2);
	check_poll_timeout("", 2);
	check_poll_timeout("soon", 2);
}

static void text_must_be_utf8(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, GOOD, "MOLECULE_AGENT_NAME", "\xff\xfe"), 0);
	assert_null(c.agent_name);
	assert_int_equal(c.warning_count, 1);
	config_free(&c);
}

static void ids(void **state)
{
	char id[CONFIG_ID_MAX + 2];

	(void)state;
	memset(id, 'a', sizeof(id));
	id[CONFIG_ID_MAX] = '\0';
	assert_true(config_id_valid(id));
	id[CONFIG_ID_MAX] = 'a';
	id[CONFIG_ID_MAX + 1] = '\0';
	assert_false(config_id_valid(id));
	assert_true(config_id_valid("Ws_1.x-2"));
	assert_false(config_id_valid(""));
	assert_false(config_id_valid("."));
	assert_false(config_id_valid("a b"));
	assert_false(config_id_valid("a?b"));
	assert_false(config_id_valid("a%2fb"));
}

static void agent_names(void **state)
{
	char buf[CONFIG_NAME_MAX];
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, GOOD), 0);
	assert_string_equal(config_agent_name(&c, c.workspace_id, buf),
			    "molecule-mcp-8dad3e29");
	assert_string_equal(config_agent_name(&c, "ws", buf),
			    "molecule-mcp-ws");
	config_free(&c);
	assert_int_equal(READ(&c, GOOD, "MOLECULE_AGENT_NAME", " Ada "), 0);
	assert_string_equal(config_agent_name(&c, c.workspace_id, buf), "Ada");
	config_free(&c);
}

static void check_org(const char *first, const char *second, const char *want,
		      size_t warnings)
{
	struct config c;

	assert_int_equal(READ(&c, GOOD, "MOLECULE_ORG_ID", first,
			      "MOLECULE_ORGANIZATION_ID", second),
			 0);
	if (want == NULL)
		assert_null(c.org_id);
	else
		assert_string_equal(c.org_id, want);
	assert_int_equal(c.warning_count, warnings);
	config_free(&c);
}

static void organisations(void **state)
{
	char longer[CONFIG_ORG_MAX + 2];

	(void)state;
	check_org(" org-1 ", "org-2", "org-1", 0);
	check_org("  ", "org-2", "org-2", 0);
	check_org("", "", NULL, 0);
	check_org("two words", "org-2", NULL, 1);
	check_org("", "caf\xc3\xa9", NULL, 1);
	memset(longer, 'x', sizeof(longer));
	longer[CONFIG_ORG_MAX + 1] = '\0';
	check_org(longer, "", NULL, 1);
	longer[CONFIG_ORG_MAX] = '\0';
	check_org(longer, "", longer, 0);
}

static void check_budget(const char *first, const char *second,
			 const char *third, uint32_t want)
{
	struct config c;

	assert_int_equal(READ(&c, GOOD, "DELEGATION_POLL_BUDGET_S", first,
			      "DELEGATION_TIMEOUT", second,
			      "A2A_DELEGATE_TOTAL_BUDGET", third),
			 0);
	assert_int_equal(c.delegation_budget_s, want);
	config_free(&c);
}

static void delegation(void **state)
{
	struct config c;

	(void)state;
	check_budget("", "", "", 0);
	check_budget("", "", "50", 50);
	check_budget("", "40", "50", 40);
	check_budget(" 30 ", "40", "50", 30);
	check_budget("soon", "0", "-1", 0);
	check_budget("nan", "inf", "0x10", 0);
	check_budget("0.2", "", "", 1);
	check_budget("1e300", "", "", CONFIG_BUDGET_MAX_S);
	assert_int_equal(READ(&c, GOOD, "DELEGATION_SYNC_VIA_INBOX", "1"), 0);
	assert_true(c.delegation_sync);
	config_free(&c);
	assert_int_equal(READ(&c, GOOD, "DELEGATION_SYNC_VIA_INBOX", "true"),
			 0);
	assert_false(c.delegation_sync);
	config_free(&c);
}

static void check_host(enum host_kind want, const char *one, const char *two)
{
	struct config c;

	assert_int_equal(READ(&c, GOOD, one, "x", two, "y"), 0);
	assert_int_equal(c.host_kind, want);
	config_free(&c);
}

static void hosts(void **state)
{
	(void)state;
	check_host(HOST_KIND_NONE, "X", "Y");
	check_host(HOST_KIND_CURSOR, "CURSOR_MCP", "HERMES_RUNTIME");
	check_host(HOST_KIND_CURSOR, "HERMES_WORKSPACE_ID", "CURSOR_TRACE_ID");
	check_host(HOST_KIND_HERMES, "HERMES_WORKSPACE_ID", "X");
	check_host(HOST_KIND_OPENCLAW, "CURSOR_MCP", "OPENCLAW_GATEWAY_PORT");
	check_host(HOST_KIND_OPENCLAW, "OPENCLAW_SESSION_ID", "X");
	/* Claude Code in a terminal of Cursor. */
	check_host(HOST_KIND_NONE, "CURSOR_TRACE_ID", "CLAUDECODE");
	check_host(HOST_KIND_NONE, "OPENCLAW_SESSION_ID", "CLAUDE_CODE");
}

static void runtime_identity(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, GOOD, "MODEL", " m ", "MODEL_PROVIDER", "p",
			      "MOLECULE_MODEL", "mm", "ANTHROPIC_BASE_URL",
			      "http://a", "TIER", "two", "ADAPTER_MODULE", "ad",
			      "WORKSPACE_TIER", " 0 ", "WORKSPACE_CONFIG_PATH",
			      " /w "),
			 0);
	assert_string_equal(c.model, "m");
	assert_string_equal(c.model_provider, "p");
	assert_string_equal(c.molecule_model, "mm");
	assert_string_equal(c.anthropic_base_url, "http://a");
	assert_string_equal(c.tier, "two");
	assert_string_equal(c.adapter_module, "ad");
	assert_int_equal(c.workspace_tier, 0);
	assert_string_equal(c.config_path, "/w");
	config_free(&c);
	/* F-33: a tier that is no number is no end. */
	assert_int_equal(READ(&c, GOOD, "WORKSPACE_TIER", "1x"), 0);
	assert_int_equal(c.workspace_tier, 1);
	assert_int_equal(c.warning_count, 1);
	assert_string_equal(c.config_path, "/configs");
	assert_null(c.model);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets),
		cmocka_unit_test(values_are_trimmed),
		cmocka_unit_test(switches),
		cmocka_unit_test(f43_zero_disables_nothing),
		cmocka_unit_test(everything_missing_at_once),
		cmocka_unit_test(one_missing),
		cmocka_unit_test(unusable_values),
		cmocka_unit_test(invalid_and_missing_together),
		cmocka_unit_test(intervals),
		cmocka_unit_test(poll_timeout),
		cmocka_unit_test(text_must_be_utf8),
		cmocka_unit_test(ids),
		cmocka_unit_test(agent_names),
		cmocka_unit_test(organisations),
		cmocka_unit_test(delegation),
		cmocka_unit_test(hosts),
		cmocka_unit_test(runtime_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
