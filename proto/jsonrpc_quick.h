// SPDX-License-Identifier: MIT
/*
 * jsonrpc_quick - a request without params, told at a glance.
 *
 * Hosts send ping over and over to see whether the server lives. Such a line
 * is told here without a tree and without allocating; whatever is unusual in
 * it (escapes, other members, two of a name) is left to jsonrpc_parse.
 */
#ifndef PROTO_JSONRPC_QUICK_H
#define PROTO_JSONRPC_QUICK_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/jsonrpc.h"

/* A longer line is not looked at. */
#define JSONRPC_QUICK_MAX 256

struct jsonrpc_quick {
	struct jsonrpc_piece id;     /* as jsonrpc_parse has it */
	struct jsonrpc_piece method; /* without its quotes */
};

/* True when the line is an object of id and method, and perhaps jsonrpc "2.0",
 * in plain characters: jsonrpc_parse would tell the same. `line` is borrowed,
 * *out points into it. */
bool jsonrpc_quick(struct jsonrpc_quick *out, const char *line, size_t len);

#endif
