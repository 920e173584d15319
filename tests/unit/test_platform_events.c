// SPDX-License-Identifier: MIT
/* The event stream. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/events.h"

#define STREAM "/workspaces/" ANN "/events/stream"

/* A stream that is read frame by frame. */
struct listener {
	struct bed *b;
	struct http_stream *stream;
	char target[128];
	char text[65536];
	size_t len;
	ssize_t last; /* what the last read gave */
};

/* Opens the stream at its target; the status. */
static int listen_at(struct listener *l, struct bed *b, const char *token)
{
	char bearer[64];
	struct http_request request = { .method = "GET",
					.url = &b->url,
					.target = l->target,
					.fields = { { "Authorization",
						      bearer } },
					.field_count = 1,
					.idle_ms = PATIENCE_MS };
	int status = 0;

	l->b = b;
	l->len = 0;
	l->text[0] = '\0';
	snprintf(bearer, sizeof(bearer), "Bearer %s", token);
	CHECK_EQ(http_open(b->pool, &request, &l->stream, &status,
			   patience(b->rt)),
		 0);
	return status;
}

static int listen_as(struct listener *l, struct bed *b, const char *token)
{
	snprintf(l->target, sizeof(l->target), STREAM);
	return listen_at(l, b, token);
}

/* The next frame (up to its blank line) in out; false at the end. */
static bool frame_next(struct listener *l, char *out, size_t cap)
{
	char *end;

	while (!(end = strstr(l->text, "\n\n"))) {
		ssize_t n = http_read(l->stream, l->text + l->len,
				      sizeof(l->text) - 1 - l->len,
				      patience(l->b->rt));

		l->last = n;
		if (n <= 0)
			return false;
		l->len += (size_t)n;
		l->text[l->len] = '\0';
	}
	snprintf(out, cap, "%.*s", (int)(end - l->text), l->text);
	l->len -= (size_t)(end + 2 - l->text);
	memmove(l->text, end + 2, l->len + 1);
	return true;
}

/* The next event: its type is checked, its payload given (a reference). */
static json_t *expect(struct listener *l, const char *type)
{
	static char frame[16384];
	json_t *event, *data;

	if (!CHECK(frame_next(l, frame, sizeof(frame))))
		return NULL;
	CHECK(strncmp(frame, "data: ", 6) == 0);
	CHECK(strchr(frame, '\n') == NULL);
	event = json_loads(frame + 6, 0, NULL);
	CHECK_TEXT(text_in(event, "type"), type);
	CHECK(json_is_integer(json_object_get(event, "timestamp")));
	data = json_incref(json_object_get(event, "data"));
	json_decref(event);
	return data;
}

static void expect_text(struct listener *l, const char *type, const char *key,
			const char *value)
{
	json_t *data = expect(l, type);

	CHECK_TEXT(text_in(data, key), value);
	json_decref(data);
}

static void expect_ping(struct listener *l)
{
	char frame[64];

	CHECK(frame_next(l, frame, sizeof(frame)));
	CHECK_TEXT(frame, ": ping");
}

static int events_tell_in_order(struct rt *rt, void *arg)
{
	struct bed b;
	struct listener *l = malloc(sizeof(*l));

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	CHECK_TEXT(http1_field(http_head(l->stream), "content-type"),
		   "text/event-stream");
	CHECK_TEXT(http1_field(http_head(l->stream), "cache-control"),
		   "no-cache");
	CHECK_TEXT(http1_field(http_head(l->stream), "x-accel-buffering"),
		   "no");
	expect_ping(l);
	user_says(&b, ANN, "hello", NULL);
	expect_text(l, "ACTIVITY_LOGGED", "summary",
		    "message/send \xe2\x86\x92 Ann (ingest)");
	expect_text(l, "USER_MESSAGE", "content", "hello");
	expect_text(l, "ACTIVITY_LOGGED", "summary",
		    "message/send \xe2\x86\x92 Ann (queued for poll)");
	/* A peer's message is none of the user's. */
	with(&b, "X-Workspace-ID", BOB);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/a2a", BOB_TOKEN,
		     "{'content':'x'}"),
		 200);
	expect_text(l, "ACTIVITY_LOGGED", "source_id", BOB);
	expect_text(l, "ACTIVITY_LOGGED", "source_id", BOB);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/notify", ANN_TOKEN,
		     "{'message':'note'}"),
		 200);
	expect_text(l, "AGENT_MESSAGE", "message", "note");
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/activity", ANN_TOKEN,
		     "{'activity_type':'agent_log','summary':'s'}"),
		 200);
	expect_text(l, "ACTIVITY_LOGGED", "activity_type", "agent_log");
	CHECK_EQ(ask(&b, "POST", "/registry/heartbeat", ANN_TOKEN,
		     "{'workspace_id':'" ANN "','current_task':'t'}"),
		 200);
	expect_text(l, "WORKSPACE_ONLINE", "workspace_id", ANN);
	json_decref(expect(l, "WORKSPACE_HEARTBEAT"));
	expect_text(l, "TASK_UPDATED", "current_task", "t");
	http_close(l->stream);
	bed_close(&b);
	free(l);
	return 0;
}

