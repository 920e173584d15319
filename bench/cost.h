// SPDX-License-Identifier: MIT
/*
 * cost - what a process takes: memory, threads, CPU and context switches from
 * /proc, system calls from strace. strace stops the process at each of them,
 * which shows up as context switches, so the two are not taken at once.
 */
#ifndef BENCH_COST_H
#define BENCH_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define COST_CALLS_MOST 64

/* Of all threads together; those that count up do so from their begin. */
struct cost {
	long rss_kb, anon_kb, threads;
	long workers;	      /* threads that io_uring made */
	long yielded, forced; /* context switches, voluntary and not */
	long of_workers;      /* both, of threads that io_uring made */
	double cpu_ms;
};

/* Reads /proc; the process must be there. */
void cost_read(pid_t pid, struct cost *cost);
/* What `now` has counted since `before`; memory and threads are now's. */
struct cost cost_since(const struct cost *now, const struct cost *before);

struct cost_calls {
	struct {
		char name[32];
		long count;
	} calls[COST_CALLS_MOST];
	size_t kinds;
	long total;
	bool traced; /* strace could attach and has told */
};

struct cost_trace {
	pid_t pid, tracer;
	char file[96];
};

/* Starts strace -c -f of the process; its file lies in `dir`. */
void cost_trace_begin(struct cost_trace *trace, pid_t pid, const char *dir);
/* Whether it counts by now: 1, 0 not yet, -1 it has failed. */
int cost_trace_ready(const struct cost_trace *trace);
/* Ends it and reads what it counted; all zero if it failed. */
void cost_trace_end(struct cost_trace *trace, struct cost_calls *calls);
/* How often a call was made. */
long cost_calls_of(const struct cost_calls *calls, const char *name);

#endif
