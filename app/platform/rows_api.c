// SPDX-License-Identifier: MIT
#include "app/platform/rows_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/rows.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"
#include "proto/json.h"
#include "runtime/clock.h"

#define VALUE_MAX EXCHANGE_QUERY_VALUE_MAX
#define TYPE_MAX 64

/* A decimal number from 1; 0 when it is none. Large ones are INT64_MAX. */
static int64_t positive(const char *text)
{
	int64_t value = 0;

	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		if (value > (INT64_MAX - 9) / 10)
			value = INT64_MAX / 10 - 1;
		value = value * 10 + (*text - '0');
	}
	return value;
}

static uint32_t limit_of(const struct exchange *x)
{
	char value[VALUE_MAX];
	int64_t limit = 0;

	if (exchange_query(x, "limit", value, sizeof(value)))
		limit = positive(value);
	if (limit == 0)
		return ROWS_LIMIT_DEFAULT;
	return limit > ROWS_LIMIT_MAX ? ROWS_LIMIT_MAX : (uint32_t)limit;
}

static bool lists(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && strncmp(list, name, n) == 0)
			return true;
		list += n;
		list += *list == ',';
	}
	return false;
}

/* source, peer_id and type. What is wrong with them, NULL when nothing. */
static const char *query_who(const struct exchange *x, struct row_query *query,
			     char type[TYPE_MAX])
{
	char value[VALUE_MAX];

	if (exchange_query(x, "type", type, TYPE_MAX) && *type)
		query->type = type;
	if (exchange_query(x, "source", value, sizeof(value)) && *value) {
		query->from_canvas = strcmp(value, "canvas") == 0;
		query->from_agents = strcmp(value, "agent") == 0;
		if (!query->from_canvas && !query->from_agents)
			return "source must be canvas or agent";
	}
	if (exchange_query(x, "peer_id", value, sizeof(value)) && *value &&
	    !ident_parse(&query->peer, value))
		return "peer_id must be a UUID";
	return NULL;
}

/* before_ts, since_secs and include. */
static const char *query_when(const struct exchange *x, struct row_query *query)
{
	char value[VALUE_MAX];
	int64_t seconds;

	if (exchange_query(x, "before_ts", value, sizeof(value)) && *value &&
	    !stamp_parse(&query->before_us, value))
		return "before_ts must be an RFC 3339 time";
	if (exchange_query(x, "since_secs", value, sizeof(value)) && *value) {
		seconds = positive(value);
		if (seconds == 0)
			return "since_secs must be a positive integer";
		if (seconds > ROWS_SINCE_SECS_MAX)
			seconds = ROWS_SINCE_SECS_MAX;
		query->since_us =
			clock_wall(x->platform->rt) / CLOCK_NS_PER_US -
			seconds * 1000000;
	}
	if (exchange_query(x, "include", value, sizeof(value)))
		query->peer_info = lists(value, "peer_info");
	return NULL;
}

void rows_api_get(struct exchange *x)
{
	char type[TYPE_MAX], value[VALUE_MAX], base[EXCHANGE_BASE_MAX];
	struct row_query query = { .limit = limit_of(x), .base = base };
	const char *fault = query_who(x, &query, type);
	json_t *rows;
	int err;

	if (!fault)
		fault = query_when(x, &query);
	if (fault) {
		exchange_error(x, 400, fault);
		return;
	}
	if (exchange_query(x, "since_id", value, sizeof(value)) && *value) {
		query.has_cursor = true;
		if (!ident_parse(&query.cursor, value)) {
			exchange_error(x, 500, "cursor lookup failed");
			return;
		}
	}
	exchange_base(x, base);
	err = rows_select(x->platform, x->member, &query, &rows);
	if (err == -ENOENT)
		exchange_error(x, 410,
			       "since_id is no row of this workspace (any "
			       "more): start over with since_secs");
	else
		exchange_json(x, 200, rows);
}

static bool type_is_allowed(const char *type)
{
	static const char *const allowed[] = {
		"a2a_send",	   "a2a_receive",  "task_update", "agent_log",
		"skill_promotion", "memory_write", "error",
	};

	for (size_t i = 0; type && i < sizeof(allowed) / sizeof(allowed[0]);
	     i++) {
		if (strcmp(type, allowed[i]) == 0)
			return true;
	}
	return false;
}

/* A member that is present and not null. */
static json_t *value_of(const json_t *body, const char *name)
{
	json_t *value = json_object_get(body, name);

	return json_is_null(value) ? NULL : value;
}

static void report(struct exchange *x, const json_t *body, const char *type)
{
	struct ident source = x->member->id, target;
	struct row *row;

	(void)ident_parse(&target, json_get_text(body, "target_id"));
	row = rows_add(
		x->platform, x->member,
		&(struct row_draft){
			.type = type,
			.method = json_get_text(body, "method"),
			.source = &source,
			.target = &target,
			.summary = json_get_text(body, "summary"),
			.status = json_get_text(body, "status"),
			.error_detail = json_get_text(body, "error_detail"),
			.request = value_of(body, "request_body"),
			.response = value_of(body, "response_body"),
			.trace = value_of(body, "tool_trace"),
			.bytes = x->in->body_len,
		});
	if (!row) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	rows_announce(x->platform, x->member, row, NULL);
	exchange_json(x, 200, json_pack("{s:s}", "status", "logged"));
}

void rows_api_post(struct exchange *x)
{
	json_t *body = exchange_body(x);
	const char *type = json_get_text(body, "activity_type");
	const char *source = json_get_text(body, "source_id");
	struct ident id;

	if (!body)
		exchange_error(x, 400, "the body is not a JSON object");
	else if (!type_is_allowed(type))
		exchange_error(x, 400,
			       "activity_type must be one of a2a_send, "
			       "a2a_receive, task_update, agent_log, "
			       "skill_promotion, memory_write, error");
	else if (source && *source &&
		 (!ident_parse(&id, source) ||
		  !ident_equal(&id, &x->member->id)))
		exchange_error(x, 403,
			       "source_id must be the workspace itself");
	else
		report(x, body, type);
	json_decref(body);
}

void rows_api_ack(struct exchange *x)
{
	json_t *body = exchange_body(x);
	const json_t *seq = json_object_get(body, "acked_seq");

	if (!json_is_integer(seq) || json_integer_value(seq) < 0) {
		exchange_error(x, 400, "acked_seq must be an integer from 0");
	} else {
		uint64_t acked = (uint64_t)json_integer_value(seq);

		if (acked > x->member->acked_seq)
			x->member->acked_seq = acked;
		exchange_json(x, 200,
			      json_pack("{s:I}", "last_acked_seq",
					(json_int_t)x->member->acked_seq));
	}
	json_decref(body);
}
