// SPDX-License-Identifier: MIT
#include "tests/world/weather.h"

#include <stddef.h>
#include <stdlib.h>

#include "tests/world/heap.h"
#include "tests/world/life.h"
#include "tests/world/server.h"
#include "tests/world/town.h"

#define PERCENT (SIM_ALWAYS / 100)
#define MINUTE (60 * SIM_S)
/* For the client to come back: it has been told to wait, or backs off. */
#define RECOVERS (65 * SIM_S)
/* A registration that was refused is tried again after five to ten minutes. */
#define RECOVERS_LATE (11 * MINUTE)

struct trouble {
	const char *name;
	void (*begin)(struct life *life, struct sim_faults *faults);
	void (*end)(struct life *life);
	int64_t recovers; /* how long until nothing is felt of it */
	bool at_once;	  /* it is over as soon as it has begun */
};

static uint32_t lot(struct life *life, uint32_t below)
{
	return sim_random_below(sim_lot(life->world), below);
}

/* A chance of up to `most`, often small. */
static uint32_t chance(struct life *life, uint32_t most)
{
	uint32_t some = lot(life, most) + 1;

	return lot(life, 2) ? some : some / 50 + 1;
}

/* Something is felt until then. */
static void bad_until(struct life *life, int64_t at)
{
	if (life->weather.good_from < at)
		life->weather.good_from = at;
}

/* --- The network --- */

static void net_is_down(struct life *life, struct sim_faults *faults)
{
	(void)life;
	faults->net_down = true;
}

static void connections_break(struct life *life, struct sim_faults *faults)
{
	faults->reset = chance(life, 20 * PERCENT);
	faults->cut = chance(life, 10 * PERCENT);
	faults->stall = chance(life, 10 * PERCENT);
	faults->stall_max = (int64_t)(1 + lot(life, 120)) * SIM_S;
}

static void connections_stall(struct life *life, struct sim_faults *faults)
{
	faults->stall = chance(life, 30 * PERCENT);
	faults->stall_max = (int64_t)(1 + lot(life, 300)) * SIM_S;
}

static void nobody_listens(struct life *life, struct sim_faults *faults)
{
	faults->refused = chance(life, SIM_ALWAYS);
	faults->unreachable = chance(life, 30 * PERCENT);
	faults->lost = chance(life, 50 * PERCENT);
	faults->reset = chance(life, 20 * PERCENT);
}

static void net_is_slow(struct life *life, struct sim_faults *faults)
{
	faults->latency_max = (int64_t)(1 + lot(life, 8000)) * SIM_MS;
}

static void names_fail(struct life *life, struct sim_faults *faults)
{
	life->weather.names = 1 + lot(life, 3);
	faults->reset = 30 * PERCENT; /* so that they are looked up */
}

/* --- The laptop --- */

static void disk_is_full(struct life *life, struct sim_faults *faults)
{
	life->weather.disk = true;
	faults->disk_full = true;
}

static void disk_is_readonly(struct life *life, struct sim_faults *faults)
{
	life->weather.disk = true;
	faults->disk_readonly = true;
}

static void disk_is_bad(struct life *life, struct sim_faults *faults)
{
	life->weather.disk = true;
	faults->write_error = chance(life, 30 * PERCENT);
	faults->sync_error = chance(life, 30 * PERCENT);
	faults->open_error = chance(life, 30 * PERCENT);
	faults->read_error = chance(life, 30 * PERCENT);
	faults->short_file = chance(life, 50 * PERCENT);
}

static void disk_is_slow(struct life *life, struct sim_faults *faults)
{
	life->weather.disk = true;
	faults->file_max = (int64_t)(1 + lot(life, 500)) * SIM_MS;
}

static void descriptors_are_short(struct life *life, struct sim_faults *faults)
{
	life->weather.disk = true;
	faults->no_descriptor = chance(life, 30 * PERCENT);
}

static void laptop_sleeps(struct life *life, struct sim_faults *faults)
{
	int64_t ns = plan_about(sim_lot(life->world), 10 * MINUTE) + SIM_S;
	int64_t left = LIFE_DAY - LIFE_EVENING - sim_time(life->world);

	(void)faults;
	ns = ns < left ? ns : left;
	if (sim_time(life->world) < life->weather.asleep)
		return;
	life->weather.asleep = sim_time(life->world) + ns;
	heart_sleeps(life, ns);
	bad_until(life, sim_time(life->world) + ns + RECOVERS);
	sim_suspend(life->laptop, ns);
}

static void clock_is_set(struct life *life, struct sim_faults *faults)
{
	int64_t by = plan_about(sim_lot(life->world), 60 * MINUTE);

	(void)faults;
	sim_set_wall(lot(life, 4) ? life->laptop : life->cloud,
		     lot(life, 2) ? by : -by);
}

static void memory_is_short(struct life *life, struct sim_faults *faults)
{
	(void)faults;
	life->weather.memory = true;
	if (life->server)
		life->server->weak = true;
	if (life->server)
		heap_fail(life->server->owner, chance(life, 5 * PERCENT),
			  sim_random_next(sim_lot(life->world)));
}

/* --- The platform --- */

static void platform_sleeps(struct life *life, struct sim_faults *faults)
{
	int64_t ns = plan_about(sim_lot(life->world), MINUTE);

	(void)faults;
	bad_until(life, sim_time(life->world) + ns + RECOVERS);
	sim_suspend(life->cloud, ns);
}

