// SPDX-License-Identifier: MIT
#include "app/workspace.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/identity.h"
#include "app/minted.h"
#include "app/platform_client.h"
#include "proto/payload.h"
#include "runtime/defect.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

static const char registration[] = "molecule-mcp: registration";

static void register_run(struct agenda_item *item);
static void beat_run(struct agenda_item *item);

void workspace_init(struct workspace *workspace,
		    const struct workspace_deps *deps)
{
	*workspace = (struct workspace){
		.deps = *deps,
		.started_ns = clock_now(deps->rt, CLOCK_ID_BOOTTIME),
		.rejected_ms = WORKSPACE_REJECTED_MS,
		.registration = { .run = register_run,
				  .name = "register",
				  .class = AGENDA_LATER },
		.beat = { .run = beat_run,
			  .name = "heartbeat",
			  .class = AGENDA_FIRST },
	};
	workspace->places = 1;
}

/* Among how many it has its place: those that the platform's limit leaves out
 * need none. */
static uint32_t places_of(const struct workspace *workspace)
{
	const struct pace *pace = workspace->deps.who->pace;
	uint32_t fitting = pace ? pace_fitting(pace) : UINT32_MAX;

	return workspace->place < fitting && fitting < workspace->places
		       ? fitting
		       : workspace->places;
}

int64_t workspace_phase(const struct workspace *workspace, uint32_t interval_ms)
{
	int64_t ms =
		(int64_t)interval_ms * workspace->place / places_of(workspace);

	return workspace->started_ns +
	       ms / WORKSPACE_STEP_MS * WORKSPACE_STEP_MS * CLOCK_NS_PER_MS;
}

static uint32_t beat_interval_ms(const struct workspace *workspace)
{
	const struct pace *pace = workspace->deps.who->pace;

	return pace ? pace_beat_ms(pace) : workspace->deps.config->heartbeat_ms;
}

static bool is_stretched(const struct workspace *workspace)
{
	return beat_interval_ms(workspace) >
	       workspace->deps.config->heartbeat_ms;
}

/* Has the heartbeat go on early. */
static void nudge(struct workspace *workspace)
{
	if (workspace->agenda != NULL)
		agenda_now(workspace->agenda, &workspace->beat);
}

void workspace_fini(struct workspace *workspace)
{
	minted_forget(&workspace->secret);
	json_decref(workspace->card);
	workspace->card = NULL;
}

void workspace_set_card(struct workspace *workspace, json_t *card)
{
	json_decref(workspace->card);
	workspace->card = json_incref(card);
}

void workspace_rest(struct workspace *workspace, bool resting)
{
	if (workspace->resting == resting)
		return;
	workspace->resting = resting;
	workspace->due_ns = 0;
	if (!resting)
		nudge(workspace);
}

void workspace_task_begin(struct workspace *workspace)
{
	workspace->active++;
}

void workspace_task_end(struct workspace *workspace)
{
	workspace->active--;
}

int64_t workspace_next(int64_t start, int64_t now, int64_t interval_ns)
{
	if (now < start)
		return start;
	return start + ((now - start) / interval_ns + 1) * interval_ns;
}

struct deadline workspace_cadence(struct rt *rt, int64_t start,
				  uint32_t interval_ms, int64_t retry_ms)
{
	int64_t now = clock_now(rt, CLOCK_ID_BOOTTIME);
	int64_t next =
		workspace_next(start, now, interval_ms * CLOCK_NS_PER_MS);
	uint32_t slack = interval_ms / 8;

	if (retry_ms > WORKSPACE_RETRY_MAX_MS)
		retry_ms = WORKSPACE_RETRY_MAX_MS;
	if (retry_ms > 0 && next < now + retry_ms * CLOCK_NS_PER_MS)
		next = now + retry_ms * CLOCK_NS_PER_MS;
	if (slack > WORKSPACE_SLACK_MS)
		slack = WORKSPACE_SLACK_MS;
	return deadline_cadence(next, slack);
}

