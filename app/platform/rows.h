// SPDX-License-Identifier: MIT
/*
 * rows - the activity rows of a workspace: its inbox, and its history.
 *
 * A row is kept as the JSON object that a reader gets, with a few of its
 * members at hand for queries. Rows of a workspace are chained by (created_at,
 * seq); both grow from row to row over the whole platform, so a row's id is a
 * cursor: what comes after it is what is newer. Only the operator can make a
 * row that is older than it should be, which then takes its place in the chain.
 * A log is bounded by rows and by bytes; the oldest go first, and a cursor that
 * named one of them is gone.
 *
 * A message that carries a messageId makes one row of its workspace, however
 * often it comes and whoever sends it: what comes later is taken for the same
 * message, and the row stays what it is.
 */
#ifndef APP_PLATFORM_ROWS_H
#define APP_PLATFORM_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/platform/ident.h"
#include "app/platform/keymap.h"

struct member;
struct platform;

#define ROWS_MAX 12000
#define ROWS_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define ROWS_LIMIT_DEFAULT 100
#define ROWS_LIMIT_MAX 500
#define ROWS_SINCE_SECS_MAX (INT64_C(30) * 86400)

struct row {
	struct row *older, *newer;
	struct keymap_entry by_id, by_message;
	struct ident id, source, target; /* source, target: may be none */
	int64_t created_us;
	uint64_t seq;
	json_t *json;
	char *message_id; /* NULL: none */
	size_t bytes;	  /* about what it takes */
	uint32_t repeats; /* times its message came again */
};

/* All zero is empty. */
struct row_log {
	struct row *oldest, *newest;
	struct keymap by_id, by_message;
	uint32_t count;
	size_t bytes;
	uint64_t added; /* ever */
};

/* What a row is made of. Texts are borrowed, NULL is null; the three JSON
 * values are borrowed too, and a NULL one is left out. */
struct row_draft {
	const char *type; /* "a2a_receive" when NULL */
	const char *method;
	const struct ident *source, *target;
	const char *summary, *error_detail;
	const char *status; /* "ok" when NULL */
	const char *message_id;
	int64_t created_us; /* 0: now */
	size_t bytes;	    /* about the size of the JSON values */
	json_t *request, *response, *trace;
};

/* Adds a row to the log of `member` and returns it; or the row that its
 * message has already; NULL when out of memory. Does not park. */
struct row *rows_add(struct platform *platform, struct member *member,
		     const struct row_draft *draft);

/* The row with this id, NULL when there is none (any more). */
struct row *rows_find(const struct row_log *log, const struct ident *id);

/* Replaces one member of what readers get of a row; takes `value` (NULL: out
 * of memory, and nothing is replaced). */
void rows_set(struct row *row, const char *name, json_t *value);

/* Which rows a reader wants; see rows_select. */
struct row_query {
	const char *type;  /* NULL: any */
	bool from_canvas;  /* only rows without a source */
	bool from_agents;  /* only rows with one */
	struct ident peer; /* source or target; none: any */
	int64_t before_us; /* strictly older; 0: no bound */
	int64_t since_us;  /* not older; 0: no bound */
	bool has_cursor;   /* strictly after `cursor`, oldest first */
	struct ident cursor;
	bool peer_info;
	const char *base; /* of the platform, for agent_card_url */
	uint32_t limit;
};

/* The rows that match, as a new JSON array: oldest first with a cursor, else
 * newest first. 0 with *out set; -ENOENT when the cursor is no row of this
 * workspace; -ENOMEM. */
int rows_select(struct platform *platform, const struct member *member,
		const struct row_query *query, json_t **out);

/* Forgets all rows, as an age limit would; cursors are gone with them. */
void rows_clear(struct row_log *log);
void rows_free(struct row_log *log);

/* Publishes ACTIVITY_LOGGED for a row on its workspace's event stream. The
 * summary is the row's when NULL. */
void rows_announce(struct platform *platform, struct member *member,
		   const struct row *row, const char *summary);

#endif
