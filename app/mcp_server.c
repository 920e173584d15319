// SPDX-License-Identifier: MIT
#include "app/mcp_server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/inbox.h"
#include "app/log.h"
#include "app/mcp_batch.h"
#include "app/mcp_calls.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "proto/mcp.h"
#include "proto/tools.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* A warning about what the host sends is said this often at most. */
#define WARN_EVERY_MS 60000
/* For what is left to write when the calls' grace is over. */
#define FLUSH_MS 200

struct mcp_server {
	struct mcp_server_options options;
	struct rt *rt;
	struct mcp_writer *writer;
	struct mcp_calls calls;
	/* Tasks that end when reading does: the reader, the announcer, the
	 * one that looks whether a host that does not read has gone. */
	struct scope reading;
	const char *protocol; /* negotiated, NULL before */
	struct log_limit bad_lines;
	bool ready;	 /* the client has begun */
	bool announcing; /* that task lives */
	bool watching;	 /* and that */
	bool stuck;	 /* the host has gone and its answers pile up */
	bool ended;	 /* options.ended was called, or may not be any more */
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

/* Says that something which came in cannot be used; never what it was. */
static void warn_bad(struct mcp_server *server, const char *what)
{
	uint32_t withheld;

	if (!log_limit_pass(&server->bad_lines,
			    clock_now(server->rt, CLOCK_ID_MONOTONIC),
			    WARN_EVERY_MS, &withheld))
		return;
	if (withheld)
		log_warning(server->options.log,
			    "mcp: ignored a line on stdin: %s (and %u more "
			    "since the last warning)",
			    what, withheld);
	else
		log_warning(server->options.log,
			    "mcp: ignored a line on stdin: %s", what);
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

/* Writes a line of the reader's own, or adds it to the batch it answers; the
 * line is taken. `err` is the builder's. */
static void put_line(struct mcp_server *server, struct mcp_batch *batch,
		     int err, const struct jsonrpc_line *line)
{
	if (err) {
		log_error(server->options.log,
			  "mcp: out of memory: an answer is lost");
		return;
	}
	if (batch) {
		mcp_batch_add(batch, *line);
		return;
	}
	if (mcp_writer_full(server->writer) && !server->watching)
		server->watching = task_spawn(&server->reading, "host watch",
					      TASK_STACK_SMALL, watch_host,
					      server) == 0;
	mcp_writer_put(server->writer, *line, DEADLINE_NEVER);
}

static void send_error(struct mcp_server *server, struct mcp_batch *batch,
		       const char *id, int code, const char *text)
{
	struct jsonrpc_line line;

	put_line(server, batch, jsonrpc_error(&line, id, code, text, NULL),
		 &line);
}

static void announce(struct rt *rt, void *arg)
{
	struct mcp_server *server = arg;
	struct inbox *inbox = server->options.tools->inbox;
	const struct activity_message *message;

	(void)rt;
	while ((message = inbox_announce(inbox)) != NULL) {
		struct jsonrpc_line line;

		if (mcp_channel_line(&line, message) != 0 ||
		    mcp_writer_put(server->writer, line, DEADLINE_NEVER) != 0)
			break;
	}
	server->announcing = false;
}

/* Starts announcing what is new; called whenever there may be something. */
static void wake_announcer(void *arg)
{
	struct mcp_server *server = arg;

	if (!server->ready || server->announcing || server->ended)
		return;
	server->announcing = task_spawn(&server->reading, "announce",
					TASK_STACK_NORMAL, announce,
					server) == 0;
}

static void client_ready(struct mcp_server *server)
{
	if (server->ready)
		return;
	server->ready = true;
	if (server->options.client_ready)
		server->options.client_ready(server->options.arg);
	if (server->options.tools->inbox)
		wake_announcer(server);
}

static void on_initialize(struct mcp_server *server, struct mcp_batch *batch,
			  const struct jsonrpc_message *message)
{
	const json_t *wanted =
		json_object_get(message->params, "protocolVersion");
	struct jsonrpc_line line;
	int err;

	server->protocol = mcp_negotiate(json_string_value(wanted));
	err = mcp_initialize_answer(&line, message->id, server->protocol,
				    MOLECULE_VERSION,
				    server->options.poll_timeout_secs);
	put_line(server, batch, err, &line);
}

static void too_many_calls(struct mcp_server *server, struct mcp_batch *batch,
			   const char *id)
{
	static const char text[] =
		"Error: too many tool calls are under way; wait until one has "
		"ended, or cancel one, and try again.";
	struct jsonrpc_line line;

	put_line(server, batch,
		 mcp_tool_answer(&line, id, text, sizeof(text) - 1, true),
		 &line);
}

static void start_call(struct mcp_server *server, struct mcp_batch *batch,
		       struct jsonrpc_message *message, int tool,
		       const json_t *arguments)
{
	int err = mcp_calls_start(&server->calls, message, tool, arguments,
				  batch);

	/* Those that need not wait are done after one turn. */
	if (err == -EBUSY && task_yield(server->rt) == 0)
		err = mcp_calls_start(&server->calls, message, tool, arguments,
				      batch);
	if (err == -EBUSY)
		too_many_calls(server, batch, message->id);
	else if (err)
		send_error(server, batch, message->id, JSONRPC_INTERNAL_ERROR,
			   "out of memory");
}

static void on_tool_call(struct mcp_server *server, struct mcp_batch *batch,
			 struct jsonrpc_message *message)
{
	const char *name, *wrong;
	json_t *arguments;
	int tool;

	client_ready(server);
	wrong = mcp_tool_call(message->params, &name, &arguments);
	if (wrong) {
		send_error(server, batch, message->id, JSONRPC_INVALID_PARAMS,
			   wrong);
		return;
	}
	tool = tools_find(name);
	if (tool < 0) {
		char text[128];

		snprintf(text, sizeof(text), "Unknown tool: %.100s", name);
		send_error(server, batch, message->id, JSONRPC_INVALID_PARAMS,
			   text);
		return;
	}
	start_call(server, batch, message, tool, arguments);
}

static void on_request(struct mcp_server *server, struct mcp_batch *batch,
		       struct jsonrpc_message *message)
{
	const char *method = message->method;
	struct jsonrpc_line line;
	int err;

	if (message->bad_params) {
		send_error(server, batch, message->id, JSONRPC_INVALID_PARAMS,
			   "params must be an object");
		return;
	}
	if (strcmp(method, MCP_TOOLS_CALL) == 0) {
		on_tool_call(server, batch, message);
		return;
	}
	if (strcmp(method, MCP_INITIALIZE) == 0) {
		on_initialize(server, batch, message);
		return;
	}
	if (strcmp(method, MCP_PING) == 0)
		err = mcp_ping_answer(&line, message->id);
	else if (strcmp(method, MCP_TOOLS_LIST) == 0)
		err = mcp_tools_answer(&line, message->id, message->params);
	else
		err = mcp_unknown_method(&line, message->id, method);
	put_line(server, batch, err, &line);
}

static void on_notification(struct mcp_server *server,
			    const struct jsonrpc_message *message)
{
	if (strcmp(message->method, MCP_INITIALIZED) == 0)
		client_ready(server);
	else if (strcmp(message->method, MCP_CANCELLED) == 0 &&
		 message->request_id)
		mcp_calls_cancel(&server->calls, message->request_id);
}

static void on_single(struct mcp_server *server, struct mcp_batch *batch,
		      struct jsonrpc_message *message)
{
	switch (message->kind) {
	case JSONRPC_REQUEST:
		on_request(server, batch, message);
		break;
	case JSONRPC_NOTIFICATION:
		on_notification(server, message);
		break;
	case JSONRPC_INVALID:
		if (message->id) {
			send_error(server, batch, message->id,
				   JSONRPC_INVALID_REQUEST, message->why);
			break;
		}
		__attribute__((fallthrough));
	case JSONRPC_NOT_JSON:
	case JSONRPC_NOT_MESSAGE:
		warn_bad(server, message->why);
		break;
	case JSONRPC_RESPONSE: /* nothing is ever asked */
	case JSONRPC_BLANK:
	case JSONRPC_BATCH:
		break;
	}
}

/* One revision of the protocol has batches. In the others each request of one
 * is told so under its own id, since nobody reads an answer without. */
static void refuse_batch(struct mcp_server *server,
			 const struct jsonrpc_message *message)
{
	warn_bad(server,
		 "a batch, which this session's protocol does not have");
	for (size_t i = 0; i < message->item_count; i++)
		if (message->items[i].id &&
		    message->items[i].kind != JSONRPC_RESPONSE)
			send_error(server, NULL, message->items[i].id,
				   JSONRPC_INVALID_REQUEST,
				   "batches are not supported in this session");
}

static void on_batch(struct mcp_server *server, struct jsonrpc_message *message)
{
	struct mcp_batch *batch;

	if (!server->protocol ||
	    strcmp(server->protocol, MCP_WITH_BATCHES) != 0) {
		refuse_batch(server, message);
		return;
	}
	batch = mcp_batch_new(server->writer, message->item_count);
	if (!batch) {
		log_error(server->options.log, "mcp: out of memory: a batch "
					       "is lost");
		return;
	}
	for (size_t i = 0; i < message->item_count; i++)
		on_single(server, batch, &message->items[i]);
	mcp_batch_release(batch);
}

static void on_line(struct mcp_server *server, const char *text, size_t len)
{
	struct jsonrpc_message message;

	if (jsonrpc_parse(&message, text, len) != 0) {
		log_error(server->options.log,
			  "mcp: out of memory: a line on stdin is lost");
		return;
	}
	if (message.kind == JSONRPC_BATCH)
		on_batch(server, &message);
	else
		on_single(server, NULL, &message);
	jsonrpc_message_free(&message);
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
			warn_bad(server, "it is longer than 16 MiB");
		else
			on_line(server, text, len);
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
	mcp_calls_init(&server->calls, options->rt, options->log,
		       options->tools, server->writer);
	scope_open(options->rt, &server->reading, DEADLINE_NEVER);
	*out = server;
	return 0;
}

int mcp_server_start(struct mcp_server *server)
{
	if (server->options.tools->inbox)
		inbox_on_put(server->options.tools->inbox, wake_announcer,
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
	bool stuck = server->stuck;
	int err = -ETIMEDOUT;

	if (server->stopped)
		return false;
	server->stopped = true;
	server->ended = true;
	if (server->options.tools->inbox)
		inbox_on_put(server->options.tools->inbox, NULL, NULL);
	scope_close(&server->reading);
	mcp_calls_cancel_waits(&server->calls);
	if (!stuck)
		stuck = mcp_calls_drain(&server->calls, grace);
	mcp_calls_end(&server->calls);
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
	mcp_calls_fini(&server->calls);
	mcp_writer_free(server->writer);
	free(server);
}

uint32_t mcp_server_calls(const struct mcp_server *server)
{
	return server->calls.running;
}
