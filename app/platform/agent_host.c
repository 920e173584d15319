// SPDX-License-Identifier: MIT
#include "app/platform/agent_host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/json.h"
#include "proto/jsonrpc.h"
#include "runtime/io.h"
#include "runtime/task.h"

#define READ_SIZE 4096
#define KILL_AFTER_MS 1000

static void handle(struct agent_host *host, const char *line, size_t len)
{
	struct jsonrpc_message message;

	if (jsonrpc_parse(&message, line, len) < 0)
		return;
	if (message.kind == JSONRPC_RESPONSE) {
		json_decref(host->answer);
		host->answer = json_incref(message.root);
		cond_broadcast(&host->change);
	} else if (message.kind == JSONRPC_NOTIFICATION && host->listener) {
		host->listener(host->listener_arg, message.method,
			       message.params);
	}
	jsonrpc_message_free(&message);
}

static void read_lines(struct rt *rt, void *arg)
{
	struct agent_host *host = arg;
	struct jsonrpc_lines lines = { 0 };
	ssize_t n = 1;

	while (n > 0) {
		enum jsonrpc_lines_event what;
		const char *line;
		size_t len, room;
		char *buf;

		if (jsonrpc_lines_room(&lines, &buf, &room) < 0)
			break;
		n = io_read(rt, host->out_fd, buf, room, DEADLINE_NEVER);
		if (n <= 0)
			break;
		jsonrpc_lines_added(&lines, (size_t)n);
		while ((what = jsonrpc_lines_next(&lines, &line, &len)) !=
		       JSONRPC_LINES_EMPTY) {
			if (what == JSONRPC_LINES_LINE)
				handle(host, line, len);
		}
	}
	jsonrpc_lines_free(&lines);
	host->gone = true;
	cond_broadcast(&host->change);
	if (host->listener)
		host->listener(host->listener_arg, NULL, NULL);
}

/* Keeps the beginning and reads the rest away, so that the server never
 * waits. */
static void read_log(struct rt *rt, void *arg)
{
	struct agent_host *host = arg;
	char chunk[1024];
	ssize_t n;

	while ((n = io_read(rt, host->err_fd, chunk, sizeof(chunk),
			    DEADLINE_NEVER)) > 0) {
		size_t room = AGENT_HOST_STDERR_MAX - 1 - host->log_len;
		size_t keep = (size_t)n < room ? (size_t)n : room;

		memcpy(host->log + host->log_len, chunk, keep);
		host->log_len += keep;
		host->log[host->log_len] = '\0';
	}
}

static void fd_close(struct agent_host *host, int *fd)
{
	if (*fd >= 0)
		io_close(host->rt, *fd);
	*fd = -1;
}

