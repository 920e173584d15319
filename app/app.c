// SPDX-License-Identifier: MIT
#include "app/app.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/inbox.h"
#include "app/mcp_server.h"
#include "net/pool.h"
#include "net/resolve.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

/* The process is ended by force so long after a stop began. */
#define LAST_RESORT_MS (APP_STOP_MS - 50)

void app_stop(struct app *app, int exit_code)
{
	if (app->stop.set)
		return;
	app->exit_code = exit_code;
	event_set(&app->stop);
}

static void on_rejected(void *arg, int status)
{
	(void)status;
	app_stop(arg, APP_EXIT_REJECTED);
}

static void on_ended(void *arg, int err)
{
	struct app *app = arg;

	if (err < 0 && err != -EPIPE)
		log_error(&app->log, "molecule-mcp: cannot read stdin: %s",
			  strerrordesc_np(-err));
	app_stop(app, APP_EXIT_OK);
}

static void clean_task(struct rt *rt, void *arg)
{
	struct app *app = arg;

	(void)rt;
	state_dir_clean(&app->state);
}

static void on_answered(void *arg)
{
	struct app *app = arg;

	event_set(&app->greeted);
}

static void on_client_ready(void *arg)
{
	struct app *app = arg;

	if (app->inbox != NULL)
		receiver_begin(&app->receiver);
	task_spawn(&app->services, "clean", TASK_STACK_SMALL, clean_task, app);
}

static void signal_task(struct rt *rt, void *arg)
{
	struct app *app = arg;
	struct signalfd_siginfo info;
	ssize_t n = io_read(rt, app->signal_fd, &info, sizeof(info),
			    DEADLINE_NEVER);

	if (n == (ssize_t)sizeof(info))
		app_stop(app, APP_EXIT_OK);
}

/* Looks at the token where a file holds it: what is wrong with it becomes
 * part of the configuration's report. */
static void check_token(struct app *app)
{
	struct config *config = &app->config;
	char text[TOKEN_NAME_MAX + 128];
	struct token token;
	int err;

	if (config->token != NULL)
		return;
	err = token_get(&app->who.token, &token);
	token_release(&token);
	if (err == -ENOENT && token_source_kind(&app->who.token) == TOKEN_STATE)
		config->missing |= CONFIG_MISSING_TOKEN;
	else if (err < 0)
		config_add_invalid(config, "%s",
				   token_problem(&app->who.token, err, text,
						 sizeof(text)));
}

static void set_identity(struct app *app)
{
	struct config *config = &app->config;

	state_dir_init(&app->state, app->rt, &app->log, config->configs_dir,
		       config->home);
	app->who = (struct identity){
		.workspace_id = config->workspace_id,
		.origin = config->platform_text,
		.url = config->platform,
		.token = { .value = config->token,
			   .file = config->token_file,
			   .state = &app->state },
	};
}

static void tell_config(struct app *app)
{
	char *text = config_report(&app->config);

	if (text != NULL)
		log_plain(&app->log, text);
	free(text);
}

static int start_network(struct app *app)
{
	app->resolver = resolver_new(app->rt);
	if (app->resolver == NULL)
		return -ENOMEM;
	app->pool = pool_new(app->rt, app->resolver);
	if (app->pool == NULL)
		return -ENOMEM;
	app->roots = (struct trust_options){ .file = app->config.ca_file,
					     .dir = app->config.ca_dir };
	pool_set_roots(app->pool, &app->roots);
	pool_set_proxies(app->pool, &app->config.proxies);
	platform_client_init(&app->client, app->rt, app->pool);
	return 0;
}

static int start_mcp(struct app *app)
{
	struct mcp_server_options options = {
		.rt = app->rt,
		.log = &app->log,
		.tools = &app->tools,
		.in_fd = STDIN_FILENO,
		.out_fd = STDOUT_FILENO,
		.poll_timeout_secs =
			(unsigned int)app->config.poll_timeout_secs,
		.answered = on_answered,
		.client_ready = on_client_ready,
		.ended = on_ended,
		.arg = app,
	};
	int err = mcp_server_new(&app->mcp, &options);

	return err == 0 ? mcp_server_start(app->mcp) : err;
}

