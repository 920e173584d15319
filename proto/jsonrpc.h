// SPDX-License-Identifier: MIT
/*
 * jsonrpc - JSON-RPC 2.0 messages, one per line, as MCP's stdio transport has
 * them (MCP specification, "Transports"; jsonrpc.org/specification).
 *
 * struct jsonrpc_lines cuts a stream into lines; jsonrpc_parse tells what a
 * line is; the builders make lines to send.
 *
 *	jsonrpc_lines_room(&lines, &buf, &room);
 *	n = read(…, buf, room);
 *	jsonrpc_lines_added(&lines, n);
 *	while ((what = jsonrpc_lines_next(&lines, &line, &len)) !=
 *	       JSONRPC_LINES_EMPTY)
 *		if (what == JSONRPC_LINES_LINE)
 *			jsonrpc_parse(&message, line, len), …
 *
 * Ids are never interpreted: they are kept as the characters that came, and
 * go back as such, integers beyond 64 bits and odd escapes included.
 */
#ifndef PROTO_JSONRPC_H
#define PROTO_JSONRPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest line that is read, its newline not counted. */
#define JSONRPC_LINE_MAX (16u * 1024 * 1024)
/* What the line reader begins with, and goes back to after a longer line: many
 * requests at once come with one read. */
#define JSONRPC_LINES_INITIAL 16384
/* The longest id, as text. A request with a longer one is invalid. */
#define JSONRPC_ID_MAX (64u * 1024)
/* The most messages in a batch. */
#define JSONRPC_BATCH_MAX 256

/* Error codes of the JSON-RPC specification, section 5.1. */
enum jsonrpc_code {
	JSONRPC_PARSE_ERROR = -32700,
	JSONRPC_INVALID_REQUEST = -32600,
	JSONRPC_METHOD_NOT_FOUND = -32601,
	JSONRPC_INVALID_PARAMS = -32602,
	JSONRPC_INTERNAL_ERROR = -32603,
};

enum jsonrpc_kind {
	JSONRPC_BLANK,	      /* nothing but white space: ignore it */
	JSONRPC_NOT_JSON,     /* no answer; `why` */
	JSONRPC_NOT_MESSAGE,  /* JSON, but no message: no answer; `why` */
	JSONRPC_REQUEST,      /* id and method */
	JSONRPC_NOTIFICATION, /* method; never answered */
	JSONRPC_RESPONSE,     /* result or error; id may be NULL */
	/* A request that is malformed; `why`. Answered with
	 * JSONRPC_INVALID_REQUEST if id is not NULL, else not at all. */
	JSONRPC_INVALID,
	JSONRPC_BATCH, /* items; only at top level */
};

/* One message. Owned by the caller: jsonrpc_message_free. */
struct jsonrpc_message {
	enum jsonrpc_kind kind;
	/* For a person, static: what is wrong with NOT_JSON, NOT_MESSAGE and
	 * INVALID. */
	const char *why;

	/* The id as it came: digits, or a string with its quotes. NULL when
	 * there is none that is readable. Take it by setting this to NULL:
	 * then free. */
	char *id;
	/* Borrowed from root; NULL when absent or not of the right type. */
	const char *method;
	json_t *params;	 /* an object; NULL also when params is null */
	bool bad_params; /* there are params, but neither object nor null */
	json_t *result, *error;

	/* As id: params._meta.progressToken and params.requestId, when they
	 * are there and are strings or integers. */
	char *progress_token;
	char *request_id;

	/* The messages of a batch, none of them a batch. An empty array is
	 * JSONRPC_NOT_MESSAGE. */
	struct jsonrpc_message *items;
	size_t item_count;

	size_t size;  /* of its text, in bytes */
	json_t *root; /* the whole, NULL when not JSON and for a batch */
};

/* Tells what a line is. `line` is borrowed; its end (\r, \n) and white space
 * around it do not matter. Fills *out in any case. Returns 0, or -ENOMEM
 * (*out is then JSONRPC_BLANK). A `jsonrpc` member may be absent but must be
 * "2.0" if it is there. A line over the limits of json.h is JSONRPC_INVALID
 * when its id can be made out, so that nobody waits for an answer. Does not
 * park. */
int jsonrpc_parse(struct jsonrpc_message *out, const char *line, size_t len);

/* Frees what the message owns and makes it JSONRPC_BLANK. Harmless twice. */
void jsonrpc_message_free(struct jsonrpc_message *message);

