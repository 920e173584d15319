// SPDX-License-Identifier: MIT
/*
 * utf8 - telling good UTF-8 from bad (RFC 3629), and cutting it safely.
 *
 * Text comes from hosts, peers and the platform; what goes out again must be
 * valid UTF-8. Whatever is not becomes U+FFFD, one for each longest run of
 * bytes that begins a character and breaks off (Unicode 15, section 3.9).
 */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD, and its length in bytes. */
#define UTF8_REPLACEMENT "\xEF\xBF\xBD"
#define UTF8_REPLACEMENT_LEN 3

/* Looks at the character at `text` (len >= 1): *valid says whether it is one.
 * Returns how many bytes it takes, or how many make one replacement. */
size_t utf8_step(const char *text, size_t len, bool *valid);

bool utf8_valid(const char *text, size_t len);

/* A NUL-terminated copy of `text` in which what is invalid is replaced, and
 * NUL too, so that it is a C string; *out_len (may be NULL) is its length.
 * Owned by the caller: free. NULL when out of memory. */
char *utf8_clean(const char *text, size_t len, size_t *out_len);

/* The bytes of the first `chars` characters of text, at most `len`: a cut that
 * splits none. Invalid runs count as one character each. */
size_t utf8_prefix(const char *text, size_t len, size_t chars);

/* How many characters there are, counted in the same way. */
size_t utf8_count(const char *text, size_t len);

#endif
