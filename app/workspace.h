// SPDX-License-Identifier: MIT
/*
 * workspace - keeps one identity registered and online.
 *
 * Registration runs beside everything else and is repeated with a growing,
 * jittered pause until it succeeds. A 401 or 403 before the first success
 * means that the token is wrong from the start: `rejected` is called, and the
 * program ends, unless it serves other workspaces, too; then this one rests and
 * tries again every WORKSPACE_REJECTED_MS, since a platform in trouble says 401
 * as well. Later, registration is repeated when the platform says that
 * it does not know the workspace (404), or answers again after beats did not
 * get through: it may have been restarted and have forgotten the card.
 *
 * The heartbeat follows its own cadence on CLOCK_BOOTTIME, whatever the
 * answers are and whatever else is slow; only Retry-After puts the next one
 * off. A beat says the truth about uptime and running delegations. None is sent
 * while the workspace rests (workspace_rest): another process beats for it.
 *
 * Refused tokens are counted: the first and second refusal in a row are
 * warnings, the third is an error that tells what to do, and then every
 * twentieth. The inbound secret of an answer is written only when it changed.
 *
 * A token that registration mints is stored as `.auth_token` (with the
 * workspace's suffix where there are several) unless there is
 * one; if the configuration names another source, that stays in use, and the
 * log says where the new token is.
 */
#ifndef APP_WORKSPACE_H
#define APP_WORKSPACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/agenda.h"
#include "app/log.h"
#include "runtime/clock.h"
#include "runtime/event.h"

struct config;
struct identity;
struct member;
struct peers;
struct platform_client;
struct platform_reply;
struct rt;
struct scope;
struct state_dir;
struct uploads;

#define WORKSPACE_GREETING_MS 10
#define WORKSPACE_SLACK_MS 250	  /* of the cadence; an eighth of short ones */
#define WORKSPACE_BACKOFF_MS 1000 /* first pause of registration */
#define WORKSPACE_BACKOFF_MAX_MS 60000
#define WORKSPACE_RETRY_MAX_MS 300000 /* Retry-After is followed so far */
#define WORKSPACE_REJECTED_MS 300000
#define WORKSPACE_FIRST_MS                                                     \
	2000			/* the first beat waits so long for the answer \
				 * of the first registration */
#define WORKSPACE_AUTH_LOUD 3	/* refusals in a row until the error */
#define WORKSPACE_AUTH_AGAIN 20 /* and from one error to the next */
#define WORKSPACE_REPEAT_MS 60000 /* the same warning again */
/* Many workspaces are set apart in time by multiples of this, so that one
 * wake-up serves several. */
#define WORKSPACE_STEP_MS 500

/* What a workspace works with; all borrowed for its life. */
struct workspace_deps {
	struct rt *rt;
	struct log *log;
	const struct config *config;
	const struct identity *who;
	struct platform_client *client;
	struct state_dir *state;
	/* Set when the host has had its first answer; NULL: do not wait. A TLS
	 * handshake is work for milliseconds, which that answer does not wait
	 * for: the first one begins afterwards, or WORKSPACE_GREETING_MS later
	 * when the host is silent. */
	struct event *greeted;
	/* Called when registration was refused for the first time, before it
	 * ever succeeded; the user has been told. And when it succeeds after
	 * that; may be NULL. Must not park. */
	void (*rejected)(void *arg, int status);
	void (*accepted)(void *arg);
	void *arg;
	/* For the receiver: what it tells of the rows it sees. May be NULL. */
	struct peers *peers;
	struct uploads *uploads;
	struct member *member;
};

/*
 * Failures in a row, and what may be said about them; shared with the
 * receiver. All zero is ready.
 */
struct workspace_failures {
	uint32_t unauthorised; /* 401 or 403 since the last success */
	uint32_t count;	       /* of any kind since then */
	int last;      /* status or negative errno of the last one … */
	uint32_t mark; /* … and which of those (platform_reply) */
	struct log_limit limit;
};

