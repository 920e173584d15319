// SPDX-License-Identifier: MIT
/*
 * molecule-mcp doctor: a line for each check, what to do where one fails, and
 * nothing done to the workspace.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEALTH "/health"
#define OTHER_ID "9f1c2a44-0b1d-4a57-9d7e-1f2e3d4c5b6a"

/* Runs it, expects this exit code and nothing on stderr: what it says. */
static const char *examined_by(struct rig *rig, const char *word, int code)
{
	const char *args[] = { word, NULL };
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .args = args,
						   .in = STDIO_NULL,
						   .text_stdout = true });

	if (child_wait(mcp, BOUND_MS) != code)
		child_fail(mcp, "it should exit with %d: %s", code,
			   child_stdout(mcp));
	assert_string_equal(child_stderr(mcp), "");
	return child_stdout(mcp);
}

static const char *examined(struct rig *rig, int code)
{
	return examined_by(rig, "doctor", code);
}

/* The first line that begins so, without its end. */
static const char *line_of(struct rig *rig, const char *text,
			   const char *beginning)
{
	size_t len = strlen(beginning);

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, beginning, len) == 0)
			return rig_text(rig, "%.*s", (int)strcspn(at, "\n"),
					at);
	}
	fail_msg("no line \"%s...\" in:\n%s", beginning, text);
	return NULL;
}

/* A line that says what to do. */
static const char *advice(struct rig *rig, const char *text,
			  const char *beginning)
{
	const char *line = line_of(rig, text, beginning);

	if (!strstr(line, "; next: "))
		fail_msg("no advice in: %s", line);
	return line;
}

/* F-37: the right path, and a heartbeat that is one. */
static void f37_the_platform_is_asked_rightly(void **state)
{
	static const char *const words[] = { "doctor", "--doctor" };
	struct rig *rig = *state;
	const struct request *r;
	const char *text;
	char buf[64];

	for (int i = 0; i < 2; i++) {
		text = examined_by(rig, words[i], 0);
		assert_int_equal(lines_with(text, "[FAIL]"), 0);
		line_of(rig, text, "[OK] program: molecule-mcp ");
		assert_non_null(strstr(line_of(rig, text, "[OK] environment: "),
				       WS_ID));
		line_of(rig, text, "[OK] directory: ");
		line_of(rig, text, "[OK] platform: ");
		line_of(rig, text, "[OK] token: ");
		r = fake_seen(rig->fake, "GET", HEALTH, i);
		assert_non_null(r);
		assert_null(request_header(r, "authorization", buf, 64));
		r = fake_seen(rig->fake, "POST", HEARTBEAT, i);
		assert_non_null(r);
		assert_string_equal(request_header(r, "authorization", buf, 64),
				    "Bearer " TOKEN);
		assert_string_equal(json_string_value(json_object_get(
					    r->json, "workspace_id")),
				    WS_ID);
	}
	/* It has only looked. */
	r = fake_seen(rig->fake, "POST", HEARTBEAT, 1);
	assert_int_equal(r->order, 3);
	assert_int_equal(dir_count(rig->configs, ""), 0);
}

static void what_is_missing_is_named(void **state)
{
	struct rig *rig = *state;
	const char *text;

	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "PLATFORM_URL", " ");
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	text = examined(rig, 1);
	advice(rig, text, "[FAIL] environment: WORKSPACE_ID ");
	advice(rig, text, "[FAIL] environment: PLATFORM_URL ");
	advice(rig, text, "[FAIL] environment: MOLECULE_WORKSPACE_TOKEN ");
	rig_env(rig, "PLATFORM_URL", "ftp://x");
	advice(rig, examined(rig, 1), "[FAIL] environment: PLATFORM_URL: ");
	assert_int_equal(fake_connections(rig->fake), 0);
}

static void a_refused_token_is_a_failure(void **state)
{
	struct rig *rig = *state;
	const char *line;

	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 401,
				   .body = "{'error':'a\\nb\\u001b[0m'}" });
	line = advice(rig, examined(rig, 1), "[FAIL] token: ");
	assert_non_null(strstr(line, WS_ID));
	assert_non_null(strstr(line, "401"));
	assert_non_null(strstr(line, "MOLECULE_WORKSPACE_TOKEN"));
	assert_non_null(strstr(line, "Tokens tab"));
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 404 });
	advice(rig, examined(rig, 1), "[FAIL] token: ");
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 400 });
	advice(rig, examined(rig, 1), "[FAIL] token: ");
	/* That says nothing of the token. */
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 429 });
	advice(rig, examined(rig, 0), "[WARN] token: ");
}

static void a_platform_that_is_away_is_a_failure(void **state)
{
	struct rig *rig = *state;
	const char *text;

	fake_once(rig->fake, "GET", HEALTH, (struct answer){ .status = 503 });
	advice(rig, examined(rig, 1), "[FAIL] platform: ");
	fake_once(rig->fake, "GET", HEALTH,
		  (struct answer){
			  .status = 301,
			  .headers = "Location: https://h.example/x\r\n" });
	assert_non_null(
		strstr(advice(rig, examined(rig, 1), "[FAIL] platform: "),
		       "https://h.example"));
	fake_once(rig->fake, "GET", HEALTH, (struct answer){ .status = 404 });
	advice(rig, examined(rig, 0), "[WARN] platform: ");
	fake_down(rig->fake);
	text = examined(rig, 1);
	advice(rig, text, "[FAIL] platform: ");
	assert_non_null(
		strstr(line_of(rig, text, "[WARN] token: "), "not checked"));
}

