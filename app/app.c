// SPDX-License-Identifier: MIT
#include "app/app.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/inbox.h"
#include "app/mcp_server.h"
#include "app/peers.h"
#include "app/policy.h"
#include "app/report.h"
#include "app/turns.h"
#include "app/uploads.h"
#include "net/pool.h"
#include "net/resolve.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/san.h"
#include "runtime/task.h"
#include "runtime/timer.h"

/* The process is ended by force so long after a stop began. */
#define LAST_RESORT_MS (APP_STOP_MS - 50)
/* When the start is over, with what came of it; and when to look whether
 * there was something like it again, but never by waking for it. */
#define SETTLE_MS 8000
#define SETTLE_SLACK_MS 15000
#define SETTLE_AGAIN_MS 15000
#define SETTLE_AGAIN_SLACK_MS 120000
/* Descriptors that are needed anyhow, and for each workspace. */
#define FILES_BASE 256u
#define FILES_EACH 4u

void app_stop(struct app *app, int exit_code)
{
	if (app->stop.set)
		return;
	app->exit_code = exit_code;
	event_set(&app->stop);
}

static void on_all_rejected(void *arg)
{
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

#ifndef SAN_ADDRESS
/* From the linker: the program's code. */
extern const char __executable_start[], etext[];

/* Lets go of the code that only the start needed, or a connection that was
 * opened since: it was mapped with what lies around it, sixteen pages at a
 * time, and what is needed again comes back. */
static void settle(struct timer *timer)
{
	struct app *app =
		(struct app *)((char *)timer - offsetof(struct app, settle));
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)__executable_start;
	uintptr_t end = (uintptr_t)etext & ~(page - 1);
	uint64_t opened = pool_counters(app->pool)->opened;
	struct deadline again = deadline_in_ms(app->rt, SETTLE_AGAIN_MS);

	if (opened != app->settled)
		madvise((void *)start, end - start, MADV_DONTNEED);
	app->settled = opened;
	again.slack_ms = SETTLE_AGAIN_SLACK_MS;
	timer_arm(app->rt, timer, again, settle);
}
#endif

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

	fleet_begin(&app->fleet);
	task_spawn(&app->services, "clean", TASK_STACK_SMALL, clean_task, app);
}

static void signal_task(struct rt *rt, void *arg)
{
	struct app *app = arg;
	struct signalfd_siginfo info;

	while (io_read(rt, app->signal_fd, &info, sizeof(info),
		       DEADLINE_NEVER) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			report_tell(rt, &app->log, &app->fleet);
		else
			app_stop(app, APP_EXIT_OK);
	}
}

/* Looks at the token where a file holds it: what is wrong with it becomes
 * part of the configuration's report. */
static void check_token(struct app *app)
{
	struct config *config = &app->config;
	struct token_source source = { .file = config->token_file,
				       .state = &app->state };
	char text[TOKEN_NAME_MAX + 128];
	struct token token;
	int err;

	if (config->token != NULL || config->list != NULL)
		return;
	err = token_get(&source, &token);
	token_release(&token);
	if (err == -ENOENT && token_source_kind(&source) == TOKEN_STATE)
		config->missing |= CONFIG_MISSING_TOKEN;
	else if (err < 0)
		config_add_invalid(
			config, "%s",
			token_problem(&source, err, text, sizeof(text)));
}

static const char list_variable[] = "MOLECULE_WORKSPACES_FILE";

static void drop_list(struct app *app)
{
	if (app->list != NULL)
		explicit_bzero(app->list, app->list_len);
	free(app->list);
	app->list = NULL;
}

/* Reads the list of workspaces, if there is one in memory. 0 or -ENOMEM. */
static int take_list(struct app *app)
{
	int err;

	if (app->list == NULL)
		return 0;
	err = config_read_list(&app->config, list_variable, app->list,
			       app->list_len);
	drop_list(app);
	return err;
}

/* Brings the list of workspaces into memory where a file holds it; what is
 * wrong goes the same way. 0 or -ENOMEM. */
