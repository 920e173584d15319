// SPDX-License-Identifier: MIT
#include "app/platform/multipart.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Reads a token or a quoted string at `at`; a backslash quotes the next
 * character. Returns what follows it, NULL when it does not fit. */
static const char *value_read(const char *at, const char *end, char *out,
			      size_t cap)
{
	bool quoted = at < end && *at == '"';
	size_t n = 0;

	if (quoted)
		at++;
	for (; at < end; at++) {
		if (quoted ? *at == '"' : strchr("; \t\r\n", *at) != NULL)
			break;
		if (quoted && *at == '\\' && at + 1 < end &&
		    (at[1] == '"' || at[1] == '\\'))
			at++;
		if (n + 1 >= cap)
			return NULL;
		out[n++] = *at;
	}
	out[n] = '\0';
	return at + (quoted && at < end);
}

/* The value of parameter `name` in a header value; false when there is none
 * or it is too long. */
static bool parameter(const char *at, const char *end, const char *name,
		      char *out, size_t cap)
{
	size_t len = strlen(name);

	while (at < end) {
		const char *semicolon = memchr(at, ';', (size_t)(end - at));

		if (!semicolon)
			return false;
		at = semicolon + 1;
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		if ((size_t)(end - at) > len &&
		    strncasecmp(at, name, len) == 0 && at[len] == '=')
			return value_read(at + len + 1, end, out, cap) != NULL;
		/* Steps over the value, in which a semicolon may be quoted. */
		while (at < end && *at != '=' && *at != ';')
			at++;
		if (at < end && *at == '=') {
			char skipped[MULTIPART_TEXT_MAX];

			at = value_read(at + 1, end, skipped, sizeof(skipped));
			if (!at)
				return false;
		}
	}
	return false;
}

int multipart_begin(struct multipart *m, const char *content_type,
		    const char *body, size_t len)
{
	static const char form[] = "multipart/form-data";
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	size_t boundary_len;

	if (!content_type ||
	    strncasecmp(content_type, form, sizeof(form) - 1) != 0 ||
	    !parameter(content_type, content_type + strlen(content_type),
		       "boundary", boundary, sizeof(boundary)))
		return -EBADMSG;
	boundary_len = strlen(boundary);
	if (boundary_len == 0)
		return -EBADMSG;
	memcpy(m->delimiter, "\r\n--", 4);
	memcpy(m->delimiter + 4, boundary, boundary_len + 1);
	m->delimiter_len = boundary_len + 4;
	m->end = body + len;
	/* The first delimiter may be the very beginning, without its CRLF. */
	if (len >= boundary_len + 2 &&
	    memcmp(body, m->delimiter + 2, boundary_len + 2) == 0) {
		m->at = body + boundary_len + 2;
		return 0;
	}
	m->at = len ? memmem(body, len, m->delimiter, m->delimiter_len) : NULL;
	if (!m->at)
		return -EBADMSG;
	m->at += m->delimiter_len;
	return 0;
}

static void header_read(struct multipart_part *part, const char *at,
			const char *end)
{
	static const char disposition[] = "content-disposition:";
	static const char type[] = "content-type:";
	size_t len = (size_t)(end - at);

	if (len >= sizeof(disposition) - 1 &&
	    strncasecmp(at, disposition, sizeof(disposition) - 1) == 0) {
		if (!parameter(at, end, "name", part->name, sizeof(part->name)))
			part->name[0] = '\0';
		if (!parameter(at, end, "filename", part->filename,
			       sizeof(part->filename)))
			part->filename[0] = '\0';
	} else if (len >= sizeof(type) - 1 &&
		   strncasecmp(at, type, sizeof(type) - 1) == 0) {
		at += sizeof(type) - 1;
		while (at < end && *at == ' ')
			at++;
		if (!value_read(at, end, part->type, sizeof(part->type)))
			part->type[0] = '\0';
	}
}

/* Reads header lines up to the empty one; what follows it, or NULL. */
static const char *headers_read(struct multipart_part *part, const char *at,
				const char *end)
{
	for (;;) {
		const char *line_end =
			memmem(at, (size_t)(end - at), "\r\n", 2);

		if (!line_end)
			return NULL;
		if (line_end == at)
			return at + 2;
		header_read(part, at, line_end);
		at = line_end + 2;
	}
}

int multipart_next(struct multipart *m, struct multipart_part *part)
{
	size_t left = (size_t)(m->end - m->at);
	const char *data, *close;

	part->name[0] = part->filename[0] = part->type[0] = '\0';
	if (left >= 2 && memcmp(m->at, "--", 2) == 0)
		return 0;
	while (m->at < m->end && (*m->at == ' ' || *m->at == '\t'))
		m->at++;
	if (m->end - m->at < 2 || memcmp(m->at, "\r\n", 2) != 0)
		return -EBADMSG;
	data = headers_read(part, m->at + 2, m->end);
	if (!data)
		return -EBADMSG;
	/* The delimiter's CRLF may be the one that ended the headers. */
	close = memmem(data - 2, (size_t)(m->end - data) + 2, m->delimiter,
		       m->delimiter_len);
	if (!close)
		return -EBADMSG;
	part->data = data;
	part->len = close > data ? (size_t)(close - data) : 0;
	m->at = close + m->delimiter_len;
	return 1;
}
