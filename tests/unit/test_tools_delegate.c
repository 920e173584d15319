// SPDX-License-Identifier: MIT
/* The tools that give a task to a peer, and the one that asks how it goes. */
#include "tests/unit/tools_fixture.h"

#define PEER "22222222-2222-4222-8222-222222222222"
#define DISCOVER "GET /registry/discover/" PEER
#define DELEGATE "POST /workspaces/" OWN_ID "/delegate"
#define DELEGATIONS "GET /workspaces/" OWN_ID "/delegations"
#define REPORT "POST /workspaces/" OWN_ID "/activity"
#define A2A "POST /workspaces/" PEER "/a2a"

#define TO_PEER "{'workspace_id':'" PEER "','task':'do it'}"
#define KNOWN                                                                  \
	{ DISCOVER, 200, "{'id':'" PEER "','name':'Bob','url':''}", 0, 0 },    \
	{                                                                      \
		REPORT, 200, "{'status':'logged'}", 0, 0                       \
	}

static int delegate_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	/* F-27: every part of the reply. */
	RULES(&fake, KNOWN,
	      { A2A, 200,
		"{'jsonrpc':'2.0','result':{'parts':[{'kind':'text','text':"
		"'four'},{'kind':'text','text':' two'}]}}",
		0, 0 });
	want(&fake, "delegate_task", TO_PEER, false, "four\n two");
	CHECK_EQ(seen(&fake, A2A), 1);
	CHECK_EQ(seen(&fake, "\"text\":\"do it\""), 1);
	CHECK_EQ(seen(&fake, "Delegating to Bob"), 1);
	CHECK_EQ(seen(&fake, "Bob responded (9 chars)"), 1);
	/* F-30: reporting does not touch the heartbeat. */
	CHECK_EQ(seen(&fake, "heartbeat"), 0);
	/* F-27: results in other shapes. */
	RULES(&fake, KNOWN,
	      { A2A, 200,
		"{'result':{'kind':'task','status':{'state':'completed'},"
		"'artifacts':[{'parts':[{'kind':'text','text':'art'}]}]}}",
		0, 0 });
	want(&fake, "delegate_task", TO_PEER, false, "art");

	RULES(&fake, KNOWN,
	      { A2A, 202, "{'queued':true,'queue_id':'q','queue_depth':1}", 0,
		0 });
	want_part(&fake, "delegate_task", TO_PEER, false,
		  "Task queued for Bob, which is busy");

	/* The id as a model may write it; a name that is not known. */
	RULES(&fake, { DISCOVER, 200, "{}", 0, 0 },
	      { A2A, 200, "{'result':{'parts':[{'kind':'text','text':'x'}]}}",
		0, 0 });
	want(&fake, "delegate_task",
	     "{'workspace_id':' " PEER " ','task':'do it'}", false, "x");
	CHECK_EQ(seen(&fake, "Delegating to Bob"), 1); /* was seen before */

	want(&fake, "delegate_task", "{'task':'x'}", true,
	     "Error: workspace_id and task are required");
	/* Nobody can delegate to himself. */
	RULES(&fake, KNOWN);
	want_part(&fake, "delegate_task",
		  "{'workspace_id':' " OWN_ID "','task':'x'}", true,
		  "Error: cannot delegate_task to your own workspace: it would "
		  "wait for itself. ");
	want_part(&fake, "delegate_task_async",
		  "{'workspace_id':'" OWN_ID "','task':'x'}", true,
		  "Error: cannot delegate_task_async to your own workspace: ");
	want_part(&fake, "delegate_task",
		  "{'workspace_id':'" PEER "','task':'x',"
		  "'source_workspace_id':'" PEER "'}",
		  true,
		  "Error: source_workspace_id " PEER " is not one of the "
		  "workspaces of this process: it can be " OWN_ID ", or left "
		  "out.");
	want_part(&fake, "delegate_task",
		  "{'workspace_id':'" PEER "','task':'x',"
		  "'source_workspace_id':[]}",
		  true, "Error: source_workspace_id must be a string");
	CHECK_EQ(fake.seen_len, 0);
	want(&fake, "delegate_task", "{'workspace_id':'" PEER "','task':null}",
	     true, "Error: workspace_id and task are required");
	want(&fake, "delegate_task", "{'workspace_id':7,'task':'x'}", true,
	     "Error: workspace_id must be a string");
	RULES(&fake, { DISCOVER, 404, "{'error':'x'}", 0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, true,
		  "Error: workspace " PEER " not found or not accessible. ");
	RULES(&fake, { DISCOVER, 410, "{'error':'x'}", 0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, true,
		  "(the workspace has been removed from the platform and will "
		  "not come back)");
	/* An id that would leave its place in the path goes nowhere. */
	RULES(&fake, KNOWN);
	want_part(&fake, "delegate_task",
		  "{'workspace_id':'../../x','task':'t'}", true,
		  "Error: workspace ../../x not found or not accessible");
	CHECK_EQ(fake.seen_len, 0);
	fake_close(&fake);
	return 0;
}

static void delegate_task(void **state)
{
	(void)state;
	in_runtime(delegate_body, NULL);
}

/* Failures, and F-26: a task is sent once, whatever comes back. */
static int delegate_fails_body(struct rt *rt, void *arg)
{
	static const struct {
		int status;
		const char *body, *text;
	} cases[] = {
		{ 200, "{'error':{'code':-32000,'message':'too hot'}}",
		  "too hot" },
		{ 200,
		  "{'result':{'parts':[{'kind':'text','text':'Agent error: "
		  "burnt'}]}}",
		  "burnt" },
		{ 503, "{'busy':true,'retry_after':3}", "503" },
		{ 503, "{'busy':true,'retry_after':3}", "try again in 3 s" },
		{ 503, "{'error':'down'}", "503" },
		{ 502, "bad gateway", "may have received" },
		{ 403, "{'error':'not allowed'}", "does not allow" },
		{ 402, "{'error':'no'}", "budget of the workspace is used up" },
		{ 409, "{'error':'no'}", "the state of the workspace" },
		{ 410, "{'error':'no'}", "has been removed" },
		{ 200, "<html>", "DELEGATION FAILED" },
	};
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		RULES(&fake, KNOWN,
		      { A2A, cases[i].status, cases[i].body, 0, 0 });
		want_part(&fake, "delegate_task", TO_PEER, true,
			  "DELEGATION FAILED to Bob: [A2A_ERROR] ");
		CHECK_EQ(seen(&fake, A2A), 1);
		CHECK_EQ(seen(&fake, "Bob failed: "), 1);
		CHECK_EQ(seen(&fake, "\"status\":\"error\""), 1);
		want_part(&fake, "delegate_task", TO_PEER, true, cases[i].text);
		want_part(&fake, "delegate_task", TO_PEER, true, "[target=");
		want_part(&fake, "delegate_task", TO_PEER, true, "\nOptions:");
	}
	fake_close(&fake);
	return 0;
}

