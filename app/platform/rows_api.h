// SPDX-License-Identifier: MIT
/*
 * rows_api - the activity rows over HTTP: the poll, and an agent's own reports.
 */
#ifndef APP_PLATFORM_ROWS_API_H
#define APP_PLATFORM_ROWS_API_H

struct exchange;

/* Handle GET and POST /workspaces/:id/activity. */
void rows_api_get(struct exchange *x);
void rows_api_post(struct exchange *x);
void rows_api_ack(struct exchange *x);

#endif
