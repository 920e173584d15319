// SPDX-License-Identifier: MIT
/*
 * sim_random - the numbers by which a simulated world decides.
 *
 * One 64-bit state, so that a stream is copied, compared and begun anew by
 * assignment; the generator is SplitMix64 (Steele, Lea, Flood 2014). The same
 * seed gives the same numbers everywhere.
 */
#ifndef RUNTIME_SIM_RANDOM_H
#define RUNTIME_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Chances are given in parts per million. */
#define SIM_ALWAYS 1000000u

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to n - 1; 0 when n is 0. */
static inline uint32_t sim_random_below(struct sim_random *random, uint32_t n)
{
	return (uint32_t)((sim_random_next(random) >> 32) * n >> 32);
}

/* low to high, both included. */
static inline int64_t sim_random_between(struct sim_random *random, int64_t low,
					 int64_t high)
{
	uint64_t span = (uint64_t)(high - low) + 1;

	if (high <= low)
		return low;
	return low +
	       (int64_t)(((unsigned __int128)sim_random_next(random) * span) >>
			 64);
}

/* True so often in a million times. Nothing is drawn for never. */
static inline bool sim_random_chance(struct sim_random *random, uint32_t ppm)
{
	return ppm != 0 && sim_random_below(random, SIM_ALWAYS) < ppm;
}

#endif