/* The parts that other parts point to; no task runs yet. */
static int make_parts(struct app *app)
{
	struct workspace_deps deps = {
		.rt = app->rt,
		.log = &app->log,
		.config = &app->config,
		.who = &app->who,
		.client = &app->client,
		.state = &app->state,
		.greeted = &app->greeted,
		.rejected = on_rejected,
		.arg = app,
	};
	int err = start_network(app);

	if (err < 0)
		return err;
	if (app->config.inbox) {
		app->inbox = inbox_new(app->rt);
		if (app->inbox == NULL)
			return -ENOMEM;
	}
	workspace_init(&app->workspace, &deps);
	receiver_init(&app->receiver, &deps, app->inbox,
		      app->workspace.started_ns);
	app->tools = (struct tools){
		.rt = app->rt,
		.log = &app->log,
		.inbox = app->inbox,
		.client = &app->client,
		.identity = &app->who,
		.workspace = &app->workspace,
	};
	return 0;
}

static int start_services(struct app *app)
{
	int err = 0;

	if (app->signal_fd >= 0)
		err = task_spawn(&app->services, "signals", TASK_STACK_SMALL,
				 signal_task, app);
	if (err == 0 && app->config.heartbeat)
		err = workspace_start(&app->workspace, &app->services);
	if (err == 0 && app->inbox != NULL)
		err = receiver_start(&app->receiver, &app->services);
	return err;
}

static int start(struct app *app)
{
	int err = make_parts(app);

	if (err == 0)
		err = start_mcp(app);
	if (err == 0)
		err = start_services(app);
	if (err < 0)
		log_error(&app->log, "molecule-mcp: cannot start: %s",
			  *rt_limit_message(app->rt) != '\0'
				  ? rt_limit_message(app->rt)
				  : strerrordesc_np(-err));
	for (size_t i = 0; i < app->config.warning_count; i++)
		log_warning(&app->log, "molecule-mcp: %s",
			    app->config.warnings[i]);
	return err;
}

static void exit_ok(int signal)
{
	(void)signal;
	_exit(APP_EXIT_OK);
}

static void exit_rejected(int signal)
{
	(void)signal;
	_exit(APP_EXIT_REJECTED);
}

/* Ends the process for certain, should a step of the stop not come back: the
 * kernel may sit on a write to a dead disk. */
static void set_last_resort(int exit_code, int ms)
{
	struct sigaction action = {
		.sa_handler = ms == 0			       ? SIG_DFL
			      : exit_code == APP_EXIT_REJECTED ? exit_rejected
							       : exit_ok,
	};
	struct itimerval timer = {
		.it_value = { .tv_sec = ms / 1000,
			      .tv_usec = ms % 1000 * 1000 },
	};

	if (ms > 0)
		sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	if (ms == 0)
		sigaction(SIGALRM, &action, NULL);
}

static void release(struct app *app)
{
	mcp_server_free(app->mcp);
	workspace_fini(&app->workspace);
	receiver_fini(&app->receiver);
	platform_client_fini(&app->client);
	if (app->pool != NULL)
		pool_free(app->pool);
	if (app->resolver != NULL)
		resolver_free(app->resolver);
	if (app->inbox != NULL)
		inbox_free(app->inbox);
}

static void stop(struct app *app)
{
	struct rt *rt = app->rt;
	int grace_ms = app->exit_code == APP_EXIT_OK ? APP_GRACE_MS : 0;

	set_last_resort(app->exit_code, LAST_RESORT_MS);
	if (app->mcp != NULL)
		mcp_server_stop(app->mcp, deadline_in_ms(rt, grace_ms));
	scope_close(&app->services);
	release(app);
	state_dir_stop(&app->state, deadline_in_ms(rt, APP_STATE_MS));
	log_stop(&app->log, deadline_in_ms(rt, APP_LOG_MS));
	set_last_resort(app->exit_code, 0);
}

int app_run(struct rt *rt, void *arg)
{
	struct app *app = arg;

	app->rt = rt;
	event_init(rt, &app->stop);
	event_init(rt, &app->greeted);
	set_identity(app);
	check_token(app);
	if (!config_usable(&app->config)) {
		state_dir_stop(&app->state, DEADLINE_NOW);
		tell_config(app);
		return APP_EXIT_CONFIG;
	}
	log_start(&app->log, rt);
	scope_open(rt, &app->services, DEADLINE_NEVER);
	if (start(app) == 0)
		event_wait(&app->stop, DEADLINE_NEVER);
	else
		app_stop(app, APP_EXIT_RUNTIME);
	stop(app);
	return app->exit_code;
}
