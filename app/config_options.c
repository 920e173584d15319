// SPDX-License-Identifier: MIT
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_reader.h"

char *config_take_text(struct config_reader *reader, const char *name)
{
	char *text = config_take(reader, name);
	json_t *json;

	if (text == NULL)
		return NULL;
	json = json_string(text);
	if (json != NULL) {
		json_decref(json);
		return text;
	}
	config_add_warning(reader->config,
			   "%s is not UTF-8 text and is ignored", name);
	free(text);
	return NULL;
}

/* Decimal seconds to milliseconds; -1 when `text` is anything else. */
static int64_t parse_seconds(const char *text)
{
	int64_t ms = 0;
	int digits = 0, scale = 100;

	for (; *text >= '0' && *text <= '9'; text++, digits++) {
		ms = ms * 10 + (*text - '0');
		if (ms > CONFIG_INTERVAL_MAX_MS)
			return -1;
	}
	ms *= 1000;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, digits++) {
			ms += (int64_t)scale * (*text - '0');
			scale /= 10;
		}
	return digits > 0 && *text == '\0' ? ms : -1;
}

static uint32_t read_interval(struct config_reader *reader, const char *name,
			      uint32_t preset)
{
	char *text = config_take(reader, name);
	int64_t ms;

	if (text == NULL)
		return preset;
	ms = parse_seconds(text);
	free(text);
	if (ms >= CONFIG_INTERVAL_MIN_MS && ms <= CONFIG_INTERVAL_MAX_MS)
		return (uint32_t)ms;
	config_add_warning(
		reader->config,
		"%s is not a number of seconds from 0.1 to 3600; using %u",
		name, preset / 1000);
	return preset;
}

/* An integer in an optional sign and digits; -1 when it is none. */
static long parse_count(const char *text)
{
	long value = 0;

	if (*text == '+')
		text++;
	if (*text == '\0')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++)
		if (value < 1000000)
			value = value * 10 + (*text - '0');
	return *text == '\0' ? value : -1;
}

static int read_poll_timeout(struct config_reader *reader)
{
	char *text = config_take(reader, "MOLECULE_MCP_POLL_TIMEOUT_SECS");
	long value = text != NULL ? parse_count(text) : -1;

	free(text);
	if (value < 0)
		return CONFIG_POLL_TIMEOUT_SECS;
	if (value > CONFIG_POLL_TIMEOUT_MAX_SECS)
		return CONFIG_POLL_TIMEOUT_MAX_SECS;
	return (int)value;
}

static void read_org(struct config_reader *reader)
{
	static const char *const names[] = { "MOLECULE_ORG_ID",
					     "MOLECULE_ORGANIZATION_ID" };
	struct config *config = reader->config;
	const char *name = names[0];
	bool good;

	config->org_id = config_take(reader, name);
	if (config->org_id == NULL)
		config->org_id = config_take(reader, name = names[1]);
	if (config->org_id == NULL)
		return;
	good = strlen(config->org_id) <= CONFIG_ORG_MAX;
	for (const char *c = config->org_id; *c != '\0'; c++)
		good = good && *c > ' ' && *c <= '~';
	if (good)
		return;
	config_add_warning(config,
			   "%s is not an organisation's id (at most %d "
			   "characters, none of them white space or beyond "
			   "ASCII); the header X-Molecule-Org-Id is left out",
			   name, CONFIG_ORG_MAX);
	free(config->org_id);
	config->org_id = NULL;
}

/* A finite decimal number, whole. */
static bool parse_number(const char *text, double *value)
{
	char *end;

	if (strspn(text, "0123456789.+-eE") != strlen(text))
		return false;
	*value = strtod(text, &end);
	return end != text && *end == '\0' && isfinite(*value);
}

/* The first of the budgets that is a positive number, in whole seconds; 0 when
 * there is none. */
static uint32_t read_budget(struct config_reader *reader)
{
	static const char *const names[] = { "DELEGATION_POLL_BUDGET_S",
					     "DELEGATION_TIMEOUT",
					     "A2A_DELEGATE_TOTAL_BUDGET" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *text = config_take(reader, names[i]);
		double value = 0;

		if (text != NULL && !parse_number(text, &value))
			value = 0;
		free(text);
		if (value > CONFIG_BUDGET_MAX_S)
			return CONFIG_BUDGET_MAX_S;
		if (value > 0)
			return (uint32_t)value + (value > (uint32_t)value);
	}
	return 0;
}

static int read_tier(struct config_reader *reader)
{
	char *text = config_take(reader, "WORKSPACE_TIER");
	char *end = text;
	long value = CONFIG_TIER;

	if (text == NULL)
		return CONFIG_TIER;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < INT_MIN ||
	    value > INT_MAX) {
		config_add_warning(reader->config,
				   "WORKSPACE_TIER is not a whole number; "
				   "using %d",
				   CONFIG_TIER);
		value = CONFIG_TIER;
	}
	free(text);
	return (int)value;
}

/* Claude Code comes first: it may run in a terminal of another host, whose
 * variables it then inherits. */
