// SPDX-License-Identifier: MIT
/* The tools that show this workspace and those around it. */
#include "app/tools_call.h"

#include <stdlib.h>
#include <string.h>

#include "app/delegate.h"
#include "app/fleet.h"
#include "app/peers.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/listing.h"
#include "proto/text.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* Workspaces asked at a time. */
#define AT_ONCE 8
/* Failures that are told; the others are counted. */
#define FAILURES_MAX 20
#define DIAGNOSIS_MAX (PLATFORM_TEXT_MAX + 128)

/* Asking some or all of the members for their peers. */
struct survey {
	struct tool_call *call;
	struct member *members;
	size_t count;
	size_t next;			/* the first that nobody asks yet */
	struct platform_reply *replies; /* one for each */
	struct listing listing;
	json_t *failures; /* an array */
	size_t failed;
	struct text diagnoses; /* "[8dad3e29] what; [...] what" */
};

static void ask_next(struct rt *rt, void *arg)
{
	struct survey *survey = arg;

	(void)rt;
	while (survey->next < survey->count) {
		size_t i = survey->next++;

		platform_peers(survey->call->tools->client,
			       &survey->members[i].who, &survey->replies[i]);
	}
}

/* Asks them all, several at a time. Parks. */
static void ask_all(struct survey *survey)
{
	struct rt *rt = survey->call->tools->rt;
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	for (size_t i = 1; i < survey->count && i < AT_ONCE; i++)
		if (task_spawn(&scope, "peers", TASK_STACK_LARGE, ask_next,
			       survey) != 0)
			break;
	ask_next(rt, survey);
	scope_join(&scope);
}

/* What to call a member in one line. */
static const char *short_id(const struct member *member, char buf[9])
{
	if (member->who.suffix && *member->who.suffix == '_')
		return member->who.suffix + 1;
	strncpy(buf, member->who.workspace_id, 8);
	buf[8] = '\0';
	return buf;
}

static bool is_list(const struct platform_reply *reply)
{
	return platform_ok(reply) && json_is_array(reply->json);
}

/* Why there is no list, for a person. */
static const char *diagnosis(const struct platform_reply *reply,
			     char buf[DIAGNOSIS_MAX])
{
	char text[PLATFORM_TEXT_MAX], meaning[PLATFORM_MEANING_MAX] = "";
	const char *what;

	if (platform_ok(reply))
		return reply->json ? "the platform's answer is not a list"
				   : "the platform's answer is not JSON";
	if (reply->err)
		what = "the platform could not be asked";
	else if (platform_unauthorised(reply))
		what = "the platform refused the token";
	else if (reply->status == 404)
		what = "the platform does not know this workspace";
	else if (reply->status >= 500)
		what = "the platform failed";
	else
		what = "the platform refused";
	if (!platform_unauthorised(reply)) /* the text has the token's source */
		platform_reply_meaning(reply, meaning, sizeof(meaning));
	snprintf(buf, DIAGNOSIS_MAX, "%s: %s%s", what,
		 platform_reply_text(reply, text, sizeof(text)), meaning);
	return buf;
}

static void note_failure(struct survey *survey, const struct member *member,
			 const char *why)
{
	json_t *failure;
	char buf[9];

	if (++survey->failed > FAILURES_MAX)
		return;
	if (survey->diagnoses.len > 0)
		text_add(&survey->diagnoses, "; ");
	text_format(&survey->diagnoses, "[%s] %s", short_id(member, buf), why);
	if (!survey->failures)
		survey->failures = json_array();
	failure = json_pack("{s:s, s:o}", "workspace_id",
			    member->who.workspace_id, "error",
			    json_string_clean_z(why));
	if (json_array_append_new(survey->failures, failure) != 0)
		survey->listing.failed = true;
}

static void remember_peers(struct survey *survey, const json_t *list,
			   struct member *via)
{
	struct peers *peers = survey->call->tools->peers;
	const json_t *peer;
	size_t i;

	json_array_foreach(list, i, peer)
	{
		const char *id = json_get_text(peer, "id");

		if (peers && id)
			peers_seen(peers, id, json_get_text(peer, "name"),
				   json_get_text(peer, "role"), via);
	}
}

static void collect(struct survey *survey)
{
	bool several = survey->count > 1;

	for (size_t i = 0; i < survey->count; i++) {
		struct platform_reply *reply = &survey->replies[i];
		struct member *member = &survey->members[i];
		char buf[DIAGNOSIS_MAX], id[9];

		if (is_list(reply)) {
			listing_add_peers(
				&survey->listing, reply->json,
				several ? member->who.workspace_id : NULL,
				several ? short_id(member, id) : NULL);
			remember_peers(survey, reply->json, member);
		} else {
			note_failure(survey, member, diagnosis(reply, buf));
		}
		platform_reply_free(reply);
	}
	if (survey->failed > FAILURES_MAX)
		text_format(&survey->diagnoses, "; and %zu more",
			    survey->failed - FAILURES_MAX);
}

