// SPDX-License-Identifier: MIT
/* Delegations: as the true platform has them, and tracked. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/delegation.h"

/* What the true platform makes of "the message waits for its poll". */
#define QUEUED                                                                 \
	"{\"delivery_mode\":\"poll\",\"method\":\"message/send\","             \
	"\"status\":\"queued\"}"

static const struct platform_options tracked = { .track_delegations = true };

static int send_as(struct bed *b, const char *from, const char *token,
		   const char *to, const char *body)
{
	char target[128];

	snprintf(target, sizeof(target), "/workspaces/%s/a2a", to);
	with(b, "X-Workspace-ID", from);
	return ask(b, "POST", target, token, body);
}

static int rows_of(struct bed *b, const char *id, const char *token,
		   const char *query)
{
	char target[192];

	snprintf(target, sizeof(target), "/workspaces/%s/activity%s", id,
		 query);
	return ask(b, "GET", target, token, NULL);
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

/* Ann gives Bob a task; its id. */
static void give(struct bed *b, const char *task, char id[IDENT_LEN + 1])
{
	CHECK_EQ(delegate(b, ANN, ANN_TOKEN, BOB, task, ""), 202);
	if (id)
		snprintf(id, IDENT_LEN + 1, "%s", got(b, "delegation_id"));
}

static int delegations_of_ann(struct bed *b)
{
	return ask(b, "GET", "/workspaces/" ANN "/delegations", ANN_TOKEN,
		   NULL);
}

static int move(struct bed *b, const char *id, const char *body)
{
	char target[192];

	snprintf(target, sizeof(target),
		 "/demo/workspaces/" ANN "/delegations/%s", id);
	return ask(b, "PATCH", target, NULL, body);
}

static void check_row(struct bed *b, size_t i, const char *id,
		      const char *status)
{
	CHECK_TEXT(text_in(row(b, i), "delegation_id"), id);
	CHECK_TEXT(text_in(row(b, i), "status"), status);
	CHECK_TEXT(text_in(row(b, i), "source_id"), ANN);
	CHECK_TEXT(text_in(row(b, i), "target_id"), BOB);
	CHECK_TEXT(text_in(row(b, i), "type"), "delegation");
}

/* F-23: what a poll-mode target has not even seen is completed, and the word
 * that it is queued passes for its answer. */
static int f23_poll_mode_completes_at_once(struct rt *rt, void *arg)
{
	struct bed b;
	char id[IDENT_LEN + 1];
	json_t *message;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	give(&b, "count", id);
	CHECK_TEXT(got(&b, "status"), "delegated");
	CHECK_TEXT(got(&b, "target_id"), BOB);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	check_row(&b, 0, id, "completed");
	check_row(&b, 1, id, "completed");
	CHECK_TEXT(text_in(row(&b, 0), "response_preview"), QUEUED);
	CHECK_TEXT(text_in(row(&b, 0), "summary"),
		   "Delegation completed (" QUEUED ")");
	CHECK_TEXT(text_in(row(&b, 1), "summary"), "Delegating to " BOB);
	/* The task is a message of the delegation's name. */
	CHECK_EQ(rows_of(&b, BOB, BOB_TOKEN, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(said(row(&b, 0)), "count");
	CHECK_TEXT(text_in(row(&b, 0), "source_id"), ANN);
	message = json_object_get(
		json_object_get(json_object_get(row(&b, 0), "request_body"),
				"params"),
		"message");
	CHECK_TEXT(text_in(message, "messageId"), id);
	CHECK_TEXT(
		text_in(json_object_get(message, "metadata"), "delegation_id"),
		id);
	/* It stays so when the answer comes. */
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, "{'content':'three'}"), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 0), "response_preview"), QUEUED);
	bed_close(&b);
	return 0;
}

/* They are rows of the log like any other, but none of the inbox. */
static int delegations_are_rows(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	give(&b, "count", NULL);
	CHECK_EQ(rows_of(&b, ANN, ANN_TOKEN, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 0);
	CHECK_EQ(rows_of(&b, ANN, ANN_TOKEN, "?peer_id=" BOB), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 0), "activity_type"), "delegation");
	CHECK_TEXT(text_in(row(&b, 0), "method"), "delegate_result");
	CHECK_TEXT(text_in(row(&b, 1), "method"), "delegate");
	bed_close(&b);
	return 0;
}

/* DELEGATION_RESULT_INBOX_PUSH: the end is in the inbox, under one's own id,
 * and in the list as one more row. */
