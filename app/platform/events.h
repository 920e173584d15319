// SPDX-License-Identifier: MIT
/*
 * events - the event stream of a workspace (server-sent events).
 *
 * A subscriber hears everything that is published for its workspace after the
 * `: ping` with which its stream begins; there is no replay. Publishing never
 * waits: each subscriber has a buffer, and what does not fit is dropped and
 * counted. Publishing comes after the thing has happened, so whoever polls
 * because of an event sees the row.
 *
 * Events are published under a workspace's id in lower case, and a stream is
 * asked for by the exact text: one whose path writes the id otherwise is open
 * and hears nothing.
 *
 * What streams meet on the way to an agent is up to the operator (struct
 * events_options): they are refused, they are silent, or they are cut, each
 * after a time of its own, without the end that HTTP has for them.
 */
#ifndef APP_PLATFORM_EVENTS_H
#define APP_PLATFORM_EVENTS_H

#include <jansson.h>
#include <stdint.h>

struct exchange;
struct member;
struct platform;

#define EVENTS_BUFFERED 64
#define EVENTS_SUBSCRIBERS_MAX 256 /* of one workspace */
#define EVENTS_CUT_MAX_MS 86400000

/* Publishes an event for `member`; takes `data` (NULL: out of memory, nothing
 * is published). Does not park. */
void events_publish(struct platform *platform, struct member *member,
		    const char *type, json_t *data);

/* Handles GET /workspaces/:id/events/stream. */
void events_stream(struct exchange *x);

/* Ends the streams of a workspace as they should end. Does not park. */
void events_end(struct member *member);

/* Cuts the streams of a workspace, buffered events and all: how many. Does not
 * park. */
uint32_t events_cut(struct member *member);

/* Handle PATCH and DELETE /demo/streams, and DELETE of those of a workspace. */
void events_patch(struct exchange *x);
void events_cut_all(struct exchange *x);
void events_cut_one(struct exchange *x);

#endif
