// SPDX-License-Identifier: MIT
#include "app/follower.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "app/identity.h"
#include "app/log.h"
#include "app/platform_client.h"
#include "net/http_client.h"
#include "proto/json.h"
#include "proto/sse.h"
#include "runtime/clock.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define READ_SIZE 1024
#define LONG_PAUSE_MS 30000
#define LONG_SLACK_MS 6000 /* polls are more frequent than that */
/* How long a stream is read that nobody can prove: it may be dead. */
#define UNPROVEN_MS 900000

void follower_init(struct follower *follower, const struct follower_deps *deps)
{
	*follower = (struct follower){ .deps = *deps };
}

int64_t follower_pause_ms(uint32_t failures, bool absent, uint32_t random)
{
	int64_t pause = absent ? FOLLOWER_ABSENT_MS : FOLLOWER_BACKOFF_MS;
	int64_t most = absent ? FOLLOWER_ABSENT_MAX_MS
			      : FOLLOWER_BACKOFF_MAX_MS;

	while (failures > 1 && pause < most) {
		pause *= 2;
		failures--;
	}
	if (pause > most)
		pause = most;
	return pause * 3 / 4 + random % (pause / 2 + 1);
}

static void set_trust(struct follower *follower, bool trusted)
{
	if (follower->trusted == trusted)
		return;
	follower->trusted = trusted;
	follower->deps.trust(follower->deps.arg, trusted);
}

static void prove(struct follower *follower)
{
	follower->proof_ns = clock_now(follower->deps.rt, CLOCK_ID_BOOTTIME);
	if (follower->deps.silence_ms == 0)
		return;
	follower->failures = 0;
	set_trust(follower, true);
}

/* A row that somebody else caused. */
static bool is_message(const struct follower *follower, const json_t *payload)
{
	const char *type = json_get_text_or(payload, "activity_type", "");
	const char *source = json_get_text_or(payload, "source_id", "");

	return strcmp(type, "a2a_receive") == 0 &&
	       strcasecmp(source, follower->deps.who->workspace_id) != 0;
}

bool follower_event(struct follower *follower, const char *data, size_t len,
		    enum follower_news *news)
{
	json_t *event = json_parse_bounded(data, len, NULL);
	const char *type = json_get_text_or(event, "type", "");
	const json_t *payload = json_object_get(event, "data");
	bool found = true;

	*news = FOLLOWER_MESSAGE;
	follower->events++;
	if (strcmp(type, "WORKSPACE_HEARTBEAT") == 0) {
		prove(follower);
		found = false;
	} else if (strcmp(type, "ACTIVITY_LOGGED") == 0) {
		found = is_message(follower, payload);
	} else if (strcmp(type, "BROADCAST_MESSAGE") == 0) {
		*news = FOLLOWER_BROADCAST;
	} else {
		found = strcmp(type, "USER_MESSAGE") == 0 ||
			strcmp(type, "DELEGATION_COMPLETE") == 0 ||
			strcmp(type, "DELEGATION_FAILED") == 0;
	}
	json_decref(event);
	return found;
}

static void tell(struct follower *follower, enum follower_news news)
{
	follower->deps.news(follower->deps.arg, news);
}

/* Takes the events out of some bytes. 0 or -ENOMEM. */
static int take(struct follower *follower, struct sse *sse, const char *bytes,
		size_t len)
{
	size_t at = 0, used;

	while (at < len) {
		enum follower_news news;

		switch (sse_feed(sse, bytes + at, len - at, &used)) {
		case SSE_EVENT:
			if (follower_event(follower, sse->data, sse->len,
					   &news))
				tell(follower, news);
			break;
		case SSE_LARGE: /* whatever it is, it is no heartbeat */
			follower->events++;
			tell(follower, FOLLOWER_MESSAGE);
			break;
		case SSE_NO_MEMORY:
			return -ENOMEM;
		case SSE_NOTHING:
			break;
		}
		at += used;
	}
	return 0;
}

/* Until when the stream may be silent. */
static struct deadline patience(const struct follower *follower)
{
	int64_t ms = follower->deps.silence_ms;

