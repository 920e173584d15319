// SPDX-License-Identifier: MIT
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const passed_on[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS",
					 "LSAN_OPTIONS", "PATH",
					 "MOLECULE_IO_BACKEND" };

static void drop_env(struct rig *rig, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < rig->env_count; i++)
		if (!strncmp(rig->env[i], name, len) &&
		    rig->env[i][len] == '=') {
			free(rig->env[i]);
			rig->env[i] = rig->env[--rig->env_count];
			rig->env[rig->env_count] = NULL;
			return;
		}
}

void rig_env(struct rig *rig, const char *name, const char *value)
{
	drop_env(rig, name);
	if (!value)
		return;
	rig->env = realloc(rig->env, (rig->env_count + 2) * sizeof(char *));
	if (!rig->env)
		abort();
	rig->env[rig->env_count++] = text_new("%s=%s", name, value);
	rig->env[rig->env_count] = NULL;
}

const char *rig_text(struct rig *rig, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	rig->texts =
		realloc(rig->texts, (rig->text_count + 1) * sizeof(char *));
	if (!rig->texts)
		abort();
	rig->texts[rig->text_count++] = text;
	return text;
}

int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	const char *tmp = getenv("TMPDIR");

	if (!rig)
		abort();
	signal(SIGPIPE, SIG_IGN);
	rig->dir =
		text_new("%s/mcp-process-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(rig->dir))
		abort();
	rig->configs = text_new("%s/configs", rig->dir);
	rig->home = text_new("%s/home", rig->dir);
	mkdir(rig->home, 0700);
	rig->fake = fake_new();
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		rig_env(rig, passed_on[i], getenv(passed_on[i]));
	rig_env(rig, "HOME", rig->home);
	rig_env(rig, "CONFIGS_DIR", rig->configs);
	rig_env(rig, "WORKSPACE_ID", WS_ID);
	rig_env(rig, "PLATFORM_URL", fake_url(rig->fake));
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", TOKEN);
	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", "0.2");
	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "0.1");
	*state = rig;
	return 0;
}

/* Ends the child, looks at its streams and frees it: whether they were right.
 */
static bool see_off(struct rig *rig, struct child *c)
{
	pid_t pid = child_pid(c);
	const char *complaint;
	bool good;

	if (child_running(c))
		child_signal(c, SIGKILL);
	child_wait(c, BOUND_MS);
	complaint = child_complaint(c, TOKEN);
	good = !complaint || rig->may_complain;
	if (!good)
		print_error("child %d: %s\n", (int)pid, complaint);
	if (getenv("HARNESS_VERBOSE"))
		print_error("--- stderr of child %d:\n%s---\n", (int)pid,
			    child_stderr(c));
	child_free(c);
	return good;
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;
	int bad = 0;

	for (int i = 0; i < rig->child_count; i++)
		if (!see_off(rig, rig->children[i]))
			bad = -1;
	fake_free(rig->fake);
	dir_remove(rig->dir);
	for (size_t i = 0; i < rig->env_count; i++)
		free(rig->env[i]);
	for (size_t i = 0; i < rig->text_count; i++)
		free(rig->texts[i]);
	free(rig->env);
	free(rig->texts);
	free(rig->configs);
	free(rig->home);
	free(rig->dir);
	free(rig);
	return bad;
}

struct child *rig_spawn(struct rig *rig, struct child_how how)
{
	struct child *c;

	if (rig->child_count == 64)
		fail_msg("too many children in one test");
	c = child_spawn(&how, rig->env);
	rig->children[rig->child_count++] = c;
	return c;
}

void rig_drop(struct rig *rig, struct child *c)
{
	int i = 0;

	while (rig->children[i] != c)
		i++;
	rig->children[i] = rig->children[--rig->child_count];
	if (!see_off(rig, c))
		fail_msg("the streams of a child were not right");
}

struct child *rig_start(struct rig *rig)
{
	return rig_spawn(rig, (struct child_how){ 0 });
}

const char *rig_quoted(struct rig *rig, const char *json)
{
	char *text = (char *)rig_text(rig, "%s", json);

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

const char *rig_state(struct rig *rig, const char *name)
{
	const char *path = rig_text(rig, "%s/%s", rig->configs, name);
	char *content = file_read(path);
	const char *kept;

	if (!content)
		return NULL;
	kept = rig_text(rig, "%s", content);
	free(content);
	return kept;
}

struct state_wait {
	struct rig *rig;
	const char *name, *content;
};

static bool state_is(void *arg)
{
	struct state_wait *w = arg;
	const char *now = rig_state(w->rig, w->name);

	return now && !strcmp(now, w->content);
}

void rig_expect_state(struct rig *rig, const char *name, const char *content)
{
	struct state_wait w = { rig, name, content };

	if (wait_until(state_is, &w, BOUND_MS))
		return;
	if (rig->child_count)
		print_error("--- stderr of the first child:\n%s---\n",
			    child_stderr(rig->children[0]));
	fail_msg("%s is \"%s\", not \"%s\"", name,
		 rig_state(rig, name) ? rig_state(rig, name) : "(absent)",
		 content);
}
