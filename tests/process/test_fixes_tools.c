// SPDX-License-Identifier: MIT
/*
 * What the original's tools do wrong, and ours do right. Each test is named
 * after the row of the list of known faults it answers.
 */
#include "harness.h"

#include <string.h>

#define A2A "/workspaces/" PEER_ID "/a2a"
#define DELEGATE "/workspaces/" WS_ID "/delegate"

/* F-25: a task that the platform has already is no error... */
static void f25_a_known_delegation_is_no_error(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *result;

	fake_once(rig->fake, "POST", DELEGATE,
		  (struct answer){ .status = 200,
				   .body = "{'delegation_id':'d-old','status':"
					   "'dispatched','target_id':'" PEER_ID
					   "','idempotent_hit':true}" });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "delegate_task_async",
		 "{'workspace_id':'" PEER_ID "','task':'again'}");
	result = mcp_json(mcp, 2);
	assert_string_equal(
		json_string_value(json_object_get(result, "delegation_id")),
		"d-old");
	assert_string_equal(
		json_string_value(json_object_get(result, "workspace_id")),
		PEER_ID);
}

static const char *key_of(const struct request *r)
{
	const char *key =
		json_string_value(json_object_get(r->json, "idempotency_key"));

	assert_non_null(key);
	return key;
}

/* F-25: ... and one that has ended is started anew when asked for again. */
static void f25_a_task_may_be_delegated_again(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *result;

	fake_once(rig->fake, "POST", DELEGATE,
		  (struct answer){ .status = 200,
				   .body = "{'delegation_id':'d-old','status':"
					   "'completed','target_id':'" PEER_ID
					   "','idempotent_hit':true}" });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "delegate_task_async",
		 "{'workspace_id':'" PEER_ID "','task':'again'}");
	result = mcp_json(mcp, 2);
	assert_string_equal(
		json_string_value(json_object_get(result, "delegation_id")),
		"d-1");
	assert_string_not_equal(
		key_of(fake_seen(rig->fake, "POST", DELEGATE, 0)),
		key_of(fake_seen(rig->fake, "POST", DELEGATE, 1)));
}

static const char *message_id(const struct request *r)
{
	const json_t *message =
		json_object_get(json_object_get(r->json, "params"), "message");
	const char *id =
		json_string_value(json_object_get(message, "messageId"));

	assert_non_null(id);
	return id;
}

/* F-26: a task that is sent again is the same message, not a second one. */
static void f26_a_retry_keeps_the_message_id(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	int n;

	for (int i = 0; i < 8; i++)
		fake_once(rig->fake, "POST", A2A,
			  (struct answer){ .kind = i % 2 ? ANSWER_CLOSE
							 : ANSWER_RESET });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'once only'}");
	mcp_text(mcp, 2, NULL);
	n = fake_count(rig->fake, "POST", A2A);
	assert_true(n >= 1);
	for (int i = 1; i < n; i++)
		assert_string_equal(
			message_id(fake_seen(rig->fake, "POST", A2A, i)),
			message_id(fake_seen(rig->fake, "POST", A2A, 0)));
}

/* F-26: two different delegations are two messages. */
static void f26_two_tasks_have_two_message_ids(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (int id = 2; id < 4; id++) {
		mcp_call(mcp, id, "delegate_task",
			 "{'workspace_id':'" PEER_ID "','task':'same text'}");
		mcp_ok(mcp, id);
	}
	assert_string_not_equal(
		message_id(fake_seen(rig->fake, "POST", A2A, 0)),
		message_id(fake_seen(rig->fake, "POST", A2A, 1)));
}

/* F-27: the whole answer is returned, in every shape it may have. */
static void f27_the_whole_answer_is_returned(void **state)
{
	static const char *const replies[] = {
		"{'jsonrpc':'2.0','id':'x','result':{'role':'agent','parts':["
		"{'kind':'text','text':'alpha '},"
		"{'kind':'data','data':{}},"
		"{'type':'text','text':'omega'}]}}",
		"{'jsonrpc':'2.0','id':'x','result':{'kind':'task','id':'t',"
		"'status':{'state':'completed'},'artifacts':["
		"{'artifactId':'a','parts':[{'kind':'text','text':'alpha '}]},"
		"{'artifactId':'b','parts':[{'kind':'text','text':'omega'}]}"
		"]}}",
		"{'jsonrpc':'2.0','id':'x','result':{'kind':'task','id':'t',"
		"'status':{'state':'completed','message':{'role':'agent',"
		"'parts':[{'kind':'text','text':'alpha '},"
		"{'kind':'text','text':'omega'}]}}}}",
	};
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (int i = 0; i < 3; i++) {
		const char *text;

		fake_once(rig->fake, "POST", A2A,
			  (struct answer){ .body = replies[i] });
		mcp_call(mcp, 10 + i, "delegate_task",
			 "{'workspace_id':'" PEER_ID "','task':'say'}");
		text = mcp_ok(mcp, 10 + i);
		if (!strstr(text, "alpha") || !strstr(text, "omega"))
			child_fail(mcp, "shape %d gives: %s", i, text);
	}
}

/* F-48: an absent role is not the word None. */
static void f48_no_role_is_not_none(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const char *text;

	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .body = "[{'id':'" PEER_ID
					     "','name':'Quiet','role':null,"
					     "'status':'online'}]" });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "list_peers", NULL);
	text = mcp_ok(mcp, 2);
	assert_non_null(strstr(text, "Quiet"));
	assert_non_null(strstr(text, PEER_ID));
	assert_null(strstr(text, "None"));
	assert_null(strstr(text, "null"));
}

/* F-48: a failure is not shown as "there are no peers". */
static void f48_a_failure_is_not_an_empty_list(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_always(rig->fake, "GET", "/registry/*/peers",
		    (struct answer){ .status = 500, .body = "{'error':'x'}" });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "list_peers", NULL);
	assert_non_null(strstr(mcp_failed(mcp, 2), "500"));
}

/* F-49: an error of the platform is not handed over as a memory. */
static void f49_a_failed_recall_is_a_failure(void **state)
{
	static const int statuses[] = { 400, 401, 500 };
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	for (int i = 0; i < 3; i++) {
		const char *text;

		fake_once(rig->fake, "GET", "/workspaces/*/memories",
			  (struct answer){ .status = statuses[i],
					   .body = "{'error':'no such "
						   "luck'}" });
		mcp_call(mcp, 10 + i, "recall_memory", "{'query':'x'}");
		text = mcp_failed(mcp, 10 + i);
		assert_int_equal(strncmp(text, "Error", 5), 0);
		assert_non_null(strstr(text, "no such luck"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f25_a_known_delegation_is_no_error),
		TEST(f25_a_task_may_be_delegated_again),
		TEST(f26_a_retry_keeps_the_message_id),
		TEST(f26_two_tasks_have_two_message_ids),
		TEST(f27_the_whole_answer_is_returned),
		TEST(f48_no_role_is_not_none),
		TEST(f48_a_failure_is_not_an_empty_list),
		TEST(f49_a_failed_recall_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