static int read_list(struct app *app)
{
	const char *variable = list_variable;
	struct config *config = &app->config;
	const char *path = config->workspaces_file;
	ssize_t n;

	if (path == NULL)
		return 0;
	n = state_dir_read_secret(app->rt, path, APP_LIST_MAX, &app->list);
	app->list_len = n >= 0 ? (size_t)n : 0;
	if (n >= 0)
		return n <= (ssize_t)APP_LIST_SMALL ? take_list(app) : 0;
	if (n == -EPERM)
		config_add_invalid(config,
				   "%s: others than its owner can read %s, "
				   "which holds tokens: chmod 600 it",
				   variable, path);
	else
		config_add_invalid(config, "%s: cannot read %s: %s", variable,
				   path,
				   n == -ENOTSUP ? "it is not a regular file"
				   : n == -EFBIG ? "it is too large"
						 : strerrordesc_np((int)-n));
	return 0;
}

/* Says why there is no start: the exit code. */
static int refuse_config(struct app *app, int err)
{
	char *text = err == 0 ? config_report(&app->config) : NULL;

	if (text != NULL)
		log_plain(&app->log, text);
	else
		log_error(&app->log, "molecule-mcp: out of memory");
	free(text);
	return err == 0 ? APP_EXIT_CONFIG : APP_EXIT_RUNTIME;
}

static int start_network(struct app *app)
{
	app->resolver = resolver_new_names(app->rt, app->names);
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
	app->client.lanes.off = !app->config.pipelining;
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
		.ready = &app->ready,
		.ended = on_ended,
		.arg = app,
	};
	int err = mcp_server_new(&app->mcp, &options);

	return err == 0 ? mcp_server_start(app->mcp) : err;
}

static int make_fleet(struct app *app)
{
	struct fleet_options options = {
		.deps = { .rt = app->rt,
			  .log = &app->log,
			  .config = &app->config,
			  .client = &app->client,
			  .state = &app->state,
			  .greeted = &app->greeted,
			  .peers = app->tools.peers,
			  .uploads = app->tools.uploads },
		.inbox = app->inbox,
		.all_rejected = on_all_rejected,
		.arg = app,
	};

	return fleet_init(&app->fleet, &options);
}

/* As app_open, but a long list of workspaces stays to be read. */
static int open_parts(struct app *app, struct rt *rt)
{
	int err;

	app->rt = rt;
	event_init(rt, &app->stop);
	event_init(rt, &app->greeted);
	event_init(rt, &app->ready);
	state_dir_init(&app->state, rt, &app->log, app->config.configs_dir,
		       app->config.home);
	err = read_list(app);
	check_token(app);
	return err;
}

int app_open(struct app *app, struct rt *rt)
{
	int err = open_parts(app, rt);

	return err == 0 ? take_list(app) : err;
}

int app_connect(struct app *app)
{
	int err = start_network(app);

	return err == 0 ? make_fleet(app) : err;
}

/* What tools need besides the inbox; and all that comes with one. */
static int make_tools(struct app *app)
{
	struct tools *tools = &app->tools;
	struct uploads_options uploads = {
		.rt = app->rt,
		.log = &app->log,
		.client = &app->client,
		.fleet = &app->fleet,
		.inbox = app->inbox,
		.state = &app->state,
	};

	*tools = (struct tools){
		.rt = app->rt,
		.log = &app->log,
		.config = &app->config,
		.fleet = &app->fleet,
		.inbox = app->inbox,
		.client = &app->client,
		.peers = peers_new(app->rt, &app->client),
		.policy =
			policy_new(app->rt, &app->log, app->config.config_path),
	};
	if (tools->peers == NULL || tools->policy == NULL)
		return -ENOMEM;
	if (app->inbox == NULL)
		return 0;
	tools->uploads = uploads_new(&uploads);
	tools->turns = turns_new(app->rt, app->inbox);
	return tools->uploads != NULL && tools->turns != NULL ? 0 : -ENOMEM;
}

/* The parts that other parts point to; no task runs yet. */
static int make_parts(struct app *app)
{
	int err = start_network(app);

	if (err < 0)
		return err;
	if (app->config.inbox) {
		app->inbox = inbox_new(app->rt, &app->log);
		if (app->inbox == NULL)
			return -ENOMEM;
	}
	return make_tools(app);
}

