// SPDX-License-Identifier: MIT
/*
 * mcp_server - the Model Context Protocol on a pair of descriptors: JSON-RPC
 * messages, one per line, in revisions 2024-11-05 to 2026-07-28.
 *
 *	mcp_server_new(&server, &options);
 *	mcp_server_start(server);
 *	... until options.ended is called, or until it is time to stop ...
 *	mcp_server_stop(server, deadline_in_ms(rt, 1000));
 *	mcp_server_free(server);
 *
 * One task reads lines and has them dealt with (mcp_session.h): what is cheap
 * is answered at once, in one write for all that came with one read. Each
 * tools/call gets a task and a scope of its own (mcp_calls.h), so that a slow
 * one holds up nothing and notifications/cancelled ends it, without an answer;
 * those that only wait need none (mcp_waits.h). A line that is not a JSON-RPC
 * message gets no answer and a warning, which is rate-limited. Nothing that
 * comes in can end the process.
 *
 * A host that does not read its answers is not read from either, once
 * MCP_WRITER_QUEUE_MAX bytes of them wait; everything else goes on.
 *
 * New messages of the inbox are announced (mcp_push.h), one notification each,
 * from the moment a client with a handshake has said that it is ready.
 */
#ifndef APP_MCP_SERVER_H
#define APP_MCP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/clock.h"

struct event;
struct log;
struct mcp_server;
struct rt;
struct tools;

/* A stop gives up on a host that took no byte for so long: as long as a busy
 * host may be given where a stop must not take 100 ms. */
#define MCP_SERVER_STALL_MS 60
/* Between two notifications/progress of one request. */
#define MCP_SERVER_PROGRESS_MS 12000

/* Everything is borrowed for the server's life. */
struct mcp_server_options {
	struct rt *rt;
	struct log *log;
	const struct tools *tools; /* tools->inbox may be NULL: off */
	int in_fd, out_fd;	   /* stay the caller's */
	/* The number in the instructions: seconds that a wait_for_message at
	 * the start of a turn should take, 0 for none. */
	unsigned int poll_timeout_secs;
	int64_t progress_ms; /* 0: MCP_SERVER_PROGRESS_MS */
	/* Until this is set, only what needs no tools is dealt with:
	 * `initialize`, and ping and tools/list of the plainest form. So a host
	 * has its answer while the tools are being made ready. NULL: they are.
	 */
	struct event *ready;
	/* The first answer has been written. Called once. Must not park. May
	 * be NULL. */
	void (*answered)(void *arg);
	/* The client has really begun: notifications/initialized, or a first
	 * tools/call that is well formed. Called once. Must not park. May be
	 * NULL. */
	void (*client_ready)(void *arg);
	/* Reading has ended: 0 at the end of input, -EPIPE when the host reads
	 * no more, or the read's error. Called once, but not when it ended
	 * because of mcp_server_stop. Must not park. May be NULL. */
	void (*ended)(void *arg, int err);
	void *arg;
};

static inline int64_t
mcp_server_progress_ms(const struct mcp_server_options *options)
{
	return options->progress_ms ? options->progress_ms
				    : MCP_SERVER_PROGRESS_MS;
}

/* Makes a server in *out. 0 or -ENOMEM. Does not park. */
int mcp_server_new(struct mcp_server **out,
		   const struct mcp_server_options *options);

/* Starts reading. 0, or what task_spawn gave. Does not park. */
int mcp_server_start(struct mcp_server *server);

/* Stops: reading ends, waits are cancelled at once and get no answer, other
 * calls may finish until `grace` and are then cancelled, what is answered is
 * written. Comes back at once when nothing is under way, about
 * MCP_SERVER_STALL_MS later when the host does not read, and shortly after
 * `grace` at the latest. True when everything answered was written. Parks, and
 * always completes. Also needed after `ended`. */
bool mcp_server_stop(struct mcp_server *server, struct deadline grace);

/* Frees it, after mcp_server_stop (or without a start). NULL is harmless. */
void mcp_server_free(struct mcp_server *server);

/* Calls that run, wait, or stand in line. */
uint32_t mcp_server_calls(const struct mcp_server *server);

#endif
