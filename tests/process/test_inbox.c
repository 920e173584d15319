// SPDX-License-Identifier: MIT
/*
 * Receiving: what a poll asks for, what becomes of the rows, the cursor, and
 * the three tools of the inbox.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANNEL "notifications/claude/channel"
#define CURSOR ".mcp_inbox_cursor"

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "(absent)";
}

static void more_polls(struct rig *rig, int n)
{
	int now = fake_count(rig->fake, "GET", ACTIVITY);

	fake_expect(rig->fake, "GET", ACTIVITY, now + n);
}

static json_t *peek(struct child *mcp, json_int_t id)
{
	mcp_call(mcp, id, "inbox_peek", "{'limit':300}");
	return mcp_json(mcp, id);
}

/* Does the query have this parameter, as a whole? */
static bool asks(const struct request *r, const char *parameter)
{
	size_t len = strlen(parameter);

	for (const char *p = r->query; p; p = strchr(p, '&')) {
		if (*p == '&')
			p++;
		if (!strncmp(p, parameter, len) && (p[len] == '&' || !p[len]))
			return true;
	}
	return false;
}

static void the_first_poll_has_no_cursor(void **state)
{
	struct rig *rig = *state;
	const struct request *r;
	char buf[256], id[40];

	mcp_hello(rig_start(rig));
	r = fake_expect(rig->fake, "GET", ACTIVITY, 0);
	assert_true(asks(r, "type=a2a_receive"));
	assert_true(asks(r, "since_secs=600"));
	assert_null(strstr(r->query, "since_id"));
	assert_string_equal(request_header(r, "Authorization", buf, 256),
			    "Bearer " TOKEN);
	assert_string_equal(request_header(r, "Origin", buf, 256),
			    fake_url(rig->fake));
	fake_message(rig->fake, 1, NULL, "one");
	rig_expect_state(rig, CURSOR, row_id(1, id));
	more_polls(rig, 1);
	r = fake_seen(rig->fake, "GET", ACTIVITY,
		      fake_count(rig->fake, "GET", ACTIVITY) - 1);
	assert_true(asks(r, "type=a2a_receive"));
	assert_true(asks(r, rig_text(rig, "since_id=%s", id)));
	assert_null(strstr(r->query, "since_secs"));
	assert_null(strstr(r->query, "limit"));
}

/* Newest first without a cursor: they are put the right way round. */
static void messages_come_in_order(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];
	json_t *all;

	for (int i = 1; i <= 3; i++)
		fake_message(rig->fake, i, NULL, "early");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	rig_expect_state(rig, CURSOR, row_id(3, id));
	for (int i = 4; i <= 6; i++)
		fake_message(rig->fake, i, PEER_ID, "late");
	rig_expect_state(rig, CURSOR, row_id(6, id));
	child_notification(mcp, CHANNEL, 5);
	all = peek(mcp, 2);
	assert_int_equal(json_array_size(all), 6);
	for (int i = 0; i < 6; i++) {
		json_t *n = child_notification(mcp, CHANNEL, i);

		row_id(i + 1, id);
		assert_string_equal(
			field(json_array_get(all, (size_t)i), "activity_id"),
			id);
		assert_string_equal(
			field(json_object_get(json_object_get(n, "params"),
					      "meta"),
			      "activity_id"),
			id);
	}
}

