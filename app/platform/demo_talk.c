// SPDX-License-Identifier: MIT
/* The part of the demonstration in which the person writes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/platform/demo_state.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* What the terminal gives at once, without its newline; false at the end. */
static bool read_line(struct rt *rt, char line[DEMO_TEXT_MAX])
{
	ssize_t n = io_read(rt, STDIN_FILENO, line, DEMO_TEXT_MAX - 1,
			    DEADLINE_NEVER);

	if (n <= 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

/* Runs beside the watch for signals; ends at the end of input. */
static void talk(struct rt *rt, void *arg)
{
	struct demo *demo = arg;
	char line[DEMO_TEXT_MAX], answer[DEMO_TEXT_MAX + 64];

	while (read_line(rt, line)) {
		if (!*line)
			continue;
		(void)snprintf(answer, sizeof(answer),
			       "Thank you. You wrote: %s", line);
		if (demo_conversation(demo, line, answer) < 0)
			break;
	}
	demo->finished = true;
	cond_broadcast(&demo->change);
}

int demo_talk(struct demo *demo)
{
	struct scope scope;
	int err = 0;

	narrate_heading(&demo->narrator,
			"Your turn: write to the agent; Ctrl-D ends");
	scope_open(demo->rt, &scope, DEADLINE_NEVER);
	err = task_spawn(&scope, "person", TASK_STACK_LARGE, talk, demo);
	while (err == 0 && !demo->finished && !demo->interrupted &&
	       !demo->host.gone)
		err = cond_wait(&demo->change, DEADLINE_NEVER);
	scope_close(&scope);
	if (err < 0 || demo->host.gone)
		return demo_failed(demo, "talking", err < 0 ? err : -EPIPE);
	return 0;
}
