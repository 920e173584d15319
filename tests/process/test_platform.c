// SPDX-License-Identifier: MIT
/*
 * molecule-platform as a process, and molecule-mcp against it, from end to
 * end: a message and its reply, two agents delegating to each other, and a
 * platform that dies and comes back.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "notifications/claude/channel"
#define PEER_TOKEN "tok-peer-9876543210"
#define LISTENING "listening on http://127.0.0.1:"

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

/* A platform with two workspaces; *port 0: it chooses, and *port is set. */
static struct child *platform(struct rig *rig, int *port, const char *seed)
{
	const char *listen = rig_text(rig, "127.0.0.1:%d", *port);
	const char *args[] = { "--track-delegations",  "--listen", listen,
			       seed ? "--seed" : NULL, seed,	   NULL };
	struct child *c = rig_spawn(
		rig,
		(struct child_how){ .exe = harness_program("MOLECULE_PLATFORM"),
				    .args = args,
				    .text_stdout = true });
	struct line_wait w = { c, LISTENING };

	if (!wait_until(stdout_has, &w, BOUND_MS))
		child_fail(c, "molecule-platform is not listening");
	*port = atoi(strstr(child_stdout(c), LISTENING) + strlen(LISTENING));
	return c;
}

static const char *new_seed(struct rig *rig)
{
	const char *path = rig_text(rig, "%s/seed.json", rig->dir);

	file_write(path,
		   rig_quoted(rig, "{'workspaces':[{'id':'" WS_ID
				   "','name':'Alpha','token':'" TOKEN "'},"
				   "{'id':'" PEER_ID
				   "','name':'Beta','role':'tester',"
				   "'token':'" PEER_TOKEN "'}]}"),
		   0600);
	return path;
}

/* molecule-mcp for Alpha (WS_ID) or Beta, against that port. */
static struct child *agent(struct rig *rig, int port, bool beta)
{
	struct child *mcp;

	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://127.0.0.1:%d", port));
	rig_env(rig, "WORKSPACE_ID", beta ? PEER_ID : WS_ID);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", beta ? PEER_TOKEN : TOKEN);
	rig_env(rig, "CONFIGS_DIR",
		rig_text(rig, "%s/%s", rig->dir, beta ? "beta" : "alpha"));
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static json_t *demo(struct rig *rig, struct child *keeper, int port,
		    const char *path)
{
	const char *answer;
	json_t *json;

	if (http_ask(rig, port, "GET", path, NULL, NULL, &answer) != 200)
		return NULL;
	json = json_loads(answer, 0, NULL);
	return json ? child_keep_json(keeper, json) : NULL;
}

static void user_says(struct rig *rig, int port, const char *text)
{
	const char *body = rig_text(rig, "{'text':'%s'}", text);
	const char *answer;
	int status = http_ask(rig, port, "POST",
			      "/demo/workspaces/" WS_ID "/messages", NULL, body,
			      &answer);

	if (status != 200)
		fail_msg("the user cannot write: %d %s", status, answer);
}

static json_int_t endpoint_count(struct rig *rig, struct child *keeper,
				 int port, const char *endpoint)
{
	json_t *counters = demo(rig, keeper, port, "/demo/counters");

	return json_integer_value(json_object_get(
		json_object_get(counters, "endpoints"), endpoint));
}

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "(absent)";
}

static json_t *meta_of(struct child *mcp, int n)
{
	json_t *note = child_notification(mcp, CHANNEL, n);

	return json_object_get(json_object_get(note, "params"), "meta");
}

/* What was written, behind the two lines that frame it. */
static const char *content_of(struct child *mcp, int n)
{
	json_t *note = child_notification(mcp, CHANNEL, n);
	const char *text = field(json_object_get(note, "params"), "content");

	for (int i = 0; i < 2 && strchr(text, '\n'); i++)
		text = strchr(text, '\n') + 1;
	return text;
}

