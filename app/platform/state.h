// SPDX-License-Identifier: MIT
/*
 * state - what a local platform is made of, for its own files.
 *
 * Handlers run in the task of their connection. They change state without
 * parking and answer last, so that each request is one step for all others.
 */
#ifndef APP_PLATFORM_STATE_H
#define APP_PLATFORM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/platform/faults.h"
#include "app/platform/members.h"
#include "app/platform/platform.h"
#include "app/platform/ratelimit.h"
#include "app/platform/requests.h"
#include "net/http_server.h"
#include "runtime/scope.h"

struct rt;

/* What the event streams did; `open` is what they are. */
struct event_counts {
	uint64_t published, dropped;
	uint32_t open, open_max;
	uint64_t opened, refused, cut;
};

struct platform {
	struct rt *rt;
	struct platform_options options;
	struct http_server server;
	struct scope scope; /* accepting and sweeping */
	bool started;
	int64_t last_us;   /* the newest stamp given out */
	uint64_t last_seq; /* of the newest row */
	struct members members;
	struct ratelimit ratelimit;
	struct requests requests;
	struct fault_list faults;
	struct event_counts events;
	uint64_t accepted_before; /* connections that are not counted */
};

/* The present moment in microseconds since 1970, later than every stamp given
 * out before. */
int64_t platform_stamp(struct platform *platform);

#endif
