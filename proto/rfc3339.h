// SPDX-License-Identifier: MIT
/* rfc3339 - timestamps as the platform writes them (RFC 3339 section 5.6). */
#ifndef PROTO_RFC3339_H
#define PROTO_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

/* The whole seconds since 1970 (UTC) that a date-time names; a fraction is cut
 * off. False, and *out untouched, when `text` is none. */
bool rfc3339_seconds(const char *text, int64_t *out);

#endif