static void a_message_is_answered(void **state)
{
	struct rig *rig = *state;
	int port = 0;
	struct child *p = platform(rig, &port, new_seed(rig));
	struct child *mcp = agent(rig, port, false);

	user_says(rig, port, "what is the time?");
	assert_string_equal(content_of(mcp, 0), "what is the time?");
	assert_string_equal(field(meta_of(mcp, 0), "kind"), "canvas_user");
	mcp_call(mcp, 2, "wait_for_message", "{'timeout_secs':60}");
	assert_string_equal(field(mcp_json(mcp, 2), "text"),
			    "what is the time?");
	mcp_call(mcp, 3, "send_message_to_user", "{'message':'late'}");
	assert_string_equal(mcp_ok(mcp, 3), "Message sent to user");
	mcp_call(mcp, 4, "inbox_pop", "{'activity_id':'%s'}",
		 field(meta_of(mcp, 0), "activity_id"));
	assert_true(json_is_true(json_object_get(mcp_json(mcp, 4), "removed")));
	assert_int_equal(
		endpoint_count(rig, p, port, "POST /workspaces/:id/notify"), 1);
	/* The reply itself does not come back; the next message does. */
	user_says(rig, port, "thanks");
	assert_string_equal(content_of(mcp, 1), "thanks");
	mcp_call(mcp, 5, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(mcp, 5)), 1);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_string_equal(child_stderr(mcp), "");
	child_signal(p, SIGTERM);
	assert_int_equal(child_wait(p, BOUND_MS), 0);
	assert_string_equal(child_stderr(p), "");
}

struct task_wait {
	struct child *mcp;
	const char *delegation;
	json_int_t id;
};

static bool task_is_done(void *arg)
{
	struct task_wait *w = arg;

	mcp_call(w->mcp, ++w->id, "check_task_status", "{'task_id':'%s'}",
		 w->delegation);
	return !strcmp(field(mcp_json(w->mcp, w->id), "status"), "completed");
}

static void two_agents_delegate_to_each_other(void **state)
{
	struct rig *rig = *state;
	int port = 0;
	struct child *alpha, *beta;
	struct task_wait task = { .id = 100 };

	platform(rig, &port, new_seed(rig));
	alpha = agent(rig, port, false);
	beta = agent(rig, port, true);
	mcp_call(alpha, 2, "list_peers", NULL);
	assert_non_null(strstr(mcp_ok(alpha, 2), "- Beta (ID: " PEER_ID));

	mcp_call(alpha, 3, "delegate_task_async",
		 "{'workspace_id':'" PEER_ID "','task':'count to three'}");
	task.mcp = alpha;
	task.delegation = field(mcp_json(alpha, 3), "delegation_id");
	assert_string_equal(content_of(beta, 0), "count to three");
	assert_string_equal(field(meta_of(beta, 0), "kind"), "peer_agent");
	assert_string_equal(field(meta_of(beta, 0), "peer_id"), WS_ID);
	mcp_call(beta, 4, "delegate_task",
		 "{'workspace_id':'" WS_ID "','task':'one two three'}");
	mcp_ok(beta, 4);
	mcp_call(beta, 5, "inbox_pop", "{'activity_id':'%s'}",
		 field(meta_of(beta, 0), "activity_id"));
	mcp_ok(beta, 5);
	assert_string_equal(content_of(alpha, 0), "one two three");
	assert_string_equal(field(meta_of(alpha, 0), "peer_id"), PEER_ID);
	if (!wait_until(task_is_done, &task, BOUND_MS))
		child_fail(alpha, "the delegation never completed");
	assert_non_null(strstr(mcp_ok(alpha, task.id), "one two three"));

	mcp_call(alpha, 6, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'now sleep'}");
	mcp_ok(alpha, 6);
	assert_string_equal(content_of(beta, 1), "now sleep");
	/* Nobody hears of his own doings. */
	mcp_call(alpha, 7, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(alpha, 7)), 1);
	mcp_call(beta, 8, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(beta, 8)), 1);
}

