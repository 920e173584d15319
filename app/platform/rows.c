// SPDX-License-Identifier: MIT
#include "app/platform/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/attachments.h"
#include "app/platform/events.h"
#include "app/platform/members.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"

/* What a row takes beside the texts in it: mostly the JSON objects. */
#define ROW_BYTES 5000

static const char *text_of(const struct ident *id)
{
	return id && !ident_none(id) ? id->text : NULL;
}

/* The row as a reader sees it. */
static json_t *row_json(const struct member *member, const struct row *row,
			const struct row_draft *draft)
{
	char created[STAMP_TEXT_MAX];

	stamp_format(created, row->created_us);
	return json_pack(
		"{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:n, s:s,"
		" s:s?, s:s, s:I, s:O*, s:O*, s:O*}",
		"id", row->id.text, "workspace_id", member->id.text,
		"activity_type", draft->type ? draft->type : "a2a_receive",
		"source_id", text_of(draft->source), "target_id",
		text_of(draft->target), "method", draft->method, "summary",
		draft->summary, "duration_ms", "status",
		draft->status ? draft->status : "ok", "error_detail",
		draft->error_detail, "created_at", created, "seq",
		(json_int_t)row->seq, "request_body", draft->request,
		"response_body", draft->response, "tool_trace", draft->trace);
}

static void row_free(struct row_log *log, struct row *row)
{
	keymap_remove(&log->by_id, &row->by_id);
	keymap_remove(&log->by_message, &row->by_message);
	json_decref(row->json);
	free(row->message_id);
	free(row);
}

static void drop_oldest(struct row_log *log)
{
	struct row *row = log->oldest;

	log->oldest = row->newer;
	if (log->oldest)
		log->oldest->older = NULL;
	else
		log->newest = NULL;
	log->count--;
	log->bytes -= row->bytes;
	row_free(log, row);
}

static void make_room(struct row_log *log, size_t bytes)
{
	while (log->oldest &&
	       (log->count >= ROWS_MAX || log->bytes + bytes > ROWS_BYTES_MAX))
		drop_oldest(log);
}

/* The row that the draft's message has already. */
static struct row *repeated(const struct row_log *log,
			    const struct row_draft *draft)
{
	struct keymap_entry *entry = NULL;

	if (draft->message_id)
		entry = keymap_find(&log->by_message, draft->message_id);
	return entry ? KEYMAP_OWNER(entry, struct row, by_message) : NULL;
}

static int row_index(struct row_log *log, struct row *row)
{
	int err = keymap_add(&log->by_id, &row->by_id, row->id.text);

	if (err == 0 && row->message_id)
		err = keymap_add(&log->by_message, &row->by_message,
				 row->message_id);
	return err;
}

/* Links it where it belongs by its age: nearly always as the newest. */
static void row_link(struct row_log *log, struct row *row)
{
	struct row *older = log->newest, *newer = NULL;

	while (older && older->created_us > row->created_us) {
		newer = older;
		older = older->older;
	}
	row->older = older;
	row->newer = newer;
	if (older)
		older->newer = row;
	else
		log->oldest = row;
	if (newer)
		newer->older = row;
	else
		log->newest = row;
	log->count++;
	log->bytes += row->bytes;
	log->added++;
}

