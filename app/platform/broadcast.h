// SPDX-License-Identifier: MIT
/*
 * broadcast - one workspace speaks to all others, and the abilities that it
 * takes to do this and other things.
 *
 * A broadcast is a row of type `broadcast_receive` in the log of each other
 * workspace, which has the beginning of the message in its summary and nothing
 * else of it, and a BROADCAST_MESSAGE on its event stream, which has all. It is
 * no message: a poll for a2a_receive does not find it.
 */
#ifndef APP_PLATFORM_BROADCAST_H
#define APP_PLATFORM_BROADCAST_H

struct exchange;

#define BROADCAST_SUMMARY_CHARS 120

/* Handle POST /workspaces/:id/broadcast, and PATCH /workspaces/:id/abilities
 * {"broadcast_enabled"?, "talk_to_user_enabled"?, "can_delegate"?}, which is
 * the operator's. */
void broadcast_post(struct exchange *x);
void broadcast_abilities(struct exchange *x);

#endif
