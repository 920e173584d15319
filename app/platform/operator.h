// SPDX-License-Identifier: MIT
/*
 * operator - the other side of the platform: the user at the canvas, and
 * whoever runs a test or a bench. Everything lies under /demo, needs no token,
 * and is open only to clients on this machine's loopback that are no web page
 * (no Origin header, and a Host that is localhost or a literal). It is not
 * counted and not limited.
 *
 *   GET    /demo/state                      every workspace and how it is
 *   GET    /demo/counters                   requests, connections, rows, …
 *   GET    /demo/requests                   the last requests one by one
 *   POST   /demo/workspaces                 {"id"?, "name"?, "role"?, "tier"?,
 *                                           "parent_id"?, "token"?, …} as in
 *                                           a seed; a token is minted unless
 *                                           "token" is null
 *   DELETE /demo/workspaces/:id             removes it
 *   POST   /demo/workspaces/:id/messages    {"text", "message_id"?}: the user
 *                                           writes to the agent
 *   POST   /demo/workspaces/:id/activity    a row as given, however odd
 *   DELETE /demo/workspaces/:id/activity    forgets all rows, so that every
 *                                           cursor is gone
 *   POST   /demo/workspaces/:id/tokens      {"token"?}: adds or mints one
 *   DELETE /demo/workspaces/:id/tokens      revokes all
 */
#ifndef APP_PLATFORM_OPERATOR_H
#define APP_PLATFORM_OPERATOR_H

#include <stdbool.h>

struct exchange;
struct ident;
struct member;
struct platform;
struct row;

/* Whether the request may enter; else that has been answered. */
bool operator_enter(struct exchange *x);

void operator_state(struct exchange *x);
void operator_counters(struct exchange *x);
void operator_requests(struct exchange *x);
void operator_create(struct exchange *x);
void operator_remove(struct exchange *x);
void operator_message(struct exchange *x);
void operator_row(struct exchange *x);
void operator_forget(struct exchange *x);
void operator_token(struct exchange *x);
void operator_revoke(struct exchange *x);

/* The user writes `text` to a workspace: its row, or NULL when out of memory.
 * `message_id` NULL: a new one. Does not park. */
struct row *operator_say(struct platform *platform, struct member *member,
			 const char *text, const char *message_id);

#endif
