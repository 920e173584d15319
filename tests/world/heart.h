// SPDX-License-Identifier: MIT
/*
 * heart - the heartbeats that the platform gets.
 *
 * While everything works, and has for long enough that a connection which broke
 * before is given up, each workspace beats every HEART_EVERY, at most
 * HEART_LATE late. After the laptop was suspended, it beats within HEART_AWAKE.
 */
#ifndef TESTS_WORLD_HEART_H
#define TESTS_WORLD_HEART_H

#include <stdint.h>

#include "runtime/sim_world.h"

struct life;

#define HEART_EVERY (20 * SIM_S)
#define HEART_LATE (1500 * SIM_MS)
#define HEART_AWAKE (15 * SIM_S)

struct heart {
	int64_t last[3];	   /* beat of each workspace */
	int64_t awake;		   /* it has been, since then */
	unsigned weather, session; /* that were at that time */
	struct sim_event look;
};

/* A beat has come. */
void heart_beat(struct life *life, int workspace);
/* To be called when something is about to stop working, and at the end. */
void heart_look(struct life *life);
/* The laptop is about to sleep for so long, while everything works. */
void heart_sleeps(struct life *life, int64_t ns);

#endif