int64_t workspace_backoff_ms(uint32_t attempt, uint32_t random,
			     int64_t retry_after_ms)
{
	int64_t pause = WORKSPACE_BACKOFF_MAX_MS;

	if (attempt < 6)
		pause = (int64_t)WORKSPACE_BACKOFF_MS << attempt;
	if (pause > WORKSPACE_BACKOFF_MAX_MS)
		pause = WORKSPACE_BACKOFF_MAX_MS;
	pause = pause * 3 / 4 + random % (pause / 2 + 1);
	return pause > retry_after_ms ? pause : retry_after_ms;
}

/* A token that was refused: what to do about it, and how loud. */
static void log_refused(const struct workspace_failures *failures,
			const struct workspace_deps *deps, const char *what,
			const struct platform_reply *reply)
{
	uint32_t n = failures->unauthorised;
	char source[TOKEN_NAME_MAX];

	token_source_name(&deps->who->token, source, sizeof(source));
	if (DEFECT(TOKEN_LOGGED) && deps->who->token.value != NULL)
		snprintf(source, sizeof(source), "%s", deps->who->token.value);
	if (n < WORKSPACE_AUTH_LOUD)
		log_warning(deps->log,
			    "%s was refused with %d (%u/%d): the platform does "
			    "not accept the token from %s; if this goes on, "
			    "regenerate it in the canvas Tokens tab",
			    what, reply->status, n, WORKSPACE_AUTH_LOUD,
			    source);
	else if ((n - WORKSPACE_AUTH_LOUD) % WORKSPACE_AUTH_AGAIN == 0)
		log_error(deps->log,
			  "%s was refused %u times in a row, the last time "
			  "with %d: the token has been revoked, probably "
			  "because workspace %s was deleted. This server keeps "
			  "running, but every call will fail. Regenerate the "
			  "token in the canvas Tokens tab and replace it in "
			  "%s; restart if it stands in the host's "
			  "configuration",
			  what, n, reply->status, deps->who->workspace_id,
			  source);
}

void workspace_failed(struct workspace_failures *failures,
		      const struct workspace_deps *deps, const char *what,
		      const struct platform_reply *reply)
{
	int code = reply->err != 0 ? reply->err : reply->status;
	int64_t now = clock_now(deps->rt, CLOCK_ID_MONOTONIC);
	char text[PLATFORM_TEXT_MAX];

	if (reply->err == -ECANCELED || task_cancelled(deps->rt) != 0)
		return;
	failures->count++;
	if (platform_unauthorised(reply)) {
		failures->unauthorised++;
		failures->last = code;
		log_refused(failures, deps, what, reply);
		return;
	}
	if (code != failures->last || reply->mark != failures->mark)
		failures->limit = (struct log_limit){ 0 };
	failures->last = code;
	failures->mark = reply->mark;
	if (!log_limit_pass(&failures->limit, now, WORKSPACE_REPEAT_MS, NULL))
		return;
	platform_reply_text(reply, text, sizeof(text));
	if (failures->count > 1)
		log_warning(deps->log, "%s failed (%u in a row): %s", what,
			    failures->count, text);
	else
		log_warning(deps->log, "%s failed: %s", what, text);
}

void workspace_succeeded(struct workspace_failures *failures,
			 const struct workspace_deps *deps, const char *what)
{
	if (failures->count > 0)
		log_warning(deps->log, "%s works again after %u %s", what,
			    failures->count,
			    failures->count == 1 ? "failure" : "failures");
	*failures = (struct workspace_failures){ 0 };
}

/* The line on stderr that comes with exit code 3. */
static void tell_rejected(const struct workspace_deps *deps, int status)
{
	char source[TOKEN_NAME_MAX];
	char *text;

	token_source_name(&deps->who->token, source, sizeof(source));
	if (asprintf(&text,
		     "molecule-mcp: the platform refused to register workspace "
		     "%s (%d): the token from %s is not valid for it. "
		     "Regenerate the token in the canvas Tokens tab.\n",
		     deps->who->workspace_id, status, source) < 0)
		return;
	log_plain(deps->log, text);
	free(text);
}

