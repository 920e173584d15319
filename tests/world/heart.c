// SPDX-License-Identifier: MIT
#include "tests/world/heart.h"

#include <stddef.h>

#include "tests/world/life.h"
#include "tests/world/server.h"

/* A request that hangs on a connection is given up by then. */
#define SETTLED (75 * SIM_S)

static bool is_settled(const struct life *life)
{
	int64_t now = sim_time(life->world);

	return life->weather.good_from + SETTLED < now && life->server &&
	       life->server->begun + SETTLED < now;
}

static void check(struct life *life, int workspace)
{
	const struct heart *heart = &life->heart;
	int64_t now = sim_time(life->world);
	int64_t from = life_healthy_from(life);

	if (from == INT64_MAX || now < from + SETTLED)
		return;
	from += SETTLED;
	if (heart->last[workspace] > from)
		from = heart->last[workspace];
	if (now - from > HEART_EVERY + HEART_LATE + life->plan.latency_max +
				 life->plan.late_max)
		sim_fail(life->world,
			 "workspace %d has not beaten for %.3f s while all is "
			 "well",
			 workspace, (double)(now - from) / 1e9);
}

void heart_look(struct life *life)
{
	for (int i = 0; i < life->plan.workspaces; i++)
		check(life, i);
}

void heart_beat(struct life *life, int workspace)
{
	check(life, workspace);
	life->heart.last[workspace] = sim_time(life->world);
	life->beats++;
}

static void look_again(struct sim_event *event)
{
	struct heart *heart =
		(struct heart *)((char *)event - offsetof(struct heart, look));
	struct life *life =
		(struct life *)((char *)heart - offsetof(struct life, heart));

	if (heart->weather != life->weather.count ||
	    heart->session != life->sessions || !life->server)
		return;
	for (int i = 0; i < life->plan.workspaces; i++)
		if (heart->last[i] < heart->awake)
			sim_fail(life->world,
				 "workspace %d has not beaten since the laptop "
				 "woke up",
				 i);
}

void heart_sleeps(struct life *life, int64_t ns)
{
	struct heart *heart = &life->heart;

	if (ns < HEART_EVERY + HEART_AWAKE || !is_settled(life))
		return;
	heart->awake = sim_time(life->world) + ns;
	heart->weather = life->weather.count;
	heart->session = life->sessions;
	sim_at(life->world, &heart->look, heart->awake + HEART_AWAKE,
	       look_again);
}
