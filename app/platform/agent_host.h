// SPDX-License-Identifier: MIT
/*
 * agent_host - starts an MCP server and talks to it over pipes, as the hosts
 * of agents do: newline-delimited JSON-RPC on its stdin and stdout, its stderr
 * kept aside, and the end of stdin to make it stop.
 *
 *	agent_host_start(&host, rt, path, environment);
 *	agent_host_call(&host, "initialize", params, &result, deadline);
 *	…
 *	agent_host_stop(&host, &status);
 *
 * One request at a time. Lines that the server sends by itself go to the
 * listener, which must not park.
 */
#ifndef APP_PLATFORM_AGENT_HOST_H
#define APP_PLATFORM_AGENT_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/scope.h"

struct rt;

#define AGENT_HOST_STDERR_MAX 16384
#define AGENT_HOST_STOP_MS 5000

/* A notification from the server; params may be NULL. Borrowed. A NULL method:
 * the server has ended. */
typedef void (*agent_host_listener_fn)(void *arg, const char *method,
				       const json_t *params);

struct agent_host {
	/* The owner fills these two before the start; both may be NULL. */
	agent_host_listener_fn listener;
	void *listener_arg;

	struct rt *rt;
	pid_t pid;
	int pid_fd, in_fd, out_fd, err_fd; /* -1: closed */
	struct scope scope;		   /* the readers */
	struct cond change;		   /* an answer came, or the end */
	bool running;			   /* not yet waited for */
	bool gone;			   /* its stdout ended */
	unsigned next_id;
	json_t *answer; /* the last response, NULL when taken */
	char *log;	/* the beginning of its stderr, NUL-terminated */
	size_t log_len;
};

/* Starts the program `path` with the given environment (borrowed) and the
 * default signal mask. 0, or a negative errno: nothing runs then. */
int agent_host_start(struct agent_host *host, struct rt *rt, const char *path,
		     char *const environment[]);

/* Sends a request (params is taken, may be NULL) and waits for its answer.
 * Returns 0 with *result a new reference; -EPROTO for an error answer (*result
 * is then the error object); -EPIPE when the server has gone; -ETIMEDOUT; or
 * the cancellation's reason. Parks. */
int agent_host_call(struct agent_host *host, const char *method, json_t *params,
		    json_t **result, struct deadline deadline);

/* Sends a notification. 0 or -EPIPE. Parks. */
int agent_host_notify(struct agent_host *host, const char *method,
		      struct deadline deadline);

/* Closes the server's stdin and waits for it to exit, at most
 * AGENT_HOST_STOP_MS; then it is killed. *status is as waitpid gives it.
 * Returns 0, or -ETIMEDOUT when it had to be killed. Ends the readers. Parks;
 * always completes, also when nothing runs. */
int agent_host_stop(struct agent_host *host, int *status);

/* Frees what is left (its log). */
void agent_host_free(struct agent_host *host);

#endif