struct row *rows_add(struct platform *platform, struct member *member,
		     const struct row_draft *draft)
{
	struct row_log *log = &member->log;
	struct row *row = repeated(log, draft);

	if (row) {
		row->repeats++;
		return row;
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	ident_random(platform->rt, &row->id);
	row->created_us = draft->created_us ? draft->created_us
					    : platform_stamp(platform);
	row->seq = ++platform->last_seq;
	row->bytes = ROW_BYTES + draft->bytes;
	if (draft->source)
		row->source = *draft->source;
	if (draft->target)
		row->target = *draft->target;
	row->json = row_json(member, row, draft);
	if (!row->json ||
	    member_set_text(&row->message_id, draft->message_id) < 0 ||
	    row_index(log, row) < 0) {
		row_free(log, row);
		return NULL;
	}
	make_room(log, row->bytes);
	row_link(log, row);
	return row;
}

struct row *rows_find(const struct row_log *log, const struct ident *id)
{
	struct keymap_entry *entry = keymap_find(&log->by_id, id->text);

	return entry ? KEYMAP_OWNER(entry, struct row, by_id) : NULL;
}

void rows_set(struct row *row, const char *name, json_t *value)
{
	if (value)
		(void)json_object_set_new(row->json, name, value);
}

static const char *row_text(const struct row *row, const char *name)
{
	return json_string_value(json_object_get(row->json, name));
}

static bool row_matches(const struct row *row, const struct row_query *query)
{
	if (query->type && strcmp(row_text(row, "activity_type"), query->type))
		return false;
	if (query->from_canvas && !ident_none(&row->source))
		return false;
	if (query->from_agents && ident_none(&row->source))
		return false;
	if (!ident_none(&query->peer) &&
	    !ident_equal(&row->source, &query->peer) &&
	    !ident_equal(&row->target, &query->peer))
		return false;
	if (query->before_us && row->created_us >= query->before_us)
		return false;
	return row->created_us >= query->since_us;
}

/* The row with what `include=peer_info` adds; a new reference. */
static json_t *with_peer_info(struct platform *platform, const struct row *row,
			      const char *base)
{
	json_t *json = json_copy(row->json);
	json_t *attachments;
	struct member *peer = NULL;
	int err = json ? 0 : -1;

	if (err == 0 && !ident_none(&row->source)) {
		peer = members_find(platform, &row->source);
		err = json_object_set_new(
			json, "agent_card_url",
			json_sprintf("%s/registry/discover/%s", base,
				     row->source.text));
	}
	if (err == 0 && peer)
		err = json_object_set_new(json, "peer_name",
					  json_string(peer->name));
	if (err == 0 && peer && peer->role)
		err = json_object_set_new(json, "peer_role",
					  json_string(peer->role));
	attachments =
		attachments_of(json_object_get(row->json, "request_body"));
	if (err == 0 && json_array_size(attachments) > 0)
		err = json_object_set(json, "attachments", attachments);
	json_decref(attachments);
	if (err < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int select_row(struct platform *platform, json_t *rows,
		      const struct row *row, const struct row_query *query)
{
	json_t *json = query->peer_info
			       ? with_peer_info(platform, row, query->base)
			       : json_incref(row->json);

	return json_array_append_new(rows, json) < 0 ? -ENOMEM : 0;
}

int rows_select(struct platform *platform, const struct member *member,
		const struct row_query *query, json_t **out)
{
	const struct row_log *log = &member->log;
	const struct row *row = log->newest;
	json_t *rows;

	*out = NULL;
	if (query->has_cursor) {
		row = rows_find(log, &query->cursor);
		if (!row)
			return -ENOENT;
		row = row->newer;
	}
	rows = json_array();
	if (!rows)
		return -ENOMEM;
	while (row && json_array_size(rows) < query->limit) {
		if (!query->has_cursor && row->created_us < query->since_us)
			break;
		if (row_matches(row, query) &&
		    select_row(platform, rows, row, query) < 0) {
			json_decref(rows);
			return -ENOMEM;
		}
		row = query->has_cursor ? row->newer : row->older;
	}
	*out = rows;
	return 0;
}

void rows_clear(struct row_log *log)
{
	while (log->oldest)
		drop_oldest(log);
}

void rows_free(struct row_log *log)
{
	rows_clear(log);
	keymap_free(&log->by_id);
	keymap_free(&log->by_message);
}

void rows_announce(struct platform *platform, struct member *member,
		   const struct row *row, const char *summary)
{
	static const char *const copied[] = {
		"activity_type", "method",	 "summary",	"status",
		"source_id",	 "target_id",	 "duration_ms", "error_detail",
		"request_body",	 "response_body"
	};
	json_t *data = json_object();

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		json_t *value = json_object_get(row->json, copied[i]);

		if (value)
			json_object_set(data, copied[i], value);
	}
	if (summary)
		json_object_set_new(data, "summary", json_string(summary));
	if (row->message_id)
		json_object_set_new(data, "message_id",
				    json_string(row->message_id));
	events_publish(platform, member, "ACTIVITY_LOGGED", data);
}
