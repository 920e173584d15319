// SPDX-License-Identifier: MIT
#include "app/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/config_reader.h"
#include "app/token.h"

#define SPACES " \t\r\n\v\f"

static bool add_note(char *notes[], size_t *count, const char *format,
		     va_list args)
{
	char *note;

	if (*count >= CONFIG_NOTES_MAX || vasprintf(&note, format, args) < 0)
		return false;
	notes[(*count)++] = note;
	return true;
}

void config_add_invalid(struct config *config, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!add_note(config->invalid, &config->invalid_count, format, args))
		config->invalid_more++;
	va_end(args);
}

void config_add_warning(struct config *config, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(config->warnings, &config->warning_count, format, args);
	va_end(args);
}

char *config_take(struct config_reader *reader, const char *name)
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

bool config_refuse_unexpanded(struct config *config, const char *name,
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

static void read_id(struct config_reader *reader)
{
	struct config *config = reader->config;

	config->workspace_id = config_take(reader, "WORKSPACE_ID");
	if (config->workspace_id == NULL)
		config->missing |= CONFIG_MISSING_ID;
	else if (!config_refuse_unexpanded(config, "WORKSPACE_ID",
					   config->workspace_id) &&
		 !config_id_valid(config->workspace_id))
		config_add_invalid(
			config,
			"WORKSPACE_ID is not a workspace id: at most "
			"%d letters, digits, '-', '_' and '.' are "
			"expected",
			CONFIG_ID_MAX);
}

bool config_read_address(struct config *config, const char *name, char *text,
			 struct url *url)
{
	const char *why = "";
	size_t len = strlen(text);

	if (config_refuse_unexpanded(config, name, text))
		return false;
	while (len > 0 && text[len - 1] == '/')
		text[--len] = '\0';
	if (url_parse(url, text, &why) == 0)
		return true;
	config_add_invalid(config, "%s: the address is not usable: %s", name,
			   why);
	return false;
}

bool config_check_proxies(struct config *config, const char *name,
			  const struct url *url, const char *value)
{
	const struct proxy *proxy = proxy_for(&config->proxies, url);
	const char *unused = proxy_unused(&config->proxies, url);

	if (unused != NULL)
		config_add_warning(
			config,
			"%s is not used for an http:// %s, since the proxy "
			"could read the token: the platform is connected to "
			"directly",
			unused, name);
	if (proxy == NULL || proxy->fault == NULL)
		return unused == NULL;
	if (value == NULL ||
	    !config_refuse_unexpanded(config, proxy->variable, value))
		config_add_invalid(config,
				   "%s: the proxy's address is not usable: %s; "
				   "write it as http://HOST:PORT, or name the "
				   "platform's host in NO_PROXY",
				   proxy->variable, proxy->fault);
	return false;
}

static void read_platform(struct config_reader *reader)
{
	static const char name[] = "PLATFORM_URL";
	struct config *config = reader->config;
	const char *proxy = config->proxies.https.variable;

	config->platform_text = config_take(reader, name);
	if (config->platform_text == NULL)
		config->missing |= CONFIG_MISSING_URL;
	else if (config_read_address(config, name, config->platform_text,
				     &config->platform))
		config_check_proxies(
			config, name, &config->platform,
			proxy != NULL ? reader->env(reader->arg, proxy) : NULL);
}

static void read_token(struct config_reader *reader)
{
	struct config *config = reader->config;
	const char *problem;

	config->token = config_take(reader, "MOLECULE_WORKSPACE_TOKEN");
	config->token_file =
		config_take(reader, "MOLECULE_WORKSPACE_TOKEN_FILE");
	if (config->token == NULL ||
	    config_refuse_unexpanded(config, "MOLECULE_WORKSPACE_TOKEN",
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

/* The one workspace, where there is no list. */
static void read_single(struct config_reader *reader)
{
	struct config *config = reader->config;

	read_id(reader);
	read_token(reader);
	if (config->workspace_id == NULL || config->platform_text == NULL)
		return;
	config->workspaces = calloc(1, sizeof(*config->workspaces));
	if (config->workspaces == NULL) {
		reader->err = -ENOMEM;
		return;
	}
	config->workspaces[0] = (struct config_workspace){
		.id = config->workspace_id,
		.token = config->token,
		.platform_text = config->platform_text,
		.platform = &config->platform,
	};
	config->workspace_count = 1;
}

int config_read(struct config *config, config_env_fn env, void *arg)
{
	struct config_reader reader = { .config = config,
					.env = env,
					.arg = arg };

	*config = (struct config){ 0 };
	reader.err = proxy_read(&config->proxies, env, arg);
	read_platform(&reader);
	if (!config_take_list(&reader))
		read_single(&reader);
	config->configs_dir = config_take(&reader, "CONFIGS_DIR");
	config->home = config_take(&reader, "HOME");
	config->ca_file = config_take(&reader, "SSL_CERT_FILE");
	config->ca_dir = config_take(&reader, "SSL_CERT_DIR");
	config_read_options(&reader);
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

/* Whether the list of workspaces is all that is wrong. */
static bool only_list(const struct config *config)
{
	for (size_t i = 0; config->list != NULL && i < config->invalid_count;
	     i++)
		if (strncmp(config->invalid[i], config->list,
			    strlen(config->list)) != 0)
			return false;
	return config->list != NULL;
}

static void print_invalid(FILE *out, const struct config *config)
{
	if (only_list(config))
		fprintf(out, "molecule-mcp: invalid %s:\n", config->list);
	else
		fputs("molecule-mcp: the environment is not usable:\n", out);
	for (size_t i = 0; i < config->invalid_count; i++)
		fprintf(out, "  - %s\n", config->invalid[i]);
	if (config->invalid_more > 0)
		fprintf(out, "  - and %zu more of the kind\n",
			config->invalid_more);
}

char *config_report(const struct config *config)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	if (config->invalid_count > 0)
		print_invalid(out, config);
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
	config_free_list(config);
	if (config->token != NULL)
		explicit_bzero(config->token, strlen(config->token));
	free(config->workspaces);
	free(config->workspace_id);
	free(config->platform_text);
	free(config->token);
	free(config->token_file);
	free(config->configs_dir);
	free(config->home);
	free(config->ca_file);
	free(config->ca_dir);
	proxy_options_free(&config->proxies);
	config_free_options(config);
	for (size_t i = 0; i < config->invalid_count; i++)
		free(config->invalid[i]);
	for (size_t i = 0; i < config->warning_count; i++)
		free(config->warnings[i]);
	*config = (struct config){ 0 };
}