/* Whom to serve. A list that takes long to read waits until the host has its
 * answer. */
static int make_members(struct app *app)
{
	int err;

	if (app->list != NULL)
		event_wait(&app->greeted,
			   deadline_in_ms(app->rt, WORKSPACE_GREETING_MS));
	err = take_list(app);
	if (err == 0 && !config_usable(&app->config))
		err = -EINVAL;
	if (err == 0)
		err = make_fleet(app);
	if (err == 0)
		event_set(&app->ready);
	return err;
}

/* Each workspace has files open: its lock, later its journal; and there are
 * connections. */
static void raise_file_limit(size_t workspaces)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur >= FILES_BASE + FILES_EACH * workspaces)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int start_services(struct app *app)
{
	int err = 0;

	raise_file_limit(app->fleet.count);
	if (app->signal_fd >= 0)
		err = task_spawn(&app->services, "signals", TASK_STACK_SMALL,
				 signal_task, app);
#ifndef SAN_ADDRESS
	struct deadline when = deadline_in_ms(app->rt, SETTLE_MS);

	when.slack_ms = SETTLE_SLACK_MS;
	app->settled = UINT64_MAX;
	if (app->alone)
		timer_arm(app->rt, &app->settle, when, settle);
#endif
	return err == 0 ? fleet_start(&app->fleet, &app->services) : err;
}

static int start(struct app *app)
{
	int err = make_parts(app);

	if (err == 0)
		err = start_mcp(app);
	if (err == 0)
		err = make_members(app);
	if (err == 0)
		err = start_services(app);
	if (err < 0 && config_usable(&app->config))
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
	drop_list(app);
	mcp_server_free(app->mcp);
	turns_free(app->tools.turns);
	uploads_free(app->tools.uploads);
	peers_free(app->tools.peers);
	policy_free(app->tools.policy);
	platform_client_fini(&app->client);
	if (app->pool != NULL)
		pool_free(app->pool);
	if (app->resolver != NULL)
		resolver_free(app->resolver);
	if (app->inbox != NULL)
		inbox_free(app->inbox);
}

void app_close(struct app *app)
{
	fleet_fini(&app->fleet);
	release(app);
	state_dir_stop(&app->state, DEADLINE_NOW);
}

static void stop(struct app *app)
{
	struct rt *rt = app->rt;
	int grace_ms = app->exit_code == APP_EXIT_OK ? APP_GRACE_MS : 0;

	if (app->alone)
		set_last_resort(app->exit_code, LAST_RESORT_MS);
	if (app->mcp != NULL)
		mcp_server_stop(app->mcp, deadline_in_ms(rt, grace_ms));
	fleet_stop(&app->fleet);
	timer_disarm(rt, &app->settle);
	scope_close(&app->services);
	fleet_close(&app->fleet);
	release(app);
	state_dir_stop(&app->state, deadline_in_ms(rt, APP_STATE_MS));
	/* Now that all is on disk another process may go on. */
	fleet_fini(&app->fleet);
	log_stop(&app->log, deadline_in_ms(rt, APP_LOG_MS));
	if (app->alone)
		set_last_resort(app->exit_code, 0);
}

int app_run(struct rt *rt, void *arg)
{
	struct app *app = arg;
	int err = open_parts(app, rt);

	if (err < 0 || !config_usable(&app->config)) {
		if (err == 0)
			err = take_list(app); /* what is wrong with it, too */
		state_dir_stop(&app->state, DEADLINE_NOW);
		return refuse_config(app, err);
	}
	log_start(&app->log, rt);
	scope_open(rt, &app->services, DEADLINE_NEVER);
	if (start(app) == 0)
		event_wait(&app->stop, DEADLINE_NEVER);
	else if (config_usable(&app->config))
		app_stop(app, APP_EXIT_RUNTIME);
	else
		app_stop(app, refuse_config(app, 0));
	stop(app);
	return app->exit_code;
}
