// SPDX-License-Identifier: MIT
/*
 * mcp_session - what the lines of a client mean, and what is answered.
 *
 * Two eras are served side by side. A request whose _meta says so is one of
 * revision 2026-07-28 and is answered by its rules (mcp_modern.h); all others
 * by those of the revisions with a handshake, the latest `initialize` having
 * settled which. Nothing but tool calls takes time: they are started here and
 * answer when they are done.
 *
 * The client has really begun when it said notifications/initialized or called
 * a tool. Only one with a handshake is told of messages by itself.
 */
#ifndef APP_MCP_SESSION_H
#define APP_MCP_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "app/log.h"
#include "app/mcp_calls.h"
#include "app/mcp_listen.h"
#include "app/mcp_push.h"
#include "app/mcp_waits.h"

struct mcp_server_options;
struct mcp_writer;
struct scope;

struct mcp_session {
	const struct mcp_server_options *options;
	struct mcp_writer *writer;
	struct mcp_calls calls;
	struct mcp_waits waits;
	struct mcp_listen listen;
	struct mcp_push push;
	const char *protocol; /* settled by initialize; NULL before */
	bool begun;	      /* the client has really begun */
	struct log_limit bad_lines;
};

/* Everything is borrowed for its life; what is pushed, is from a task in
 * `scope`. Does not park. */
void mcp_session_init(struct mcp_session *session,
		      const struct mcp_server_options *options,
		      struct mcp_writer *writer, struct scope *scope);

/* Deals with a line, whatever it is. Parks while the writer is full. */
void mcp_session_line(struct mcp_session *session, const char *text,
		      size_t len);

/* Says that something which came in cannot be used; never what it was. */
void mcp_session_warn(struct mcp_session *session, const char *what);

/* To be called when a message has come into the inbox. Does not park. */
void mcp_session_message(struct mcp_session *session);

#endif
