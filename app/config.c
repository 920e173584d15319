// SPDX-License-Identifier: MIT
#include "app/config.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/token.h"

#define SPACES " \t\r\n\v\f"

/* Where the values come from, while reading. */
struct reader {
	struct config *config;
	config_env_fn env;
	void *arg;
	int err;
};

static void add_note(char *notes[], size_t *count, const char *format,
		     va_list args)
{
	char *note;

	if (*count < CONFIG_NOTES_MAX && vasprintf(&note, format, args) >= 0)
		notes[(*count)++] = note;
}

void config_add_invalid(struct config *config, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(config->invalid, &config->invalid_count, format, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void
add_warning(struct config *config, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(config->warnings, &config->warning_count, format, args);
	va_end(args);
}

/* A trimmed copy of the variable, NULL when blank. */
static char *take(struct reader *reader, const char *name)
{
	const char *value = reader->env(reader->arg, name);
	size_t len;
	char *copy;

	if (value == NULL)
		return NULL;
	value += strspn(value, SPACES);
	len = strlen(value);
	while (len > 0 && strchr(SPACES, value[len - 1]) != NULL)
		len--;
	if (len == 0)
		return NULL;
	copy = strndup(value, len);
	if (copy == NULL)
		reader->err = -ENOMEM;
	return copy;
}

bool config_switch(const char *value)
{
	static const char *const off[] = { "0", "false", "no", "off" };
	size_t len;

	if (value == NULL)
		return false;
	value += strspn(value, SPACES);
	len = strcspn(value, SPACES);
	if (len == 0)
		return false;
	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++)
		if (strlen(off[i]) == len &&
		    strncasecmp(value, off[i], len) == 0)
			return false;
	return true;
}

bool config_id_valid(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > CONFIG_ID_MAX || strcmp(id, ".") == 0 ||
	    strcmp(id, "..") == 0)
		return false;
	for (; *id != '\0'; id++)
		if (!(*id >= 'a' && *id <= 'z') &&
		    !(*id >= 'A' && *id <= 'Z') &&
		    !(*id >= '0' && *id <= '9') && *id != '.' && *id != '_' &&
		    *id != '-')
			return false;
	return true;
}

/* A host passes the reference on as it is when the variable is unset. */
static bool is_unexpanded(const char *value)
{
	size_t len = strlen(value);

	return len > 3 && strncmp(value, "${", 2) == 0 && value[len - 1] == '}';
}

/* Reports an unexpanded reference; true when there was one. */
static bool refuse_unexpanded(struct config *config, const char *name,
			      const char *value)
{
	if (!is_unexpanded(value))
		return false;
	config_add_invalid(config,
			   "%s is a reference of the form ${...} that the host "
			   "did not fill in: set the variable it refers to "
			   "where the host is started, or write the value "
			   "itself into the host's configuration",
			   name);
	return true;
}

static void read_id(struct reader *reader)
{
	struct config *config = reader->config;

	config->workspace_id = take(reader, "WORKSPACE_ID");
	if (config->workspace_id == NULL)
		config->missing |= CONFIG_MISSING_ID;
	else if (!refuse_unexpanded(config, "WORKSPACE_ID",
				    config->workspace_id) &&
		 !config_id_valid(config->workspace_id))
		config_add_invalid(
			config,
			"WORKSPACE_ID is not a workspace id: at most "
			"%d letters, digits, '-', '_' and '.' are "
			"expected",
			CONFIG_ID_MAX);
}

/* What there is to say on proxies, for a platform whose address is usable. */
static void check_proxies(struct reader *reader)
{
	struct config *config = reader->config;
	const struct url *url = &config->platform;
	const struct proxy *proxy = proxy_for(&config->proxies, url);
	const char *unused = proxy_unused(&config->proxies, url);
	const char *value;

	if (unused != NULL)
		add_warning(config,
			    "%s is not used for an http:// PLATFORM_URL, since "
			    "the proxy could read the token: the platform is "
			    "connected to directly",
			    unused);
	if (proxy == NULL || proxy->fault == NULL)
		return;
	value = reader->env(reader->arg, proxy->variable);
	if (value == NULL || !refuse_unexpanded(config, proxy->variable, value))
		config_add_invalid(config,
				   "%s: the proxy's address is not usable: %s; "
				   "write it as http://HOST:PORT, or name the "
				   "platform's host in NO_PROXY",
				   proxy->variable, proxy->fault);
}

static void read_platform(struct reader *reader)
{
	struct config *config = reader->config;
	char *text = take(reader, "PLATFORM_URL");
	const char *why = "";
	size_t len;

	config->platform_text = text;
	if (text == NULL) {
		config->missing |= CONFIG_MISSING_URL;
		return;
	}
	if (refuse_unexpanded(config, "PLATFORM_URL", text))
		return;
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		text[--len] = '\0';
	if (url_parse(&config->platform, text, &why) < 0)
		config_add_invalid(config,
				   "PLATFORM_URL: the address is not usable: "
				   "%s",
				   why);
	else
		check_proxies(reader);
}

static void read_token(struct reader *reader)
{
	struct config *config = reader->config;
	const char *problem;

	config->token = take(reader, "MOLECULE_WORKSPACE_TOKEN");
	config->token_file = take(reader, "MOLECULE_WORKSPACE_TOKEN_FILE");
	if (config->token == NULL ||
	    refuse_unexpanded(config, "MOLECULE_WORKSPACE_TOKEN",
			      config->token))
		return;
	problem = token_check(config->token);
	if (problem != NULL)
		config_add_invalid(
			config,
			"MOLECULE_WORKSPACE_TOKEN %s: copy the token "
			"again from the canvas Tokens tab",
			problem);
}

