// SPDX-License-Identifier: MIT
#include "app/platform/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct request_record *place_of(const struct requests *requests,
				       uint64_t serial)
{
	return &requests->ring[(serial - 1) % REQUESTS_KEPT];
}

uint64_t requests_begin(struct requests *requests, size_t endpoint,
			const struct http1_parser *head, int64_t at_us)
{
	struct request_record *record;
	uint64_t serial = ++requests->recorded;

	requests->total++;
	if (endpoint < REQUESTS_ENDPOINTS_MAX)
		requests->by_endpoint[endpoint]++;
	if (!requests->ring)
		requests->ring = calloc(REQUESTS_KEPT, sizeof(*record));
	if (!requests->ring)
		return serial;
	record = place_of(requests, serial);
	record->serial = serial;
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
	return serial;
}

void requests_end(struct requests *requests, uint64_t serial, int status)
{
	if (status >= 0 && status < REQUESTS_STATUS_MAX)
		requests->by_status[status]++;
	if (requests->ring && place_of(requests, serial)->serial == serial)
		place_of(requests, serial)->status = status;
}

void requests_reset(struct requests *requests)
{
	requests->total = 0;
	memset(requests->by_status, 0, sizeof(requests->by_status));
	memset(requests->by_endpoint, 0, sizeof(requests->by_endpoint));
}

json_t *requests_json(const struct requests *requests)
{
	json_t *list = json_array();
	uint64_t n = requests->recorded < REQUESTS_KEPT ? requests->recorded
							: REQUESTS_KEPT;

	if (!requests->ring)
		return list;
	for (uint64_t i = requests->recorded - n; i < requests->recorded; i++) {
		const struct request_record *record = place_of(requests, i + 1);
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