static void each_workspace_of_a_list_is_looked_at(void **state)
{
	struct rig *rig = *state;
	const char *text, *list;

	list = rig_text(rig,
			"[{'id':'%s','token':'%s'},"
			"{'id':'%s','token':'tok-other'}]",
			WS_ID, TOKEN, OTHER_ID);
	rig_env(rig, "MOLECULE_WORKSPACES", rig_quoted(rig, list));
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 200 });
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 403 });
	text = examined(rig, 1);
	assert_non_null(strstr(line_of(rig, text, "[OK] token: "), WS_ID));
	assert_non_null(strstr(advice(rig, text, "[FAIL] token: "), OTHER_ID));
	assert_null(strstr(text, "tok-other"));
	assert_int_equal(fake_count(rig->fake, "GET", HEALTH), 1);
	rig_env(rig, "MOLECULE_WORKSPACES", "[{\"id\":\"a\"}]");
	advice(rig, examined(rig, 1),
	       "[FAIL] environment: MOLECULE_WORKSPACES[0]: ");
}

/* Also one that is so long that the server reads it after its first answer. */
static void a_long_list_is_looked_at(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/list.json", rig->dir);
	size_t len = 64 * 1024;
	char *list = malloc(len + 64);

	assert_non_null(list);
	memset(list, ' ', len);
	strcpy(list + len, "[{\"id\":\"a\"}]");
	file_write(file, list, 0600);
	free(list);
	rig_env(rig, "MOLECULE_WORKSPACES_FILE", file);
	rig_env(rig, "WORKSPACE_ID", NULL);
	advice(rig, examined(rig, 1),
	       "[FAIL] environment: MOLECULE_WORKSPACES_FILE[0]: ");
}

static void the_directory_is_looked_at(void **state)
{
	struct rig *rig = *state;
	const char *file = rig_text(rig, "%s/file", rig->dir);

	file_write(file, "", 0600);
	rig_env(rig, "CONFIGS_DIR", file);
	advice(rig, examined(rig, 0), "[WARN] directory: ");
	rig_env(rig, "CONFIGS_DIR", rig_text(rig, "%s/a/b", file));
	advice(rig, examined(rig, 0), "[WARN] directory: ");
	rig_env(rig, "CONFIGS_DIR", "/proc/absent/x");
	advice(rig, examined(rig, 0), "[WARN] directory: ");
	rig_env(rig, "CONFIGS_DIR", rig_text(rig, "%s/a/b", rig->dir));
	line_of(rig, examined(rig, 0), "[OK] directory: ");
	assert_int_equal(dir_count(rig->dir, "a"), 0);
	mkdir(rig->configs, 0700);
	rig_env(rig, "CONFIGS_DIR", rig->configs);
	line_of(rig, examined(rig, 0), "[OK] directory: ");
	assert_int_equal(dir_count(rig->configs, ""), 0);
}

static void the_command_is_looked_for(void **state)
{
	struct rig *rig = *state;
	const char *mcp = harness_program("MOLECULE_MCP");
	const char *bin = rig_text(rig, "%s/bin", rig->dir);
	char *dir = realpath(mcp, NULL);

	rig_env(rig, "PATH", bin);
	assert_non_null(strstr(
		advice(rig, examined(rig, 0), "[WARN] command: no "), dir));
	mkdir(bin, 0700);
	file_write(rig_text(rig, "%s/molecule-mcp", bin), "", 0700);
	advice(rig, examined(rig, 0), "[WARN] command: the first ");
	*strrchr(dir, '/') = '\0';
	rig_env(rig, "PATH", rig_text(rig, "/no:%s:%s", dir, bin));
	line_of(rig, examined(rig, 0), "[OK] command: ");
	free(dir);
}

/* What it says at a terminal. */
static const char *at_a_terminal(struct rig *rig)
{
	static const char *const args[] = { "doctor", NULL };
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .args = args,
						   .in = STDIO_NULL,
						   .out = STDIO_PTY,
						   .text_stdout = true });

	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	return child_stdout(mcp);
}

static void colours_are_for_terminals(void **state)
{
	struct rig *rig = *state;

	assert_null(strchr(examined(rig, 0), '\033'));
	assert_non_null(strchr(at_a_terminal(rig), '\033'));
	rig_env(rig, "NO_COLOR", "1");
	assert_null(strchr(at_a_terminal(rig), '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f37_the_platform_is_asked_rightly),
		TEST(what_is_missing_is_named),
		TEST(a_refused_token_is_a_failure),
		TEST(a_platform_that_is_away_is_a_failure),
		TEST(each_workspace_of_a_list_is_looked_at),
		TEST(a_long_list_is_looked_at),
		TEST(the_directory_is_looked_at),
		TEST(the_command_is_looked_for),
		TEST(colours_are_for_terminals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
