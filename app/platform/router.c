// SPDX-License-Identifier: MIT
#include "app/platform/router.h"

#include <stdbool.h>
#include <string.h>

#include "app/platform/broadcast.h"
#include "app/platform/canvas.h"
#include "app/platform/counters.h"
#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/faults.h"
#include "app/platform/notify.h"
#include "app/platform/operator.h"
#include "app/platform/registry.h"
#include "app/platform/relay.h"
#include "app/platform/requests.h"
#include "app/platform/rows_api.h"
#include "app/platform/state.h"

/* Who may enter an endpoint. */
enum gate {
	GATE_PUBLIC,	/* anybody, whatever the tenant */
	GATE_OPEN,	/* the handler asks for itself, or nobody does */
	GATE_WORKSPACE, /* the token of the workspace in the path */
	GATE_OPERATOR,	/* this machine's user, see operator.h */
};

struct route {
	const char *method, *path;
	enum gate gate;
	void (*handle)(struct exchange *x);
};

static void health(struct exchange *x)
{
	exchange_json(x, 200, json_pack("{s:s}", "status", "ok"));
}

#define WS "/workspaces/:id"
#define DEMO "/demo/workspaces/:id"

static const struct route routes[] = {
	{ "GET", "/health", GATE_PUBLIC, health },
	{ "POST", "/registry/register", GATE_PUBLIC, registry_register },
	{ "POST", "/registry/heartbeat", GATE_PUBLIC, registry_heartbeat },
	{ "POST", "/registry/update-card", GATE_OPEN, registry_update_card },
	{ "GET", "/registry/discover/:id", GATE_OPEN, registry_discover },
	{ "GET", "/registry/:id/peers", GATE_OPEN, registry_peers },
	{ "GET", WS, GATE_OPEN, registry_info },
	{ "POST", WS "/a2a", GATE_OPEN, relay_post },
	{ "GET", WS "/activity", GATE_WORKSPACE, rows_api_get },
	{ "POST", WS "/activity", GATE_WORKSPACE, rows_api_post },
	{ "POST", WS "/activity/ack", GATE_WORKSPACE, rows_api_ack },
	{ "POST", WS "/notify", GATE_WORKSPACE, notify_post },
	{ "POST", WS "/broadcast", GATE_WORKSPACE, broadcast_post },
	{ "PATCH", WS "/abilities", GATE_OPERATOR, broadcast_abilities },
	{ "POST", WS "/delegate", GATE_WORKSPACE, delegation_post },
	{ "GET", WS "/delegations", GATE_WORKSPACE, delegation_get },
	{ "POST", WS "/memories", GATE_WORKSPACE, memories_post },
	{ "GET", WS "/memories", GATE_WORKSPACE, memories_get },
	{ "POST", WS "/chat/uploads", GATE_WORKSPACE, uploads_post },
	{ "GET", WS "/pending-uploads/:file/content", GATE_WORKSPACE,
	  uploads_content },
	{ "POST", WS "/pending-uploads/:file/ack", GATE_WORKSPACE,
	  uploads_ack },
	{ "GET", WS "/events/stream", GATE_WORKSPACE, events_stream },
	{ "GET", "/demo/state", GATE_OPERATOR, operator_state },
	{ "GET", "/demo/counters", GATE_OPERATOR, counters_get },
	{ "DELETE", "/demo/counters", GATE_OPERATOR, counters_delete },
	{ "GET", "/demo/requests", GATE_OPERATOR, operator_requests },
	{ "GET", "/demo/faults", GATE_OPERATOR, faults_get },
	{ "POST", "/demo/faults", GATE_OPERATOR, faults_post },
	{ "DELETE", "/demo/faults", GATE_OPERATOR, faults_delete },
	{ "PATCH", "/demo/streams", GATE_OPERATOR, events_patch },
	{ "DELETE", "/demo/streams", GATE_OPERATOR, events_cut_all },
	{ "POST", "/demo/workspaces", GATE_OPERATOR, operator_create },
	{ "DELETE", DEMO, GATE_OPERATOR, operator_remove },
	{ "POST", DEMO "/messages", GATE_OPERATOR, canvas_message },
	{ "POST", DEMO "/uploads", GATE_OPERATOR, uploads_post },
	{ "PATCH", DEMO "/delegations/:file", GATE_OPERATOR, delegation_patch },
	{ "DELETE", DEMO "/streams", GATE_OPERATOR, events_cut_one },
	{ "POST", DEMO "/activity", GATE_OPERATOR, operator_row },
	{ "DELETE", DEMO "/activity", GATE_OPERATOR, operator_forget },
	{ "POST", DEMO "/tokens", GATE_OPERATOR, operator_token },
	{ "DELETE", DEMO "/tokens", GATE_OPERATOR, operator_revoke },
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

_Static_assert(ROUTE_COUNT + 1 <= REQUESTS_ENDPOINTS_MAX,
	       "one counter for each endpoint, and one for the rest");

const char *router_endpoint(size_t i, const char **method)
{
	if (i > ROUTE_COUNT)
		return NULL;
	*method = i < ROUTE_COUNT ? routes[i].method : "";
	return i < ROUTE_COUNT ? routes[i].path : "other";
}

/* Keeps what `:id` or `:file` stands for. */
static void name_take(struct exchange *x, const char *name, const char *value,
		      size_t len)
{
	char text[IDENT_LEN + 1] = "";
	struct ident *id = strncmp(name, ":id", 3) == 0 ? &x->id : &x->file;

	if (len == IDENT_LEN)
		memcpy(text, value, len);
	(void)ident_parse(id, text);
}

/* Whether `path` (len bytes) has the shape of `pattern`; fills the ids. */
static bool matches(const char *pattern, const char *path, size_t len,
		    struct exchange *x)
{
	const char *end = path + len;

	while (*pattern && path < end) {
		size_t want, have;

		if (*pattern++ != '/' || *path++ != '/')
			return false;
		want = strcspn(pattern, "/");
		have = 0;
		while (path + have < end && path[have] != '/')
			have++;
		if (have == 0)
			return false;
		if (*pattern == ':')
			name_take(x, pattern, path, have);
		else if (want != have || memcmp(pattern, path, have) != 0)
			return false;
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && path == end;
}

/* The route of a request, NULL when there is none; *known says whether the
 * path exists with another method. */
static const struct route *route_of(struct exchange *x, const char *method,
				    const char *path, size_t len, bool *known)
{
	*known = false;
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		x->id = x->file = (struct ident){ 0 };
		if (!matches(routes[i].path, path, len, x))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		*known = true;
	}
	x->id = x->file = (struct ident){ 0 };
	return NULL;
}

static const struct route *route_find(struct exchange *x, const char *method,
				      const char *target, bool *known)
{
	size_t len = strcspn(target, "?");

	x->query = target[len] ? target + len + 1 : "";
	return route_of(x, method, target, len, known);
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The organisation that `Fly-Replay-Src: …;state=ORG` names. */
static bool replay_names(const char *header, const char *org)
{
	static const char state[] = "state=";
	const char *at = header;

	while (at && *at) {
		size_t len;

		at += strspn(at, "; ");
		len = strcspn(at, ";");
		if (starts_with(at, state) &&
		    len == strlen(org) + sizeof(state) - 1 &&
		    starts_with(at + sizeof(state) - 1, org))
			return true;
		at += len;
	}
	return false;
}

/* Whether the request is one of this tenant's; else that has been answered. */
static bool tenant_admits(struct exchange *x)
{
	const char *org = x->platform->options.org_id;
	const char *header = exchange_field(x, "x-molecule-org-id");
	const char *replay = exchange_field(x, "fly-replay-src");

	if (!org || (header && strcmp(header, org) == 0) ||
	    replay_names(replay, org))
		return true;
	if (header || replay)
		exchange_raw(x, 404, NULL, NULL, "", 0);
	else
		exchange_json(x, 400,
			      json_pack("{s:s, s:s, s:s}", "code",
					"TENANT_ORG_HEADER_REQUIRED", "error",
					"missing tenant routing header",
					"required_header",
					"X-Molecule-Org-Id"));
	return false;
}

/* What an edge lets through: the rest it would give to its web pages. */
static bool edge_admits(struct exchange *x)
{
	const char *target = x->in->head->target;

	if (!x->platform->options.require_origin || exchange_field(x, "origin"))
		return true;
	if (!starts_with(target, "/workspaces/") &&
	    !(starts_with(target, "/registry/") && strstr(target, "/peers")))
		return true;
	exchange_raw(x, 404, NULL, NULL, "", 0);
	return false;
}

static void too_many(struct exchange *x)
{
	exchange_json(x, 429,
		      json_pack("{s:s, s:i}", "error", "rate limit exceeded",
				"retry_after", (int)x->rate.reset_s));
}

static void enter(struct exchange *x, const struct route *route)
{
	enum gate gate = route->gate;

	if ((gate == GATE_OPEN || gate == GATE_WORKSPACE) &&
	    (!tenant_admits(x) || !edge_admits(x)))
		return;
	x->member = members_find(x->platform, &x->id);
	if (gate == GATE_WORKSPACE && !exchange_auth_workspace(x, x->member))
		return;
	if (gate == GATE_OPERATOR && !operator_enter(x))
		return;
	route->handle(x);
}

/* Counts the request and its client's share of the rate. */
static void account(struct exchange *x, size_t endpoint)
{
	struct platform *platform = x->platform;

	x->serial = requests_begin(&platform->requests, endpoint, x->in->head,
				   clock_wall(platform->rt) / CLOCK_NS_PER_US);
	x->rate = ratelimit_take(&platform->ratelimit,
				 http_conn_peer(x->in->conn),
				 clock_now(platform->rt, CLOCK_ID_MONOTONIC));
}

void router_handle(void *arg, struct http_incoming *in)
{
	struct exchange x = { .platform = arg, .in = in };
	const struct route *route;
	size_t endpoint;
	bool known;

	route = route_find(&x, in->head->method, in->head->target, &known);
	endpoint = route ? (size_t)(route - routes) : ROUTE_COUNT;
	x.rate.allowed = true;
	if (!route || route->gate != GATE_OPERATOR) {
		account(&x, endpoint);
		if (x.rate.allowed && faults_meet(&x, endpoint))
			return;
	}
	if (!x.rate.allowed)
		too_many(&x);
	else if (route)
		enter(&x, route);
	else if (known)
		exchange_error(&x, 405, "method not allowed");
	else
		exchange_error(&x, 404, "not found");
}
