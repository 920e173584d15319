// SPDX-License-Identifier: MIT
#include "tests/world/life.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/world/heap.h"
#include "tests/world/host.h"
#include "tests/world/ledger.h"
#include "tests/world/server.h"
#include "tests/world/town.h"

#define JANSSON_SEED 1
#define WALL (INT64_C(1767225600) * SIM_S) /* 2026-01-01 */
/* Until the host starts the server again, at most. */
#define PAUSE (120 * SIM_S)

struct life *life_of(struct sim_world *world)
{
	return sim_user(world);
}

int64_t life_healthy_from(const struct life *life)
{
	int64_t from = weather_good_from(&life->weather);
	const struct server *server = life->server;

	if (from == INT64_MAX || !server || server->asked != 0 || server->weak)
		return INT64_MAX;
	return from > server->begun ? from : server->begun;
}

bool life_healthy(const struct life *life, int64_t ns)
{
	int64_t from = life_healthy_from(life);

	return from != INT64_MAX && sim_time(life->world) - from >= ns;
}

/* --- Sessions --- */

static struct life *at_next(struct sim_event *event)
{
	return (struct life *)((char *)event - offsetof(struct life, next));
}

static enum sim_loss some_loss(struct life *life)
{
	return sim_random_below(sim_lot(life->world), SIM_LOSS_COUNT);
}

/* The planned end of a session that the host does not bring about itself. */
static void end_comes(struct sim_event *event)
{
	struct life *life = at_next(event);
	struct host *host = life->host;
	struct server *server = life->server;
	uint64_t count = 1 + sim_random_below(sim_lot(life->world), 40);

	if (!host || !server || life->late)
		return;
	heart_look(life);
	switch (host->end) {
	case PLAN_END_KILL:
		sim_kill(server->process);
		break;
	case PLAN_END_HOST:
		server_asked(life);
		sim_kill(host->process);
		break;
	case PLAN_END_POWER:
		sim_power_cut(life->laptop, some_loss(life));
		break;
	case PLAN_END_FILE:
		sim_end_at_file(server->process, count, SIM_END_KILL,
				SIM_LOSS_ALL);
		break;
	case PLAN_END_FILE_POWER:
		sim_end_at_file(server->process, count, SIM_END_POWER,
				some_loss(life));
		break;
	default:
		break;
	}
}

/* How long it lasts; some ends are not of the host's doing. */
static void plan_session(struct life *life)
{
	struct host *host = life->host;
	int64_t now = sim_time(life->world);
	int64_t left = LIFE_DAY - now;

	if (life->late) {
		host->end %= PLAN_END_DEAF;
		host->lasts = left;
	} else if (host->end >= PLAN_END_KILL) {
		sim_at(life->world, &life->next, now + host->lasts, end_comes);
		host->lasts = left;
	}
	if (host->lasts > left)
		host->lasts = left;
}

static void session_begins(struct sim_event *event)
{
	struct life *life = at_next(event);

	int64_t awake = life->weather.asleep;

	if (life->over)
		return;
	if (awake > sim_time(life->world)) {
		sim_at(life->world, event, awake + SIM_MS, session_begins);
		return;
	}
	life->sessions++;
	server_start(life);
	host_start(life);
	plan_session(life);
}

static void session_over(struct life *life)
{
	int64_t most = life->late ? SIM_S : PAUSE;

	if (life->server || life->host)
		return;
	if (life->over)
		sim_stop(life->world);
	else
		sim_at(life->world, &life->next,
		       sim_time(life->world) +
			       sim_random_between(sim_lot(life->world), SIM_MS,
						  most),
		       session_begins);
}

void life_server_ended(struct life *life)
{
	session_over(life);
}

void life_host_ended(struct life *life)
{
	session_over(life);
}

/* --- The day --- */

static void evening_comes(struct sim_event *event)
{
	struct life *life =
		(struct life *)((char *)event - offsetof(struct life, evening));

	sim_trace(life->world, "life", "evening");
	weather_end(life);
	life->late = true;
}

static void night_comes(struct sim_event *event)
{
	struct life *life =
		(struct life *)((char *)event - offsetof(struct life, night));
	int64_t now = sim_time(life->world);

	if (now >= LIFE_DAY - SIM_S) {
		sim_trace(life->world, "life", "night");
		life->over = true;
		if (!life->server && !life->host)
			sim_stop(life->world);
		return;
	}
	sim_trace(life->world, "life", "bedtime");
	town_night(life->town);
	sim_at(life->world, event, LIFE_DAY - SIM_S, night_comes);
}

static void prepare_disk(struct life *life)
{
	bool token = life->plan.token_file && !life->plan.list;

	sim_disk_mkdir(life->laptop,
		       life->plan.fresh && !token ? "/home" : SERVER_STATE);
	if (token)
		sim_disk_put(life->laptop, SERVER_STATE "/.auth_token",
			     town_token(0), strlen(town_token(0)));
}

static void prepare(struct life *life, FILE *trace)
{
	struct sim_world *world;

	life->world = world = sim_world_new(
		life->seed, &(struct sim_options){ .trace = trace,
						   .own = heap_own,
						   .renamed = ledger_renamed,
						   .user = life });
	plan_draw(&life->plan, sim_lot(world));
	letters_init(&life->letters);
	life->laptop = sim_machine_new(world, "laptop", WALL);
	life->cloud = sim_machine_new(world, "cloud", WALL);
	prepare_disk(life);
	town_start(life);
	weather_begin(life);
	sim_at(world, &life->next, SIM_S, session_begins);
	sim_at(world, &life->evening, LIFE_DAY - LIFE_EVENING, evening_comes);
	sim_at(world, &life->night, LIFE_DAY - LIFE_BED, night_comes);
}

void life_settle(void)
{
	/* One for all, so that every seed is the same each time. */
	json_object_seed(JANSSON_SEED);
	tzset(); /* the C library keeps what it finds */
}

void life_run(uint64_t seed, FILE *trace, struct life_result *result)
{
	struct life *life = calloc(1, sizeof(*life));

	if (!life)
		abort();
	life->seed = seed;
	prepare(life, trace);
	sim_run(life->world);
	if (!*sim_failure(life->world))
		letters_settle(life);
	*result = (struct life_result){ .digest = sim_digest(life->world),
					.sessions = life->sessions,
					.letters = life->letters.count,
					.requests = life->requests,
					.beats = life->beats };
	snprintf(result->failure, sizeof(result->failure), "%s",
		 sim_failure(life->world));
	sim_world_free(life->world);
	heap_drop_all();
	free(life->server);
	free(life->host);
	town_free(life->town);
	letters_free(&life->letters);
	free(life);
}
