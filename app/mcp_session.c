// SPDX-License-Identifier: MIT
#include "app/mcp_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/mcp_answer.h"
#include "app/mcp_batch.h"
#include "app/mcp_server.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "proto/jsonrpc_quick.h"
#include "proto/mcp.h"
#include "proto/mcp_modern.h"
#include "proto/tools.h"
#include "runtime/clock.h"

/* A warning about what the host sends is said this often at most. */
#define WARN_EVERY_MS 60000

void mcp_session_init(struct mcp_session *session,
		      const struct mcp_server_options *options,
		      struct mcp_writer *writer, struct scope *scope)
{
	*session = (struct mcp_session){ .options = options, .writer = writer };
	mcp_calls_init(&session->calls, options, writer);
	mcp_waits_init(&session->waits, options, writer);
	mcp_push_init(&session->push, options->tools, writer, scope);
}

void mcp_session_warn(struct mcp_session *session, const char *what)
{
	struct log *log = session->options->log;
	uint32_t withheld;

	if (!log_limit_pass(&session->bad_lines,
			    clock_now(session->options->rt, CLOCK_ID_MONOTONIC),
			    WARN_EVERY_MS, &withheld))
		return;
	if (withheld)
		log_warning(log,
			    "mcp: ignored a line on stdin: %s (and %u more "
			    "since the last warning)",
			    what, withheld);
	else
		log_warning(log, "mcp: ignored a line on stdin: %s", what);
}

static void out_of_memory(struct mcp_session *session, const char *what)
{
	log_error(session->options->log, "mcp: out of memory: %s is lost",
		  what);
}

/* The client has really begun; in a session with a handshake it is told of
 * messages from now on. */
static void client_begins(struct mcp_session *session, bool modern)
{
	if (!session->begun && session->options->client_ready)
		session->options->client_ready(session->options->arg);
	session->begun = true;
	if (session->protocol && !modern)
		mcp_push_begin(&session->push);
}

void mcp_session_message(struct mcp_session *session)
{
	mcp_push_wake(&session->push);
	mcp_waits_wake(&session->waits);
}

static struct mcp_answer answer_to(struct mcp_session *session,
				   struct mcp_batch *batch,
				   const struct jsonrpc_message *message)
{
	return (struct mcp_answer){ .log = session->options->log,
				    .writer = session->writer,
				    .batch = batch,
				    .id = message->id };
}

static void send_error(const struct mcp_answer *to, int code, const char *text)
{
	struct jsonrpc_line line;
	int err = jsonrpc_error(&line, to->id, code, text, NULL);

	mcp_answer_line(to, err, line);
}

static void initialize(struct mcp_session *session, const struct mcp_answer *to,
		       const struct jsonrpc_message *message)
{
	const json_t *wanted =
		json_object_get(message->params, "protocolVersion");
	struct jsonrpc_line line;
	int err;

	if (to->batch) {
		send_error(to, JSONRPC_INVALID_REQUEST,
			   "initialize must not be part of a batch");
		return;
	}
	session->protocol = mcp_negotiate(json_string_value(wanted));
	err = mcp_initialize_answer(&line, to->id, session->protocol,
				    session->options->poll_timeout_secs);
	mcp_answer_line(to, err, line);
}

static void start_tool(struct mcp_session *session, const struct mcp_answer *to,
		       struct mcp_request *request)
{
	int err = tools_is_wait(request->tool)
			  ? mcp_waits_start(&session->waits, request)
			  : mcp_calls_start(&session->calls, request);

	if (err == -EBUSY)
		mcp_answer_refusal(to, "Error: too many tool calls are under "
				       "way; wait until one has ended, or "
				       "cancel one, and try again.");
	else if (err)
		send_error(to, JSONRPC_INTERNAL_ERROR, "out of memory");
}

static void call_tool(struct mcp_session *session, const struct mcp_answer *to,
		      struct jsonrpc_message *message)
{
	struct mcp_request request = { .batch = to->batch,
				       .modern = to->modern };
	const char *name, *wrong;
	json_t *arguments;
	char text[128];

	wrong = mcp_tool_call(message->params, &name, &arguments);
	if (wrong) {
		send_error(to, JSONRPC_INVALID_PARAMS, wrong);
		return;
	}
	request.tool = tools_find(name);
	if (request.tool < 0) {
		snprintf(text, sizeof(text), "Unknown tool: %.100s", name);
		send_error(to, JSONRPC_INVALID_PARAMS, text);
		return;
	}
	client_begins(session, to->modern);
	request.arguments = arguments;
	request.message = *message;
	start_tool(session, to, &request);
	*message = request.message;
}