static void send_registration(struct workspace *workspace,
			      struct platform_reply *reply)
{
	const struct workspace_deps *deps = &workspace->deps;
	char name[CONFIG_NAME_MAX];
	json_t *card = json_incref(workspace->card);

	if (card == NULL)
		card = payload_agent_card(
			config_agent_name(deps->config, deps->who->workspace_id,
					  name),
			deps->config->agent_description,
			deps->config->agent_skills);
	platform_register(deps->client, deps->who, card, reply);
	json_decref(card);
}

static void registered(struct workspace *workspace,
		       struct workspace_failures *failures, json_t *json)
{
	const struct workspace_deps *deps = &workspace->deps;
	bool rejected = workspace->rejected;

	workspace->registered = true;
	workspace->rejected = false;
	workspace_succeeded(failures, deps, registration);
	log_info(deps->log, "molecule-mcp: registered workspace %s",
		 deps->who->workspace_id);
	minted_secret(deps, &workspace->secret, json);
	minted_token(deps, json);
	if (!rejected)
		return;
	nudge(workspace);
	if (deps->accepted != NULL)
		deps->accepted(deps->arg);
}

/* One attempt. Returns whether it was the last one. While the workspace is
 * rejected there is no heartbeat. */
static bool register_once(struct workspace *workspace,
			  struct workspace_failures *failures,
			  int64_t *retry_ms)
{
	const struct workspace_deps *deps = &workspace->deps;
	struct platform_reply reply;
	bool over;

	send_registration(workspace, &reply);
	*retry_ms = reply.retry_after_ms;
	over = platform_ok(&reply);
	if (over) {
		registered(workspace, failures, reply.json);
	} else if (platform_unauthorised(&reply) && !workspace->registered &&
		   !workspace->rejected) {
		workspace->rejected = true;
		tell_rejected(deps, reply.status);
		deps->rejected(deps->arg, reply.status);
	} else {
		workspace_failed(failures, deps, registration, &reply);
	}
	platform_reply_free(&reply);
	/* The first beat has waited for this, or it comes in its turn. */
	if (!workspace->tried && !is_stretched(workspace))
		nudge(workspace);
	workspace->tried = true;
	return over;
}

/* The pause before the next attempt. */
static int64_t pause_ms(const struct workspace *workspace, uint32_t attempt,
			int64_t retry_ms)
{
	uint32_t random;

	io_random(workspace->deps.rt, &random, sizeof(random));
	if (workspace->rejected)
		return workspace->rejected_ms + random % workspace->rejected_ms;
	if (retry_ms > WORKSPACE_RETRY_MAX_MS)
		retry_ms = WORKSPACE_RETRY_MAX_MS;
	return workspace_backoff_ms(attempt, random, retry_ms);
}

/* True when the platform's limit wants a pause: the item comes again then. */
static bool must_wait(const struct workspace *workspace,
		      struct agenda_item *item, enum pace_class class)
{
	struct rt *rt = workspace->deps.rt;
	struct pace *pace = workspace->deps.who->pace;
	int64_t wait =
		pace ? pace_wait(pace, class, clock_now(rt, CLOCK_ID_MONOTONIC))
		     : 0;

	if (wait > 0)
		agenda_at(workspace->agenda, item,
			  clock_now(rt, CLOCK_ID_BOOTTIME) + wait,
			  WORKSPACE_SLACK_MS);
	return wait > 0;
}

