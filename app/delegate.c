// SPDX-License-Identifier: MIT
#include "app/delegate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/config.h"
#include "app/fleet.h"
#include "app/platform_client.h"
#include "app/tools_call.h"
#include "proto/a2a.h"
#include "proto/json.h"
#include "proto/payload.h"
#include "proto/uuid.h"
#include "runtime/io.h"
#include "runtime/task.h"

/* The peer's id as models write it: with spaces around, in capitals. One that
 * is no UUID stays as it is; the platform does not know it. */
static bool take_peer_id(struct delegate *d, const char *given)
{
	if (uuid_normalise(d->peer_id, given))
		return true;
	if (strlen(given) >= sizeof(d->peer_id))
		return false;
	memcpy(d->peer_id, given, strlen(given) + 1);
	return true;
}

static bool is_own(const struct delegate *d)
{
	return strcasecmp(d->peer_id, d->call->source->who.workspace_id) == 0;
}

static void refuse_own(const struct delegate *d, const char *tool)
{
	bool several = d->call->tools->fleet->count > 1;

	tools_call_fail(
		d->call,
		"Error: cannot %s to your own workspace: it would wait for "
		"itself. Do the task here, or choose a peer (list_peers)%s.",
		tool,
		several ? ", or name another workspace of this process as "
			  "source_workspace_id"
			: "");
}

static void set_budget(struct delegate *d)
{
	const struct config *config = d->call->tools->config;

	if (config && config->delegation_budget_s)
		d->budget_ms = INT64_C(1000) * config->delegation_budget_s;
	else if (d->call->progress)
		d->budget_ms = DELEGATE_BUDGET_MS;
	else
		d->budget_ms = DELEGATE_PATIENCE_MS;
	d->until = deadline_in_ms(d->call->tools->rt, d->budget_ms);
}

bool delegate_read(struct delegate *d, struct tool_call *call, const char *tool)
{
	const char *peer_id;

	*d = (struct delegate){ .call = call };
	if (!tools_call_string(call, "workspace_id", &peer_id) ||
	    !tools_call_string(call, "task", &d->task))
		return false;
	if (!*peer_id || !*d->task) {
		tools_call_fail(call,
				"Error: workspace_id and task are required");
		return false;
	}
	if (!tools_call_source(call, "source_workspace_id", peer_id))
		return false;
	if (!take_peer_id(d, peer_id)) {
		tools_call_fail(call, "Error: workspace_id is no workspace ID: "
				      "list_peers shows those of your peers");
		return false;
	}
	if (is_own(d)) {
		refuse_own(d, tool);
		return false;
	}
	d->name = d->peer_id;
	set_budget(d);
	return true;
}

/* Whether no connection came about, for a reason that may pass. */
static bool unconnected(const struct platform_reply *reply)
{
	if (reply->err == 0 || reply->phase != HTTP_PHASE_CONNECT)
		return false;
	switch (-reply->err) {
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

bool delegate_again(struct delegate *d, const struct platform_reply *reply,
		    bool passing, const char *what)
{
	struct tool_call *call = d->call;
	struct rt *rt = call->tools->rt;
	uint32_t random;
	int64_t rest_ms;

	if (!passing && !unconnected(reply))
		return false;
	if (++d->attempts >=
	    (passing ? DELEGATE_ATTEMPTS : DELEGATE_CONNECT_ATTEMPTS))
		return false;
	io_random(rt, &random, sizeof(random));
	rest_ms = workspace_backoff_ms(d->attempts - 1, random,
				       reply->retry_after_ms);
	if (rest_ms * CLOCK_NS_PER_MS >= deadline_left_ns(rt, d->until))
		return false;
	snprintf(call->doing, sizeof(call->doing),
		 "%.64s: %s; trying again in %d s", d->name, what,
		 (int)((rest_ms + 999) / 1000));
	return task_sleep(rt, deadline_in_ms(rt, rest_ms)) == 0;
}

/* The platform is not there for the moment; a repetition is harmless since it
 * knows the task by its key. */
static bool is_passing(const struct platform_reply *reply)
{
	return reply->err == 0 &&
	       (reply->status == 429 || reply->status == 503);
}

static void post_once(struct delegate *d, const char *again,
		      struct platform_reply *reply)
{
	char key[PAYLOAD_KEY_LEN + 1];

	payload_idempotency_key(key, d->peer_id, d->task, again);
	d->attempts = 0;
	for (;;) {
		platform_delegate(d->call->tools->client, &d->call->source->who,
				  d->peer_id, d->task, key, reply);
		if (!delegate_again(d, reply, is_passing(reply),
				    "the platform is busy"))
			return;
		platform_reply_free(reply);
	}
}

/* The platform knows a task by its text. While one is under way a repetition
 * is answered with that one; when it has ended the task is wanted anew. */
static bool has_ended(const struct platform_reply *reply)
{
	return platform_ok(reply) &&
	       json_get_true(reply->json, "idempotent_hit") &&
	       payload_delegation_over(json_get_text(reply->json, "status"));
}

void delegate_post(struct delegate *d, struct platform_reply *reply)
{
	char again[UUID_LEN + 1];

	post_once(d, NULL, reply);
	if (!has_ended(reply))
		return;
	platform_new_id(d->call->tools->rt, again);
	platform_reply_free(reply);
	post_once(d, again, reply);
}

const char *delegate_meaning(const struct platform_reply *reply, char *buf,
			     size_t cap)
{
	const char *meaning = reply->err ? NULL
					 : a2a_status_meaning(reply->status);

	if (!meaning)
		return "";
	snprintf(buf, cap, " (%s)", meaning);
	return buf;
}

void delegate_not_posted(struct delegate *d, const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX], meaning[DELEGATE_MEANING_MAX];

	if (reply->err)
		tools_call_fail(d->call,
				"Error: delegation failed \xE2\x80\x94 %s",
				platform_reply_text(reply, text, sizeof(text)));
	else if (platform_ok(reply))
		tools_call_fail(d->call,
				"Error: delegation failed \xE2\x80\x94 the "
				"platform's answer has no delegation_id");
	else
		tools_call_fail(
			d->call,
			"Error: delegation failed with status %d: %s%s",
			reply->status,
			platform_reply_excerpt(reply, text, sizeof(text)),
			delegate_meaning(reply, meaning, sizeof(meaning)));
}
