// SPDX-License-Identifier: MIT
/*
 * How molecule-mcp starts: its environment and what it says when something is
 * missing, its arguments, where its state goes, and how it registers.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST "Currently missing: "

/* Starts it, expects exit 2 with nothing on stdout and nothing sent. */
static const char *refused(struct rig *rig)
{
	struct child *mcp = rig_start(rig);

	if (child_wait(mcp, BOUND_MS) != 2)
		child_fail(mcp, "it should exit with 2");
	assert_string_equal(child_stdout(mcp), "");
	assert_int_equal(fake_connections(rig->fake), 0);
	return child_stderr(mcp);
}

static void all_that_is_missing_is_named_at_once(void **state)
{
	struct rig *rig = *state;
	const char *err, *list;

	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "PLATFORM_URL", " \t ");
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", "");
	err = refused(rig);
	list = strstr(err, LIST);
	assert_non_null(list);
	assert_non_null(strstr(
		list, "WORKSPACE_ID, PLATFORM_URL, MOLECULE_WORKSPACE_TOKEN"));
	assert_true(has_word(err, "missing"));
	assert_true(has_word(err, "token"));
	assert_non_null(strstr(err, "http"));
}

static void one_that_is_missing_is_named_alone(void **state)
{
	static const char *const names[] = { "WORKSPACE_ID", "PLATFORM_URL",
					     "MOLECULE_WORKSPACE_TOKEN" };
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++) {
		const char *keep = i == 0   ? WS_ID
				   : i == 1 ? fake_url(rig->fake)
					    : TOKEN;
		const char *list;

		rig_env(rig, names[i], " ");
		list = strstr(refused(rig), LIST);
		assert_non_null(list);
		list += strlen(LIST);
		assert_int_equal(strncmp(list, names[i], strlen(names[i])), 0);
		for (int j = 0; j < 3; j++)
			if (j != i)
				assert_null(strstr(list, names[j]));
		rig_env(rig, names[i], keep);
	}
}

static void a_token_file_is_not_reported_missing(void **state)
{
	struct rig *rig = *state;

	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.auth_token", rig->configs), "t", 0600);
	assert_null(strstr(strstr(refused(rig), LIST), "TOKEN"));
}

static void what_is_not_usable_is_said(void **state)
{
	static const char *const urls[] = { "platform.example", "ftp://x/",
					    "http://", "http://h:99999",
					    "http://a b/" };
	struct rig *rig = *state;
	const char *none = rig_text(rig, "%s/absent", rig->dir);

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		rig_env(rig, "PLATFORM_URL", urls[i]);
		assert_non_null(strstr(refused(rig), "PLATFORM_URL"));
	}
	rig_env(rig, "PLATFORM_URL", fake_url(rig->fake));
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", "${MOLECULE_WORKSPACE_TOKEN}");
	assert_non_null(strstr(refused(rig), "MOLECULE_WORKSPACE_TOKEN"));
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN_FILE", none);
	assert_non_null(strstr(refused(rig), "MOLECULE_WORKSPACE_TOKEN_FILE"));
	file_write(none, " \n", 0600);
	assert_non_null(strstr(refused(rig), "MOLECULE_WORKSPACE_TOKEN_FILE"));
	file_write(none, "two words", 0600);
	assert_non_null(strstr(refused(rig), "MOLECULE_WORKSPACE_TOKEN_FILE"));
}

static void help_and_version_go_to_stdout(void **state)
{
	static const char *const words[] = { "--help", "-h", "help" };
	struct rig *rig = *state;

	rig_env(rig, "WORKSPACE_ID", NULL);
	for (int i = 0; i < 4; i++) {
		const char *args[] = { i < 3 ? words[i] : "--version", NULL };
		struct child *mcp = rig_spawn(
			rig, (struct child_how){ .args = args,
						 .text_stdout = true });

		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
		assert_string_equal(child_stderr(mcp), "");
		if (i < 3)
			assert_non_null(
				strstr(child_stdout(mcp), "WORKSPACE_ID"));
		assert_non_null(strstr(child_stdout(mcp), "molecule-mcp"));
	}
}

