// SPDX-License-Identifier: MIT
#include "proto/jsonrpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/jsonrpc_raw.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* Says what an object is, from the members that are there. */
static void classify(struct jsonrpc_message *m)
{
	const json_t *version = json_object_get(m->root, "jsonrpc");
	const json_t *method = json_object_get(m->root, "method");
	bool has_id = json_object_get(m->root, "id") != NULL;

	if (!method && (m->result || m->error)) {
		m->kind = JSONRPC_RESPONSE;
		return;
	}
	m->kind = JSONRPC_INVALID;
	if (!method && !has_id) {
		m->kind = JSONRPC_NOT_MESSAGE;
		m->why = "an object without method and id";
	} else if (!method) {
		m->why = "there is no method";
	} else if (!json_is_string(method)) {
		m->why = "the method is not a string";
	} else if (version &&
		   (!json_is_string(version) ||
		    strcmp(json_string_value(version), "2.0") != 0)) {
		m->why = "the jsonrpc version is not \"2.0\"";
	} else if (has_id && !m->id) {
		m->why = "the id is neither a string nor an integer";
	} else {
		m->method = json_string_value(method);
		m->kind = has_id ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
	}
}

static void read_params(struct jsonrpc_message *m)
{
	json_t *params = json_object_get(m->root, "params");

	if (json_is_object(params))
		m->params = params;
	else
		m->bad_params = params && !json_is_null(params);
}

/* The ids, from the text. */
static int read_ids(struct jsonrpc_message *m, struct jsonrpc_raw text)
{
	struct jsonrpc_raw params, meta;
	int err;

	err = jsonrpc_raw_id(&m->id, jsonrpc_raw_member(text, "id"));
	if (err < 0 || !m->params)
		return err;
	params = jsonrpc_raw_member(text, "params");
	meta = jsonrpc_raw_member(params, "_meta");
	err = jsonrpc_raw_id(&m->progress_token,
			     jsonrpc_raw_member(meta, "progressToken"));
	if (err < 0)
		return err;
	return jsonrpc_raw_id(&m->request_id,
			      jsonrpc_raw_member(params, "requestId"));
}

static int refuse(struct jsonrpc_message *m, struct jsonrpc_raw text, int err)
{
	if (err == -EBADMSG) {
		m->kind = JSONRPC_NOT_JSON;
		m->why = "it is not JSON";
		return 0;
	}
	if (err != -E2BIG)
		return err;
	m->why = "it is nested too deeply or has too many values";
	err = jsonrpc_raw_id(&m->id, jsonrpc_raw_member(text, "id"));
	m->kind = m->id ? JSONRPC_INVALID : JSONRPC_NOT_MESSAGE;
	return err;
}

static int parse_object(struct jsonrpc_message *m, struct jsonrpc_raw text)
{
	int err;

	m->root = json_parse_bounded(text.data, text.len, &err);
	if (!m->root)
		return refuse(m, text, err);
	if (!json_is_object(m->root)) {
		m->kind = JSONRPC_NOT_MESSAGE;
		m->why = "it is not an object";
		return 0;
	}
	read_params(m);
	m->result = json_object_get(m->root, "result");
	m->error = json_object_get(m->root, "error");
	err = read_ids(m, text);
	if (err == 0)
		classify(m);
	return err;
}

/* How many elements an array has, -E2BIG when more than a batch may have. */
static int count_items(struct jsonrpc_raw text)
{
	struct jsonrpc_raw item = { 0 };
	int count = 0;

	while ((item = jsonrpc_raw_element(text, item)).data) {
		if (++count > JSONRPC_BATCH_MAX)
			return -E2BIG;
	}
	return count;
}

static int parse_batch(struct jsonrpc_message *m, struct jsonrpc_raw text)
{
	struct jsonrpc_raw item = { 0 };
	json_t *root;
	int err, count;

	root = json_parse_bounded(text.data, text.len, &err);
	json_decref(root);
	if (!root)
		return refuse(m, text, err);
	count = count_items(text);
	if (count <= 0) {
		m->kind = JSONRPC_NOT_MESSAGE;
		m->why = count == 0 ? "the batch is empty"
				    : "the batch is too large";
		return 0;
	}
	m->items = calloc((size_t)count, sizeof(*m->items));
	if (!m->items)
		return -ENOMEM;
	m->kind = JSONRPC_BATCH;
	m->item_count = (size_t)count;
	for (size_t i = 0; i < m->item_count; i++) {
		item = jsonrpc_raw_element(text, item);
		m->items[i].size = item.len;
		err = parse_object(&m->items[i], item);
		if (err < 0)
			return err;
	}
	return 0;
}

int jsonrpc_parse(struct jsonrpc_message *out, const char *line, size_t len)
{
	const size_t mark_len = strlen(BYTE_ORDER_MARK);
	struct jsonrpc_raw text;
	int err;

	*out = (struct jsonrpc_message){ .kind = JSONRPC_BLANK };
	out->size = len;
	if (len >= mark_len && memcmp(line, BYTE_ORDER_MARK, mark_len) == 0) {
		line += mark_len;
		len -= mark_len;
	}
	text = jsonrpc_raw_trim(line, len);
	if (text.len == 0)
		return 0;
	err = text.data[0] == '[' ? parse_batch(out, text)
				  : parse_object(out, text);
	if (err < 0)
		jsonrpc_message_free(out);
	return err;
}

static void release(struct jsonrpc_message *m)
{
	free(m->id);
	free(m->progress_token);
	free(m->request_id);
	json_decref(m->root);
}

void jsonrpc_message_free(struct jsonrpc_message *message)
{
	for (size_t i = 0; i < message->item_count; i++)
		release(&message->items[i]);
	free(message->items);
	release(message);
	*message = (struct jsonrpc_message){ .kind = JSONRPC_BLANK };
}

/* FNV-1a */
static uint64_t hash(uint64_t value, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		value = (value ^ (unsigned char)text[i]) * 0x100000001b3u;
	return value;
}

uint64_t jsonrpc_id_hash(const char *id)
{
	uint64_t seed = hash(0xcbf29ce484222325u, id, 1); /* its type */
	size_t len = strlen(id);
	json_t *string = NULL;

	if (id[0] != '"')
		return hash(seed, id + 1, len - 1);
	if (strchr(id, '\\'))
		string = json_parse_bounded(id, len, NULL);
	if (string)
		seed = hash(seed, json_string_value(string),
			    json_string_length(string));
	else
		seed = hash(seed, id + 1, len - 2);
	json_decref(string);
	return seed;
}

bool jsonrpc_id_equal(const char *a, const char *b)
{
	json_t *first, *second;
	bool equal;

	if (strcmp(a, b) == 0)
		return true;
	if (a[0] != '"' || b[0] != '"')
		return false;
	first = json_parse_bounded(a, strlen(a), NULL);
	second = json_parse_bounded(b, strlen(b), NULL);
	equal = json_equal(first, second);
	json_decref(first);
	json_decref(second);
	return equal;
}