static void listen(struct mcp_session *session, const struct mcp_answer *to,
		   struct jsonrpc_message *message)
{
	struct jsonrpc_line line;
	int err = mcp_listen_heard(&line, to->id);

	if (!err) {
		err = mcp_listen_open(&session->listen, message->id);
		if (!err)
			message->id = NULL;
		else
			free(line.data);
	}
	if (!err)
		mcp_writer_put(session->writer, line, DEADLINE_NEVER);
	else
		send_error(to, JSONRPC_INTERNAL_ERROR,
			   err == -EBUSY ? "too many subscriptions are open"
					 : "out of memory");
}

/* A request of 2026-07-28, its _meta in order. */
static void modern_request(struct mcp_session *session,
			   const struct mcp_answer *to,
			   struct jsonrpc_message *message)
{
	const char *method = message->method;
	struct jsonrpc_line line;
	int err;

	if (strcmp(method, MCP_TOOLS_CALL) == 0) {
		call_tool(session, to, message);
		return;
	}
	if (strcmp(method, MCP_LISTEN) == 0) {
		listen(session, to, message);
		return;
	}
	if (strcmp(method, MCP_DISCOVER) == 0)
		err = mcp_discover_answer(&line, to->id,
					  session->options->poll_timeout_secs);
	else if (strcmp(method, MCP_TOOLS_LIST) == 0)
		err = mcp_tools_answer(&line, to->id, message->params, true);
	else
		err = mcp_unknown_method(&line, to->id, method);
	mcp_answer_line(to, err, line);
}

/*
 * A method that only 2026-07-28 has, without the _meta that it asks for. A
 * client that looks whether there is a server of that era takes any error but
 * one of that era's own for a no, and goes on with initialize.
 */
static bool lacks_meta(const struct mcp_session *session, const char *method)
{
	return !session->protocol && (strcmp(method, MCP_DISCOVER) == 0 ||
				      strcmp(method, MCP_LISTEN) == 0);
}

static void legacy_request(struct mcp_session *session,
			   const struct mcp_answer *to,
			   struct jsonrpc_message *message)
{
	const char *method = message->method;
	struct jsonrpc_line line;
	int err;

	if (strcmp(method, MCP_TOOLS_CALL) == 0) {
		call_tool(session, to, message);
		return;
	}
	if (strcmp(method, MCP_INITIALIZE) == 0) {
		initialize(session, to, message);
		return;
	}
	if (strcmp(method, MCP_PING) == 0)
		err = mcp_ping_answer(&line, to->id);
	else if (strcmp(method, MCP_TOOLS_LIST) == 0)
		err = mcp_tools_answer(&line, to->id, message->params, false);
	else if (lacks_meta(session, method))
		err = mcp_modern_refusal(&line, to->id, message->params);
	else
		err = mcp_unknown_method(&line, to->id, method);
	mcp_answer_line(to, err, line);
}

static void on_request(struct mcp_session *session, struct mcp_batch *batch,
		       struct jsonrpc_message *message)
{
	struct mcp_answer to = answer_to(session, batch, message);
	struct jsonrpc_line line;
	int err;

	if (message->bad_params) {
		send_error(&to, JSONRPC_INVALID_PARAMS,
			   "params must be an object");
		return;
	}
	switch (mcp_modern_check(message->params)) {
	case MCP_MODERN_NOT:
		legacy_request(session, &to, message);
		break;
	case MCP_MODERN_GOOD:
		to.modern = true;
		modern_request(session, &to, message);
		break;
	case MCP_MODERN_INVALID:
	case MCP_MODERN_VERSION_UNKNOWN:
		err = mcp_modern_refusal(&line, to.id, message->params);
		mcp_answer_line(&to, err, line);
		break;
	}
}

static void cancel(struct mcp_session *session, const char *id)
{
	mcp_calls_cancel(&session->calls, id);
	mcp_waits_cancel(&session->waits, id);
	mcp_listen_cancel(&session->listen, id);
}

static void on_notification(struct mcp_session *session,
			    const struct jsonrpc_message *message)
{
	if (strcmp(message->method, MCP_INITIALIZED) == 0)
		client_begins(session, false);
	else if (strcmp(message->method, MCP_CANCELLED) == 0 &&
		 message->request_id)
		cancel(session, message->request_id);
}

/* Parks while the tools are not ready, but for what needs none. False: the
 * reading has ended. */
static bool may_go_on(const struct mcp_session *session,
		      const struct jsonrpc_message *message)
{
	struct event *ready = session->options->ready;

	if (!ready || ready->set ||
	    (message->kind == JSONRPC_REQUEST &&
	     strcmp(message->method, MCP_INITIALIZE) == 0))
		return true;
	return event_wait(ready, DEADLINE_NEVER) == 0;
}

