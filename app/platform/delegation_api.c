// SPDX-License-Identifier: MIT
/* Delegations over HTTP: given, looked at, and moved by the operator. */
#include "app/platform/delegation.h"

#include <stdlib.h>
#include <string.h>

#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/rows.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"

static void repeat(struct exchange *x, const struct delegation *delegation)
{
	exchange_json(x, 200,
		      json_pack("{s:s, s:s, s:s, s:b}", "delegation_id",
				delegation->id.text, "status",
				delegation_status_text(delegation->status),
				"target_id", delegation->target->id.text,
				"idempotent_hit", 1));
}

static void delegate(struct exchange *x, const struct delegation_order *order)
{
	struct delegation *delegation = delegation_give(x->platform, order);

	if (!delegation) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	exchange_json(x, 202,
		      json_pack("{s:s, s:s, s:s}", "delegation_id",
				delegation->id.text, "status", "delegated",
				"target_id", order->target->id.text));
}

/* What is wrong with the body, NULL when nothing is. */
static const char *fault_of(const json_t *body, struct ident *target)
{
	const char *task = json_get_text(body, "task");
	const char *key = json_get_text_or(body, "idempotency_key", "");

	if (!body)
		return "the body is not a JSON object";
	if (!ident_parse(target, json_get_text(body, "target_id")))
		return "target_id is required and must be a UUID";
	if (!task || !*task)
		return "task is required";
	if (strlen(key) > DELEGATION_KEY_MAX)
		return "idempotency_key is too long";
	return NULL;
}

static void to_oneself(struct exchange *x)
{
	exchange_json(x, 400,
		      json_pack("{s:s, s:s, s:s}", "error",
				"self-delegation not permitted", "reason",
				"source and target are the same workspace",
				"hint",
				"do the task yourself or choose a peer; "
				"another try will fail as well"));
}

/* Whether it may be given at all; else that has been answered. */
static bool may_delegate(struct exchange *x, const struct member *target)
{
	if (!x->member->may_delegate)
		exchange_error(x, 403, "tool call failed");
	else if (target == x->member)
		to_oneself(x);
	else if (!target || !member_may_reach(x->member, target))
		exchange_error(x, 403,
			       "not authorized to delegate to this workspace");
	else
		return true;
	return false;
}

static void order_read(struct exchange *x, struct delegation_order *order,
		       const json_t *body)
{
	struct delegation *same = NULL;
	const char *key = json_get_text_or(body, "idempotency_key", "");

	if (!may_delegate(x, order->target))
		return;
	order->source = x->member;
	order->task = json_get_text(body, "task");
	order->named = json_get_text(body, "delegation_id");
	if (*key) {
		order->key = key;
		same = delegation_by_key(&x->member->delegations, key);
	}
	if (same)
		repeat(x, same);
	else
		delegate(x, order);
}

void delegation_post(struct exchange *x)
{
	struct delegation_order order = { 0 };
	json_t *body = exchange_body(x);
	struct ident id;
	const char *fault = fault_of(body, &id);

	if (fault) {
		exchange_error(x, 400, fault);
	} else {
		order.target = members_find(x->platform, &id);
		order_read(x, &order, body);
	}
	json_decref(body);
}

/* The text of a result, or whatever its body is; a new reference, NULL when
 * there is nothing. */
static json_t *response_preview(const json_t *body)
{
	const char *text = json_get_text(body, "text");
	char *all = text ? NULL : json_dumps(body, 0);
	json_t *preview = NULL;

	if (all)
		text = all;
	if (text && *text)
		preview = delegation_preview(text, DELEGATION_PREVIEW_MAX);
	free(all);
	return preview;
}

static json_t *listed(const struct row *row)
{
	json_t *json = row->json;
	json_t *request = json_object_get(json, "request_body");
	json_t *response = json_object_get(json, "response_body");
	const char *id = json_get_text(request, "delegation_id");

	if (!id)
		id = json_get_text(response, "delegation_id");
	return json_pack("{s:s, s:O, s:s, s:s, s:s, s:s, s:O, s:O, s:s*, s:s*,"
			 " s:o*}",
			 "id", row->id.text, "type",
			 json_object_get(json, "activity_type"), "source_id",
			 row->source.text, "target_id", row->target.text,
			 "direction", "sent", "summary",
			 json_get_text_or(json, "summary", ""), "status",
			 json_object_get(json, "status"), "created_at",
			 json_object_get(json, "created_at"), "delegation_id",
			 id, "error", json_get_text(json, "error_detail"),
			 "response_preview", response_preview(response));
}

static bool is_delegation(const struct row *row)
{
	const char *method = json_get_text_or(row->json, "method", "");

	return strcmp(method, "delegate") == 0 ||
	       strcmp(method, "delegate_result") == 0;
}

void delegation_get(struct exchange *x)
{
	const struct row *row = x->member->log.newest;
	json_t *list = json_array();

	for (; row && json_array_size(list) < DELEGATIONS_SHOWN;
	     row = row->older) {
		if (is_delegation(row) &&
		    json_array_append_new(list, listed(row)) < 0)
			break;
	}
	exchange_json(x, 200, list);
}

static bool status_read(const json_t *body, enum delegation_status *status)
{
	const char *text = json_get_text_or(body, "status", "");
	int i = 0;

	while (i < DELEGATION_STATUS_COUNT &&
	       strcmp(delegation_status_text((enum delegation_status)i),
		      text) != 0)
		i++;
	*status = (enum delegation_status)i;
	return i < DELEGATION_STATUS_COUNT;
}

void delegation_patch(struct exchange *x)
{
	json_t *body = exchange_body(x);
	enum delegation_status status;
	struct delegation *delegation = NULL;
	const char *text = json_get_text_or(body, "text", "");

	if (x->member)
		delegation =
			delegation_by_id(&x->member->delegations, &x->file);
	if (!delegation) {
		exchange_error(x, 404, "no such delegation of this workspace");
	} else if (!status_read(body, &status)) {
		exchange_error(x, 400,
			       "status must be pending, dispatched, queued, "
			       "in_progress, stuck, completed or failed");
	} else {
		if (status == DELEGATION_FAILED)
			text = json_get_text_or(body, "error", text);
		delegation_move(x->platform, delegation, status, text);
		exchange_json(x, 200,
			      json_pack("{s:s}", "status",
					delegation_status_text(status)));
	}
	json_decref(body);
}
