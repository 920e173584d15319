// SPDX-License-Identifier: MIT
/*
 * seed - the workspaces that a platform starts with, from a JSON document:
 *
 *	{"workspaces": [
 *	  {"id": "8dad3e29-…", "name": "Researcher", "token": "…"},
 *	  …
 *	]}
 *
 * Of each only `id` is required:
 *
 *	id             its UUID
 *	name, role     text
 *	tier           integer, 1 if not given
 *	parent_id      the UUID of another workspace, before or after it
 *	token          its bearer token; without one, its first registration
 *	               mints and returns one
 *	delivery_mode  "poll" (if not given) or "push", which needs `url` or
 *	               `answer`
 *	url            text
 *	answer         what the platform answers in the place of a push-mode
 *	               workspace to each message and delegation
 *	talk_to_user   false: it may not write into its user's chat
 *	broadcast      true: it may write to all others
 *	delegate       false: it may not delegate
 *
 * Anything else is a mistake, and said to be one. In place of the document
 * there may be the array alone, and its entries may have a `platform_url`,
 * which means nothing here: so what an agent has in MOLECULE_WORKSPACES will
 * do.
 */
#ifndef APP_PLATFORM_SEED_H
#define APP_PLATFORM_SEED_H

#include <jansson.h>
#include <stddef.h>

struct member;
struct platform;

#define SEED_FAULT_MAX 256
#define SEED_SIZE_MAX ((size_t)8 * 1024 * 1024)

/* Adds the workspaces of a document. 0; or -EINVAL with what is wrong, and
 * where, in `fault`. On failure some may have been added. */
int seed_read(struct platform *platform, const char *text, size_t len,
	      char fault[SEED_FAULT_MAX]);

/* Adds one workspace from its description; an absent id is made up. NULL with
 * what is wrong in `fault`. */
struct member *seed_member(struct platform *platform, const json_t *object,
			   char fault[SEED_FAULT_MAX]);

#endif
