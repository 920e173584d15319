// SPDX-License-Identifier: MIT
/*
 * util - what the benches share: time, medians, and a child over pipes.
 *
 * A bench is a small program for one figure. It repeats, takes turns with its
 * peers so that drift hits all alike, and prints medians with their spread.
 * Whatever fails here ends the bench with a message and exit code 1.
 */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Prints the message, kills the children and exits. */
__attribute__((noreturn, format(printf, 1, 2))) void
bench_die(const char *format, ...);

/* Nanoseconds on CLOCK_MONOTONIC. */
int64_t bench_now(void);

/* Binds this process and its future children to the last CPU it may use. */
void bench_pin(void);

/* The environment's whole number `name`, or `otherwise`. */
long bench_setting(const char *name, long otherwise);

/* Whether BENCH_CASES, words with blanks between, has this one or is not set.
 */
bool bench_chosen(const char *word);

/* The path of `name` next to this program's own binary (`up` directories
 * above it), in static storage of the caller. */
void bench_beside(char *path, size_t cap, int up, const char *name);

/* Removes the directory and all in it. */
void bench_remove(const char *dir);

struct spread {
	double median, min, max, p90, p99;
};

/* Sorts the samples and reads off what is of interest; n > 0. */
struct spread bench_spread(double *samples, size_t n);

/* One table row: what, median, [min..max], p90, unit. */
void bench_row(const char *what, struct spread spread, const char *unit);

/* A child whose stdin and stdout are pipes of ours. */
struct child {
	pid_t pid;
	int in;	 /* we write, it reads */
	int out; /* it writes, we read */
	size_t len;
	char buf[16384]; /* read and not yet handed out */
};

/* Starts argv[0] with the environment `env`; its stderr is ours, or
 * /dev/null when `quiet`. */
void child_start(struct child *child, char *const argv[], char *const env[],
		 int quiet);
void child_write(struct child *child, const char *text);
/* The child's next line, without its newline, cut at cap - 1. */
void child_line(struct child *child, char *line, size_t cap);
/* Closes its stdin and waits for its end; killed after five seconds. */
void child_end(struct child *child);

#endif
