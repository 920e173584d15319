// SPDX-License-Identifier: MIT
/*
 * tools_inbox - how wait_for_message waits.
 *
 * As a tool (tools_call.h) wait_for_message says what there is to say at once
 * and never parks. The waiting before it is done by whoever runs it
 * (mcp_waits.h), so that thousands may wait without a task each.
 */
#ifndef APP_TOOLS_INBOX_H
#define APP_TOOLS_INBOX_H

#include <jansson.h>
#include <stdbool.h>

struct tool_call;
struct tools;

#define TOOLS_WAIT_SECS 60.0 /* where no time is stated */
/* The same for a client that hears of no progress: many give a call up after
 * 60 s. */
#define TOOLS_WAIT_QUIET_SECS 55.0
#define TOOLS_WAIT_MAX_SECS 300.0

/* For how long the arguments (may be NULL) ask to wait, 0 to the maximum;
 * `progress`: the client is told of progress meanwhile. */
double tools_wait_secs(const json_t *arguments, bool progress);

/* Whether there is nothing to wait for: a message is here, or none can come.
 * Does not park; while it is not known where messages go it says no. */
bool tools_wait_over(const struct tools *tools);

/* Leaves the oldest message, or that `secs` are over without one, or why none
 * can come. Does not park. */
void tools_wait_answer(struct tool_call *call, double secs);

#endif