/* F-26, F-28: what is tried again is the same message; and whose words an
 * answer is. */
static int retry_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;
	char *ids[2];

	(void)arg;
	fake_open(&fake, rt);
	fake.retry_after = "0";
	RULES(&fake, KNOWN, { A2A, 503, "{'restarting':true}", 1, 0 },
	      { A2A, 200, "{'result':{'parts':[{'kind':'text','text':'up'}]}}",
		0, 0 });
	call = fake_run(&fake, "delegate_task", TO_PEER);
	CHECK(call.text && strcmp(call.text, "up") == 0);
	CHECK(call.untrusted);
	CHECK(!call.structured);
	fake_done(&call);
	CHECK_EQ(seen(&fake, A2A), 2);
	ids[0] = strstr(fake.seen, "\"messageId\":\"");
	ids[1] = ids[0] ? strstr(ids[0] + 1, "\"messageId\":\"") : NULL;
	CHECK(ids[1] && memcmp(ids[0], ids[1], 50) == 0);

	/* Not when there is no time for it. */
	fake.retry_after = "3";
	fake.config.delegation_budget_s = 2;
	RULES(&fake, KNOWN,
	      { A2A, 503, "{'restarting':true,'retry_after':3}", 0, 0 });
	want_part(&fake, "delegate_task", TO_PEER, true,
		  "the peer is restarting; try again in 3 s");
	CHECK_EQ(seen(&fake, A2A), 1);
	/* The words of the platform are not those of a peer. */
	call = fake_run(&fake, "delegate_task", TO_PEER);
	CHECK(call.is_error && !call.untrusted);
	fake_done(&call);
	RULES(&fake, KNOWN, { A2A, 200, "{'error':{'message':'me'}}", 0, 0 });
	call = fake_run(&fake, "delegate_task", TO_PEER);
	CHECK(call.is_error && call.untrusted);
	fake_done(&call);
	fake_close(&fake);
	return 0;
}

