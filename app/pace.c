// SPDX-License-Identifier: MIT
#include "app/pace.h"

#include "runtime/clock.h"

#define BEATS_PLAY 5 /* percent */
#define WINDOW_NS (PACE_WINDOW_MS * CLOCK_NS_PER_MS)

/* What this client takes of a window. */
static uint32_t share(const struct pace *pace)
{
	uint32_t share = (uint32_t)((uint64_t)pace->limit * PACE_SHARE / 100);

	return share > 0 ? share : 1;
}

/* What of that is kept for calls. */
static uint32_t for_calls(const struct pace *pace)
{
	uint32_t calls = share(pace) * PACE_CALLS_SHARE / 100;

	return calls < PACE_CALLS_MAX ? calls : PACE_CALLS_MAX;
}

/* What of that the beats may have in a window. */
static uint32_t for_beats(const struct pace *pace)
{
	uint32_t beats = share(pace) - for_calls(pace);

	return beats > 0 ? beats : 1;
}

uint32_t pace_fitting(const struct pace *pace)
{
	uint64_t most;

	if (pace->limit == 0)
		return pace->members;
	most = (uint64_t)for_beats(pace) * PACE_BEAT_MAX_MS / PACE_WINDOW_MS;
	return most < pace->members ? (uint32_t)most : pace->members;
}

uint32_t pace_beat_ms(const struct pace *pace)
{
	uint64_t needed;

	if (pace->limit == 0)
		return pace->beat_ms;
	needed = ((uint64_t)pace_fitting(pace) * PACE_WINDOW_MS +
		  for_beats(pace) - 1) /
		 for_beats(pace);
	if (needed < pace->beat_ms)
		return pace->beat_ms;
	/* A cadence that was set slower by hand stays as it is. */
	return needed < PACE_BEAT_MAX_MS ? (uint32_t)needed : PACE_BEAT_MAX_MS;
}

/* Beats of all members in so many milliseconds. */
static int64_t beats_in(const struct pace *pace, int64_t ms)
{
	uint32_t beat_ms = pace_beat_ms(pace);

	return beat_ms == 0 ? 0
			    : ((int64_t)pace_fitting(pace) * ms + beat_ms - 1) /
				      beat_ms;
}

uint32_t pace_poll_ms(const struct pace *pace, uint32_t poll_ms)
{
	int64_t left, needed;

	if (pace->limit == 0)
		return poll_ms;
	left = (int64_t)for_beats(pace) - beats_in(pace, PACE_WINDOW_MS);
	if (left < 1)
		return PACE_POLL_MAX_MS;
	needed = (int64_t)pace->members * PACE_WINDOW_MS / left;
	if (needed < poll_ms)
		return poll_ms;
	return needed < PACE_POLL_MAX_MS ? (uint32_t)needed : PACE_POLL_MAX_MS;
}

/* What must remain after a request of this class. */
static int64_t reserve(const struct pace *pace, enum pace_class class,
		       int64_t now)
{
	int64_t ms = (pace->window_end - now) / CLOCK_NS_PER_MS;
	int64_t kept = 0;

	/* Beats do not come quite evenly, and one that finds nothing left waits
	 * for the next window: that would be too long where they are slow. */
	if (class != PACE_BEAT)
		kept += beats_in(pace, ms) * (100 + BEATS_PLAY) / 100;
	if (class == PACE_POLL)
		kept += for_calls(pace);
	return kept;
}

/* A new window: nothing is known of it but the limit. */
static void open_window(struct pace *pace, int64_t now)
{
	if (now < pace->window_end)
		return;
	pace->window_end = now + WINDOW_NS;
	pace->left = share(pace);
}

int64_t pace_wait(struct pace *pace, enum pace_class class, int64_t now)
{
	if (now < pace->blocked)
		return pace->blocked - now;
	if (pace->limit == 0)
		return 0;
	open_window(pace, now);
	if (pace->left <= reserve(pace, class, now))
		return pace->window_end - now;
	return 0;
}

void pace_took(struct pace *pace, int64_t now)
{
	if (pace->limit > 0) {
		open_window(pace, now);
		pace->left--;
	}
	pace->under_way++;
}

int64_t pace_ask(struct pace *pace, enum pace_class class, int64_t now)
{
	int64_t wait = pace_wait(pace, class, now);

	if (wait == 0)
		pace_took(pace, now);
	return wait;
}

static void block(struct pace *pace, int64_t until)
{
	if (until > pace->blocked)
		pace->blocked = until;
}

/* Takes the server's word for what is left: it knows who else asks. */
static void learn(struct pace *pace, const struct pace_answer *answer,
		  int64_t now)
{
	int64_t reserved, left;

	if (answer->limit <= 0) {
		/* An answer that speaks of no limit, after others that did, may
		 * have come from something on the way. */
		return;
	}
	pace->limit = answer->limit < UINT32_MAX ? (uint32_t)answer->limit
						 : UINT32_MAX;
	if (answer->remaining < 0 || answer->reset_s < 0)
		return;
	/* The seconds are cut off, so the window may last one more. */
	pace->window_end = now + (answer->reset_s + 1) * CLOCK_NS_PER_S;
	reserved = pace->limit - share(pace);
	left = answer->remaining - reserved - pace->under_way;
	pace->left = left;
}

void pace_done(struct pace *pace, const struct pace_answer *answer, int64_t now)
{
	if (pace->under_way > 0)
		pace->under_way--;
	if (answer->status == 0)
		return;
	learn(pace, answer, now);
	/* A 429 that says nothing about time is left to who asked. */
	if (answer->status == 429 && answer->retry_after_ms >= 0)
		block(pace, now + answer->retry_after_ms * CLOCK_NS_PER_MS +
				    CLOCK_NS_PER_S);
	else if (answer->status == 503 && answer->retry_after_ms > 0)
		block(pace, now + answer->retry_after_ms * CLOCK_NS_PER_MS);
}
