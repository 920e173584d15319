// SPDX-License-Identifier: MIT
/*
 * A subscriber lives on the stack of the task that serves its stream, and is
 * linked to its workspace while that task runs. A frame is written once and
 * shared by all subscribers that have it in their buffers.
 */
#include "app/platform/events.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"
#include "runtime/event.h"
#include "runtime/io.h"

struct frame {
	uint32_t holders;
	size_t len;
	char text[];
};

struct subscriber {
	struct subscriber *next;
	struct frame *buffered[EVENTS_BUFFERED]; /* a ring */
	uint32_t first, count;
	bool deaf;	       /* events are not for it */
	bool ended;	       /* nothing more will come, or the client left */
	bool cut;	       /* it ends now, and badly */
	struct deadline until; /* when it is cut by itself */
	struct cond change;    /* signalled for a frame and for the end */
	struct io_watch left;
};

static void frame_drop(struct frame *frame)
{
	if (--frame->holders == 0)
		free(frame);
}

/* "data: {…}" and a blank line; held once. Takes `data`. */
static struct frame *frame_new(struct platform *platform, const char *type,
			       json_t *data)
{
	static const char before[] = "data: ", after[] = "\n\n";
	int64_t ms = clock_wall(platform->rt) / CLOCK_NS_PER_MS;
	json_t *event = json_pack("{s:s, s:I, s:o}", "type", type, "timestamp",
				  (json_int_t)ms, "data", data);
	size_t len = 0, size;
	char *text = event ? json_dump_line(event, &len) : NULL;
	struct frame *frame = NULL;

	json_decref(event);
	size = sizeof(before) - 1 + len + sizeof(after);
	if (text)
		frame = malloc(sizeof(*frame) + size);
	if (frame) {
		frame->holders = 1;
		frame->len = size - 1;
		(void)snprintf(frame->text, size, "%s%s%s", before, text,
			       after);
	}
	free(text);
	return frame;
}

static void subscriber_push(struct platform *platform,
			    struct subscriber *subscriber, struct frame *frame)
{
	uint32_t place =
		(subscriber->first + subscriber->count) % EVENTS_BUFFERED;

	if (subscriber->count == EVENTS_BUFFERED) {
		platform->events.dropped++;
		return;
	}
	subscriber->buffered[place] = frame;
	subscriber->count++;
	frame->holders++;
	cond_signal(&subscriber->change);
}

static struct frame *subscriber_pop(struct subscriber *subscriber)
{
	struct frame *frame = subscriber->buffered[subscriber->first];

	subscriber->first = (subscriber->first + 1) % EVENTS_BUFFERED;
	subscriber->count--;
	return frame;
}

void events_publish(struct platform *platform, struct member *member,
		    const char *type, json_t *data)
{
	const struct platform_options *options = &platform->options;
	struct subscriber *subscriber = member->subscribers;
	struct frame *frame;

	if (!data)
		return;
	platform->events.published++;
	if (options->observer)
		options->observer(options->observer_arg, member->id.text, type,
				  data);
	if (!subscriber || options->events.silent) {
		json_decref(data);
		return;
	}
	frame = frame_new(platform, type, data);
	if (!frame)
		return;
	for (; subscriber; subscriber = subscriber->next) {
		if (!subscriber->deaf)
			subscriber_push(platform, subscriber, frame);
	}
	frame_drop(frame);
}

void events_end(struct member *member)
{
	struct subscriber *subscriber = member->subscribers;

	for (; subscriber; subscriber = subscriber->next) {
		subscriber->ended = true;
		cond_signal(&subscriber->change);
	}
}

uint32_t events_cut(struct member *member)
{
	struct subscriber *subscriber = member->subscribers;
	uint32_t count = 0;

	for (; subscriber; subscriber = subscriber->next) {
		count += !subscriber->cut;
		subscriber->cut = true;
		cond_signal(&subscriber->change);
	}
	return count;
}

static void client_left(struct io_watch *watch, int events)
{
	struct subscriber *subscriber =
		(struct subscriber *)(void *)((char *)watch -
					      offsetof(struct subscriber,
						       left));

	(void)events;
	subscriber->ended = true;
	cond_signal(&subscriber->change);
}

/* When a stream that begins now is cut: evenly spread around the mean. */
static struct deadline cut_time(struct platform *platform)
{
	uint64_t mean = platform->options.events.cut_mean_ms;
	uint32_t dice;

	if (mean == 0)
		return DEADLINE_NEVER;
	io_random(platform->rt, &dice, sizeof(dice));
	return deadline_in_ms(platform->rt, (int64_t)((2 * mean * dice) >> 32));
}

