// SPDX-License-Identifier: MIT
#include "harness_reader.h"

#include <stdio.h>
#include <string.h>

#define CHANNEL "notifications/claude/channel"
#define FIRST_ID 1000 /* of requests; below are those of the test */
#define IDLE_MS 30000 /* without anything new: nothing will come */

void reader_begin(struct reader *r, struct child *c)
{
	for (int i = 0; i < r->sent_count; i++) {
		r->sent[i]->sent = false;
		r->sent[i]->doubtful = true;
	}
	r->lost += r->sent_count;
	r->c = c;
	r->lives++;
	r->taken = r->sent_count = r->listed_count = 0;
	r->list_id = 0;
	memset(r->told_last, 0, sizeof r->told_last);
	if (r->next_id == 0)
		r->next_id = FIRST_ID;
}

void reader_wrote(struct reader *r, int series, int count)
{
	r->written[series] += count;
	if (r->written[series] > READER_ROWS_MAX)
		fail_msg("a series has %d messages at most", READER_ROWS_MAX);
}

static int series_of(const struct reader *r, const struct reader_row *row)
{
	return (int)((row - r->rows[0]) / (READER_ROWS_MAX + 1));
}

static int number_of(const struct reader *r, const struct reader_row *row)
{
	return (int)((row - r->rows[0]) % (READER_ROWS_MAX + 1));
}

/* Which message has this text, or ends in it. */
static struct reader_row *row_of(struct reader *r, const char *text)
{
	const char *line = strrchr(text, '\n');
	unsigned int series, number;