static enum host_kind find_host(struct config_reader *reader)
{
	static const struct {
		const char *variable;
		enum host_kind kind;
	} signs[] = {
		{ "CLAUDECODE", HOST_KIND_NONE },
		{ "CLAUDE_CODE", HOST_KIND_NONE },
		{ "CLAUDE_CODE_VERSION", HOST_KIND_NONE },
		{ "OPENCLAW_SESSION_ID", HOST_KIND_OPENCLAW },
		{ "OPENCLAW_GATEWAY_PORT", HOST_KIND_OPENCLAW },
		{ "CURSOR_MCP", HOST_KIND_CURSOR },
		{ "CURSOR_TRACE_ID", HOST_KIND_CURSOR },
		{ "HERMES_RUNTIME", HOST_KIND_HERMES },
		{ "HERMES_WORKSPACE_ID", HOST_KIND_HERMES },
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		const char *value = reader->env(reader->arg, signs[i].variable);

		if (value != NULL && *value != '\0')
			return signs[i].kind;
	}
	return HOST_KIND_NONE;
}

/* What the agent card and the tools tell of this agent. */
static void read_agent(struct config_reader *reader)
{
	struct config *config = reader->config;

	config->agent_name = config_take_text(reader, "MOLECULE_AGENT_NAME");
	config->agent_description =
		config_take_text(reader, "MOLECULE_AGENT_DESCRIPTION");
	config->agent_skills =
		config_take_text(reader, "MOLECULE_AGENT_SKILLS");
	config->model = config_take_text(reader, "MODEL");
	config->model_provider = config_take_text(reader, "MODEL_PROVIDER");
	config->molecule_model = config_take_text(reader, "MOLECULE_MODEL");
	config->anthropic_base_url =
		config_take_text(reader, "ANTHROPIC_BASE_URL");
	config->tier = config_take_text(reader, "TIER");
	config->adapter_module = config_take_text(reader, "ADAPTER_MODULE");
}

static void read_switches(struct config_reader *reader)
{
	struct config *config = reader->config;
	const char *sync =
		reader->env(reader->arg, "DELEGATION_SYNC_VIA_INBOX");

	config->delegation_sync = sync != NULL && strcmp(sync, "1") == 0;
	config->verbose =
		config_switch(reader->env(reader->arg, "MOLECULE_MCP_VERBOSE"));
	config->heartbeat = !config_switch(
		reader->env(reader->arg, "MOLECULE_MCP_DISABLE_HEARTBEAT"));
	config->inbox = !config_switch(
		reader->env(reader->arg, "MOLECULE_MCP_DISABLE_INBOX"));
	config->pipelining = !config_switch(
		reader->env(reader->arg, "MOLECULE_MCP_DISABLE_PIPELINING"));
}

/* How many event streams are kept open at most. */
static uint32_t read_streams(struct config_reader *reader)
{
	static const char variable[] = "MOLECULE_MCP_STREAMS_MAX";
	char *text = config_take(reader, variable);
	uint32_t streams = CONFIG_STREAMS_MAX;
	char *end = NULL;
	long number;

	if (text != NULL) {
		errno = 0;
		number = strtol(text, &end, 10);
		if (errno == 0 && *text != '\0' && *end == '\0' &&
		    number >= 0 && number <= 1000)
			streams = (uint32_t)number;
		else
			config_add_warning(reader->config,
					   "%s is not a whole number from 0 to "
					   "1000; using %d",
					   variable, CONFIG_STREAMS_MAX);
	}
	free(text);
	return streams;
}

void config_read_options(struct config_reader *reader)
{
	struct config *config = reader->config;

	read_agent(reader);
	read_org(reader);
	read_switches(reader);
	config->poll_timeout_secs = read_poll_timeout(reader);
	config->heartbeat_ms =
		read_interval(reader, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS",
			      CONFIG_HEARTBEAT_MS);
	config->poll_ms = read_interval(
		reader, "MOLECULE_MCP_POLL_INTERVAL_SECS", CONFIG_POLL_MS);
	config->streams_max = read_streams(reader);
	config->delegation_budget_s = read_budget(reader);
	config->host_kind = find_host(reader);
	config->workspace_tier = read_tier(reader);
	config->config_path = config_take(reader, "WORKSPACE_CONFIG_PATH");
	if (config->config_path == NULL) {
		config->config_path = strdup("/configs");
		if (config->config_path == NULL)
			reader->err = -ENOMEM;
	}
}

const char *config_agent_name(const struct config *config,
			      const char *workspace_id,
			      char buf[CONFIG_NAME_MAX])
{
	if (config->agent_name != NULL)
		return config->agent_name;
	snprintf(buf, CONFIG_NAME_MAX, "molecule-mcp-%.8s", workspace_id);
	return buf;
}

void config_free_options(struct config *config)
{
	free(config->agent_name);
	free(config->agent_description);
	free(config->agent_skills);
	free(config->model);
	free(config->model_provider);
	free(config->molecule_model);
	free(config->anthropic_base_url);
	free(config->tier);
	free(config->adapter_module);
	free(config->org_id);
	free(config->config_path);
}
