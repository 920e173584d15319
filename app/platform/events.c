// SPDX-License-Identifier: MIT
/*
 * A subscriber lives on the stack of the task that serves its stream, and is
 * linked to its workspace while that task runs. A frame is written once and
 * shared by all subscribers that have it in their buffers.
 */
#include "app/platform/events.h"

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
	bool ended;	    /* nothing more will come, or the client left */
	struct cond change; /* signalled for a frame and for the end */
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
		platform->events_dropped++;
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
	platform->events_published++;
	if (options->observer)
		options->observer(options->observer_arg, member->id.text, type,
				  data);
	if (!subscriber) {
		json_decref(data);
		return;
	}
	frame = frame_new(platform, type, data);
	if (!frame)
		return;
	for (; subscriber; subscriber = subscriber->next)
		subscriber_push(platform, subscriber, frame);
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

/* Adds it behind the others; false when there are too many. */
static bool subscribe(struct platform *platform, struct member *member,
		      struct subscriber *subscriber)
{
	struct subscriber **at = &member->subscribers;
	uint32_t count = 0;

	for (; *at; at = &(*at)->next)
		count++;
	if (count >= EVENTS_SUBSCRIBERS_MAX)
		return false;
	*subscriber = (struct subscriber){ 0 };
	cond_init(platform->rt, &subscriber->change);
	*at = subscriber;
	return true;
}

static void unsubscribe(struct member *member, struct subscriber *subscriber)
{
	struct subscriber **at = &member->subscribers;

	while (*at != subscriber)
		at = &(*at)->next;
	*at = subscriber->next;
	while (subscriber->count > 0)
		frame_drop(subscriber_pop(subscriber));
}

/* Passes events on until there are none to come. */
static void pass_on(struct subscriber *subscriber, struct http_conn *conn)
{
	int err = 0;

	while (err == 0 && !(subscriber->ended && subscriber->count == 0)) {
		struct frame *frame;

		if (subscriber->count == 0) {
			err = cond_wait(&subscriber->change, DEADLINE_NEVER);
			continue;
		}
		frame = subscriber_pop(subscriber);
		err = http_reply_write(conn, frame->text, frame->len);
		frame_drop(frame);
	}
}

void events_stream(struct exchange *x)
{
	static const char ping[] = ": ping\n\n";
	struct http_conn *conn = x->in->conn;
	struct rt *rt = x->platform->rt;
	struct member *member = x->member;
	struct subscriber subscriber;
	int fd = stream_fd(http_conn_stream(conn));

	if (!subscribe(x->platform, member, &subscriber)) {
		exchange_error(x, 503, "too many streams of this workspace");
		return;
	}
	if (fd >= 0)
		io_watch_start(rt, &subscriber.left, fd, POLLRDHUP,
			       client_left);
	if (exchange_stream(x) == 0 &&
	    http_reply_write(conn, ping, sizeof(ping) - 1) == 0)
		pass_on(&subscriber, conn);
	io_watch_stop(rt, &subscriber.left);
	unsubscribe(member, &subscriber);
	(void)http_reply_end(conn);
}
