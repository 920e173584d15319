// SPDX-License-Identifier: MIT
/*
 * counters - what the platform has been asked and what it has seen, for a
 * bench to read: GET /demo/counters. DELETE begins to count anew; what is open
 * stays counted as open, and heartbeats are measured from the last one on.
 */
#ifndef APP_PLATFORM_COUNTERS_H
#define APP_PLATFORM_COUNTERS_H

struct exchange;

/* Gaps between heartbeats above these many seconds are counted: the bench's
 * bar, and that at which a workspace goes offline. */
#define COUNTERS_GAP_LATE_S 25
#define COUNTERS_GAP_LOST_S 60

void counters_get(struct exchange *x);
void counters_delete(struct exchange *x);

#endif