	line = line ? line + 1 : text;
	if (sscanf(line, "m %u %u", &series, &number) != 2 ||
	    series >= READER_SERIES || number < 1 ||
	    number > (unsigned int)r->written[series])
		child_fail(r->c, "a message that nobody wrote: %s", text);
	return &r->rows[series][number];
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* A message is here: it was not popped, and it is one row. */
static void note(struct reader *r, struct reader_row *row, const char *id,
		 const char *where)
{
	if (row->popped)
		child_fail(r->c,
			   "message %d of series %d is in a %s of process %d, "
			   "and process %d has answered its pop",
			   number_of(r, row), series_of(r, row), where,
			   r->lives, row->popped);
	if (!*id || (*row->id && strcmp(row->id, id) != 0))
		child_fail(r->c, "message %d of series %d has the ids %s, %s",
			   number_of(r, row), series_of(r, row), row->id, id);
	snprintf(row->id, sizeof row->id, "%s", id);
	row->doubtful = false;
}

static void take_notification(struct reader *r, const json_t *m)
{
	const json_t *params = json_object_get(m, "params");
	struct reader_row *row;
	int series, number;

	if (strcmp(text_of(m, "method"), CHANNEL) != 0)
		return;
	row = row_of(r, text_of(params, "content"));
	note(r, row, text_of(json_object_get(params, "meta"), "activity_id"),
	     "notification");
	series = series_of(r, row);
	number = number_of(r, row);
	if (number <= r->told_last[series])
		child_fail(r->c, "series %d: told of %d after %d", series,
			   number, r->told_last[series]);
	r->told_last[series] = number;
}

/* Between two listed messages of a series, and before the first, there is none
 * that must be there. */
static void check_gap(struct reader *r, int series, int from, int to)
{
	for (int n = from; n < to; n++) {
		const struct reader_row *row = &r->rows[series][n];

		if (!row->popped && !row->sent && !row->doubtful)
			child_fail(r->c,
				   "series %d: %d is listed, and %d, which was "
				   "not popped, is not",
				   series, to, n);
	}
	if (from > to)
		child_fail(r->c, "series %d: %d is listed after %d", series, to,
			   from - 1);
}

static void take_list(struct reader *r, const json_t *result)
{
	json_t *list = json_object_get(
		json_object_get(result, "structuredContent"), "messages");
	int next[READER_SERIES];
	json_t *message;
	size_t i;

	if (!json_is_array(list))
		child_fail(r->c, "inbox_peek gave no list");
	for (int series = 0; series < READER_SERIES; series++)
		next[series] = 1;
	r->list_id = 0;
	r->listed_count = 0;
	json_array_foreach(list, i, message)
	{
		struct reader_row *row = row_of(r, text_of(message, "text"));
		int series = series_of(r, row);

		note(r, row, text_of(message, "activity_id"), "list");
		check_gap(r, series, next[series], number_of(r, row));
		next[series] = number_of(r, row) + 1;
		if (r->listed_count < READER_LISTED_MAX)
			r->listed[r->listed_count++] = row;
	}
}

static void take_pop(struct reader *r, const json_t *result)
{
	const json_t *answer = json_object_get(result, "structuredContent");
	const char *id = text_of(answer, "activity_id");
	int i = 0;

	while (i < r->sent_count && strcmp(r->sent[i]->id, id) != 0)
		i++;
	if (i == r->sent_count ||
	    !json_is_true(json_object_get(answer, "removed")))
		child_fail(r->c,
			   "a message that was listed was not there to "
			   "be popped: %s",
			   id);
	r->sent[i]->sent = false;
	r->sent[i]->popped = r->lives;
	r->popped++;
	r->sent[i] = r->sent[--r->sent_count];
}

static void take_answer(struct reader *r, const json_t *m)
{
	json_int_t id = json_integer_value(json_object_get(m, "id"));
	const json_t *result = json_object_get(m, "result");

	if (id < FIRST_ID)
		return;
	if (!result || json_is_true(json_object_get(result, "isError")))
		child_fail(r->c, "request %lld failed", (long long)id);
	if (id == r->list_id)
		take_list(r, result);
	else
		take_pop(r, result);
}

void reader_take(struct reader *r)
{
	json_t *m;

	while ((m = child_message(r->c, r->taken))) {
		r->taken++;
		if (json_object_get(m, "method"))
			take_notification(r, m);
		else
			take_answer(r, m);
	}
}

void reader_peek(struct reader *r, int limit)
{
	if (limit > READER_LISTED_MAX)
		limit = READER_LISTED_MAX;
	r->list_id = r->next_id++;
	mcp_call(r->c, r->list_id, "inbox_peek", "{'limit':%d}", limit);
}

void reader_pop(struct reader *r, int i)
{
	struct reader_row *row = r->listed[i];

	if (row->popped || row->sent || r->sent_count == READER_LISTED_MAX)
		return;
	row->sent = true;
	r->sent[r->sent_count++] = row;
	mcp_call(r->c, r->next_id++, "inbox_pop", "{'activity_id':'%s'}",
		 row->id);
}

bool reader_settled(const struct reader *r)
{
	return r->list_id == 0 && r->sent_count == 0;
}

static bool take_and_settled(void *arg)
{
	struct reader *r = arg;

	reader_take(r);
	return reader_settled(r);
}

/* The first message that was neither popped nor may have been. */
static const struct reader_row *first_open(const struct reader *r)
{
	for (int series = 0; series < READER_SERIES; series++)
		for (int n = 1; n <= r->written[series]; n++)
			if (!r->rows[series][n].popped &&
			    !r->rows[series][n].doubtful)
				return &r->rows[series][n];
	return NULL;
}

void reader_drain(struct reader *r, int limit, void (*at_each)(void *arg),
		  void *arg)
{
	int64_t last = now_ms();
	const struct reader_row *row;

	for (;;) {
		reader_peek(r, limit);
		if (!wait_until(take_and_settled, r, IDLE_MS))
			child_fail(r->c, "no answer to inbox_peek");
		if (at_each)
			at_each(arg);
		if (r->listed_count > 0)
			last = now_ms();
		row = r->listed_count == 0 ? first_open(r) : NULL;
		if (r->listed_count == 0 && !row)
			return;
		if (now_ms() - last > IDLE_MS)
			child_fail(r->c, "message %d of series %d never came",
				   number_of(r, row), series_of(r, row));
		for (int i = 0; i < r->listed_count; i++)
			reader_pop(r, i);
		if (!wait_until(take_and_settled, r, IDLE_MS))
			child_fail(r->c, "a pop got no answer");
		if (row)
			pause_ms(2);
	}
}
