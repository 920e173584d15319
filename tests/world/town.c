// SPDX-License-Identifier: MIT
#include "tests/world/town.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/canvas.h"
#include "app/platform/envelope.h"
#include "app/platform/events.h"
#include "app/platform/members.h"
#include "app/platform/relay.h"
#include "app/platform/seed.h"
#include "app/platform/state.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "tests/world/life.h"

#define FLOOD_MAX 250
#define CUT_EVERY_S 20
#define ASKED_MAX 16

struct town {
	struct life *life;
	struct rt *rt;
	struct platform *platform;
	struct member *members[PLAN_WORKSPACES_MAX];
	struct member *push, *poll;
	struct scope people;
	bool night;
	int asked[PLAN_WORKSPACES_MAX]; /* tasks for the peer that polls */
};

const char *town_id(int i)
{
	static const char *const ids[PLAN_WORKSPACES_MAX] = {
		"11111111-0000-4000-8000-000000000001",
		"22222222-0000-4000-8000-000000000002",
		"33333333-0000-4000-8000-000000000003",
	};

	return ids[i];
}

const char *town_token(int i)
{
	static const char *const tokens[PLAN_WORKSPACES_MAX] = {
		"tok-one-5c1f9e0b7a", "tok-two-91b2d3c4e5",
		"tok-three-0f8e7d6c5b"
	};

	return tokens[i];
}

const char *town_secret(const struct town *town, int i)
{
	return i < town->life->plan.workspaces && town->members[i]
		       ? town->members[i]->secret
		       : NULL;
}

static struct sim_random *lot_of(const struct town *town)
{
	return sim_lot(town->life->world);
}

/* --- Letters --- */

static struct row *peer_says(struct town *town, struct member *to,
			     const char *text)
{
	struct envelope envelope;
	struct row *row;

	if (envelope_make(&envelope, town->rt, text, NULL) < 0)
		abort();
	row = relay_deliver(town->platform,
			    &(struct relay_message){ .from = town->poll,
						     .to = to,
						     .envelope = &envelope,
						     .bytes = strlen(text) });
	envelope_free(&envelope);
	return row;
}

static void write_letter(struct town *town, int workspace, bool by_peer)
{
	struct member *to = town->members[workspace];
	int number = letters_next(town->life);
	char text[LETTER_TEXT_MAX];
	struct row *row;

	if (number < 0)
		return;
	letters_text(text, (unsigned)number);
	if (by_peer)
		row = peer_says(town, to, text);
	else
		row = canvas_say(town->platform, to,
				 &(struct canvas_words){ .text = text });
	if (!row)
		abort();
	letters_written(town->life, workspace, row->id.text, by_peer,
			to->subscribers != NULL &&
				life_healthy(town->life, 300 * SIM_S));
}

static int rest(struct town *town, int64_t mean)
{
	int64_t ns = plan_about(lot_of(town), mean) + 50 * SIM_MS;

	return task_sleep(town->rt, deadline_in_ms(town->rt, ns / SIM_MS));
}

/* Who writes to workspace number `arg - town`. */
struct person {
	struct town *town;
	int workspace;
};

static void user_task(struct rt *rt, void *arg)
{
	struct person *user = arg;
	struct town *town = user->town;
	const struct plan *plan = &town->life->plan;
	struct sim_random *lot = lot_of(town);

	(void)rt;
	while (rest(town, plan->letter_ns) == 0 && !town->night) {
		uint32_t count = sim_random_chance(lot, plan->flood)
					 ? sim_random_below(lot, FLOOD_MAX)
					 : sim_random_below(lot, 3);

		for (uint32_t i = 0; i <= count; i++)
			write_letter(town, user->workspace, false);
	}
}

/* The peer that polls answers what it was asked, mostly, and sometimes asks. */
static void peer_task(struct rt *rt, void *arg)
{
	struct person *peer = arg;
	struct town *town = peer->town;
	int *asked = &town->asked[peer->workspace];
	int64_t quiet = 0;

	(void)rt;
	while (rest(town, 15 * SIM_S) == 0 && !town->night) {
		quiet += 15 * SIM_S;
		if (*asked > 0 && sim_random_below(lot_of(town), 4)) {
			write_letter(town, peer->workspace, true);
		} else if (quiet > town->life->plan.peer_ns) {
			quiet = 0;
			write_letter(town, peer->workspace, true);
		}
		*asked = 0;
		if (rest(town, 60 * SIM_S) != 0)
			break;
		quiet += 60 * SIM_S;
	}
}

static void cutter_task(struct rt *rt, void *arg)
{
	struct town *town = arg;

	while (task_sleep(rt, deadline_in_ms(rt, CUT_EVERY_S * 1000)) == 0)
		for (int i = 0; i < town->life->plan.workspaces; i++)
			if (town->life->weather.cuts_streams &&
			    sim_random_below(lot_of(town), 2))
				events_cut(town->members[i]);
}

void town_asked(struct town *town, int workspace)
{
	town->asked[workspace]++;
}

void town_night(struct town *town)
{
	town->night = true;
}

/* --- The weather --- */

static const char *const endpoints[] = {
	NULL,
	"POST /registry/heartbeat",
	"POST /registry/register",
	"GET /workspaces/:id/activity",
	"GET /workspaces/:id/activity",
	"GET /workspaces/:id/events/stream",
	"POST /workspaces/:id/notify",
};
#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

