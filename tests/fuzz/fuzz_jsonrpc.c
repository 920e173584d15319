// SPDX-License-Identifier: MIT
/* Any bytes on stdin: the lines do not depend on how they were cut, and each
 * is told apart without harm; ids come back as they were. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/jsonrpc.h"
#include "proto/jsonrpc_quick.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* An answer with the id is a message with that id. */
static void check_echo(const char *id)
{
	struct jsonrpc_message echo;
	struct jsonrpc_line line;

	require(jsonrpc_result_text(&line, id, "{}", 2) == 0);
	require(utf8_valid(line.data, line.len));
	require(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
	require(jsonrpc_parse(&echo, line.data, line.len) == 0);
	require(echo.kind == JSONRPC_RESPONSE && strcmp(echo.id, id) == 0);
	require(jsonrpc_id_equal(id, echo.id));
	jsonrpc_message_free(&echo);
	free(line.data);
}

static void check_message(const struct jsonrpc_message *m)
{
	switch (m->kind) {
	case JSONRPC_REQUEST:
		require(m->id && m->method);
		break;
	case JSONRPC_NOTIFICATION:
		require(!m->id && m->method);
		break;
	case JSONRPC_BATCH:
		require(m->item_count > 0);
		for (size_t i = 0; i < m->item_count; i++) {
			require(m->items[i].kind != JSONRPC_BATCH);
			check_message(&m->items[i]);
		}
		break;
	case JSONRPC_NOT_JSON:
	case JSONRPC_NOT_MESSAGE:
	case JSONRPC_INVALID:
		require(m->why && !m->method);
		break;
	case JSONRPC_BLANK:
	case JSONRPC_RESPONSE:
		break;
	}
	/* Text over the limits is not parsed, so its id need not be JSON. */
	if (m->id && m->root)
		check_echo(m->id);
}

/* What is told at a glance is told in the same way otherwise. */
static void check_quick(const struct jsonrpc_message *m, const char *line,
			size_t len)
{
	struct jsonrpc_quick quick;

	if (!jsonrpc_quick(&quick, line, len))
		return;
	require(m->kind == JSONRPC_REQUEST && !m->params && !m->bad_params);
	require(strlen(m->id) == quick.id.len &&
		memcmp(m->id, quick.id.data, quick.id.len) == 0);
	require(strlen(m->method) == quick.method.len &&
		memcmp(m->method, quick.method.data, quick.method.len) == 0);
}

/* Feeds in steps of `step`; returns a sum over the lines. */
static uint64_t feed(const uint8_t *data, size_t size, size_t step, bool parse)
{
	struct jsonrpc_lines lines = { 0 };
	struct jsonrpc_message message;
	uint64_t sum = 0;
	bool ended = false;

	while (!ended) {
		const char *line;
		char *buf;
		size_t len, room;

		if (size > 0) {
			require(jsonrpc_lines_room(&lines, &buf, &room) == 0);
			room = room < step ? room : step;
			room = room < size ? room : size;
			memcpy(buf, data, room);
			jsonrpc_lines_added(&lines, room);
			data += room;
			size -= room;
		} else {
			require(jsonrpc_lines_end(&lines) == 0);
			ended = true;
		}
		while (jsonrpc_lines_next(&lines, &line, &len) ==
		       JSONRPC_LINES_LINE) {
			sum = sum * 31 + len + 1;
			if (!parse)
				continue;
			require(jsonrpc_parse(&message, line, len) == 0);
			check_message(&message);
			check_quick(&message, line, len);
			jsonrpc_message_free(&message);
		}
	}
	jsonrpc_lines_free(&lines);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sum = feed(data, size, size + 1, true);

	require(feed(data, size, 1, false) == sum);
	require(feed(data, size, 7, false) == sum);
	return 0;
}
