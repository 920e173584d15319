// SPDX-License-Identifier: MIT
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/config_reader.h"
#include "app/token.h"
#include "proto/json.h"

#define LIST "MOLECULE_WORKSPACES"
#define LIST_FILE "MOLECULE_WORKSPACES_FILE"
#define WHERE_MAX 80
#define SPACES " \t\r\n\v\f"

/* One entry, being read. */
struct entry {
	struct config *config;
	json_t *json;
	char where[WHERE_MAX]; /* how a person finds it */
};

bool config_take_list(struct config_reader *reader)
{
	struct config *config = reader->config;
	char *text = config_take(reader, LIST);
	bool usable;

	if (text != NULL) {
		config->list = LIST;
		usable = !config_refuse_unexpanded(config, LIST, text);
		if (usable &&
		    config_read_list(config, LIST, text, strlen(text)) < 0)
			reader->err = -ENOMEM;
		explicit_bzero(text, strlen(text));
		free(text);
		return true;
	}
	config->workspaces_file = config_take(reader, LIST_FILE);
	if (config->workspaces_file == NULL)
		return false;
	config->list = LIST_FILE;
	config_refuse_unexpanded(config, LIST_FILE, config->workspaces_file);
	return true;
}

/* What the parser found. Its sentences quote the text behind "near", which may
 * be a token; and by an "invalid token" it does not mean one of ours. */
static void refuse_json(struct config *config, const char *variable,
			const char *text, size_t len)
{
	json_error_t error = { .line = 1, .column = 1 };
	json_t *json = json_loadb(text, len, JSON_DECODE_ANY, &error);
	char *near = strstr(error.text, " near ");

	json_decref(json);
	if (near != NULL)
		*near = '\0';
	config_add_invalid(config,
			   "%s is not valid JSON: %s at line %d, column %d",
			   variable,
			   strcmp(error.text, "invalid token") == 0
				   ? "unexpected characters"
				   : error.text,
			   error.line, error.column);
}

/* A trimmed copy of a string or number of the entry; NULL when it is absent or
 * blank. What the entry holds is wiped. */
static int take_scalar(const struct entry *entry, const char *key, char **out)
{
	char number[32];
	const char *value =
		json_get_scalar(entry->json, key, number, sizeof(number));
	size_t len;

	*out = NULL;
	if (value == NULL)
		return 0;
	value += strspn(value, SPACES);
	len = strlen(value);
	while (len > 0 && strchr(SPACES, value[len - 1]) != NULL)
		len--;
	if (len == 0)
		return 0;
	*out = strndup(value, len);
	return *out != NULL ? 0 : -ENOMEM;
}

/* Jansson keeps strings in memory that may be written. */
static void wipe_token(json_t *entry)
{
	const char *text = json_get_text(entry, "token");

	if (text != NULL)
		explicit_bzero((char *)(uintptr_t)text, strlen(text));
}

static void check_id(const struct entry *entry, const char *id)
{
	char name[WHERE_MAX + 8];

	if (id == NULL) {
		config_add_invalid(entry->config, "%s: the id is missing",
				   entry->where);
		return;
	}
	snprintf(name, sizeof(name), "%s.id", entry->where);
	if (!config_refuse_unexpanded(entry->config, name, id) &&
	    !config_id_valid(id))
		config_add_invalid(entry->config,
				   "%s: the id is not a workspace id: at most "
				   "%d letters, digits, '-', '_' and '.' are "
				   "expected",
				   entry->where, CONFIG_ID_MAX);
}

static void check_token(const struct entry *entry, const char *token)
{
	char name[WHERE_MAX + 8];
	const char *problem;

	if (token == NULL) {
		config_add_invalid(entry->config, "%s: the token is missing",
				   entry->where);
		return;
	}
	snprintf(name, sizeof(name), "%s.token", entry->where);
	if (config_refuse_unexpanded(entry->config, name, token))
		return;
	problem = token_check(token);
	if (problem != NULL)
		config_add_invalid(entry->config,
				   "%s: the token %s: copy it again from the "
				   "canvas Tokens tab",
				   entry->where, problem);
}

static struct config_platform *find_platform(struct config *config,
					     const char *text)
{
	struct config_platform *platform = config->platforms;

	while (platform != NULL && strcmp(platform->text, text) != 0)
		platform = platform->next;
	return platform;
}

/* Makes the entry's own address part of the configuration. `text` is taken. */
static int add_platform(const struct entry *entry, char *text,
			const struct config_platform **out)
{
	struct config *config = entry->config;
	struct config_platform *platform;
	char name[WHERE_MAX + 16];

	*out = NULL;
	platform = calloc(1, sizeof(*platform));
	if (platform == NULL) {
		free(text);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "%s.platform_url", entry->where);
	if (!config_read_address(config, name, text, &platform->url)) {
		free(platform);
		free(text);
		return 0;
	}
	*out = find_platform(config, text);
	if (*out != NULL) {
		free(platform);
		free(text);
		return 0;
	}
	platform->text = text;
	platform->next = config->platforms;
	config->platforms = platform;
	*out = platform;
	return 0;
}

