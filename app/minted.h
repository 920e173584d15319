// SPDX-License-Identifier: MIT
/*
 * minted - what the platform hands out with its answers to registrations and
 * heartbeats, and what becomes of it: the inbound secret goes to a file when it
 * is another than before, a token that it minted to `.auth_token` (with the
 * workspace's suffix where there are several) unless there is one. Both are
 * taken out of the answer and wiped there.
 */
#ifndef APP_MINTED_H
#define APP_MINTED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct workspace_deps;

/* Whether the body of an answer has the secret that is `known` (NULL: none is)
 * as one of its strings, as nearly all have: there is nothing to keep then.
 * Does not park. */
bool minted_is_known(const char *known, const char *body, size_t len);

/* Keeps the inbound secret of an answer, unless it is *known, which is NULL or
 * owned and follows. Parks. */
void minted_secret(const struct workspace_deps *deps, char **known,
		   json_t *json);
/* Wipes and frees it; NULL is harmless. Does not park. */
void minted_forget(char **secret);

/* Keeps a token that the platform has minted, and tells. Parks. */
void minted_token(const struct workspace_deps *deps, json_t *json);

#endif
