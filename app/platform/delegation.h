// SPDX-License-Identifier: MIT
/*
 * delegation - tasks that one workspace gave another, and how they stand.
 *
 * A delegation shows in the log of the workspace that gave it, as rows of type
 * `delegation`: one of method `delegate`, whose status changes, and one of
 * method `delegate_result` for each end it came to. GET …/delegations is those
 * rows, newest first, so a delegation may appear more than once.
 *
 * It is `pending`, then `dispatched` when the task is handed over. What comes
 * then depends on the target:
 *
 *   A poll-mode target is left the task as a message. The true platform takes
 *   the synthetic `queued` answer to that for the answer to the task, so the
 *   delegation is `completed` at once, with that JSON as its text; so is it
 *   here.
 *   A push-mode target that the platform plays answers at once.
 *   Any other push-mode target is not reached: the delegation stays as it is.
 *
 * The operator can move any delegation to any status, by
 * PATCH /demo/workspaces/:source/delegations/:id {"status", "text"?, "error"?}.
 *
 * With `track_delegations` a delegation to a poll-mode target is `queued` until
 * the target answers. An agent answers a peer by sending it a message, and has
 * no other way to say that a task is done, so:
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
 * A delegation whose target is removed has `failed` unless it has ended. With
 * `push_results` each end is also left in the inbox of who gave it, as a row of
 * method `delegate_result` that no event announces. The same idempotency key
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
#define DELEGATION_KEY_MAX 256
/* Bytes of a text that is shown: in the list, in an event, of a task in one,
 * in a summary. */
#define DELEGATION_PREVIEW_MAX 300
#define DELEGATION_EVENT_MAX 200
#define DELEGATION_TASK_MAX 100
#define DELEGATION_SUMMARY_MAX 80

enum delegation_status {
	DELEGATION_PENDING,
	DELEGATION_DISPATCHED,
	DELEGATION_QUEUED,
	DELEGATION_IN_PROGRESS,
	DELEGATION_STUCK,
	DELEGATION_COMPLETED,
	DELEGATION_FAILED,
	DELEGATION_STATUS_COUNT,
};

struct delegation {
	struct delegation *newer, *older;
	struct ident id;
	struct member *source, *target;
	char *key; /* idempotency key, NULL: none */
	enum delegation_status status;
	/* Its rows in the source's log: `result` is that of an answer which is
	 * still to come, none when there is no such row. */
	struct ident row, result;
};

/* All zero is empty. */
struct delegation_list {
	struct delegation *oldest, *newest;
	uint32_t count;
};

/* What a task was given with; all of it is borrowed. */
struct delegation_order {
	struct member *source, *target;
	const char *task;
	const char *key;   /* NULL: none */
	const char *named; /* the delegation that it answers, NULL: any */
};

/* Gives a task and hands it over; NULL when out of memory. Does not park. */
struct delegation *delegation_give(struct platform *platform,
				   const struct delegation_order *order);

/* Moves it to a status; `text` is the answer (completed) or why it failed. */
void delegation_move(struct platform *platform, struct delegation *delegation,
		     enum delegation_status status, const char *text);

/* That of this workspace with this id, or with this key and not failed; NULL
 * when there is none. */
struct delegation *delegation_by_id(const struct delegation_list *list,
				    const struct ident *id);
struct delegation *delegation_by_key(const struct delegation_list *list,
				     const char *key);

const char *delegation_status_text(enum delegation_status status);

/* `from` sent a message with this text, naming a delegation (or NULL), to
 * `to`: completes the delegation that it answers, if any, and says whether one
 * was. */
bool delegation_answered(struct platform *platform, struct member *from,
			 struct member *to, const char *named,
			 const char *text);

/* The delegation id that an envelope names, NULL when none. */
const char *delegation_named(const json_t *envelope);

/* The beginning of a text, cut between characters, in at most `max` bytes; a
 * new reference. */
json_t *delegation_preview(const char *text, size_t max);

/* `target` was removed: what others delegated to it has failed. */
void delegation_target_gone(struct platform *platform, struct member *target);

/* Handle POST /workspaces/:id/delegate, GET /workspaces/:id/delegations and
 * PATCH /demo/workspaces/:id/delegations/:file. */
void delegation_post(struct exchange *x);
void delegation_get(struct exchange *x);
void delegation_patch(struct exchange *x);

void delegation_free(struct delegation_list *list);

#endif