/* One event for what is no message or has no id, and one for each file. */
static int causes_have_their_events(struct rt *rt, void *arg)
{
	struct bed b;
	struct listener *l = malloc(sizeof(*l));
	json_t *data;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ .allow_broadcast = true });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	with(&b, "X-Workspace-ID", BOB);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/a2a", BOB_TOKEN,
		     "{'method':'tasks/send','params':{'message':"
		     "{'messageId':'m','content':'x'}}}"),
		 200);
	expect_text(l, "ACTIVITY_LOGGED", "summary",
		    "tasks/send \xe2\x86\x92 Ann (queued for poll)");
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" ANN "/messages", NULL,
		     "{'text':'look','files':[{'name':'a','text':'1'},"
		     "{'name':'b','text':'2'}]}"),
		 200);
	expect_text(l, "ACTIVITY_LOGGED", "method", "chat_upload_receive");
	expect_text(l, "ACTIVITY_LOGGED", "method", "chat_upload_receive");
	expect_text(l, "ACTIVITY_LOGGED", "method", "message/send");
	data = expect(l, "USER_MESSAGE");
	CHECK_EQ(json_array_size(AT(data, "attachments")), 2);
	CHECK(json_object_get(data, "role") == NULL);
	json_decref(data);
	json_decref(expect(l, "ACTIVITY_LOGGED"));
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" ANN "/messages", NULL,
		     "{'text':'tick','system':'system:clock'}"),
		 200);
	json_decref(expect(l, "ACTIVITY_LOGGED"));
	expect_text(l, "USER_MESSAGE", "role", "system");
	json_decref(expect(l, "ACTIVITY_LOGGED"));
	CHECK_EQ(ask(&b, "POST", "/registry/update-card", ANN_TOKEN,
		     "{'workspace_id':'" ANN "','agent_card':{'name':'x'}}"),
		 200);
	expect_text(l, "AGENT_CARD_UPDATED", "workspace_id", ANN);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" BOB "/broadcast", BOB_TOKEN,
		     "{'message':'hear'}"),
		 200);
	expect_text(l, "BROADCAST_MESSAGE", "message", "hear");
	user_says(&b, ANN, "and nothing else came", NULL);
	expect_text(l, "ACTIVITY_LOGGED", "method", "message/send");
	http_close(l->stream);
	bed_close(&b);
	free(l);
	return 0;
}

static int delegations_are_told(struct rt *rt, void *arg)
{
	struct bed b;
	struct listener *l = malloc(sizeof(*l));

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .track_delegations = true });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/delegate", ANN_TOKEN,
		     "{'target_id':'" BOB "','task':'t'}"),
		 202);
	expect_text(l, "DELEGATION_SENT", "target_id", BOB);
	expect_text(l, "DELEGATION_STATUS", "status", "dispatched");
	expect_text(l, "DELEGATION_STATUS", "status", "queued");
	with(&b, "X-Workspace-ID", BOB);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/a2a", BOB_TOKEN,
		     "{'content':'done'}"),
		 200);
	/* Whoever polls because of the end finds the answer. */
	json_decref(expect(l, "ACTIVITY_LOGGED"));
	json_decref(expect(l, "ACTIVITY_LOGGED"));
	expect_text(l, "DELEGATION_COMPLETE", "response_preview", "done");
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/delegate", ANN_TOKEN,
		     "{'target_id':'" BOB "','task':'u'}"),
		 202);
	json_decref(expect(l, "DELEGATION_SENT"));
	json_decref(expect(l, "DELEGATION_STATUS"));
	json_decref(expect(l, "DELEGATION_STATUS"));
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" BOB, NULL, NULL), 200);
	expect_text(l, "DELEGATION_FAILED", "target_id", BOB);
	http_close(l->stream);
	bed_close(&b);
	free(l);
	return 0;
}

