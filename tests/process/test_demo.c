// SPDX-License-Identifier: MIT
/*
 * molecule-platform --demo, as `make run` starts it.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define DEMO_BOUND_MS 45000

static struct child *demo(struct rig *rig, enum stdio_kind in)
{
	const char *args[] = { "--demo", "--mcp",
			       harness_program("MOLECULE_MCP"), NULL };
	const char *exe = harness_program("MOLECULE_PLATFORM");

	rig_env(rig, "WORKSPACE_ID", NULL);
	rig_env(rig, "PLATFORM_URL", NULL);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", NULL);
	rig_env(rig, "CONFIGS_DIR", NULL);
	rig_env(rig, "TMPDIR", rig->dir);
	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", NULL);
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", NULL);
	return rig_spawn(rig, (struct child_how){ .exe = exe,
						  .args = args,
						  .in = in,
						  .text_stdout = true });
}

/* Without a terminal it shows each step and ends by itself. */
static void it_ends_without_a_terminal(void **state)
{
	static const char *const steps[] = {
		"regist",	  "online",
		"heartbeat",	  "message",
		"delegat",	  "pop",
		"stop",		  "WORKSPACE_ID",
		"PLATFORM_URL",	  "https://127.0.0.1:",
		"SSL_CERT_FILE=",
	};
	struct rig *rig = *state;
	struct child *p = demo(rig, STDIO_NULL);

	if (child_wait(p, DEMO_BOUND_MS) != 0)
		child_fail(p, "the demonstration failed:\n%s", child_stdout(p));
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (!has_word(child_stdout(p), steps[i]))
			child_fail(p, "it does not show \"%s\":\n%s", steps[i],
				   child_stdout(p));
	/* It leaves nothing in the home of who tries it, nor elsewhere. */
	assert_int_equal(dir_count(rig->home, ""), 0);
	assert_int_equal(dir_count(rig->dir, "molecule"), 0);
}

/* Stopped half-way it takes its child along. */
static void it_can_be_interrupted(void **state)
{
	struct rig *rig = *state;
	struct child *p = demo(rig, STDIO_NULL);

	while (child_running(p) && !*child_stdout(p))
		pause_ms(5);
	child_signal(p, SIGINT);
	if (child_wait(p, DEMO_BOUND_MS) < 0)
		child_fail(p, "it does not end");
	assert_int_equal(dir_count(rig->dir, "molecule"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_ends_without_a_terminal),
		TEST(it_can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
