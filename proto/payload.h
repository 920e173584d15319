// SPDX-License-Identifier: MIT
/*
 * payload - the bodies of requests to the platform.
 *
 * Each builder of a tree gives a new reference, or NULL when out of memory.
 * Text is borrowed and may hold any bytes: what is not UTF-8 is replaced. Trees
 * are taken, also on failure.
 */
#ifndef PROTO_PAYLOAD_H
#define PROTO_PAYLOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that the platform keeps of a summary and of an error. */
#define PAYLOAD_SUMMARY_MAX 256
#define PAYLOAD_ERROR_MAX 4096

/* An agent's card: name, skills, description. `skills` is a comma-separated
 * list (NULL or blank: none), its pieces trimmed, empty ones dropped;
 * description NULL or "" is left out. */
json_t *payload_agent_card(const char *name, const char *description,
			   const char *skills);

/* POST /registry/register, as a workspace that polls. The card is taken. */
json_t *payload_register(const char *workspace_id, json_t *agent_card);

/* POST /registry/heartbeat, as text, since it is made very often: malloc'd, NUL
 * beyond *len; NULL when out of memory. */
struct payload_heartbeat {
	const char *workspace_id;
	uint32_t active_tasks;
	uint64_t uptime_secs;
};
char *payload_heartbeat(const struct payload_heartbeat *beat, size_t *len);

/* POST /workspaces/:id/activity. Summary and error are cut to what the
 * platform keeps; fields that are NULL are left out. */
struct payload_activity {
	const char *type; /* "a2a_send", "a2a_receive", … */
	const char *source_id;
	const char *target_id;
	const char *summary;
	const char *status; /* "ok", "error" */
	const char *task;   /* becomes request_body {"task"} */
	const char *result; /* becomes response_body {"result"} */
	const char *error_detail;
};
json_t *payload_activity(const struct payload_activity *activity);

/* POST /workspaces/:id/notify. `attachments` is the array that the upload
 * answered (its `files`), taken; NULL or empty: none. */
json_t *payload_notify(const char *message, json_t *attachments);

/* POST /workspaces/:src/delegate. */
json_t *payload_delegate(const char *target_id, const char *task,
			 const char *idempotency_key);

/* The idempotency key of a delegation: the first 32 hex digits of SHA-256 of
 * "target:task", or of "target:task:again" when `again` is not NULL.
 *
 * The plain key makes a repeated call harmless: the platform answers 200 with
 * the delegation that is under way, which is a success. But it does so for
 * ever, also when that one is long finished and the task is wanted once more:
 * when its status is terminal (payload_delegation_over), send again with
 * `again` a new UUID. */
#define PAYLOAD_KEY_LEN 32
void payload_idempotency_key(char out[PAYLOAD_KEY_LEN + 1],
			     const char *target_id, const char *task,
			     const char *again);

/* Whether a delegation's status (may be NULL) is an end: nothing follows. */
bool payload_delegation_over(const char *status);

/* POST /workspaces/:id/memories. The content goes out as given: scrub it with
 * redact_secrets before. */
json_t *payload_memory(const char *workspace_id, const char *content,
		       const char *scope);

#endif
