// SPDX-License-Identifier: MIT
#include "app/platform/delegation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/envelope.h"
#include "app/platform/events.h"
#include "app/platform/members.h"
#include "app/platform/relay.h"
#include "app/platform/rows.h"
#include "app/platform/state.h"
#include "proto/json.h"

static const char *const status_texts[DELEGATION_STATUS_COUNT] = {
	[DELEGATION_PENDING] = "pending",
	[DELEGATION_DISPATCHED] = "dispatched",
	[DELEGATION_QUEUED] = "queued",
	[DELEGATION_IN_PROGRESS] = "in_progress",
	[DELEGATION_STUCK] = "stuck",
	[DELEGATION_COMPLETED] = "completed",
	[DELEGATION_FAILED] = "failed",
};

const char *delegation_status_text(enum delegation_status status)
{
	return status_texts[status];
}

static size_t preview_len(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max) {
		len = max;
		while (len > 0 && (text[len] & 0xc0) == 0x80)
			len--;
	}
	return len;
}

json_t *delegation_preview(const char *text, size_t max)
{
	return json_stringn(text, preview_len(text, max));
}

static bool is_over(const struct delegation *delegation)
{
	return delegation->status == DELEGATION_COMPLETED ||
	       delegation->status == DELEGATION_FAILED;
}

/* Tells the source's stream; takes `value`, whose name is `name`. */
static void publish(struct platform *platform,
		    const struct delegation *delegation, const char *type,
		    const char *name, json_t *value)
{
	events_publish(platform, delegation->source, type,
		       json_pack("{s:s, s:s, s:o}", "delegation_id",
				 delegation->id.text, "target_id",
				 delegation->target->id.text, name, value));
}

static void publish_status(struct platform *platform,
			   const struct delegation *delegation)
{
	publish(platform, delegation, "DELEGATION_STATUS", "status",
		json_string(status_texts[delegation->status]));
}

/* What its row shows. */
static void row_update(const struct delegation *delegation, const char *error)
{
	struct row *row = rows_find(&delegation->source->log, &delegation->row);

	if (!row)
		return;
	rows_set(row, "status", json_string(status_texts[delegation->status]));
	if (error)
		rows_set(row, "error_detail", json_string(error));
}

/* What the row of a result says. */
struct result {
	const char *summary, *error;
	json_t *body; /* owned */
};

static struct result result_of(const struct delegation *delegation,
			       const char *text, char summary[128])
{
	const char *id = delegation->id.text;
	struct result result = { .summary = summary };

	switch (delegation->status) {
	case DELEGATION_COMPLETED:
		result.body = json_pack("{s:s, s:s}", "text", text,
					"delegation_id", id);
		(void)snprintf(summary, 128, "Delegation completed (%.*s)",
			       (int)preview_len(text, DELEGATION_SUMMARY_MAX),
			       text);
		break;
	case DELEGATION_FAILED:
		result.body = json_pack("{s:s}", "delegation_id", id);
		result.error = text;
		result.summary = "Delegation failed";
		break;
	default:
		result.body = json_pack("{s:s, s:b}", "delegation_id", id,
					"queued", 1);
		result.summary = "Delegation queued — target at capacity";
	}
	return result;
}

/* Fills in the row of an answer that was to come; false when there is none. */
static bool result_stitch(struct delegation *delegation,
			  const struct result *result)
{
	struct row *row =
		rows_find(&delegation->source->log, &delegation->result);

	delegation->result = (struct ident){ 0 };
	if (!row)
		return false;
	rows_set(row, "status", json_string(status_texts[delegation->status]));
	rows_set(row, "summary", json_string(result->summary));
	rows_set(row, "response_body", json_incref(result->body));
	if (result->error)
		rows_set(row, "error_detail", json_string(result->error));
	return true;
}

