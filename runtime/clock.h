// SPDX-License-Identifier: MIT
/*
 * clock - points in time, and by when a parking call must have come back.
 *
 * Two clocks are in use and never mixed. CLOCK_MONOTONIC stands still while
 * the machine is suspended: request deadlines live on it, so that opening a
 * laptop's lid does not expire everything that was under way. CLOCK_BOOTTIME
 * runs on: cadences (the heartbeat, the poll) live on it, so that the next
 * beat goes out at once after a suspend.
 *
 * A struct deadline is absolute, says which clock it is on and how late it
 * may be noticed (its slack). It is the last argument of every call that
 * parks. Deadlines are values: they are copied and never freed.
 */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct rt;

enum clock_id { CLOCK_ID_MONOTONIC, CLOCK_ID_BOOTTIME, CLOCK_ID_COUNT };

#define CLOCK_NS_PER_US INT64_C(1000)
#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S INT64_C(1000000000)

/* `ns` on `clock`; it fires no earlier than ns and, where the process would
 * otherwise sleep, no later than ns + slack_ms. INT64_MAX means never. */
struct deadline {
	int64_t ns;
	uint32_t slack_ms;
	enum clock_id clock;
};

/* The deadline that never comes. */
#define DEADLINE_NEVER ((struct deadline){ .ns = INT64_MAX })

/* The deadline that has always passed: the call does what it can without
 * waiting and otherwise returns -ETIMEDOUT. */
#define DEADLINE_NOW ((struct deadline){ .ns = 0 })

/* Nanoseconds on `clock`, read once for each turn of the scheduler. */
int64_t clock_now(struct rt *rt, enum clock_id clock);

/* Nanoseconds since 1970 (CLOCK_REALTIME); for time stamps only, since it
 * jumps when somebody sets the clock. */
int64_t clock_wall(struct rt *rt);

/* A request deadline `ms` from now on CLOCK_MONOTONIC. It may be noticed up
 * to a sixteenth late (100 ms at most), so that timers share wake-ups. A
 * negative ms counts as 0. */
struct deadline deadline_in_ms(struct rt *rt, int64_t ms);

/* A cadence: the absolute time `boot_ns` on CLOCK_BOOTTIME, with a slack. */
struct deadline deadline_cadence(int64_t boot_ns, uint32_t slack_ms);

/* Whichever of the two comes first now. They may be on different clocks. */
struct deadline deadline_earlier(struct rt *rt, struct deadline a,
				 struct deadline b);

/* Nanoseconds until `d` (0 when it has passed, INT64_MAX when never). */
int64_t deadline_left_ns(struct rt *rt, struct deadline d);

static inline bool deadline_is_never(struct deadline d)
{
	return d.ns == INT64_MAX;
}

#endif
