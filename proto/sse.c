// SPDX-License-Identifier: MIT
#include "proto/sse.h"

#include <stdlib.h>
#include <string.h>

#define GROW_MIN 128u

/* Makes room for `more` bytes and a NUL. */
static bool grow(char **buf, size_t *cap, size_t len, size_t more)
{
	size_t want = len + more + 1;
	size_t size = *cap > 0 ? *cap : GROW_MIN;
	char *bigger;

	if (want <= *cap)
		return true;
	while (size < want)
		size *= 2;
	bigger = realloc(*buf, size);
	if (!bigger)
		return false;
	*buf = bigger;
	*cap = size;
	return true;
}

/* Keeps at most SSE_KEPT_MAX bytes of an empty buffer. */
static void shrink(char **buf, size_t *cap)
{
	if (*cap <= SSE_KEPT_MAX)
		return;
	free(*buf);
	*buf = NULL;
	*cap = 0;
}

/* Forgets the event that was given out, or came to nothing. */
static void clear_event(struct sse *sse)
{
	sse->type[0] = '\0';
	sse->len = 0;
	sse->has_data = sse->large = sse->given = false;
	shrink(&sse->data, &sse->data_cap);
}

static void set_type(struct sse *sse, const char *value, size_t len)
{
	if (len > SSE_TYPE_MAX)
		len = SSE_TYPE_MAX;
	memcpy(sse->type, value, len);
	sse->type[len] = '\0';
}

/* One data line more; lines after the first begin with a line feed. */
static bool add_data(struct sse *sse, const char *value, size_t len)
{
	size_t feed = sse->has_data ? 1 : 0;

	if (sse->len + feed + len > SSE_EVENT_MAX)
		sse->large = true;
	if (sse->large) {
		sse->has_data = true;
		return true;
	}
	if (!grow(&sse->data, &sse->data_cap, sse->len, feed + len))
		return false;
	if (feed)
		sse->data[sse->len++] = '\n';
	memcpy(sse->data + sse->len, value, len);
	sse->len += len;
	sse->data[sse->len] = '\0';
	sse->has_data = true;
	return true;
}

static bool take_field(struct sse *sse, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : len;
	const char *value = colon ? colon + 1 : line + len;
	size_t value_len = len - (size_t)(value - line);

	if (value_len > 0 && *value == ' ') {
		value++;
		value_len--;
	}
	if (name_len == 4 && memcmp(line, "data", 4) == 0)
		return add_data(sse, value, value_len);
	if (name_len == 5 && memcmp(line, "event", 5) == 0)
		set_type(sse, value, value_len);
	return true;
}

/* The line that has come to its end. */
static enum sse_found end_line(struct sse *sse)
{
	const char *line = sse->line;
	size_t len = sse->line_len;
	bool over = sse->line_over;
	bool stored = true;

	sse->line_over = false;
	sse->line_len = 0;
	if (!sse->begun && len >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
		line += 3;
		len -= 3;
	}
	sse->begun = true;
	if (len == 0 && !over) {
		bool large = sse->large, has_data = sse->has_data;

		shrink(&sse->line, &sse->line_cap);
		if (!has_data) {
			clear_event(sse);
			return SSE_NOTHING;
		}
		sse->given = true;
		return large ? SSE_LARGE : SSE_EVENT;
	}
	if (over) { /* a comment may be long; a field makes the event large */
		if (*line != ':')
			sse->large = sse->has_data = true;
	} else if (*line != ':') {
		stored = take_field(sse, line, len);
	}
	shrink(&sse->line, &sse->line_cap);
	return stored ? SSE_NOTHING : SSE_NO_MEMORY;
}

/* A piece of a line, without its end. */
static bool add_line(struct sse *sse, const char *bytes, size_t len)
{
	if (sse->line_over || len == 0)
		return true;
	if (sse->line_len + len > SSE_EVENT_MAX) {
		/* What the line begins with is needed at its end. */
		if (sse->line_len == 0) {
			if (!grow(&sse->line, &sse->line_cap, 0, 1))
				return false;
			sse->line[0] = bytes[0];
			sse->line_len = 1;
		}
		sse->line_over = true;
		return true;
	}
	if (!grow(&sse->line, &sse->line_cap, sse->line_len, len))
		return false;
	memcpy(sse->line + sse->line_len, bytes, len);
	sse->line_len += len;
	return true;
}

static size_t line_end(const char *bytes, size_t len)
{
	const char *feed = memchr(bytes, '\n', len);
	size_t before = feed ? (size_t)(feed - bytes) : len;
	const char *cr = memchr(bytes, '\r', before);

	return cr ? (size_t)(cr - bytes) : before;
}

enum sse_found sse_feed(struct sse *sse, const char *bytes, size_t len,
			size_t *used)
{
	size_t at = 0;

	if (sse->given)
		clear_event(sse);
	while (at < len) {
		enum sse_found found;
		size_t n;

		if (sse->after_cr && bytes[at] == '\n')
			at++;
		sse->after_cr = false;
		if (at == len)
			break;
		n = line_end(bytes + at, len - at);
		if (!add_line(sse, bytes + at, n)) {
			*used = at;
			return SSE_NO_MEMORY;
		}
		at += n;
		if (at == len)
			break;
		sse->after_cr = bytes[at++] == '\r';
		found = end_line(sse);
		if (found != SSE_NOTHING) {
			*used = at;
			return found;
		}
	}
	*used = len;
	return SSE_NOTHING;
}

void sse_free(struct sse *sse)
{
	free(sse->line);
	free(sse->data);
	*sse = (struct sse){ 0 };
}