/* Text that goes into JSON must be UTF-8. */
static char *take_text(struct reader *reader, const char *name)
{
	char *text = take(reader, name);
	json_t *json;

	if (text == NULL)
		return NULL;
	json = json_string(text);
	if (json != NULL) {
		json_decref(json);
		return text;
	}
	add_warning(reader->config, "%s is not UTF-8 text and is ignored",
		    name);
	free(text);
	return NULL;
}

static void read_agent(struct reader *reader)
{
	struct config *config = reader->config;

	config->agent_name = take_text(reader, "MOLECULE_AGENT_NAME");
	config->agent_description =
		take_text(reader, "MOLECULE_AGENT_DESCRIPTION");
	config->agent_skills = take_text(reader, "MOLECULE_AGENT_SKILLS");
	if (config->agent_name != NULL || config->workspace_id == NULL)
		return;
	if (asprintf(&config->agent_name, "molecule-mcp-%.8s",
		     config->workspace_id) < 0) {
		config->agent_name = NULL;
		reader->err = -ENOMEM;
	}
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

static uint32_t read_interval(struct reader *reader, const char *name,
			      uint32_t preset)
{
	char *text = take(reader, name);
	int64_t ms;

	if (text == NULL)
		return preset;
	ms = parse_seconds(text);
	free(text);
	if (ms >= CONFIG_INTERVAL_MIN_MS && ms <= CONFIG_INTERVAL_MAX_MS)
		return (uint32_t)ms;
	add_warning(reader->config,
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

static int read_poll_timeout(struct reader *reader)
{
	char *text = take(reader, "MOLECULE_MCP_POLL_TIMEOUT_SECS");
	long value = text != NULL ? parse_count(text) : -1;

	free(text);
	if (value < 0)
		return CONFIG_POLL_TIMEOUT_SECS;
	if (value > CONFIG_POLL_TIMEOUT_MAX_SECS)
		return CONFIG_POLL_TIMEOUT_MAX_SECS;
	return (int)value;
}

int config_read(struct config *config, config_env_fn env, void *arg)
{
	struct reader reader = { .config = config, .env = env, .arg = arg };

	*config = (struct config){ 0 };
	reader.err = proxy_read(&config->proxies, env, arg);
	read_id(&reader);
	read_platform(&reader);
	read_token(&reader);
	read_agent(&reader);
	config->configs_dir = take(&reader, "CONFIGS_DIR");
	config->home = take(&reader, "HOME");
	config->ca_file = take(&reader, "SSL_CERT_FILE");
	config->ca_dir = take(&reader, "SSL_CERT_DIR");
	config->verbose = config_switch(env(arg, "MOLECULE_MCP_VERBOSE"));
	config->heartbeat =
		!config_switch(env(arg, "MOLECULE_MCP_DISABLE_HEARTBEAT"));
	config->inbox = !config_switch(env(arg, "MOLECULE_MCP_DISABLE_INBOX"));
	config->poll_timeout_secs = read_poll_timeout(&reader);
	config->heartbeat_ms =
		read_interval(&reader, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS",
			      CONFIG_HEARTBEAT_MS);
	config->poll_ms = read_interval(
		&reader, "MOLECULE_MCP_POLL_INTERVAL_SECS", CONFIG_POLL_MS);
	return reader.err;
}

bool config_usable(const struct config *config)
{
	return config->missing == 0 && config->invalid_count == 0;
}

static void print_missing(FILE *out, const struct config *config)
{
	const char *comma = "";

	fputs("molecule-mcp: required environment is missing.\n"
	      "  WORKSPACE_ID              the id of the workspace, from its "
	      "page in the canvas\n"
	      "  PLATFORM_URL              the address of the platform, for "
	      "example\n"
	      "                            https://your-org.moleculesai.app\n",
	      out);
	if (config->missing & CONFIG_MISSING_TOKEN)
		fputs("  MOLECULE_WORKSPACE_TOKEN  the workspace's token, from "
		      "the canvas Tokens tab\n"
		      "                            (or a file: "
		      "MOLECULE_WORKSPACE_TOKEN_FILE)\n",
		      out);
	fputs("Set them in the env block of the host's configuration; "
	      "molecule-mcp --help shows how.\n",
	      out);
	fputs("Currently missing: ", out);
	if (config->missing & CONFIG_MISSING_ID) {
		fputs("WORKSPACE_ID", out);
		comma = ", ";
	}
	if (config->missing & CONFIG_MISSING_URL) {
		fprintf(out, "%sPLATFORM_URL", comma);
		comma = ", ";
	}
	if (config->missing & CONFIG_MISSING_TOKEN)
		fprintf(out,
			"%sMOLECULE_WORKSPACE_TOKEN "
			"(or CONFIGS_DIR/.auth_token)",
			comma);
	fputc('\n', out);
}

char *config_report(const struct config *config)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	if (config->invalid_count > 0)
		fputs("molecule-mcp: the environment is not usable:\n", out);
	for (size_t i = 0; i < config->invalid_count; i++)
		fprintf(out, "  - %s\n", config->invalid[i]);
	if (config->missing != 0)
		print_missing(out, config);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void config_free(struct config *config)
{
	if (config->token != NULL)
		explicit_bzero(config->token, strlen(config->token));
	free(config->workspace_id);
	free(config->platform_text);
	free(config->token);
	free(config->token_file);
	free(config->configs_dir);
	free(config->home);
	free(config->ca_file);
	free(config->ca_dir);
	proxy_options_free(&config->proxies);
	free(config->agent_name);
	free(config->agent_description);
	free(config->agent_skills);
	for (size_t i = 0; i < config->invalid_count; i++)
		free(config->invalid[i]);
	for (size_t i = 0; i < config->warning_count; i++)
		free(config->warnings[i]);
	*config = (struct config){ 0 };
}
