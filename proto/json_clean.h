// SPDX-License-Identifier: MIT
/*
 * json_clean - JSON text made fit for Jansson: what json.h promises to let
 * through is rewritten, and its limits are checked, without recursion.
 *
 * It knows only as much of JSON's grammar as that takes: text that is not JSON
 * stays so, and is left to the parser to refuse.
 */
#ifndef PROTO_JSON_CLEAN_H
#define PROTO_JSON_CLEAN_H

#include <stddef.h>

/* Checks `text` (borrowed). *out is NULL when it can be parsed as it is, else
 * the text to parse instead and *out_len its length, owned by the caller:
 * free. Returns 0, -E2BIG (more than JSON_DEPTH_MAX levels or JSON_VALUES_MAX
 * values) or -ENOMEM. */
int json_clean(const char *text, size_t len, char **out, size_t *out_len);

#endif