static int results_are_pushed(struct rt *rt, void *arg)
{
	struct bed b;
	char id[IDENT_LEN + 1];
	json_t *response;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ .push_results = true });
	give(&b, "count", id);
	CHECK_EQ(rows_of(&b, ANN, ANN_TOKEN, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "method"), "delegate_result");
	CHECK_TEXT(text_in(row(&b, 0), "source_id"), ANN);
	CHECK_TEXT(text_in(row(&b, 0), "target_id"), BOB);
	CHECK_TEXT(text_in(row(&b, 0), "summary"),
		   "Delegation result delivered");
	response = json_object_get(row(&b, 0), "response_body");
	CHECK_TEXT(text_in(response, "text"), QUEUED);
	CHECK_TEXT(text_in(response, "delegation_id"), id);
	CHECK_EQ(move(&b, id, "{'status':'failed','error':'lost'}"), 200);
	CHECK_EQ(rows_of(&b, ANN, ANN_TOKEN, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "error");
	CHECK_TEXT(text_in(row(&b, 0), "error_detail"), "lost");
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 5);
	CHECK_TEXT(text_in(row(&b, 0), "type"), "a2a_receive");
	CHECK_TEXT(text_in(row(&b, 0), "error"), "lost");
	bed_close(&b);
	return 0;
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
	CHECK(json_get_text(b.json, "reason") != NULL);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, DOT, "t", ""), 403);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, NEW, "t", ""), 403);
	CHECK_EQ(delegate(&b, ANN, BOB_TOKEN, BOB, "t", ""), 401);
	CHECK_EQ(ask(&b, "PATCH", "/workspaces/" ANN "/abilities", NULL,
		     "{'can_delegate':false}"),
		 200);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "t", ""), 403);
	CHECK_EQ(ask(&b, "PATCH", "/workspaces/" ANN "/abilities", NULL,
		     "{'can_delegate':true}"),
		 200);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", "k"), 202);
	snprintf(id, sizeof(id), "%s", got(&b, "delegation_id"));
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", "k"), 200);
	CHECK_TEXT(got(&b, "delegation_id"), id);
	CHECK_TEXT(got(&b, "status"), "completed");
	CHECK(json_is_true(json_object_get(b.json, "idempotent_hit")));
	/* The key alone decides, and not after a failure. */
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, CID, "other", "k"), 200);
	CHECK_TEXT(got(&b, "target_id"), BOB);
	CHECK_EQ(move(&b, id, "{'status':'failed','error':'no'}"), 200);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", "k"), 202);
	CHECK(strcmp(got(&b, "delegation_id"), id) != 0);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "count", ""), 202);
	CHECK_EQ(rows_of(&b, BOB, BOB_TOKEN, ""), 200);
	CHECK_EQ(rows(&b), 3);
	bed_close(&b);
	return 0;
}

static void check_moved(struct bed *b, const char *id, const char *body,
			const char *status)
{
	CHECK_EQ(move(b, id, body), 200);
	CHECK_EQ(delegations_of_ann(b), 200);
	CHECK_EQ(rows(b), 1);
	check_row(b, 0, id, status);
}

/* A push-mode workspace that nobody plays: only the operator moves it on. */
static int the_operator_moves_them(struct rt *rt, void *arg)
{
	struct bed b;
	char id[IDENT_LEN + 1], body[96];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/registry/register", BOB_TOKEN,
		     "{'id':'" BOB "','delivery_mode':'push',"
		     "'url':'http://127.0.0.1:1'}"),
		 200);
	give(&b, "count", id);
	check_moved(&b, id, "{'status':'pending'}", "pending");
	check_moved(&b, id, "{'status':'dispatched'}", "dispatched");
	check_moved(&b, id, "{'status':'in_progress'}", "in_progress");
	check_moved(&b, id, "{'status':'stuck'}", "stuck");
	/* What has no answer shows what its row holds instead. */
	snprintf(body, sizeof(body), "{\"delegation_id\": \"%s\"}", id);
	CHECK_TEXT(text_in(row(&b, 0), "response_preview"), body);
	bed_close(&b);
	return 0;
}

/* A busy target's place in the list is taken by its answer. */
static int a_queued_one_is_stitched(struct rt *rt, void *arg)
{
	struct bed b;
	char id[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/registry/register", BOB_TOKEN,
		     "{'id':'" BOB "','delivery_mode':'push',"
		     "'url':'http://127.0.0.1:1'}"),
		 200);
	give(&b, "count", id);
	CHECK_EQ(move(&b, id, "{'status':'queued'}"), 200);
	CHECK_EQ(move(&b, id, "{'status':'queued'}"), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	check_row(&b, 0, id, "queued");
	check_row(&b, 1, id, "queued");
	CHECK_EQ(move(&b, id, "{'status':'completed','text':'three'}"), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	check_row(&b, 0, id, "completed");
	check_row(&b, 1, id, "completed");
	CHECK_TEXT(text_in(row(&b, 0), "response_preview"), "three");
	CHECK_TEXT(text_in(row(&b, 0), "summary"),
		   "Delegation completed (three)");
	/* A second end is a second row. */
	CHECK_EQ(move(&b, id, "{'status':'failed','error':'late'}"), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 3);
	check_row(&b, 0, id, "failed");
	CHECK_TEXT(text_in(row(&b, 0), "error"), "late");
	CHECK_TEXT(text_in(row(&b, 0), "error_detail"), "(absent)");
	check_row(&b, 1, id, "completed");
	check_row(&b, 2, id, "failed");
	CHECK_EQ(move(&b, id, "{'status':'done'}"), 400);
	CHECK_EQ(move(&b, ANN, "{'status':'queued'}"), 404);
	bed_close(&b);
	return 0;
}

static int played_ones_complete(struct rt *rt, void *arg)
{
	struct bed b;
	char answer[800], body[1200];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	/* 299 bytes, then one character of three. */
	memset(answer, 'x', 299);
	memcpy(answer + 299, "\xe2\x82\xac...", 7);
	snprintf(body, sizeof(body),
		 "{'id':'" NEW "','delivery_mode':'push','answer':'%s'}",
		 answer);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces", NULL, body), 201);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, NEW, "count", ""), 202);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "completed");
	/* F-24: cut, and between characters. */
	CHECK_EQ(strlen(text_in(row(&b, 0), "response_preview")), 299);
	bed_close(&b);
	return 0;
}

static int lists_are_cut(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (int i = 0; i < DELEGATIONS_SHOWN; i++)
		give(&b, "t", NULL);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), DELEGATIONS_SHOWN);
	bed_close(&b);
	return 0;
}

