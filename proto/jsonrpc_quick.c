// SPDX-License-Identifier: MIT
#include "proto/jsonrpc_quick.h"

#include <string.h>

struct cursor {
	const char *at, *end;
};

static void skip_space(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' ||
				  *c->at == '\r' || *c->at == '\n'))
		c->at++;
}

static bool skip(struct cursor *c, char ch)
{
	skip_space(c);
	if (c->at == c->end || *c->at != ch)
		return false;
	c->at++;
	return true;
}

/* A string of plain characters; *out is what stands between its quotes. */
static bool read_string(struct cursor *c, struct jsonrpc_piece *out)
{
	if (!skip(c, '"'))
		return false;
	out->data = c->at;
	while (c->at < c->end && *c->at >= ' ' && *c->at <= '~' &&
	       *c->at != '"' && *c->at != '\\')
		c->at++;
	out->len = (size_t)(c->at - out->data);
	if (c->at == c->end || *c->at != '"')
		return false;
	c->at++;
	return true;
}

static bool read_integer(struct cursor *c, struct jsonrpc_piece *out)
{
	const char *digits;

	out->data = c->at;
	if (*c->at == '-')
		c->at++;
	digits = c->at;
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	out->len = (size_t)(c->at - out->data);
	return c->at > digits && (*digits != '0' || c->at == digits + 1);
}

static bool read_id(struct cursor *c, struct jsonrpc_piece *out)
{
	skip_space(c);
	if (c->at == c->end)
		return false;
	if (*c->at != '"')
		return read_integer(c, out);
	if (!read_string(c, out))
		return false;
	out->data--;
	out->len += 2;
	return true;
}

static bool is(struct jsonrpc_piece piece, const char *text)
{
	return piece.len == strlen(text) &&
	       memcmp(piece.data, text, piece.len) == 0;
}

/* One member, none of which may come twice. */
static bool read_member(struct cursor *c, struct jsonrpc_quick *out,
			bool *versioned)
{
	struct jsonrpc_piece name, version;

	if (!read_string(c, &name) || !skip(c, ':'))
		return false;
	if (is(name, "id"))
		return !out->id.data && read_id(c, &out->id);
	if (is(name, "method"))
		return !out->method.data && read_string(c, &out->method);
	if (!is(name, "jsonrpc") || *versioned)
		return false;
	*versioned = true;
	return read_string(c, &version) && is(version, "2.0");
}

bool jsonrpc_quick(struct jsonrpc_quick *out, const char *line, size_t len)
{
	struct cursor c = { line, line + len };
	bool versioned = false;

	*out = (struct jsonrpc_quick){ 0 };
	if (len > JSONRPC_QUICK_MAX || !skip(&c, '{'))
		return false;
	do {
		if (!read_member(&c, out, &versioned))
			return false;
	} while (skip(&c, ','));
	if (!skip(&c, '}') || !out->id.data || !out->method.data)
		return false;
	skip_space(&c);
	return c.at == c.end;
}
