// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/jsonrpc.h"

static struct jsonrpc_piece text(const char *data)
{
	return (struct jsonrpc_piece){ data, data ? strlen(data) : 0 };
}

static size_t length(const struct jsonrpc_piece *pieces, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += pieces[i].len;
	return len;
}

static char *add(char *at, const struct jsonrpc_piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].len > 0)
			memcpy(at, pieces[i].data, pieces[i].len);
		at += pieces[i].len;
	}
	return at;
}

/* Head, body and tail become the line. */
static int frame(struct jsonrpc_line *out, const struct jsonrpc_piece head[3],
		 const struct jsonrpc_piece *body, size_t count)
{
	const struct jsonrpc_piece tail = text("}\n");
	size_t len = length(head, 3) + length(body, count) + tail.len;
	char *at;

	*out = (struct jsonrpc_line){ .data = malloc(len + 1) };
	if (!out->data)
		return -ENOMEM;
	at = add(out->data, head, 3);
	at = add(at, body, count);
	at = add(at, &tail, 1);
	*at = '\0';
	out->len = len;
	return 0;
}

/* The text of a value, which is taken. */
static char *dump(json_t *value, size_t *len)
{
	char *dumped = json_dump_line(value, len);

	json_decref(value);
	return dumped;
}

int jsonrpc_result_pieces(struct jsonrpc_line *out, const char *id,
			  const struct jsonrpc_piece *pieces, size_t count)
{
	const struct jsonrpc_piece head[3] = {
		text("{\"jsonrpc\":\"2.0\",\"id\":"),
		text(id),
		text(",\"result\":"),
	};

	return frame(out, head, pieces, count);
}

int jsonrpc_result_text(struct jsonrpc_line *out, const char *id,
			const char *result, size_t len)
{
	const struct jsonrpc_piece piece = { result, len };

	return jsonrpc_result_pieces(out, id, &piece, 1);
}

int jsonrpc_result(struct jsonrpc_line *out, const char *id, json_t *result)
{
	size_t len = 0;
	char *dumped = dump(result, &len);
	int err = -ENOMEM;

	*out = (struct jsonrpc_line){ 0 };
	if (dumped)
		err = jsonrpc_result_text(out, id, dumped, len);
	free(dumped);
	return err;
}

int jsonrpc_error(struct jsonrpc_line *out, const char *id, int code,
		  const char *message, json_t *data)
{
	json_t *error = json_object();
	size_t len = 0;
	char *dumped = NULL;
	int err = -ENOMEM;

	*out = (struct jsonrpc_line){ 0 };
	if (json_object_set_new(error, "code", json_integer(code)) == 0 &&
	    json_set_text(error, "message", message) == 0 &&
	    (!data || json_object_set(error, "data", data) == 0))
		dumped = json_dump_line(error, &len);
	json_decref(data);
	json_decref(error);
	if (dumped) {
		const struct jsonrpc_piece head[3] = {
			text("{\"jsonrpc\":\"2.0\",\"id\":"),
			text(id),
			text(",\"error\":"),
		};

		err = frame(out, head, &(struct jsonrpc_piece){ dumped, len },
			    1);
	}
	free(dumped);
	return err;
}

/* A request, or a notification when id is NULL. */
static int call(struct jsonrpc_line *out, const char *id, const char *method,
		json_t *params)
{
	size_t method_len = 0, params_len = 0;
	char *method_text = dump(json_string_clean_z(method), &method_len);
	bool want_params = params != NULL;
	char *params_text = want_params ? dump(params, &params_len) : NULL;
	int err = -ENOMEM;

	*out = (struct jsonrpc_line){ 0 };
	if (method_text && (params_text || !want_params)) {
		const struct jsonrpc_piece head[3] = {
			text("{\"jsonrpc\":\"2.0\""),
			text(id ? ",\"id\":" : NULL),
			text(id),
		};
		const struct jsonrpc_piece body[] = {
			text(",\"method\":"),
			{ method_text, method_len },
			text(params_text ? ",\"params\":" : NULL),
			{ params_text, params_len },
		};

		err = frame(out, head, body, sizeof(body) / sizeof(body[0]));
	}
	free(method_text);
	free(params_text);
	return err;
}

int jsonrpc_notification_pieces(struct jsonrpc_line *out, const char *method,
				const struct jsonrpc_piece *pieces,
				size_t count)
{
	const struct jsonrpc_piece head[3] = {
		text("{\"jsonrpc\":\"2.0\",\"method\":\""),
		text(method),
		text("\",\"params\":"),
	};

	return frame(out, head, pieces, count);
}

int jsonrpc_notification(struct jsonrpc_line *out, const char *method,
			 json_t *params)
{
	return call(out, NULL, method, params);
}

int jsonrpc_request(struct jsonrpc_line *out, const char *id,
		    const char *method, json_t *params)
{
	return call(out, id, method, params);
}

int jsonrpc_batch(struct jsonrpc_line *out, const struct jsonrpc_line *answers,
		  size_t count)
{
	size_t len = 2;
	char *at;

	for (size_t i = 0; i < count; i++)
		len += answers[i].len;
	*out = (struct jsonrpc_line){ .data = malloc(len + 1), .len = len };
	if (!out->data) {
		out->len = 0;
		return -ENOMEM;
	}
	/* Each answer gives up its newline for the comma or the bracket. */
	at = out->data;
	for (size_t i = 0; i < count; i++) {
		*at++ = i == 0 ? '[' : ',';
		memcpy(at, answers[i].data, answers[i].len - 1);
		at += answers[i].len - 1;
	}
	memcpy(at, "]\n", sizeof("]\n"));
	return 0;
}
