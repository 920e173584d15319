// SPDX-License-Identifier: MIT
/*
 * stamp - points in time as the wire shows them: RFC 3339 in UTC with
 * microseconds, `2026-05-01T09:30:00.000001Z`.
 *
 * In the program a stamp is a count of microseconds since 1970.
 */
#ifndef APP_PLATFORM_STAMP_H
#define APP_PLATFORM_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#define STAMP_TEXT_MAX 48

/* Writes `us`; out holds STAMP_TEXT_MAX bytes. */
void stamp_format(char *out, int64_t us);

/* Reads an RFC 3339 date and time with any fraction (cut to microseconds) and
 * offset. A blank stands for the '+' of an offset too, since that is what an
 * unescaped '+' in a query becomes. False when it is not one. */
bool stamp_parse(int64_t *us, const char *text);

#endif
