// SPDX-License-Identifier: MIT
/* delegate_task and a peer that polls for its messages: the task goes out once,
 * and the call gives the real answer or says how it will come. */
#include "tests/unit/tools_fixture.h"

#define PEER "22222222-2222-4222-8222-222222222222"
#define DISCOVER "GET /registry/discover/" PEER
#define DELEGATE "POST /workspaces/" OWN_ID "/delegate"
#define DELEGATIONS "GET /workspaces/" OWN_ID "/delegations"
#define REPORT "POST /workspaces/" OWN_ID "/activity"
#define LIST "GET /workspaces/" OWN_ID "/activity"
#define A2A "POST /workspaces/" PEER "/a2a"

#define TO_PEER "{'workspace_id':'" PEER "','task':'do it'}"
#define QUEUED                                                                 \
	"{'status':'queued','delivery_mode':'poll','method':'message/send'}"
#define QUEUED_TEXT                                                            \
	"{\\'status\\':\\'queued\\',\\'delivery_mode\\':\\'poll\\',"           \
	"\\'method\\':\\'message/send\\'}"
#define BOB                                                                    \
	{ DISCOVER, 200, "{'id':'" PEER "','name':'Bob','url':''}", 0, 0 },    \
	{                                                                      \
		REPORT, 200, "{'status':'logged'}", 0, 0                       \
	}
#define POLLS                                                                  \
	BOB,                                                                   \
	{                                                                      \
		A2A, 200, QUEUED, 0, 0                                         \
	}
/* A row of the activity list: a message of the peer. */
#define ROW(id, text)                                                          \
	"{'id':'" id "','activity_type':'a2a_receive','source_id':'" PEER      \
	"','method':'message/send','request_body':{'params':{'message':{"      \
	"'parts':[{'kind':'text','text':'" text "'}]}}}}"

static int have_come; /* messages */

static void comes(struct fake *fake, const char *id, const char *text)
{
	have_come++;
	CHECK_EQ(inbox_put(fake->host.tools.inbox, NULL,
			   &(struct activity_message){
				   .activity_id = id,
				   .text = text,
				   .peer_id = PEER,
				   .kind = "peer_agent",
				   .method = "message/send",
				   .created_at = "2026-01-01T00:00:00Z" }),
		 0);
}

/* Later than the first look at the platform's lists. */
static void comes_late(struct rt *rt, void *arg)
{
	if (task_sleep(rt, deadline_in_ms(rt, 700)) == 0)
		comes(arg, "answer", "four\ntwo");
}

static void comes_soon(struct rt *rt, void *arg)
{
	struct fake *fake = arg;

	if (task_sleep(rt, deadline_in_ms(rt, 30)) == 0)
		comes(fake, "answer", "four\ntwo");
}

/* The peer answers while the call waits. */
static void answers_later(struct fake *fake, const char *line)
{
	if (strncmp(line, A2A, strlen(A2A)) == 0 ||
	    strncmp(line, DELEGATE, strlen(DELEGATE)) == 0)
		CHECK_EQ(task_spawn(&fake->scope, "peer", TASK_STACK_NORMAL,
				    comes_soon, fake),
			 0);
}

/* The peer is so fast that its answer is here before the platform's. */
static void answers_at_once(struct fake *fake, const char *line)
{
	if (strncmp(line, A2A, strlen(A2A)) == 0)
		comes(fake, "answer", "four\ntwo");
}

static bool is_empty(const struct fake *fake)
{
	return inbox_count(fake->host.tools.inbox) == 0;
}

static int answer_body(struct rt *rt, void *arg)
{
	void (*const peers[])(struct fake *,
			      const char *) = { answers_later,
						answers_at_once };
	struct tool_call call;
	struct fake fake;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		fake_open(&fake, rt);
		fake.on_request = peers[i];
		RULES(&fake, POLLS);
		call = fake_run(&fake, "delegate_task", TO_PEER);
		CHECK(call.text && strcmp(call.text, "four\ntwo") == 0);
		CHECK(!call.is_error && call.untrusted);
		CHECK_EQ(seen(&fake, A2A), 1);
		CHECK_EQ(seen(&fake, DELEGATE), 0);
		CHECK_EQ(seen(&fake, "Bob responded (8 chars)"), 1);
		/* The message is kept until the answer is with the host, and
		 * nobody reads it a second time. */
		CHECK_EQ(inbox_count(fake.host.tools.inbox), 1);
		CHECK(inbox_first(fake.host.tools.inbox) == NULL);
		fake_done(&call);
		CHECK(is_empty(&fake));
		CHECK(strcmp(call.doing, "waiting for the answer of Bob") == 0);
		fake_close(&fake);
	}
	return 0;
}