static void other_arguments_do_not_stop_it(void **state)
{
	static const char *const args[] = { "--no-such-option", "x", NULL };
	struct rig *rig = *state;
	struct child *mcp = rig_spawn(rig, (struct child_how){ .args = args });

	mcp_hello(mcp);
	child_expect_stderr(mcp, "--no-such-option");
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void assert_first_token(struct rig *rig, const char *token)
{
	int n = fake_count(rig->fake, "POST", REGISTER);
	struct child *mcp = rig_start(rig);
	const struct request *r;
	char buf[256];

	r = fake_expect(rig->fake, "POST", REGISTER, n);
	assert_string_equal(request_header(r, "authorization", buf, 256),
			    rig_text(rig, "Bearer %s", token));
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void token_sources_have_one_order(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/file", rig->dir);

	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.auth_token", rig->configs), "third\n",
		   0600);
	file_write(file, "\tsecond\r\n", 0600);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN_FILE", file);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", "  first ");
	assert_first_token(rig, "first");
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", " ");
	assert_first_token(rig, "second");
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN_FILE", "  ");
	assert_first_token(rig, "third");
}

static void state_goes_to_home_when_nothing_else_is_there(void **state)
{
	struct rig *rig = *state;
	const char *cursor = rig_text(
		rig, "%s/.molecule-workspace/.mcp_inbox_cursor", rig->home);
	struct child *mcp;

	if (access("/configs", W_OK) == 0)
		skip();
	rig_env(rig, "CONFIGS_DIR", "  ");
	fake_message(rig->fake, 1, NULL, "hello");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, "notifications/claude/channel", 0);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_int_equal(file_mode(cursor), 0600);
	assert_int_equal(
		file_mode(rig_text(rig, "%s/.molecule-workspace", rig->home)),
		0700);
}

static void configs_dir_is_made_with_parents(void **state)
{
	struct rig *rig = *state;
	const char *deep = rig_text(rig, "%s/a/b/c", rig->dir);
	struct child *mcp;

	rig_env(rig, "CONFIGS_DIR", rig_text(rig, " %s ", deep));
	fake_message(rig->fake, 1, NULL, "hello");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, "notifications/claude/channel", 0);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_int_equal(dir_count(deep, ".mcp_inbox_cursor"), 1);
}

static void state_that_cannot_be_written_is_no_end(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	file_write(rig_text(rig, "%s/plain", rig->dir), "x", 0600);
	rig_env(rig, "CONFIGS_DIR", rig_text(rig, "%s/plain/sub", rig->dir));
	fake_message(rig->fake, 1, NULL, "hello");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, "notifications/claude/channel", 0);
	fake_expect(rig->fake, "GET", ACTIVITY, 5);
	child_expect_stderr(mcp, "plain/sub");
	assert_in_range(lines_with(child_stderr(mcp), "plain/sub"), 1, 3);
	assert_int_equal(
		child_notifications(mcp, "notifications/claude/channel"), 1);
}

static const char *card_text(const struct request *r, const char *key)
{
	return json_string_value(
		json_object_get(json_object_get(r->json, "agent_card"), key));
}

static void registration_says_who_we_are(void **state)
{
	struct rig *rig = *state;
	const struct request *r;
	json_t *skills;
	char buf[256];

	rig_start(rig);
	r = fake_expect(rig->fake, "POST", REGISTER, 0);
	assert_string_equal(json_string_value(json_object_get(r->json, "id")),
			    WS_ID);
	assert_string_equal(json_string_value(json_object_get(r->json, "url")),
			    "");
	assert_string_equal(
		json_string_value(json_object_get(r->json, "delivery_mode")),
		"poll");
	assert_string_equal(card_text(r, "name"), "molecule-mcp-8dad3e29");
	assert_null(card_text(r, "description"));
	skills = json_object_get(json_object_get(r->json, "agent_card"),
				 "skills");
	assert_true(json_is_array(skills) && json_array_size(skills) == 0);
	assert_string_equal(request_header(r, "Content-Type", buf, 256),
			    "application/json");
	assert_string_equal(request_header(r, "Origin", buf, 256),
			    fake_url(rig->fake));
	assert_non_null(request_header(r, "Host", buf, 256));
	assert_string_equal(buf, fake_url(rig->fake) + strlen("http://"));
}

static void the_agent_card_comes_from_the_environment(void **state)
{
	struct rig *rig = *state;
	const struct request *r;
	json_t *skills;

	rig_env(rig, "MOLECULE_AGENT_NAME", "  M\xc3\xbcller ");
	rig_env(rig, "MOLECULE_AGENT_DESCRIPTION", " does \"things\" ");
	rig_env(rig, "MOLECULE_AGENT_SKILLS", " research,, code review ,");
	rig_start(rig);
	r = fake_expect(rig->fake, "POST", REGISTER, 0);
	assert_string_equal(card_text(r, "name"), "M\xc3\xbcller");
	assert_string_equal(card_text(r, "description"), "does \"things\"");
	skills = json_object_get(json_object_get(r->json, "agent_card"),
				 "skills");
	assert_int_equal(json_array_size(skills), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(skills, 1), "name")),
			    "code review");
}

