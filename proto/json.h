// SPDX-License-Identifier: MIT
/*
 * json - Jansson, bounded and forgiving.
 *
 * Documents come from other programs: a line of MCP, an answer of the
 * platform. json_parse_bounded refuses what would exhaust a task's stack or
 * the memory before Jansson sees it, and lets through what is merely ugly:
 *
 *	raw bytes that are not UTF-8, escapes of half a surrogate pair, and
 *	\u0000 become U+FFFD (so every string in a tree is a C string);
 *	an integer beyond 64 bits becomes a real, and a number of 1e308 or
 *	more, either sign, the largest one;
 *	of two members with one name the last counts; a byte order mark at
 *	the beginning is skipped; any value may be a document.
 *
 * Raw control characters in strings, trailing commas, comments, NaN and the
 * like stay errors (RFC 8259).
 *
 * Two ways out: json_dump_line for the wire, json_dump_text for readers. The
 * getters take whatever came: NULL, or a value of another type, is "absent".
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct text;

/* Arrays and objects within each other. Jansson recurses once per level in
 * parsing, writing and freeing: 64 levels take some 8 KiB of stack to parse and
 * 24 KiB to write. */
#define JSON_DEPTH_MAX 64
/* Values in one document: bounds the tree (about 100 bytes each). */
#define JSON_VALUES_MAX (256u * 1024)

/* Seeds Jansson's hash from the random bytes that the kernel hands every
 * process (getauxval(3), AT_RANDOM), without a system call. main must call it
 * before the first JSON object is made: else Jansson opens and reads
 * /dev/urandom. Later calls do nothing. */
void json_seed(void);

/* The tree of a document, a new reference: json_decref. `text` is borrowed and
 * need not end in NUL. On failure NULL, and *err (may be NULL) is -EBADMSG
 * (not JSON), -E2BIG (over a limit above) or -ENOMEM. Does not park. */
json_t *json_parse_bounded(const char *text, size_t len, int *err);

/* The value on one line as the wire wants it: compact, everything beyond
 * ASCII escaped, no newline anywhere. NUL-terminated, *len (may be NULL) its
 * length; owned by the caller: free. NULL when out of memory or `value` is
 * NULL. */
char *json_dump_line(const json_t *value, size_t *len);

/* Adds a string, in quotes, as json_dump_line would write it; any bytes, what
 * is not UTF-8 is replaced. */
void json_add_text(struct text *text, const char *string);

/* The value as a person or a model reads it: UTF-8 as it is, ", " and ": "
 * between things; on one line when indent is 0, else each member on a line of
 * its own, indented by so many spaces a level (at most 8). Otherwise as
 * json_dump_line. */
char *json_dump_text(const json_t *value, unsigned indent);

/* A JSON string from any bytes: what is not UTF-8, and NUL, becomes U+FFFD
 * (json_string refuses them). A new reference; NULL when out of memory or
 * text is NULL. */
json_t *json_string_clean(const char *text, size_t len);

/* The same of a C string. */
json_t *json_string_clean_z(const char *text);

/* object[key] = text; leaves the member out when text is NULL. Returns 0 or
 * -ENOMEM. */
int json_set_text(json_t *object, const char *key, const char *text);

/* The text of a string member, borrowed from the tree; NULL when there is
 * none. */
const char *json_get_text(const json_t *object, const char *key);

/* The same, `otherwise` when there is none. */
const char *json_get_text_or(const json_t *object, const char *key,
			     const char *otherwise);

/* A member as text, whatever scalar it is: a string's own, a number's digits,
 * true or false. Borrowed from the tree or written to buf (cap >= 32 holds any
 * number). NULL when absent, null, an array or an object. */
const char *json_get_scalar(const json_t *object, const char *key, char *buf,
			    size_t cap);

/* A member that is an integer, a real without fraction within 64 bits, or a
 * string of decimal digits up to 2^53 (with sign and surrounding white space).
 * False, and *out untouched, otherwise. */
bool json_get_integer(const json_t *object, const char *key, json_int_t *out);

/* A member that is a number, or a string that reads as a finite decimal one.
 * False, and *out untouched, otherwise. */
bool json_get_number(const json_t *object, const char *key, double *out);

/* True when the member is the literal true. */
bool json_get_true(const json_t *object, const char *key);

#endif