struct workspace {
	struct workspace_deps deps;
	struct agenda *agenda; /* NULL before workspace_start */
	struct agenda_item registration, beat;
	uint32_t attempt;     /* of the registration under way */
	bool registering;     /* it is wanted and has not come about */
	bool tried;	      /* registration has been tried once */
	bool registered;      /* it has succeeded once */
	bool rejected;	      /* it was refused, and has not succeeded since */
	uint32_t rejected_ms; /* until it is tried again: at least this */
	bool resting;	      /* no beats */
	uint32_t active;      /* delegations under way */
	int64_t started_ns;   /* BOOTTIME; zero of uptime */
	/* Its place among so many that beat on the same platform: what sets
	 * them apart in time. One of 1 by itself. */
	uint32_t place, places;
	bool left_out; /* the platform's limit does not allow its beats */
	int64_t last_beat_ns; /* BOOTTIME; of the last that got through */
	int64_t longest_gap_ns;
	int64_t due_ns;	   /* BOOTTIME; of the next beat, 0: none is */
	int64_t latest_ns; /* the longest that one was late */
	uint64_t beats, beats_failed;
	bool unreachable; /* beats have not got through lately */
	char *secret;	  /* the inbound secret that the file holds; owned */
	json_t *card;	  /* to register with; NULL: as configured */
	struct workspace_failures failures; /* of the heartbeat */
	struct workspace_failures register_failures;
};

void workspace_init(struct workspace *workspace,
		    const struct workspace_deps *deps);
/* Wipes and frees; the agenda must have ended. */
void workspace_fini(struct workspace *workspace);

/* Puts registration, at once, and the heartbeat on the agenda. 0 or -ENOMEM.
 * Does not park. */
int workspace_start(struct workspace *workspace, struct agenda *agenda);

/* Stops the beats for a while, or goes on with one at once. Idempotent. Does
 * not park. */
void workspace_rest(struct workspace *workspace, bool resting);

/* The agent has given itself another card (a reference is taken): the next
 * registration keeps it. Does not park. */
void workspace_set_card(struct workspace *workspace, json_t *card);

/* Counts a delegation in, and out; the next beat tells. Do not park. */
void workspace_task_begin(struct workspace *workspace);
void workspace_task_end(struct workspace *workspace);

/* Logs a request of `what` ("molecule-mcp: heartbeat") that failed: refused
 * tokens as described above, anything else as a warning when it is new, or
 * WORKSPACE_REPEAT_MS after the last. A request that was cancelled is none.
 * Parks at most as token_source_name does. */
void workspace_failed(struct workspace_failures *failures,
		      const struct workspace_deps *deps, const char *what,
		      const struct platform_reply *reply);
/* Notes a success; says so if there had been a failure. Does not park. */
void workspace_succeeded(struct workspace_failures *failures,
			 const struct workspace_deps *deps, const char *what);

/* Where a cadence of this interval begins for the workspace: BOOTTIME. */
int64_t workspace_phase(const struct workspace *workspace,
			uint32_t interval_ms);

/* The next time of a cadence after `now`, counted from `start`. All BOOTTIME
 * nanoseconds; missed ones are left out. Pure. */
int64_t workspace_next(int64_t start, int64_t now, int64_t interval_ns);

/* The same as a deadline, put off to `retry_ms` from now (-1: not, cut to
 * WORKSPACE_RETRY_MAX_MS), with a slack that suits the interval. */
struct deadline workspace_cadence(struct rt *rt, int64_t start,
				  uint32_t interval_ms, int64_t retry_ms);

/* The pause before registration attempt `attempt` + 1 (0 the first): doubling
 * from WORKSPACE_BACKOFF_MS to the maximum, ±25 % by `random`; at least
 * `retry_after_ms` when that is not negative. Pure. */
int64_t workspace_backoff_ms(uint32_t attempt, uint32_t random,
			     int64_t retry_after_ms);

#endif
