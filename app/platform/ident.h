// SPDX-License-Identifier: MIT
/*
 * ident - identifiers of the local platform: UUIDs in lower-case text.
 *
 * Workspaces, activity rows, delegations, memories and uploads are all named
 * by one. The text is what travels, so the text is what is kept.
 */
#ifndef APP_PLATFORM_IDENT_H
#define APP_PLATFORM_IDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "proto/uuid.h"

struct rt;

#define IDENT_LEN UUID_LEN

/* All zero is "none". */
struct ident {
	char text[IDENT_LEN + 1];
};

/* Reads a UUID in any case (RFC 9562 section 4). False, and *out is none, when
 * `text` is NULL or is not one. */
bool ident_parse(struct ident *out, const char *text);

/* A new random one, version 4 (RFC 9562 section 5.4). */
void ident_random(struct rt *rt, struct ident *out);

/* `len` random bytes as lower-case hex; `out` holds 2 * len + 1. len <= 64. */
void ident_secret(struct rt *rt, char *out, size_t len);

static inline bool ident_none(const struct ident *id)
{
	return id->text[0] == '\0';
}

static inline bool ident_equal(const struct ident *a, const struct ident *b)
{
	return strcmp(a->text, b->text) == 0;
}

#endif
