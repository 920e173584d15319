// SPDX-License-Identifier: MIT
#include "app/journal_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

#define SUM_LEN 9u /* eight digits and a space */

int journal_bytes_add(struct journal_bytes *bytes, const char *data, size_t len)
{
	size_t cap = bytes->cap ? bytes->cap : 256;
	char *bigger;

	if (len == 0)
		return 0;
	while (cap - bytes->len < len)
		cap *= 2;
	if (cap > bytes->cap) {
		bigger = realloc(bytes->data, cap);
		if (!bigger)
			return -ENOMEM;
		bytes->data = bigger;
		bytes->cap = cap;
	}
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
	return 0;
}

void journal_bytes_cut(struct journal_bytes *bytes, size_t len)
{
	if (len == bytes->len) {
		journal_bytes_free(bytes);
		return;
	}
	bytes->len -= len;
	memmove(bytes->data, bytes->data + len, bytes->len);
}

void journal_bytes_free(struct journal_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct journal_bytes){ 0 };
}

/* CRC-32C (RFC 3720, appendix B.4), four bits at a time. */
static uint32_t checksum(const char *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1,
		0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
		0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
		0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
	};
	uint32_t sum = ~0u;

	for (size_t i = 0; i < len; i++) {
		sum ^= (unsigned char)data[i];
		sum = sum >> 4 ^ table[sum & 15];
		sum = sum >> 4 ^ table[sum & 15];
	}
	return ~sum;
}

/* The members of a message in the file, in the order of its fields. */
static const char *const names[ACTIVITY_MESSAGE_FIELDS] = {
	"activity_id",
	"text",
	"peer_id",
	"kind",
	"method",
	"created_at",
	"arrival_workspace_id",
	"peer_name",
	"peer_role",
	"agent_card_url",
	"attachments",
};

static json_t *message_json(const struct activity_message *message)
{
	const char *fields[ACTIVITY_MESSAGE_FIELDS];
	json_t *json = json_object();

	memcpy(fields, message, sizeof(fields));
	for (size_t i = 0; json && i < ACTIVITY_MESSAGE_FIELDS; i++) {
		const char *field = fields[i] ? fields[i] : "";

		if (*field && json_set_text(json, names[i], field) != 0) {
			json_decref(json);
			json = NULL;
		}
	}
	return json;
}

static json_t *record_json(const struct journal_record *record)
{
	json_t *json = json_object();
	int err = -ENOMEM;

	switch (record->kind) {
	case JOURNAL_MESSAGE:
		err = json_object_set_new(json, "message",
					  message_json(&record->message));
		break;
	case JOURNAL_POPPED:
		err = json_set_text(json, "popped", record->id);
		break;
	case JOURNAL_SEEN:
		err = json_set_text(json, "seen", record->id);
		if (!err)
			err = json_set_text(json, "at", record->at);
		break;
	}
	if (!err)
		return json;
	json_decref(json);
	return NULL;
}

int journal_file_add(struct journal_bytes *bytes,
		     const struct journal_record *record)
{
	json_t *json = record_json(record);
	size_t before = bytes->len, len = 0;
	char *text = json_dump_line(json, &len);
	char sum[SUM_LEN + 1];
	int err;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	snprintf(sum, sizeof(sum), "%08x ", checksum(text, len));
	text[len] = '\n'; /* in the place of its NUL */
	err = journal_bytes_add(bytes, sum, SUM_LEN);
	if (!err)
		err = journal_bytes_add(bytes, text, len + 1);
	if (err)
		bytes->len = before;
	free(text);
	return err;
}

static bool sum_fits(const char *line, size_t len)
{
	char sum[SUM_LEN + 1];

	if (len <= SUM_LEN)
		return false;
	snprintf(sum, sizeof(sum), "%08x ",
		 checksum(line + SUM_LEN, len - SUM_LEN));
	return memcmp(sum, line, SUM_LEN) == 0;
}

/* False when the object is no record. */
static bool read_record(const json_t *json, struct journal_record *record)
{
	const json_t *message = json_object_get(json, "message");
	const char *fields[ACTIVITY_MESSAGE_FIELDS];

	*record = (struct journal_record){ .id = "", .at = "" };
	if (message) {
		record->kind = JOURNAL_MESSAGE;
		for (size_t i = 0; i < ACTIVITY_MESSAGE_FIELDS; i++)
			fields[i] = json_get_text_or(message, names[i], "");
		memcpy(&record->message, fields, sizeof(fields));
		return *record->message.activity_id != '\0';
	}
	record->kind = JOURNAL_POPPED;
	record->id = json_get_text_or(json, "popped", "");
	if (*record->id)
		return true;
	record->kind = JOURNAL_SEEN;
	record->id = json_get_text_or(json, "seen", "");
	record->at = json_get_text_or(json, "at", "");
	return *record->id != '\0';
}

/* 1: it cannot be read; 0, or -ENOMEM. */
static int parse_line(const char *line, size_t len,
		      struct journal_record *record, json_t **json)
{
	int err = -EBADMSG;

	*json = sum_fits(line, len) ? json_parse_bounded(line + SUM_LEN,
							 len - SUM_LEN, &err)
				    : NULL;
	if (*json && read_record(*json, record))
		return 0;
	return err == -ENOMEM ? err : 1;
}

int journal_file_parse(const char *data, size_t len,
		       void (*on_record)(void *arg,
					 const struct journal_record *),
		       void *arg, bool *whole)
{
	int damaged = 0;
	size_t at = 0;

	while (at < len) {
		const char *line = data + at;
		const char *end = memchr(line, '\n', len - at);
		size_t n = end ? (size_t)(end - line) : 0;
		struct journal_record record;
		json_t *json;
		int fault;

		if (!end)
			break;
		at += n + 1;
		fault = parse_line(line, n, &record, &json);
		record.doubtful = damaged > 0;
		if (fault == 0)
			on_record(arg, &record);
		json_decref(json);
		if (fault < 0)
			return fault;
		damaged += fault;
	}
	*whole = at == len;
	return damaged;
}