/* Whether two ids as text are the same: the same type and value. Strings may
 * be escaped differently. */
bool jsonrpc_id_equal(const char *a, const char *b);

/* A number that is the same for ids that are the same. */
uint64_t jsonrpc_id_hash(const char *id);

/* A line to send, with its newline. Owned by whoever has it: free(data). */
struct jsonrpc_line {
	char *data;
	size_t len;
};

/* The builders fill *out and return 0, or return -ENOMEM with out->data NULL.
 * Ids are text as in struct jsonrpc_message, borrowed, never NULL. JSON values
 * are taken, also on failure; a NULL one where one is needed counts as out of
 * memory, so that what made it need not be checked. The lines are ASCII but for
 * ids. */

/* {"jsonrpc":"2.0","id":…,"result":…} */
int jsonrpc_result(struct jsonrpc_line *out, const char *id, json_t *result);

/* The same with a result that is JSON text already, on one line; borrowed. */
int jsonrpc_result_text(struct jsonrpc_line *out, const char *id,
			const char *result, size_t len);

/* A stretch of text, borrowed. One with data NULL is left out. */
struct jsonrpc_piece {
	const char *data;
	size_t len;
};

/* The same with a result whose text comes in pieces. */
int jsonrpc_result_pieces(struct jsonrpc_line *out, const char *id,
			  const struct jsonrpc_piece *pieces, size_t count);

/* {"jsonrpc":"2.0","method":…,"params":…} with params in pieces; `method` is
 * text that needs no escapes. */
int jsonrpc_notification_pieces(struct jsonrpc_line *out, const char *method,
				const struct jsonrpc_piece *pieces,
				size_t count);

/* {"jsonrpc":"2.0","id":…,"error":{"code":…,"message":…,"data":…}}. message is
 * borrowed and may hold any bytes; data may be NULL: then there is none. */
int jsonrpc_error(struct jsonrpc_line *out, const char *id, int code,
		  const char *message, json_t *data);

/* {"jsonrpc":"2.0","method":…,"params":…}; params may be NULL: none. */
int jsonrpc_notification(struct jsonrpc_line *out, const char *method,
			 json_t *params);

/* {"jsonrpc":"2.0","id":…,"method":…,"params":…}, as a client would send;
 * params may be NULL: none. */
int jsonrpc_request(struct jsonrpc_line *out, const char *id,
		    const char *method, json_t *params);

/* The answers to a batch as one array; count >= 1. They are borrowed. */
int jsonrpc_batch(struct jsonrpc_line *out, const struct jsonrpc_line *answers,
		  size_t count);

/* What jsonrpc_lines_next found. */
enum jsonrpc_lines_event {
	JSONRPC_LINES_EMPTY,	/* no whole line: read on */
	JSONRPC_LINES_LINE,	/* a line, without its newline */
	JSONRPC_LINES_TOO_LONG, /* one beyond JSONRPC_LINE_MAX was dropped */
};

/* A line reader in the caller's storage; all zero is empty and ready. */
struct jsonrpc_lines {
	char *data;
	size_t cap;
	size_t start;	 /* of the bytes that are not yet given out */
	size_t searched; /* no newline before this */
	size_t len;
	bool skipping; /* in a line that is too long, up to its newline */
};

/* Frees the buffer; the reader is then as new. */
void jsonrpc_lines_free(struct jsonrpc_lines *lines);

/* Where to read into: *buf and *room (at least 1). Call it when
 * jsonrpc_lines_next says EMPTY; it may move the buffer, grow it for a line
 * that does not fit, or give back what a long line needed. 0 or -ENOMEM. */
int jsonrpc_lines_room(struct jsonrpc_lines *lines, char **buf, size_t *room);

/* `count` bytes were read into the room. */
void jsonrpc_lines_added(struct jsonrpc_lines *lines, size_t count);

/* The input ended: a last line without a newline counts as a line. Call
 * jsonrpc_lines_next until EMPTY after it. 0 or -ENOMEM. */
int jsonrpc_lines_end(struct jsonrpc_lines *lines);

/* The next whole line: *line and *len, within the buffer, valid until the
 * next call of any of these functions. */
enum jsonrpc_lines_event jsonrpc_lines_next(struct jsonrpc_lines *lines,
					    const char **line, size_t *len);

#endif
