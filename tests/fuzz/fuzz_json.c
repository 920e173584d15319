// SPDX-License-Identifier: MIT
/* Any bytes as a JSON document: what is accepted can be written and read
 * again, gives the same, and can be taken for a message, a reply or a row. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/a2a.h"
#include "proto/activity.h"
#include "proto/attachments.h"
#include "proto/json.h"
#include "proto/listing.h"
#include "proto/redact.h"
#include "proto/upload_name.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void write_and_read_again(const json_t *root)
{
	size_t len;
	char *line = json_dump_line(root, &len);
	char *text = json_dump_text(root, 2);
	json_t *again;

	require(line && text && strlen(line) == len);
	for (size_t i = 0; i < len; i++)
		require((unsigned char)line[i] - 0x20u < 0x60u);
	again = json_parse_bounded(line, len, NULL);
	require(json_equal(root, again));
	json_decref(again);
	require(utf8_valid(text, strlen(text)));
	again = json_parse_bounded(text, strlen(text), NULL);
	require(json_equal(root, again));
	json_decref(again);
	free(line);
	free(text);
}

static void take_for_message(const struct activity_message *message)
{
	json_t *shown = activity_message_json(message);
	json_t *list = NULL;
	char name[UPLOAD_NAME_MAX + 1];

	require(shown && *message->kind);
	if (*message->attachments) {
		list = json_parse_bounded(message->attachments,
					  strlen(message->attachments), NULL);
		require(json_array_size(list) > 0 &&
			json_array_size(list) <= ATTACHMENTS_MAX);
	}
	json_decref(list);
	json_decref(shown);
	upload_name_make(name, "w", message->activity_id, message->text);
	require(strspn(name, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
			strlen(name) &&
		strlen(name) > UPLOAD_NAME_ID + 1);
}

static void take_for_platform_data(json_t *root)
{
	const struct activity_reader reader = { .workspace_id = "w" };
	struct a2a_reply reply;
	struct listing listing = { 0 };
	struct activity row;
	char *text;

	text = a2a_message_text(root, NULL);
	require(text && *text);
	free(text);
	require(a2a_reply_read(&reply, 200, root, NULL, 0) == 0 && reply.text);
	a2a_reply_free(&reply);
	require(a2a_reply_read(&reply, 503, root, NULL, 0) == 0);
	a2a_reply_free(&reply);
	require(activity_read(&row, root, &reader) == 0);
	if (row.message)
		take_for_message(row.message);
	free(row.message);
	listing_add_peers(&listing, root, NULL, NULL);
	listing_add_peers(&listing, root, "w", "w");
	require(!listing.failed);
	text_free(&listing.text);
	json_decref(listing.list);
	text = listing_memories(root);
	require(text != NULL);
	free(text);
	json_decref(listing_delegations(root));
}

static void take_for_text(const uint8_t *data, size_t size)
{
	size_t len;
	char *clean = utf8_clean((const char *)data, size, &len);
	char *redacted;

	require(clean && utf8_valid(clean, len) && strlen(clean) == len);
	redacted = redact_secrets(clean);
	require(redacted != NULL);
	free(redacted);
	free(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int err = 1;
	json_t *root = json_parse_bounded((const char *)data, size, &err);

	require((root != NULL) == (err == 0));
	if (root) {
		write_and_read_again(root);
		take_for_platform_data(root);
	}
	json_decref(root);
	take_for_text(data, size);
	return 0;
}
