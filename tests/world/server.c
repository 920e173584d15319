// SPDX-License-Identifier: MIT
#include "tests/world/server.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/inbox.h"
#include "runtime/rt.h"
#include "tests/world/heap.h"
#include "tests/world/life.h"
#include "tests/world/names.h"
#include "tests/world/town.h"

#define TEXT_MAX 1024
#define STDIO 4 /* descriptors it is given: stdin, stdout, stderr, signals */

/* --- The environment --- */

struct environment {
	const struct life *life;
	char text[TEXT_MAX];
};

static const char *url(struct environment *env)
{
	const struct life *life = env->life;

	snprintf(env->text, TEXT_MAX, "http://%s:%d",
		 life->plan.by_name ? NAMES_PLATFORM
				    : sim_machine_address(life->cloud),
		 TOWN_PORT);
	return env->text;
}

static const char *list(struct environment *env)
{
	const struct plan *plan = &env->life->plan;
	int len = 0;

	for (int i = 0; i < plan->workspaces; i++)
		len += snprintf(env->text + len, (size_t)(TEXT_MAX - len),
				"%c{\"id\":\"%s\",\"token\":\"%s\"}",
				i ? ',' : '[', town_id(i), town_token(i));
	snprintf(env->text + len, (size_t)(TEXT_MAX - len), "]");
	return env->text;
}

static const char *environment(void *arg, const char *name)
{
	struct environment *env = arg;
	const struct plan *plan = &env->life->plan;

	if (strcmp(name, "PLATFORM_URL") == 0)
		return url(env);
	if (strcmp(name, "CONFIGS_DIR") == 0)
		return SERVER_STATE;
	if (strcmp(name, "HOME") == 0)
		return "/home/agent";
	if (strcmp(name, "MOLECULE_MCP_VERBOSE") == 0)
		return "1";
	if (strcmp(name, "DELEGATION_TIMEOUT") == 0)
		return "60";
	/* So short that its parts are rounded to none. */
	if (strcmp(name, "MOLECULE_MCP_POLL_INTERVAL_SECS") == 0 &&
	    plan->together)
		return "0.7";
	if (plan->list)
		return strcmp(name, "MOLECULE_WORKSPACES") == 0 ? list(env)
								: NULL;
	if (strcmp(name, "WORKSPACE_ID") == 0)
		return town_id(0);
	if (strcmp(name, "MOLECULE_WORKSPACE_TOKEN") == 0 && !plan->token_file)
		return town_token(0);
	return NULL;
}

/* --- The process --- */

struct census {
	struct life *life;
	int tasks;
};

static void count_task(const char *line, void *arg)
{
	struct census *census = arg;

	sim_trace(census->life->world, "server", "task: %s", line);
	census->tasks++;
}

/* Nothing but what it began with. */
static void check_left(struct rt *rt, struct life *life)
{
	struct census census = { .life = life };
	int fds = sim_descriptors(life->server->process);

	rt_each_task(rt, count_task, &census);
	if (census.tasks != 1)
		sim_fail(life->world, "the server leaves %d tasks behind",
			 census.tasks - 1);
	if (fds != STDIO)
		sim_fail(life->world, "the server leaves %d descriptors open",
			 fds - STDIO);
}

static int server_main(struct rt *rt, void *arg)
{
	struct life *life = arg;
	struct environment env = { .life = life };
	struct app *app = calloc(1, sizeof(*app));
	int code;

	life->server->rt = rt;
	if (!app)
		return APP_EXIT_RUNTIME;
	log_init(&app->log, STDERR_FILENO, LOG_INFO);
	app->signal_fd = life->server->signal_fd;
	app->names = &life->server->names;
	if (config_read(&app->config, environment, &env) == 0) {
		life->server->app = app;
		code = app_run(rt, app);
		life->server->app = NULL;
		check_left(rt, life);
	} else {
		code = APP_EXIT_RUNTIME;
	}
	config_free(&app->config);
	free(app);
	return code;
}

static void check_code(struct life *life, const struct server *server, int code)
{
	/* A token that cannot be read is as good as none. */
	if (server->weak || (code == APP_EXIT_CONFIG && server->bad_disk))
		return;
	if (code != APP_EXIT_OK && code != APP_EXIT_REJECTED)
		sim_fail(life->world, "the server ended with code %d", code);
	else if (code == APP_EXIT_OK && server->asked == 0)
		sim_fail(life->world, "the server ended by itself");
}

static void check_memory(struct life *life, const struct server *server)
{
	char text[256];
	size_t bytes, count = heap_count(server->owner, &bytes);

	if (count == 0)
		return;
	heap_describe(server->owner, text, sizeof(text));
	sim_fail(life->world,
		 "the server leaves %zu bytes in %zu pieces behind: %s", bytes,
		 count, text);
}

static void ended(struct sim_process *process, void *arg, int result,
		  bool killed)
{
	struct life *life = arg;
	struct server *server = life->server;

	(void)process;
	if (!killed) {
		check_code(life, server, result);
		check_memory(life, server);
	}
	life->letters.given_up += server_given_up(life);
	heart_look(life);
	sim_at_cancel(life->world, &server->overdue);
	heap_drop(server->owner);
	life->server = NULL;
	free(server);
	life_server_ended(life);
}

void server_start(struct life *life)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		abort();
	life->server = server;
	server->life = life;
	server->begun = sim_time(life->world);
	server->names = (struct resolve_names){ names_ask, life };
	server->process = sim_process_start(
		life->laptop, &(struct sim_program){ .name = "server",
						     .main = server_main,
						     .arg = life,
						     .ended = ended,
						     .max_tasks = 4096 });
	server->owner = sim_process_owner(server->process);
	life->server_number = server->owner;
	server->weak = life->weather.memory;
	server->bad_disk = life->weather.disk;
}

static void trace_task(const char *line, void *arg)
{
	sim_trace(arg, "server", "task: %s", line);
}

static void is_overdue(struct sim_event *event)
{
	struct server *server =
		(struct server *)((char *)event -
				  offsetof(struct server, overdue));

	struct life *life = server->life;
	int64_t awake = life->weather.asleep;

	if (awake > server->asked) {
		server->asked = awake;
		sim_at(life->world, event, awake + SERVER_STOP, is_overdue);
		return;
	}
	/* The program's last resort for a disk that does not come back, an
	 * alarm, is not of this world. */
	if (life->weather.disk) {
		sim_trace(life->world, "server", "its last resort");
		sim_kill(server->process);
		return;
	}
	rt_each_task(server->rt, trace_task, life->world);
	sim_fail(life->world,
		 "the server has not ended although it was asked to");
}

void server_asked(struct life *life)
{
	struct server *server = life->server;

	if (!server || server->asked != 0)
		return;
	sim_trace(life->world, "host", "asks the server to end");
	heart_look(life);
	server->asked = sim_time(life->world);
	sim_at(life->world, &server->overdue, server->asked + SERVER_STOP,
	       is_overdue);
}

uint64_t server_given_up(struct life *life)
{
	struct server *server = life->server;

	if (server && server->app && server->app->inbox)
		server->given_up = inbox_given_up(server->app->inbox);
	return server ? server->given_up : 0;
}

const char *server_secret(const struct life *life, int i)
{
	if (i < life->plan.workspaces)
		return town_token(i);
	return town_secret(life->town, i - life->plan.workspaces);
}