static void files_and_memories(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/note.txt", rig->dir);
	struct child *mcp;
	int port = 0;

	platform(rig, &port, new_seed(rig));
	mcp = agent(rig, port, false);
	file_write(file, "contents", 0600);
	mcp_call(mcp, 2, "send_message_to_user",
		 "{'message':'a file','attachments':['%s']}", file);
	assert_string_equal(mcp_ok(mcp, 2),
			    "Message sent to user with 1 attachment(s)");
	mcp_call(mcp, 3, "commit_memory", "{'content':'the sky is blue'}");
	assert_true(json_is_true(json_object_get(mcp_json(mcp, 3), "success")));
	mcp_call(mcp, 4, "recall_memory", "{'query':'sky'}");
	assert_string_equal(mcp_ok(mcp, 4), "[LOCAL] the sky is blue");
	mcp_call(mcp, 5, "get_workspace_info", NULL);
	assert_string_equal(field(mcp_json(mcp, 5), "status"), "online");
	/* The upload is not news to who sent it. */
	user_says(rig, port, "thanks");
	child_notification(mcp, CHANNEL, 0);
	mcp_call(mcp, 6, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(mcp, 6)), 1);
}

struct online_wait {
	struct rig *rig;
	struct child *keeper;
	int port;
};

/* Is the first workspace online, by a heartbeat, not only by registering? */
static bool is_online(void *arg)
{
	struct online_wait *w = arg;
	json_t *state = demo(w->rig, w->keeper, w->port, "/demo/state");
	json_t *alpha = json_array_get(json_object_get(state, "workspaces"), 0);

	return !strcmp(field(alpha, "status"), "online") &&
	       json_integer_value(json_object_get(alpha, "heartbeats")) >= 2;
}

static void assert_online(struct rig *rig, struct child *mcp, int port)
{
	struct online_wait w = { rig, mcp, port };

	if (!wait_until(is_online, &w, BOUND_MS))
		child_fail(mcp, "the workspace is not online");
}

static void a_killed_platform_comes_back(void **state)
{
	struct rig *rig = *state;
	const char *seed = new_seed(rig);
	int port = 0, lines, attempts;
	struct child *p = platform(rig, &port, seed);
	struct child *mcp = agent(rig, port, false);
	int64_t away_ms;

	assert_online(rig, mcp, port);
	user_says(rig, port, "before");
	child_notification(mcp, CHANNEL, 0);

	child_signal(p, SIGKILL);
	assert_int_equal(child_wait(p, BOUND_MS), 128 + SIGKILL);
	away_ms = now_ms();
	child_expect_stderr(mcp, "[molecule-mcp]");
	while (now_ms() - away_ms < 2500)
		pause_ms(20);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_failed(mcp, 2);
	platform(rig, &port, seed);
	away_ms = now_ms() - away_ms;

	assert_online(rig, mcp, port);
	assert_true(child_running(mcp));
	/* The new platform knows nothing of the cursor. */
	user_says(rig, port, "after");
	assert_string_equal(content_of(mcp, 1), "after");
	mcp_call(mcp, 3, "list_peers", NULL);
	mcp_ok(mcp, 3);
	lines = lines_with(child_stderr(mcp), "[molecule-mcp]");
	attempts = (int)(away_ms / 200 + away_ms / 100) + 10;
	if (lines > attempts)
		child_fail(mcp, "%d lines in %d attempts", lines, attempts);
}

static bool is_registered(void *arg)
{
	struct online_wait *w = arg;
	json_t *state = demo(w->rig, w->keeper, w->port, "/demo/state");
	json_t *alpha = json_array_get(json_object_get(state, "workspaces"), 0);

	return json_integer_value(json_object_get(alpha, "registrations")) > 0;
}

/*
 * One that does not know the workspace any more gets it registered anew. The
 * token it makes is kept where the next start finds it.
 */
