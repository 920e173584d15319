// SPDX-License-Identifier: MIT
#include "runtime/clock.h"

#include "runtime/sched.h"

#define SLACK_MOST_MS 100

int64_t clock_now(struct rt *rt, enum clock_id clock)
{
	if (!rt->now_known[clock]) {
		rt->now[clock] = rt->backend->ops->now(rt->backend, clock);
		rt->now_known[clock] = true;
	}
	return rt->now[clock];
}

int64_t clock_wall(struct rt *rt)
{
	return rt->backend->ops->wall(rt->backend);
}

struct deadline deadline_in_ms(struct rt *rt, int64_t ms)
{
	struct deadline deadline = { .clock = CLOCK_ID_MONOTONIC };
	int64_t slack = ms / 16;

	if (ms < 0)
		ms = slack = 0;
	if (__builtin_mul_overflow(ms, CLOCK_NS_PER_MS, &deadline.ns) ||
	    __builtin_add_overflow(deadline.ns,
				   clock_now(rt, CLOCK_ID_MONOTONIC),
				   &deadline.ns))
		return DEADLINE_NEVER;
	deadline.slack_ms =
		(uint32_t)(slack < SLACK_MOST_MS ? slack : SLACK_MOST_MS);
	return deadline;
}

struct deadline deadline_cadence(int64_t boot_ns, uint32_t slack_ms)
{
	return (struct deadline){ .ns = boot_ns,
				  .slack_ms = slack_ms,
				  .clock = CLOCK_ID_BOOTTIME };
}

int64_t deadline_left_ns(struct rt *rt, struct deadline d)
{
	if (deadline_is_never(d))
		return INT64_MAX;
	int64_t left = d.ns - clock_now(rt, d.clock);
	return left > 0 ? left : 0;
}

struct deadline deadline_earlier(struct rt *rt, struct deadline a,
				 struct deadline b)
{
	if (a.clock == b.clock)
		return a.ns <= b.ns ? a : b;
	return deadline_left_ns(rt, a) <= deadline_left_ns(rt, b) ? a : b;
}
