// SPDX-License-Identifier: MIT
/*
 * tools - the tools of molecule-mcp as data, made from tools.json.
 *
 * tools.json is the one place where their names, descriptions, schemas and
 * annotations stand. The build turns it into a C file with what is below
 * (embed_tools.c), so that nothing is parsed when the program starts.
 */
#ifndef PROTO_TOOLS_H
#define PROTO_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

enum tools_type {
	TOOLS_STRING,
	TOOLS_NUMBER,
	TOOLS_INTEGER,
	TOOLS_BOOLEAN,
	TOOLS_ARRAY,
	TOOLS_OBJECT,
};

/* A property of a tool's input schema. */
struct tools_param {
	const char *name;
	enum tools_type type;
	bool required;
};

struct tools_entry {
	const char *name;
	const struct tools_param *params;
	size_t param_count;
	bool read_only;	 /* its readOnlyHint */
	bool structured; /* it has an outputSchema */
};

/* The tools in the order of tools/list. */
extern const struct tools_entry tools_table[];
extern const size_t tools_count;

/* The result of tools/list, {"tools":[…]}: compact, ASCII, on one line,
 * NUL-terminated beyond its length. */
extern const char tools_list_text[];
extern const size_t tools_list_text_len;

/* The index of a tool in tools_table, -1 when there is none of that name (or
 * name is NULL). */
int tools_find(const char *name);

#endif
