// SPDX-License-Identifier: MIT
#include "app/platform/registry.h"

#include <errno.h>
#include <string.h>

#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"
#include "runtime/task.h"

/* The sweep looks this many times within the stale period. */
#define SWEEPS 6
#define SWEEP_MIN_MS 10

static const char no_body[] = "the body must be a JSON object of at most "
			      "256 KiB";

/* Cards and tasks are kept, so what brings them is bounded. */
static json_t *small_body(const struct exchange *x)
{
	return x->in->body_len <= REGISTRY_BODY_MAX ? exchange_body(x) : NULL;
}

static bool is_http(const char *url)
{
	return url && (strncmp(url, "http://", 7) == 0 ||
		       strncmp(url, "https://", 8) == 0);
}

/* What is wrong with a registration, NULL when nothing is. */
static const char *register_fault(const json_t *body, struct ident *id)
{
	const char *mode = json_get_text(body, "delivery_mode");
	const json_t *card = json_object_get(body, "agent_card");

	if (!body)
		return no_body;
	if (!ident_parse(id, json_get_text(body, "id")))
		return "id is required and must be a UUID";
	if (json_object_get(body, "delivery_mode") &&
	    (!mode || (strcmp(mode, "push") != 0 && strcmp(mode, "poll") != 0)))
		return "delivery_mode must be push or poll";
	if (mode && strcmp(mode, "push") == 0 &&
	    !is_http(json_get_text(body, "url")))
		return "url is required for delivery_mode push and must be an "
		       "http or https address";
	if (strlen(json_get_text_or(body, "url", "")) > MEMBER_URL_MAX)
		return "url is too long";
	if (card && !json_is_object(card) && !json_is_null(card))
		return "agent_card must be an object";
	return NULL;
}

static void status_to(struct platform *platform, struct member *member,
		      enum member_status status)
{
	static const char *const events[] = {
		[MEMBER_ONLINE] = "WORKSPACE_ONLINE",
		[MEMBER_DEGRADED] = "WORKSPACE_DEGRADED",
		[MEMBER_AWAITING_AGENT] = "WORKSPACE_OFFLINE",
	};

	if (member->status == status)
		return;
	member->status = status;
	events_publish(platform, member, events[status],
		       json_pack("{s:s, s:s, s:s}", "workspace_id",
				 member->id.text, "name", member->name,
				 "status", member_status_text(member)));
}

/* What a registration changes, besides the token. */
static int register_apply(struct platform *platform, struct member *member,
			  const json_t *body)
{
	const char *mode = json_get_text(body, "delivery_mode");
	const char *url = json_get_text(body, "url");
	json_t *card = json_object_get(body, "agent_card");

	if (url && member_set_text(&member->url, url) < 0)
		return -ENOMEM;
	if (mode)
		member->push = strcmp(mode, "push") == 0;
	if (json_is_object(card)) {
		json_decref(member->card);
		member->card = json_incref(card);
	}
	member->registrations++;
	member_beat(platform, member);
	status_to(platform, member, MEMBER_ONLINE);
	return 0;
}

/* The workspace that registers, made known if need be; NULL: out of room. */
static struct member *register_member(struct platform *platform,
				      const struct ident *id,
				      const json_t *body)
{
	struct member *member = members_find(platform, id);
	const json_t *card = json_object_get(body, "agent_card");
	const char *name = json_get_text(card, "name");
	struct member_draft draft = {
		.id = *id,
		.tier = 1,
		.broadcast = platform->options.allow_broadcast,
	};

	if (member)
		return member;
	if (name && *name && strlen(name) <= MEMBER_NAME_MAX)
		draft.name = name;
	(void)members_add(platform, &draft, &member);
	return member;
}

void registry_register(struct exchange *x)
{
	struct platform *platform = x->platform;
	json_t *body = small_body(x);
	struct ident id;
	const char *fault = register_fault(body, &id);
	const char *minted = NULL;
	struct member *member;
	json_t *answer = NULL;

	if (fault) {
		exchange_error(x, 400, fault);
		goto done;
	}
	if (!exchange_auth_registry(x, members_find(platform, &id)))
		goto done;
	member = register_member(platform, &id, body);
	if (!member || register_apply(platform, member, body) < 0) {
		exchange_error(x, 500, "no room for another workspace");
		goto done;
	}
	if (!member_has_token(member))
		minted = member_token_mint(platform, member);
	answer = json_pack("{s:s, s:s, s:s*, s:s}", "status", "registered",
			   "delivery_mode", member->push ? "push" : "poll",
			   "auth_token", minted, "platform_inbound_secret",
			   member->secret);
	exchange_json(x, 200, answer);
done:
	json_decref(body);
}

