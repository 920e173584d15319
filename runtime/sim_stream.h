// SPDX-License-Identifier: MIT
/*
 * sim_stream - bytes on their way from a writer to a reader.
 *
 * What is written has room in one ring; it arrives, in order, a while later,
 * and then can be read. An end can be sent after it. Pipes are a stream that
 * takes no time; connections are two that do.
 */
#ifndef RUNTIME_SIM_STREAM_H
#define RUNTIME_SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim_event.h"

struct sim_world;

/* Pieces under way with a time of their own; more than that are joined. */
#define SIM_PIECES 8u

struct sim_piece {
	int64_t at;
	uint32_t len;
};

struct sim_stream {
	struct sim_world *world;
	char *data;
	uint32_t cap, head; /* the ring, and where it begins */
	uint32_t len;	    /* written and not read */
	uint32_t arrived;   /* of those */
	uint32_t window;    /* the most that len may be */
	struct sim_piece pieces[SIM_PIECES];
	uint32_t first, count;
	bool ended;	  /* by the writer */
	bool end_arrived; /* after all that was written */
	struct sim_event event;
	/* Something can be read that could not before, or the end has come. */
	void (*come)(struct sim_stream *stream);
	/* Asked before: nanoseconds by which it is put off, 0: nothing is in
	 * its way, -1: it will not come, and has been dropped. */
	int64_t (*hinder)(struct sim_stream *stream);
};

/* An empty one. `hinder` may be NULL. */
void sim_stream_init(struct sim_stream *stream, struct sim_world *world,
		     uint32_t window, void (*come)(struct sim_stream *stream),
		     int64_t (*hinder)(struct sim_stream *stream));
void sim_stream_fini(struct sim_stream *stream);

static inline uint32_t sim_stream_room(const struct sim_stream *stream)
{
	return stream->window - stream->len;
}

/* Takes up to len bytes, which arrive so much later: how many, 0 when there is
 * no room. */
uint32_t sim_stream_write(struct sim_stream *stream, const void *data,
			  uint32_t len, int64_t later);
/* Takes out up to len bytes that have arrived: how many. */
uint32_t sim_stream_read(struct sim_stream *stream, void *data, uint32_t len);
/* The end arrives so much later, or when all else has. */
void sim_stream_end(struct sim_stream *stream, int64_t later);
/* Throws away what has not been read. */
void sim_stream_drop(struct sim_stream *stream);

#endif
