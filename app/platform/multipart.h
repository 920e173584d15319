// SPDX-License-Identifier: MIT
/*
 * multipart - the parts of a multipart/form-data body (RFC 7578) that lies
 * whole in memory, one after the other, in place.
 *
 *	if (multipart_begin(&m, content_type, body, len) == 0)
 *		while ((n = multipart_next(&m, &part)) > 0)
 *			use(&part);
 */
#ifndef APP_PLATFORM_MULTIPART_H
#define APP_PLATFORM_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */
#define MULTIPART_TEXT_MAX 1024	  /* a name, a file name, a type */

/* A cursor in the caller's storage; the body is borrowed. */
struct multipart {
	const char *at, *end;
	char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* CRLF -- boundary */
	size_t delimiter_len;
};

struct multipart_part {
	char name[MULTIPART_TEXT_MAX];
	char filename[MULTIPART_TEXT_MAX]; /* "" when there is none */
	char type[MULTIPART_TEXT_MAX];	   /* "" likewise */
	const char *data;
	size_t len;
};

/* Takes the boundary from the Content-Type and finds the first part. 0, or
 * -EBADMSG when this is no such form. `content_type` may be NULL. */
int multipart_begin(struct multipart *m, const char *content_type,
		    const char *body, size_t len);

/* The next part: 1, 0 after the last, -EBADMSG when the body is malformed. */
int multipart_next(struct multipart *m, struct multipart_part *part);

#endif