/* Whether the platform's limit leaves this one its beats. */
static bool fits(struct workspace *workspace)
{
	const struct workspace_deps *deps = &workspace->deps;
	const struct pace *pace = deps->who->pace;
	bool out = pace && workspace->place >= pace_fitting(pace);

	/* Each in its turn: the log takes so much at a time. */
	if (out && !workspace->left_out && workspace->due_ns == 0)
		return false;
	if (out && !workspace->left_out)
		log_error(deps->log,
			  "molecule-mcp: workspace %s is not kept online: the "
			  "platform lets this machine ask %u times a minute, "
			  "which is enough for the heartbeats of %u of %u "
			  "workspaces. Raise the platform's limit, or serve "
			  "some of them from another address",
			  deps->who->workspace_id, pace->limit,
			  pace_fitting(pace), pace->members);
	else if (!out && workspace->left_out)
		log_warning(deps->log,
			    "molecule-mcp: workspace %s is kept online again",
			    deps->who->workspace_id);
	workspace->left_out = out;
	return !out;
}

static void register_run(struct agenda_item *item)
{
	struct workspace *workspace =
		(struct workspace *)((char *)item -
				     offsetof(struct workspace, registration));
	struct rt *rt = workspace->deps.rt;
	int64_t retry_ms, pause;

	if (!fits(workspace)) {
		agenda_at(workspace->agenda, item,
			  clock_now(rt, CLOCK_ID_BOOTTIME) +
				  WORKSPACE_BACKOFF_MAX_MS * CLOCK_NS_PER_MS,
			  WORKSPACE_SLACK_MS);
		return;
	}
	if (must_wait(workspace, item, PACE_CALL))
		return;
	if (workspace->deps.greeted && workspace->deps.who->url->https)
		event_wait(workspace->deps.greeted,
			   deadline_in_ms(rt, WORKSPACE_GREETING_MS));
	if (register_once(workspace, &workspace->register_failures,
			  &retry_ms)) {
		workspace->registering = false;
		return;
	}
	pause = pause_ms(workspace, workspace->attempt++, retry_ms);
	agenda_at(workspace->agenda, item,
		  clock_now(rt, CLOCK_ID_BOOTTIME) + pause * CLOCK_NS_PER_MS,
		  WORKSPACE_SLACK_MS);
}

/* Registers, unless that is under way. */
static int want_registration(struct workspace *workspace)
{
	if (workspace->registering)
		return 0;
	workspace->registering = true;
	workspace->attempt = 0;
	return agenda_now(workspace->agenda, &workspace->registration);
}

/* The answer must be there before the next beat is due, so that a platform
 * that hangs does not disturb the cadence. */
static int64_t beat_timeout_ms(const struct config *config)
{
	if (config->heartbeat_ms > PLATFORM_TIMEOUT_MS)
		return PLATFORM_TIMEOUT_MS;
	return config->heartbeat_ms > 1000 ? config->heartbeat_ms : 1000;
}

/* What an answer, or the lack of one, says about the platform's memory. */
static void judge_beat(struct workspace *workspace,
		       const struct platform_reply *reply)
{
	if (reply->err != 0 || reply->status >= 500) {
		workspace->unreachable = true;
		return;
	}
	if (reply->status == 404 ||
	    (platform_ok(reply) && workspace->unreachable))
		want_registration(workspace);
	if (platform_ok(reply))
		workspace->unreachable = false;
}

static void note_beat(struct workspace *workspace)
{
	int64_t now = clock_now(workspace->deps.rt, CLOCK_ID_BOOTTIME);
	int64_t gap = now - workspace->last_beat_ns;

	if (workspace->last_beat_ns > 0 && gap > workspace->longest_gap_ns)
		workspace->longest_gap_ns = gap;
	workspace->last_beat_ns = now;
	workspace->beats++;
}

/* A beat goes out. */
static void note_lateness(struct workspace *workspace)
{
	int64_t late = clock_now(workspace->deps.rt, CLOCK_ID_BOOTTIME) -
		       workspace->due_ns;

	if (workspace->due_ns > 0 && late > workspace->latest_ns)
		workspace->latest_ns = late;
}

