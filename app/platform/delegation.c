// SPDX-License-Identifier: MIT
#include "app/platform/delegation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/envelope.h"
#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/relay.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"
#include "proto/json.h"

static const char *status_text(const struct delegation *delegation)
{
	switch (delegation->status) {
	case DELEGATION_QUEUED:
		return "queued";
	case DELEGATION_COMPLETED:
		return "completed";
	case DELEGATION_FAILED:
		break;
	}
	return "failed";
}

/* A copy of at most DELEGATION_PREVIEW_MAX bytes, cut between characters. */
static char *preview(const char *text)
{
	size_t len = strlen(text);

	if (len > DELEGATION_PREVIEW_MAX) {
		len = DELEGATION_PREVIEW_MAX;
		while (len > 0 && (text[len] & 0xc0) == 0x80)
			len--;
	}
	return strndup(text, len);
}

static void publish(struct platform *platform,
		    const struct delegation *delegation, const char *type)
{
	json_t *data = json_pack(
		"{s:s, s:s, s:s, s:s}", "delegation_id", delegation->id.text,
		"source_id", delegation->source->id.text, "target_id",
		delegation->target->id.text, "status", status_text(delegation));

	if (data && delegation->status == DELEGATION_COMPLETED)
		json_set_text(data, "response_preview", delegation->answer);
	if (data && delegation->status == DELEGATION_FAILED)
		json_set_text(data, "error", delegation->answer);
	events_publish(platform, delegation->source, type, data);
}

static void delegation_release(struct delegation *delegation)
{
	free(delegation->key);
	free(delegation->task);
	free(delegation->answer);
	free(delegation);
}

/* Ends it; what memory lacks for is left out. */
static void settle(struct platform *platform, struct delegation *delegation,
		   enum delegation_status status, const char *answer)
{
	free(delegation->answer);
	delegation->answer = preview(answer);
	delegation->status = status;
	publish(platform, delegation,
		status == DELEGATION_COMPLETED ? "DELEGATION_COMPLETE"
					       : "DELEGATION_FAILED");
}

bool delegation_answered(struct platform *platform, struct member *from,
			 struct member *to, const char *named, const char *text)
{
	struct delegation *delegation = to->delegations.oldest;

	for (; delegation; delegation = delegation->newer) {
		if (delegation->target != from ||
		    delegation->status != DELEGATION_QUEUED)
			continue;
		if (named && strcmp(delegation->id.text, named) != 0)
			continue;
		settle(platform, delegation, DELEGATION_COMPLETED, text);
		return true;
	}
	return false;
}

const char *delegation_named(const json_t *envelope)
{
	const json_t *params = json_object_get(envelope, "params");
	const json_t *message = json_object_get(params, "message");
	const char *named = json_get_text(json_object_get(params, "metadata"),
					  "delegation_id");

	if (!named)
		named = json_get_text(json_object_get(message, "metadata"),
				      "delegation_id");
	return named;
}

void delegation_target_gone(struct platform *platform, struct member *target)
{
	struct member *member = platform->members.first;
	struct delegation *delegation;

	for (; member; member = member->next) {
		delegation = member->delegations.oldest;
		for (; delegation; delegation = delegation->newer) {
			if (delegation->target == target &&
			    delegation->status == DELEGATION_QUEUED)
				settle(platform, delegation, DELEGATION_FAILED,
				       "the target workspace was removed");
		}
	}
}

static struct delegation *same_key(const struct delegation_list *list,
				   const char *key)
{
	struct delegation *delegation = list->newest;

	for (; key && delegation; delegation = delegation->older) {
		if (delegation->key && strcmp(delegation->key, key) == 0 &&
		    delegation->status != DELEGATION_FAILED)
			return delegation;
	}
	return NULL;
}

static void drop_oldest(struct delegation_list *list)
{
	struct delegation *delegation = list->oldest;

	list->oldest = delegation->newer;
	if (list->oldest)
		list->oldest->older = NULL;
	else
		list->newest = NULL;
	list->count--;
	delegation_release(delegation);
}

static struct delegation *delegation_new(struct platform *platform,
					 struct member *source,
					 struct member *target,
					 const char *task, const char *key)
{
	struct delegation_list *list = &source->delegations;
	struct delegation *delegation = calloc(1, sizeof(*delegation));

	if (!delegation)
		return NULL;
	ident_random(platform->rt, &delegation->id);
	delegation->source = source;
	delegation->target = target;
	delegation->created_us = platform_stamp(platform);
	delegation->task = preview(task);
	if (!delegation->task || member_set_text(&delegation->key, key) < 0) {
		delegation_release(delegation);
		return NULL;
	}
	if (list->count >= DELEGATIONS_MAX)
		drop_oldest(list);
	delegation->older = list->newest;
	if (list->newest)
		list->newest->newer = delegation;
	else
		list->oldest = delegation;
	list->newest = delegation;
	list->count++;
	return delegation;
}

