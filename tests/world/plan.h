// SPDX-License-Identifier: MIT
/*
 * plan - what a day is like: all that is decided once, by the seed.
 */
#ifndef TESTS_WORLD_PLAN_H
#define TESTS_WORLD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim_random.h"

#define PLAN_WORKSPACES_MAX 3

/* How a session ends. */
enum plan_end {
	PLAN_END_EOF,	     /* the host closes the server's stdin */
	PLAN_END_SIGNAL,     /* or sends it a SIGTERM */
	PLAN_END_DEAF,	     /* or reads no more, and then closes stdin */
	PLAN_END_KILL,	     /* the server is killed */
	PLAN_END_HOST,	     /* the host is */
	PLAN_END_POWER,	     /* the laptop loses its power */
	PLAN_END_FILE,	     /* the server is killed in a file operation */
	PLAN_END_FILE_POWER, /* the power fails in one */
	PLAN_END_COUNT
};

struct plan {
	int workspaces;	 /* 1 to PLAN_WORKSPACES_MAX */
	bool list;	 /* they are in MOLECULE_WORKSPACES */
	bool token_file; /* the token is in CONFIGS_DIR */
	bool fresh;	 /* CONFIGS_DIR is not there yet */
	bool by_name;	 /* the platform has a name, which is looked up */
	bool together;	 /* the polls of all are due at the same moments */
	/* Mean times between two letters to a workspace, and of peers. */
	int64_t letter_ns, peer_ns;
	uint32_t flood;	     /* chance that a letter is many */
	int64_t session_ns;  /* mean length of a session */
	int64_t weather_ns;  /* mean time between two troubles; 0: none */
	int64_t trouble_ns;  /* mean length of one */
	int64_t latency_max; /* of the network */
	bool limited;	     /* the platform counts requests */
	/* Chances in a million, all day long. */
	uint32_t slow, short_io, interrupted, late_cancel;
	int64_t late_max;
	/* Of the host, in a hundred. */
	uint32_t forgets; /* to pop a message */
	uint32_t modern;  /* speaks MCP 2026-07-28 */
	uint32_t fidgets; /* has something else to do, too */
};

void plan_draw(struct plan *plan, struct sim_random *lot);

/* A time around `mean`: up to four times as long, mostly shorter. */
int64_t plan_about(struct sim_random *lot, int64_t mean);

#endif
