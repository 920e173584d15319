// SPDX-License-Identifier: MIT
#include "app/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"
#include "proto/payload.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

#define PROGRAM "molecule-mcp"
#define OWN_PATH "/proc/self/exe"

enum verdict { OK, WARN, FAIL };

struct doctor {
	struct app *app;
	struct rt *rt;
	bool colour;
	bool failed;
	bool *away; /* for each member: its platform cannot be reached */
};

/* Words of a platform stay on their line, and play no tricks on a terminal. */
static void flatten(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

/* The line of one check. `next` says what to do, NULL: nothing. */
static void say(struct doctor *doctor, enum verdict verdict, const char *next,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
static void say(struct doctor *doctor, enum verdict verdict, const char *next,
		const char *format, ...)
{
	static const char *const tags[] = { "OK", "WARN", "FAIL" };
	static const char *const colours[] = { "\033[32m", "\033[33m",
					       "\033[31m" };
	char *text = NULL;
	va_list args;

	doctor->failed = doctor->failed || verdict == FAIL;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (text != NULL)
		flatten(text);
	printf("%s[%s]%s %s%s%s\n", doctor->colour ? colours[verdict] : "",
	       tags[verdict], doctor->colour ? "\033[0m" : "",
	       text != NULL ? text : "out of memory",
	       next != NULL ? "; next: " : "", next != NULL ? next : "");
	free(text);
}

static void check_program(struct doctor *doctor)
{
	char why[256];
	const char *reason = rt_backend_reason(doctor->rt, why, sizeof(why));

	say(doctor, OK, NULL,
	    "program: " PROGRAM " " MOLECULE_VERSION " on %s%s%s%s",
	    rt_backend_name(doctor->rt), *reason != '\0' ? " (" : "", reason,
	    *reason != '\0' ? ")" : "");
}

/* The first program of our name in the directories of PATH: malloc'd, and its
 * status; NULL when there is none. */
static char *find_program(struct rt *rt, struct stat *st)
{
	const char *dir = getenv("PATH");

	while (dir != NULL && *dir != '\0') {
		int len = (int)strcspn(dir, ":");
		char *path;

		if (asprintf(&path, "%.*s/" PROGRAM, len > 0 ? len : 1,
			     len > 0 ? dir : ".") < 0)
			return NULL;
		if (io_fstatat(rt, AT_FDCWD, path, st, 0) == 0 &&
		    S_ISREG(st->st_mode) && (st->st_mode & 0111) != 0)
			return path;
		free(path);
		dir += len;
		dir += *dir == ':';
	}
	return NULL;
}

/* What this process runs: malloc'd; NULL when that is not to be had. */
static char *own_program(void)
{
	char *path = malloc(PATH_MAX);
	ssize_t n = path != NULL ? readlink(OWN_PATH, path, PATH_MAX - 1) : -1;

	if (n > 0) {
		path[n] = '\0';
		return path;
	}
	free(path);
	return NULL;
}

static void check_path(struct doctor *doctor)
{
	struct stat found, own;
	char *path = find_program(doctor->rt, &found);
	char *self = own_program();
	char *next = NULL;
	bool known = io_fstatat(doctor->rt, AT_FDCWD, OWN_PATH, &own, 0) == 0;

	if (self != NULL && asprintf(&next,
				     "have the host start %s, or put that into "
				     "a directory of PATH",
				     self) < 0)
		next = NULL;
	if (path == NULL)
		say(doctor, WARN, next, "command: no " PROGRAM " is on PATH");
	else if (known &&
		 (found.st_dev != own.st_dev || found.st_ino != own.st_ino))
		say(doctor, WARN, next,
		    "command: the first " PROGRAM " on PATH is %s, another one",
		    path);
	else
		say(doctor, OK, NULL, "command: %s", path);
	free(path);
	free(self);
	free(next);
}

/* What is configured, when it is usable. */
static void show_environment(struct doctor *doctor)
{
	const struct config *config = &doctor->app->config;
	const struct identity *who = &doctor->app->fleet.members[0].who;
	char source[TOKEN_NAME_MAX];

	if (config->list != NULL)
		say(doctor, OK, NULL,
		    "environment: %zu workspaces in %s, PLATFORM_URL %s",
		    config->workspace_count, config->list,
		    config->platform_text);
	else
		say(doctor, OK, NULL,
		    "environment: workspace %s on %s, the token from %s",
		    who->workspace_id, who->origin,
		    token_source_name(&who->token, source, sizeof(source)));
}

static void check_missing(struct doctor *doctor, unsigned missing)
{
	if (missing & CONFIG_MISSING_ID)
		say(doctor, FAIL,
		    "set it to the workspace's id, from its page in the canvas",
		    "environment: WORKSPACE_ID is missing");
	if (missing & CONFIG_MISSING_URL)
		say(doctor, FAIL,
		    "set it to the platform's address, for example "
		    "https://your-org.moleculesai.app",
		    "environment: PLATFORM_URL is missing");
	if (missing & CONFIG_MISSING_TOKEN)
		say(doctor, FAIL,
		    "set it to the token from the canvas Tokens tab, or "
		    "MOLECULE_WORKSPACE_TOKEN_FILE to a file that holds it",
		    "environment: MOLECULE_WORKSPACE_TOKEN is missing, and "
		    "there is no .auth_token in the configs directory");
}

static void check_environment(struct doctor *doctor)
{
	const struct config *config = &doctor->app->config;

	for (size_t i = 0; i < config->invalid_count; i++)
		say(doctor, FAIL,
		    "put it right in the env block of the host's configuration",
		    "environment: %s", config->invalid[i]);
	if (config->invalid_more > 0)
		say(doctor, FAIL, NULL, "environment: and %zu more of the kind",
		    config->invalid_more);
	check_missing(doctor, config->missing);
	for (size_t i = 0; i < config->warning_count; i++)
		say(doctor, WARN, NULL, "environment: %s", config->warnings[i]);
}

static void check_directory(struct doctor *doctor)
{
	struct state_dir *state = &doctor->app->state;
	const char *path = state_dir_path(state);
	int err = path != NULL ? state_dir_check(state) : -ENOENT;

	if (path == NULL)
		say(doctor, FAIL,
		    "set CONFIGS_DIR to a directory that can be written",
		    "directory: there is neither CONFIGS_DIR nor HOME");
	else if (err == 0)
		say(doctor, OK, NULL, "directory: %s", path);
	else if (err == -ENOENT)
		say(doctor, OK, NULL,
		    "directory: %s, which is made when it is needed", path);
	else
		say(doctor, WARN,
		    "set CONFIGS_DIR to a directory that can be written",
		    "directory: %s cannot be written (%s): after a restart it "
		    "is not known what was received",
		    path, strerrordesc_np(-err));
}

static void judge_platform(struct doctor *doctor, const char *origin,
			   const struct platform_reply *reply)
{
	static const char again[] = "try again; if it lasts, ask whoever runs "
				    "the platform";
	char text[PLATFORM_TEXT_MAX];

	platform_reply_text(reply, text, sizeof(text));
	if (platform_ok(reply))
		say(doctor, OK, NULL, "platform: %s answers", origin);
	else if (reply->err != 0)
		say(doctor, FAIL,
		    "check that address, the network, and the proxy if there "
		    "is one",
		    "platform: %s cannot be reached: %s", origin, text);
	else if (reply->status >= 500)
		say(doctor, FAIL, again, "platform: %s: %s", origin, text);
	else if (reply->status >= 400)
		say(doctor, WARN, "check that address",
		    "platform: %s is there, but does not say how it is: %s",
		    origin, text);
	else
		say(doctor, FAIL, "check that address", "platform: %s: %s",
		    origin, text);
}

/* Each platform once: those of one share the pace. */
static void check_platforms(struct doctor *doctor)
{
	const struct fleet *fleet = &doctor->app->fleet;
	struct platform_reply reply;

	for (size_t i = 0; i < fleet->count; i++) {
		const struct identity *who = &fleet->members[i].who;
		size_t same = 0;

		while (fleet->members[same].who.pace != who->pace)
			same++;
		if (same < i) {
			doctor->away[i] = doctor->away[same];
			continue;
		}
		platform_health(&doctor->app->client, who, DOCTOR_HEALTH_MS,
				&reply);
		doctor->away[i] = reply.err != 0;
		judge_platform(doctor, who->origin, &reply);
		platform_reply_free(&reply);
	}
}

static void judge_token(struct doctor *doctor, const char *id,
			const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX];

	platform_reply_text(reply, text, sizeof(text));
	if (platform_ok(reply))
		say(doctor, OK, NULL, "token: accepted for workspace %s", id);
	else if (reply->status == 429 || reply->err == -EAGAIN)
		say(doctor, WARN, "try again in a minute",
		    "token: not checked for workspace %s: %s", id, text);
	else if (platform_unauthorised(reply))
		say(doctor, FAIL,
		    "make a new one in the workspace's Tokens tab in the "
		    "canvas, and put it there",
		    "token: refused for workspace %s: %s", id, text);
	else if (reply->err == -EKEYREJECTED)
		say(doctor, FAIL,
		    "put the token from the canvas Tokens tab there",
		    "token: none for workspace %s: %s", id, text);
	else if (reply->status == 404 || reply->status == 410)
		say(doctor, FAIL,
		    "see in the canvas whether it still exists, and whether "
		    "this is its platform",
		    "token: the platform does not know workspace %s: %s", id,
		    text);
	else
		say(doctor, FAIL,
		    "try again; if it lasts, ask whoever runs the platform",
		    "token: cannot be checked for workspace %s: %s", id, text);
}

static void check_tokens(struct doctor *doctor)
{
	const struct fleet *fleet = &doctor->app->fleet;
	const struct payload_heartbeat beat = { 0 };
	struct platform_reply reply;

	for (size_t i = 0; i < fleet->count; i++) {
		const struct identity *who = &fleet->members[i].who;

		if (doctor->away[i]) {
			say(doctor, WARN, NULL,
			    "token: not checked for workspace %s, since its "
			    "platform cannot be reached",
			    who->workspace_id);
			continue;
		}
		platform_heartbeat(&doctor->app->client, who, &beat,
				   DOCTOR_BEAT_MS, &reply);
		judge_token(doctor, who->workspace_id, &reply);
		platform_reply_free(&reply);
	}
}

/* All that needs a configuration: 0 or -ENOMEM. */
static int check_platform(struct doctor *doctor)
{
	struct app *app = doctor->app;
	int err = app_connect(app);

	if (err < 0)
		return err;
	doctor->away = calloc(app->fleet.count, sizeof(*doctor->away));
	if (doctor->away == NULL)
		return -ENOMEM;
	show_environment(doctor);
	check_directory(doctor);
	check_platforms(doctor);
	check_tokens(doctor);
	free(doctor->away);
	return 0;
}

/* https://no-color.org */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return (no == NULL || *no == '\0') && isatty(STDOUT_FILENO) == 1;
}

int doctor_run(struct rt *rt, void *arg)
{
	struct app *app = arg;
	struct doctor doctor = { .app = app,
				 .rt = rt,
				 .colour = wants_colour() };
	int err = app_open(app, rt);

	check_program(&doctor);
	check_path(&doctor);
	check_environment(&doctor);
	if (err == 0 && config_usable(&app->config))
		err = check_platform(&doctor);
	else
		check_directory(&doctor);
	if (err < 0)
		say(&doctor, FAIL, NULL, "program: %s", strerrordesc_np(-err));
	app_close(app);
	if (fflush(stdout) != 0)
		doctor.failed = true;
	return doctor.failed ? APP_EXIT_RUNTIME : APP_EXIT_OK;
}
