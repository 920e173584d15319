// SPDX-License-Identifier: MIT
#include "proto/json_wire.h"

#include "proto/utf8.h"

#define ESCAPE 6 /* \uXXXX */

/* What one character takes; `step` is its length. */
static size_t size_of(const char *at, size_t step, bool valid,
		      enum json_wire where)
{
	unsigned char lead = (unsigned char)*at;
	size_t string = 1, nested = 1;

	if (!valid || lead >= 0x80) {
		string = valid && step == 4 ? (size_t)2 * ESCAPE : ESCAPE;
		nested = string;
	} else if (lead == '"' || lead == '\\') {
		string = 2;
		nested = 4;
	} else if (lead == '\n' || lead == '\t' || lead == '\r' ||
		   lead == '\b' || lead == '\f') {
		string = 2;
		nested = 3;
	} else if (lead == 0) { /* is replaced */
		string = ESCAPE;
		nested = ESCAPE;
	} else if (lead < 0x20) {
		string = ESCAPE;
		nested = ESCAPE + 1;
	}
	return (where & JSON_WIRE_STRING ? string : 0) +
	       (where & JSON_WIRE_NESTED ? nested : 0);
}

/* Goes on while there is room; returns how far it came. */
static size_t walk(const char *text, size_t len, enum json_wire where,
		   size_t room, size_t *used)
{
	size_t at = 0;

	*used = 0;
	while (at < len) {
		bool valid = true;
		size_t step = 1, size;

		if ((unsigned char)text[at] >= 0x80)
			step = utf8_step(text + at, len - at, &valid);
		size = size_of(text + at, step, valid, where);
		if (size > room - *used)
			break;
		*used += size;
		at += step;
	}
	return at;
}

size_t json_wire_size(const char *text, size_t len, enum json_wire where)
{
	size_t used;

	walk(text, len, where, (size_t)-1, &used);
	return used;
}

size_t json_wire_prefix(const char *text, size_t len, enum json_wire where,
			size_t room)
{
	size_t used;

	return walk(text, len, where, room, &used);
}
