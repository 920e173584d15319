// SPDX-License-Identifier: MIT
/* Messages between workspaces, and delegations. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/relay.h"

static int send_as(struct bed *b, const char *from, const char *token,
		   const char *to, const char *body)
{
	char target[128];

	snprintf(target, sizeof(target), "/workspaces/%s/a2a", to);
	if (from)
		with(b, "X-Workspace-ID", from);
	return ask(b, "POST", target, token, body);
}

static int rows_of_ann(struct bed *b)
{
	return ask(b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL);
}

static int rows_of_bob(struct bed *b)
{
	return ask(b, "GET", "/workspaces/" BOB "/activity", BOB_TOKEN, NULL);
}

#define HELLO "{'message':{'content':'hello'}}"

static int messages_are_queued(struct rt *rt, void *arg)
{
	struct bed b;
	json_t *message, *envelope;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, BOB,
			 "{'jsonrpc':'2.0','id':'i','method':'message/send',"
			 "'params':{'message':{'role':'agent','messageId':'m',"
			 "'parts':[{'type':'text','text':'hello'}]}}}"),
		 200);
	CHECK_TEXT(got(&b, "status"), "queued");
	CHECK_TEXT(got(&b, "delivery_mode"), "poll");
	CHECK_TEXT(got(&b, "method"), "message/send");
	CHECK_EQ(rows_of_bob(&b), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "activity_type"), "a2a_receive");
	CHECK_TEXT(text_in(row(&b, 0), "source_id"), ANN);
	CHECK_TEXT(text_in(row(&b, 0), "target_id"), BOB);
	CHECK_TEXT(text_in(row(&b, 0), "method"), "message/send");
	envelope = json_object_get(row(&b, 0), "request_body");
	CHECK_TEXT(text_in(envelope, "jsonrpc"), "2.0");
	CHECK_TEXT(text_in(envelope, "id"), "i");
	message =
		json_object_get(json_object_get(envelope, "params"), "message");
	CHECK_TEXT(text_in(message, "role"), "user");
	CHECK_TEXT(text_in(message, "messageId"), "m");
	CHECK_TEXT(text_in(json_array_get(json_object_get(message, "parts"), 0),
			   "kind"),
		   "text");
	bed_close(&b);
	return 0;
}

static int every_shape_is_put_right(struct rt *rt, void *arg)
{
	static const char *const shapes[] = {
		"{'parts':[{'kind':'text','text':'hello'}]}",
		"{'content':'hello'}",
		HELLO,
		"{'params':{'message':{'content':[{'type':'text',"
		"'text':'hello'}]}}}",
		"{'jsonrpc':'2.0','method':'','params':{'message':"
		"{'messageId':'','parts':[{'kind':'text','text':'hello'}]}}}",
	};
	static const char *const none[] = {
		"",
		"[]",
		"{}",
		"{'message':{}}",
		"{'params':{}}",
		"{'params':{'message':'hello'}}",
		"{'message':{'content':7}}",
		"{'message':{'parts':{}}}",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, BOB, shapes[i]), 200);
		CHECK_EQ(rows_of_bob(&b), 200);
		CHECK_EQ(rows(&b), i + 1);
		CHECK_TEXT(said(row(&b, 0)), "hello");
		CHECK_TEXT(text_in(row(&b, 0), "method"), "message/send");
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, BOB, none[i]), 400);
	CHECK_EQ(rows_of_bob(&b), 200);
	CHECK_EQ(rows(&b), 5);
	/* Other methods carry what they like. */
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, BOB,
			 "{'method':'tasks/get','params':{'id':'t'}}"),
		 200);
	CHECK_TEXT(got(&b, "method"), "tasks/get");
	bed_close(&b);
	return 0;
}

