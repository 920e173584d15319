// SPDX-License-Identifier: MIT
#include "runtime/sim_link.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/sim_impl.h"

/* Bytes that are on their way or not read, in one direction. */
#define WINDOW_MIN 4096
#define WINDOW_MAX (256 * 1024)
/* What is lost is sent again: first after so long, then twice as long, … until
 * it is given up, a quarter of an hour later. */
#define AGAIN_FIRST (200 * SIM_MS)
#define AGAIN_MOST (120 * SIM_S)
#define AGAIN_TRIES 15u

int64_t sim_latency(struct sim_world *world)
{
	const struct sim_faults *faults = &world->faults;

	/* Mostly near the least. */
	return sim_between(
		world, faults->latency_min,
		sim_between(world, faults->latency_min, faults->latency_max));
}

static struct sim_side *side_of(struct sim_stream *stream)
{
	return (struct sim_side *)((char *)stream -
				   offsetof(struct sim_side, out));
}

static void reset_comes(struct sim_event *event)
{
	struct sim_side *side =
		(struct sim_side *)((char *)event -
				    offsetof(struct sim_side, reset));

	if (side->link->world->faults.net_down) {
		sim_at(side->link->world, event, event->at + SIM_S,
		       reset_comes);
		return;
	}
	sim_stream_drop(&side->out);
	if (side->sock)
		sim_sock_break(side->sock, sim_other(side)->out.end_arrived
						   ? EPIPE
						   : ECONNRESET);
}

/* Tells this end that the other knows nothing of the connection. */
static void reset(struct sim_side *side)
{
	struct sim_world *world = side->link->world;

	if (side->sock && side->reset.place == 0)
		sim_at(world, &side->reset, world->time + sim_latency(world),
		       reset_comes);
}

static void come(struct sim_stream *stream)
{
	struct sim_side *from = side_of(stream);
	struct sim_side *to = sim_other(from);

	from->tries = 0;
	if (to->sock)
		sim_sock_come(to->sock);
	else if (stream->arrived > 0)
		reset(from);
}

static int64_t hinder(struct sim_stream *stream)
{
	struct sim_side *from = side_of(stream);
	struct sim_link *link = from->link;
	struct sim_world *world = link->world;
	int64_t later = AGAIN_FIRST << from->tries;

	if (!link->hangs && !world->faults.net_down) {
		later = link->stands_until - world->time;
		return later > 0 ? later : 0;
	}
	if (++from->tries <= AGAIN_TRIES)
		return later < AGAIN_MOST ? later : AGAIN_MOST;
	sim_stream_drop(stream);
	if (from->sock)
		sim_sock_break(from->sock, ETIMEDOUT);
	return -1;
}

struct sim_link *sim_link_new(struct sim_world *world, struct sim_sock *client,
			      struct sim_sock *server)
{
	struct sim_link *link = sim_alloc(sizeof(*link));
	struct sim_sock *socks[2] = { client, server };

	link->world = world;
	for (int i = 0; i < 2; i++) {
		link->sides[i].link = link;
		link->sides[i].sock = socks[i];
		sim_stream_init(
			&link->sides[i].out, world,
			(uint32_t)sim_between(world, WINDOW_MIN, WINDOW_MAX),
			come, hinder);
	}
	return link;
}

static void go(struct sim_link *link)
{
	for (int i = 0; i < 2; i++)
		if (link->sides[i].sock)
			return;
	for (int i = 0; i < 2; i++) {
		sim_at_cancel(link->world, &link->sides[i].reset);
		sim_stream_fini(&link->sides[i].out);
	}
	free(link);
}

/* Some way in which a connection breaks without either end's doing. */
static void break_at_random(struct sim_side *side)
{
	struct sim_world *world = side->link->world;
	uint32_t who = sim_random_below(&world->lot, 4);

	sim_trace(world, "net", "a connection is reset, way %u", who);
	if (who != 1)
		reset(side);
	if (who != 2)
		reset(sim_other(side));
	if (who == 1 || who == 2)
		side->link->hangs = true; /* for the one who was not told */
}

static void stall(struct sim_link *link)
{
	struct sim_world *world = link->world;

	if (sim_luck(world, SIM_ALWAYS / 8))
		link->hangs = true;
	else
		link->stands_until =
			world->time +
			sim_between(world, 0, world->faults.stall_max);
	sim_trace(world, "net", "a connection stalls%s",
		  link->hangs ? " for ever" : "");
}

/* Somebody in between ends it after part of what was to be sent. */
static int cut(struct sim_side *side, const void *data, uint32_t len)
{
	struct sim_world *world = side->link->world;
	uint32_t part = sim_random_below(&world->lot, len);
	int64_t later = sim_latency(world);

	sim_trace(world, "net", "a connection is cut");
	sim_stream_write(&side->out, data, part, later);
	sim_stream_end(&side->out, later);
	side->cut = true;
	return (int)len;
}

int sim_link_send(struct sim_side *side, const void *data, uint32_t len)
{
	struct sim_world *world = side->link->world;
	const struct sim_faults *faults = &world->faults;
	uint32_t n;

	if (side->cut) {
		reset(side);
		return (int)len;
	}
	if (sim_stream_room(&side->out) == 0)
		return SIM_AGAIN;
	if (sim_luck(world, faults->reset))
		break_at_random(side);
	else if (sim_luck(world, faults->stall))
		stall(side->link);
	else if (len > 0 && sim_luck(world, faults->cut))
		return cut(side, data, len);
	n = sim_stream_write(&side->out, data, len, sim_latency(world));
	return (int)n;
}

int sim_link_receive(struct sim_side *side, void *data, uint32_t len)
{
	struct sim_side *from = sim_other(side);
	uint32_t n = sim_stream_read(&from->out, data, len);

	if (n > 0 && from->sock)
		sim_sock_come(from->sock); /* there is room now */
	if (n == 0 && len > 0 && !from->out.end_arrived)
		return SIM_AGAIN;
	return (int)n;
}

void sim_link_end(struct sim_side *side)
{
	sim_stream_end(&side->out, sim_latency(side->link->world));
}

void sim_link_leave(struct sim_side *side, enum sim_leave how)
{
	struct sim_side *other = sim_other(side);

	side->sock = NULL;
	sim_at_cancel(side->link->world, &side->reset);
	if (how == SIM_LEAVE_RESET ||
	    (how == SIM_LEAVE_CLOSE && other->out.arrived > 0)) {
		sim_stream_drop(&side->out);
		reset(other);
	} else if (how == SIM_LEAVE_CLOSE) {
		sim_link_end(side);
	} else {
		/* It is back soon, and then has never heard of it; or never. */
		side->link->hangs = sim_luck(side->link->world, SIM_ALWAYS / 2);
		sim_stream_drop(&side->out);
	}
	go(side->link);
}
