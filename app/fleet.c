// SPDX-License-Identifier: MIT
#include "app/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/agenda.h"
#include "app/config.h"
#include "app/inbox.h"
#include "app/log.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

struct member *fleet_find(const struct fleet *fleet, const char *workspace_id)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct member *member = &fleet->members[i];

		if (strcasecmp(member->who.workspace_id, workspace_id) == 0)
			return member;
	}
	return NULL;
}

/* Lets a member do what it may do now. */
static void settle(struct member *member)
{
	struct fleet *fleet = member->fleet;
	enum holder_state state = member->holder.state;

	workspace_rest(&member->workspace, state == HOLDER_ELSEWHERE);
	if (fleet->inbox == NULL || fleet->agenda == NULL)
		return;
	if (state == HOLDER_HERE && !member->rejected)
		receiver_begin(&member->receiver);
	else
		receiver_rest(&member->receiver);
}

static void on_holder(void *arg, struct holder *holder)
{
	struct fleet *fleet = arg;

	(void)fleet;
	settle((struct member *)((char *)holder -
				 offsetof(struct member, holder)));
}

static void on_rejected(void *arg, int status)
{
	struct member *member = arg;
	struct fleet *fleet = member->fleet;

	member->rejected = true;
	fleet->rejected++;
	settle(member);
	if (fleet->rejected == fleet->count)
		fleet->all_rejected(fleet->arg);
	else
		log_error(
			fleet->deps.log,
			"molecule-mcp: workspace %s, refused with %d, is left "
			"out; %zu of %zu go on. It is tried again every few "
			"minutes",
			member->who.workspace_id, status,
			fleet->count - fleet->rejected, fleet->count);
}

static void on_accepted(void *arg)
{
	struct member *member = arg;

	member->rejected = false;
	member->fleet->rejected--;
	log_warning(member->fleet->deps.log,
		    "molecule-mcp: workspace %s has been registered after all",
		    member->who.workspace_id);
	settle(member);
}

static int by_id(const void *a, const void *b)
{
	const struct member *const *one = a;
	const struct member *const *two = b;

	return strcmp((*one)->who.workspace_id, (*two)->who.workspace_id);
}

static bool share_prefix(const struct member *a, const struct member *b)
{
	return strncmp(a->who.workspace_id, b->who.workspace_id,
		       FLEET_PREFIX) == 0;
}

static int set_suffix(struct member *member, bool whole)
{
	int max = whole ? CONFIG_ID_MAX : FLEET_PREFIX;

	if (asprintf(&member->suffix, "_%.*s", max, member->who.workspace_id) <
	    0) {
		member->suffix = NULL;
		return -ENOMEM;
	}
	member->who.suffix = member->suffix;
	return 0;
}

/* The ends of the names of state files. */
static int set_suffixes(struct fleet *fleet)
{
	size_t count = fleet->count;
	struct member **sorted = calloc(count, sizeof(struct member *));
	int err = 0;

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &fleet->members[i];
	qsort(sorted, count, sizeof(struct member *), by_id);
	for (size_t i = 0; i < count && err == 0; i++)
		err = set_suffix(
			sorted[i],
			(i > 0 && share_prefix(sorted[i - 1], sorted[i])) ||
				(i + 1 < count &&
				 share_prefix(sorted[i], sorted[i + 1])));
	free(sorted);
	return err;
}

static struct identity identity_of(const struct fleet *fleet, size_t index)
{
	const struct config *config = fleet->deps.config;
	const struct config_workspace *workspace = &config->workspaces[index];
	bool list = config->list != NULL;

	return (struct identity){
		.workspace_id = workspace->id,
		.origin = workspace->platform_text,
		.url = workspace->platform,
		.org_id = workspace->own_platform ? NULL : config->org_id,
		.suffix = "",
		.token = { .value = workspace->token,
			   .list = config->list,
			   .index = index,
			   .file = list ? NULL : config->token_file,
			   .state = fleet->deps.state },
	};
}

/* The pace that is shared with the members before this one on the same
 * platform; a new one for the first. */
static struct pace *pace_for(struct fleet *fleet, const struct member *member)
{
	const struct config *config = fleet->deps.config;
	struct pace *pace = NULL;

	for (size_t i = 0; i < fleet->pace_count && pace == NULL; i++)
		if (strcmp(fleet->paces[i].origin, member->who.origin) == 0)
			pace = &fleet->paces[i].pace;
	if (pace == NULL) {
		struct fleet_pace *own = &fleet->paces[fleet->pace_count++];

		own->origin = member->who.origin;
		own->pace.beat_ms = config->heartbeat_ms;
		pace = &own->pace;
	}
	return pace;
}

static void init_member(struct fleet *fleet, size_t index)
{
	struct member *member = &fleet->members[index];
	struct workspace_deps deps = fleet->deps;

	member->fleet = fleet;
	member->who = identity_of(fleet, index);
	member->who.pace = pace_for(fleet, member);
	deps.who = &member->who;
	deps.member = member;
	deps.rejected = on_rejected;
	deps.accepted = on_accepted;
	deps.arg = member;
	workspace_init(&member->workspace, &deps);
	member->workspace.place = member->who.pace->members++;
	receiver_init(
		&member->receiver, &deps,
		&(struct receiver_options){
			.inbox = fleet->inbox,
			.agenda = fleet->agenda,
			.started_ns = workspace_phase(
				&member->workspace, deps.config->heartbeat_ms),
			.follow = index < deps.config->streams_max });
	holder_init(&member->holder, member->who.workspace_id);
	holders_add(&fleet->holders, &member->holder);
}