static void platform_answers_otherwise(struct life *life,
				       struct sim_faults *faults)
{
	(void)faults;
	for (uint32_t i = 1 + lot(life, 3); i > 0; i--)
		town_fault(life->town);
}

static void platform_is_itself(struct life *life)
{
	town_no_faults(life->town);
}

static void streams_fail(struct life *life, struct sim_faults *faults)
{
	(void)faults;
	life->weather.cuts_streams = true;
	town_streams(life->town, lot(life, 3) == 0, lot(life, 3) == 0);
}

static void streams_are_good(struct life *life)
{
	town_streams(life->town, false, false);
}

static void tokens_are_revoked(struct life *life, struct sim_faults *faults)
{
	(void)faults;
	town_revoke(life->town);
}

static void tokens_are_good(struct life *life)
{
	town_restore(life->town);
}

static const struct trouble troubles[] = {
	{ "the network is down", net_is_down, NULL, RECOVERS, false },
	{ "connections break", connections_break, NULL, RECOVERS, false },
	{ "connections stall", connections_stall, NULL, 6 * MINUTE, false },
	{ "nobody listens", nobody_listens, NULL, RECOVERS, false },
	{ "the network is slow", net_is_slow, NULL, RECOVERS, false },
	{ "names fail", names_fail, NULL, RECOVERS, false },
	{ "the disk is full", disk_is_full, NULL, RECOVERS, false },
	{ "the disk is read-only", disk_is_readonly, NULL, RECOVERS, false },
	{ "the disk is bad", disk_is_bad, NULL, RECOVERS, false },
	{ "the disk is slow", disk_is_slow, NULL, RECOVERS, false },
	{ "no descriptors", descriptors_are_short, NULL, RECOVERS, false },
	{ "the laptop sleeps", laptop_sleeps, NULL, RECOVERS, true },
	{ "a clock is set", clock_is_set, NULL, RECOVERS, true },
	{ "no memory", memory_is_short, NULL, RECOVERS, false },
	{ "the platform sleeps", platform_sleeps, NULL, RECOVERS, true },
	{ "other answers", platform_answers_otherwise, platform_is_itself,
	  RECOVERS_LATE, false },
	{ "other answers", platform_answers_otherwise, platform_is_itself,
	  RECOVERS_LATE, false },
	{ "streams fail", streams_fail, streams_are_good, RECOVERS, false },
	{ "tokens are revoked", tokens_are_revoked, tokens_are_good,
	  RECOVERS_LATE, false },
};
#define TROUBLES (sizeof(troubles) / sizeof(troubles[0]))

/* --- The day --- */

static void fine(struct life *life)
{
	struct sim_faults *faults = sim_faults(life->world);
	const struct plan *plan = &life->plan;

	*faults = sim_faults_none;
	faults->latency_max = plan->latency_max;
	faults->slow = plan->slow;
	faults->short_io = plan->short_io;
	faults->interrupted = plan->interrupted;
	faults->late_cancel = plan->late_cancel;
	faults->late_max = plan->late_max;
	life->weather.names = WEATHER_NAMES_GOOD;
	life->weather.cuts_streams = life->weather.disk = life->weather.memory =
		false;
	if (life->server)
		heap_fail(life->server->owner, 0, 0);
}

static struct life *life_at(struct sim_event *event)
{
	return (struct life *)((char *)event -
			       offsetof(struct life, weather.event));
}

static void trouble_comes(struct sim_event *event);

static void fine_for_long(struct life *life)
{
	int64_t ns = plan_about(sim_lot(life->world), life->plan.weather_ns);

	if (life->plan.weather_ns > 0)
		sim_at(life->world, &life->weather.event,
		       sim_time(life->world) + ns + SIM_S, trouble_comes);
}

static void trouble_goes(struct sim_event *event)
{
	struct life *life = life_at(event);
	struct weather *weather = &life->weather;
	const struct trouble *trouble = weather->trouble;

	sim_trace(life->world, "weather", "over: %s", trouble->name);
	fine(life);
	if (trouble->end)
		trouble->end(life);
	weather->trouble = NULL;
	bad_until(life, sim_time(life->world) + trouble->recovers);
	fine_for_long(life);
}

static void trouble_comes(struct sim_event *event)
{
	struct life *life = life_at(event);
	struct weather *weather = &life->weather;
	const struct trouble *trouble = &troubles[lot(life, TROUBLES)];
	int64_t ns = plan_about(sim_lot(life->world), life->plan.trouble_ns);

	heart_look(life);
	sim_trace(life->world, "weather", "%s", trouble->name);
	weather->count++;
	weather->trouble = trouble;
	trouble->begin(life, sim_faults(life->world));
	if (trouble->at_once)
		trouble_goes(event);
	else
		sim_at(life->world, event, sim_time(life->world) + ns + SIM_S,
		       trouble_goes);
}

void weather_begin(struct life *life)
{
	fine(life);
	fine_for_long(life);
}

void weather_end(struct life *life)
{
	struct weather *weather = &life->weather;

	heart_look(life);
	sim_at_cancel(life->world, &weather->event);
	if (weather->trouble)
		trouble_goes(&weather->event);
	sim_at_cancel(life->world, &weather->event);
}

int64_t weather_good_from(const struct weather *weather)
{
	return weather->trouble ? INT64_MAX : weather->good_from;
}
