// SPDX-License-Identifier: MIT
/*
 * operator - the other side of the platform: the user at the canvas, and
 * whoever runs a test or a bench. Everything lies under /demo, needs no token,
 * and is open only to clients on this machine's loopback that are no web page
 * (no Origin header, and a Host that is localhost or a literal). It is not
 * counted and not limited.
 *
 *   GET    /demo/state                      every workspace and how it is
 *   GET    /demo/counters                   requests, streams, heartbeats, …
 *   DELETE /demo/counters                   counts anew
 *   GET    /demo/requests                   the last requests one by one
 *   POST   /demo/faults                     the next answers are others, see
 *                                           faults.h; GET, DELETE
 *   PATCH  /demo/streams                    {"refused"?, "silent"?,
 *                                           "cut_mean_seconds"?}: how event
 *                                           streams fare
 *   DELETE /demo/streams                    cuts them all
 *   POST   /demo/workspaces                 {"id"?, "name"?, "role"?, "tier"?,
 *                                           "parent_id"?, "token"?, …} as in
 *                                           a seed; a token is minted unless
 *                                           "token" is null
 *   DELETE /demo/workspaces/:id             removes it
 *   PATCH  /workspaces/:id/abilities        {"broadcast_enabled"?,
 *                                           "talk_to_user_enabled"?,
 *                                           "can_delegate"?}
 *   POST   /demo/workspaces/:id/messages    {"text", …}: the user writes to
 *                                           the agent, see canvas.h
 *   POST   /demo/workspaces/:id/uploads     the user sends files (multipart)
 *   POST   /demo/workspaces/:id/activity    a row as given, however odd or,
 *                                           by "age_secs", old
 *   DELETE /demo/workspaces/:id/activity    forgets all rows, so that every
 *                                           cursor is gone
 *   PATCH  /demo/workspaces/:id/delegations/:delegation
 *                                           {"status", "text"?, "error"?}
 *   DELETE /demo/workspaces/:id/streams     cuts its event streams
 *   POST   /demo/workspaces/:id/tokens      {"token"?}: adds or mints one
 *   DELETE /demo/workspaces/:id/tokens      revokes all
 */
#ifndef APP_PLATFORM_OPERATOR_H
#define APP_PLATFORM_OPERATOR_H

#include <stdbool.h>

struct exchange;

/* Whether the request may enter; else that has been answered. */
bool operator_enter(struct exchange *x);

void operator_state(struct exchange *x);
void operator_requests(struct exchange *x);
void operator_create(struct exchange *x);
void operator_remove(struct exchange *x);
void operator_row(struct exchange *x);
void operator_forget(struct exchange *x);
void operator_token(struct exchange *x);
void operator_revoke(struct exchange *x);

#endif
