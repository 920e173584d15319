// SPDX-License-Identifier: MIT
/*
 * life - a day in the life of molecule-mcp, in a simulated world.
 *
 * There are two machines. On `cloud` a local platform runs for the whole day
 * (town.h), with users and peers that write letters (letters.h) to one to three
 * workspaces. On `laptop` an agent host (host.h) starts molecule-mcp
 * (server.h), talks MCP with it over pipes, ends it or loses it, and starts it
 * anew. The weather (weather.h) is what goes wrong meanwhile. What the day is
 * like is decided by the plan (plan.h), and that by the seed.
 *
 * Whatever is not as it must be ends the day (sim_fail): see letters.h,
 * heart.h, ledger.h, host_ear.h and server.h for what is looked at.
 */
#ifndef TESTS_WORLD_LIFE_H
#define TESTS_WORLD_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/sim_world.h"
#include "tests/world/heart.h"
#include "tests/world/letters.h"
#include "tests/world/plan.h"
#include "tests/world/weather.h"

struct host;
struct server;
struct town;

#define LIFE_DAY (24 * 3600 * SIM_S)
/* The end of the day: everything works, and the host takes what is left. */
#define LIFE_EVENING (20 * 60 * SIM_S)
#define LIFE_BED (8 * 60 * SIM_S) /* nobody writes any more */

struct life {
	uint64_t seed;
	struct sim_world *world;
	struct sim_machine *laptop, *cloud;
	struct plan plan;
	struct letters letters;
	struct heart heart;
	struct weather weather;
	struct town *town;
	struct server *server;	/* NULL: none runs */
	unsigned server_number; /* of the last one: its process's */
	struct host *host;	/* NULL: none runs */
	unsigned sessions;
	struct sim_event next; /* session */
	struct sim_event evening, night;
	bool late; /* it is evening */
	bool over; /* it is night: nothing is started any more */
	/* What has been done, for who reads the results. */
	uint64_t requests, beats;
};

/* What came of a day. */
struct life_result {
	char failure[512]; /* "" when all was well */
	uint64_t digest;
	unsigned sessions, letters;
	uint64_t requests, beats;
};

/* Once, before the first day. */
void life_settle(void);

/* Lives through the day of this seed; a line for everything that happens goes
 * to `trace` unless that is NULL. */
void life_run(uint64_t seed, FILE *trace, struct life_result *result);

/* The life that a process, an event's world or a task belongs to. */
struct life *life_of(struct sim_world *world);

/* Since when everything has worked: the network, the disk, the machine, memory,
 * and the server. INT64_MAX: not everything does. */
int64_t life_healthy_from(const struct life *life);
/* That has been so for so long. */
bool life_healthy(const struct life *life, int64_t ns);

/* The server, or the host, has ended in one way or another. */
void life_server_ended(struct life *life);
void life_host_ended(struct life *life);

#endif
