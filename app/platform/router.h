// SPDX-License-Identifier: MIT
/*
 * router - from a request to its handler: the table of endpoints, and what
 * stands before them: the rate limit, then the operator's faults, then the
 * guard of the tenant (the organisation that the platform belongs to), then the
 * edge's demand for an Origin, then the token.
 */
#ifndef APP_PLATFORM_ROUTER_H
#define APP_PLATFORM_ROUTER_H

#include <stddef.h>

struct http_incoming;

/* The http_server's handler; `arg` is the platform. Parks. */
void router_handle(void *arg, struct http_incoming *in);

/* "GET /workspaces/:id/activity" in two parts: the endpoint at place `i`, for
 * counters. NULL past the last. The last real one is "other". */
const char *router_endpoint(size_t i, const char **method);

#endif