static int read_platform(const struct entry *entry,
			 struct config_workspace *workspace)
{
	const json_t *value = json_object_get(entry->json, "platform_url");
	const struct config_platform *platform = NULL;
	char *text;
	int err;

	workspace->platform_text = entry->config->platform_text;
	workspace->platform = &entry->config->platform;
	if (value != NULL && !json_is_string(value) && !json_is_null(value)) {
		config_add_invalid(entry->config,
				   "%s: platform_url is not a string",
				   entry->where);
		return 0;
	}
	err = take_scalar(entry, "platform_url", &text);
	if (text == NULL)
		return err;
	workspace->own_platform = true;
	err = add_platform(entry, text, &platform);
	if (platform != NULL) {
		workspace->platform_text = platform->text;
		workspace->platform = &platform->url;
	}
	return err;
}

static int read_entry(const struct entry *entry,
		      struct config_workspace *workspace)
{
	int err;

	if (!json_is_object(entry->json)) {
		config_add_invalid(entry->config, "%s is not an object",
				   entry->where);
		return 0;
	}
	err = take_scalar(entry, "id", &workspace->id);
	if (err == 0)
		err = take_scalar(entry, "token", &workspace->token);
	wipe_token(entry->json);
	if (err < 0)
		return err;
	check_id(entry, workspace->id);
	check_token(entry, workspace->token);
	return read_platform(entry, workspace);
}

static int by_id(const void *a, const void *b)
{
	const struct config_workspace *const *one = a;
	const struct config_workspace *const *two = b;
	int order = strcasecmp((*one)->id, (*two)->id);

	/* In the order of the list, so that a later one is the double. */
	return order != 0 ? order : (*one < *two ? -1 : 1);
}

/* Platforms do not tell the cases of letters apart in a UUID. */
static int refuse_doubles(struct config *config, const char *variable)
{
	const struct config_workspace **sorted =
		calloc(config->workspace_count, sizeof(const void *));
	size_t count = 0;

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->workspace_count; i++)
		if (config->workspaces[i].id != NULL)
			sorted[count++] = &config->workspaces[i];
	qsort(sorted, count, sizeof(const void *), by_id);
	for (size_t i = 1; i < count; i++)
		if (strcasecmp(sorted[i - 1]->id, sorted[i]->id) == 0)
			config_add_invalid(
				config, "%s[%zu]: the same id as %s[%zu]",
				variable,
				(size_t)(sorted[i] - config->workspaces),
				variable,
				(size_t)(sorted[i - 1] - config->workspaces));
	free(sorted);
	return 0;
}

static void check_all_proxies(struct config *config)
{
	bool said = config->platform.host[0] == '\0' ||
		    proxy_for(&config->proxies, &config->platform) != NULL ||
		    proxy_unused(&config->proxies, &config->platform) != NULL;

	for (const struct config_platform *p = config->platforms;
	     p != NULL && !said; p = p->next)
		said = !config_check_proxies(config, "platform_url", &p->url,
					     NULL);
}

static int read_array(struct config *config, const char *variable,
		      json_t *array)
{
	size_t count = json_array_size(array);
	struct entry entry = { .config = config };
	int err = 0;

	config->workspaces = calloc(count, sizeof(*config->workspaces));
	if (config->workspaces == NULL)
		return -ENOMEM;
	config->workspace_count = count;
	for (size_t i = 0; i < count && err == 0; i++) {
		entry.json = json_array_get(array, i);
		snprintf(entry.where, sizeof(entry.where), "%s[%zu]", variable,
			 i);
		err = read_entry(&entry, &config->workspaces[i]);
	}
	if (err == 0)
		err = refuse_doubles(config, variable);
	if (err == 0)
		check_all_proxies(config);
	return err;
}

int config_read_list(struct config *config, const char *variable,
		     const char *text, size_t len)
{
	int err, read = 0;
	json_t *list = json_parse_bounded(text, len, &err);
	size_t count = json_array_size(list);

	if (list == NULL && err == -ENOMEM)
		return err;
	if (list == NULL && err == -E2BIG)
		config_add_invalid(config, "%s is nested too deep, or too long",
				   variable);
	else if (list == NULL)
		refuse_json(config, variable, text, len);
	else if (count == 0)
		config_add_invalid(config,
				   "%s is not a JSON array of at least one "
				   "object {\"id\", \"token\"}",
				   variable);
	else if (count > CONFIG_WORKSPACES_MAX)
		config_add_invalid(config, "%s has more than %d entries",
				   variable, CONFIG_WORKSPACES_MAX);
	else
		read = read_array(config, variable, list);
	json_decref(list);
	return read;
}

void config_free_list(struct config *config)
{
	bool owned = config->list != NULL;

	for (size_t i = 0; owned && i < config->workspace_count; i++) {
		struct config_workspace *workspace = &config->workspaces[i];

		if (workspace->token != NULL)
			explicit_bzero(workspace->token,
				       strlen(workspace->token));
		free(workspace->token);
		free(workspace->id);
	}
	while (config->platforms != NULL) {
		struct config_platform *platform = config->platforms;

		config->platforms = platform->next;
		free(platform->text);
		free(platform);
	}
	free(config->workspaces_file);
}