/* Bob answers by a message; the oldest open delegation is done. */
static int tracked_an_answer_completes(struct rt *rt, void *arg)
{
	static const char answer[] =
		"{'message':{'messageId':'a','content':'three'}}";
	struct bed b;
	char first[IDENT_LEN + 1], second[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &tracked);
	give(&b, "first", first);
	give(&b, "second", second);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, CID, "third", ""), 202);
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, answer), 200);
	/* The same message once more answers nothing more. */
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, answer), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_EQ(rows(&b), 6);
	check_row(&b, 2, second, "queued");
	check_row(&b, 3, second, "queued");
	check_row(&b, 4, first, "completed");
	check_row(&b, 5, first, "completed");
	CHECK_TEXT(text_in(row(&b, 4), "response_preview"), "three");
	CHECK_EQ(rows_of(&b, ANN, ANN_TOKEN, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(said(row(&b, 0)), "three");
	bed_close(&b);
	return 0;
}

static int tracked_an_answer_may_name_its_question(struct rt *rt, void *arg)
{
	struct bed b;
	char body[256], first[IDENT_LEN + 1], second[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &tracked);
	give(&b, "first", first);
	give(&b, "second", second);
	snprintf(body, sizeof(body),
		 "{'params':{'metadata':{'delegation_id':'%s'},"
		 "'message':{'content':'two'}}}",
		 second);
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, body), 200);
	/* Naming one that is not open answers none. */
	CHECK_EQ(send_as(&b, BOB, BOB_TOKEN, ANN, body), 200);
	CHECK_EQ(delegations_of_ann(&b), 200);
	check_row(&b, 0, second, "completed");
	check_row(&b, 2, first, "queued");
	bed_close(&b);
	return 0;
}

/* Two agents that answer each other by delegating owe each other nothing. */
static int tracked_delegating_back_is_an_answer(struct rt *rt, void *arg)
{
	static const char list[] = "/workspaces/" BOB "/delegations";
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &tracked);
	give(&b, "question", NULL);
	CHECK_EQ(delegate(&b, BOB, BOB_TOKEN, ANN, "answer", "k"), 202);
	CHECK_EQ(delegations_of_ann(&b), 200);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "completed");
	CHECK_TEXT(text_in(row(&b, 0), "response_preview"), "answer");
	CHECK_EQ(ask(&b, "GET", list, BOB_TOKEN, NULL), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "completed");
	/* Nothing is open any more: this one is a question. */
	CHECK_EQ(delegate(&b, BOB, BOB_TOKEN, ANN, "question", ""), 202);
	CHECK_EQ(ask(&b, "GET", list, BOB_TOKEN, NULL), 200);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "queued");
	bed_close(&b);
	return 0;
}

static int removal_fails_open_ones(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &tracked);
	CHECK_EQ(delegate(&b, ANN, ANN_TOKEN, BOB, "t", "k"), 202);
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

CASE(f23_poll_mode_completes_at_once)
CASE(delegations_are_rows)
CASE(results_are_pushed)
CASE(delegations_are_checked)
CASE(the_operator_moves_them)
CASE(a_queued_one_is_stitched)
CASE(played_ones_complete)
CASE(lists_are_cut)
CASE(tracked_an_answer_completes)
CASE(tracked_an_answer_may_name_its_question)
CASE(tracked_delegating_back_is_an_answer)
CASE(removal_fails_open_ones)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f23_poll_mode_completes_at_once_test),
		cmocka_unit_test(delegations_are_rows_test),
		cmocka_unit_test(results_are_pushed_test),
		cmocka_unit_test(delegations_are_checked_test),
		cmocka_unit_test(the_operator_moves_them_test),
		cmocka_unit_test(a_queued_one_is_stitched_test),
		cmocka_unit_test(played_ones_complete_test),
		cmocka_unit_test(lists_are_cut_test),
		cmocka_unit_test(tracked_an_answer_completes_test),
		cmocka_unit_test(tracked_an_answer_may_name_its_question_test),
		cmocka_unit_test(tracked_delegating_back_is_an_answer_test),
		cmocka_unit_test(removal_fails_open_ones_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
