// SPDX-License-Identifier: MIT
#include "app/platform/requests.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/platform/stamp.h"
#include "proto/http1.h"

/* Copies what fits; bytes that JSON text cannot hold become '?'. */
static void keep(char *out, size_t cap, const char *text)
{
	size_t i;

	for (i = 0; text && text[i] && i + 1 < cap; i++)
		out[i] = (char)(text[i] < 0x20 || text[i] > 0x7e ? '?'
								 : text[i]);
	out[i] = '\0';
}

struct request_record *requests_begin(struct requests *requests,
				      size_t endpoint,
				      const struct http1_parser *head,
				      int64_t at_us)
{
	struct request_record *record;

	requests->total++;
	if (endpoint < REQUESTS_ENDPOINTS_MAX)
		requests->by_endpoint[endpoint]++;
	if (!requests->ring)
		requests->ring = calloc(REQUESTS_KEPT, sizeof(*record));
	if (!requests->ring)
		return NULL;
	record = &requests->ring[requests->recorded++ % REQUESTS_KEPT];
	record->at_us = at_us;
	record->status = 0;
	record->bearer = http1_field(head, "authorization") != NULL;
	record->body_len = (uint32_t)head->content_length;
	keep(record->method, sizeof(record->method), head->method);
	keep(record->target, sizeof(record->target), head->target);
	keep(record->origin, sizeof(record->origin),
	     http1_field(head, "origin"));
	keep(record->workspace, sizeof(record->workspace),
	     http1_field(head, "x-workspace-id"));
	return record;
}

void requests_end(struct requests *requests, struct request_record *record,
		  int status)
{
	if (status >= 100 && status < 600)
		requests->by_class[status / 100]++;
	record->status = status;
}

json_t *requests_json(const struct requests *requests)
{
	json_t *list = json_array();
	uint64_t n = requests->recorded < REQUESTS_KEPT ? requests->recorded
							: REQUESTS_KEPT;

	for (uint64_t i = requests->recorded - n; i < requests->recorded; i++) {
		const struct request_record *record =
			&requests->ring[i % REQUESTS_KEPT];
		char at[STAMP_TEXT_MAX];

		stamp_format(at, record->at_us);
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:i, s:b, s:I, s:s, s:s}",
				  "at", at, "method", record->method, "target",
				  record->target, "status", record->status,
				  "bearer", record->bearer, "body_bytes",
				  (json_int_t)record->body_len, "origin",
				  record->origin, "x_workspace_id",
				  record->workspace));
	}
	return list;
}

void requests_free(struct requests *requests)
{
	free(requests->ring);
	requests->ring = NULL;
}
