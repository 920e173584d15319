// SPDX-License-Identifier: MIT
/*
 * app - molecule-mcp put together: what there is, in which order it starts,
 * and how it stops.
 *
 * Everything hangs off one struct app; nothing is global. app_run is the
 * runtime's main task. The MCP server starts first, so that the host gets its
 * answers while registration runs beside it.
 *
 * A stop comes from the host (end of stdin, a stdout that nobody reads), from
 * SIGTERM or SIGINT, or when the registration of every workspace was refused.
 * Then reading
 * ends, waits are cancelled, other tool calls may finish for APP_GRACE_MS,
 * answers are flushed, requests are cancelled, file writes are completed, the
 * log is emptied. Each step is bounded; the sum stays below APP_STOP_MS.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "app/fleet.h"
#include "app/log.h"
#include "app/platform_client.h"
#include "app/state_dir.h"
#include "app/tools.h"
#include "net/trust.h"
#include "runtime/event.h"
#include "runtime/scope.h"

struct inbox;
struct mcp_server;
struct pool;
struct resolve_names;
struct resolver;
struct rt;

#define APP_EXIT_OK 0
#define APP_EXIT_RUNTIME 1  /* the system refuses what the program needs */
#define APP_EXIT_CONFIG 2   /* environment missing or not usable */
#define APP_EXIT_REJECTED 3 /* every registration answered 401 or 403 */

#define APP_GRACE_MS 1000 /* for tool calls under way at a stop */
#define APP_STATE_MS 150  /* for file writes under way after that */
#define APP_LOG_MS 50	  /* for what is left of the log */
#define APP_STOP_MS 1500  /* all of it */
#define APP_LIST_MAX (16u * 1024 * 1024) /* bytes of a list of workspaces */
/* A larger one is read when the host has its first answer. */
#define APP_LIST_SMALL (16u * 1024)

struct app {
	struct rt *rt;
	struct config config;
	struct log log;
	int signal_fd; /* those that ask for a stop, and SIGUSR1; -1: none */
	/* The process is this program alone, so that a stop which hangs may end
	 * it by force, and its code may be let go of. */
	bool alone;
	const struct resolve_names *names; /* NULL: the system's */

	struct state_dir state;
	struct resolver *resolver;
	struct trust_options roots;
	struct pool *pool;
	struct platform_client client;
	struct inbox *inbox; /* NULL: switched off */
	struct tools tools;
	struct fleet fleet;
	struct mcp_server *mcp;

	struct scope services; /* what the fleet does, signals */
	struct event greeted;  /* the host has had its first answer */
	struct event ready;    /* tools may be called */
	char *list;	       /* of workspaces, not read yet; owned */
	size_t list_len;
	struct event stop;
	int exit_code;

	struct timer settle; /* to let go of code */
	uint64_t settled;    /* connections opened until it did */
};

/* The main task; `arg` is a struct app whose config, log and signal_fd are
 * filled in, `alone` and `names` too if they are wanted, and the rest
 * zero. Returns the exit code. */
int app_run(struct rt *rt, void *arg);

/*
 * The parts of app_run, for whoever wants to know how things are without doing
 * anything (doctor.h): app_open, app_connect if the configuration is usable,
 * app_close. No task runs between them.
 */

/* Reads what files hold of the configuration; what is wrong with it becomes
 * part of its report. 0 or -ENOMEM. Parks. */
int app_open(struct app *app, struct rt *rt);

/* Makes the way to the platforms, and the fleet without an inbox; app->tools is
 * not touched. 0 or -ENOMEM. */
int app_connect(struct app *app);

/* Lets go of what these two have made. Parks. */
void app_close(struct app *app);

/* Asks for the stop, with this exit code. The first one counts. Does not
 * park. */
void app_stop(struct app *app, int exit_code);

#endif
