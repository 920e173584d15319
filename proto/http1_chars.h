// SPDX-License-Identifier: MIT
/*
 * http1_chars - which bytes may stand where in a message head (RFC 9110
 * section 5, RFC 9112 section 3); shared by the parser and the writer.
 */
#ifndef PROTO_HTTP1_CHARS_H
#define PROTO_HTTP1_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Every tchar in lower case; 0 for what is none. */
extern const unsigned char http1_tchars[256];

/* tchar: methods and field names. */
static inline bool http1_is_tchar(unsigned char c)
{
	return http1_tchars[c] != 0;
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

/* Eight bytes at once: whether all are visible or space, and ASCII. What is
 * none of that may still be fit for a field value. */
static inline bool http1_all_plain(const char *text)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t x, below, del;

	memcpy(&x, text, sizeof(x));
	below = x - ones * ' ';		/* borrows where a byte is less */
	del = (x ^ ones * 0x7f) - ones; /* and where one is DEL */
	return ((x | below | del) & tops) == 0;
}

/* The same of what may stand in a target. */
static inline bool http1_all_target(const char *text)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t x, space, hash;

	memcpy(&x, text, sizeof(x));
	space = (x ^ ones * ' ') - ones;
	hash = (x ^ ones * '#') - ones;
	return ((space | hash) & tops) == 0 && http1_all_plain(text);
}

/* As http1_all with http1_is_target. */
static inline bool http1_target(const char *text, size_t len)
{
	size_t i = 0;

	for (; len - i >= 8; i += 8)
		if (!http1_all_target(text + i))
			return false;
	for (; i < len; i++)
		if (!http1_is_target((unsigned char)text[i]))
			return false;
	return len > 0;
}

/* As http1_all with http1_is_text, but true of an empty run too. */
static inline bool http1_text(const char *text, size_t len)
{
	size_t i = 0;

	for (; len - i >= 8; i += 8)
		if (!http1_all_plain(text + i) &&
		    !http1_all(text + i, 8, http1_is_text))
			return false;
	return i == len || http1_all(text + i, len - i, http1_is_text);
}

#endif
