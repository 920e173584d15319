// SPDX-License-Identifier: MIT
/*
 * dial - from a host and port to a connected socket.
 *
 * Literals and `localhost` need no resolver (RFC 6761 section 6.3: localhost
 * and the names under it are always the loopback, ::1 then 127.0.0.1); other
 * names are looked up by resolve.h, and addresses are tried in the order of
 * RFC 8305, the next one starting 250 ms after the last or as soon as it
 * failed. A name none of whose addresses could be connected to is looked up
 * anew the next time. TCP_NODELAY is set. A single address is tried by the
 * caller's own task; several get a task each for the time of the race.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdint.h>
#include <sys/socket.h>

#include "runtime/clock.h"

struct rt;
struct resolver;

#define DIAL_ATTEMPT_MS 250
#define DIAL_ADDRS_MAX 16

/* A connected descriptor, or a negative errno: -ENOENT for a name that does
 * not exist, -EAGAIN for one that cannot be looked up now, else what the last
 * address gave (-ECONNREFUSED, -ETIMEDOUT, …). Parks. Cancelled: nothing stays
 * open. `resolver` may be NULL where names are not to be dialled: -ENOENT. */
int dial(struct rt *rt, struct resolver *resolver, const char *host,
	 uint16_t port, struct deadline deadline);

/* The second half of dial: races `count` (1 to DIAL_ADDRS_MAX) addresses,
 * ports included, in their order. Returns as dial. Parks. */
int dial_addrs(struct rt *rt, const struct sockaddr_storage *addrs, int count,
	       struct deadline deadline);

#endif