static int senders_are_known(struct rt *rt, void *arg)
{
	struct bed b;
	size_t len = RELAY_BODY_MAX + 1;
	char *large = calloc(1, len);

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(send_as(&b, NULL, NULL, BOB, HELLO), 401);
	CHECK_EQ(send_as(&b, ANN, NULL, BOB, HELLO), 401);
	CHECK_EQ(send_as(&b, ANN, BOB_TOKEN, BOB, HELLO), 401);
	CHECK_EQ(send_as(&b, NEW, ANN_TOKEN, BOB, HELLO), 401);
	CHECK_EQ(send_as(&b, NULL, "wrong", BOB, HELLO), 401);
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, NEW, HELLO), 404);
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, "bob", HELLO), 404);
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, DOT, HELLO), 403);
	CHECK_EQ(send_as(&b, CID, CID_TOKEN, DOT, HELLO), 403);
	CHECK_EQ(send_as(&b, CID, CID_TOKEN, ANN, HELLO), 200);
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, CID, HELLO), 200);
	/* A token alone says who it is. */
	CHECK_EQ(send_as(&b, NULL, ANN_TOKEN, BOB, HELLO), 200);
	CHECK_EQ(rows_of_bob(&b), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "source_id"), ANN);
	with(&b, "X-Workspace-ID", ANN);
	CHECK_EQ(ask_bytes(&b, "POST", "/workspaces/" BOB "/a2a", ANN_TOKEN,
			   large, len),
		 413);
	CHECK_EQ(json_integer_value(json_object_get(b.json, "max_bytes")),
		 16 * 1024 * 1024);
	free(large);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL,
		     "{'id':'" NEW "','delivery_mode':'push',"
		     "'url':'http://127.0.0.1:1'}"),
		 201);
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, NEW, HELLO), 502);
	bed_close(&b);
	return 0;
}

/* Rows are unique by messageId in a workspace, whoever sends. */
static int repetitions_make_no_row(struct rt *rt, void *arg)
{
	static const char first[] =
		"{'message':{'messageId':'m','content':'one'}}";
	static const char again[] =
		"{'message':{'messageId':'m','content':'two'}}";
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, first), 200);
	user_says(&b, ANN, "between", NULL);
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, again), 200);
	CHECK_TEXT(got(&b, "status"), "queued");
	CHECK_EQ(send_as(&b, CID, CID_TOKEN, ANN, again), 200);
	CHECK_EQ(rows_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(said(row(&b, 1)), "one");
	CHECK_TEXT(text_in(row(&b, 1), "source_id"), BOB);
	/* In another workspace it is another message. */
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, BOB, again), 200);
	CHECK_EQ(rows_of_bob(&b), 200);
	CHECK_EQ(rows(&b), 1);
	bed_close(&b);
	return 0;
}

/* In the place of a push-mode workspace the platform says what it was told
 * to. */
static int played_workspaces_answer(struct rt *rt, void *arg)
{
	struct bed b;
	json_t *parts;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL,
		     "{'id':'" NEW "','delivery_mode':'push',"
		     "'answer':'forty-two'}"),
		 201);
	CHECK_EQ(send_as(&b, ANN, ANN_TOKEN, NEW,
			 "{'id':'q','params':{'message':{'content':'?'}}}"),
		 200);
	CHECK_TEXT(got(&b, "id"), "q");
	parts = json_object_get(json_object_get(b.json, "result"), "parts");
	CHECK_TEXT(text_in(json_array_get(parts, 0), "text"), "forty-two");
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL,
		     "{'delivery_mode':'push'}"),
		 400);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL, "{'answer':'x'}"),
		 400);
	bed_close(&b);
	return 0;
}

CASE(messages_are_queued)
CASE(every_shape_is_put_right)
CASE(senders_are_known)
CASE(repetitions_make_no_row)
CASE(played_workspaces_answer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_queued_test),
		cmocka_unit_test(every_shape_is_put_right_test),
		cmocka_unit_test(senders_are_known_test),
		cmocka_unit_test(repetitions_make_no_row_test),
		cmocka_unit_test(played_workspaces_answer_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