/* Leaves the end in the inbox of who gave the task; nothing announces it. */
static void result_push(struct platform *platform,
			const struct delegation *delegation, const char *text)
{
	bool failed = delegation->status == DELEGATION_FAILED;
	const char *id = delegation->id.text;
	json_t *request = json_pack("{s:s}", "delegation_id", id);
	json_t *response = json_pack("{s:s, s:s}", "text", failed ? "" : text,
				     "delegation_id", id);

	(void)rows_add(platform, delegation->source,
		       &(struct row_draft){
			       .method = "delegate_result",
			       .source = &delegation->source->id,
			       .target = &delegation->target->id,
			       .summary = failed ? "Delegation failed"
						 : "Delegation result "
						   "delivered",
			       .status = failed ? "error" : "ok",
			       .error_detail = failed ? text : NULL,
			       .request = request,
			       .response = response,
			       .bytes = strlen(text),
		       });
	json_decref(request);
	json_decref(response);
}

/* The row of a result, for good or for the time being. */
static void result_record(struct platform *platform,
			  struct delegation *delegation, const char *text)
{
	char summary[128];
	struct result result = result_of(delegation, text, summary);
	struct row *row = NULL;

	if (!result_stitch(delegation, &result))
		row = rows_add(
			platform, delegation->source,
			&(struct row_draft){
				.type = "delegation",
				.method = "delegate_result",
				.source = &delegation->source->id,
				.target = &delegation->target->id,
				.summary = result.summary,
				.status = status_texts[delegation->status],
				.error_detail = result.error,
				.response = result.body,
				.bytes = strlen(text),
			});
	if (row && delegation->status == DELEGATION_QUEUED)
		delegation->result = row->id;
	json_decref(result.body);
}

static void conclude(struct platform *platform, struct delegation *delegation,
		     const char *text)
{
	bool failed = delegation->status == DELEGATION_FAILED;

	if (failed)
		publish(platform, delegation, "DELEGATION_FAILED", "error",
			json_string(text));
	else
		publish(platform, delegation, "DELEGATION_COMPLETE",
			"response_preview",
			delegation_preview(text, DELEGATION_EVENT_MAX));
	if (platform->options.push_results)
		result_push(platform, delegation, text);
}

void delegation_move(struct platform *platform, struct delegation *delegation,
		     enum delegation_status status, const char *text)
{
	delegation->status = status;
	if (is_over(delegation) ||
	    (status == DELEGATION_QUEUED && ident_none(&delegation->result)))
		result_record(platform, delegation, text);
	row_update(delegation, status == DELEGATION_FAILED ? text : NULL);
	if (is_over(delegation))
		conclude(platform, delegation, text);
	else
		publish_status(platform, delegation);
}

bool delegation_answered(struct platform *platform, struct member *from,
			 struct member *to, const char *named, const char *text)
{
	struct delegation *delegation = to->delegations.oldest;

	if (!platform->options.track_delegations)
		return false;
	for (; delegation; delegation = delegation->newer) {
		if (delegation->target != from || is_over(delegation))
			continue;
		if (named && strcmp(delegation->id.text, named) != 0)
			continue;
		delegation_move(platform, delegation, DELEGATION_COMPLETED,
				text);
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
			    !is_over(delegation))
				delegation_move(
					platform, delegation, DELEGATION_FAILED,
					"the target workspace was removed");
		}
	}
}

struct delegation *delegation_by_id(const struct delegation_list *list,
				    const struct ident *id)
{
	struct delegation *delegation = list->newest;

	while (delegation && !ident_equal(&delegation->id, id))
		delegation = delegation->older;
	return delegation;
}

struct delegation *delegation_by_key(const struct delegation_list *list,
				     const char *key)
{
	struct delegation *delegation = list->newest;

	for (; delegation; delegation = delegation->older) {
		if (delegation->key && strcmp(delegation->key, key) == 0 &&
		    delegation->status != DELEGATION_FAILED)
			return delegation;
	}
	return NULL;
}

static void release(struct delegation *delegation)
{
	free(delegation->key);
	free(delegation);
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
	release(delegation);
}

static void append(struct delegation_list *list, struct delegation *delegation)
{
	if (list->count >= DELEGATIONS_MAX)
		drop_oldest(list);
	delegation->older = list->newest;
	if (list->newest)
		list->newest->newer = delegation;
	else
		list->oldest = delegation;
	list->newest = delegation;
	list->count++;
}

