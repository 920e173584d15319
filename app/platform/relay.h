// SPDX-License-Identifier: MIT
/*
 * relay - messages on their way to a workspace: from a peer (/a2a, /delegate)
 * or from the user (the canvas). They become rows in its log; poll-mode
 * workspaces fetch them there.
 */
#ifndef APP_PLATFORM_RELAY_H
#define APP_PLATFORM_RELAY_H

#include <stddef.h>

struct envelope;
struct exchange;
struct member;
struct platform;
struct row;

#define RELAY_BODY_MAX ((size_t)16 * 1024 * 1024)

/* Handles POST /workspaces/:id/a2a. */
void relay_post(struct exchange *x);

/* Leaves a message with `to`, from a workspace or, when `from` is NULL, from
 * the user, and publishes the events that belong to it. Returns its row, NULL
 * when out of memory. Does not park. */
struct row *relay_deliver(struct platform *platform, const struct member *from,
			  struct member *to, const struct envelope *envelope,
			  size_t bytes);

#endif
