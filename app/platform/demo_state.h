// SPDX-License-Identifier: MIT
/*
 * demo_state - what the parts of the demonstration share.
 */
#ifndef APP_PLATFORM_DEMO_STATE_H
#define APP_PLATFORM_DEMO_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/platform/agent_host.h"
#include "app/platform/certificate.h"
#include "app/platform/demo.h"
#include "app/platform/ident.h"
#include "app/platform/narrate.h"
#include "runtime/event.h"

struct member;
struct platform;
struct tls_server;

#define DEMO_AGENT "Ada"
#define DEMO_PEER "Grace"
#define DEMO_PATH_MAX 4096
#define DEMO_TEXT_MAX 512
#define DEMO_POLL_SECS "1"
/* By when something must have happened that takes a poll or less. */
#define DEMO_STEP_MS 10000

/* A message that the agent was told of. */
struct demo_arrival {
	int64_t at_ns;
	char text[DEMO_TEXT_MAX], kind[32];
	char activity_id[IDENT_LEN + 1], peer_id[IDENT_LEN + 1];
};

struct demo {
	struct rt *rt;
	struct demo_options options;
	struct narrator narrator;
	struct platform *platform;
	struct member *agent, *peer;
	struct agent_host host;
	char program[DEMO_PATH_MAX];
	char url[64];
	struct tls_server *tls;
	char certificate[CERTIFICATE_PATH_MAX]; /* that clients shall trust */

	/* Signalled when anything below changes. */
	struct cond change;
	int64_t online_ns, beat_ns; /* 0: not yet */
	int64_t completed_ns;	    /* the peer's delegation */
	int64_t answered_ns;	    /* the agent wrote to the user */
	char answer[DEMO_TEXT_MAX];
	struct demo_arrival arrival; /* the newest */
	unsigned arrivals;
	bool interrupted;
	bool finished; /* the person wants no more */
};

static inline int64_t demo_now(const struct demo *demo)
{
	return clock_now(demo->rt, CLOCK_ID_MONOTONIC);
}

/* Milliseconds between two moments in nanoseconds. */
static inline double demo_ms(int64_t from, int64_t to)
{
	return (double)(to - from) / 1e6;
}

/* Waits until `holds(demo)`. 0; -ETIMEDOUT after DEMO_STEP_MS; -EPIPE when the
 * server has gone; -EINTR when a signal came. Parks. */
int demo_wait(struct demo *demo, bool (*holds)(const struct demo *demo));

/* Calls a tool as the agent's model would. 0 with its text in *text (owned by
 * the caller; may be NULL); otherwise it has been said what failed. Parks. */
int demo_tool(struct demo *demo, const char *name, json_t *arguments,
	      char **text);

/* One message of the user, the agent's answer, and the pop: 0 or -1, and then
 * said why. Parks. */
int demo_conversation(struct demo *demo, const char *message,
		      const char *answer);

/* The first such conversation; and the other agent's delegation, the agent's
 * answer, and its end. 0 or -1. Park. */
int demo_first_words(struct demo *demo);
int demo_peer_asks(struct demo *demo);

/* Says that a step failed because of `err`. Returns -1. Parks. */
int demo_failed(struct demo *demo, const char *step, int err);

/* Lets the person write until the end of input. 0 or -1. Parks. */
int demo_talk(struct demo *demo);

#endif