static void a_platform_that_forgot_is_told_again(void **state)
{
	struct rig *rig = *state;
	int port = 0;
	struct child *p = platform(rig, &port, new_seed(rig));
	struct child *mcp = agent(rig, port, false);
	struct online_wait w = { rig, mcp, 0 };

	assert_online(rig, mcp, port);
	child_signal(p, SIGKILL);
	child_wait(p, BOUND_MS);
	platform(rig, &port, NULL);
	w.port = port;
	if (!wait_until(is_registered, &w, BOUND_MS))
		child_fail(mcp, "it is not registered again");
	child_expect_stderr(mcp, ".auth_token");
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	mcp = rig_start(rig);
	assert_online(rig, mcp, port);
}

static void a_wrong_token_is_refused(void **state)
{
	struct rig *rig = *state;
	int port = 0;
	struct child *mcp;

	platform(rig, &port, new_seed(rig));
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://127.0.0.1:%d", port));
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", "wrong");
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 3);
	assert_non_null(strstr(child_stderr(mcp), "401"));
}

static void the_rate_is_limited_when_asked(void **state)
{
	static const char *const args[] = { "--listen", "127.0.0.1:0",
					    "--rate-limit", "5", NULL };
	struct rig *rig = *state;
	struct child *p = rig_spawn(
		rig,
		(struct child_how){ .exe = harness_program("MOLECULE_PLATFORM"),
				    .args = args,
				    .text_stdout = true });
	struct line_wait w = { p, LISTENING };
	const char *answer = "";
	int port, status = 0;

	assert_true(wait_until(stdout_has, &w, BOUND_MS));
	port = atoi(strstr(child_stdout(p), LISTENING) + strlen(LISTENING));
	/* A minute may end in between, but not twice. */
	for (int i = 0; i < 12 && status != 429; i++)
		status = http_ask(rig, port, "GET", "/health", NULL, NULL,
				  &answer);
	assert_int_equal(status, 429);
	assert_non_null(strstr(answer, "retry_after"));
}

static void wrong_usage_is_said(void **state)
{
	static const struct {
		const char *args[4];
		int code;
	} uses[] = {
		{ { "--help" }, 0 },
		{ { "--version" }, 0 },
		{ { "--no-such" }, 2 },
		{ { "--listen", "nowhere" }, 2 },
		{ { "--rate-limit", "many" }, 2 },
		{ { "--seed" }, 2 },
		{ { "--seed", "/no/such/file" }, 1 },
		{ { "--listen", "203.0.113.7:0" }, 1 },
		{ { "--workspaces", "16385" }, 2 },
		{ { "--workspaces", "-1" }, 2 },
		{ { "--org-id", "a b" }, 2 },
		{ { "--org-id", "" }, 2 },
		{ { "--cut-streams", "0" }, 2 },
		{ { "--workspaces-file", "/no/such/dir/file" }, 1 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		struct child *p = rig_spawn(
			rig, (struct child_how){ .exe = harness_program(
							 "MOLECULE_PLATFORM"),
						 .args = uses[i].args,
						 .text_stdout = true });

		if (child_wait(p, BOUND_MS) != uses[i].code)
			child_fail(p, "use %zu should exit with %d", i,
				   uses[i].code);
		assert_int_equal(*child_stderr(p) != '\0', uses[i].code != 0);
	}
}

static void a_taken_port_is_said(void **state)
{
	struct rig *rig = *state;
	const char *args[] = {
		"--listen", rig_text(rig, "127.0.0.1:%d", fake_port(rig->fake)),
		NULL
	};
	struct child *p = rig_spawn(
		rig,
		(struct child_how){ .exe = harness_program("MOLECULE_PLATFORM"),
				    .args = args,
				    .text_stdout = true });

	assert_int_equal(child_wait(p, BOUND_MS), 1);
	assert_true(has_word(child_stderr(p), "in use"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_answered),
		TEST(two_agents_delegate_to_each_other),
		TEST(files_and_memories),
		TEST(a_killed_platform_comes_back),
		TEST(a_platform_that_forgot_is_told_again),
		TEST(a_wrong_token_is_refused),
		TEST(the_rate_is_limited_when_asked),
		TEST(wrong_usage_is_said),
		TEST(a_taken_port_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