static void f26_a_retry_is_the_same_message(void **state)
{
	(void)state;
	in_runtime(retry_body, NULL);
}

static void delegation_fails(void **state)
{
	(void)state;
	in_runtime(delegate_fails_body, NULL);
}

/* A platform that closes the connection after it has read the message: it may
 * have been delivered, so it is not sent again. */
static void read_and_close(struct rt *rt, void *arg)
{
	int fd = *(int *)arg;
	char buf[4096];

	for (;;) {
		int conn = io_accept(rt, fd, NULL, DEADLINE_NEVER);

		if (conn < 0)
			return;
		if (io_recv(rt, conn, buf, sizeof(buf), DEADLINE_NEVER) > 0 &&
		    strncmp(buf, "GET /registry/discover", 22) == 0) {
			static const char answer[] =
				"HTTP/1.1 200 OK\r\nConnection: close\r\n"
				"Content-Length: 14\r\n\r\n{\"name\":\"Bob\"}";

			io_send_all(rt, conn, answer, sizeof(answer) - 1, NULL,
				    DEADLINE_NEVER);
		} else if (strncmp(buf, "POST /workspaces/" PEER, 53) == 0) {
			((int *)arg)[1]++;
		}
		io_close(rt, conn);
	}
}

static int lost_answer_body(struct rt *rt, void *arg)
{
	struct fake fake = { 0 };
	struct scope scope;
	uint16_t port = 0;
	int shared[2] = { bound_socket(AF_INET, SOCK_STREAM, &port, 4), 0 };

	(void)arg;
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "platform", TASK_STACK_NORMAL,
			    read_and_close, shared),
		 0);
	host_tools(&fake.host, rt, port);
	want_part(&fake, "delegate_task", TO_PEER, true,
		  "(the peer may have received the task all the same)");
	CHECK_EQ(shared[1], 1);
	host_tools_free(&fake.host);
	scope_close(&scope);
	close(shared[0]);
	return 0;
}

static void lost_answer_is_not_repeated(void **state)
{
	(void)state;
	in_runtime(lost_answer_body, NULL);
}

