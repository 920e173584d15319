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
 * file may supply it: whoever has looked (token.h) tells config_report.
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
#define CONFIG_INTERVAL_MIN_MS 100
#define CONFIG_INTERVAL_MAX_MS 3600000
#define CONFIG_POLL_TIMEOUT_SECS 2
#define CONFIG_POLL_TIMEOUT_MAX_SECS 60
#define CONFIG_ID_MAX 128
#define CONFIG_NOTES_MAX 8

/* Strings are owned by the structure; those that may be absent are NULL. */
struct config {
	char *workspace_id;	 /* [A-Za-z0-9._-]{1,128} */
	char *platform_text;	 /* as given, without trailing slashes */
	struct url platform;	 /* the same, taken apart */
	char *token;		 /* or NULL: a file supplies it */
	char *token_file;	 /* or NULL */
	char *configs_dir;	 /* CONFIGS_DIR, or NULL */
	char *home;		 /* HOME, or NULL */
	char *ca_file;		 /* SSL_CERT_FILE, or NULL */
	char *ca_dir;		 /* SSL_CERT_DIR, or NULL */
	char *agent_name;	 /* has a default */
	char *agent_description; /* or NULL */
	char *agent_skills;	 /* comma list, or NULL */
	bool verbose;
	bool heartbeat; /* register and heartbeat */
	bool inbox;
	int poll_timeout_secs; /* a number in the MCP instructions */
	uint32_t heartbeat_ms;
	uint32_t poll_ms;
	struct proxy_options proxies; /* HTTPS_PROXY and the like */

	/* What stands in the way of a start: bits of CONFIG_MISSING_*, and
	 * sentences on what is there but not usable. */
	unsigned missing;
	char *invalid[CONFIG_NOTES_MAX];
	size_t invalid_count;
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

/* Adds a sentence to config->invalid; what does not fit is dropped. */
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

/* The value of a switch: false for NULL, blank, 0, false, no, off. */
bool config_switch(const char *value);

/* Whether `id` may stand in a path or header as it is: [A-Za-z0-9._-]{1,128}
 * and not "." or "..". */
bool config_id_valid(const char *id);

#endif
