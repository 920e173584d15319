// SPDX-License-Identifier: MIT
/*
 * A lane belongs to all who are in it, and goes with the last of them. The
 * first one leads: it gets the connection, lets the others of this turn join,
 * writes what all ask and reads the first bytes of what comes. From then on
 * whoever has the turn is the only one that touches the connection.
 *
 * Who leaves before its turn leaves a gap, which nobody can read the answer of:
 * the lane breaks when the turn comes there. Breaking a lane closes the
 * connection and sends those behind their own ways.
 */
#include "net/http_lane.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_call.h"
#include "runtime/defect.h"
#include "runtime/event.h"
#include "runtime/rt.h"
#include "runtime/task.h"

/* One that waits for its turn. */
struct place {
	struct event turn; /* set: it has come, or the lane has broken */
	uint32_t index;
};

struct lane {
	struct lane *next; /* that is forming */
	struct http_lanes *lanes;
	struct rt *rt;
	const struct pool *pool;
	const struct url *url; /* the leader's */
	struct http_stream *stream;
	struct http1_writer out;
	struct place *places[HTTP_LANE_MAX]; /* NULL: the leader, or a gap */
	uint32_t count;			     /* of those who ask */
	uint32_t turn;			     /* whose it is */
	uint32_t users; /* tasks that may look at it still */
	bool forming, sent, broken;
	struct deadline patience; /* of those behind, once it is sent */
	int64_t first_ns;	  /* MONOTONIC; the first answer was read */
	char space[HTTP_LANE_BYTES];
};

/* --- Making, joining, leaving --- */

static bool same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

static struct lane *lane_new(struct http_lanes *lanes, struct rt *rt,
			     const struct pool *pool, const struct url *url)
{
	struct lane *lane = malloc(sizeof(*lane));

	if (!lane)
		return NULL;
	/* But for the space. */
	memset(lane, 0, offsetof(struct lane, space));
	lane->lanes = lanes;
	lane->rt = rt;
	lane->pool = pool;
	lane->url = url;
	http1_writer_on(&lane->out, lane->space, sizeof(lane->space));
	lane->forming = true;
	lane->next = lanes->forming;
	lanes->forming = lane;
	return lane;
}

/* Nobody joins any more. */
static void stop_forming(struct lane *lane)
{
	struct lane **link = &lane->lanes->forming;

	if (!lane->forming)
		return;
	while (*link != lane)
		link = &(*link)->next;
	*link = lane->next;
	lane->forming = false;
}

static void leave(struct lane *lane)
{
	if (--lane->users > 0)
		return;
	stop_forming(lane);
	http1_writer_free(&lane->out);
	free(lane);
}

/* The lane to join; NULL: there is none. */
static struct lane *lane_find(const struct http_lanes *lanes,
			      const struct pool *pool, const struct url *url)
{
	for (struct lane *lane = lanes->forming; lane; lane = lane->next)
		if (lane->pool == pool && same_origin(lane->url, url))
			return lane;
	return NULL;
}

/* How many may be in a lane now. */
static uint32_t lane_most(const struct http_lanes *lanes)
{
	return lanes->most ? lanes->most : HTTP_LANE_MAX;
}

/* Adds the request. False: it cannot be written, and is not in. */
static bool add(struct lane *lane, const struct http_request *request,
		struct place *place)
{
	size_t before = lane->out.len;

	if (http_call_write(&lane->out, request) != 0) {
		explicit_bzero(lane->out.data + before, lane->out.len - before);
		lane->out.len = before;
		lane->out.err = 0;
		return false;
	}
	lane->users++;
	lane->places[lane->count++] = place;
	if (lane->count >= lane_most(lane->lanes) ||
	    lane->out.len >= HTTP_LANE_BYTES)
		stop_forming(lane);
	return true;
}

/* --- Turns --- */

static void distrust(struct lane *lane)
{
	lane->lanes->alone_until = clock_now(lane->rt, CLOCK_ID_MONOTONIC) +
				   HTTP_LANE_DISTRUST_MS * CLOCK_NS_PER_MS;
}

