// SPDX-License-Identifier: MIT
/*
 * ratelimit - so many requests a minute from one client address, in fixed
 * windows that begin with a client's first request.
 *
 * The table of clients is bounded; when it is full the client whose window
 * began first makes room.
 */
#ifndef APP_PLATFORM_RATELIMIT_H
#define APP_PLATFORM_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define RATELIMIT_CLIENTS_MAX 256
#define RATELIMIT_WINDOW_NS INT64_C(60000000000)

struct ratelimit_client {
	uint8_t address[16]; /* IPv4 ones mapped into IPv6 */
	int64_t began_ns;    /* 0: a free place */
	uint32_t used;
};

struct ratelimit {
	uint32_t limit; /* requests a window; 0: any number */
	struct ratelimit_client clients[RATELIMIT_CLIENTS_MAX];
};

/* What a client is told about its window. */
struct ratelimit_state {
	bool allowed;
	uint32_t limit, remaining;
	uint32_t reset_s; /* whole seconds until the next window, cut */
};

/* Counts one request from `peer` at `now_ns` (any clock that only advances,
 * not 0). */
struct ratelimit_state ratelimit_take(struct ratelimit *ratelimit,
				      const struct sockaddr_storage *peer,
				      int64_t now_ns);

/* Whether the address is this machine's own loopback. */
bool ratelimit_is_loopback(const struct sockaddr_storage *peer);

#endif
