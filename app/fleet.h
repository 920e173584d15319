// SPDX-License-Identifier: MIT
/*
 * fleet - the workspaces that this process serves.
 *
 * Usually there is one. MOLECULE_WORKSPACES names several: each is a member
 * with its own identity, platform, token, heartbeat and receiver, and all of
 * them share one inbox. The first is the primary: what is asked without naming
 * a workspace is done in its name. Members do not change after the start, so
 * pointers to them may be kept.
 *
 *	fleet_init(&fleet, &options);
 *	fleet_start(&fleet, &scope);	// register, heartbeat
 *	fleet_begin(&fleet);		// the client has begun: receive
 *	... scope_close(&scope), fleet_fini(&fleet) ...
 *
 * The members are independent: one whose registration is refused rests, and
 * the others go on. Only when all are refused the process has nothing to do.
 * Whether a member receives and heartbeats is settled among processes once a
 * client has begun (holder.h); before that every process heartbeats, which is
 * harmless, and nobody receives.
 *
 * With one member the names of state files are those of the original program.
 * With several each has a suffix: "_" and the first FLEET_PREFIX characters of
 * the id, or the whole id where those of two are equal.
 */
#ifndef APP_FLEET_H
#define APP_FLEET_H

#include <stdbool.h>
#include <stddef.h>

#include "app/holder.h"
#include "app/identity.h"
#include "app/receiver.h"
#include "app/workspace.h"

struct agenda;
struct fleet;
struct inbox;
struct scope;

#define FLEET_PREFIX 8
#define FLEET_TEXT_MAX 512
#define FLEET_GROUP 8 /* members that start without a pause between */

struct member {
	struct fleet *fleet;
	struct identity who;
	char *suffix; /* who.suffix, owned; NULL with one member */
	struct workspace workspace;
	struct receiver receiver;
	struct holder holder;
	bool rejected; /* its registration has been refused */
};

/* How much one platform may be asked. */
struct fleet_pace {
	const char *origin; /* borrowed from the configuration */
	struct pace pace;
};

struct fleet {
	struct fleet_pace *paces; /* one for each platform */
	size_t pace_count;
	struct member *members; /* [0] is the primary */
	size_t count;		/* at least 1 */
	size_t rejected;	/* how many are */
	struct scope *scope;
	struct agenda *agenda;	    /* of all beats and polls */
	struct workspace_deps deps; /* of all, but for what differs */
	struct inbox *inbox;
	void (*all_rejected)(void *arg);
	void *arg;
	struct holders holders;
	bool begun; /* the client has */

	char refusal[FLEET_TEXT_MAX];
};

struct fleet_options {
	/* What all members work with; `who`, `member` and the hooks are left
	 * out. The token is that of deps.config; deps.state is for files. */
	struct workspace_deps deps;
	struct inbox *inbox; /* NULL: receiving is switched off */
	/* Every member has been refused; may be called again. Must not park. */
	void (*all_rejected)(void *arg);
	void *arg;
};

/* Makes a member of each workspace of the configuration, which must be usable
 * and outlive the fleet, as must all that is in *options. 0 or -ENOMEM; either
 * way fleet_fini. Does not park. */
int fleet_init(struct fleet *fleet, const struct fleet_options *options);

/* Has the members register and heartbeat; what needs a task for long is spawned
 * into `scope`. 0 or -ENOMEM. Does not park. */
int fleet_start(struct fleet *fleet, struct scope *scope);

/* The client has begun: finds out which members are this process's, and
 * receives for those. Once. Does not park. */
void fleet_begin(struct fleet *fleet);

/* Ends beats and polls, at a stop; then the scope is to be closed. Harmless
 * when all zero. Parks, always completes. */
void fleet_stop(struct fleet *fleet);

/* Ends the members' work on files, after that; the inbox is not used any more.
 * Harmless when all zero. Parks, always completes. */
void fleet_close(struct fleet *fleet);

/* Frees it; the scope must have been closed. Harmless when all zero. Parks,
 * always completes. */
void fleet_fini(struct fleet *fleet);

/* The member with this workspace id, in any case of letters; NULL when there
 * is none. */
struct member *fleet_find(const struct fleet *fleet, const char *workspace_id);

/* Whether it is known who receives the messages of these workspaces: another
 * process may hold them (holder.h). Does not park. */
bool fleet_inbox_known(const struct fleet *fleet);

/* Parks until that is known. NULL when at least one member's messages come
 * here; else a sentence for the model that names the holder, borrowed until
 * the next call. */
const char *fleet_inbox_refusal(struct fleet *fleet);

#endif