/* The row that shows it. */
static int record(struct platform *platform, struct delegation *delegation,
		  const char *task)
{
	const char *id = delegation->id.text;
	char summary[IDENT_LEN + 32];
	json_t *request =
		json_pack("{s:s, s:s}", "task", task, "delegation_id", id);
	json_t *response = json_pack("{s:s}", "delegation_id", id);
	const struct row *row;

	(void)snprintf(summary, sizeof(summary), "Delegating to %s",
		       delegation->target->id.text);
	row = rows_add(platform, delegation->source,
		       &(struct row_draft){
			       .type = "delegation",
			       .method = "delegate",
			       .source = &delegation->source->id,
			       .target = &delegation->target->id,
			       .summary = summary,
			       .status = status_texts[delegation->status],
			       .request = request,
			       .response = response,
			       .bytes = strlen(task),
		       });
	json_decref(request);
	json_decref(response);
	if (!row)
		return -ENOMEM;
	delegation->row = row->id;
	return 0;
}

static struct delegation *delegation_new(struct platform *platform,
					 const struct delegation_order *order)
{
	struct delegation *delegation = calloc(1, sizeof(*delegation));

	if (!delegation)
		return NULL;
	ident_random(platform->rt, &delegation->id);
	delegation->source = order->source;
	delegation->target = order->target;
	if (member_set_text(&delegation->key, order->key) < 0 ||
	    record(platform, delegation, order->task) < 0) {
		release(delegation);
		return NULL;
	}
	append(&order->source->delegations, delegation);
	return delegation;
}

/* The task as a message, which is named after the delegation. */
static int envelope_of(struct envelope *envelope, struct platform *platform,
		       const struct delegation *delegation, const char *task)
{
	const char *id = delegation->id.text;
	int err = envelope_make(envelope, platform->rt, task, id);
	json_t *params;

	if (err < 0)
		return err;
	params = json_object_get(envelope->json, "params");
	err = json_object_set_new(json_object_get(params, "message"),
				  "metadata",
				  json_pack("{s:s}", "delegation_id", id));
	if (err < 0)
		envelope_free(envelope);
	return err < 0 ? -ENOMEM : 0;
}

/* Leaves the task with a poll-mode target; *queued is what that answers. */
static int leave(struct platform *platform, const struct delegation *delegation,
		 const char *task, char **queued)
{
	struct envelope envelope;
	const struct row *row;
	json_t *answer;
	size_t len;

	*queued = NULL;
	if (envelope_of(&envelope, platform, delegation, task) < 0)
		return -ENOMEM;
	row = relay_deliver(platform, &(struct relay_message){
					      .from = delegation->source,
					      .to = delegation->target,
					      .envelope = &envelope,
					      .bytes = strlen(task),
				      });
	answer = relay_queued(&envelope);
	if (row && answer)
		*queued = json_dump_line(answer, &len);
	json_decref(answer);
	envelope_free(&envelope);
	return *queued ? 0 : -ENOMEM;
}

static void hand_over(struct platform *platform, struct delegation *delegation,
		      const struct delegation_order *order)
{
	bool track = platform->options.track_delegations;
	char *queued;

	if (order->target->push) {
		if (order->target->answer)
			delegation_move(platform, delegation,
					DELEGATION_COMPLETED,
					order->target->answer);
		return;
	}
	if (leave(platform, delegation, order->task, &queued) < 0)
		delegation_move(platform, delegation, DELEGATION_FAILED,
				"out of memory");
	else if (!track)
		delegation_move(platform, delegation, DELEGATION_COMPLETED,
				queued);
	else if (delegation_answered(platform, order->source, order->target,
				     order->named, order->task))
		delegation_move(platform, delegation, DELEGATION_COMPLETED,
				"delivered as the answer to a delegation");
	else
		delegation_move(platform, delegation, DELEGATION_QUEUED, "");
	free(queued);
}

struct delegation *delegation_give(struct platform *platform,
				   const struct delegation_order *order)
{
	struct delegation *delegation = delegation_new(platform, order);

	if (!delegation)
		return NULL;
	publish(platform, delegation, "DELEGATION_SENT", "task_preview",
		delegation_preview(order->task, DELEGATION_TASK_MAX));
	delegation_move(platform, delegation, DELEGATION_DISPATCHED, "");
	hand_over(platform, delegation, order);
	return delegation;
}

void delegation_free(struct delegation_list *list)
{
	while (list->oldest)
		drop_oldest(list);
}