/* The task as a message in the target's log, which names the delegation. */
static int deliver(struct platform *platform,
		   const struct delegation *delegation, const char *task)
{
	struct envelope envelope;
	int err = envelope_make(&envelope, platform->rt, task, NULL);

	if (err < 0)
		return err;
	err = json_object_set_new(
		json_object_get(envelope.json, "params"), "metadata",
		json_pack("{s:s}", "delegation_id", delegation->id.text));
	if (err < 0 ||
	    !relay_deliver(platform, delegation->source, delegation->target,
			   &envelope, strlen(task)))
		err = -ENOMEM;
	envelope_free(&envelope);
	return err;
}

static void repeat(struct exchange *x, const struct delegation *delegation)
{
	exchange_json(x, 200,
		      json_pack("{s:s, s:s, s:s, s:b}", "delegation_id",
				delegation->id.text, "status",
				status_text(delegation), "target_id",
				delegation->target->id.text, "idempotent_hit",
				1));
}

static void delegate(struct exchange *x, struct member *target,
		     const char *task, const char *key, const char *named)
{
	struct delegation *delegation =
		delegation_new(x->platform, x->member, target, task, key);

	if (!delegation || deliver(x->platform, delegation, task) < 0) {
		if (delegation)
			settle(x->platform, delegation, DELEGATION_FAILED,
			       "out of memory");
		exchange_error(x, 500, "out of memory");
		return;
	}
	publish(x->platform, delegation, "DELEGATION_SENT");
	publish(x->platform, delegation, "DELEGATION_STATUS");
	if (delegation_answered(x->platform, x->member, target, named, task))
		settle(x->platform, delegation, DELEGATION_COMPLETED,
		       "delivered as the answer to a delegation");
	exchange_json(x, 202,
		      json_pack("{s:s, s:s, s:s}", "delegation_id",
				delegation->id.text, "status", "delegated",
				"target_id", target->id.text));
}

/* What is wrong with the body, NULL when nothing is. */
static const char *fault_of(const struct exchange *x, const json_t *body,
			    struct ident *target)
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
	if (ident_equal(target, &x->member->id))
		return "a workspace cannot delegate to itself";
	return NULL;
}

void delegation_post(struct exchange *x)
{
	json_t *body = exchange_body(x);
	const char *key = json_get_text(body, "idempotency_key");
	struct delegation *same;
	struct member *target;
	struct ident id;
	const char *fault = fault_of(x, body, &id);

	if (fault) {
		exchange_error(x, 400, fault);
		goto done;
	}
	target = members_find(x->platform, &id);
	if (!target || !member_may_reach(x->member, target)) {
		exchange_error(x, 403,
			       "not authorized to delegate to this workspace");
		goto done;
	}
	if (target->push) {
		exchange_error(x, 502,
			       "the workspace is in push mode, and this "
			       "platform delivers only to those that poll");
		goto done;
	}
	if (key && !*key)
		key = NULL;
	same = same_key(&x->member->delegations, key);
	if (same && same->target == target)
		repeat(x, same);
	else
		delegate(x, target, json_get_text(body, "task"), key,
			 json_get_text(body, "delegation_id"));
done:
	json_decref(body);
}

static json_t *delegation_json(const struct delegation *delegation)
{
	char created[STAMP_TEXT_MAX];
	json_t *json;

	stamp_format(created, delegation->created_us);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id",
			 delegation->id.text, "type", "delegation", "source_id",
			 delegation->source->id.text, "target_id",
			 delegation->target->id.text, "summary",
			 delegation->task, "status", status_text(delegation),
			 "created_at", created, "delegation_id",
			 delegation->id.text);
	if (json && delegation->status == DELEGATION_COMPLETED)
		json_set_text(json, "response_preview", delegation->answer);
	if (json && delegation->status == DELEGATION_FAILED)
		json_set_text(json, "error", delegation->answer);
	return json;
}

void delegation_get(struct exchange *x)
{
	const struct delegation *delegation = x->member->delegations.newest;
	json_t *list = json_array();

	for (; delegation && json_array_size(list) < DELEGATIONS_SHOWN;
	     delegation = delegation->older) {
		if (json_array_append_new(list, delegation_json(delegation)) <
		    0)
			break;
	}
	exchange_json(x, 200, list);
}

void delegation_free(struct delegation_list *list)
{
	while (list->oldest)
		drop_oldest(list);
}