/* Ends the lane for those behind. Parks; always completes. */
static void lane_break(struct lane *lane)
{
	struct http_stream *stream = lane->stream;

	stop_forming(lane);
	lane->broken = true;
	lane->stream = NULL;
	/* One that has served before may be at its end, and one that never came
	 * about says nothing. */
	if (lane->turn + 1 < lane->count && stream && !stream->conn->reused)
		distrust(lane);
	for (uint32_t i = lane->turn + 1; i < lane->count; i++)
		if (lane->places[i])
			event_set(&lane->places[i]->turn);
	if (stream)
		http_call_drop(stream, DEFECT(ANSWER_ASTRAY));
}

/* All answers have come: how far apart they were says how many the next lanes
 * may have, so that the last one waits HTTP_LANE_WAIT_MS for those before. */
static void note_speed(struct lane *lane, int64_t now)
{
	int64_t apart, most;

	if (lane->count < 2)
		return;
	apart = (now - lane->first_ns) / (lane->count - 1);
	most = 1 +
	       HTTP_LANE_WAIT_MS * CLOCK_NS_PER_MS / (apart > 0 ? apart : 1);
	/* With one alone nothing could be learnt. */
	if (most < 2)
		most = 2;
	lane->lanes->most = most < HTTP_LANE_MAX ? (uint32_t)most
						 : HTTP_LANE_MAX;
}

/* Whoever had the turn is through, and its answer was whole. Parks only to
 * close. */
static void lane_pass(struct lane *lane)
{
	struct http_stream *stream = lane->stream;
	const struct http_reader *r = &stream->reader;
	int64_t now = clock_now(lane->rt, CLOCK_ID_MONOTONIC);
	uint32_t next = lane->turn + 1;

	if (lane->turn == 0)
		lane->first_ns = now;
	if (next == lane->count) {
		note_speed(lane, now);
		lane->stream = NULL;
		http_call_drop(stream, r->pos == r->end);
	} else if (lane->places[next]) {
		lane->turn = next;
		event_set(&lane->places[next]->turn);
	} else {
		lane_break(lane);
	}
}

/* Whether nothing has come of it but the end of the connection. */
static bool is_unanswered(const struct http_reader *r, int err)
{
	return (err == -ENODATA || err == -ECONNRESET || err == -EPIPE) &&
	       r->parser.stage == HTTP1_HEAD && r->parser.overhead == 0;
}

/* Reads the answer of whose turn it is, and ends the turn. */
static int take_turn(struct lane *lane, const struct http_request *request,
		     struct http_response *response, struct deadline total)
{
	struct http_stream *s = lane->stream;
	struct http_pace pace = http_call_pace(request, total);
	int err;

	/* It waits for all those that are still to come. */
	task_patient(lane->rt, lane->count - lane->turn);
	err = http_reader_head(&s->reader, pace);
	if (is_unanswered(&s->reader, err))
		err = HTTP_LANE_ALONE;
	if (!err)
		err = http_call_collect(s, response, pace);
	task_patient(lane->rt, 1);
	if (!err && http_call_is_over(s))
		lane_pass(lane);
	else
		lane_break(lane);
	if (err == -ENODATA || err == -EPIPE)
		err = -ECONNRESET;
	return err;
}

/* --- The two roles --- */

/* Waits for the turn, and no longer than patience lasts; that begins when all
 * has been sent, since to connect may take longer. */
static int wait_some(struct lane *lane, struct place *place,
		     struct deadline total)
{
	struct deadline until =
		lane->sent ? lane->patience
			   : deadline_in_ms(lane->rt, HTTP_LANE_PATIENCE_MS);

	return event_wait(&place->turn,
			  deadline_earlier(lane->rt, total, until));
}

/* Waits for the turn: 0, or why there is none. */
static int wait_turn(struct lane *lane, struct place *place,
		     struct deadline total)
{
	bool sent, in_time;
	int err;

