// SPDX-License-Identifier: MIT
/*
 * console - what a bench does at the platform as its operator: requests below
 * /demo, one after the other on one connection, so that they cost the platform
 * little and the bench no time to connect.
 */
#ifndef BENCH_CONSOLE_H
#define BENCH_CONSOLE_H

#include <jansson.h>
#include <stddef.h>

struct console {
	int fd, port;
	size_t len, cap; /* of the answer that is coming in */
	char *buf;
};

/* Connects to a platform that speaks http on that port of 127.0.0.1. */
void console_open(struct console *console, int port);
void console_close(struct console *console);

/* Sends a request; `body` is JSON or NULL. Its answer is to be taken before
 * the next. */
void console_send(struct console *console, const char *method, const char *path,
		  const char *body);
/* Reads what has come: the answer as JSON, the caller's, or NULL when it is
 * not whole yet. Ends the bench unless its status is 200. */
json_t *console_take(struct console *console);
/* Both, waiting for the answer. */
json_t *console_ask(struct console *console, const char *method,
		    const char *path, const char *body);

/* The number at a path of member names ("heartbeats.max_gap_seconds") in an
 * answer; -1 when there is none. */
double console_number(const json_t *answer, const char *path);

#endif
