// SPDX-License-Identifier: MIT
/* delegate_task_async and check_task_status: delegations by handle. */
#include "app/tools_call.h"

#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/listing.h"
#include "proto/payload.h"

/* A delegation to be started. */
struct start {
	const char *peer_id;
	const char *task;
};

static void start(const struct tools *tools, const struct start *what,
		  const char *again, struct platform_reply *reply)
{
	char key[PAYLOAD_KEY_LEN + 1];

	payload_idempotency_key(key, what->peer_id, what->task, again);
	platform_delegate(tools->client, tools->identity, what->peer_id,
			  what->task, key, reply);
}

/* The platform knows a task by its text. While one is under way a repetition
 * is answered with that one; when it has ended the task is wanted anew. */
static bool has_ended(const struct platform_reply *reply)
{
	return platform_ok(reply) &&
	       json_get_true(reply->json, "idempotent_hit") &&
	       payload_delegation_over(json_get_text(reply->json, "status"));
}

static void started(struct tool_call *call, const struct start *what,
		    const json_t *answer)
{
	bool repeated = json_get_true(answer, "idempotent_hit");
	const char *id = json_get_text(answer, "delegation_id");
	const char *status =
		repeated ? json_get_text_or(answer, "status", "delegated")
			 : "delegated";
	json_t *json;

	if (!id) {
		tools_call_fail(call,
				"Error: delegation failed \xE2\x80\x94 the "
				"platform's answer has no delegation_id");
		return;
	}
	json = json_pack("{s:s, s:s, s:s}", "delegation_id", id, "workspace_id",
			 what->peer_id, "status", status);
	if (json && repeated)
		json_object_set_new(json, "idempotent_hit", json_true());
	if (json)
		json_set_text(
			json, "note",
			repeated ? "This is the same delegation as before: the "
				   "same task is already with that workspace "
				   "and was not sent again. Ask "
				   "check_task_status for the outcome."
				 : "The task was delegated. Ask "
				   "check_task_status with this delegation_id "
				   "for the outcome.");
	tools_call_json(call, json, 0);
}

static void not_started(struct tool_call *call,
			const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX];

	if (reply->err)
		tools_call_fail(call,
				"Error: delegation failed \xE2\x80\x94 %s",
				platform_reply_text(reply, text, sizeof(text)));
	else
		tools_call_fail(
			call, "Error: delegation failed with status %d: %s",
			reply->status,
			platform_reply_excerpt(reply, text, sizeof(text)));
}

void tools_delegate_task_async(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	struct start what;

	if (!tools_call_string(call, "workspace_id", &what.peer_id) ||
	    !tools_call_string(call, "task", &what.task))
		return;
	if (!*what.peer_id || !*what.task) {
		tools_call_fail(call,
				"Error: workspace_id and task are required");
		return;
	}
	start(tools, &what, NULL, &reply);
	if (has_ended(&reply)) {
		char again[UUID_LEN + 1];

		platform_new_id(tools->rt, again);
		platform_reply_free(&reply);
		start(tools, &what, again, &reply);
	}
	if (platform_ok(&reply))
		started(call, &what, reply.json);
	else
		not_started(call, &reply);
	platform_reply_free(&reply);
}

static void status_of(struct tool_call *call, const json_t *rows,
		      const char *task_id)
{
	json_t *row;

	if (!*task_id) {
		tools_call_json(call, listing_delegations(rows), 0);
		return;
	}
	row = listing_delegation(rows, task_id);
	if (row)
		tools_call_json(call, json_incref(row), 0);
	else
		tools_call_json(call,
				json_pack("{s:s, s:s}", "status", "not_found",
					  "delegation_id", task_id),
				0);
}

void tools_check_task_status(struct tool_call *call)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];
	const char *task_id;

	if (!tools_call_string(call, "task_id", &task_id))
		return;
	platform_delegations(tools->client, tools->identity, &reply);
	if (reply.err)
		tools_call_fail(
			call, "Error checking delegations: %s",
			platform_reply_text(&reply, text, sizeof(text)));
	else if (!platform_ok(&reply))
		tools_call_fail(call, "Error: failed to check delegations (%d)",
				reply.status);
	else if (!json_is_array(reply.json))
		tools_call_fail(call, "Error checking delegations: the "
				      "platform's answer is not a list");
	else
		status_of(call, reply.json, task_id);
	platform_reply_free(&reply);
}
