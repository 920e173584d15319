// SPDX-License-Identifier: MIT
/*
 * Several workspaces in one process, on two platforms: nothing of one reaches
 * the other, one inbox for all, and one that is refused does not stop the
 * rest.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANNEL "notifications/claude/channel"
#define A_ID "aaaaaaaa-1111-4111-8111-111111111111"
#define B_ID "bbbbbbbb-2222-4222-8222-222222222222"
#define A_TOKEN "tok-of-a-0123456789"
#define B_TOKEN "tok-of-b-9876543210"

static const char *const routes[][2] = {
	{ "POST", REGISTER },
	{ "POST", HEARTBEAT },
	{ "GET", "/workspaces/*/activity" },
	{ "GET", "/workspaces/*/activity/" BROADCAST_TYPE },
	{ "POST", "/workspaces/*/activity" },
	{ "GET", "/workspaces/*" },
	{ "GET", "/registry/*/peers" },
	{ "GET", "/registry/discover/*" },
	{ "POST", "/workspaces/*/a2a" },
	{ "POST", "/workspaces/*/notify" },
	{ "GET", "/workspaces/*/memories" },
	{ "POST", "/workspaces/*/memories" },
	{ "POST", "/workspaces/*/delegate" },
	{ "GET", "/workspaces/*/delegations" },
};

/* The second platform; ended by end_other, which checks all that came. */
static struct fake *other;

/* The environment of two workspaces, the second on its own platform. */
static void two(struct rig *rig)
{
	other = fake_new();
	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	rig_env(rig, "MOLECULE_WORKSPACES",
		rig_quoted(rig,
			   rig_text(rig,
				    "[{'id':'" A_ID "','token':'" A_TOKEN "'},"
				    "{'id':'" B_ID "','token':'" B_TOKEN "',"
				    "'platform_url':'%s'}]",
				    fake_url(other))));
}

/* All requests of this platform are in the name of `id`, with its token. */
static void all_are_of(struct fake *f, const char *id, const char *token,
		       const char *stranger)
{
	char value[256], bearer[64];

	snprintf(bearer, sizeof bearer, "Bearer %s", token);
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		int n = fake_count(f, routes[i][0], routes[i][1]);

		for (int k = 0; k < n; k++) {
			const struct request *r =
				fake_seen(f, routes[i][0], routes[i][1], k);

			assert_string_equal(request_header(r, "Authorization",
							   value, sizeof value),
					    bearer);
			assert_string_equal(request_header(r, "Origin", value,
							   sizeof value),
					    fake_url(f));
			if (request_header(r, "X-Workspace-ID", value,
					   sizeof value))
				assert_string_equal(value, id);
			assert_null(strstr(r->path, stranger));
			assert_null(strstr(r->query, stranger));
			assert_null(strstr(r->head, stranger));
		}
	}
}

/* No token is in what the children have said. */
static void no_tokens_said(struct rig *rig)
{
	for (int i = 0; i < rig->child_count; i++) {
		assert_null(strstr(child_stdout(rig->children[i]), "tok-of-"));
		assert_null(strstr(child_stderr(rig->children[i]), "tok-of-"));
	}
}

static void end_other(struct rig *rig)
{
	for (int i = 0; i < rig->child_count; i++)
		child_signal(rig->children[i], SIGKILL);
	for (int i = 0; i < rig->child_count; i++)
		child_wait(rig->children[i], BOUND_MS);
	no_tokens_said(rig);
	all_are_of(rig->fake, A_ID, A_TOKEN, B_ID);
	all_are_of(other, B_ID, B_TOKEN, A_ID);
	fake_free(other);
	other = NULL;
}

/* A row for that workspace. */
static void message(struct fake *f, int n, const char *id, const char *text)
{
	char row[40];

	fake_row(f,
		 "{'id':'%s','workspace_id':'%s','activity_type':'a2a_receive',"
		 "'source_id':'" PEER_ID "','method':'message/send',"
		 "'summary':'%s','created_at':'2026-05-01T10:00:0%dZ'}",
		 row_id(n, row), id, text, n);
}

