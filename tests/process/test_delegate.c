// SPDX-License-Identifier: MIT
/*
 * Two agents that poll for their messages, on the local platform: one gives the
 * other a task and has its answer as the result of the call. And what the roles
 * of config.yaml forbid.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANNEL "notifications/claude/channel"
#define PEER_TOKEN "tok-peer-9876543210"
#define LISTENING "listening on http://127.0.0.1:"

/* A platform and the two agents. */
struct pair {
	struct child *alpha, *beta;
};

struct line_wait {
	struct child *c;
	const char *part;
};

static bool stdout_has(void *arg)
{
	struct line_wait *w = arg;
	const char *hit = strstr(child_stdout(w->c), w->part);

	return hit && strchr(hit, '\n');
}

/* A platform with two workspaces; its port. */
static int platform(struct rig *rig)
{
	const char *seed = rig_text(rig, "%s/seed.json", rig->dir);
	const char *args[] = { "--listen", "127.0.0.1:0", "--seed", seed,
			       NULL };
	struct line_wait w = { .part = LISTENING };
	const char *exe = harness_program("MOLECULE_PLATFORM");

	file_write(seed,
		   rig_quoted(rig, "{'workspaces':[{'id':'" WS_ID
				   "','name':'Alpha','token':'" TOKEN "'},"
				   "{'id':'" PEER_ID
				   "','name':'Beta','role':'tester',"
				   "'token':'" PEER_TOKEN "'}]}"),
		   0600);
	w.c = rig_spawn(rig, (struct child_how){ .exe = exe,
						 .args = args,
						 .text_stdout = true });
	if (!wait_until(stdout_has, &w, BOUND_MS))
		child_fail(w.c, "molecule-platform is not listening");
	return atoi(strstr(child_stdout(w.c), LISTENING) + strlen(LISTENING));
}

static struct child *agent(struct rig *rig, int port, bool beta)
{
	struct child *mcp;

	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://127.0.0.1:%d", port));
	rig_env(rig, "WORKSPACE_ID", beta ? PEER_ID : WS_ID);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", beta ? PEER_TOKEN : TOKEN);
	rig_env(rig, "CONFIGS_DIR",
		rig_text(rig, "%s/%s", rig->dir, beta ? "beta" : "alpha"));
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "0.3");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static struct pair pair(struct rig *rig)
{
	int port = platform(rig);

	return (struct pair){ agent(rig, port, false), agent(rig, port, true) };
}

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "(absent)";
}

/* Beta has this message from Alpha, replies, and pops it. */
static void beta_answers(struct pair *p, json_int_t id, const char *task,
			 const char *answer)
{
	const json_t *message;
	const char *said;

	mcp_call(p->beta, id, "wait_for_message", "{'timeout_secs':60}");
	message = mcp_json(p->beta, id);
	assert_string_equal(field(message, "text"), task);
	assert_string_equal(field(message, "peer_id"), WS_ID);
	mcp_call(p->beta, id + 1, "delegate_task",
		 "{'workspace_id':'" WS_ID "','task':'%s'}", answer);
	/* Nobody answers an answer, so this comes back at once. */
	said = mcp_ok(p->beta, id + 1);
	if (strncmp(said, "Delivered to Alpha (" WS_ID "), as your reply", 20))
		child_fail(p->beta, "the reply says: %s", said);
	mcp_call(p->beta, id + 2, "inbox_pop", "{'activity_id':'%s'}",
		 field(message, "activity_id"));
	assert_true(json_is_true(
		json_object_get(mcp_json(p->beta, id + 2), "removed")));
}

static void nothing_is_left(struct child *mcp, json_int_t id)
{
	mcp_call(mcp, id, "inbox_peek", NULL);
	assert_string_equal(mcp_ok(mcp, id), "[]");
}

static void a_task_and_its_answer(void **state)
{
	struct rig *rig = *state;
	struct pair p = pair(rig);
	char answer[2001];

	memset(answer, 'x', sizeof answer - 1);
	answer[sizeof answer - 1] = '\0';
	mcp_call(p.alpha, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'count to three'}");
	beta_answers(&p, 2, "count to three", "one two three");
	assert_string_equal(mcp_ok(p.alpha, 2), "one two three");
	/* Once more, and longer than any preview. */
	mcp_call(p.alpha, 3, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'say x'}");
	beta_answers(&p, 12, "say x", answer);
	assert_string_equal(mcp_ok(p.alpha, 3), answer);
	/* The answers came as results, and not as messages too. */
	nothing_is_left(p.alpha, 4);
	nothing_is_left(p.beta, 22);
	assert_int_equal(child_notifications(p.alpha, CHANNEL), 0);
	assert_int_equal(child_notifications(p.beta, CHANNEL), 2);
	/* Nor do they come back after a restart. */
	child_close_stdin(p.alpha);
	assert_int_equal(child_wait(p.alpha, BOUND_MS), 0);
}

/* Two tasks at a time are answered each with its own. */
static void two_tasks_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct pair p = pair(rig);

	mcp_call(p.alpha, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'first'}");
	mcp_call(p.beta, 2, "wait_for_message", "{'timeout_secs':60}");
	mcp_ok(p.beta, 2);
	mcp_call(p.alpha, 3, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'second'}");
	beta_answers(&p, 3, "first", "1");
	beta_answers(&p, 6, "second", "2");
	assert_string_equal(mcp_ok(p.alpha, 2), "1");
	assert_string_equal(mcp_ok(p.alpha, 3), "2");
	nothing_is_left(p.alpha, 4);
}