static void a_refused_registration_ends_it_with_3(void **state)
{
	static const int statuses[] = { 401, 403 };
	struct rig *rig = *state;

	for (int i = 0; i < 2; i++) {
		struct child *mcp;
		const char *err;

		fake_once(rig->fake, "POST", REGISTER,
			  (struct answer){ .status = statuses[i],
					   .body = "{'error':'no'}" });
		mcp = rig_start(rig);
		assert_int_equal(child_wait(mcp, BOUND_MS), 3);
		err = child_stderr(mcp);
		assert_non_null(strstr(err, rig_text(rig, "%d", statuses[i])));
		assert_non_null(strstr(err, WS_ID));
		assert_non_null(strstr(err, "Tokens"));
		assert_string_equal(child_stdout(mcp), "");
	}
}

static void it_is_silent_unless_verbose(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_VERBOSE", "0");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "POST", HEARTBEAT, 3);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_string_equal(child_stderr(mcp), "");

	rig_env(rig, "MOLECULE_MCP_VERBOSE", "1");
	mcp = rig_start(rig);
	child_expect_stderr(mcp, WS_ID);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_int_equal(strncmp(child_stderr(mcp), "[molecule-mcp] ", 15), 0);
}

static void switches_disable(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_DISABLE_HEARTBEAT", "1");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "GET", ACTIVITY, 5);
	assert_int_equal(fake_count(rig->fake, "POST", REGISTER), 0);
	assert_int_equal(fake_count(rig->fake, "POST", HEARTBEAT), 0);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);

	rig_env(rig, "MOLECULE_MCP_DISABLE_HEARTBEAT", NULL);
	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "yes");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	int polls = fake_count(rig->fake, "GET", ACTIVITY);
	int beats = fake_count(rig->fake, "POST", HEARTBEAT);

	fake_expect(rig->fake, "POST", HEARTBEAT, beats + 3);
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), polls);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	mcp_call(mcp, 3, "wait_for_message", "{'timeout_secs':60}");
	mcp_call(mcp, 4, "inbox_pop", "{'activity_id':'x'}");
	for (int id = 2; id < 5; id++)
		assert_int_equal(strncmp(mcp_failed(mcp, id), "Error:", 6), 0);
	assert_non_null(strstr(mcp_failed(mcp, 2), "not enabled"));
}

static void a_bad_interval_is_one_warning(void **state)
{
	static const char *const bad[] = {
		"abc", "0",   "0.05", "3600.5", "-1",
		"nan", "inf", "1s",   "0x10",	"1,5"
	};
	static const char *const good[] = { "0.1", "3600", "1", " 0.5 ", "" };
	static const char *const names[] = {
		"MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS",
		"MOLECULE_MCP_POLL_INTERVAL_SECS"
	};
	struct rig *rig = *state;

	/* Two values in each run, to be quick. */
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i += 2) {
		struct child *mcp;

		for (size_t n = 0; n < 2; n++)
			rig_env(rig, names[n], bad[i + n]);
		mcp = rig_start(rig);
		mcp_hello(mcp);
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
		for (size_t n = 0; n < 2; n++)
			if (lines_with(child_stderr(mcp), names[n]) != 1)
				child_fail(mcp, "no single warning on %s=%s",
					   names[n], bad[i + n]);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i += 2) {
		struct child *mcp;

		rig_env(rig, names[0], good[i]);
		rig_env(rig, names[1], good[i]);
		mcp = rig_start(rig);
		mcp_hello(mcp);
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
		assert_string_equal(child_stderr(mcp), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_is_missing_is_named_at_once),
		TEST(one_that_is_missing_is_named_alone),
		TEST(a_token_file_is_not_reported_missing),
		TEST(what_is_not_usable_is_said),
		TEST(help_and_version_go_to_stdout),
		TEST(other_arguments_do_not_stop_it),
		TEST(token_sources_have_one_order),
		TEST(state_goes_to_home_when_nothing_else_is_there),
		TEST(configs_dir_is_made_with_parents),
		TEST(state_that_cannot_be_written_is_no_end),
		TEST(registration_says_who_we_are),
		TEST(the_agent_card_comes_from_the_environment),
		TEST(a_refused_registration_ends_it_with_3),
		TEST(it_is_silent_unless_verbose),
		TEST(switches_disable),
		TEST(a_bad_interval_is_one_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