static void on_single(struct mcp_session *session, struct mcp_batch *batch,
		      struct jsonrpc_message *message)
{
	struct mcp_answer to;

	if (!may_go_on(session, message))
		return;
	switch (message->kind) {
	case JSONRPC_REQUEST:
		on_request(session, batch, message);
		break;
	case JSONRPC_NOTIFICATION:
		on_notification(session, message);
		break;
	case JSONRPC_INVALID:
		if (message->id) {
			to = answer_to(session, batch, message);
			send_error(&to, JSONRPC_INVALID_REQUEST, message->why);
			break;
		}
		__attribute__((fallthrough));
	case JSONRPC_NOT_JSON:
	case JSONRPC_NOT_MESSAGE:
		mcp_session_warn(session, message->why);
		break;
	case JSONRPC_RESPONSE: /* nothing is ever asked */
	case JSONRPC_BLANK:
	case JSONRPC_BATCH:
		break;
	}
}

/* One revision of the protocol has batches. In the others each request of one
 * is told so under its own id, since nobody reads an answer without. */
static void refuse_batch(struct mcp_session *session,
			 const struct jsonrpc_message *message)
{
	mcp_session_warn(
		session,
		"a batch, which this session's protocol does not have");
	for (size_t i = 0; i < message->item_count; i++) {
		const struct jsonrpc_message *item = &message->items[i];
		const struct mcp_answer to = answer_to(session, NULL, item);

		if (item->id && item->kind != JSONRPC_RESPONSE)
			send_error(&to, JSONRPC_INVALID_REQUEST,
				   "batches are not supported in this session");
	}
}

static void on_batch(struct mcp_session *session,
		     struct jsonrpc_message *message)
{
	struct mcp_batch *batch;

	if (!session->protocol ||
	    strcmp(session->protocol, MCP_WITH_BATCHES) != 0) {
		refuse_batch(session, message);
		return;
	}
	batch = mcp_batch_new(session->writer, message->item_count);
	if (!batch) {
		out_of_memory(session, "a batch");
		return;
	}
	for (size_t i = 0; i < message->item_count; i++)
		on_single(session, batch, &message->items[i]);
	mcp_batch_release(batch, DEADLINE_NEVER);
}

static bool is(struct jsonrpc_piece method, const char *name)
{
	return method.len == strlen(name) &&
	       memcmp(method.data, name, method.len) == 0;
}

static void quick_ping(struct mcp_session *session, struct jsonrpc_piece id)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	static const char tail[] = ",\"result\":{}}\n";
	char line[sizeof(head) + JSONRPC_QUICK_MAX + sizeof(tail)];
	char *at = line;

	at = mempcpy(at, head, sizeof(head) - 1);
	at = mempcpy(at, id.data, id.len);
	at = mempcpy(at, tail, sizeof(tail) - 1);
	if (mcp_writer_put_copy(session->writer, line, (size_t)(at - line),
				DEADLINE_NEVER) == -ENOMEM)
		out_of_memory(session, "an answer");
}

static void quick_list(struct mcp_session *session, struct jsonrpc_piece id)
{
	char text[JSONRPC_QUICK_MAX + 1];
	const struct mcp_answer to = { .log = session->options->log,
				       .writer = session->writer,
				       .id = text };
	struct jsonrpc_line line;
	int err;

	*(char *)mempcpy(text, id.data, id.len) = '\0';
	err = mcp_tools_answer(&line, text, NULL, false);
	mcp_answer_line(&to, err, line);
}

/* Answers requests of the plainest form, which nearly all of these two are. */
static bool answer_quickly(struct mcp_session *session, const char *text,
			   size_t len)
{
	struct jsonrpc_quick quick;

	if (!jsonrpc_quick(&quick, text, len))
		return false;
	if (is(quick.method, MCP_PING))
		quick_ping(session, quick.id);
	else if (is(quick.method, MCP_TOOLS_LIST))
		quick_list(session, quick.id);
	else
		return false;
	return true;
}

void mcp_session_line(struct mcp_session *session, const char *text, size_t len)
{
	struct jsonrpc_message message;

	if (answer_quickly(session, text, len))
		return;
	if (jsonrpc_parse(&message, text, len) != 0) {
		out_of_memory(session, "a line on stdin");
		return;
	}
	if (message.kind == JSONRPC_BATCH)
		on_batch(session, &message);
	else
		on_single(session, NULL, &message);
	jsonrpc_message_free(&message);
}