/* F-22: no token, no id ever reaches the other's platform. */
static void f22_tokens_stay_with_their_platform(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	two(rig);
	rig_env(rig, "MOLECULE_ORG_ID", "org-1");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "GET", "/workspaces/" A_ID "/activity", 2);
	fake_expect(other, "GET", "/workspaces/" B_ID "/activity", 2);
	mcp_call(mcp, 2, "list_peers", "{'source_workspace_id':'" B_ID "'}");
	mcp_ok(mcp, 2);
	fake_expect(other, "GET", "/registry/" B_ID "/peers", 0);
	mcp_call(mcp, 3, "delegate_task",
		 "{'source_workspace_id':'" B_ID "','workspace_id':'" PEER_ID
		 "','task':'t'}");
	mcp_ok(mcp, 3);
	fake_expect(other, "POST", "/workspaces/" PEER_ID "/a2a", 0);
	mcp_call(mcp, 4, "get_workspace_info", NULL);
	mcp_ok(mcp, 4);
	fake_expect(rig->fake, "GET", "/workspaces/" A_ID, 0);
	mcp_call(mcp, 5, "recall_memory", "{'source_workspace_id':'" B_ID "'}");
	mcp_ok(mcp, 5);
	fake_expect(other, "GET", "/workspaces/" B_ID "/memories", 0);
	mcp_call(mcp, 6, "list_peers", "{'source_workspace_id':'" WS_ID "'}");
	assert_non_null(strstr(mcp_failed(mcp, 6), B_ID));
	end_other(rig);
}

/* The tenant's header is for PLATFORM_URL alone. */
static void the_tenant_header_is_not_for_another_platform(void **state)
{
	struct rig *rig = *state;
	char value[64];

	two(rig);
	rig_env(rig, "MOLECULE_ORG_ID", "org-1");
	rig_start(rig);
	assert_string_equal(
		request_header(fake_expect(rig->fake, "POST", REGISTER, 0),
			       "X-Molecule-Org-Id", value, sizeof value),
		"org-1");
	assert_null(request_header(fake_expect(other, "POST", REGISTER, 0),
				   "X-Molecule-Org-Id", value, sizeof value));
	end_other(rig);
}

static const char *name_on(const struct request *r)
{
	return json_string_value(json_object_get(
		json_object_get(r->json, "agent_card"), "name"));
}

static void each_has_its_own_preset_name(void **state)
{
	struct rig *rig = *state;

	two(rig);
	rig_start(rig);
	assert_string_equal(
		name_on(fake_expect(rig->fake, "POST", REGISTER, 0)),
		"molecule-mcp-aaaaaaaa");
	assert_string_equal(name_on(fake_expect(other, "POST", REGISTER, 0)),
			    "molecule-mcp-bbbbbbbb");
	end_other(rig);
}

static const char *arrival(json_t *messages, const char *text)
{
	size_t i;
	json_t *m;

	json_array_foreach(messages, i, m)
	{
		const char *is = json_string_value(json_object_get(m, "text"));

		if (is && !strcmp(is, text))
			return json_string_value(
				json_object_get(m, "arrival_workspace_id"));
	}
	return NULL;
}

static void one_inbox_for_all(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	json_t *all;
	char id[40];

	two(rig);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	message(rig->fake, 1, A_ID, "for a");
	message(other, 2, B_ID, "for b");
	child_notification(mcp, CHANNEL, 1);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	all = mcp_json(mcp, 2);
	assert_int_equal(json_array_size(all), 2);
	assert_string_equal(arrival(all, "for a"), A_ID);
	assert_string_equal(arrival(all, "for b"), B_ID);
	rig_expect_state(rig, ".mcp_inbox_cursor_aaaaaaaa", row_id(1, id));
	rig_expect_state(rig, ".mcp_inbox_cursor_bbbbbbbb", row_id(2, id));
	assert_null(rig_state(rig, ".mcp_inbox_cursor"));
	end_other(rig);
}