/* In time from the others on the same platform, whose number is known now. */
static void set_apart(struct member *member)
{
	struct workspace *workspace = &member->workspace;

	workspace->places = member->who.pace->members;
	member->receiver.options.started_ns = workspace_phase(
		workspace, workspace->deps.config->heartbeat_ms);
}

int fleet_init(struct fleet *fleet, const struct fleet_options *options)
{
	size_t count = options->deps.config->workspace_count;

	*fleet = (struct fleet){
		.deps = options->deps,
		.inbox = options->inbox,
		.all_rejected = options->all_rejected,
		.arg = options->arg,
	};
	fleet->members = calloc(count, sizeof(*fleet->members));
	fleet->agenda = agenda_new(fleet->deps.rt);
	fleet->paces = calloc(count, sizeof(*fleet->paces));
	if (fleet->members == NULL || fleet->agenda == NULL ||
	    fleet->paces == NULL)
		return -ENOMEM;
	fleet->count = count;
	holders_init(&fleet->holders, fleet->deps.rt, fleet->deps.log,
		     fleet->deps.state, on_holder, fleet);
	for (size_t i = 0; i < count; i++)
		init_member(fleet, i);
	for (size_t i = 0; i < count; i++)
		set_apart(&fleet->members[i]);
	return count > 1 ? set_suffixes(fleet) : 0;
}

static int start_member(struct member *member)
{
	struct fleet *fleet = member->fleet;
	int err = 0;

	if (fleet->agenda == NULL)
		return -ECANCELED; /* the stop has come */
	receiver_start(&member->receiver, fleet->scope);
	if (fleet->deps.config->heartbeat)
		err = workspace_start(&member->workspace, fleet->agenda);
	return err;
}

/* Starts many members without holding up anybody else: first the host has its
 * answer, then they come in small groups. */
static void start_task(struct rt *rt, void *arg)
{
	struct fleet *fleet = arg;
	int err = 0;

	if (fleet->deps.greeted != NULL)
		event_wait(fleet->deps.greeted,
			   deadline_in_ms(rt, WORKSPACE_GREETING_MS));
	for (size_t i = 0; i < fleet->count && err == 0; i++) {
		err = start_member(&fleet->members[i]);
		if (err == 0 && i % FLEET_GROUP == FLEET_GROUP - 1)
			err = task_breathe(rt);
	}
	if (err == -ENOMEM)
		log_error(fleet->deps.log,
			  "molecule-mcp: cannot serve all workspaces: %s",
			  rt_limit_message(rt));
}

int fleet_start(struct fleet *fleet, struct scope *scope)
{
	fleet->scope = scope;
	if (fleet->count == 1)
		return start_member(&fleet->members[0]);
	return task_spawn(scope, "fleet", TASK_STACK_SMALL, start_task, fleet);
}

void fleet_begin(struct fleet *fleet)
{
	int err;

	if (fleet->begun || fleet->inbox == NULL)
		return;
	fleet->begun = true;
	err = holders_begin(&fleet->holders, fleet->scope);
	if (err != -ENOMEM)
		return;
	event_set(&fleet->holders.known);
	log_error(fleet->deps.log, "molecule-mcp: cannot receive: %s",
		  rt_limit_message(fleet->deps.rt));
}

void fleet_stop(struct fleet *fleet)
{
	struct agenda *agenda = fleet->agenda;

	/* From now on nothing is begun. */
	fleet->agenda = NULL;
	for (size_t i = 0; i < fleet->count; i++)
		receiver_rest(&fleet->members[i].receiver);
	agenda_free(agenda);
	for (size_t i = 0; i < fleet->count; i++)
		fleet->members[i].workspace.agenda = NULL;
}

void fleet_close(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		receiver_fini(&fleet->members[i].receiver);
}

void fleet_fini(struct fleet *fleet)
{
	if (fleet->members == NULL)
		return;
	if (fleet->agenda != NULL)
		fleet_stop(fleet);
	fleet_close(fleet);
	for (size_t i = 0; i < fleet->count; i++) {
		workspace_fini(&fleet->members[i].workspace);
		free(fleet->members[i].suffix);
	}
	holders_fini(&fleet->holders);
	free(fleet->members);
	free(fleet->paces);
	*fleet = (struct fleet){ 0 };
}

bool fleet_inbox_known(const struct fleet *fleet)
{
	return fleet->inbox == NULL || fleet->holders.known.set;
}

const char *fleet_inbox_refusal(struct fleet *fleet)
{
	const struct member *away = NULL;
	char holder[HOLDER_TEXT_MAX], more[40] = "";
	size_t others = 0;

	if (!fleet_inbox_known(fleet))
		event_wait(&fleet->holders.known, DEADLINE_NEVER);
	for (size_t i = 0; i < fleet->count; i++) {
		const struct member *member = &fleet->members[i];

		if (member->holder.state == HOLDER_HERE && !member->rejected)
			return NULL;
		if (member->holder.state != HOLDER_ELSEWHERE)
			continue;
		others += away != NULL;
		away = away != NULL ? away : member;
	}
	if (away == NULL)
		return NULL;
	if (others > 0)
		snprintf(more, sizeof(more), " (and of %zu more)", others);
	snprintf(fleet->refusal, sizeof(fleet->refusal),
		 "%s receives the messages of workspace %s%s: another host "
		 "runs molecule-mcp for it, too. Read them there; this process "
		 "takes over when that one ends. All other tools work here.",
		 holder_text(&away->holder, holder, sizeof(holder)),
		 away->who.workspace_id, more);
	return fleet->refusal;
}
