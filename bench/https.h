// SPDX-License-Identifier: MIT
/*
 * https - what the two clients of `https` have in common: how they are called
 * and how they say what they measured.
 *
 *	https_client MODE URL ROOTS COUNT TLS
 *	https_curl   MODE URL ROOTS COUNT TLS
 *
 * URL ends in a slash; "json" and "what" below it are nginx.h's. ROOTS is a
 * file of root certificates. TLS is "1.2" or "1.3", the latest version that is
 * offered. MODE is
 *
 *	load	COUNT requests on HTTPS_CONNECTIONS connections kept alive, that
 *		many at a time
 *	turn	COUNT requests one after the other, each on a connection of its
 *		own
 *	gap	as turn, with an eye on how long the client lets nothing else of
 *		its process run
 *	stall	as gap, for what else of its process waits for I/O
 *
 * Connections that load uses, and one that turn resumes, are there before the
 * clock starts. A client prints one line and ends.
 */
#ifndef BENCH_HTTPS_H
#define BENCH_HTTPS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HTTPS_CONNECTIONS 64
#define HTTPS_JSON_BYTES 200
/* What a real client would send along. */
#define HTTPS_TOKEN "Bearer bench-token-0123456789"

struct https_result {
	double cpu_us;	  /* of the process, for each request */
	double wall_us;	  /* for each request */
	double gap_us;	  /* the longest stretch of CPU without letting go */
	long resumed;	  /* requests on a session that was resumed */
	char session[96]; /* version, suite and curve of the last one */
};

static inline int64_t https_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Begins (all zero before) and ends a measurement of `count` requests. */
static inline void https_begin(struct https_result *result)
{
	result->cpu_us = -(double)https_clock(CLOCK_PROCESS_CPUTIME_ID);
	result->wall_us = -(double)https_clock(CLOCK_MONOTONIC);
}

static inline void https_end(struct https_result *result, long count)
{
	double each = 1000.0 * (double)count;

	result->cpu_us += (double)https_clock(CLOCK_PROCESS_CPUTIME_ID);
	result->wall_us += (double)https_clock(CLOCK_MONOTONIC);
	result->cpu_us /= each;
	result->wall_us /= each;
}

/* Takes note of an answer from "what": "r TLSv1.2 SUITE CURVE", or "." first
 * when the session is new. `text` ends in NUL. */
static inline void https_note(struct https_result *result, const char *text)
{
	result->resumed += text[0] == 'r';
	if (strlen(text) > 2)
		snprintf(result->session, sizeof(result->session), "%s",
			 text + 2);
}

static inline void https_print(const struct https_result *result)
{
	printf("%.3f %.3f %.3f %ld %s\n", result->cpu_us, result->wall_us,
	       result->gap_us, result->resumed, result->session);
}

#endif
