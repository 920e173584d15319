// SPDX-License-Identifier: MIT
/*
 * events - the event stream of a workspace (server-sent events).
 *
 * A subscriber hears everything that is published for its workspace after the
 * `: ping` with which its stream begins; there is no replay. Publishing never
 * waits: each subscriber has a buffer, and what does not fit is dropped and
 * counted. Publishing comes after the thing has happened, so whoever polls
 * because of an event sees the row.
 */
#ifndef APP_PLATFORM_EVENTS_H
#define APP_PLATFORM_EVENTS_H

#include <jansson.h>

struct exchange;
struct member;
struct platform;

#define EVENTS_BUFFERED 64
#define EVENTS_SUBSCRIBERS_MAX 256 /* of one workspace */

/* Publishes an event for `member`; takes `data` (NULL: out of memory, nothing
 * is published). Does not park. */
void events_publish(struct platform *platform, struct member *member,
		    const char *type, json_t *data);

/* Handles GET /workspaces/:id/events/stream. */
void events_stream(struct exchange *x);

/* Ends the streams of a workspace. Does not park. */
void events_end(struct member *member);

#endif
