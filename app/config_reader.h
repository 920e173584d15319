// SPDX-License-Identifier: MIT
/*
 * config_reader - what the files that read the configuration share: taking a
 * variable, and saying what is wrong with one.
 *
 * For config.c, config_options.c and config_list.c.
 */
#ifndef APP_CONFIG_READER_H
#define APP_CONFIG_READER_H

#include "app/config.h"

/* Where the values come from, while reading. */
struct config_reader {
	struct config *config;
	config_env_fn env;
	void *arg;
	int err; /* -ENOMEM once memory ran out */
};

/* A platform that is not PLATFORM_URL's. */
struct config_platform {
	struct config_platform *next;
	char *text;
	struct url url;
};

/* A trimmed copy of the variable, NULL when blank. */
char *config_take(struct config_reader *reader, const char *name);

/* The same for text that goes into JSON: what is not UTF-8 is ignored with a
 * warning. */
char *config_take_text(struct config_reader *reader, const char *name);

/* Adds a sentence to config->warnings; what does not fit is dropped. */
void config_add_warning(struct config *config, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reports a value that is a reference, `${...}`, which the host has passed on
 * as it is; true when it was one. */
bool config_refuse_unexpanded(struct config *config, const char *name,
			      const char *value);

/* Takes an address apart: trailing slashes are cut off `text`. False when it
 * is not usable, which is reported under `name`. */
bool config_read_address(struct config *config, const char *name, char *text,
			 struct url *url);

/* Says what there is to say on proxies for a usable address, once for all:
 * false when there was something. `value` is what stands in the proxy's
 * variable, or NULL. */
bool config_check_proxies(struct config *config, const char *name,
			  const struct url *url, const char *value);

/* The optional variables. */
void config_read_options(struct config_reader *reader);
void config_free_options(struct config *config);

/* MOLECULE_WORKSPACES, read at once, or MOLECULE_WORKSPACES_FILE, only noted.
 * False when both are blank: there is no list. */
bool config_take_list(struct config_reader *reader);
void config_free_list(struct config *config);

#endif