/* A list of one is as if there were no list. */
static void a_list_of_one_is_no_list(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	rig_env(rig, "MOLECULE_WORKSPACES",
		rig_quoted(rig, "[{'id':'" WS_ID "','token':'" TOKEN "'}]"));
	rig_env(rig, "WORKSPACE_ID", "ignored/");
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", "ignored too");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_message(rig->fake, 1, NULL, "hello");
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
	mcp_call(mcp, 2, "inbox_peek", NULL);
	assert_null(arrival(mcp_json(mcp, 2), "hello"));
}

/* F-20: each has its own secret. */
static void f20_secrets_are_apart(void **state)
{
	struct rig *rig = *state;

	two(rig);
	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .body = "{'status':'ok','platform_inbound_"
					     "secret':'hush-a'}" });
	fake_always(other, "POST", HEARTBEAT,
		    (struct answer){ .body = "{'status':'ok','platform_inbound_"
					     "secret':'hush-b'}" });
	rig_start(rig);
	rig_expect_state(rig, ".platform_inbound_secret_aaaaaaaa", "hush-a");
	rig_expect_state(rig, ".platform_inbound_secret_bbbbbbbb", "hush-b");
	assert_null(rig_state(rig, ".platform_inbound_secret"));
	end_other(rig);
}

/* F-21: ids that begin alike do not share a cursor. */
static void f21_equal_beginnings_do_not_share_a_cursor(void **state)
{
	static const char like_a[] = "aaaaaaaa-3333-4333-8333-333333333333";
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	two(rig);
	rig_env(rig, "MOLECULE_WORKSPACES",
		rig_quoted(rig,
			   rig_text(rig,
				    "[{'id':'" A_ID "','token':'" A_TOKEN "'},"
				    "{'id':'%s','token':'" A_TOKEN "'},"
				    "{'id':'" B_ID "','token':'" B_TOKEN "',"
				    "'platform_url':'%s'}]",
				    like_a, fake_url(other))));
	mcp = rig_start(rig);
	mcp_hello(mcp);
	/* From users: nobody looks up who they are. */
	fake_message(rig->fake, 1, NULL, "for a");
	fake_message(other, 2, NULL, "for b");
	rig_expect_state(rig, ".mcp_inbox_cursor_" A_ID, row_id(1, id));
	rig_expect_state(rig, rig_text(rig, ".mcp_inbox_cursor_%s", like_a),
			 id);
	rig_expect_state(rig, ".mcp_inbox_cursor_bbbbbbbb", row_id(2, id));
	assert_null(rig_state(rig, ".mcp_inbox_cursor_aaaaaaaa"));
	end_other(rig);
}

/* One that is refused is told loudly and left out; the rest goes on. */
static void one_bad_token_leaves_the_others_running(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	int beats, polls;

	two(rig);
	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .status = 401, .body = "{'error':'no'}" });
	mcp = rig_start(rig);
	child_expect_stderr(mcp, "is left out");
	assert_non_null(strstr(child_stderr(mcp), A_ID));
	assert_non_null(strstr(child_stderr(mcp), "MOLECULE_WORKSPACES[0]"));
	assert_non_null(strstr(child_stderr(mcp), "401"));
	mcp_hello(mcp);
	message(other, 1, B_ID, "still here");
	child_notification(mcp, CHANNEL, 0);
	pause_ms(300);
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	polls = fake_count(rig->fake, "GET", "/workspaces/*/activity");
	fake_expect(other, "POST", HEARTBEAT,
		    fake_count(other, "POST", HEARTBEAT) + 4);
	assert_int_equal(fake_count(rig->fake, "POST", HEARTBEAT), beats);
	assert_int_equal(fake_count(rig->fake, "GET", "/workspaces/*/activity"),
			 polls);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	end_other(rig);
}

