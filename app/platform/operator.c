// SPDX-License-Identifier: MIT
#include "app/platform/operator.h"

#include <ctype.h>
#include <string.h>

#include "app/platform/envelope.h"
#include "app/platform/exchange.h"
#include "app/platform/relay.h"
#include "app/platform/router.h"
#include "app/platform/rows.h"
#include "app/platform/seed.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"
#include "runtime/rt.h"

/* A name other than localhost in Host means that some resolver pointed it
 * here: a page of that name would look like the same origin. */
static bool host_is_local(const char *host)
{
	static const char local[] = "localhost";

	if (!host || *host == '[' || isdigit((unsigned char)*host))
		return true;
	return strncasecmp(host, local, sizeof(local) - 1) == 0 &&
	       strchr(":", host[sizeof(local) - 1]) != NULL;
}

bool operator_enter(struct exchange *x)
{
	if (ratelimit_is_loopback(http_conn_peer(x->in->conn)) &&
	    !exchange_field(x, "origin") &&
	    host_is_local(exchange_field(x, "host")))
		return true;
	exchange_error(x, 403, "/demo is open only to this machine");
	return false;
}

/* The workspace of the path; NULL: answered. */
static struct member *present(struct exchange *x)
{
	if (x->member && x->member->status != MEMBER_REMOVED)
		return x->member;
	exchange_error(x, 404, "workspace not found");
	return NULL;
}

static json_t *member_json(const struct platform *platform,
			   const struct member *member)
{
	int64_t now = clock_now(platform->rt, CLOCK_ID_BOOTTIME);
	const char *parent = ident_none(&member->parent) ? NULL
							 : member->parent.text;
	json_t *age = member->beat_ns
			      ? json_real((double)(now - member->beat_ns) / 1e9)
			      : json_null();

	return json_pack(
		"{s:s, s:s, s:s?, s:i, s:s?, s:s, s:s, s:s, s:O?, s:b, s:I,"
		" s:I, s:o, s:f, s:I, s:I, s:s?, s:I, s:I, s:I, s:I, s:I}",
		"id", member->id.text, "name", member->name, "role",
		member->role, "tier", member->tier, "parent_id", parent,
		"status", member_status_text(member), "delivery_mode",
		member->push ? "push" : "poll", "url", member->url,
		"agent_card", member->card, "has_token",
		member_has_token(member), "registrations",
		(json_int_t)member->registrations, "heartbeats",
		(json_int_t)member->heartbeats, "last_heartbeat_age_seconds",
		age, "error_rate", member->error_rate, "uptime_seconds",
		(json_int_t)member->uptime_seconds, "active_tasks",
		(json_int_t)member->active_tasks, "current_task",
		member->current_task, "rows", (json_int_t)member->log.count,
		"rows_ever", (json_int_t)member->log.added, "delegations",
		(json_int_t)member->delegations.count, "memories",
		(json_int_t)member->memories.count, "uploads",
		(json_int_t)member->uploads.count);
}

void operator_state(struct exchange *x)
{
	const struct member *member = x->platform->members.first;
	json_t *list = json_array();

	for (; member; member = member->next)
		json_array_append_new(list, member_json(x->platform, member));
	exchange_json(x, 200, json_pack("{s:o}", "workspaces", list));
}

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

static json_t *classes_json(const struct requests *requests)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "2xx",
			 (json_int_t)requests->by_class[2], "3xx",
			 (json_int_t)requests->by_class[3], "4xx",
			 (json_int_t)requests->by_class[4], "5xx",
			 (json_int_t)requests->by_class[5]);
}

void operator_counters(struct exchange *x)
{
	const struct platform *platform = x->platform;
	const struct member *member = platform->members.first;
	json_int_t rows = 0, rows_ever = 0;

	for (; member; member = member->next) {
		rows += member->log.count;
		rows_ever += (json_int_t)member->log.added;
	}
	exchange_json(
		x, 200,
		json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			  "requests", (json_int_t)platform->requests.total,
			  "responses", classes_json(&platform->requests),
			  "endpoints", endpoints_json(&platform->requests),
			  "connections_accepted",
			  (json_int_t)platform->server.accepted,
			  "connections_open", (json_int_t)platform->server.open,
			  "workspaces", (json_int_t)platform->members.count,
			  "rows", rows, "rows_ever", rows_ever,
			  "events_published",
			  (json_int_t)platform->events_published,
			  "events_dropped",
			  (json_int_t)platform->events_dropped));
}

