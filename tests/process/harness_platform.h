// SPDX-License-Identifier: MIT
/*
 * The real molecule-platform, for tests of both programs together. It knows
 * Alpha (WS_ID with TOKEN) and Beta (PEER_ID with BETA_TOKEN).
 */
#ifndef PROCESS_HARNESS_PLATFORM_H
#define PROCESS_HARNESS_PLATFORM_H

#include "harness.h"

#define BETA_TOKEN "tok-peer-9876543210"
#define PLATFORM_FLAGS_MAX 8

struct platform {
	struct rig *rig;
	struct child *child;
	int port;
};

/* Starts it with more flags, which end with NULL, and lets the rig's
 * environment name it; the rig ends it. */
void local_platform_start(struct platform *p, struct rig *rig,
			  const char *const *flags);
/* Asks it, as the operator or with a token (may be NULL): the answer, which
 * must be 200 or 201 and JSON, borrowed. body (' for ") may be NULL. */
json_t *platform_ask(struct platform *p, const char *method, const char *path,
		     const char *token, const char *body);
/* A number of GET /demo/counters, such as "opened" of the group "streams"; 0
 * when it is not there. */
json_int_t platform_count(struct platform *p, const char *group,
			  const char *name);
/* The user writes to a workspace, `count` messages "TEXT 1", "TEXT 2", …, or
 * with 0 the text alone; the row's id (the last one's), borrowed. */
const char *platform_say(struct platform *p, const char *workspace,
			 const char *text, int count);

#endif