static void exit_3_only_when_all_are_refused(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	two(rig);
	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .status = 401, .body = "{'error':'no'}" });
	fake_always(other, "POST", REGISTER,
		    (struct answer){ .status = 403,
				     .body = "{'error':'no'}",
				     .delay_ms = 200 });
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 3);
	assert_non_null(strstr(child_stderr(mcp), A_ID));
	assert_non_null(strstr(child_stderr(mcp), B_ID));
	assert_string_equal(child_stdout(mcp), "");
	end_other(rig);
}

/* F-16: platforms that do not answer do not keep the host waiting. */
static void f16_the_host_does_not_wait_for_platforms(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	two(rig);
	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .kind = ANSWER_HANG });
	fake_always(other, "POST", REGISTER,
		    (struct answer){ .kind = ANSWER_HANG });
	mcp = rig_start(rig);
	mcp_hello(mcp);
	mcp_call(mcp, 2, "get_workspace_info", NULL);
	mcp_ok(mcp, 2);
	end_other(rig);
}

/* Expects exit 2 and nothing sent; what it says. */
static const char *refused(struct rig *rig)
{
	struct child *mcp = rig_start(rig);

	if (child_wait(mcp, BOUND_MS) != 2)
		child_fail(mcp, "it should exit with 2");
	assert_string_equal(child_stdout(mcp), "");
	assert_int_equal(fake_connections(rig->fake), 0);
	return child_stderr(mcp);
}

static void a_bad_list_is_exit_2(void **state)
{
	struct rig *rig = *state;
	const char *err;

	rig_env(rig, "MOLECULE_WORKSPACES",
		"[{\"id\":\"a\",\"token\":\"tok-of-x\"},"
		"{\"id\":\"a\",\"token\":\"tok-of-y\"},{\"id\":\"b\"}]");
	err = refused(rig);
	assert_non_null(strstr(err, "molecule-mcp: invalid "
				    "MOLECULE_WORKSPACES:\n  - "));
	assert_non_null(strstr(err, "MOLECULE_WORKSPACES[1]"));
	assert_non_null(strstr(err, "MOLECULE_WORKSPACES[2]"));
	rig_env(rig, "MOLECULE_WORKSPACES", "[{\"id\":\"a\",\"tok-of-x");
	assert_non_null(strstr(refused(rig), "not valid JSON"));
	rig_env(rig, "MOLECULE_WORKSPACES", "[]");
	assert_non_null(strstr(refused(rig), "MOLECULE_WORKSPACES"));
	no_tokens_said(rig);
}

static void the_list_may_be_in_a_file(void **state)
{
	struct rig *rig = *state;
	const char *path = rig_text(rig, "%s/list", rig->dir);
	const char *err;

	two(rig);
	rig_env(rig, "MOLECULE_WORKSPACES", " ");
	rig_env(rig, "MOLECULE_WORKSPACES_FILE", path);
	assert_non_null(strstr(refused(rig), "MOLECULE_WORKSPACES_FILE"));
	file_write(path, "[{\"id\":\"a\",\"token\":\"tok-of-x\"},7]", 0600);
	err = refused(rig);
	assert_non_null(strstr(err, "MOLECULE_WORKSPACES_FILE[1]"));
	for (int i = 0; i < 3; i++) {
		file_write(
			path,
			rig_quoted(rig, rig_text(rig,
						 "[{'id':'" A_ID "','token':"
						 "'" A_TOKEN "'},{'id':'" B_ID
						 "','token':'" B_TOKEN "',"
						 "'platform_url':'%s'}]\n",
						 fake_url(other))),
			0600);
		chmod(path, i == 0 ? 0644 : i == 1 ? 0640 : 0600);
		if (i < 2)
			assert_non_null(strstr(refused(rig), "chmod 600"));
	}
	mcp_hello(rig_start(rig));
	fake_expect(rig->fake, "GET", "/workspaces/" A_ID "/activity", 0);
	fake_expect(other, "GET", "/workspaces/" B_ID "/activity", 0);
	/* The variable counts first. */
	rig_env(rig, "MOLECULE_WORKSPACES", "[7]");
	assert_int_equal(child_wait(rig_start(rig), BOUND_MS), 2);
	end_other(rig);
}

