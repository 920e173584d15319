// SPDX-License-Identifier: MIT
/*
 * delegation - tasks that one workspace gave another, and when they are done.
 *
 * A delegation is delivered as a message: a row in the target's log. It then
 * stands at `queued` until the target answers. An agent answers a peer by
 * sending it a message, and has no other way to say that a task is done, so:
 *
 *   When a workspace B sends a message to A, by /a2a or by /delegate, it
 *   answers a delegation that A gave to B: the one whose id the message names
 *   as `params.metadata.delegation_id`, `params.message.metadata.delegation_id`
 *   or (in /delegate) `delegation_id`; if it names none, the oldest that is
 *   still open. That delegation becomes `completed` with the message's text as
 *   its answer, and A's event stream says so. The message is delivered to A
 *   all the same.
 *
 *   An answer is not a question: a /delegate that answered something is itself
 *   recorded as `completed` at once, so two agents that answer each other by
 *   delegating do not owe each other answers for ever.
 *
 * A delegation whose target is removed has `failed`. The same idempotency key
 * from the same workspace means the same delegation, unless that has failed.
 *
 * The list of a workspace is bounded; the oldest go first.
 */
#ifndef APP_PLATFORM_DELEGATION_H
#define APP_PLATFORM_DELEGATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/platform/ident.h"

struct exchange;
struct member;
struct platform;

#define DELEGATIONS_MAX 1000
#define DELEGATIONS_SHOWN 50
#define DELEGATION_PREVIEW_MAX                                                 \
	300 /* bytes of a task or answer that are kept                         \
	     */
#define DELEGATION_KEY_MAX 256

enum delegation_status {
	DELEGATION_QUEUED,
	DELEGATION_COMPLETED,
	DELEGATION_FAILED,
};

struct delegation {
	struct delegation *newer, *older;
	struct ident id;
	struct member *source, *target;
	char *key;  /* idempotency key, NULL: none */
	char *task; /* the beginning of what was asked */
	/* The beginning of the answer, or why it failed; NULL before that. */
	char *answer;
	enum delegation_status status;
	int64_t created_us;
};

/* All zero is empty. */
struct delegation_list {
	struct delegation *oldest, *newest;
	uint32_t count;
};

/* Handles POST /workspaces/:id/delegate and GET /workspaces/:id/delegations. */
void delegation_post(struct exchange *x);
void delegation_get(struct exchange *x);

/* `from` sent a message with this text and envelope (may be NULL) to `to`:
 * completes the delegation that it answers, if any, and says whether one
 * was. */
bool delegation_answered(struct platform *platform, struct member *from,
			 struct member *to, const char *named,
			 const char *text);

/* The delegation id that an envelope names, NULL when none. */
const char *delegation_named(const json_t *envelope);

/* `target` was removed: what others delegated to it has failed. */
void delegation_target_gone(struct platform *platform, struct member *target);

void delegation_free(struct delegation_list *list);

#endif
