// SPDX-License-Identifier: MIT
/*
 * defects - the mistakes that can be planted (runtime/defect.h), by name, and
 * for each a seed with which the simulation is known to find it.
 *
 * What a seed brings changes with the program; then `make sim-defects` finds
 * another one.
 */
#ifndef TESTS_WORLD_DEFECTS_H
#define TESTS_WORLD_DEFECTS_H

#include <stdint.h>

#include "runtime/defect.h"

/* A defect must be found within so many seeds. */
#define DEFECTS_SEEDS 1000

struct defect_known {
	const char *name;
	uint64_t seed;
};

/* By their numbers; [0] is none. */
extern const struct defect_known defects_known[DEFECT_COUNT];

#endif