	if (ms == 0)
		ms = UNPROVEN_MS;
	return deadline_cadence(follower->proof_ns + ms * CLOCK_NS_PER_MS, 500);
}

/* Reads the stream to its end. Why it ended. */
static int follow(struct follower *follower, struct http_stream *stream)
{
	struct sse sse = { 0 };
	int err = 0;

	while (!err) {
		char buf[READ_SIZE];
		ssize_t n =
			http_read(stream, buf, sizeof(buf), patience(follower));

		if (n <= 0)
			err = n == 0 ? -ENODATA : (int)n;
		else
			err = take(follower, &sse, buf, (size_t)n);
	}
	sse_free(&sse);
	return err;
}

static bool is_stream(const struct http_stream *stream, int status)
{
	static const char wanted[] = "text/event-stream";
	const char *type = http1_field(http_head(stream), "content-type");

	return status == 200 && type &&
	       strncasecmp(type, wanted, sizeof(wanted) - 1) == 0;
}

/* A 404 and the like: not for a while. */
static bool says_absent(const struct platform_reply *reply)
{
	return reply->err == 0 && reply->status >= 300 && reply->status < 500 &&
	       reply->status != 408 && reply->status != 429;
}

static void opened(struct follower *follower, struct http_stream *stream)
{
	const struct follower_deps *deps = &follower->deps;
	int err;

	http_keep(stream);
	follower->open = true;
	follower->absent = false;
	follower->opened++;
	follower->proof_ns = clock_now(deps->rt, CLOCK_ID_BOOTTIME);
	log_info(deps->log, "inbox: following the event stream of %s",
		 deps->who->workspace_id);
	tell(follower, FOLLOWER_OPEN);
	err = follow(follower, stream);
	follower->open = false;
	set_trust(follower, false);
	if (err != -ECANCELED)
		log_info(deps->log, "inbox: the event stream of %s %s",
			 deps->who->workspace_id,
			 err == -ETIMEDOUT ? "is silent; polling instead"
					   : "has ended; polling until it is "
					     "back");
}

static void not_opened(struct follower *follower,
		       const struct platform_reply *reply)
{
	const struct follower_deps *deps = &follower->deps;
	bool absent = says_absent(reply);
	char text[PLATFORM_TEXT_MAX];

	if (absent && !follower->absent)
		log_info(deps->log,
			 "inbox: there is no event stream for %s (%s); polling "
			 "instead",
			 deps->who->workspace_id,
			 platform_reply_text(reply, text, sizeof(text)));
	follower->absent = absent;
}

/* One attempt, and all that comes of it. *retry_ms: what the platform asked
 * for. */
static void attempt(struct follower *follower, int64_t *retry_ms)
{
	const struct follower_deps *deps = &follower->deps;
	struct platform_reply reply;
	struct http_stream *stream;

	follower->failures++;
	platform_events(deps->client, deps->who, &stream, &reply);
	*retry_ms = reply.retry_after_ms;
	if (stream && is_stream(stream, reply.status))
		opened(follower, stream);
	else
		not_opened(follower, &reply);
	if (stream)
		http_close(stream);
	platform_reply_free(&reply);
}

/* A long pause ends when the process wakes for something else. */
static struct deadline later(struct rt *rt, int64_t ms)
{
	struct deadline when = deadline_in_ms(rt, ms);

	if (ms >= LONG_PAUSE_MS)
		when.slack_ms = LONG_SLACK_MS;
	return when;
}

static void follower_task(struct rt *rt, void *arg)
{
	struct follower *follower = arg;
	int err = 0;

	task_patient(rt, 1);
	while (!err) {
		int64_t retry_ms, pause;
		uint32_t random;

		attempt(follower, &retry_ms);
		io_random(rt, &random, sizeof(random));
		pause = follower_pause_ms(
			follower->failures > 0 ? follower->failures : 1,
			follower->absent, random);
		err = task_sleep(
			rt, later(rt, pause > retry_ms ? pause : retry_ms));
	}
}

int follower_start(struct follower *follower, struct scope *scope)
{
	return task_spawn(scope, "events", TASK_STACK_NORMAL, follower_task,
			  follower);
}
