// SPDX-License-Identifier: MIT
/*
 * json_wire - how much room a text takes as a string in a line, where each
 * character beyond ASCII is an escape (json_dump_line). For cutting a text so
 * that the line stays below a limit.
 */
#ifndef PROTO_JSON_WIRE_H
#define PROTO_JSON_WIRE_H

#include <stdbool.h>
#include <stddef.h>

/* In what the text stands. */
enum json_wire {
	JSON_WIRE_STRING = 1, /* in a string of the line */
	/* In a string of a JSON text (json_dump_text) that is itself a string
	 * of the line. */
	JSON_WIRE_NESTED = 2,
	JSON_WIRE_BOTH = 3, /* once in each way */
};

/* The bytes that it takes there, quotes not counted. */
size_t json_wire_size(const char *text, size_t len, enum json_wire where);

/* The bytes at the beginning of text that take `room` there at most; no
 * character is split. */
size_t json_wire_prefix(const char *text, size_t len, enum json_wire where,
			size_t room);

#endif
