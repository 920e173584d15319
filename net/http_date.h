// SPDX-License-Identifier: MIT
/*
 * http_date - the one format in which HTTP/1.1 writes a point in time
 * (IMF-fixdate, RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
 * The C library's own would read time zone files.
 */
#ifndef NET_HTTP_DATE_H
#define NET_HTTP_DATE_H

#include <stdint.h>

#define HTTP_DATE_SIZE 30

/* Writes the date, NUL included. `seconds` since 1970, up to the year 9999;
 * others count as the nearest that can be written. */
void http_date(char out[HTTP_DATE_SIZE], int64_t seconds);

#endif
