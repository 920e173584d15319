// SPDX-License-Identifier: MIT
/*
 * sim_link - an established connection: a stream for each direction, two ends,
 * and what the network does to it.
 *
 * End 0 is the client's. An end is gone when its socket is closed; the link
 * goes with the later of them. A link that hangs lets nothing through any more,
 * and only those who send notice, in the end.
 */
#ifndef RUNTIME_SIM_LINK_H
#define RUNTIME_SIM_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim_event.h"
#include "runtime/sim_stream.h"

struct sim_link;
struct sim_sock;
struct sim_world;

/* What one end sends, and how a reset comes to it. */
struct sim_side {
	struct sim_link *link;
	struct sim_sock *sock; /* NULL: gone */
	struct sim_stream out;
	struct sim_event reset;
	uint32_t tries; /* in vain, to get through */
	bool cut;	/* an end was sent in its name */
};

struct sim_link {
	struct sim_world *world;
	struct sim_side sides[2];
	int64_t stands_until; /* a stall */
	bool hangs;
};

struct sim_link *sim_link_new(struct sim_world *world, struct sim_sock *client,
			      struct sim_sock *server);

/* One way, now. */
int64_t sim_latency(struct sim_world *world);

/* Attempts of an end. */
int sim_link_send(struct sim_side *side, const void *data, uint32_t len);
/* 0 also at the end. */
int sim_link_receive(struct sim_side *side, void *data, uint32_t len);
void sim_link_end(struct sim_side *side);

/* How an end goes. */
enum sim_leave {
	SIM_LEAVE_CLOSE, /* properly, as far as all was read */
	SIM_LEAVE_RESET,
	SIM_LEAVE_VANISH, /* nobody is told */
};
void sim_link_leave(struct sim_side *side, enum sim_leave how);

static inline struct sim_side *sim_other(struct sim_side *side)
{
	return &side->link->sides[side == &side->link->sides[0]];
}

/* What comes to an end; of sim_sock.c. `err` is what the socket reports. */
void sim_sock_come(struct sim_sock *sock);
void sim_sock_break(struct sim_sock *sock, int err);

#endif