static int streams_are_guarded(struct rt *rt, void *arg)
{
	struct bed b;
	struct listener *l = malloc(sizeof(*l));

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(listen_as(l, &b, BOB_TOKEN), 401);
	http_close(l->stream);
	free(l);
	bed_close(&b);
	return 0;
}

/* Nothing parks between the events, so none is written meanwhile. */
static int what_does_not_fit_is_dropped(struct rt *rt, void *arg)
{
	struct bed b;
	struct member *ann;
	struct listener *l = malloc(sizeof(*l));
	json_t *data;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	ann = members_find(b.platform, &(struct ident){ ANN });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	for (int i = 0; i < EVENTS_BUFFERED + 10; i++)
		events_publish(b.platform, ann, "NUMBER",
			       json_pack("{s:i}", "n", i));
	CHECK_EQ(b.platform->events.dropped, 10);
	for (int i = 0; i < EVENTS_BUFFERED; i++) {
		data = expect(l, "NUMBER");
		CHECK_EQ(json_integer_value(json_object_get(data, "n")), i);
		json_decref(data);
	}
	events_publish(b.platform, ann, "NUMBER", json_pack("{s:i}", "n", -1));
	data = expect(l, "NUMBER");
	CHECK_EQ(json_integer_value(json_object_get(data, "n")), -1);
	json_decref(data);
	http_close(l->stream);
	bed_close(&b);
	free(l);
	return 0;
}

/* A listener that leaves is forgotten at once, not at the next event; one
 * whose workspace goes hears the end. */
static int streams_end(struct rt *rt, void *arg)
{
	struct deadline limit = patience(rt);
	struct bed b;
	struct member *ann;
	struct listener *l = malloc(sizeof(*l));
	char frame[64];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	ann = members_find(b.platform, &(struct ident){ ANN });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	CHECK(ann->subscribers != NULL);
	http_close(l->stream);
	while (ann->subscribers && deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK(ann->subscribers == NULL);

	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" ANN, NULL, NULL), 200);
	CHECK(!frame_next(l, frame, sizeof(frame)));
	CHECK_EQ(l->last, 0);
	http_close(l->stream);

	/* One that is open does not hold up the platform's end. */
	bed_close(&b);
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	platform_stop(b.platform);
	CHECK(!frame_next(l, frame, sizeof(frame)));
	CHECK(l->last != -ETIMEDOUT);
	http_close(l->stream);
	bed_close(&b);
	free(l);
	return 0;
}

/* What streams meet on their way is the operator's to say. */
static int streams_fare_as_told(struct rt *rt, void *arg)
{
	static const char door[] = "/demo/streams";
	struct bed b;
	struct listener *l = malloc(sizeof(*l));
	char frame[64];

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .events = { .refused = true } });
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 404);
	http_close(l->stream);
	CHECK_EQ(
		ask(&b, "PATCH", door, NULL, "{'refused':false,'silent':true}"),
		200);
	CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	user_says(&b, ANN, "unheard", NULL);
	CHECK_EQ(ask(&b, "PATCH", door, NULL, "{'silent':false}"), 200);
	CHECK(json_is_false(AT(b.json, "silent")));
	CHECK(json_is_false(AT(b.json, "refused")));
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/notify", ANN_TOKEN,
		     "{'message':'heard'}"),
		 200);
	expect_text(l, "AGENT_MESSAGE", "message", "heard");
	/* A cut is no end: the client cannot take it for one. */
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" BOB "/streams", NULL,
		     NULL),
		 200);
	CHECK_EQ(number_in(b.json, "cut"), 0);
	CHECK_EQ(ask(&b, "DELETE", door, NULL, NULL), 200);
	CHECK_EQ(number_in(b.json, "cut"), 1);
	CHECK(!frame_next(l, frame, sizeof(frame)));
	CHECK(l->last < 0 && l->last != -ETIMEDOUT);
	http_close(l->stream);
	CHECK_EQ(ask(&b, "GET", "/demo/counters", NULL, NULL), 200);
	CHECK_EQ(number_in(AT(b.json, "streams"), "refused"), 1);
	CHECK_EQ(number_in(AT(b.json, "streams"), "opened"), 1);
	CHECK_EQ(number_in(AT(b.json, "streams"), "cut"), 1);
	CHECK_EQ(number_in(AT(b.json, "streams"), "open"), 0);
	CHECK_EQ(number_in(AT(b.json, "streams"), "open_max"), 1);
	CHECK_EQ(ask(&b, "PATCH", door, NULL, "{'silent':1}"), 400);
	CHECK_EQ(ask(&b, "PATCH", door, NULL, "{'cut_mean_seconds':-1}"), 400);
	bed_close(&b);
	free(l);
	return 0;
}

