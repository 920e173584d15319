// SPDX-License-Identifier: MIT
/*
 * http_lane - requests that go one behind the other on one connection before
 * the first of them is answered (pipelining, RFC 9112 section 9.3.2).
 *
 * When many tasks ask one origin in the same turn, what they ask costs a
 * connection, a system call's work and a wake-up each. In a lane they are
 * written together, and answered in their order. Every task reads its own
 * answer when it has its turn, and then gives the turn to the next. How long
 * lanes are follows from how fast a server answers, since most answer the
 * requests of one connection one after the other.
 *
 * That is only for what may be sent again: when the connection ends, an answer
 * is bad or closes it, or somebody leaves, those behind go alone instead, as
 * they also do when their turn does not come within HTTP_LANE_PATIENCE_MS
 * because somebody's answer is slow. After that, or when it befell a connection
 * that was new, there are no lanes for HTTP_LANE_DISTRUST_MS: the other side
 * may not be made for it.
 *
 * Only tasks that are patient (task_patient) are put behind others.
 */
#ifndef NET_HTTP_LANE_H
#define NET_HTTP_LANE_H

#include "net/http_client.h"

#define HTTP_LANE_MAX 16u	   /* requests in one; of a slow server 2 */
#define HTTP_LANE_WAIT_MS 50	   /* for the answers before one's own */
#define HTTP_LANE_BYTES 8192u	   /* written; one more may pass it */
#define HTTP_LANE_PATIENCE_MS 1000 /* until the turn has come */
#define HTTP_LANE_DISTRUST_MS 60000

struct lane;

/* Where lanes are formed; but for rt all zero is ready. It outlives the
 * requests. */
struct http_lanes {
	struct rt *rt;
	bool off;	      /* everyone goes alone */
	struct lane *forming; /* that others may join still */
	int64_t alone_until;  /* MONOTONIC; no lanes before */
	uint32_t most;	      /* requests in one now; 0: HTTP_LANE_MAX */
	uint64_t shared;      /* answers that came behind another's */
};

/* What http_lane_fetch gives when the request has to go alone. */
#define HTTP_LANE_ALONE 1

/* http_fetch in a lane, for a request that may be sent twice. HTTP_LANE_ALONE
 * when that cannot be, or nothing came of it. Parks. */
int http_lane_fetch(struct http_lanes *lanes, struct pool *pool,
		    const struct http_request *request,
		    struct http_response *response, enum http_phase *phase,
		    struct deadline total);

#endif
