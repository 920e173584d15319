// SPDX-License-Identifier: MIT
#include "proto/jsonrpc_raw.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/jsonrpc.h"
#include "proto/utf8.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* Past the string that begins at `at`. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '\\' && at + 1 < end)
			at++;
		else if (*at == '"')
			return at + 1;
	}
	return end;
}

/* Past the array or object that begins at `at`. */
static const char *skip_container(const char *at, const char *end)
{
	size_t depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = skip_string(at, end);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		at++;
		if (depth == 0)
			break;
	}
	return at;
}

/* Past the value that begins at `at`. */
static const char *skip_value(const char *at, const char *end)
{
	if (at == end)
		return end;
	if (*at == '"')
		return skip_string(at, end);
	if (*at == '{' || *at == '[')
		return skip_container(at, end);
	while (at < end && !is_space(*at) && *at != ',' && *at != '}' &&
	       *at != ']')
		at++;
	return at;
}

struct jsonrpc_raw jsonrpc_raw_trim(const char *text, size_t len)
{
	const char *end = text + len;

	text = skip_space(text, end);
	while (end > text && is_space(end[-1]))
		end--;
	return (struct jsonrpc_raw){ text, (size_t)(end - text) };
}

struct jsonrpc_raw jsonrpc_raw_member(struct jsonrpc_raw object,
				      const char *name)
{
	struct jsonrpc_raw found = { 0 };
	const char *at = object.data, *end;
	size_t name_len = strlen(name);

	if (!at || object.len == 0 || *at != '{')
		return found;
	end = at + object.len;
	at++;
	for (;;) {
		const char *key, *value;
		bool same;

		at = skip_space(at, end);
		if (at == end || *at != '"')
			return found;
		key = at + 1;
		at = skip_string(at, end);
		same = (size_t)(at - key) == name_len + 1 &&
		       memcmp(key, name, name_len) == 0;
		at = skip_space(at, end);
		if (at == end || *at != ':')
			return found;
		value = skip_space(at + 1, end);
		at = skip_value(value, end);
		if (same)
			found = (struct jsonrpc_raw){ value,
						      (size_t)(at - value) };
		at = skip_space(at, end);
		if (at == end || *at != ',')
			return found;
		at++;
	}
}

struct jsonrpc_raw jsonrpc_raw_element(struct jsonrpc_raw array,
				       struct jsonrpc_raw element)
{
	const struct jsonrpc_raw none = { 0 };
	const char *at = array.data, *end, *value;

	if (!at || array.len == 0)
		return none;
	end = at + array.len;
	if (element.data) {
		at = skip_space(element.data + element.len, end);
		if (at == end || *at != ',')
			return none;
	}
	value = skip_space(at + 1, end);
	at = skip_value(value, end);
	if (at == value)
		return none;
	return (struct jsonrpc_raw){ value, (size_t)(at - value) };
}

static bool is_integer(struct jsonrpc_raw value)
{
	size_t at = value.data[0] == '-';

	if (at == value.len)
		return false;
	for (; at < value.len; at++) {
		if (value.data[at] < '0' || value.data[at] > '9')
			return false;
	}
	return true;
}

static bool is_string(struct jsonrpc_raw value)
{
	return value.len >= 2 && value.data[0] == '"' &&
	       value.data[value.len - 1] == '"';
}

int jsonrpc_raw_id(char **out, struct jsonrpc_raw value)
{
	*out = NULL;
	if (!value.data || value.len == 0 || value.len > JSONRPC_ID_MAX ||
	    (!is_string(value) && !is_integer(value)))
		return 0;
	*out = utf8_clean(value.data, value.len, NULL);
	return *out ? 0 : -ENOMEM;
}