static int streams_are_cut_at_random(struct rt *rt, void *arg)
{
	struct bed b;
	struct listener *l = malloc(sizeof(*l));
	char frame[64];

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .events = { .cut_mean_ms = 20 } });
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(listen_as(l, &b, ANN_TOKEN), 200);
		expect_ping(l);
		CHECK(!frame_next(l, frame, sizeof(frame)));
		CHECK(l->last < 0 && l->last != -ETIMEDOUT);
		http_close(l->stream);
	}
	CHECK_EQ(b.platform->events.cut, 5);
	bed_close(&b);
	free(l);
	return 0;
}

/* Events are published under the id in lower case; another spelling of it is
 * let in, and hears nothing. */
static int ids_are_taken_to_the_letter(struct rt *rt, void *arg)
{
	struct bed b;
	struct member *ann;
	struct listener *l = malloc(sizeof(*l));
	char frame[64], upper[] = ANN;

	(void)arg;
	for (char *c = upper; *c; c++)
		*c = *c == 'a' ? 'A' : *c;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	ann = members_find(b.platform, &(struct ident){ ANN });
	snprintf(l->target, sizeof(l->target), "/workspaces/%s/events/stream",
		 upper);
	CHECK_EQ(listen_at(l, &b, ANN_TOKEN), 200);
	expect_ping(l);
	user_says(&b, ANN, "unheard", NULL);
	events_end(ann);
	CHECK(!frame_next(l, frame, sizeof(frame)));
	CHECK_EQ(l->last, 0);
	http_close(l->stream);
	bed_close(&b);
	free(l);
	return 0;
}

static void count_event(void *arg, const char *workspace, const char *type,
			const json_t *data)
{
	int *count = arg;

	CHECK(json_is_object(data));
	if (strcmp(workspace, ANN) == 0 && strcmp(type, "USER_MESSAGE") == 0)
		(*count)++;
}

static int observers_hear(struct rt *rt, void *arg)
{
	struct bed b;
	int count = 0;

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .observer = count_event,
					     .observer_arg = &count });
	user_says(&b, ANN, "x", NULL);
	user_says(&b, BOB, "x", NULL);
	CHECK_EQ(count, 1);
	bed_close(&b);
	return 0;
}

CASE(events_tell_in_order)
CASE(causes_have_their_events)
CASE(delegations_are_told)
CASE(streams_are_guarded)
CASE(what_does_not_fit_is_dropped)
CASE(streams_end)
CASE(streams_fare_as_told)
CASE(streams_are_cut_at_random)
CASE(ids_are_taken_to_the_letter)
CASE(observers_hear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_tell_in_order_test),
		cmocka_unit_test(causes_have_their_events_test),
		cmocka_unit_test(delegations_are_told_test),
		cmocka_unit_test(streams_are_guarded_test),
		cmocka_unit_test(what_does_not_fit_is_dropped_test),
		cmocka_unit_test(streams_end_test),
		cmocka_unit_test(streams_fare_as_told_test),
		cmocka_unit_test(streams_are_cut_at_random_test),
		cmocka_unit_test(ids_are_taken_to_the_letter_test),
		cmocka_unit_test(observers_hear_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
