// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/jsonrpc.h"

/* A whole line and its newline. */
#define CAP_MAX ((size_t)JSONRPC_LINE_MAX + 1)

void jsonrpc_lines_free(struct jsonrpc_lines *lines)
{
	free(lines->data);
	*lines = (struct jsonrpc_lines){ 0 };
}

static int resize(struct jsonrpc_lines *lines, size_t cap)
{
	char *data = realloc(lines->data, cap);

	if (!data)
		return -ENOMEM;
	lines->data = data;
	lines->cap = cap;
	return 0;
}

int jsonrpc_lines_room(struct jsonrpc_lines *lines, char **buf, size_t *room)
{
	int err = 0;

	if (lines->start > 0) {
		lines->len -= lines->start;
		lines->searched -= lines->start;
		memmove(lines->data, lines->data + lines->start, lines->len);
		lines->start = 0;
	}
	if (lines->cap < JSONRPC_LINES_INITIAL ||
	    (lines->cap > JSONRPC_LINES_INITIAL &&
	     lines->len < JSONRPC_LINES_INITIAL)) {
		err = resize(lines, JSONRPC_LINES_INITIAL);
	} else if (lines->len == lines->cap) {
		size_t cap = lines->cap * 2;

		err = resize(lines, cap < CAP_MAX ? cap : CAP_MAX);
	}
	if (err < 0)
		return err;
	*buf = lines->data + lines->len;
	*room = lines->cap - lines->len;
	return 0;
}

void jsonrpc_lines_added(struct jsonrpc_lines *lines, size_t count)
{
	lines->len += count;
}

int jsonrpc_lines_end(struct jsonrpc_lines *lines)
{
	char *buf;
	size_t room;
	int err;

	if (lines->skipping || lines->start == lines->len)
		return 0;
	err = jsonrpc_lines_room(lines, &buf, &room);
	if (err < 0)
		return err;
	*buf = '\n';
	jsonrpc_lines_added(lines, 1);
	return 0;
}

/* The end of the line that stands at the start, NULL when it has not come. */
static const char *find_newline(struct jsonrpc_lines *lines)
{
	const char *end = NULL;

	if (lines->searched < lines->len)
		end = memchr(lines->data + lines->searched, '\n',
			     lines->len - lines->searched);
	lines->searched = end ? (size_t)(end - lines->data) + 1 : lines->len;
	return end;
}

enum jsonrpc_lines_event jsonrpc_lines_next(struct jsonrpc_lines *lines,
					    const char **line, size_t *len)
{
	const char *end = find_newline(lines);

	if (lines->skipping && end) {
		lines->skipping = false;
		lines->start = lines->searched;
		end = find_newline(lines);
	}
	if (lines->skipping) {
		lines->start = lines->searched;
		return JSONRPC_LINES_EMPTY;
	}
	if (end) {
		*line = lines->data + lines->start;
		*len = (size_t)(end - *line);
		lines->start = lines->searched;
		return JSONRPC_LINES_LINE;
	}
	if (lines->len - lines->start <= JSONRPC_LINE_MAX)
		return JSONRPC_LINES_EMPTY;
	lines->skipping = true;
	lines->start = lines->len;
	return JSONRPC_LINES_TOO_LONG;
}