/* A host that gives up the call has the answer as a message. */
static void a_cancelled_task(void **state)
{
	struct rig *rig = *state;
	struct pair p = pair(rig);

	mcp_call(p.alpha, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'think'}");
	mcp_call(p.beta, 2, "wait_for_message", "{'timeout_secs':60}");
	mcp_ok(p.beta, 2);
	child_send(p.alpha, "{'jsonrpc':'2.0','method':"
			    "'notifications/cancelled','params':{'requestId':"
			    "2}}");
	mcp_call(p.alpha, 3, "inbox_peek", NULL);
	mcp_ok(p.alpha, 3);
	beta_answers(&p, 3, "think", "thought");
	mcp_call(p.alpha, 4, "wait_for_message", "{'timeout_secs':60}");
	assert_string_equal(field(mcp_json(p.alpha, 4), "text"), "thought");
	assert_int_equal(child_responses(p.alpha, 2), 0);
}

/* DELEGATION_SYNC_VIA_INBOX: the platform delivers, the answer is the same. */
static void by_the_platforms_own_delegation(void **state)
{
	struct rig *rig = *state;
	struct pair p;

	rig_env(rig, "DELEGATION_SYNC_VIA_INBOX", "1");
	p = pair(rig);
	mcp_call(p.alpha, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'count'}");
	beta_answers(&p, 2, "count", "one two three");
	assert_string_equal(mcp_ok(p.alpha, 2), "one two three");
	nothing_is_left(p.alpha, 3);
	nothing_is_left(p.beta, 9);
}

/* A second process of the workspace gets no messages, and its answer all the
 * same. */
static void from_a_second_process(void **state)
{
	struct rig *rig = *state;
	int port = platform(rig);
	struct child *second;
	struct pair p;

	p.beta = agent(rig, port, true);
	p.alpha = agent(rig, port, false);
	mcp_call(p.alpha, 2, "inbox_peek", NULL);
	mcp_ok(p.alpha, 2);
	second = agent(rig, port, false);
	mcp_call(second, 2, "inbox_peek", NULL);
	mcp_failed(second, 2);
	mcp_call(second, 3, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'count'}");
	beta_answers(&p, 2, "count", "one two three");
	assert_string_equal(mcp_ok(second, 3), "one two three");
	/* Who receives has the message. */
	mcp_call(p.alpha, 3, "wait_for_message", "{'timeout_secs':60}");
	assert_string_equal(field(mcp_json(p.alpha, 3), "text"),
			    "one two three");
}

static void without_an_inbox(void **state)
{
	struct rig *rig = *state;
	int port = platform(rig);
	struct pair p;

	p.beta = agent(rig, port, true);
	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	p.alpha = agent(rig, port, false);
	mcp_call(p.alpha, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'count'}");
	beta_answers(&p, 2, "count", "one two three");
	assert_string_equal(mcp_ok(p.alpha, 2), "one two three");
}

static void roles_forbid_tools(void **state)
{
	struct rig *rig = *state;
	const char *dir = rig_text(rig, "%s/rbac", rig->dir);
	struct child *mcp;

	mkdir(dir, 0700);
	file_write(rig_text(rig, "%s/config.yaml", dir),
		   "name: x\nrbac:\n  roles:\n    - no-delegation\n", 0600);
	rig_env(rig, "WORKSPACE_CONFIG_PATH", dir);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	mcp_call(mcp, 2, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'t'}");
	assert_int_equal(strncmp(mcp_failed(mcp, 2), "PERMISSION DENIED: ", 19),
			 0);
	assert_int_equal(fake_count(rig->fake, "GET", "/registry/discover/*"),
			 0);
	mcp_call(mcp, 3, "send_message_to_user", "{'message':'m'}");
	mcp_ok(mcp, 3);
	/* F-34: GLOBAL is for the platform to decide. */
	mcp_call(mcp, 4, "commit_memory", "{'content':'c','scope':'GLOBAL'}");
	mcp_ok(mcp, 4);
	mcp_call(mcp, 5, "list_peers", NULL);
	mcp_ok(mcp, 5);
}

/* What is wrong with the file is told, and forbids nothing. */
static void a_broken_config_is_told(void **state)
{
	struct rig *rig = *state;
	const char *dir = rig_text(rig, "%s/rbac", rig->dir);
	struct child *mcp;

	mkdir(dir, 0700);
	file_write(rig_text(rig, "%s/config.yaml", dir), "rbac: [x: y\n", 0600);
	rig_env(rig, "WORKSPACE_CONFIG_PATH", dir);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_ok(mcp, 2);
	assert_null(strstr(child_stderr(mcp), "config.yaml"));
	mcp_call(mcp, 3, "send_message_to_user", "{'message':'m'}");
	mcp_ok(mcp, 3);
	child_expect_stderr(mcp, "config.yaml: line ");
	child_expect_stderr(mcp, "correct the file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_task_and_its_answer),
		TEST(two_tasks_at_a_time),
		TEST(a_cancelled_task),
		TEST(by_the_platforms_own_delegation),
		TEST(from_a_second_process),
		TEST(without_an_inbox),
		TEST(roles_forbid_tools),
		TEST(a_broken_config_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