static int async_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake, { DELEGATE, 202,
		       "{'delegation_id':'d1','status':'delegated',"
		       "'target_id':'" PEER "'}",
		       0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, false,
		  "{\"delegation_id\": \"d1\", \"workspace_id\": \"" PEER
		  "\", \"status\": \"delegated\", \"note\": ");
	CHECK_EQ(seen(&fake, "idempotency_key"), 1);

	/* F-25: a repetition is the same delegation, and a success. */
	RULES(&fake, { DELEGATE, 200,
		       "{'delegation_id':'d1','status':'dispatched',"
		       "'target_id':'" PEER "','idempotent_hit':true}",
		       0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, false,
		  "the same delegation as before");
	want_part(&fake, "delegate_task_async", TO_PEER, false,
		  "\"delegation_id\": \"d1\"");
	CHECK_EQ(seen(&fake, DELEGATE), 2);
	/* Of one that has ended, the task is wanted anew: another key. */
	RULES(&fake,
	      { DELEGATE, 200,
		"{'delegation_id':'d1','status':'completed',"
		"'idempotent_hit':true}",
		1, 0 },
	      { DELEGATE, 202, "{'delegation_id':'d2'}", 0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, false,
		  "\"delegation_id\": \"d2\"");
	CHECK_EQ(seen(&fake, DELEGATE), 2);

	RULES(&fake, { DELEGATE, 403, "{'error':'no'}", 0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, true,
		  "Error: delegation failed with status 403: "
		  "{\"error\":\"no\"} (the platform does not allow");
	/* The key makes a repetition harmless. */
	fake.retry_after = "0";
	RULES(&fake, { DELEGATE, 503, "{}", 1, 0 },
	      { DELEGATE, 202, "{'delegation_id':'d3'}", 0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, false,
		  "\"delegation_id\": \"d3\"");
	CHECK_EQ(seen(&fake, DELEGATE), 2);
	RULES(&fake, { DELEGATE, 202, "[]", 0, 0 });
	want_part(&fake, "delegate_task_async", TO_PEER, true,
		  "Error: delegation failed \xE2\x80\x94 ");
	want(&fake, "delegate_task_async", "{}", true,
	     "Error: workspace_id and task are required");
	fake_close(&fake);
	return 0;
}

static void delegate_task_async(void **state)
{
	(void)state;
	in_runtime(async_body, NULL);
}

static int status_body(struct rt *rt, void *arg)
{
	struct tool_call call;
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	/* A row that has ended is preferred to a newer one. */
	RULES(&fake, { DELEGATIONS, 200,
		       "[{'delegation_id':'d1','status':'dispatched'},"
		       "{'delegation_id':'d1','status':'completed',"
		       "'response_preview':'42'},"
		       "{'delegation_id':'d2','status':'queued','summary':"
		       "null},{'delegation_id':'d4','status':'failed',"
		       "'error_detail':'e'}]",
		       0, 0 });
	want(&fake, "check_task_status", "{'workspace_id':7,'task_id':'d1'}",
	     false,
	     "{\"delegation_id\": \"d1\", \"status\": \"completed\", "
	     "\"response_preview\": \"42\", \"summary\": \"\"}");
	want(&fake, "check_task_status", "{'task_id':'d2'}", false,
	     "{\"delegation_id\": \"d2\", \"status\": \"queued\", "
	     "\"summary\": null, \"response_preview\": null}");
	want(&fake, "check_task_status", "{'task_id':'d4'}", false,
	     "{\"delegation_id\": \"d4\", \"status\": \"failed\", "
	     "\"error_detail\": \"e\", \"summary\": \"\", "
	     "\"response_preview\": null, \"error\": \"e\"}");
	call = fake_run(&fake, "check_task_status", "{'task_id':'d1'}");
	CHECK(call.untrusted);
	CHECK(json_is_true(json_object_get(call.structured, "untrusted")));
	CHECK(strcmp(text_at(call.structured, "response_preview"), "42") == 0);
	fake_done(&call);
	want(&fake, "check_task_status", "{'task_id':'d3'}", false,
	     "{\"status\": \"not_found\", \"delegation_id\": \"d3\"}");
	want_part(&fake, "check_task_status", "{'task_id':''}", false,
		  "\"count\": 4}");
	want_part(&fake, "check_task_status", "{}", false, "\"count\": 4}");
	RULES(&fake, { DELEGATIONS, 500, "{}", 0, 0 });
	want(&fake, "check_task_status", "{'task_id':'d1'}", true,
	     "Error: failed to check delegations (500)");
	RULES(&fake, { DELEGATIONS, 401, "{}", 0, 0 });
	want_part(&fake, "check_task_status", "{'task_id':'d1'}", true,
		  "Error: failed to check delegations (401) (the platform does "
		  "not accept this workspace's token)");
	RULES(&fake, { DELEGATIONS, 200, "{}", 0, 0 });
	want_part(&fake, "check_task_status", "{'task_id':'d1'}", true,
		  "Error checking delegations: ");
	fake_close(&fake);
	return 0;
}

static void check_task_status(void **state)
{
	(void)state;
	in_runtime(status_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delegate_task),
		cmocka_unit_test(delegation_fails),
		cmocka_unit_test(f26_a_retry_is_the_same_message),
		cmocka_unit_test(lost_answer_is_not_repeated),
		cmocka_unit_test(delegate_task_async),
		cmocka_unit_test(check_task_status),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