	do {
		sent = lane->sent;
		err = wait_some(lane, place, total);
		in_time = !task_cancelled(lane->rt) &&
			  deadline_left_ns(lane->rt, total) > 0;
	} while (err == -ETIMEDOUT && in_time && !sent && !place->turn.set);
	/* Patience may end in the turn in which its own comes. */
	if (err == -ETIMEDOUT && in_time)
		err = place->turn.set ? 0 : HTTP_LANE_ALONE;
	if (place->turn.set && lane->broken)
		return err ? err : HTTP_LANE_ALONE;
	if (place->turn.set && err) { /* so may the time, or the task */
		lane_break(lane);
	} else if (err) {
		lane->places[place->index] = NULL;
		if (err == HTTP_LANE_ALONE)
			distrust(lane);
	}
	return err;
}

static int follow(struct lane *lane, const struct http_request *request,
		  struct http_response *response, enum http_phase *phase,
		  struct deadline total)
{
	struct place place = { .index = lane->count };
	int err;

	event_init(lane->rt, &place.turn);
	if (!add(lane, request, &place))
		return HTTP_LANE_ALONE;
	err = wait_turn(lane, &place, total);
	/* Never CONNECT: why that failed is the leader's to say. */
	*phase = lane->sent ? HTTP_PHASE_RECEIVE : HTTP_PHASE_SEND;
	if (!err) {
		http_call_expect(lane->stream, request,
				 http_call_body_max(request));
		err = take_turn(lane, request, response, total);
		lane->lanes->shared += err == 0;
	}
	leave(lane);
	return err;
}

/* Writes what all ask, and reads the first bytes that come. */
static int send_all(struct lane *lane, const struct http_request *request,
		    struct deadline total)
{
	struct http_stream *s = lane->stream;
	struct http_reader *r = &s->reader;
	struct http_pace pace = http_call_pace(request, total);
	ssize_t n;

	task_patient(lane->rt, lane->count);
	n = stream_exchange(r->stream, lane->out.data, lane->out.len, r->buf,
			    sizeof(r->buf), &s->sent,
			    http_pace_next(lane->rt, pace));
	task_patient(lane->rt, 1);
	http1_writer_free(&lane->out);
	/* It may have been closed while it was idle. */
	if (n == 0 || n == -ECONNRESET || n == -EPIPE)
		return s->conn->reused || lane->count > 1 ? HTTP_LANE_ALONE
							  : -ECONNRESET;
	if (n < 0)
		return (int)n;
	http_reader_filled(r, (size_t)n);
	return 0;
}

static int lead(struct lane *lane, struct pool *pool,
		const struct http_request *request,
		struct http_response *response, enum http_phase *phase,
		struct deadline total)
{
	int err;

	*phase = HTTP_PHASE_CONNECT;
	err = http_call_take(pool, request, false, total, &lane->stream);
	/* Those who ask in this turn are still to come. */
	if (!err)
		err = task_yield(lane->rt);
	stop_forming(lane);
	lane->sent = true;
	lane->patience = deadline_in_ms(lane->rt, HTTP_LANE_PATIENCE_MS);
	if (!err) {
		http_call_expect(lane->stream, request,
				 http_call_body_max(request));
		err = send_all(lane, request, total);
		*phase = lane->stream->sent ? HTTP_PHASE_RECEIVE
					    : HTTP_PHASE_SEND;
	}
	if (!err)
		err = take_turn(lane, request, response, total);
	else
		lane_break(lane);
	leave(lane);
	return err;
}

int http_lane_fetch(struct http_lanes *lanes, struct pool *pool,
		    const struct http_request *request,
		    struct http_response *response, enum http_phase *phase,
		    struct deadline total)
{
	struct rt *rt = lanes->rt;
	struct lane *lane;

	if (lanes->off || !task_patience(rt) || request->body ||
	    request->source ||
	    clock_now(rt, CLOCK_ID_MONOTONIC) < lanes->alone_until)
		return HTTP_LANE_ALONE;
	lane = lane_find(lanes, pool, request->url);
	if (lane)
		return follow(lane, request, response, phase, total);
	lane = lane_new(lanes, rt, pool, request->url);
	if (lane && add(lane, request, NULL))
		return lead(lane, pool, request, response, phase, total);
	if (lane) {
		lane->users = 1;
		leave(lane);
	}
	return HTTP_LANE_ALONE;
}
