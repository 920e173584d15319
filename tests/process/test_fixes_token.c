// SPDX-License-Identifier: MIT
/*
 * What the original does wrong with its token, and ours does right. Each test
 * is named after the row of the list of known faults it answers.
 */
#include "harness.h"

#include <string.h>
#include <sys/stat.h>

static const char *bearer(const struct request *r, char buf[256])
{
	const char *value = request_header(r, "Authorization", buf, 256);

	return value ? value : "(none)";
}

/* All four consumers of the token, as they see it from now on. */
static void assert_token_everywhere(struct rig *rig, struct child *mcp,
				    json_int_t id, const char *token)
{
	const char *want = rig_text(rig, "Bearer %s", token);
	int beats = fake_count(rig->fake, "POST", HEARTBEAT);
	int polls = fake_count(rig->fake, "GET", ACTIVITY);
	int tools = fake_count(rig->fake, "GET", "/registry/*/peers");
	char buf[256];

	/* One request of each kind may have been on its way. */
	assert_string_equal(
		bearer(fake_expect(rig->fake, "POST", HEARTBEAT, beats + 1),
		       buf),
		want);
	assert_string_equal(
		bearer(fake_expect(rig->fake, "GET", ACTIVITY, polls + 1), buf),
		want);
	mcp_call(mcp, id, "list_peers", NULL);
	mcp_ok(mcp, id);
	assert_string_equal(bearer(fake_expect(rig->fake, "GET",
					       "/registry/*/peers", tools),
				   buf),
			    want);
}

/* F-12: one order of sources for all: the variable beats the file. */
static void f12_the_variable_beats_the_file(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char buf[256];

	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.auth_token", rig->configs), "stale",
		   0600);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	assert_string_equal(
		bearer(fake_expect(rig->fake, "POST", REGISTER, 0), buf),
		"Bearer " TOKEN);
	assert_token_everywhere(rig, mcp, 2, TOKEN);
}

/* F-12: a rotated token is used by the next request of each kind. */
static void f12_a_rotated_token_is_picked_up(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/token", rig->dir);
	struct child *mcp;

	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN_FILE", file);
	file_write(file, "tok-one\n", 0600);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	assert_token_everywhere(rig, mcp, 2, "tok-one");
	file_write(file, "  tok-two  \n", 0600);
	assert_token_everywhere(rig, mcp, 3, "tok-two");
	assert_null(strstr(child_stderr(mcp), "tok-"));
}

/* F-12: the same for the file in the configs directory. */
static void f12_a_rotated_auth_token_is_picked_up(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/.auth_token", rig->configs);
	struct child *mcp;

	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", "  ");
	mkdir(rig->configs, 0700);
	file_write(file, "tok-one", 0600);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	assert_token_everywhere(rig, mcp, 2, "tok-one");
	file_write(file, "tok-two", 0600);
	assert_token_everywhere(rig, mcp, 3, "tok-two");
}

/* F-12: an empty token file is no token. */
static void f12_an_empty_token_file_is_no_token(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.auth_token", rig->configs), " \n", 0600);
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 2);
	child_expect_stderr(mcp, ".auth_token");
	assert_int_equal(fake_connections(rig->fake), 0);
}

/* F-17: a 401 blames the source that the token really came from. */
static void f17_a_refusal_names_the_real_source(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/my-token-file", rig->dir);
	struct child *mcp;

	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .status = 401,
				     .body = "{'error':'invalid workspace auth "
					     "token'}" });
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 3);
	assert_non_null(strstr(child_stderr(mcp), "MOLECULE_WORKSPACE_TOKEN"));
	assert_null(strstr(child_stderr(mcp), "TOKEN_FILE"));
	assert_null(strstr(child_stderr(mcp), ".auth_token"));

	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.auth_token", rig->configs), "tok-a",
		   0600);
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 3);
	assert_non_null(strstr(child_stderr(mcp), ".auth_token"));

	file_write(file, "tok-b", 0600);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN_FILE", file);
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 3);
	assert_true(strstr(child_stderr(mcp), "my-token-file") ||
		    strstr(child_stderr(mcp), "MOLECULE_WORKSPACE_TOKEN_FILE"));
	assert_null(strstr(child_stderr(mcp), ".auth_token"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f12_the_variable_beats_the_file),
		TEST(f12_a_rotated_token_is_picked_up),
		TEST(f12_a_rotated_auth_token_is_picked_up),
		TEST(f12_an_empty_token_file_is_no_token),
		TEST(f17_a_refusal_names_the_real_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