static void f23_poll_mode_peer_gets_the_task_once(void **state)
{
	(void)state;
	in_runtime(answer_body, NULL);
}

/* An answer that does not reach the host is not lost. */
static int unsent_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	fake.on_request = answers_later;
	RULES(&fake, POLLS);
	call = fake_run(&fake, "delegate_task", TO_PEER);
	tools_settle(&call, false);
	fake_done(&call);
	want_part(&fake, "wait_for_message", "{}", false, "four\\ntwo");
	want_part(&fake, "inbox_pop", "{'activity_id':'answer'}", false,
		  "true");
	fake_close(&fake);
	return 0;
}

static void an_answer_is_not_lost(void **state)
{
	(void)state;
	in_runtime(unsent_body, NULL);
}

/* Cancelled while it waits: the answer comes as a message. */
static void call_it(struct rt *rt, void *arg)
{
	struct fake *fake = arg;
	struct tool_call call = { .tools = &fake->host.tools };
	json_t *arguments =
		json_pack("{s:s, s:s}", "workspace_id", PEER, "task", "do it");

	(void)rt;
	call.arguments = arguments;
	tools_run(&call, tools_find("delegate_task"));
	CHECK(call.text == NULL);
	tools_settle(&call, false);
	json_decref(arguments);
}

static int cancelled_body(struct rt *rt, void *arg)
{
	struct deadline until;
	struct scope scope;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, POLLS);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "call", TASK_STACK_LARGE, call_it, &fake),
		 0);
	until = patience(rt);
	while (!seen(&fake, A2A) && deadline_left_ns(rt, until) > 0)
		task_sleep(rt, deadline_in_ms(rt, 5));
	task_sleep(rt, deadline_in_ms(rt, 20));
	scope_close(&scope);
	comes(&fake, "late", "late");
	want_part(&fake, "wait_for_message", "{}", false, "late");
	fake_close(&fake);
	return 0;
}

static void a_cancelled_call_leaves_the_answer(void **state)
{
	(void)state;
	in_runtime(cancelled_body, NULL);
}

/* No answer in time: what is known, and how it will come. */
static int late_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	fake.config.delegation_budget_s = 1;
	RULES(&fake, POLLS);
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "Task queued for Bob (" PEER
		  "), a poll-mode peer: it fetches "
		  "its messages itself, has the task once, and has not "
		  "answered within 1 s. Do not send the task again. The answer "
		  "arrives in your inbox");
	CHECK_EQ(seen(&fake, A2A), 1);
	CHECK_EQ(seen(&fake, DELEGATE), 0);
	CHECK_EQ(seen(&fake, "responded"), 0);
	comes(&fake, "late", "here it is");
	want_part(&fake, "inbox_peek", "{}", false, "here it is");
	/* It was the answer to that: what is asked now is a task again. */
	fake.on_request = answers_later;
	want(&fake, "delegate_task", TO_PEER, false, "four\ntwo");
	fake_close(&fake);
	return 0;
}

static void a_late_answer_is_announced(void **state)
{
	(void)state;
	in_runtime(late_body, NULL);
}

/* What answers a message of the peer is not answered in turn. */
static int reply_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, POLLS);
	comes(&fake, "question", "what?");
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "Delivered to Bob (" PEER "), as your reply to its message "
		  "question. ");
	CHECK_EQ(seen(&fake, A2A), 1);
	CHECK_EQ(seen(&fake, DELEGATIONS), 0);
	CHECK(inbox_first(fake.host.tools.inbox) != NULL);
	/* A reply that could not be sent has not been given. */
	comes(&fake, "question-2", "what?");
	RULES(&fake, BOB, { A2A, 403, "{}", 1, 0 }, { A2A, 200, QUEUED, 0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, true, "HTTP 403");
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "message question-2. ");
	/* By the other tool it is one, too. */
	comes(&fake, "question-3", "what?");
	RULES(&fake, POLLS, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, false, "\"d\"");
	fake.on_request = answers_later;
	want(&fake, "delegate_task", TO_PEER, false, "four\ntwo");
	fake_close(&fake);
	return 0;
}

static void a_reply_is_not_waited_for(void **state)
{
	(void)state;
	in_runtime(reply_body, NULL);
}

