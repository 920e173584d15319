// SPDX-License-Identifier: MIT
/* chat_history: what was said between a peer and this workspace. */
#include "app/tools_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "app/page.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/json_wire.h"
#include "runtime/task.h"

#define LIMIT_DEFAULT 20
/* An answer stays below 8 MiB, text and structured form together, as they
 * stand in the line to the host. */
#define SHOWN_MAX (7u * 1024 * 1024 + 512 * 1024)
/* A row that takes more than this is shown without its bodies. */
#define ROW_MAX (2u * 1024 * 1024)
/* Characters that then remain of a text in it. */
#define TEXT_MAX 4096u

/* What an answer is made of. */
struct history {
	json_t *rows; /* oldest first */
	size_t shown; /* bytes, in both forms */
	size_t left_out;
};

/* What a row adds to the answer; 0 when out of memory. */
static size_t shown_size(const json_t *row)
{
	size_t size = 0, len = 0;
	char *text = json_dump_text(row, 0);
	char *line = json_dump_line(row, &len);

	if (text && line)
		size = json_wire_size(text, strlen(text), JSON_WIRE_STRING) +
		       len + 4;
	free(text);
	free(line);
	return size;
}

/* The row without what is long in it; a new reference or NULL. */
static json_t *shortened(const json_t *row)
{
	json_t *copy = json_object();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)row, key, value)
	{
		if (json_is_object(value) || json_is_array(value) ||
		    strlen(key) > TEXT_MAX)
			continue;
		if (json_string_length(value) > TEXT_MAX)
			continue;
		if (json_object_set(copy, key, value) < 0)
			goto failed;
	}
	if (json_object_set_new(copy, "truncated", json_true()) == 0)
		return copy;
failed:
	json_decref(copy);
	return NULL;
}

/* Adds a row, which is taken, before the others. False when there is no more
 * room or memory. */
static bool add(struct history *history, json_t *row)
{
	size_t size = shown_size(row);

	if (size > ROW_MAX) {
		json_t *less = shortened(row);

		json_decref(row);
		row = less;
		size = row ? shown_size(row) : 0;
	}
	if (!row || !size || history->shown + size > SHOWN_MAX) {
		json_decref(row);
		return false;
	}
	history->shown += size;
	return json_array_insert_new(history->rows, 0, row) == 0;
}

/* Takes the page's rows, the newest first, as many as can be shown. */
static void collect(struct rt *rt, struct history *history,
		    const struct page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		json_t *row = page_row(page, i);

		if (row && !json_is_object(row)) {
			json_decref(row);
			continue;
		}
		if (!row || !add(history, row)) {
			history->left_out = page->count - i;
			return;
		}
		if (task_breathe(rt) < 0)
			return;
	}
}

/* What stands before the rows where some are missing; NULL: out of memory. */
static json_t *note(const struct history *history)
{
	const json_t *oldest = json_array_get(history->rows, 0);

	return json_pack(
		"{s:b, s:I, s:s, s:s*}", "truncated", 1, "omitted",
		(json_int_t)history->left_out, "hint",
		"older rows did not fit; ask again with this before_ts",
		"before_ts", json_get_text(oldest, "created_at"));
}

static void answer(struct tool_call *call, const struct history *history)
{
	json_t *list = json_copy(history->rows);
	json_t *object = json_pack("{s:O, s:b}", "messages", history->rows,
				   "untrusted", 1);

	if (list && history->left_out) {
		json_t *left_out = note(history);

		if (json_object_update(object, left_out) < 0 ||
		    json_array_insert_new(list, 0, left_out) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	if (list && object) {
		call->untrusted = true;
		tools_call_structured(call, object);
		tools_call_json(call, list, 0);
		return;
	}
	json_decref(list);
	json_decref(object);
}

static void show(struct tool_call *call, struct platform_reply *reply)
{
	struct history history = { .rows = json_array() };
	struct page page;
	int err = page_read(&page, reply);

	if (err == -EBADMSG)
		tools_call_fail(call, "Error: chat_history response was not %s",
				reply->json ? "a list" : "JSON");
	else if (err == -E2BIG)
		tools_call_fail(call, "Error: chat_history response was too "
				      "large; ask for fewer rows with limit");
	if (err == 0 && history.rows) {
		collect(call->tools->rt, &history, &page);
		answer(call, &history);
	}
	page_free(&page);
	json_decref(history.rows);
}

static void failed(struct tool_call *call, const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX];

	if (reply->err == -EMSGSIZE)
		tools_call_fail(call, "Error: chat_history response was too "
				      "large; ask for fewer rows with limit");
	else if (reply->err)
		tools_call_fail(call, "Error: chat_history request failed: %s",
				platform_reply_text(reply, text, sizeof(text)));
	else if (reply->status == 400 && platform_reply_error(reply))
		tools_call_fail(call, "Error: %.*s", PLATFORM_TEXT_MAX,
				platform_reply_error(reply));
	else
		tools_call_fail(
			call, "Error: chat_history returned HTTP %d%s",
			reply->status,
			platform_reply_words(reply, text, sizeof(text)));
}

static unsigned int limit_of(const json_t *arguments)
{
	json_int_t limit = LIMIT_DEFAULT;

	json_get_integer(arguments, "limit", &limit);
	if (limit <= 0)
		limit = LIMIT_DEFAULT;
	return limit < PLATFORM_PAGE_MAX ? (unsigned int)limit
					 : PLATFORM_PAGE_MAX;
}

void tools_chat_history(struct tool_call *call)
{
	struct platform_activity_query query = {
		.limit = limit_of(call->arguments),
	};
	struct platform_reply reply;

	if (!tools_call_string(call, "peer_id", &query.peer_id) ||
	    !tools_call_string(call, "before_ts", &query.before_ts))
		return;
	if (!*query.peer_id) {
		tools_call_fail(call, "Error: peer_id is required");
		return;
	}
	if (!tools_call_source(call, "source_workspace_id", query.peer_id))
		return;
	if (!*query.before_ts)
		query.before_ts = NULL;
	platform_activity(call->tools->client, &call->source->who, &query,
			  &reply);
	if (platform_ok(&reply))
		show(call, &reply);
	else
		failed(call, &reply);
	platform_reply_free(&reply);
}
