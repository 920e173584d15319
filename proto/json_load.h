// SPDX-License-Identifier: MIT
/*
 * json_load - Jansson's reader, where memory may run out.
 *
 * When there is no memory for one character more of a string, Jansson leaves
 * that character out and goes on: with another text than was there, or to an
 * assertion that ends the program. So room for the longest string that there
 * can be is set aside before it begins, and given to it when nothing else is
 * left; what it then makes of the text is thrown away.
 *
 * For json.c.
 */
#ifndef PROTO_JSON_LOAD_H
#define PROTO_JSON_LOAD_H

#include <jansson.h>
#include <stddef.h>

/* Reads a value of any kind: 0 with *out set, a new reference; -EBADMSG when
 * the text is none; -ENOMEM. */
int json_load(json_t **out, const char *text, size_t len);

#endif