/* The text: the peers, and what could not be listed. */
static char *survey_text(struct survey *survey)
{
	struct text *text = &survey->listing.text;
	char *diagnoses = text_take(&survey->diagnoses);

	if (survey->failed && text->len == 0)
		text_format(text, "No peers found. %s",
			    diagnoses ? diagnoses : "");
	else if (survey->failed)
		text_format(text,
			    "\nThe peers of %zu workspace(s) could not be "
			    "listed: %s",
			    survey->failed, diagnoses ? diagnoses : "");
	else if (text->len == 0)
		text_add(text, LISTING_NO_PEERS);
	if (survey->listing.left_out)
		text_format(text, "\n(truncated: %zu more peers)",
			    survey->listing.left_out);
	free(diagnoses);
	return text_take(text);
}

/* {"peers": […][, "failures": […]][, "truncated": true], "untrusted": true};
 * names and roles are what others chose. */
static json_t *survey_object(struct survey *survey)
{
	json_t *object = json_object();
	int err = survey->listing.failed;

	if (!survey->listing.list)
		survey->listing.list = json_array();
	err = err || json_object_set(object, "peers", survey->listing.list);
	if (survey->failures)
		err = err ||
		      json_object_set(object, "failures", survey->failures);
	if (survey->listing.left_out)
		err = err ||
		      json_object_set_new(object, "truncated", json_true());
	err = err || json_object_set_new(object, "untrusted", json_true());
	if (!err)
		return object;
	json_decref(object);
	return NULL;
}

static void tell(struct survey *survey)
{
	struct tool_call *call = survey->call;
	json_t *object = survey_object(survey);

	call->is_error = survey->failed == survey->count;
	call->untrusted = !call->is_error;
	if (object)
		tools_call_take(call, survey_text(survey));
	if (call->is_error)
		json_decref(object);
	else
		tools_call_structured(call, object);
}

void tools_list_peers(struct tool_call *call)
{
	struct fleet *fleet = call->tools->fleet;
	struct survey survey = { .call = call };
	const char *source;

	if (!tools_call_string(call, "source_workspace_id", &source) ||
	    !tools_call_source(call, "source_workspace_id", NULL))
		return;
	survey.members = *source ? call->source : fleet->members;
	survey.count = *source ? 1 : fleet->count;
	survey.replies = calloc(survey.count, sizeof(*survey.replies));
	if (!survey.replies)
		return;
	ask_all(&survey);
	collect(&survey);
	if (!task_cancelled(call->tools->rt))
		tell(&survey);
	text_free(&survey.listing.text);
	text_free(&survey.diagnoses);
	json_decref(survey.listing.list);
	json_decref(survey.failures);
	free(survey.replies);
}

/* {"error": …}, and more about it where there is more to say. */
static void info_failed(struct tool_call *call, const char *error,
			const char *detail)
{
	json_t *json = json_object();

	call->is_error = true;
	if (json && (json_set_text(json, "error", error) != 0 ||
		     json_set_text(json, "detail", detail) != 0)) {
		json_decref(json);
		json = NULL;
	}
	tools_call_json(call, json, 2);
}

/* {"error": "removed", "id", "removed_at", "hint"} */
static void removed(struct tool_call *call, const json_t *answer)
{
	static const char *const keys[] = { "id", "removed_at", "hint" };
	json_t *json = json_pack("{s:s}", "error", "removed");

	call->is_error = true;
	for (size_t i = 0; json && i < sizeof(keys) / sizeof(*keys); i++)
		if (json_object_get(answer, keys[i]))
			json_object_set(json, keys[i],
					json_object_get(answer, keys[i]));
	if (json && !json_object_get(json, "hint"))
		json_set_text(json, "hint",
			      "This workspace has been removed from the "
			      "platform. Make a new one in the canvas and "
			      "configure its ID and token.");
	tools_call_json(call, json, 2);
}

static void info_refused(struct tool_call *call,
			 const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX], meaning[DELEGATE_MEANING_MAX];
	char detail[PLATFORM_TEXT_MAX + DELEGATE_MEANING_MAX];

	platform_reply_text(reply, text, sizeof(text));
	if (reply->err) {
		info_failed(call, text, NULL);
		return;
	}
	snprintf(detail, sizeof(detail), "%s%s", text,
		 delegate_meaning(reply, meaning, sizeof(meaning)));
	info_failed(call, "not found", reply->status == 404 ? NULL : detail);
}

void tools_get_workspace_info(struct tool_call *call)
{
	struct platform_reply reply;

	if (!tools_call_source(call, "source_workspace_id", NULL))
		return;
	platform_workspace(call->tools->client, &call->source->who, NULL,
			   &reply);
	if (platform_ok(&reply) && json_is_object(reply.json))
		tools_call_json(call, json_incref(reply.json), 2);
	else if (platform_ok(&reply))
		info_failed(call,
			    reply.json ? "the platform's answer is no object"
				       : "the platform's answer is not JSON",
			    NULL);
	else if (reply.err == 0 && reply.status == 410)
		removed(call, reply.json);
	else
		info_refused(call, &reply);
	platform_reply_free(&reply);
}