static void task_update(struct platform *platform, struct member *member,
			const char *task)
{
	const char *before = member->current_task ? member->current_task : "";

	if (strcmp(before, task ? task : "") == 0)
		return;
	if (member_set_text(&member->current_task, task) < 0)
		return;
	events_publish(platform, member, "TASK_UPDATED",
		       json_pack("{s:s, s:s, s:I}", "workspace_id",
				 member->id.text, "current_task",
				 task ? task : "", "active_tasks",
				 (json_int_t)member->active_tasks));
}

static void heartbeat_apply(struct platform *platform, struct member *member,
			    const json_t *body)
{
	const char *state = json_get_text(body, "runtime_state");
	json_t *card = json_object_get(body, "agent_card");

	member->error_rate =
		json_number_value(json_object_get(body, "error_rate"));
	member->active_tasks =
		json_integer_value(json_object_get(body, "active_tasks"));
	member->uptime_seconds =
		json_integer_value(json_object_get(body, "uptime_seconds"));
	if (json_is_object(card)) {
		json_decref(member->card);
		member->card = json_incref(card);
	}
	member->heartbeats++;
	member_beat(platform, member);
	if (state && strcmp(state, "wedged") == 0)
		status_to(platform, member, MEMBER_DEGRADED);
	else if (member->status != MEMBER_DEGRADED || !state || !*state)
		status_to(platform, member, MEMBER_ONLINE);
	events_publish(platform, member, "WORKSPACE_HEARTBEAT",
		       json_pack("{s:I, s:I}", "active_tasks",
				 (json_int_t)member->active_tasks,
				 "uptime_seconds",
				 (json_int_t)member->uptime_seconds));
	task_update(platform, member, json_get_text(body, "current_task"));
}

void registry_heartbeat(struct exchange *x)
{
	json_t *body = small_body(x);
	struct member *member;
	struct ident id;

	if (!ident_parse(&id, json_get_text(body, "workspace_id"))) {
		exchange_error(x, 400,
			       "workspace_id is required and must be a UUID");
		goto done;
	}
	member = members_find(x->platform, &id);
	if (!exchange_auth_registry(x, member))
		goto done;
	if (!member) {
		exchange_error(x, 404, "workspace not found: register first");
		goto done;
	}
	heartbeat_apply(x->platform, member, body);
	exchange_json(x, 200,
		      json_pack("{s:s, s:s}", "status", "ok",
				"platform_inbound_secret", member->secret));
done:
	json_decref(body);
}

void registry_update_card(struct exchange *x)
{
	json_t *body = small_body(x);
	json_t *card = json_object_get(body, "agent_card");
	struct member *member;
	struct ident id;

	if (!ident_parse(&id, json_get_text(body, "workspace_id")) ||
	    !json_is_object(card)) {
		exchange_error(x, 400,
			       "workspace_id and agent_card are required");
		goto done;
	}
	member = members_find(x->platform, &id);
	if (!exchange_auth_registry(x, member))
		goto done;
	if (!member) {
		exchange_error(x, 404, "workspace not found: register first");
		goto done;
	}
	json_decref(member->card);
	member->card = json_incref(card);
	events_publish(x->platform, member, "AGENT_CARD_UPDATED",
		       json_pack("{s:s, s:O}", "workspace_id", member->id.text,
				 "agent_card", card));
	exchange_json(x, 200, json_pack("{s:s}", "status", "updated"));
done:
	json_decref(body);
}

/* Where messages for a workspace go. */
static json_t *address_of(struct exchange *x, const struct member *member)
{
	char base[EXCHANGE_BASE_MAX];

	if (*member->url)
		return json_string(member->url);
	exchange_base(x, base);
	return json_sprintf("%s/workspaces/%s/a2a", base, member->id.text);
}

