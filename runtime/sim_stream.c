// SPDX-License-Identifier: MIT
#include "runtime/sim_stream.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/sim_impl.h"

#define CAP_MIN 1024u

void sim_stream_init(struct sim_stream *stream, struct sim_world *world,
		     uint32_t window, void (*come)(struct sim_stream *stream),
		     int64_t (*hinder)(struct sim_stream *stream))
{
	*stream = (struct sim_stream){
		.world = world, .window = window, .come = come, .hinder = hinder
	};
}

void sim_stream_fini(struct sim_stream *stream)
{
	sim_at_cancel(stream->world, &stream->event);
	free(stream->data);
}

/* Copies between the ring, from `at` bytes behind its head, and `data`. */
static void copy_out(const struct sim_stream *stream, uint32_t at, char *data,
		     uint32_t len)
{
	uint32_t from = (stream->head + at) & (stream->cap - 1);
	uint32_t straight = stream->cap - from;

	if (straight > len)
		straight = len;
	memcpy(data, stream->data + from, straight);
	memcpy(data + straight, stream->data, len - straight);
}

static void copy_in(struct sim_stream *stream, uint32_t at, const char *data,
		    uint32_t len)
{
	uint32_t to = (stream->head + at) & (stream->cap - 1);
	uint32_t straight = stream->cap - to;

	if (straight > len)
		straight = len;
	memcpy(stream->data + to, data, straight);
	memcpy(stream->data, data + straight, len - straight);
}

static void reserve(struct sim_stream *stream, uint32_t len)
{
	uint32_t cap = stream->cap ? stream->cap : CAP_MIN;
	char *data;

	while (cap < len)
		cap *= 2;
	if (cap == stream->cap)
		return;
	data = sim_realloc(NULL, cap);
	if (stream->len > 0)
		copy_out(stream, 0, data, stream->len);
	free(stream->data);
	stream->data = data;
	stream->cap = cap;
	stream->head = 0;
}

static void arm(struct sim_stream *stream);

/* Puts off all that is under way. */
static void put_off(struct sim_stream *stream, int64_t later)
{
	for (uint32_t i = 0; i < stream->count; i++) {
		uint32_t at = (stream->first + i) % SIM_PIECES;

		if (stream->pieces[at].at < stream->world->time + later)
			stream->pieces[at].at = stream->world->time + later;
	}
}

/* Lets come what is due. */
static void arrive(struct sim_event *event)
{
	struct sim_stream *stream =
		(struct sim_stream *)((char *)event -
				      offsetof(struct sim_stream, event));

	int64_t later = stream->hinder ? stream->hinder(stream) : 0;

	if (later > 0) {
		put_off(stream, later);
		arm(stream);
	}
	if (later != 0)
		return;
	while (stream->count > 0 &&
	       stream->pieces[stream->first].at <= stream->world->time) {
		stream->arrived += stream->pieces[stream->first].len;
		stream->first = (stream->first + 1) % SIM_PIECES;
		stream->count--;
	}
	if (stream->count == 0 && stream->ended)
		stream->end_arrived = true;
	arm(stream);
	stream->come(stream);
}

static void arm(struct sim_stream *stream)
{
	if (stream->count > 0 && stream->event.place == 0)
		sim_at(stream->world, &stream->event,
		       stream->pieces[stream->first].at, arrive);
}

/* A piece, behind those that are under way. */
static void launch(struct sim_stream *stream, uint32_t len, int64_t later)
{
	uint32_t last = (stream->first + stream->count - 1) % SIM_PIECES;
	int64_t at = stream->world->time + later;

	if (stream->count > 0 && stream->pieces[last].at > at)
		at = stream->pieces[last].at;
	if (stream->count == SIM_PIECES) {
		stream->pieces[last].len += len;
		stream->pieces[last].at = at;
	} else {
		last = (stream->first + stream->count++) % SIM_PIECES;
		stream->pieces[last] = (struct sim_piece){ at, len };
	}
	arm(stream);
}

uint32_t sim_stream_write(struct sim_stream *stream, const void *data,
			  uint32_t len, int64_t later)
{
	uint32_t room = sim_stream_room(stream);

	if (len > room)
		len = room;
	if (len == 0)
		return 0;
	reserve(stream, stream->len + len);
	copy_in(stream, stream->len, data, len);
	stream->len += len;
	if (later > 0 || stream->count > 0) {
		launch(stream, len, later);
	} else {
		stream->arrived += len;
		stream->come(stream);
	}
	return len;
}

uint32_t sim_stream_read(struct sim_stream *stream, void *data, uint32_t len)
{
	if (len > stream->arrived)
		len = stream->arrived;
	if (len == 0)
		return 0;
	copy_out(stream, 0, data, len);
	stream->head = (stream->head + len) & (stream->cap - 1);
	stream->len -= len;
	stream->arrived -= len;
	return len;
}

void sim_stream_end(struct sim_stream *stream, int64_t later)
{
	if (stream->ended)
		return;
	stream->ended = true;
	if (later > 0 || stream->count > 0) {
		launch(stream, 0, later);
	} else {
		stream->end_arrived = true;
		stream->come(stream);
	}
}

void sim_stream_drop(struct sim_stream *stream)
{
	sim_at_cancel(stream->world, &stream->event);
	stream->len = stream->arrived = 0;
	stream->count = 0;
}
