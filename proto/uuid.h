// SPDX-License-Identifier: MIT
/*
 * uuid - UUIDs as text (RFC 9562).
 */
#ifndef PROTO_UUID_H
#define PROTO_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_LEN 36

/* A version 4 UUID in lower case from 16 random bytes, six bits of which are
 * overwritten (section 5.4). */
void uuid_v4(char out[UUID_LEN + 1], const uint8_t random[16]);

/* Whether text (may be NULL) is a UUID, in any case of letters and of any
 * version. */
bool uuid_valid(const char *text);

/* Copies a UUID in lower case, white space around it removed. False, and out
 * is "", when text is not one. */
bool uuid_normalise(char out[UUID_LEN + 1], const char *text);

#endif