/* Where messages do not come here, the platform's list is looked at. */
static int list_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct inbox *inbox;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	inbox = fake.host.tools.inbox;
	fake.host.tools.inbox = NULL;
	RULES(&fake, POLLS,
	      { LIST "?type=a2a_receive&peer_id=" PEER "&limit=1", 200,
		"[" ROW("old", "old") "]", 1, 0 },
	      { LIST "?type=a2a_receive&since_id=old", 200, "[]", 1, 0 },
	      { LIST "?type=a2a_receive&since_id=old", 200,
		"[{'id':'x','activity_type':'a2a_receive','source_id':null}"
		"," ROW("n1", "from the list") "," ROW("n2", "later") "]",
		0, 0 });
	call = fake_run(&fake, "delegate_task", TO_PEER);
	if (!CHECK(call.text && strcmp(call.text, "from the list") == 0))
		fprintf(stderr, "%s\n%s\n", call.text, fake.seen);
	CHECK(call.untrusted);
	CHECK_EQ(seen(&fake, A2A), 1);
	fake_done(&call);
	/* There is nothing before the task. */
	RULES(&fake, POLLS, { LIST, 200, "[]", 1, 0 },
	      { LIST, 200, "[" ROW("n2", "second") "," ROW("n1", "first") "]",
		0, 0 });
	want(&fake, "delegate_task", TO_PEER, false, "first");
	/* The list cannot be had. */
	RULES(&fake, POLLS, { LIST, 500, "{}", 0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "has the task once, and answers when it comes to it. Do not "
		  "send the task again. The answer can be read with "
		  "chat_history");
	/* Its time is over. */
	fake.config.delegation_budget_s = 1;
	RULES(&fake, POLLS, { LIST, 200, "[]", 0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "has not answered within 1 s. ");
	fake.host.tools.inbox = inbox;
	fake_close(&fake);
	return 0;
}

static void without_an_inbox_the_list_is_read(void **state)
{
	(void)state;
	in_runtime(list_body, NULL);
}

/* DELEGATION_SYNC_VIA_INBOX: the platform delivers, and is asked. */
static int sync_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	fake.config.delegation_sync = true;
	RULES(&fake, BOB, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 },
	      { DELEGATIONS, 200, "[{'delegation_id':'d','status':'pending'}]",
		1, 0 },
	      { DELEGATIONS, 200,
		"[{'delegation_id':'d','status':'completed',"
		"'response_preview':'forty-two'}]",
		0, 0 },
	      { LIST, 200, "[]", 0, 0 });
	call = fake_run(&fake, "delegate_task", TO_PEER);
	CHECK(call.text && strcmp(call.text, "forty-two") == 0);
	CHECK(!call.is_error && call.untrusted);
	CHECK_EQ(seen(&fake, A2A), 0);
	CHECK_EQ(seen(&fake, DELEGATE), 1);
	fake_done(&call);

	RULES(&fake, BOB, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 },
	      { DELEGATIONS, 200,
		"[{'delegation_id':'d','status':'failed','error':'it broke'}]",
		0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, true,
		  "DELEGATION FAILED to Bob: [A2A_ERROR] it broke");

	/* F-23: that it is queued is no answer. The peer's message is. */
	fake.on_request = answers_later;
	RULES(&fake, BOB, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 },
	      { DELEGATIONS, 200,
		"[{'delegation_id':'d','status':'completed',"
		"'response_preview':'" QUEUED_TEXT "'}]",
		0, 0 });
	want(&fake, "delegate_task", TO_PEER, false, "four\ntwo");
	CHECK_EQ(seen(&fake, DELEGATE), 1);
	CHECK_EQ(seen(&fake, A2A), 0);
	CHECK(is_empty(&fake));
	fake.on_request = NULL;
	fake.config.delegation_budget_s = 1;
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "Its delegation_id is d, its last known status: queued "
		  "(check_task_status).");
	fake_close(&fake);
	return 0;
}

