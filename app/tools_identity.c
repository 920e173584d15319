// SPDX-License-Identifier: MIT
/* get_runtime_identity: what this agent runs on, as the environment says. */
#include "app/tools_call.h"

#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/fleet.h"
#include "proto/json.h"

/* A URL without a user name and password. Malloc'd; NULL: out of memory. */
static char *without_secret(const char *url)
{
	const char *host = strstr(url, "://");
	size_t authority;
	const char *at;
	char *text;

	host = host ? host + 3 : url;
	authority = strcspn(host, "/?#");
	at = memrchr(host, '@', authority);
	if (!at)
		return strdup(url);
	return asprintf(&text, "%.*s%s", (int)(host - url), url, at + 1) < 0
		       ? NULL
		       : text;
}

static int set(json_t *object, const char *key, const char *text)
{
	return json_set_text(object, key, text ? text : "");
}

static int set_url(json_t *object, const char *key, const char *url)
{
	char *text = without_secret(url ? url : "");
	int err = text ? json_set_text(object, key, text) : -1;

	free(text);
	return err;
}

/* The ids that tools can act for, where there are several. */
static int set_workspaces(json_t *object, const struct fleet *fleet)
{
	json_t *list;

	if (fleet->count < 2)
		return 0;
	list = json_array();
	for (size_t i = 0; i < fleet->count; i++)
		if (json_array_append_new(
			    list,
			    json_string(fleet->members[i].who.workspace_id)) <
		    0) {
			json_decref(list);
			return -1;
		}
	return json_object_set_new(object, "workspaces", list);
}

void tools_get_runtime_identity(struct tool_call *call)
{
	static const struct config nothing;
	const struct config *config = call->tools->config ? call->tools->config
							  : &nothing;
	json_t *json = json_object();

	if (set(json, "model", config->model) == 0 &&
	    set(json, "model_provider", config->model_provider) == 0 &&
	    set(json, "molecule_model", config->molecule_model) == 0 &&
	    set_url(json, "anthropic_base_url", config->anthropic_base_url) ==
		    0 &&
	    set(json, "tier", config->tier) == 0 &&
	    set(json, "workspace_id", call->source->who.workspace_id) == 0 &&
	    set(json, "runtime", config->adapter_module) == 0 &&
	    set_workspaces(json, call->tools->fleet) == 0)
		tools_call_json(call, json, 2);
	else
		json_decref(json);
}
