// SPDX-License-Identifier: MIT
/*
 * notify - an agent writes into its user's chat.
 */
#ifndef APP_PLATFORM_NOTIFY_H
#define APP_PLATFORM_NOTIFY_H

struct exchange;

#define NOTIFY_SUMMARY_CHARS 80

/* Handles POST /workspaces/:id/notify: a row with method `notify` in the
 * workspace's own log, and AGENT_MESSAGE on its event stream. */
void notify_post(struct exchange *x);

#endif
