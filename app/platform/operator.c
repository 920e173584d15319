// SPDX-License-Identifier: MIT
#include "app/platform/operator.h"

#include <ctype.h>
#include <string.h>

#include "app/platform/canvas.h"
#include "app/platform/exchange.h"
#include "app/platform/rows.h"
#include "app/platform/seed.h"
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
		" s:I, s:o, s:f, s:f, s:I, s:I, s:s?, s:I, s:I, s:I, s:I, s:I,"
		" s:I, s:b, s:b, s:b}",
		"id", member->id.text, "name", member->name, "role",
		member->role, "tier", member->tier, "parent_id", parent,
		"status", member_status_text(member), "delivery_mode",
		member->push ? "push" : "poll", "url", member->url,
		"agent_card", member->card, "has_token",
		member_has_token(member), "registrations",
		(json_int_t)member->registrations, "heartbeats",
		(json_int_t)member->heartbeats, "last_heartbeat_age_seconds",
		age, "max_heartbeat_gap_seconds",
		(double)member_gap_ns(platform, member) / 1e9, "error_rate",
		member->error_rate, "uptime_seconds",
		(json_int_t)member->uptime_seconds, "active_tasks",
		(json_int_t)member->active_tasks, "current_task",
		member->current_task, "rows", (json_int_t)member->log.count,
		"rows_ever", (json_int_t)member->log.added, "delegations",
		(json_int_t)member->delegations.count, "memories",
		(json_int_t)member->memories.count, "uploads",
		(json_int_t)member->uploads.count, "acked_seq",
		(json_int_t)member->acked_seq, "broadcast_enabled",
		member->may_broadcast, "talk_to_user_enabled", member->may_talk,
		"can_delegate", member->may_delegate);
}

void operator_state(struct exchange *x)
{
	const struct member *member = x->platform->members.first;
	json_t *list = json_array();

	for (; member; member = member->next)
		json_array_append_new(list, member_json(x->platform, member));
	exchange_json(x, 200, json_pack("{s:o}", "workspaces", list));
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

void operator_row(struct exchange *x)
{
	struct member *member = present(x);
	json_t *body = member ? exchange_body(x) : NULL;
	struct ident source, target;
	int64_t created_us;
	struct row *row;

	if (!member)
		return;
	created_us = canvas_age(x->platform, body);
	if (!body || created_us < 0) {
		exchange_error(x, 400,
			       "the body is not a JSON object, or its age_secs "
			       "is not 0 to a year");
		json_decref(body);
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
			.error_detail = json_get_text(body, "error_detail"),
			.created_us = created_us,
			.bytes = x->in->body_len,
		});
	if (row)
		rows_announce(x->platform, member, row, NULL);
	canvas_answer(x, row);
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
