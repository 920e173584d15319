// SPDX-License-Identifier: MIT
#include "app/mcp_server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "app/inbox.h"
#include "app/mcp_session.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "proto/jsonrpc.h"
#include "runtime/defect.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* For what is left to write when the calls' grace is over. */
#define FLUSH_MS 200

struct mcp_server {
	struct mcp_server_options options;
	struct rt *rt;
	struct mcp_writer *writer;
	struct mcp_session session;
	/* Tasks that end when reading does: the reader, the one that pushes,
	 * the one that looks whether a host that does not read has gone. */
	struct scope reading;
	bool watching; /* that last one lives */
	bool stuck;    /* the host has gone and its answers pile up */
	bool ended;    /* options.ended was called, or may not be any more */
	bool stopped;
};

static void end_reading(struct mcp_server *server, int err)
{
	if (server->ended)
		return;
	server->ended = true;
	if (server->options.ended)
		server->options.ended(server->options.arg, err);
}

static void write_failed(void *arg, int err)
{
	end_reading(arg, err);
}

/*
 * A host that neither reads its answers nor is there any more: the reader
 * waits for room and cannot see the end of input, so this task looks for it.
 * A host that has closed its end but takes its answers is left alone.
 */
static void watch_host(struct rt *rt, void *arg)
{
	struct mcp_server *server = arg;
	int events =
		io_poll(rt, server->options.in_fd, POLLRDHUP, DEADLINE_NEVER);

	while (events > 0 && mcp_writer_full(server->writer)) {
		uint64_t before = mcp_writer_written(server->writer);

		if (task_sleep(rt, deadline_in_ms(rt, MCP_SERVER_STALL_MS)))
			break;
		if (mcp_writer_stalled(server->writer, before)) {
			server->stuck = true;
			end_reading(server, 0);
			break;
		}
	}
	server->watching = false;
}

/* Somebody is about to wait for the host, maybe the reader. */
static void watch(void *arg)
{
	struct mcp_server *server = arg;

	if (!server->watching && !server->ended)
		server->watching = task_spawn(&server->reading, "host watch",
					      TASK_STACK_SMALL, watch_host,
					      server) == 0;
}

static void message_came(void *arg)
{
	struct mcp_server *server = arg;

	mcp_session_message(&server->session);
}

/* Deals with the lines that are whole. Returns why the task must end, or 0. */
static int take_lines(struct mcp_server *server, struct jsonrpc_lines *lines)
{
	enum jsonrpc_lines_event event;
	const char *text;
	size_t len;

	while ((event = jsonrpc_lines_next(lines, &text, &len)) !=
	       JSONRPC_LINES_EMPTY) {
		int err = task_cancelled(server->rt);

		if (err)
			return err;
		if (event == JSONRPC_LINES_TOO_LONG)
			mcp_session_warn(&server->session,
					 "it is longer than 16 MiB");
		else
			mcp_session_line(&server->session, text, len);
	}
	return 0;
}

/* 0 at the end of input, or a negative errno. */
static int read_lines(struct mcp_server *server, struct jsonrpc_lines *lines)
{
	int fd = server->options.in_fd;

	for (;;) {
		size_t room;
		ssize_t n;
		char *buf;
		int err = jsonrpc_lines_room(lines, &buf, &room);

		if (err)
			return err;
		n = io_read(server->rt, fd, buf, room, DEADLINE_NEVER);
		if (n == -EAGAIN) { /* a descriptor made non-blocking */
			err = io_poll(server->rt, fd, POLLIN, DEADLINE_NEVER);
			if (err < 0)
				return err;
			continue;
		}
		if (n < 0)
			return (int)n;
		if (n == 0) {
			err = jsonrpc_lines_end(lines);
			return err ? err : take_lines(server, lines);
		}
		jsonrpc_lines_added(lines, (size_t)n);
		err = take_lines(server, lines);
		if (err)
			return err;
		if (DEFECT(HALF_LINE))
			jsonrpc_lines_free(lines);
	}
}

static void read_input(struct rt *rt, void *arg)
{
	struct mcp_server *server = arg;
	struct jsonrpc_lines lines = { 0 };
	int err = read_lines(server, &lines);

	jsonrpc_lines_free(&lines);
	if (!task_cancelled(rt))
		end_reading(server, err);
}

int mcp_server_new(struct mcp_server **out,
		   const struct mcp_server_options *options)
{
	struct mcp_server *server = calloc(1, sizeof(*server));

	*out = NULL;
	if (!server)
		return -ENOMEM;
	server->options = *options;
	server->rt = options->rt;
	server->writer = mcp_writer_new(options->rt, options->out_fd,
					write_failed, server);
	if (!server->writer) {
		free(server);
		return -ENOMEM;
	}
	mcp_writer_on_write(server->writer, options->answered, options->arg);
	mcp_writer_on_full(server->writer, watch, server);
	scope_open(options->rt, &server->reading, DEADLINE_NEVER);
	mcp_session_init(&server->session, &server->options, server->writer,
			 &server->reading);
	*out = server;
	return 0;
}

int mcp_server_start(struct mcp_server *server)
{
	if (server->options.tools->inbox)
		inbox_on_put(server->options.tools->inbox, message_came,
			     server);
	return task_spawn(&server->reading, "stdin", TASK_STACK_LARGE,
			  read_input, server);
}

/* Until the calls' grace is over, or a little longer when it is. */
static struct deadline flush_until(struct rt *rt, struct deadline grace)
{
	struct deadline soon = deadline_in_ms(rt, FLUSH_MS);

	return deadline_left_ns(rt, grace) > deadline_left_ns(rt, soon) ? grace
									: soon;
}

bool mcp_server_stop(struct mcp_server *server, struct deadline grace)
{
	struct mcp_session *session = &server->session;
	bool stuck = server->stuck;
	int err = -ETIMEDOUT;

	if (server->stopped)
		return false;
	server->stopped = true;
	server->ended = true;
	if (server->options.tools->inbox)
		inbox_on_put(server->options.tools->inbox, NULL, NULL);
	scope_close(&server->reading);
	mcp_waits_end(&session->waits);
	if (!stuck)
		stuck = mcp_calls_drain(&session->calls, grace);
	mcp_calls_end(&session->calls);
	mcp_listen_end(&session->listen, server->writer);
	if (!stuck)
		err = mcp_writer_flush(server->writer, MCP_SERVER_STALL_MS,
				       flush_until(server->rt, grace));
	mcp_writer_close(server->writer);
	return err == 0;
}

void mcp_server_free(struct mcp_server *server)
{
	if (!server)
		return;
	mcp_writer_free(server->writer);
	free(server);
}

uint32_t mcp_server_calls(const struct mcp_server *server)
{
	return mcp_calls_count(&server->session.calls) +
	       server->session.waits.count;
}
