// SPDX-License-Identifier: MIT
/*
 * config - the environment, read once and checked.
 *
 * Pure: the variables come through a function, no file is touched and nothing
 * is written. What is wrong is collected and reported all at once, since a
 * host shows its user one failed start at a time.
 *
 * Values are trimmed; blank means unset. Switches are on unless blank, 0,
 * false, no or off. The token is not checked for existence here, because a
 * file may supply it: whoever has looked (token.h) tells config_report. In the
 * same way somebody else reads MOLECULE_WORKSPACES_FILE, and gives its text to
 * config_read_list.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/proxy.h"
#include "net/url.h"

#define CONFIG_HEARTBEAT_MS 20000
#define CONFIG_POLL_MS 5000
#define CONFIG_STREAMS_MAX 100 /* and the most that can be set: 1000 */
#define CONFIG_INTERVAL_MIN_MS 100
#define CONFIG_INTERVAL_MAX_MS 3600000
#define CONFIG_POLL_TIMEOUT_SECS 2
#define CONFIG_POLL_TIMEOUT_MAX_SECS 60
#define CONFIG_ID_MAX 128
#define CONFIG_ORG_MAX 128
#define CONFIG_NOTES_MAX 8
#define CONFIG_BUDGET_MAX_S 86400   /* a larger one is cut to this */
#define CONFIG_WORKSPACES_MAX 10000 /* entries of a list */
#define CONFIG_TIER 1

/* Hosts that are told of new messages by a method of their own; all others
 * are HOST_KIND_NONE. */
enum host_kind {
	HOST_KIND_NONE,
	HOST_KIND_OPENCLAW,
	HOST_KIND_CURSOR,
	HOST_KIND_HERMES,
};

/* A platform that entries of a list name as their own. */
struct config_platform;

/* One workspace to serve. */
struct config_workspace {
	char *id;		    /* as config_id_valid wants it */
	char *token;		    /* NULL with one workspace: see below */
	const char *platform_text;  /* borrowed from the structure, … */
	const struct url *platform; /* … as is this; shared where equal */
	bool own_platform; /* its entry names one: no X-Molecule-Org-Id */
};

/* Strings are owned by the structure; those that may be absent are NULL. It
 * must not be moved, since it points into itself. */
struct config {
	/* Whom to serve. With a list these are its entries in their order, and
	 * WORKSPACE_ID and the token variables below count for nothing; else
	 * there is one. None while the configuration is not usable. */
	struct config_workspace *workspaces;
	size_t workspace_count;
	const char *list;      /* the variable the list came from, or NULL */
	char *workspaces_file; /* where it is, unless read; or NULL */
	struct config_platform *platforms;

	char *workspace_id;	 /* of the one; NULL with a list */
	char *platform_text;	 /* PLATFORM_URL without trailing slashes */
	struct url platform;	 /* the same, taken apart */
	char *token;		 /* or NULL: a file supplies it */
	char *token_file;	 /* or NULL */
	char *org_id;		 /* for X-Molecule-Org-Id, or NULL */
	char *configs_dir;	 /* CONFIGS_DIR, or NULL */
	char *home;		 /* HOME, or NULL */
	char *ca_file;		 /* SSL_CERT_FILE, or NULL */
	char *ca_dir;		 /* SSL_CERT_DIR, or NULL */
	char *agent_name;	 /* NULL: each workspace has a preset one */
	char *agent_description; /* or NULL */
	char *agent_skills;	 /* comma list, or NULL */
	bool verbose;
	bool heartbeat; /* register and heartbeat */
	bool inbox;
	bool pipelining;       /* polls of several workspaces go together */
	int poll_timeout_secs; /* a number in the MCP instructions */
	uint32_t heartbeat_ms;
	uint32_t poll_ms;
	uint32_t streams_max;	      /* event streams kept open at most */
	bool delegation_sync;	      /* DELEGATION_SYNC_VIA_INBOX is 1 */
	uint32_t delegation_budget_s; /* 0: not configured */
	enum host_kind host_kind;
	/* The directory of config.yaml, and the tier that counts without. */
	char *config_path;
	int workspace_tier;
	/* What get_runtime_identity tells: MODEL, MODEL_PROVIDER,
	 * MOLECULE_MODEL, ANTHROPIC_BASE_URL, TIER, ADAPTER_MODULE; or NULL.
	 * Valid UTF-8. */
	char *model, *model_provider, *molecule_model;
	char *anthropic_base_url, *tier, *adapter_module;
	struct proxy_options proxies; /* HTTPS_PROXY and the like */

	/* What stands in the way of a start: bits of CONFIG_MISSING_*, and
	 * sentences on what is there but not usable. */
	unsigned missing;
	char *invalid[CONFIG_NOTES_MAX];
	size_t invalid_count;
	size_t invalid_more; /* that found no place there */
	/* Sentences for the log, on what was ignored. */
	char *warnings[CONFIG_NOTES_MAX];
	size_t warning_count;
};

enum config_missing {
	CONFIG_MISSING_ID = 1,
	CONFIG_MISSING_URL = 2,
	CONFIG_MISSING_TOKEN = 4, /* set by whoever looked for the file */
};

/* Like getenv: NULL when unset. The result is borrowed until the next call. */
typedef const char *(*config_env_fn)(void *arg, const char *name);

/* Reads everything. 0, or -ENOMEM. Either way the caller owns *config
 * (config_free). Whether a start is possible, config_usable tells. */
int config_read(struct config *config, config_env_fn env, void *arg);

/* Reads a list of workspaces in JSON, from `variable` (static text; or the file
 * that it names), into config->workspaces. What is wrong with it goes to
 * config->invalid, each sentence with the entry's index; no token is ever part
 * of one. `text` is borrowed. 0 or -ENOMEM. Does not park. */
int config_read_list(struct config *config, const char *variable,
		     const char *text, size_t len);

/* Adds a sentence to config->invalid; what does not fit is counted. */
void config_add_invalid(struct config *config, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Nothing is missing or invalid. */
bool config_usable(const struct config *config);

/* The text for a person on all that is missing or invalid, ending with a
 * newline; its last line begins `Currently missing: ` if anything is missing.
 * The caller frees it. NULL when out of memory. */
char *config_report(const struct config *config);

/* Wipes and frees what the structure owns. */
void config_free(struct config *config);

/* The name on the agent card of the workspace: MOLECULE_AGENT_NAME, else
 * `molecule-mcp-` and the beginning of the id. Returns buf, which may be cut,
 * or the configured one. */
#define CONFIG_NAME_MAX 32
const char *config_agent_name(const struct config *config,
			      const char *workspace_id,
			      char buf[CONFIG_NAME_MAX]);

/* The value of a switch: false for NULL, blank, 0, false, no, off. */
bool config_switch(const char *value);

/* Whether `id` may stand in a path or header as it is: [A-Za-z0-9._-]{1,128}
 * and not "." or "..". */
bool config_id_valid(const char *id);

#endif
