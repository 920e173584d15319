// SPDX-License-Identifier: MIT
/* Messages between workspaces, and delegations. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/delegation.h"
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
	CHECK_EQ(rows_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(said(row(&b, 1)), "two");
	/* Another sender's message of that name is another message. */
	CHECK_EQ(send_as(&b, CID, CID_TOKEN, ANN, first), 200);
	CHECK_EQ(rows_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 3);
	bed_close(&b);
	return 0;
}

static int delegate(struct bed *b, const char *from, const char *token,
		    const char *to, const char *task, const char *key)
{
	char target[128], body[2048];

	snprintf(target, sizeof(target), "/workspaces/%s/delegate", from);
	snprintf(body, sizeof(body),
		 "{'target_id':'%s','task':'%s','idempotency_key':'%s'}", to,
		 task, key);
	return ask(b, "POST", target, token, body);
}

static int delegations_of_ann(struct bed *b)
{
	return ask(b, "GET", "/workspaces/" ANN "/delegations", ANN_TOKEN,
		   NULL);
}

static int delegations_are_checked(struct rt *rt, void *arg)
{
	struct bed b;
	char id[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, "bob", "t", ""), 400);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "", ""), 400);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, ANN, "t", ""), 400);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, DOT, "t", ""), 403);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, NEW, "t", ""), 403);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", "k"), 202);
	CHECK_TEXT(got(&b, "status"), "delegated");
	CHECK_TEXT(got(&b, "target_id"), BOB);
	snprintf(id, sizeof(id), "%s", got(&b, "delegation_id"));
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", "k"), 200);
	CHECK_TEXT(got(&b, "delegation_id"), id);
	CHECK_TEXT(got(&b, "status"), "queued");
	CHECK(json_is_true(json_object_get(b.json, "idempotent_hit")));
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", ""), 202);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", ""), 202);
	CHECK_EQ(rows_of_bob(&b), 200);
	CHECK_EQ(rows(&b), 3);
	CHECK_TEXT(said(row(&b, 2)), "count");
	CHECK_TEXT(text_in(row(&b, 2), "source_id"), ANN);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 3);
	CHECK_TEXT(text_in(row(&b, 2), "delegation_id"), id);
	CHECK_TEXT(text_in(row(&b, 2), "status"), "queued");
	CHECK_TEXT(text_in(row(&b, 2), "summary"), "count");
	CHECK(json_object_get(row(&b, 2), "response_preview") == NULL);
	bed_close(&b);
	return 0;
}

/* Bob answers by a message; the oldest open delegation is done. */
static int an_answer_completes(struct rt *rt, void *arg)
{
	static const char answer[] =
		"{'message':{'messageId':'a','content':'three'}}";
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	delegate(&b, ANN, ANN_TOKEN, BOB, "first", "");
	delegate(&b, ANN, ANN_TOKEN, BOB, "second", "");
	delegate(&b, ANN, ANN_TOKEN, CID, "third", "");
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, answer), 200);
	/* The same message once more answers nothing more. */
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, answer), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 3);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "queued");
	CHECK_TEXT(text_in(row(&b, 1), "status"), "queued");
	CHECK_TEXT(text_in(row(&b, 2), "status"), "completed");
	CHECK_TEXT(text_in(row(&b, 2), "response_preview"), "three");
	CHECK_EQ(rows_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(said(row(&b, 0)), "three");
	bed_close(&b);
	return 0;
}

static int an_answer_may_name_its_question(struct rt *rt, void *arg)
{
	struct bed b;
	char body[256];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	delegate(&b, ANN, ANN_TOKEN, BOB, "first", "");
	delegate(&b, ANN, ANN_TOKEN, BOB, "second", "");
	snprintf(body, sizeof(body),
		 "{'params':{'metadata':{'delegation_id':'%s'},"
		 "'message':{'content':'two'}}}",
		 got(&b, "delegation_id"));
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, body), 200);
	/* Naming one that is not open answers none. */
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, body), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "completed");
	CHECK_TEXT(text_in(row(&b, 1), "status"), "queued");
	/* What the target was sent names it. */
	CHECK_EQ(rows_of_bob(&b), 200);
	CHECK(strstr(b.body, "delegation_id") != NULL);
	bed_close(&b);
	return 0;
}

/* Two agents that answer each other by delegating owe each other nothing. */
static int delegating_back_is_an_answer(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	delegate(&b, ANN, ANN_TOKEN, BOB, "question", "");
	CHECK_EQ(delegate(&b, BOB, BOB_TOKEN, ANN, "answer", "k"), 202);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "completed");
	CHECK_TEXT(text_in(row(&b, 0), "response_preview"), "answer");
	CHECK_EQ(ask(&b, "GET", "/workspaces/" BOB "/delegations", BOB_TOKEN,
		     NULL),
		 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "completed");
	/* Nothing is open any more: this one is a question. */
	CHECK_EQ(delegate(&b, BOB, BOB_TOKEN, ANN, "question", ""), 202);
	CHECK_EQ(ask(&b, "GET", "/workspaces/" BOB "/delegations", BOB_TOKEN,
		     NULL),
		 200);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "queued");
	bed_close(&b);
	return 0;
}

static int removal_fails_delegations(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	delegate(&b, ANN, ANN_TOKEN, BOB, "t", "k");
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" BOB, NULL, NULL), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "failed");
	CHECK(json_get_text(row(&b, 0), "error") != NULL);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "t", "k"), 403);
	CHECK_EQ(ask(&b, "GET", "/registry/" ANN "/peers", ANN_TOKEN, NULL),
		 200);
	CHECK_EQ(rows(&b), 1);
	bed_close(&b);
	return 0;
}

static int lists_are_cut(struct rt *rt, void *arg)
{
	char text[700], body[900];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (int i = 0; i < DELEGATIONS_SHOWN + 3; i++)
		delegate(&b, ANN, ANN_TOKEN, BOB, "t", "");
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), DELEGATIONS_SHOWN);
	delegate(&b, ANN, ANN_TOKEN, CID, "t", "");
	/* 299 bytes, then one character of three. */
	memset(text, 'x', 299);
	memcpy(text + 299, "\xe2\x82\xac...", 7);
	snprintf(body, sizeof(body), "{'message':{'content':'%s'}}", text);
	CHECK_EQ(send_as(&b, CID, CID_TOKEN, ANN, body), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(strlen(text_in(row(&b, 0), "response_preview")), 299);
	bed_close(&b);
	return 0;
}

CASE(messages_are_queued)
CASE(every_shape_is_put_right)
CASE(senders_are_known)
CASE(repetitions_make_no_row)
CASE(delegations_are_checked)
CASE(an_answer_completes)
CASE(an_answer_may_name_its_question)
CASE(delegating_back_is_an_answer)
CASE(removal_fails_delegations)
CASE(lists_are_cut)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_queued_test),
		cmocka_unit_test(every_shape_is_put_right_test),
		cmocka_unit_test(senders_are_known_test),
		cmocka_unit_test(repetitions_make_no_row_test),
		cmocka_unit_test(delegations_are_checked_test),
		cmocka_unit_test(an_answer_completes_test),
		cmocka_unit_test(an_answer_may_name_its_question_test),
		cmocka_unit_test(delegating_back_is_an_answer_test),
		cmocka_unit_test(removal_fails_delegations_test),
		cmocka_unit_test(lists_are_cut_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