void operator_requests(struct exchange *x)
{
	exchange_json(x, 200, requests_json(&x->platform->requests));
}

void operator_create(struct exchange *x)
{
	json_t *body = exchange_body(x);
	char fault[SEED_FAULT_MAX];
	struct member *member;
	const char *token;

	if (!body) {
		exchange_error(x, 400, "the body is not a JSON object");
		return;
	}
	member = seed_member(x->platform, body, fault);
	if (!member) {
		exchange_error(x, 400, fault);
		json_decref(body);
		return;
	}
	token = json_get_text(body, "token");
	if (!token && !json_is_null(json_object_get(body, "token")))
		token = member_token_mint(x->platform, member);
	exchange_json(x, 201,
		      json_pack("{s:s, s:s, s:s?}", "id", member->id.text,
				"name", member->name, "token", token));
	json_decref(body);
}

void operator_remove(struct exchange *x)
{
	struct member *member = present(x);

	if (!member)
		return;
	members_remove(x->platform, member);
	exchange_json(x, 200, json_pack("{s:s}", "status", "removed"));
}

struct row *operator_say(struct platform *platform, struct member *member,
			 const char *text, const char *message_id)
{
	struct envelope envelope;
	struct row *row = NULL;
	json_t *message;

	if (envelope_make(&envelope, platform->rt, text, message_id) < 0)
		return NULL;
	message = json_object_get(json_object_get(envelope.json, "params"),
				  "message");
	if (json_object_set_new(message, "contextId",
				json_sprintf("canvas-%s", member->id.text)) ==
	    0)
		row = relay_deliver(platform, NULL, member, &envelope,
				    strlen(text));
	envelope_free(&envelope);
	return row;
}

static void answer_row(struct exchange *x, const struct row *row)
{
	char created[STAMP_TEXT_MAX];

	if (!row) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	stamp_format(created, row->created_us);
	exchange_json(x, 200,
		      json_pack("{s:s, s:s}", "activity_id", row->id.text,
				"created_at", created));
}

void operator_message(struct exchange *x)
{
	struct member *member = present(x);
	json_t *body = member ? exchange_body(x) : NULL;
	const char *text = json_get_text(body, "text");

	if (!member)
		return;
	if (text && *text)
		answer_row(x, operator_say(x->platform, member, text,
					   json_get_text(body, "message_id")));
	else
		exchange_error(x, 400, "text is required");
	json_decref(body);
}

void operator_row(struct exchange *x)
{
	struct member *member = present(x);
	json_t *body = member ? exchange_body(x) : NULL;
	struct ident source, target;
	struct row *row;

	if (!member)
		return;
	if (!body) {
		exchange_error(x, 400, "the body is not a JSON object");
		return;
	}
	(void)ident_parse(&source, json_get_text(body, "source_id"));
	(void)ident_parse(&target, json_get_text(body, "target_id"));
	row = rows_add(
		x->platform, member,
		&(struct row_draft){
			.type = json_get_text(body, "activity_type"),
			.method = json_get_text(body, "method"),
			.source = &source,
			.target = &target,
			.summary = json_get_text(body, "summary"),
			.status = json_get_text(body, "status"),
			.request = json_object_get(body, "request_body"),
			.response = json_object_get(body, "response_body"),
			.bytes = x->in->body_len,
		});
	if (row)
		rows_announce(x->platform, member, row, NULL);
	answer_row(x, row);
	json_decref(body);
}

void operator_forget(struct exchange *x)
{
	struct member *member = present(x);

	if (!member)
		return;
	rows_clear(&member->log);
	exchange_json(x, 200, json_pack("{s:s}", "status", "forgotten"));
}

void operator_token(struct exchange *x)
{
	struct member *member = present(x);
	json_t *body = member ? exchange_body(x) : NULL;
	const char *token = json_get_text(body, "token");

	if (!member)
		return;
	if (token && member_token_add(member, token) < 0)
		token = NULL;
	else if (!token)
		token = member_token_mint(x->platform, member);
	if (token)
		exchange_json(x, 201, json_pack("{s:s}", "token", token));
	else
		exchange_error(x, 400,
			       "a token is up to 256 visible characters, and a "
			       "workspace has up to 8");
	json_decref(body);
}

void operator_revoke(struct exchange *x)
{
	struct member *member = present(x);

	if (!member)
		return;
	member_token_revoke_all(member);
	exchange_json(x, 200, json_pack("{s:s}", "status", "revoked"));
}
