// SPDX-License-Identifier: MIT
/*
 * pace - how much a platform lets one client ask, shared by all workspaces
 * that talk to it.
 *
 * A platform counts requests per client address in windows of a minute and
 * says with each answer how many are left (X-RateLimit-Limit, -Remaining,
 * -Reset). What is left is given out in this order: heartbeats, then what a
 * tool call needs, then polls. A poll is let through only when the heartbeats
 * that are due before the window ends, and a few calls, have theirs. After a
 * 429, or a Retry-After, nobody asks before its time.
 *
 * Where the limit is too small for the preset cadences they are stretched:
 * heartbeats up to PACE_BEAT_MAX_MS, beyond which the platform would take a
 * workspace for gone; then, some workspaces do not fit, and pace_fitting says
 * how many do. Polls share what is left.
 *
 * Pure: times are monotonic nanoseconds that the caller gives.
 */
#ifndef APP_PACE_H
#define APP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WINDOW_MS 60000
/* The slowest beat: the platform forgets a workspace after 60 s. */
#define PACE_BEAT_MAX_MS 55000
#define PACE_POLL_MAX_MS 600000
/* Of the limit, what the client takes: others may share the address, and
 * clocks differ. Percent. */
#define PACE_SHARE 90
/* Of that, what is kept for tool calls and registrations, percent; and how
 * many requests at most. */
#define PACE_CALLS_SHARE 10
#define PACE_CALLS_MAX 60

enum pace_class { PACE_CALL, PACE_BEAT, PACE_POLL };

/* One platform. All zero but for `members` is ready. */
struct pace {
	uint32_t members;   /* workspaces that beat here */
	uint32_t beat_ms;   /* their cadence, when there is no limit */
	uint32_t limit;	    /* requests in a window; 0: none is known */
	int64_t window_end; /* of the window that `left` is for */
	int64_t left;	    /* requests that may still go out in it */
	uint32_t under_way; /* sent and not answered */
	int64_t blocked;    /* nothing goes out before; 0: it may */
};

/* What an answer said; negative: nothing. */
struct pace_answer {
	int status;		/* 0: there was no answer */
	int64_t limit;		/* X-RateLimit-Limit; negative too: unlimited */
	int64_t remaining;	/* X-RateLimit-Remaining */
	int64_t reset_s;	/* X-RateLimit-Reset */
	int64_t retry_after_ms; /* Retry-After */
};

/* How many nanoseconds a request of this class has to wait; 0: it may go out.
 */
int64_t pace_wait(struct pace *pace, enum pace_class class, int64_t now);
/* It goes out: it is counted, and pace_done is owed. */
void pace_took(struct pace *pace, int64_t now);
/* Both: takes it when it need not wait. */
int64_t pace_ask(struct pace *pace, enum pace_class class, int64_t now);
/* A request that was let through has ended. */
void pace_done(struct pace *pace, const struct pace_answer *answer,
	       int64_t now);

/* The beat's cadence: `pace->beat_ms`, or as much more as the limit asks for,
 * PACE_BEAT_MAX_MS at most. */
uint32_t pace_beat_ms(const struct pace *pace);
/* How many members can beat within PACE_BEAT_MAX_MS: all, mostly. */
uint32_t pace_fitting(const struct pace *pace);
/* The cadence of polls: `poll_ms`, or more. PACE_POLL_MAX_MS at most. */
uint32_t pace_poll_ms(const struct pace *pace, uint32_t poll_ms);

#endif
