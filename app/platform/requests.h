// SPDX-License-Identifier: MIT
/*
 * requests - what was asked of the platform: counters for each endpoint and
 * the last requests one by one, for a person, a test or a bench to look at.
 *
 * No token is kept, only whether a bearer was sent.
 */
#ifndef APP_PLATFORM_REQUESTS_H
#define APP_PLATFORM_REQUESTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct http1_parser;

#define REQUESTS_KEPT 256
#define REQUESTS_ENDPOINTS_MAX 48
#define REQUEST_TARGET_KEPT 256

struct request_record {
	int64_t at_us;
	int status;
	bool bearer; /* an Authorization header was there */
	uint32_t body_len;
	char method[8];
	char target[REQUEST_TARGET_KEPT];
	char origin[128];
	char workspace[64]; /* X-Workspace-ID */
};

/* All zero is ready. */
struct requests {
	uint64_t total;
	uint64_t by_class[6];			      /* 2: 2xx, … */
	uint64_t by_endpoint[REQUESTS_ENDPOINTS_MAX]; /* route's place */
	struct request_record *ring; /* REQUESTS_KEPT, from the first use */
	uint64_t recorded;
};

/* Counts a request that came in for endpoint number `endpoint`, and begins its
 * record. The record is NULL when out of memory; it is the caller's to finish
 * with a status before it parks. */
struct request_record *requests_begin(struct requests *requests,
				      size_t endpoint,
				      const struct http1_parser *head,
				      int64_t at_us);

/* Finishes the record, and counts its status. */
void requests_end(struct requests *requests, struct request_record *record,
		  int status);

/* The last requests, oldest first, as a new JSON array. */
json_t *requests_json(const struct requests *requests);

void requests_free(struct requests *requests);

#endif