static const int statuses[] = { 401, 403, 404, 409, 410, 429, 429,
				500, 502, 503, 200, 200, 0,   0 };
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static const char *const bodies[] = {
	"",
	"[",
	"[{\"id\":\"",
	"{}",
	"null",
	"[null]",
	"[[]]",
	"<html>",
	"[{\"id\":\"x\"},{\"id\":7},{}]",
	"{\"error\":\"no\"}",
	"\xff\xfe",
	"[{\"id\":\"11111111-0000-4000-8000-0000000000ff\"",
};
#define BODIES (sizeof(bodies) / sizeof(bodies[0]))

void town_fault(struct town *town)
{
	struct sim_random *lot = lot_of(town);
	const char *endpoint = endpoints[sim_random_below(lot, ENDPOINTS)];
	int status = statuses[sim_random_below(lot, STATUSES)];
	uint32_t way = sim_random_below(lot, 3);
	json_t *how = json_object();
	const char *wrong;

	if (endpoint)
		json_object_set_new(how, "endpoint", json_string(endpoint));
	json_object_set_new(how, "times", json_integer(0));
	json_object_set_new(
		how, "chance",
		json_real((1 + sim_random_below(lot, 100)) / 100.0));
	if (status)
		json_object_set_new(how, "status", json_integer(status));
	if (status && way > 0)
		json_object_set_new(
			how, "body",
			json_string_nocheck(
				bodies[sim_random_below(lot, BODIES)]));
	if (!status && way > 0)
		json_object_set_new(how, "cut",
				    json_string(way == 1 ? "before" : "after"));
	if ((!status && way == 0) || sim_random_below(lot, 4) == 0)
		json_object_set_new(
			how, "delay_ms",
			json_integer(1 + sim_random_below(lot, 40000)));
	if (status == 429 || (status == 503 && way == 0))
		json_object_set_new(
			how, "headers",
			json_pack("{s:o}", "Retry-After",
				  json_sprintf("%d", (int)sim_random_below(
							     lot, 30))));
	sim_trace(town->life->world, "town", "fault: %s, status %d, way %u",
		  endpoint ? endpoint : "any", status, way);
	wrong = faults_add(&town->platform->faults, how);
	if (wrong)
		sim_fail(town->life->world, "the world is wrong: %s", wrong);
}

void town_no_faults(struct town *town)
{
	faults_free(&town->platform->faults);
}

void town_streams(struct town *town, bool refused, bool silent)
{
	town->platform->options.events.refused = refused;
	town->platform->options.events.silent = silent;
}

void town_revoke(struct town *town)
{
	for (int i = 0; i < town->life->plan.workspaces; i++)
		if (sim_random_below(lot_of(town), 2)) {
			member_token_revoke_all(town->members[i]);
			/* So that it is not let through without one. */
			member_token_add(town->members[i], "another");
		}
}

void town_restore(struct town *town)
{
	for (int i = 0; i < town->life->plan.workspaces; i++)
		if (!member_token_matches(town->members[i], town_token(i)))
			member_token_add(town->members[i], town_token(i));
}

/* --- The process --- */

static void on_event(void *arg, const char *workspace_id, const char *type,
		     const json_t *data)
{
	struct town *town = arg;

	(void)data;
	if (strcmp(type, "WORKSPACE_HEARTBEAT") != 0)
		return;
	for (int i = 0; i < town->life->plan.workspaces; i++)
		if (strcmp(workspace_id, town_id(i)) == 0)
			heart_beat(town->life, i);
}

static struct member *settle(struct town *town, json_t *what)
{
	char fault[SEED_FAULT_MAX];
	struct member *member = seed_member(town->platform, what, fault);

	json_decref(what);
	if (!member)
		sim_fail(town->life->world, "the world is wrong: %s", fault);
	return member;
}

static void settle_all(struct town *town)
{
	for (int i = 0; i < town->life->plan.workspaces; i++)
		town->members[i] =
			settle(town, json_pack("{s:s, s:s}", "id", town_id(i),
					       "token", town_token(i)));
	town->push = settle(town, json_pack("{s:s, s:s, s:s, s:s}", "id",
					    TOWN_PEER_PUSH, "token", "push",
					    "delivery_mode", "push", "answer",
					    TOWN_ANSWER));
	town->poll = settle(town, json_pack("{s:s, s:s}", "id", TOWN_PEER_POLL,
					    "token", "poll"));
}

static int town_main(struct rt *rt, void *arg)
{
	struct town *town = arg;
	struct life *life = town->life;
	struct person people[PLAN_WORKSPACES_MAX];

	town->rt = rt;
	town->platform = platform_new(
		rt, &(struct platform_options){
			    .host = sim_machine_address(life->cloud),
			    .port = TOWN_PORT,
			    .rate_limit = life->plan.limited ? 200 : 0,
			    .track_delegations = true,
			    .observer = on_event,
			    .observer_arg = town });
	settle_all(town);
	if (platform_start(town->platform) < 0)
		sim_fail(life->world, "the platform does not start");
	scope_open(rt, &town->people, DEADLINE_NEVER);
	task_spawn(&town->people, "cutter", TASK_STACK_NORMAL, cutter_task,
		   town);
	for (int i = 0; i < life->plan.workspaces; i++) {
		people[i] = (struct person){ town, i };
		task_spawn(&town->people, "user", TASK_STACK_LARGE, user_task,
			   &people[i]);
		task_spawn(&town->people, "peer", TASK_STACK_LARGE, peer_task,
			   &people[i]);
	}
	scope_join(&town->people); /* it never ends */
	return 0;
}

void town_start(struct life *life)
{
	struct town *town = calloc(1, sizeof(*town));

	if (!town)
		abort();
	life->town = town;
	town->life = life;
	sim_process_start(life->cloud,
			  &(struct sim_program){ .name = "platform",
						 .main = town_main,
						 .arg = town,
						 .max_tasks = 4096 });
}

void town_free(struct town *town)
{
	free(town);
}