static void f23_the_queued_envelope_is_no_answer(void **state)
{
	(void)state;
	in_runtime(sync_body, NULL);
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X300 X50 X50 X50 X50 X50 X50
#define PREVIEW                                                                \
	{                                                                      \
		DELEGATIONS, 200,                                              \
			"[{'delegation_id':'d','target_id':'" PEER             \
			"','status':'completed','response_preview':'" X300     \
			"...'}]",                                              \
			0, 0                                                   \
	}
#define RESULT                                                                 \
	{                                                                      \
		LIST "?type=delegation", 200,                                  \
			"[{'activity_type':'delegation','response_body':{"     \
			"'delegation_id':'d','text':'" X300                    \
			" and the end'}}]",                                    \
			0, 0                                                   \
	}

/* F-24: an answer is whole, or it is said that it is not. */
static int preview_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	fake.config.delegation_sync = true;
	RULES(&fake, BOB, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 },
	      PREVIEW, RESULT);
	want(&fake, "delegate_task", TO_PEER, false, X300 " and the end");
	call = fake_run(&fake, "check_task_status", "{'task_id':'d'}");
	CHECK(strcmp(text_at(call.structured, "response"),
		     X300 " and the end") == 0);
	fake_done(&call);
	/* Also where only the peer's message has all of it. */
	RULES(&fake, PREVIEW, { LIST "?type=delegation", 200, "[]", 0, 0 },
	      { LIST "?peer_id=" PEER, 200, "[" ROW("m", X300 " and more") "]",
		0, 0 });
	call = fake_run(&fake, "check_task_status", "{'task_id':'d'}");
	CHECK(strcmp(text_at(call.structured, "response"), X300 " and more") ==
	      0);
	fake_done(&call);

	RULES(&fake, BOB, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 },
	      PREVIEW, { LIST, 200, "[]", 0, 0 });
	want(&fake, "delegate_task", TO_PEER, false,
	     "[only the beginning of the answer: the platform shows no more "
	     "of delegation d]\n" X300 "...");
	call = fake_run(&fake, "check_task_status", "{'task_id':'d'}");
	CHECK(json_is_true(
		json_object_get(call.structured, "response_truncated")));
	CHECK(!json_object_get(call.structured, "response"));
	fake_done(&call);
	fake_close(&fake);
	return 0;
}

static void f24_an_answer_is_whole(void **state)
{
	(void)state;
	in_runtime(preview_body, NULL);
}

/* A message that the list shows before it is in the inbox is not read twice. */
static int both_body(struct rt *rt, void *arg)
{
	int before = have_come;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	fake.config.delegation_sync = true;
	RULES(&fake, BOB, { DELEGATE, 202, "{'delegation_id':'d'}", 0, 0 },
	      { DELEGATIONS, 200,
		"[{'delegation_id':'d','status':'completed',"
		"'response_preview':'four'}]",
		0, 0 },
	      { LIST "?type=delegation", 200, "[]", 0, 0 },
	      { LIST "?peer_id=" PEER, 200, "[" ROW("answer", "four\\ntwo") "]",
		0, 0 });
	CHECK_EQ(task_spawn(&fake.scope, "late", TASK_STACK_NORMAL, comes_late,
			    &fake),
		 0);
	want(&fake, "delegate_task", TO_PEER, false, "four\ntwo");
	/* It has come, and is done with. */
	CHECK_EQ(have_come, before + 1);
	CHECK(is_empty(&fake));
	fake_close(&fake);
	return 0;
}

static void an_answer_is_not_read_twice(void **state)
{
	(void)state;
	in_runtime(both_body, NULL);
}

/* What check_task_status makes of such a peer. */
static int status_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, { DELEGATIONS, 200,
		       "[{'delegation_id':'d','status':'completed',"
		       "'response_preview':'" QUEUED_TEXT "'}]",
		       0, 0 });
	call = fake_run(&fake, "check_task_status", "{'task_id':'d'}");
	CHECK(strcmp(text_at(call.structured, "status"), "queued") == 0);
	CHECK(json_is_null(
		json_object_get(call.structured, "response_preview")));
	CHECK(strstr(text_at(call.structured, "note"),
		     "arrives in your inbox"));
	fake_done(&call);
	want_part(&fake, "check_task_status", "{'task_id':''}", false,
		  "\"status\": \"queued\", \"summary\": \"\", "
		  "\"response_preview\": \"\"");
	fake_close(&fake);
	return 0;
}

static void f23_queued_is_not_completed(void **state)
{
	(void)state;
	in_runtime(status_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f23_poll_mode_peer_gets_the_task_once),
		cmocka_unit_test(an_answer_is_not_lost),
		cmocka_unit_test(a_cancelled_call_leaves_the_answer),
		cmocka_unit_test(a_late_answer_is_announced),
		cmocka_unit_test(a_reply_is_not_waited_for),
		cmocka_unit_test(without_an_inbox_the_list_is_read),
		cmocka_unit_test(f23_the_queued_envelope_is_no_answer),
		cmocka_unit_test(f24_an_answer_is_whole),
		cmocka_unit_test(an_answer_is_not_read_twice),
		cmocka_unit_test(f23_queued_is_not_completed),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
