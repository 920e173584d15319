// SPDX-License-Identifier: MIT
#include "app/minted.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "app/identity.h"
#include "app/log.h"
#include "app/state_dir.h"
#include "app/workspace.h"
#include "proto/json.h"

#define SECRET_MAX 4096 /* bytes */

static void wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
}

void minted_forget(char **secret)
{
	wipe(*secret);
	free(*secret);
	*secret = NULL;
}

/* A member that is secret, moved out of the tree: a copy that the caller
 * wipes, and the tree's own wiped here. NULL when absent or empty. */
static char *take_secret(json_t *json, const char *key)
{
	const char *text = json_get_text(json, key);
	char *copy;

	if (text == NULL || *text == '\0')
		return NULL;
	copy = strdup(text);
	/* Jansson keeps strings in memory that may be written. */
	explicit_bzero((char *)(uintptr_t)text, strlen(text));
	json_object_del(json, key);
	return copy;
}

/* Whether the file holds just this. */
static bool is_stored(struct state_dir *state, const char *name,
		      const char *text)
{
	size_t cap = SECRET_MAX + 2;
	size_t len = strlen(text);
	char *buf = malloc(cap);
	bool same = false;
	ssize_t n;

	if (buf == NULL)
		return false;
	n = state_dir_read(state, name, buf, cap);
	if (n >= 0)
		same = (size_t)n == len && memcmp(buf, text, len) == 0;
	explicit_bzero(buf, cap);
	free(buf);
	return same;
}

bool minted_is_known(const char *known, const char *body, size_t len)
{
	size_t size = known != NULL ? strlen(known) : 0;
	const char *at;

	if (size == 0 || body == NULL)
		return false;
	at = memmem(body, len, known, size);
	/* The body is NUL-terminated. */
	return at != NULL && at > body && at[-1] == '"' && at[size] == '"';
}

void minted_secret(const struct workspace_deps *deps, char **known,
		   json_t *json)
{
	struct state_dir *state = deps->state;
	char *secret = take_secret(json, "platform_inbound_secret");
	char name[STATE_DIR_NAME_MAX];
	bool kept;

	if (secret == NULL)
		return;
	state_dir_name(name, STATE_DIR_SECRET, deps->who->suffix);
	if (strlen(secret) > SECRET_MAX ||
	    (*known != NULL && strcmp(*known, secret) == 0)) {
		wipe(secret);
		free(secret);
		return;
	}
	kept = *known == NULL && is_stored(state, name, secret);
	if (!kept)
		kept = state_dir_write(state, name, secret, strlen(secret)) ==
		       0;
	wipe(kept ? *known : secret);
	if (kept) {
		free(*known);
		*known = secret;
	} else {
		free(secret);
	}
}

void minted_token(const struct workspace_deps *deps, json_t *json)
{
	char source[TOKEN_NAME_MAX];
	char *token = take_secret(json, "auth_token");
	bool in_use = token_source_kind(&deps->who->token) == TOKEN_STATE;
	char name[STATE_DIR_NAME_MAX];
	const char *dir;
	char byte[2];

	if (token == NULL)
		return;
	dir = state_dir_path(deps->state);
	state_dir_name(name, STATE_DIR_TOKEN, deps->who->suffix);
	token_source_name(&deps->who->token, source, sizeof(source));
	if (token_check(token) != NULL ||
	    (!in_use &&
	     state_dir_read(deps->state, name, byte, sizeof(byte)) != -ENOENT))
		log_warning(deps->log,
			    "molecule-mcp: the platform made a new token for "
			    "workspace %s, which has not been kept; the one "
			    "from %s stays in use. If it is refused, make "
			    "another in the canvas Tokens tab",
			    deps->who->workspace_id, source);
	else if (state_dir_write(deps->state, name, token, strlen(token)) == 0)
		log_warning(deps->log,
			    "molecule-mcp: the platform made a new token for "
			    "workspace %s; it is in %s/%s. %s",
			    deps->who->workspace_id, dir, name,
			    in_use ? "It is in use from now on"
				   : "The configured one stays in use; remove "
				     "that to use the new one");
	wipe(token);
	free(token);
}
