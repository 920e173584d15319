// SPDX-License-Identifier: MIT
#include "app/platform/router.h"

#include <stdbool.h>
#include <string.h>

#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/notify.h"
#include "app/platform/operator.h"
#include "app/platform/registry.h"
#include "app/platform/relay.h"
#include "app/platform/requests.h"
#include "app/platform/rows_api.h"
#include "app/platform/state.h"

/* Who may enter an endpoint. */
enum gate {
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
	{ "GET", "/health", GATE_OPEN, health },
	{ "POST", "/registry/register", GATE_OPEN, registry_register },
	{ "POST", "/registry/heartbeat", GATE_OPEN, registry_heartbeat },
	{ "POST", "/registry/update-card", GATE_OPEN, registry_update_card },
	{ "GET", "/registry/discover/:id", GATE_OPEN, registry_discover },
	{ "GET", "/registry/:id/peers", GATE_OPEN, registry_peers },
	{ "GET", WS, GATE_OPEN, registry_info },
	{ "POST", WS "/a2a", GATE_OPEN, relay_post },
	{ "GET", WS "/activity", GATE_WORKSPACE, rows_api_get },
	{ "POST", WS "/activity", GATE_WORKSPACE, rows_api_post },
	{ "POST", WS "/notify", GATE_WORKSPACE, notify_post },
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
	{ "GET", "/demo/counters", GATE_OPERATOR, operator_counters },
	{ "GET", "/demo/requests", GATE_OPERATOR, operator_requests },
	{ "POST", "/demo/workspaces", GATE_OPERATOR, operator_create },
	{ "DELETE", DEMO, GATE_OPERATOR, operator_remove },
	{ "POST", DEMO "/messages", GATE_OPERATOR, operator_message },
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

static void too_many(struct exchange *x)
{
	exchange_json(x, 429,
		      json_pack("{s:s, s:i}", "error", "rate limit exceeded",
				"retry_after", (int)x->rate.reset_s));
}

static void enter(struct exchange *x, const struct route *route)
{
	x->member = members_find(x->platform, &x->id);
	if (route->gate == GATE_WORKSPACE &&
	    !exchange_auth_workspace(x, x->member))
		return;
	if (route->gate == GATE_OPERATOR && !operator_enter(x))
		return;
	route->handle(x);
}

void router_handle(void *arg, struct http_incoming *in)
{
	struct platform *platform = arg;
	const char *target = in->head->target;
	size_t len = strcspn(target, "?");
	struct exchange x = { .platform = platform,
			      .in = in,
			      .query = target[len] ? target + len + 1 : "" };
	const struct route *route;
	bool known;

	route = route_of(&x, in->head->method, target, len, &known);
	x.rate.allowed = true;
	if (!route || route->gate != GATE_OPERATOR) {
		x.record = requests_begin(
			&platform->requests,
			route ? (size_t)(route - routes) : ROUTE_COUNT,
			in->head, clock_wall(platform->rt) / CLOCK_NS_PER_US);
		x.rate = ratelimit_take(
			&platform->ratelimit, http_conn_peer(in->conn),
			clock_now(platform->rt, CLOCK_ID_MONOTONIC));
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
