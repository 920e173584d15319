// SPDX-License-Identifier: MIT
/*
 * url - the base address of a platform, taken apart and checked once.
 *
 * Accepts http://host[:port][/path] and https:// with the host as a name, an
 * IPv4 literal or an IPv6 literal in brackets (RFC 3986 section 3). User
 * names, queries and fragments are refused: a platform address has none, and
 * they would end up in headers. No I/O, no allocation.
 */
#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX 2048 /* the whole text, NUL included */
#define URL_HOST_MAX 255

struct url {
	bool https;
	char host[URL_HOST_MAX + 1]; /* lower case, without brackets */
	uint16_t port;		     /* 80 or 443 unless the text says */
	bool literal6;		     /* host is an IPv6 literal */
	char authority[URL_HOST_MAX +
		       10]; /* for Host: port only if not default */
	char path[URL_MAX]; /* "" or "/prefix", no trailing slash */
};

/* Parses `text`. Returns 0; -EINVAL when it is not such an address, and
 * *why (static text, may be NULL) then says what is wrong with it: it
 * continues "the address is not usable: …". *url is then undefined. */
int url_parse(struct url *url, const char *text, const char **why);

#endif
