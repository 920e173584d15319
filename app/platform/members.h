// SPDX-License-Identifier: MIT
/*
 * members - the workspaces of the local platform: who they are, how they are
 * doing, which tokens open them, and who may talk to whom.
 *
 * A member is never freed while the platform lives: one that was removed stays
 * as a tombstone, so that its id is remembered as gone and a task that parks
 * may keep its pointer. Everything that belongs to a workspace hangs on its
 * member: activity rows, delegations, memories, uploads, event subscribers.
 *
 * Workspaces form a tree by `parent`. Two may talk to each other when one is
 * the other's parent or when they have the same parent; those without a parent
 * are siblings of each other.
 */
#ifndef APP_PLATFORM_MEMBERS_H
#define APP_PLATFORM_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/platform/delegation.h"
#include "app/platform/ident.h"
#include "app/platform/keymap.h"
#include "app/platform/memories.h"
#include "app/platform/rows.h"
#include "app/platform/uploads.h"

struct platform;
struct subscriber;

#define MEMBERS_MAX 16384
#define MEMBER_TOKENS_MAX 8
#define MEMBER_TOKEN_LEN_MAX 256
#define MEMBER_NAME_MAX 200 /* bytes, and of a role */
#define MEMBER_URL_MAX 2048
#define MEMBER_ANSWER_MAX ((size_t)1024 * 1024)
#define MEMBER_SECRET_BYTES 32

enum member_status {
	MEMBER_PROVISIONING, /* known, and never seen */
	MEMBER_ONLINE,
	MEMBER_DEGRADED,       /* its heartbeat says so */
	MEMBER_AWAITING_AGENT, /* no heartbeat for too long */
	MEMBER_REMOVED,
};

struct member {
	struct member *next; /* in the order of creation */
	struct keymap_entry by_id;
	struct ident id, parent; /* parent: may be none */
	char *name, *role;	 /* role: may be NULL */
	int tier;
	char *url;    /* "" for a poll-mode workspace */
	bool push;    /* delivery_mode is "push" */
	char *answer; /* push: what the platform says in its place, or NULL */
	json_t *card; /* the agent card, NULL when none */
	/* May write into the user's chat, to everybody, to one for an answer.
	 */
	bool may_talk, may_broadcast, may_delegate;

	char *tokens[MEMBER_TOKENS_MAX]; /* NULL: a free place */
	char secret[2 * MEMBER_SECRET_BYTES + 1];

	enum member_status status;
	int64_t beat_ns; /* the last heartbeat on CLOCK_BOOTTIME, 0: none */
	int64_t gap_ns;	 /* the longest time between two, when it is over */
	int64_t removed_us;
	double error_rate;
	int64_t uptime_seconds, active_tasks;
	char *current_task; /* NULL: none */
	uint64_t registrations, heartbeats;

	struct row_log log;
	uint64_t acked_seq; /* the newest row that it says it has handled */
	struct delegation_list delegations; /* those it gave */
	struct memory_list memories;
	struct upload_list uploads;
	struct subscriber *subscribers;
};

struct members {
	struct member *first, *last;
	struct keymap by_id;
	uint32_t count;
};

/* What a new workspace is made of; everything is borrowed. All zero but `id`
 * is a root workspace of tier 1 in poll mode without a token. */
struct member_draft {
	struct ident id, parent;
	const char *name; /* NULL: "workspace-" and eight characters of id */
	const char *role, *url;
	const char *token; /* NULL: none, so registering mints the first */
	const char *answer;
	int tier; /* 0 is a tier too: say what you mean */
	bool push;
	bool mute, broadcast, aside; /* may not talk, may, may not delegate */
};

/* Adds a workspace. 0 with *out set; -EEXIST, -ENOSPC (MEMBERS_MAX), -EINVAL
 * (a token that cannot be in a header, a text that is too long), -ENOMEM. */
int members_add(struct platform *platform, const struct member_draft *draft,
		struct member **out);

/* The workspace, removed or not; NULL when its id was never known. */
struct member *members_find(const struct platform *platform,
			    const struct ident *id);

/* Marks it removed: its tokens are revoked, delegations to it fail. */
void members_remove(struct platform *platform, struct member *member);

void members_free(struct platform *platform);

/* Adds a token: 0, -EINVAL, -ENOSPC (MEMBER_TOKENS_MAX) or -ENOMEM. */
int member_token_add(struct member *member, const char *token);

/* Makes a token of 32 random bytes and adds it; `out` is borrowed from the
 * member, NULL when it has no room for another. */
const char *member_token_mint(struct platform *platform, struct member *member);

void member_token_revoke_all(struct member *member);

/* Whether any token would be accepted. */
bool member_has_token(const struct member *member);

/* Whether `token` opens the workspace. Takes as long for a wrong token as for
 * a right one of the same length. */
bool member_token_matches(const struct member *member, const char *token);

/* The workspace that `token` opens, NULL when there is none. */
struct member *members_by_token(const struct platform *platform,
				const char *token);

/* Whether the two may talk to each other; a workspace may to itself. */
bool member_may_reach(const struct member *from, const struct member *to);

/* The member at the top of its team: its parent, or itself if it has none. */
const struct ident *member_team(const struct member *member);

/* A heartbeat or a registration came. */
void member_beat(struct platform *platform, struct member *member);

/* The longest time without a heartbeat, that which lasts included; 0 before
 * the first. */
int64_t member_gap_ns(const struct platform *platform,
		      const struct member *member);

/* "online", "awaiting_agent", … */
const char *member_status_text(const struct member *member);

/* Replaces a heap string by a copy of `text` (NULL: by NULL). On -ENOMEM the
 * old one stays. */
int member_set_text(char **slot, const char *text);

#endif