static void beat(struct workspace *workspace, int64_t *retry_ms)
{
	static const char what[] = "molecule-mcp: heartbeat";
	const struct workspace_deps *deps = &workspace->deps;
	int64_t up =
		clock_now(deps->rt, CLOCK_ID_BOOTTIME) - workspace->started_ns;
	struct payload_heartbeat content = {
		.active_tasks = workspace->active,
		.uptime_secs = (uint64_t)(up / CLOCK_NS_PER_S),
	};
	struct platform_reply reply;

	note_lateness(workspace);
	platform_heartbeat(deps->client, deps->who, &content,
			   beat_timeout_ms(deps->config), &reply);
	*retry_ms = reply.retry_after_ms;
	judge_beat(workspace, &reply);
	if (platform_ok(&reply)) {
		note_beat(workspace);
		workspace_succeeded(&workspace->failures, deps, what);
		if (!minted_is_known(workspace->secret, reply.body,
				     reply.body_len))
			minted_secret(deps, &workspace->secret,
				      platform_reply_json(&reply));
	} else {
		workspace->beats_failed++;
		workspace_failed(&workspace->failures, deps, what, &reply);
	}
	platform_reply_free(&reply);
}

/* Where the limit stretches the cadence the first beats are not for all at
 * once: they would use up a window, and wait together for the next one. */
static bool comes_in_turn(const struct workspace *workspace)
{
	return workspace->due_ns == 0 && is_stretched(workspace);
}

/* For how long the machine has slept, but for a constant. */
static int64_t asleep_ns(struct rt *rt)
{
	return clock_now(rt, CLOCK_ID_BOOTTIME) -
	       clock_now(rt, CLOCK_ID_MONOTONIC);
}

/* Puts the next beat on the agenda; `asleep` is asleep_ns from before the last
 * one. When the machine was asleep while that was under way, it was long ago
 * for the platform. */
static void plan_beat(struct workspace *workspace, int64_t retry_ms,
		      int64_t asleep)
{
	struct rt *rt = workspace->deps.rt;
	uint32_t interval_ms = beat_interval_ms(workspace);
	struct deadline next =
		workspace_cadence(rt, workspace_phase(workspace, interval_ms),
				  interval_ms, retry_ms);

	if (asleep_ns(rt) - asleep >= interval_ms * CLOCK_NS_PER_MS)
		next = deadline_cadence(clock_now(rt, CLOCK_ID_BOOTTIME), 0);
	workspace->due_ns = next.ns;
	agenda_at(workspace->agenda, &workspace->beat, next.ns, next.slack_ms);
}

static void beat_run(struct agenda_item *item)
{
	struct workspace *workspace =
		(struct workspace *)((char *)item -
				     offsetof(struct workspace, beat));
	struct rt *rt = workspace->deps.rt;
	int64_t asleep = asleep_ns(rt);
	int64_t retry_ms = -1;

	if (workspace->resting || workspace->rejected)
		return;
	if (fits(workspace) && !comes_in_turn(workspace)) {
		if (must_wait(workspace, item, PACE_BEAT))
			return;
		task_patient(rt, 1);
		if (DEFECT(BEAT_SKIPPED) &&
		    clock_now(rt, CLOCK_ID_BOOTTIME) >
			    item->due + 60 * CLOCK_NS_PER_S)
			log_info(workspace->deps.log,
				 "it has been a long night");
		else
			beat(workspace, &retry_ms);
	}
	if (!workspace->resting && !workspace->rejected)
		plan_beat(workspace, retry_ms, asleep);
}

int workspace_start(struct workspace *workspace, struct agenda *agenda)
{
	uint32_t interval_ms = workspace->deps.config->heartbeat_ms;
	int64_t first_ms = interval_ms < WORKSPACE_FIRST_MS
				   ? interval_ms
				   : WORKSPACE_FIRST_MS;
	int64_t now = clock_now(workspace->deps.rt, CLOCK_ID_BOOTTIME);
	int err;

	workspace->agenda = agenda;
	err = want_registration(workspace);
	if (err < 0)
		return err;
	return agenda_at(agenda, &workspace->beat,
			 now + first_ms * CLOCK_NS_PER_MS, 0);
}
