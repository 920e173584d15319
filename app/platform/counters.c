// SPDX-License-Identifier: MIT
#include "app/platform/counters.h"

#include <stdio.h>

#include "app/platform/exchange.h"
#include "app/platform/router.h"
#include "app/platform/state.h"
#include "proto/json.h"
#include "runtime/rt.h"

static json_t *endpoints_json(const struct requests *requests)
{
	json_t *endpoints = json_object();
	const char *method, *path;

	for (size_t i = 0; (path = router_endpoint(i, &method)); i++) {
		json_t *name = json_sprintf("%s%s%s", method,
					    *method ? " " : "", path);

		if (requests->by_endpoint[i] > 0)
			json_object_set_new(
				endpoints, json_string_value(name),
				json_integer(
					(json_int_t)requests->by_endpoint[i]));
		json_decref(name);
	}
	return endpoints;
}

static json_int_t class_total(const struct requests *requests, int class)
{
	json_int_t total = 0;

	for (int i = class * 100; i < class * 100 + 100; i++)
		total += (json_int_t)requests->by_status[i];
	return total;
}

static json_t *classes_json(const struct requests *requests)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I}", "2xx", class_total(requests, 2),
		"3xx", class_total(requests, 3), "4xx",
		class_total(requests, 4), "5xx", class_total(requests, 5),
		"cut", (json_int_t)requests->by_status[0]);
}

static json_t *statuses_json(const struct requests *requests)
{
	json_t *statuses = json_object();
	char name[16];

	for (int i = 100; i < REQUESTS_STATUS_MAX; i++) {
		if (requests->by_status[i] == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%d", i);
		json_object_set_new(
			statuses, name,
			json_integer((json_int_t)requests->by_status[i]));
	}
	return statuses;
}

static json_t *streams_json(const struct event_counts *counts)
{
	return json_pack("{s:i, s:i, s:I, s:I, s:I}", "open", (int)counts->open,
			 "open_max", (int)counts->open_max, "opened",
			 (json_int_t)counts->opened, "refused",
			 (json_int_t)counts->refused, "cut",
			 (json_int_t)counts->cut);
}

/* What the workspaces have come to. */
struct totals {
	json_int_t rows, rows_ever, registrations, heartbeats;
	json_int_t beating, late, lost; /* workspaces */
	double gap_max_s;
	const struct member *worst;
};

static void totals_add(struct totals *totals, const struct platform *platform,
		       const struct member *member)
{
	double gap_s = (double)member_gap_ns(platform, member) / 1e9;

	totals->rows += member->log.count;
	totals->rows_ever += (json_int_t)member->log.added;
	totals->registrations += (json_int_t)member->registrations;
	totals->heartbeats += (json_int_t)member->heartbeats;
	totals->beating += member->heartbeats > 0;
	totals->late += gap_s > COUNTERS_GAP_LATE_S;
	totals->lost += gap_s > COUNTERS_GAP_LOST_S;
	if (gap_s > totals->gap_max_s) {
		totals->gap_max_s = gap_s;
		totals->worst = member;
	}
}

static json_t *heartbeats_json(const struct totals *totals)
{
	return json_pack("{s:I, s:I, s:I, s:f, s:s?, s:I, s:I}", "received",
			 totals->heartbeats, "registrations",
			 totals->registrations, "workspaces", totals->beating,
			 "max_gap_seconds", totals->gap_max_s,
			 "max_gap_workspace",
			 totals->worst ? totals->worst->id.text : NULL,
			 "workspaces_over_25s", totals->late,
			 "workspaces_over_60s", totals->lost);
}

void counters_get(struct exchange *x)
{
	const struct platform *platform = x->platform;
	const struct member *member = platform->members.first;
	struct totals totals = { 0 };

	for (; member; member = member->next)
		totals_add(&totals, platform, member);
	exchange_json(
		x, 200,
		json_pack("{s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:I,"
			  " s:I, s:I, s:I, s:I}",
			  "requests", (json_int_t)platform->requests.total,
			  "responses", classes_json(&platform->requests),
			  "statuses", statuses_json(&platform->requests),
			  "endpoints", endpoints_json(&platform->requests),
			  "connections_accepted",
			  (json_int_t)(platform->server.accepted -
				       platform->accepted_before),
			  "connections_open", (json_int_t)platform->server.open,
			  "streams", streams_json(&platform->events),
			  "heartbeats", heartbeats_json(&totals), "workspaces",
			  (json_int_t)platform->members.count, "rows",
			  totals.rows, "rows_ever", totals.rows_ever,
			  "events_published",
			  (json_int_t)platform->events.published,
			  "events_dropped",
			  (json_int_t)platform->events.dropped, "faults_met",
			  (json_int_t)platform->faults.met));
}

void counters_delete(struct exchange *x)
{
	struct platform *platform = x->platform;
	struct member *member = platform->members.first;
	uint32_t open = platform->events.open;

	requests_reset(&platform->requests);
	platform->events =
		(struct event_counts){ .open = open, .open_max = open };
	platform->faults.met = 0;
	platform->accepted_before = platform->server.accepted;
	for (; member; member = member->next) {
		member->registrations = member->heartbeats = 0;
		member->gap_ns = 0;
	}
	exchange_json(x, 200, json_pack("{s:s}", "status", "counting anew"));
}
