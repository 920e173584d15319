// SPDX-License-Identifier: MIT
/*
 * jsonrpc_raw - values of a JSON text as the characters that came.
 *
 * A tree has an integer's value but not its digits, and a string's characters
 * but not its escapes. What must be echoed exactly is taken from the text. The
 * text has been parsed before: here nothing is checked but its end, and text
 * that is not JSON gives nonsense, never a read beyond it.
 */
#ifndef PROTO_JSONRPC_RAW_H
#define PROTO_JSONRPC_RAW_H

#include <stddef.h>

/* A stretch of text, borrowed; data NULL: none. */
struct jsonrpc_raw {
	const char *data;
	size_t len;
};

/* The text without white space around it. */
struct jsonrpc_raw jsonrpc_raw_trim(const char *text, size_t len);

/* The value of an object's member, the last of that name; none if `object` is
 * none or not an object. Names are compared as they are written. */
struct jsonrpc_raw jsonrpc_raw_member(struct jsonrpc_raw object,
				      const char *name);

/* The first element of an array, or the one after `element` (which came from
 * here); none at the end. */
struct jsonrpc_raw jsonrpc_raw_element(struct jsonrpc_raw array,
				       struct jsonrpc_raw element);

/* A copy of a value that can be an id: a string with its quotes, or an
 * integer, of JSONRPC_ID_MAX bytes at most; bytes that are not UTF-8 are
 * replaced. *out is NULL when the value is something else; owned by the
 * caller: free. Returns 0 or -ENOMEM. */
int jsonrpc_raw_id(char **out, struct jsonrpc_raw value);

#endif