void registry_discover(struct exchange *x)
{
	const char *header = exchange_field(x, "x-workspace-id");
	const struct member *caller;
	struct ident id;

	if (!header) {
		exchange_error(x, 400, "X-Workspace-ID header is required");
		return;
	}
	caller = ident_parse(&id, header) ? members_find(x->platform, &id)
					  : NULL;
	if (!caller) {
		exchange_error(x, 401, "unknown caller in X-Workspace-ID");
		return;
	}
	if (!exchange_auth_registry(x, caller))
		return;
	if (!x->member || x->member->status == MEMBER_REMOVED) {
		exchange_error(x, 404, "workspace not found");
		return;
	}
	if (!member_may_reach(caller, x->member)) {
		exchange_error(x, 403,
			       "not authorized to reach this workspace");
		return;
	}
	exchange_json(x, 200,
		      json_pack("{s:s, s:o, s:s}", "id", x->member->id.text,
				"url", address_of(x, x->member), "name",
				x->member->name));
}

static json_t *peer_json(struct exchange *x, const struct member *peer)
{
	const char *parent = ident_none(&peer->parent) ? NULL
						       : peer->parent.text;

	return json_pack(
		"{s:s, s:s, s:s?, s:i, s:s, s:o, s:s?, s:I, s:O?}", "id",
		peer->id.text, "name", peer->name, "role", peer->role, "tier",
		peer->tier, "status", member_status_text(peer), "url",
		address_of(x, peer), "parent_id", parent, "active_tasks",
		(json_int_t)peer->active_tasks, "agent_card", peer->card);
}

void registry_peers(struct exchange *x)
{
	const struct member *peer;
	json_t *peers;

	if (!x->member) {
		exchange_error(x, 404, "workspace not found");
		return;
	}
	if (!exchange_auth_registry(x, x->member))
		return;
	peers = json_array();
	for (peer = x->platform->members.first; peer; peer = peer->next) {
		if (peer != x->member && member_may_reach(x->member, peer))
			json_array_append_new(peers, peer_json(x, peer));
	}
	exchange_json(x, 200, peers);
}

static void removed(struct exchange *x, const struct member *member)
{
	char at[STAMP_TEXT_MAX];

	stamp_format(at, member->removed_us);
	exchange_json(x, 410,
		      json_pack("{s:s, s:s, s:s, s:s}", "error",
				"workspace removed", "id", member->id.text,
				"removed_at", at, "hint",
				"create the workspace anew and use its id and "
				"token"));
}

void registry_info(struct exchange *x)
{
	const struct member *member = x->member;
	json_t *info;

	if (ident_none(&x->id)) {
		exchange_error(x, 400, "workspace id must be a UUID");
		return;
	}
	if (!member) {
		exchange_error(x, 404, "workspace not found");
		return;
	}
	if (member->status == MEMBER_REMOVED) {
		removed(x, member);
		return;
	}
	info = peer_json(x, member);
	if (info &&
	    json_object_update_new(
		    info,
		    json_pack(
			    "{s:i, s:f, s:I, s:s, s:s, s:s, s:i,"
			    " s:i, s:b, s:n, s:b, s:b}",
			    "max_concurrent_tasks", 1, "last_error_rate",
			    member->error_rate, "uptime_seconds",
			    (json_int_t)member->uptime_seconds, "current_task",
			    member->current_task ? member->current_task : "",
			    "runtime", "external", "delivery_mode",
			    member->push ? "push" : "poll", "x", 0, "y", 0,
			    "collapsed", 0, "last_outbound_at",
			    "talk_to_user_enabled", member->may_talk,
			    "broadcast_enabled", member->may_broadcast)) < 0) {
		json_decref(info);
		info = NULL;
	}
	exchange_json(x, 200, info);
}

static void sweep(struct platform *platform, int64_t stale_ns)
{
	int64_t now = clock_now(platform->rt, CLOCK_ID_BOOTTIME);
	struct member *member;

	for (member = platform->members.first; member; member = member->next) {
		if ((member->status == MEMBER_ONLINE ||
		     member->status == MEMBER_DEGRADED) &&
		    now - member->beat_ns >= stale_ns)
			status_to(platform, member, MEMBER_AWAITING_AGENT);
	}
}

void registry_sweep_task(struct rt *rt, void *arg)
{
	struct platform *platform = arg;
	int64_t stale_ms = platform->options.stale_after_ms;
	int64_t period_ms = stale_ms / SWEEPS;
	int64_t at;

	if (period_ms < SWEEP_MIN_MS)
		period_ms = SWEEP_MIN_MS;
	do {
		sweep(platform, stale_ms * CLOCK_NS_PER_MS);
		at = clock_now(rt, CLOCK_ID_BOOTTIME) +
		     period_ms * CLOCK_NS_PER_MS;
	} while (task_sleep(rt, deadline_cadence(at, (uint32_t)period_ms /
							     8)) == 0);
}
