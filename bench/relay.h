// SPDX-License-Identifier: MIT
/*
 * relay - stands between a client and the platform, forwards bytes, and
 * counts what a bench wants to know: connections and HTTP/1.1 requests. It can
 * write the requests down, so that another client can send the same ones.
 *
 * It runs only inside relay_run, in the caller's thread. In front of a server
 * that speaks TLS it counts handshakes instead of requests.
 */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RELAY_CONNECTIONS 16

struct relay_connection {
	int client, server; /* -1 when unused */
	bool begun, sealed; /* TLS: a record was seen; one with data was */
	size_t len;	    /* of the request that is coming in */
	char request[32768];
};

struct relay {
	int listener;
	int port;
	int upstream;	    /* the server's port on 127.0.0.1 */
	bool tls;	    /* set by the caller: what it relays is TLS */
	struct relay *with; /* set by the caller: another, run together */
	struct relay_connection connections[RELAY_CONNECTIONS];

	long requests;	 /* since relay_reset */
	long handshakes; /* begun since relay_reset */
	long opened;	 /* connections accepted since relay_reset */
	long open;	 /* connections now */
	int64_t first;	 /* bench_now() of the first of the requests, or 0 */

	FILE *record;	/* where requests are written down, or NULL */
	int64_t origin; /* bench_now() when the record began */
};

/* Listens on a free port of 127.0.0.1 for connections to `upstream` there. */
void relay_open(struct relay *relay, int upstream);
/* Forwards for `ms` milliseconds. */
void relay_run(struct relay *relay, int64_t ms);
/* Zeroes the counts. `record` (may be NULL): each request from now on is
 * written there as a line "MS HEAD-BYTES BODY-BYTES" and its bytes. */
void relay_reset(struct relay *relay, FILE *record);

#endif