/* Spawns with `fds` as stdin, stdout and stderr. 0 or a negative errno. */
static int spawn(pid_t *pid, const char *path, const int fds[3],
		 char *const environment[])
{
	char *const argv[] = { (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int err;

	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return -err;
	err = posix_spawnattr_init(&attributes);
	if (err) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -err;
	}
	for (int i = 0; err == 0 && i < 3; i++)
		err = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	if (err == 0)
		err = posix_spawnattr_setsigmask(&attributes, &none);
	if (err == 0)
		err = posix_spawnattr_setsigdefault(&attributes, &defaults);
	/* A group of its own: a Ctrl-C is for the host to act on. */
	if (err == 0)
		err = posix_spawnattr_setpgroup(&attributes, 0);
	if (err == 0)
		err = posix_spawnattr_setflags(&attributes,
					       POSIX_SPAWN_SETSIGMASK |
						       POSIX_SPAWN_SETSIGDEF |
						       POSIX_SPAWN_SETPGROUP);
	if (err == 0)
		err = posix_spawn(pid, path, &actions, &attributes, argv,
				  environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* Three pipes: pipes[i][0] reads, [1] writes. */
static int pipes_open(int pipes[3][2])
{
	for (int i = 0; i < 3; i++)
		pipes[i][0] = pipes[i][1] = -1;
	for (int i = 0; i < 3; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -errno;
	}
	return 0;
}

static int start_readers(struct agent_host *host)
{
	int err = task_spawn(&host->scope, "host reads", TASK_STACK_LARGE,
			     read_lines, host);

	if (err == 0)
		err = task_spawn(&host->scope, "host reads log",
				 TASK_STACK_NORMAL, read_log, host);
	return err;
}

int agent_host_start(struct agent_host *host, struct rt *rt, const char *path,
		     char *const environment[])
{
	int pipes[3][2], err, status;

	host->rt = rt;
	host->pid_fd = host->in_fd = host->out_fd = host->err_fd = -1;
	host->log = calloc(1, AGENT_HOST_STDERR_MAX);
	cond_init(rt, &host->change);
	err = host->log ? pipes_open(pipes) : -ENOMEM;
	if (!host->log)
		return err;
	if (err == 0)
		err = spawn(&host->pid, path,
			    (int[]){ pipes[0][0], pipes[1][1], pipes[2][1] },
			    environment);
	host->in_fd = pipes[0][1];
	host->out_fd = pipes[1][0];
	host->err_fd = pipes[2][0];
	fd_close(host, &pipes[0][0]);
	fd_close(host, &pipes[1][1]);
	fd_close(host, &pipes[2][1]);
	if (err < 0) {
		fd_close(host, &host->in_fd);
		fd_close(host, &host->out_fd);
		fd_close(host, &host->err_fd);
		return err;
	}
	host->running = true;
	host->pid_fd = pidfd_open(host->pid, 0);
	scope_open(rt, &host->scope, DEADLINE_NEVER);
	err = host->pid_fd < 0 ? -errno : start_readers(host);
	if (err < 0)
		(void)agent_host_stop(host, &status);
	return err;
}

static int send_line(struct agent_host *host, struct jsonrpc_line *line,
		     struct deadline deadline)
{
	int err = io_write_all(host->rt, host->in_fd, line->data, line->len,
			       NULL, deadline);

	free(line->data);
	return err;
}

/* Whether the answer that lies there is the one to `id`; takes it. */
static bool answer_take(struct agent_host *host, const char *id, json_t **out)
{
	const char *got = json_get_text(host->answer, "id");

	if (!got || strcmp(got, id) != 0)
		return false;
	*out = host->answer;
	host->answer = NULL;
	return true;
}

int agent_host_call(struct agent_host *host, const char *method, json_t *params,
		    json_t **result, struct deadline deadline)
{
	char id[16], quoted[24];
	struct jsonrpc_line line;
	json_t *answer, *error;
	int err;

	*result = NULL;
	(void)snprintf(id, sizeof(id), "h%u", ++host->next_id);
	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", id);
	err = jsonrpc_request(&line, quoted, method, params);
	if (err == 0)
		err = send_line(host, &line, deadline);
	if (err < 0)
		return err;
	while (!answer_take(host, id, &answer)) {
		if (host->gone)
			return -EPIPE;
		err = cond_wait(&host->change, deadline);
		if (err < 0)
			return err;
	}
	error = json_object_get(answer, "error");
	*result =
		json_incref(error ? error : json_object_get(answer, "result"));
	json_decref(answer);
	return error ? -EPROTO : 0;
}

int agent_host_notify(struct agent_host *host, const char *method,
		      struct deadline deadline)
{
	struct jsonrpc_line line;
	int err = jsonrpc_notification(&line, method, NULL);

	return err < 0 ? err : send_line(host, &line, deadline);
}

/* Waits for the exit, and lends a hand when it does not come by itself. */
static int exit_await(struct agent_host *host)
{
	static const int signals[] = { 0, SIGTERM, SIGKILL };
	int err = -ETIMEDOUT;

	for (size_t i = 0; i < 3 && err == -ETIMEDOUT; i++) {
		if (signals[i])
			(void)kill(host->pid, signals[i]);
		err = io_poll(
			host->rt, host->pid_fd, POLLIN,
			deadline_in_ms(host->rt, i == 0 ? AGENT_HOST_STOP_MS
							: KILL_AFTER_MS));
		if (err >= 0)
			return i == 0 ? 0 : -ETIMEDOUT;
	}
	(void)kill(host->pid, SIGKILL);
	return err;
}

int agent_host_stop(struct agent_host *host, int *status)
{
	int err;

	*status = 0;
	if (!host->running)
		return 0;
	fd_close(host, &host->in_fd);
	err = exit_await(host);
	(void)waitpid(host->pid, status, 0);
	host->running = false;
	/* What it wrote last is still in the pipes. */
	(void)scope_wait(&host->scope, deadline_in_ms(host->rt, KILL_AFTER_MS));
	scope_close(&host->scope);
	fd_close(host, &host->out_fd);
	fd_close(host, &host->err_fd);
	fd_close(host, &host->pid_fd);
	json_decref(host->answer);
	host->answer = NULL;
	return err;
}

void agent_host_free(struct agent_host *host)
{
	free(host->log);
	host->log = NULL;
}