/* A list of `count` workspaces, A first; the texts are the rig's. */
static const char *long_list(struct rig *rig, int count, const char *last)
{
	const char *path = rig_text(rig, "%s/list", rig->dir);
	size_t cap = (size_t)count * 160 + 256;
	char *text = malloc(cap);
	size_t len = (size_t)snprintf(
		text, cap, "[{\"id\":\"" A_ID "\",\"token\":\"" A_TOKEN "\"}");

	for (int i = 1; i < count; i++)
		len += (size_t)snprintf(
			text + len, cap - len,
			",{\"id\":\"dddddddd-0000-4000-8000-%012d\","
			"\"token\":\"" A_TOKEN "\"}",
			i);
	snprintf(text + len, cap - len, "%s]", last);
	file_write(path, text, 0600);
	free(text);
	return path;
}

/* The host has its answer while a long list is still being read, and what it
 * asks next waits for that. */
static void a_long_list_does_not_hold_up_the_host(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "MOLECULE_WORKSPACES_FILE", long_list(rig, 1000, ""));
	mcp = rig_start(rig);
	child_send_json(mcp,
			"{'jsonrpc':'2.0','id':1,'method':'initialize',"
			"'params':{'protocolVersion':'2025-06-18',"
			"'capabilities':{},'clientInfo':{'name':'t',"
			"'version':'1'}}}\n"
			"{'jsonrpc':'2.0','method':'notifications/initialized'}"
			"\n{'jsonrpc':'2.0','id':2,'method':'tools/call',"
			"'params':{'name':'get_workspace_info'}}");
	child_result(mcp, 1);
	mcp_ok(mcp, 2);
	fake_expect(rig->fake, "GET", "/workspaces/" A_ID, 0);
	fake_expect(rig->fake, "GET", "/workspaces/" A_ID "/activity", 0);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	/* The end of stdin may come at any time. */
	mcp = rig_start(rig);
	mcp_initialize(mcp, "2025-06-18");
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	/* What is wrong with it ends the process as ever. */
	long_list(rig, 1000, ",7");
	for (int i = 0; i < 2; i++) {
		mcp = rig_start(rig);
		if (i == 0)
			mcp_initialize(mcp, "2025-06-18");
		assert_int_equal(child_wait(mcp, BOUND_MS), 2);
		assert_non_null(strstr(child_stderr(mcp),
				       "MOLECULE_WORKSPACES_FILE[1000]"));
	}
}

/* SIGUSR1 tells what is going on, and ends nothing. */
static void a_report_on_demand(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	two(rig);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "GET", "/workspaces/" A_ID "/activity", 1);
	for (int i = 0; i < 2; i++) {
		child_signal(mcp, SIGUSR1);
		child_expect_stderr(mcp, "counters since the start:\n");
	}
	child_expect_stderr(mcp, "  " A_ID ": registered, receives");
	child_expect_stderr(mcp, "signals ");
	mcp_call(mcp, 2, "get_workspace_info", NULL);
	mcp_ok(mcp, 2);
	child_signal(mcp, SIGTERM);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	end_other(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f22_tokens_stay_with_their_platform),
		TEST(the_tenant_header_is_not_for_another_platform),
		TEST(each_has_its_own_preset_name),
		TEST(one_inbox_for_all),
		TEST(a_list_of_one_is_no_list),
		TEST(f20_secrets_are_apart),
		TEST(f21_equal_beginnings_do_not_share_a_cursor),
		TEST(one_bad_token_leaves_the_others_running),
		TEST(exit_3_only_when_all_are_refused),
		TEST(f16_the_host_does_not_wait_for_platforms),
		TEST(a_bad_list_is_exit_2),
		TEST(the_list_may_be_in_a_file),
		TEST(a_long_list_does_not_hold_up_the_host),
		TEST(a_report_on_demand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