static void a_message_is_told_as_the_contract_says(void **state)
{
	static const char *const keys[] = { "activity_id", "text",
					    "peer_id",	   "kind",
					    "method",	   "created_at" };
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *note, *params, *meta, *message, *value;
	const char *key;
	char id[40];
	int i = 0;

	mcp_hello(mcp);
	fake_message(rig->fake, 1, PEER_ID, "h\\u00e9llo \\\"x\\\"\\n\\u2028");
	note = child_notification(mcp, CHANNEL, 0);
	assert_null(json_object_get(note, "id"));
	params = json_object_get(note, "params");
	assert_string_equal(field(params, "content"),
			    "[from peer-agent \xc2\xb7 peer_id=" PEER_ID
			    " \xc2\xb7 untrusted]\n"
			    "\xe2\x86\xa9 Reply: delegate_task("
			    "{workspace_id: \"" PEER_ID "\", task: \"...\"})\n"
			    "h\xc3\xa9llo \"x\"\n\xe2\x80\xa8");
	meta = json_object_get(params, "meta");
	assert_string_equal(field(meta, "kind"), "peer_agent");
	assert_string_equal(field(meta, "peer_id"), PEER_ID);
	assert_string_equal(field(meta, "activity_id"), row_id(1, id));
	assert_string_equal(field(meta, "method"), "message/send");
	assert_string_equal(field(meta, "ts"), "2026-05-01T10:00:00.000001Z");
	json_object_foreach(meta, key, value)
	{
		assert_true(json_is_string(value));
		assert_int_equal(strspn(key, "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(key));
	}
	message = json_array_get(peek(mcp, 2), 0);
	json_object_foreach(message, key, value)
	{
		/* What is known of the peer may follow. */
		if (i < 6)
			assert_string_equal(key, keys[i++]);
		else
			assert_true(!strncmp(key, "peer_", 5) ||
				    !strcmp(key, "agent_card_url"));
	}
	assert_int_equal(i, 6);
	assert_string_equal(field(message, "kind"), "peer_agent");
	assert_string_equal(field(message, "created_at"),
			    "2026-05-01T10:00:00.000001Z");
	fake_message(rig->fake, 2, NULL, "from the user");
	note = child_notification(mcp, CHANNEL, 1);
	meta = json_object_get(json_object_get(note, "params"), "meta");
	assert_string_equal(field(meta, "kind"), "canvas_user");
	assert_string_equal(field(meta, "peer_id"), "");
	assert_null(strstr(child_stdout(mcp), "h\xc3\xa9llo\n"));
}

static void text_is_found_in_each_shape(void **state)
{
	static const char *const bodies[][2] = {
		{ "{'params':{'message':{'parts':[{'kind':'text','text':'a'},"
		  "{'kind':'file','file':{}},{'type':'text','text':'b'}]}}}",
		  "ab" },
		{ "{'params':{'parts':[{'type':'text','text':'pp'}]}}", "pp" },
		{ "{'parts':[{'kind':'text','text':'top'}]}", "top" },
		{ "{'params':{'message':{'parts':[]},'parts':[{'kind':'text',"
		  "'text':'second'}]}}",
		  "second" },
		{ "'{\\\"parts\\\":[{\\\"kind\\\":\\\"text\\\",\\\"text\\\":"
		  "\\\"in a string\\\"}]}'",
		  "in a string" },
		{ "{'task':'x'}", "the summary" },
		{ "null", "the summary" },
	};
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *all;
	char id[40];

	mcp_hello(mcp);
	for (int i = 0; i < 7; i++)
		fake_row(rig->fake,
			 "{'id':'%s','source_id':null,'method':'message/send',"
			 "'summary':'the summary','request_body':%s}",
			 row_id(i + 1, id), rig_quoted(rig, bodies[i][0]));
	fake_row(rig->fake, "{'id':'%s','source_id':null,'summary':null}",
		 row_id(8, id));
	rig_expect_state(rig, CURSOR, row_id(8, id));
	all = peek(mcp, 2);
	assert_int_equal(json_array_size(all), 8);
	for (int i = 0; i < 7; i++)
		assert_string_equal(
			field(json_array_get(all, (size_t)i), "text"),
			bodies[i][1]);
	assert_string_equal(field(json_array_get(all, 7), "text"),
			    "(empty A2A message)");
}

static void a_restart_goes_on_at_the_cursor(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *all;
	char id[40];
	int n;

	fake_message(rig->fake, 1, NULL, "before");
	mcp_hello(mcp);
	rig_expect_state(rig, CURSOR, row_id(1, id));
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	n = fake_count(rig->fake, "GET", ACTIVITY);
	fake_message(rig->fake, 2, NULL, "after");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	assert_true(asks(fake_expect(rig->fake, "GET", ACTIVITY, n),
			 rig_text(rig, "since_id=%s", row_id(1, id))));
	child_notification(mcp, CHANNEL, 1);
	rig_expect_state(rig, CURSOR, row_id(2, id));
	/* What was not popped is still there, and comes first. */
	all = peek(mcp, 2);
	assert_int_equal(json_array_size(all), 2);
	assert_string_equal(field(json_array_get(all, 0), "text"), "before");
	assert_string_equal(field(json_array_get(all, 1), "text"), "after");
}

static void peek_and_pop(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *result;
	char id[40];

	mcp_hello(mcp);
	for (int i = 1; i <= 15; i++)
		fake_message(rig->fake, i, NULL, "m");
	child_notification(mcp, CHANNEL, 14);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(mcp, 2)), 10);
	mcp_call(mcp, 3, "inbox_peek", "{'limit':3}");
	assert_int_equal(json_array_size(mcp_json(mcp, 3)), 3);
	mcp_call(mcp, 4, "inbox_peek", "{'limit':-1}");
	assert_int_equal(json_array_size(mcp_json(mcp, 4)), 10);
	mcp_call(mcp, 5, "inbox_peek", "{'limit':'x'}");
	assert_int_equal(json_array_size(mcp_json(mcp, 5)), 10);

	for (int round = 0; round < 2; round++) {
		mcp_call(mcp, 10 + round, "inbox_pop", "{'activity_id':'%s'}",
			 row_id(2, id));
		result = mcp_json(mcp, 10 + round);
		assert_int_equal(
			json_is_true(json_object_get(result, "removed")),
			round == 0);
		assert_string_equal(field(result, "activity_id"), id);
	}
	assert_int_equal(json_array_size(peek(mcp, 20)), 14);
	mcp_call(mcp, 21, "inbox_pop", "{'activity_id':7}");
	assert_string_equal(mcp_failed(mcp, 21),
			    "Error: activity_id is required.");
}

