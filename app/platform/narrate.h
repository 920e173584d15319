// SPDX-License-Identifier: MIT
/*
 * narrate - what the demonstration says on the terminal: one line for each
 * thing that happens, with its time, who did it to whom, and what.
 *
 *	  0.412 s  user → platform      writes: "Good morning"
 *
 * Colours only where they are wanted: on a terminal, without NO_COLOR.
 */
#ifndef APP_PLATFORM_NARRATE_H
#define APP_PLATFORM_NARRATE_H

#include <stdbool.h>
#include <stdint.h>

struct rt;

#define NARRATE_TEXT_MAX 512
#define NARRATE_HELD_MAX 12

/* A step that waits for its place. */
struct narrated {
	int64_t at_ns;
	const char *who;
	char text[NARRATE_TEXT_MAX];
};

struct narrator {
	struct rt *rt;
	int64_t began_ns; /* CLOCK_MONOTONIC */
	bool colour;
	bool holding;
	struct narrated held[NARRATE_HELD_MAX]; /* in the order of time */
	unsigned held_count;
};

void narrate_begin(struct narrator *narrator, struct rt *rt);

/* Between the two steps are kept back and put in the order of their times, for
 * a few things that happen at once. Past NARRATE_HELD_MAX they are shown. */
void narrate_hold(struct narrator *narrator);
void narrate_release(struct narrator *narrator);

/* A step that happened at `at_ns` (CLOCK_MONOTONIC; 0: now). `who` is a static
 * text. Parks. */
void narrate_step(struct narrator *narrator, int64_t at_ns, const char *who,
		  const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A heading with an empty line before it; an empty line; a line of plain text.
 * Park. */
void narrate_blank(struct narrator *narrator);
void narrate_heading(struct narrator *narrator, const char *text);
void narrate_text(struct narrator *narrator, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A failure. Parks. */
void narrate_failure(struct narrator *narrator, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
