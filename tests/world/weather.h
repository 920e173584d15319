// SPDX-License-Identifier: MIT
/*
 * weather - what goes wrong in the course of a day, one trouble after the
 * other, with good times in between.
 */
#ifndef TESTS_WORLD_WEATHER_H
#define TESTS_WORLD_WEATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim_world.h"

struct life;

/* What looking up a name gives. */
enum weather_names {
	WEATHER_NAMES_GOOD,
	WEATHER_NAMES_ABSENT,
	WEATHER_NAMES_FAIL,
	WEATHER_NAMES_SILENT,
};

struct weather {
	struct sim_event event;
	const struct trouble *trouble; /* NULL: the weather is good */
	unsigned count;		       /* troubles so far */
	int64_t good_from;	       /* when all of them are over */
	int64_t asleep;		       /* until then the laptop is, or was */
	enum weather_names names;
	bool cuts_streams; /* the town does that */
	bool disk;	   /* files may fail */
	bool memory;	   /* allocations may */
	bool ended;	   /* for today */
};

/* The weather begins, fine; and ends, fine. */
void weather_begin(struct life *life);
void weather_end(struct life *life);

/* Since when the weather is good; INT64_MAX: it is not. */
int64_t weather_good_from(const struct weather *weather);

#endif