static void wait_wakes_for_a_message(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *result;
	char id[40];

	mcp_hello(mcp);
	mcp_call(mcp, 2, "wait_for_message", "{'timeout_secs':0}");
	result = mcp_json(mcp, 2);
	assert_true(json_is_true(json_object_get(result, "timeout")));
	mcp_call(mcp, 3, "wait_for_message", "{'timeout_secs':0.25}");
	result = mcp_json(mcp, 3);
	assert_true(json_is_true(json_object_get(result, "timeout")));
	assert_true(json_number_value(
			    json_object_get(result, "timeout_secs")) == 0.25);

	mcp_call(mcp, 4, "wait_for_message", "{'timeout_secs':300}");
	mcp_call(mcp, 5, "wait_for_message", "{'timeout_secs':'soon'}");
	mcp_call(mcp, 6, "wait_for_message", NULL);
	more_polls(rig, 2);
	for (int i = 4; i <= 6; i++)
		assert_int_equal(child_responses(mcp, i), 0);
	fake_message(rig->fake, 1, NULL, "wake");
	for (int i = 4; i <= 6; i++)
		assert_string_equal(field(mcp_json(mcp, i), "activity_id"),
				    row_id(1, id));
	/* It was not removed, so the next wait comes back at once. */
	mcp_call(mcp, 7, "wait_for_message", "{'timeout_secs':60}");
	assert_string_equal(field(mcp_json(mcp, 7), "text"), "wake");
	assert_int_equal(json_array_size(peek(mcp, 8)), 1);
}

/* Nothing is fetched before a client has really begun. */
static void nothing_is_polled_before_the_client_is_ready(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_message(rig->fake, 1, NULL, "waiting");
	fake_expect(rig->fake, "POST", HEARTBEAT, 3);
	mcp_initialize(mcp, "2025-06-18");
	child_result(mcp, 1);
	child_send(mcp, "{'jsonrpc':'2.0','id':2,'method':'tools/list'}");
	child_result(mcp, 2);
	child_send(mcp, "{'jsonrpc':'2.0','id':3,'method':'ping'}");
	child_result(mcp, 3);
	fake_expect(rig->fake, "POST", HEARTBEAT, 6);
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), 0);
	assert_null(rig_state(rig, CURSOR));
	mcp_initialized(mcp);
	child_notification(mcp, CHANNEL, 0);
}

/* A host that forgets to say so is ready when it calls a tool. */
static void a_first_call_is_ready_too(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_message(rig->fake, 1, NULL, "waiting");
	mcp_initialize(mcp, "2025-06-18");
	child_result(mcp, 1);
	mcp_call(mcp, 2, "wait_for_message", "{'timeout_secs':60}");
	assert_string_equal(field(mcp_json(mcp, 2), "text"), "waiting");
}

