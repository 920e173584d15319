// SPDX-License-Identifier: MIT
#include "app/platform/canvas.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/envelope.h"
#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/relay.h"
#include "app/platform/rows.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"
#include "app/platform/uploads.h"
#include "net/http_server.h"
#include "proto/json.h"
#include "runtime/clock.h"

#define NUMBERED_MAX 16 /* " 20000" and its end */

static int parts_add(json_t *message, const json_t *attachments)
{
	json_t *parts = json_object_get(message, "parts");
	size_t i;
	json_t *file;
	int err = 0;

	json_array_foreach(attachments, i, file)
	{
		err |= json_array_append_new(
			parts,
			json_pack("{s:s, s:O}", "kind", "file", "file", file));
	}
	return err;
}

/* What the platform notes about who wrote it. */
static json_t *metadata_of(const struct canvas_words *words)
{
	if (words->system)
		return json_pack("{s:s}", "source", words->system);
	return json_pack("{s:s, s:s}", "source", "canvas_user",
			 "user_identity_status", "UNAUTHENTICATED");
}

static int envelope_stamp(struct envelope *envelope,
			  const struct member *member,
			  const struct canvas_words *words)
{
	json_t *params = json_object_get(envelope->json, "params");
	json_t *message = json_object_get(params, "message");
	int err = parts_add(message, words->attachments);

	if (err == 0)
		err = json_object_set_new(
			message, "contextId",
			json_sprintf("canvas-%s", member->id.text));
	if (err == 0)
		err = json_object_set_new(params, "metadata",
					  metadata_of(words));
	return err;
}

struct row *canvas_say(struct platform *platform, struct member *member,
		       const struct canvas_words *words)
{
	struct envelope envelope;
	struct row *row = NULL;

	if (envelope_make(&envelope, platform->rt, words->text,
			  words->message_id) < 0)
		return NULL;
	if (envelope_stamp(&envelope, member, words) == 0)
		row = relay_deliver(platform,
				    &(struct relay_message){
					    .to = member,
					    .envelope = &envelope,
					    .bytes = strlen(words->text),
					    .created_us = words->created_us,
				    });
	envelope_free(&envelope);
	return row;
}

/* The bytes of a file: its text, or a pattern of its size. NULL when neither
 * is given as it should be. */
static char *content_of(const json_t *file, size_t *len)
{
	const json_t *text = json_object_get(file, "text");
	json_int_t size;
	char *data;

	if (json_is_string(text)) {
		*len = json_string_length(text);
		data = malloc(*len + 1);
		if (data)
			memcpy(data, json_string_value(text), *len);
		return data;
	}
	if (!json_get_integer(file, "size", &size) || size < 0 ||
	    (size_t)size > CANVAS_FILE_MAX)
		return NULL;
	*len = (size_t)size;
	data = malloc(*len + 1);
	for (size_t i = 0; data && i < *len; i++)
		data[i] = (char)('a' + i % 26);
	return data;
}

/* Uploads one file and adds what a message says of it; false when its
 * description is not usable. */
static bool file_send(struct exchange *x, const json_t *file,
		      json_t *attachments)
{
	const char *name = json_get_text(file, "name");
	const struct upload *upload;
	size_t len = 0;
	char *data = name ? content_of(file, &len) : NULL;

	if (!data)
		return false;
	upload = uploads_add(x->platform, x->member, name,
			     json_get_text_or(file, "mimeType", ""), data, len);
	free(data);
	return upload &&
	       json_array_append_new(attachments,
				     uploads_json(x->member, upload)) == 0;
}

/* The attachments of the message, a new array; NULL when they are not
 * usable. */
static json_t *attachments_read(struct exchange *x, const json_t *body)
{
	json_t *given = json_object_get(body, "attachments");
	json_t *attachments = json_array();
	bool usable = !given || json_is_array(given);
	size_t i;
	json_t *file;

	if (usable && given)
		usable = json_array_extend(attachments, given) == 0;
	json_array_foreach(json_object_get(body, "files"), i, file)
	{
		usable = usable && file_send(x, file, attachments);
	}
	if (usable)
		return attachments;
	json_decref(attachments);
	return NULL;
}

int64_t canvas_age(const struct platform *platform, const json_t *body)
{
	const json_t *age = json_object_get(body, "age_secs");
	double secs = json_number_value(age);

	if (!age)
		return 0;
	if (!json_is_number(age) || !(secs >= 0 && secs <= CANVAS_AGE_MAX_SECS))
		return -1;
	return clock_wall(platform->rt) / CLOCK_NS_PER_US -
	       (int64_t)(secs * 1e6);
}

void canvas_answer(struct exchange *x, const struct row *row)
{
	char created[STAMP_TEXT_MAX];

	if (!row) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	stamp_format(created, row->created_us);
	exchange_json(x, 200,
		      json_pack("{s:s, s:s, s:I}", "activity_id", row->id.text,
				"created_at", created, "seq",
				(json_int_t)row->seq));
}

/* `count` messages, each with its number; the last row. */
static struct row *say_numbered(struct exchange *x, struct canvas_words *words,
				json_int_t count)
{
	const char *text = words->text;
	size_t size = strlen(text) + NUMBERED_MAX;
	char *numbered = malloc(size);
	struct row *row = NULL;

	for (json_int_t i = 1; numbered && i <= count; i++) {
		(void)snprintf(numbered, size, "%s %d", text, (int)i);
		words->text = numbered;
		row = canvas_say(x->platform, x->member, words);
		if (!row)
			break;
	}
	free(numbered);
	return row;
}

static void message_read(struct exchange *x, const json_t *body)
{
	struct canvas_words words = {
		.text = json_get_text(body, "text"),
		.message_id = json_get_text(body, "message_id"),
		.system = json_get_text(body, "system"),
		.created_us = canvas_age(x->platform, body),
	};
	json_t *attachments;
	json_int_t count = 0;
	bool numbered = json_get_integer(body, "count", &count);

	if (!words.text || !*words.text) {
		exchange_error(x, 400, "text is required");
		return;
	}
	if (words.created_us < 0 ||
	    (numbered &&
	     (count < 1 || count > CANVAS_COUNT_MAX || words.message_id))) {
		exchange_error(x, 400,
			       "age_secs must be 0 to a year, count 1 to 20000 "
			       "and without a message_id");
		return;
	}
	attachments = attachments_read(x, body);
	words.attachments = attachments;
	if (!attachments)
		exchange_error(x, 400, "a file needs a name, and text or size");
	else if (numbered)
		canvas_answer(x, say_numbered(x, &words, count));
	else
		canvas_answer(x, canvas_say(x->platform, x->member, &words));
	json_decref(attachments);
}

void canvas_message(struct exchange *x)
{
	json_t *body;

	if (!x->member || x->member->status == MEMBER_REMOVED) {
		exchange_error(x, 404, "workspace not found");
		return;
	}
	body = exchange_body(x);
	message_read(x, body);
	json_decref(body);
}
