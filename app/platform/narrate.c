// SPDX-License-Identifier: MIT
#include "app/platform/narrate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/utf8.h"
#include "runtime/io.h"

#define TEXT_MAX 1024
#define WHO_WIDTH 21

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define CYAN "\033[36m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

void narrate_begin(struct narrator *narrator, struct rt *rt)
{
	const char *no_colour = getenv("NO_COLOR");

	narrator->rt = rt;
	narrator->began_ns = clock_now(rt, CLOCK_ID_MONOTONIC);
	narrator->colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
}

static const char *paint(const struct narrator *narrator, const char *colour)
{
	return narrator->colour ? colour : "";
}

static void say(const struct narrator *narrator, const char *line)
{
	/* Nobody may be reading; the demonstration goes on. */
	(void)io_write_all(narrator->rt, STDOUT_FILENO, line, strlen(line),
			   NULL, DEADLINE_NEVER);
}

/* Control characters would paint over the screen; they become blanks. */
static void calm(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

static void show(const struct narrator *narrator, const struct narrated *step)
{
	char line[NARRATE_TEXT_MAX + 128];
	size_t width = utf8_count(step->who, strlen(step->who));
	int pad = width < WHO_WIDTH ? (int)(WHO_WIDTH - width) : 0;
	double seconds = (double)(step->at_ns - narrator->began_ns) / 1e9;

	(void)snprintf(line, sizeof(line), "  %s%6.3f s%s  %s%s%s%*s%s\n",
		       paint(narrator, DIM), seconds, paint(narrator, PLAIN),
		       paint(narrator, CYAN), step->who, paint(narrator, PLAIN),
		       pad, "", step->text);
	say(narrator, line);
}

/* Puts a step in its place among those held. */
static void keep_back(struct narrator *narrator, const struct narrated *step)
{
	unsigned at = narrator->held_count++;

	while (at > 0 && narrator->held[at - 1].at_ns > step->at_ns) {
		narrator->held[at] = narrator->held[at - 1];
		at--;
	}
	narrator->held[at] = *step;
}

void narrate_hold(struct narrator *narrator)
{
	narrator->holding = true;
}

void narrate_release(struct narrator *narrator)
{
	for (unsigned i = 0; i < narrator->held_count; i++)
		show(narrator, &narrator->held[i]);
	narrator->held_count = 0;
	narrator->holding = false;
}

void narrate_step(struct narrator *narrator, int64_t at_ns, const char *who,
		  const char *format, ...)
{
	struct narrated step = { .at_ns = at_ns, .who = who };
	va_list args;

	if (at_ns == 0)
		step.at_ns = clock_now(narrator->rt, CLOCK_ID_MONOTONIC);
	va_start(args, format);
	(void)vsnprintf(step.text, sizeof(step.text), format, args);
	va_end(args);
	calm(step.text);
	if (narrator->holding && narrator->held_count < NARRATE_HELD_MAX)
		keep_back(narrator, &step);
	else
		show(narrator, &step);
}

void narrate_heading(struct narrator *narrator, const char *text)
{
	char line[TEXT_MAX];

	(void)snprintf(line, sizeof(line), "\n  %s%s%s\n",
		       paint(narrator, BOLD), text, paint(narrator, PLAIN));
	say(narrator, line);
}

void narrate_blank(struct narrator *narrator)
{
	say(narrator, "\n");
}

void narrate_text(struct narrator *narrator, const char *format, ...)
{
	char text[TEXT_MAX], line[TEXT_MAX + 8];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(line, sizeof(line), "  %s\n", text);
	say(narrator, line);
}

void narrate_failure(struct narrator *narrator, const char *format, ...)
{
	char text[TEXT_MAX], line[TEXT_MAX + 64];
	va_list args;

	narrate_release(narrator);
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(line, sizeof(line),
		       "\n  %sThe demonstration failed:%s "
		       "%s\n",
		       paint(narrator, RED), paint(narrator, PLAIN), text);
	say(narrator, line);
}
