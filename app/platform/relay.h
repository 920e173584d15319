// SPDX-License-Identifier: MIT
/*
 * relay - messages on their way to a workspace: from a peer (/a2a, /delegate)
 * or from the user (the canvas). They become rows in its log; poll-mode
 * workspaces fetch them there. In the place of a push-mode workspace that has
 * an answer the platform gives that answer at once.
 */
#ifndef APP_PLATFORM_RELAY_H
#define APP_PLATFORM_RELAY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct envelope;
struct exchange;
struct member;
struct platform;
struct row;

#define RELAY_BODY_MAX ((size_t)16 * 1024 * 1024)

/* Handles POST /workspaces/:id/a2a. */
void relay_post(struct exchange *x);

/* A message on its way; all of it is borrowed. */
struct relay_message {
	const struct member *from; /* NULL: the user, or the system */
	struct member *to;
	const struct envelope *envelope;
	size_t bytes;	    /* about its size */
	int64_t created_us; /* 0: now */
};

/* Leaves a message and publishes the events that belong to it. Returns its
 * row, NULL when out of memory. Does not park. */
struct row *relay_deliver(struct platform *platform,
			  const struct relay_message *message);

/* The synthetic answer to a message that now waits for its poll; a new
 * reference. */
json_t *relay_queued(const struct envelope *envelope);

#endif
