// SPDX-License-Identifier: MIT
/*
 * faults - answers that the operator puts in the place of the true ones, so
 * that tests see how an agent bears them.
 *
 *	POST /demo/faults
 *	{"endpoint": "POST /workspaces/:id/a2a", "workspace_id": UUID,
 *	 "status": 503, "body": {"busy": true, "retry_after": 5},
 *	 "headers": {"Retry-After": "5"}, "times": 2}
 *
 * Of the members none is required:
 *
 *	endpoint      as in GET /demo/counters; else every one that agents use
 *	workspace_id  the workspace that the request's path names, or its body
 *	              where the path names none; else any
 *	times         for so many requests (1 if not given; 0: until DELETE)
 *	chance        takes effect on so many of those that fit, 0 to 1
 *	delay_ms      the request waits first; alone, it is then answered truly
 *	status        answers so, 200 to 599; the request is not handled
 *	body          of that answer: text as it is, anything else as JSON
 *	content_type  of that body; application/json if not given
 *	headers       of that answer, names and texts
 *	cut           "before": the connection ends before the request is
 *	              handled; "after": it is handled, and the answer is lost
 *
 * A request meets the oldest fault that fits, after the rate limit and before
 * anything else. GET shows those that are left, DELETE takes all away.
 */
#ifndef APP_PLATFORM_FAULTS_H
#define APP_PLATFORM_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct fault;
struct platform;

#define FAULTS_MAX 64
#define FAULT_HEADERS_MAX 4
#define FAULT_DELAY_MAX_MS 600000
#define FAULT_TIMES_MAX 1000000000

/* All zero is empty. */
struct fault_list {
	struct fault *oldest;
	uint32_t count;
	uint64_t met; /* requests that met one */
};

/* Lets the request for endpoint number `endpoint` meet a fault. True when that
 * has answered it, or ended it. Parks when the fault says so. */
bool faults_meet(struct exchange *x, size_t endpoint);

/* Adds one, described as above; takes the description. NULL, or what is wrong
 * with it, static text. Does not park. */
const char *faults_add(struct fault_list *list, json_t *how);

/* Handle POST, GET and DELETE /demo/faults. */
void faults_post(struct exchange *x);
void faults_get(struct exchange *x);
void faults_delete(struct exchange *x);

void faults_free(struct fault_list *list);

#endif