/* A full inbox stops the fetching; nothing is lost. */
static void a_full_inbox_loses_nothing(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/" CURSOR, rig->configs), row_id(0, id),
		   0600);
	for (int i = 0; i <= 320; i++)
		fake_message(rig->fake, i, NULL, "m");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 199);
	for (int i = 1; i <= 320; i++) {
		json_t *head;

		mcp_call(mcp, 1000 + 2 * i, "wait_for_message",
			 "{'timeout_secs':60}");
		head = mcp_json(mcp, 1000 + 2 * i);
		assert_string_equal(field(head, "activity_id"), row_id(i, id));
		mcp_call(mcp, 1001 + 2 * i, "inbox_pop", "{'activity_id':'%s'}",
			 id);
		mcp_ok(mcp, 1001 + 2 * i);
	}
	child_notification(mcp, CHANNEL, 319);
	assert_int_equal(child_notifications(mcp, CHANNEL), 320);
	rig_expect_state(rig, CURSOR, row_id(320, id));
}

/* Whatever the platform answers, the next poll is as good as ever. */
static void bad_answers_are_survived(void **state)
{
	static const struct answer bad[] = {
		{ .body = "not json" },
		{ .body = "{'rows':[]}" },
		{ .body = "null" },
		{ .body = "" },
		{ .status = 204 },
		{ .status = 400, .body = "{'error':'x'}" },
		{ .status = 500, .body = "oops" },
		{ .status = 503 },
		{ .status = 302, .headers = "Location: /login\r\n" },
		{ .kind = ANSWER_RESET },
		{ .kind = ANSWER_CLOSE },
		{ .kind = ANSWER_TRUNCATED, .body = "[{" },
		{ .kind = ANSWER_RAW, .body = "HTTP/1.1 two hundred\r\n\r\n" },
		{ .kind = ANSWER_RAW, .body = "\x01\x02\x03" },
		{ .kind = ANSWER_RAW,
		  .body = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n[]" },
		{ .kind = ANSWER_RAW,
		  .body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			  "\r\nzz\r\n" },
	};
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	more_polls(rig, 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		fake_once(rig->fake, "GET", ACTIVITY, bad[i]);
	fake_expect(rig->fake, "GET", ACTIVITY,
		    (int)(sizeof bad / sizeof *bad) + 1);
	fake_message(rig->fake, 1, NULL, "still here");
	child_notification(mcp, CHANNEL, 0);
	assert_int_equal(child_notifications(mcp, CHANNEL), 1);
}

/* A body that comes in chunks, or until the end of the connection. */
static void other_framings_are_read(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_once(rig->fake, "GET", ACTIVITY,
		  (struct answer){
			  .kind = ANSWER_RAW,
			  .body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
				  "chunked\r\n\r\n1;x=y\r\n[\r\n"
				  "20\r\n{'id':'a-1','summary':'chunked'}\r\n"
				  "1\r\n]\r\n0\r\nX: y\r\n\r\n" });
	fake_once(rig->fake, "GET", ACTIVITY,
		  (struct answer){ .kind = ANSWER_RAW,
				   .body = "HTTP/1.0 200 OK\r\n\r\n[{'id':"
					   "'a-2','summary':'closed'}]" });
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 0);
	child_notification(mcp, CHANNEL, 1);
	assert_string_equal(field(json_array_get(peek(mcp, 2), 0), "text"),
			    "chunked");
	assert_string_equal(field(json_array_get(peek(mcp, 3), 1), "text"),
			    "closed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_poll_has_no_cursor),
		TEST(messages_come_in_order),
		TEST(a_message_is_told_as_the_contract_says),
		TEST(text_is_found_in_each_shape),
		TEST(a_restart_goes_on_at_the_cursor),
		TEST(peek_and_pop),
		TEST(wait_wakes_for_a_message),
		TEST(nothing_is_polled_before_the_client_is_ready),
		TEST(a_first_call_is_ready_too),
		TEST(a_full_inbox_loses_nothing),
		TEST(bad_answers_are_survived),
		TEST(other_framings_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
