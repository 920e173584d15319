// SPDX-License-Identifier: MIT
/*
 * http1_chars - which bytes may stand where in a message head (RFC 9110
 * section 5, RFC 9112 section 3); shared by the parser and the writer.
 */
#ifndef PROTO_HTTP1_CHARS_H
#define PROTO_HTTP1_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool http1_is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* tchar: methods and field names. */
static inline bool http1_is_tchar(unsigned char c)
{
	return http1_is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Field values, reasons, chunk extensions: visible, space, tab, obs-text. */
static inline bool http1_is_text(unsigned char c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* Targets: visible ASCII; a fragment never travels. */
static inline bool http1_is_target(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '#';
}

static inline char http1_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether all of a non-empty run satisfies `is`. */
static inline bool http1_all(const char *text, size_t len,
			     bool (*is)(unsigned char c))
{
	for (size_t i = 0; i < len; i++)
		if (!is((unsigned char)text[i]))
			return false;
	return len > 0;
}

#endif
