// SPDX-License-Identifier: MIT
#include "app/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/jsonrpc_raw.h"

/* What remains of a row that is too much. */
static const char *const members[] = {
	"id",	   "activity_type", "source_id", "method",
	"summary", "created_at",    "peer_name", "peer_role",
};

static int read_text(struct page *page, struct jsonrpc_raw text)
{
	struct jsonrpc_raw row = { 0 };

	if (text.len == 0 || text.data[0] != '[')
		return -EBADMSG;
	page->raw = calloc(PAGE_ROWS_MAX, sizeof(*page->raw));
	if (page->raw == NULL)
		return -ENOMEM;
	while ((row = jsonrpc_raw_element(text, row)).data != NULL) {
		if (page->count == PAGE_ROWS_MAX) {
			page_free(page);
			return -E2BIG;
		}
		page->raw[page->count++] = row;
	}
	return 0;
}

int page_read(struct page *page, struct platform_reply *reply)
{
	*page = (struct page){ 0 };
	/* As nearly all are. */
	if (reply->body_len == 2 && memcmp(reply->body, "[]", 2) == 0)
		return 0;
	if (json_is_array(platform_reply_json(reply))) {
		page->tree = reply->json;
		page->count = json_array_size(reply->json);
		return 0;
	}
	if (reply->json == NULL && reply->json_err == -ENOMEM)
		return -ENOMEM;
	if (reply->json != NULL || reply->json_err != -E2BIG)
		return -EBADMSG;
	return read_text(page, jsonrpc_raw_trim(reply->body, reply->body_len));
}

void page_free(struct page *page)
{
	free(page->raw);
	*page = (struct page){ 0 };
}

static json_t *read_members(struct jsonrpc_raw text)
{
	json_t *row = json_object();

	if (row == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		struct jsonrpc_raw value = jsonrpc_raw_member(text, members[i]);
		json_t *json;

		if (value.data == NULL || value.len > PAGE_MEMBER_MAX)
			continue;
		json = json_parse_bounded(value.data, value.len, NULL);
		if (json != NULL)
			json_object_set_new(row, members[i], json);
	}
	return row;
}

json_t *page_row(const struct page *page, size_t i)
{
	json_t *row;
	int err;

	if (page->tree != NULL)
		return json_incref(json_array_get(page->tree, i));
	row = json_parse_bounded(page->raw[i].data, page->raw[i].len, &err);
	if (row == NULL && err != -ENOMEM)
		row = read_members(page->raw[i]);
	return row;
}