/* Adds it behind the others; false when there are too many. */
static bool subscribe(const struct exchange *x, struct subscriber *subscriber)
{
	struct platform *platform = x->platform;
	struct subscriber **at = &x->member->subscribers;
	struct event_counts *counts = &platform->events;
	uint32_t count = 0;

	for (; *at; at = &(*at)->next)
		count++;
	if (count >= EVENTS_SUBSCRIBERS_MAX)
		return false;
	*subscriber = (struct subscriber){ .until = cut_time(platform) };
	subscriber->deaf = !strstr(x->in->head->target, x->id.text);
	cond_init(platform->rt, &subscriber->change);
	*at = subscriber;
	counts->opened++;
	if (++counts->open > counts->open_max)
		counts->open_max = counts->open;
	return true;
}

static void unsubscribe(const struct exchange *x, struct subscriber *subscriber)
{
	struct subscriber **at = &x->member->subscribers;

	while (*at != subscriber)
		at = &(*at)->next;
	*at = subscriber->next;
	while (subscriber->count > 0)
		frame_drop(subscriber_pop(subscriber));
	x->platform->events.open--;
}

/* Passes events on until there are none to come. */
static void pass_on(struct subscriber *subscriber, struct http_conn *conn)
{
	int err = 0;

	while (err == 0 && !subscriber->cut &&
	       !(subscriber->ended && subscriber->count == 0)) {
		struct frame *frame;

		if (subscriber->count == 0) {
			err = cond_wait(&subscriber->change, subscriber->until);
			continue;
		}
		frame = subscriber_pop(subscriber);
		err = http_reply_write(conn, frame->text, frame->len);
		frame_drop(frame);
	}
	if (err == -ETIMEDOUT)
		subscriber->cut = true;
}

static void serve(struct exchange *x, struct subscriber *subscriber)
{
	static const char ping[] = ": ping\n\n";
	struct http_conn *conn = x->in->conn;
	struct rt *rt = x->platform->rt;
	int fd = stream_fd(http_conn_stream(conn));

	if (fd >= 0)
		io_watch_start(rt, &subscriber->left, fd, POLLRDHUP,
			       client_left);
	if (exchange_stream(x) == 0 &&
	    http_reply_write(conn, ping, sizeof(ping) - 1) == 0)
		pass_on(subscriber, conn);
	io_watch_stop(rt, &subscriber->left);
}

void events_stream(struct exchange *x)
{
	struct subscriber subscriber;

	if (x->platform->options.events.refused) {
		x->platform->events.refused++;
		exchange_raw(x, 404, NULL, NULL, "", 0);
		return;
	}
	if (!subscribe(x, &subscriber)) {
		exchange_error(x, 503, "too many streams of this workspace");
		return;
	}
	serve(x, &subscriber);
	unsubscribe(x, &subscriber);
	if (subscriber.cut) {
		x->platform->events.cut++;
		exchange_cut(x);
	}
	(void)http_reply_end(x->in->conn);
}

static json_t *options_json(const struct events_options *options)
{
	return json_pack("{s:b, s:b, s:f}", "refused", options->refused,
			 "silent", options->silent, "cut_mean_seconds",
			 (double)options->cut_mean_ms / 1000);
}

/* A boolean member; false when it is something else. */
static bool bool_read(const json_t *body, const char *name, bool *out)
{
	const json_t *value = json_object_get(body, name);

	if (value && !json_is_boolean(value))
		return false;
	if (value)
		*out = json_is_true(value);
	return true;
}

void events_patch(struct exchange *x)
{
	struct events_options *options = &x->platform->options.events;
	json_t *body = exchange_body(x);
	const json_t *mean = json_object_get(body, "cut_mean_seconds");
	double ms = json_number_value(mean) * 1000;

	if (!body || !bool_read(body, "refused", &options->refused) ||
	    !bool_read(body, "silent", &options->silent) ||
	    (mean &&
	     !(json_is_number(mean) && ms >= 0 && ms <= EVENTS_CUT_MAX_MS))) {
		exchange_error(x, 400,
			       "expected {\"refused\"?: bool, \"silent\"?: "
			       "bool, \"cut_mean_seconds\"?: 0 to 86400}");
	} else {
		if (mean)
			options->cut_mean_ms = (uint32_t)ms;
		exchange_json(x, 200, options_json(options));
	}
	json_decref(body);
}

void events_cut_all(struct exchange *x)
{
	struct member *member = x->platform->members.first;
	uint32_t count = 0;

	for (; member; member = member->next)
		count += events_cut(member);
	exchange_json(x, 200, json_pack("{s:i}", "cut", (int)count));
}

void events_cut_one(struct exchange *x)
{
	if (x->member)
		exchange_json(
			x, 200,
			json_pack("{s:i}", "cut", (int)events_cut(x->member)));
	else
		exchange_error(x, 404, "workspace not found");
}
