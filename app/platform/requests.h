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
#define REQUESTS_ENDPOINTS_MAX 64
#define REQUESTS_STATUS_MAX 600
#define REQUEST_TARGET_KEPT 256

struct request_record {
	uint64_t serial; /* 0: a free place */
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
	uint64_t by_status[REQUESTS_STATUS_MAX];
	uint64_t by_endpoint[REQUESTS_ENDPOINTS_MAX]; /* route's place */
	struct request_record *ring; /* REQUESTS_KEPT, from the first use */
	uint64_t recorded;
};

/* Counts a request that came in for endpoint number `endpoint`, and begins its
 * record: its serial number, never 0. */
uint64_t requests_begin(struct requests *requests, size_t endpoint,
			const struct http1_parser *head, int64_t at_us);

/* Counts the status of an answer, and finishes its record if that is still
 * kept. A status of 0 stands for no answer. */
void requests_end(struct requests *requests, uint64_t serial, int status);

/* Begins to count anew; the records stay. */
void requests_reset(struct requests *requests);

/* The last requests, oldest first, as a new JSON array. */
json_t *requests_json(const struct requests *requests);

void requests_free(struct requests *requests);

#endif
