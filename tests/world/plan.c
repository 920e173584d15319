// SPDX-License-Identifier: MIT
#include "tests/world/plan.h"

#include "runtime/sim_world.h"

#define MINUTE (60 * SIM_S)
#define PERCENT (SIM_ALWAYS / 100)

int64_t plan_about(struct sim_random *lot, int64_t mean)
{
	/* The product of two numbers that are 1 in the mean. */
	int64_t part = sim_random_between(lot, 0, 2 * 1024);

	return mean / 1024 * part / 1024 * sim_random_between(lot, 0, 2 * 1024);
}

/* Often none, sometimes some, seldom many. */
static uint32_t some(struct sim_random *lot, uint32_t most)
{
	switch (sim_random_below(lot, 4)) {
	case 0:
		return sim_random_below(lot, most + 1);
	case 1:
		return sim_random_below(lot, most / 20 + 1);
	default:
		return 0;
	}
}

void plan_draw(struct plan *plan, struct sim_random *lot)
{
	uint32_t dice = sim_random_below(lot, 10);

	*plan = (struct plan){
		.workspaces = dice < 6	 ? 1
			      : dice < 9 ? 2
					 : 3,
		.token_file = sim_random_chance(lot, 30 * PERCENT),
		.fresh = sim_random_chance(lot, 50 * PERCENT),
		.by_name = sim_random_chance(lot, 80 * PERCENT),
		.letter_ns = sim_random_between(lot, 8, 40) * MINUTE,
		.peer_ns = sim_random_between(lot, 20, 120) * MINUTE,
		.flood = sim_random_chance(lot, 20 * PERCENT) ? 2 * PERCENT : 0,
		.session_ns = sim_random_between(lot, 60, 360) * MINUTE,
		.weather_ns = sim_random_between(lot, 30, 240) * MINUTE,
		.trouble_ns = sim_random_between(lot, 1, 8) * MINUTE,
		.latency_max = sim_random_between(lot, 1, 200) * SIM_MS,
		.limited = sim_random_chance(lot, 30 * PERCENT),
		.slow = some(lot, 20 * PERCENT),
		.short_io = some(lot, 30 * PERCENT),
		.interrupted = some(lot, 5 * PERCENT),
		.late_cancel = some(lot, 50 * PERCENT),
		.late_max = sim_random_chance(lot, 30 * PERCENT) ? 20 * SIM_MS
								 : 100 * SIM_US,
		.forgets = sim_random_chance(lot, 50 * PERCENT)
				   ? sim_random_below(lot, 40)
				   : 0,
		.modern = sim_random_chance(lot, 50 * PERCENT) ? 40 : 0,
		.fidgets = 20 + sim_random_below(lot, 60),
	};
	/* By what has been drawn: all else stays as it was for a seed. */
	plan->together = plan->workspaces > 1 &&
			 plan->letter_ns / MINUTE % 3 == 0;
	plan->list = plan->workspaces > 1 ||
		     sim_random_chance(lot, 20 * PERCENT);
	if (sim_random_chance(lot, 10 * PERCENT))
		plan->weather_ns = 0;
}
