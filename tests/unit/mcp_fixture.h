// SPDX-License-Identifier: MIT
/*
 * mcp_fixture - a host for tests: an mcp_server in the same runtime, with its
 * ends of stdin and stdout, an inbox, a log in memory, and an identity on a
 * platform that the test may supply.
 */
#ifndef TESTS_MCP_FIXTURE_H
#define TESTS_MCP_FIXTURE_H

#include "tests/unit/net_fixture.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/log.h"
#include "app/mcp_server.h"
#include "app/platform_client.h"
#include "app/tools.h"
#include "net/pool.h"
#include "proto/activity.h"
#include "proto/json.h"
#include "proto/jsonrpc.h"

#define OWN_ID "11111111-1111-4111-8111-111111111111"

/* Between two notifications/progress; 0: as in life. */
#ifndef HOST_PROGRESS_MS
#define HOST_PROGRESS_MS 0
#endif

/* A call that waits for a message, for host_send or ask. */
#define WAIT(id, secs)                                                         \
	"{'jsonrpc':'2.0','id':" id ",'method':'tools/call','params':{"        \
	"'name':'wait_for_message','arguments':{'timeout_secs':" secs "}}}"

struct host {
	struct rt *rt;
	struct mcp_server *server;
	struct tools tools;
	struct member member; /* of which only the identity is there */
	struct fleet fleet;
	struct platform_client client;
	struct log log;
	char origin[64];
	struct url url;
	int to, from; /* the host's ends */
	int in, out;  /* the server's */
	struct jsonrpc_lines lines;
	uint64_t ended; /* calls of the hook */
	int ended_err;
	uint64_t ready;
};

static inline void host_ended(void *arg, int err)
{
	struct host *host = arg;

	host->ended++;
	host->ended_err = err;
}

static inline void host_ready(void *arg)
{
	((struct host *)arg)->ready++;
}

/* What tools need, for a platform on `port` of the loopback (0: none). */
static inline void host_tools(struct host *host, struct rt *rt, uint16_t port)
{
	*host = (struct host){ .rt = rt, .to = -1, .from = -1 };
	log_init(&host->log, memfd_create("log", MFD_CLOEXEC), LOG_WARNING);
	snprintf(host->origin, sizeof(host->origin), "http://127.0.0.1:%u",
		 (unsigned int)(port ? port : 9));
	host->fleet = (struct fleet){ .members = &host->member, .count = 1 };
	host->member.fleet = &host->fleet;
	host->member.who = (struct identity){ .workspace_id = OWN_ID,
					      .origin = host->origin,
					      .suffix = "",
					      .token = { .value = "tok-1" } };
	CHECK_EQ(url_parse(&host->url, host->origin, NULL), 0);
	host->member.who.url = &host->url;
	platform_client_init(&host->client, rt, pool_new(rt, NULL));
	host->tools = (struct tools){ .rt = rt,
				      .log = &host->log,
				      .inbox = inbox_new(rt, &host->log),
				      .client = &host->client,
				      .fleet = &host->fleet };
}

static inline void host_tools_free(struct host *host)
{
	struct pool *pool = host->client.pool;

	platform_client_fini(&host->client);
	pool_free(pool);
	inbox_free(host->tools.inbox);
	close(host->log.fd);
}

/* A server over pipes, or over socketpairs. */
static inline void host_open(struct host *host, struct rt *rt, bool sockets,
			     uint16_t port)
{
	int in[2], out[2];

	host_tools(host, rt, port);
	if (sockets) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) ==
		      0);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) ==
		      0);
	} else {
		CHECK(pipe(in) == 0);
		CHECK(pipe(out) == 0);
	}
	host->in = in[0];
	host->to = in[1];
	host->from = out[0];
	host->out = out[1];
	CHECK_EQ(mcp_server_new(&host->server,
				&(struct mcp_server_options){
					.rt = rt,
					.log = &host->log,
					.tools = &host->tools,
					.in_fd = host->in,
					.out_fd = host->out,
					.poll_timeout_secs = 2,
					.progress_ms = HOST_PROGRESS_MS,
					.client_ready = host_ready,
					.ended = host_ended,
					.arg = host }),
		 0);
	CHECK_EQ(mcp_server_start(host->server), 0);
}

static inline bool host_stop(struct host *host, int64_t grace_ms)
{
	return mcp_server_stop(host->server,
			       deadline_in_ms(host->rt, grace_ms));
}

static inline void host_close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* After host_stop. */
static inline void host_close(struct host *host)
{
	mcp_server_free(host->server);
	jsonrpc_lines_free(&host->lines);
	host_close_end(&host->to);
	host_close_end(&host->from);
	close(host->in);
	close(host->out);
	host_tools_free(host);
}

static inline void host_send_bytes(struct host *host, const char *data,
				   size_t len)
{
	CHECK_EQ(io_write_all(host->rt, host->to, data, len, NULL,
			      patience(host->rt)),
		 0);
}

/* Sends a line, with its newline; ' stands for ". */
static inline void host_send(struct host *host, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline void host_send(struct host *host, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (!CHECK(len >= 0))
		return;
	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	text[len] = '\n';
	host_send_bytes(host, text, (size_t)len + 1);
	free(text);
}

/* The next line from the server by `deadline`; NULL when none came, or at the
 * end. The caller owns it. */
static inline char *host_line(struct host *host, struct deadline deadline)
{
	const char *text;
	size_t len, room;
	char *buf;

	for (;;) {
		enum jsonrpc_lines_event event =
			jsonrpc_lines_next(&host->lines, &text, &len);
		ssize_t n;

		if (event == JSONRPC_LINES_LINE) {
			char *copy = calloc(1, len + 1);

			return copy ? memcpy(copy, text, len) : NULL;
		}
		if (!CHECK(event == JSONRPC_LINES_EMPTY) ||
		    jsonrpc_lines_room(&host->lines, &buf, &room) != 0)
			return NULL;
		n = io_read(host->rt, host->from, buf, room, deadline);
		if (n <= 0)
			return NULL;
		jsonrpc_lines_added(&host->lines, (size_t)n);
	}
}

/* The next message as a tree, checked to be one. */
static inline json_t *host_message(struct host *host)
{
	char *line = host_line(host, patience(host->rt));
	json_t *json = line ? json_loads(line, JSON_DECODE_ANY, NULL) : NULL;

	if (!CHECK(line != NULL) || !CHECK(json != NULL))
		fprintf(stderr, "line: %s\n", line ? line : "(none)");
	free(line);
	return json;
}

static inline const char *text_at(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* The text of a tool's answer. */
static inline const char *tool_text(const json_t *message)
{
	const json_t *content =
		json_object_get(json_object_get(message, "result"), "content");

	return text_at(json_array_get(content, 0), "text");
}

static inline bool tool_failed(const json_t *message)
{
	return json_is_true(
		json_object_get(json_object_get(message, "result"), "isError"));
}

/* Nothing but the answer to this ping is under way. */
static inline void host_quiet(struct host *host)
{
	static unsigned int count;
	char id[32];
	json_t *json;

	snprintf(id, sizeof(id), "quiet-%u", ++count);
	host_send(host, "{'jsonrpc':'2.0','id':'%s','method':'ping'}", id);
	json = host_message(host);
	if (!CHECK(strcmp(text_at(json, "id"), id) == 0))
		fprintf(stderr, "instead of a pong: %s\n",
			json_dumps(json, JSON_ENCODE_ANY));
	json_decref(json);
}

/* Sends a line and wants its answer to hold `want`; NULL: no answer. */
static inline void ask(struct host *host, const char *line, const char *want)
{
	char *answer;

	host_send(host, "%s", line);
	if (!want) {
		host_quiet(host);
		return;
	}
	answer = host_line(host, patience(host->rt));
	if (!CHECK(answer && strstr(answer, want)))
		fprintf(stderr, "%s\ngot %s\nnot %s\n", line, answer, want);
	free(answer);
}

static inline void host_initialize(struct host *host, const char *version)
{
	json_t *json;

	host_send(host,
		  "{'jsonrpc':'2.0','id':0,'method':'initialize','params':{"
		  "'protocolVersion':'%s','capabilities':{},"
		  "'clientInfo':{'name':'t','version':'1'}}}",
		  version);
	json = host_message(host);
	CHECK(json_is_object(json_object_get(json, "result")));
	json_decref(json);
	host_send(host,
		  "{'jsonrpc':'2.0','method':'notifications/initialized'}");
}

/* Cancels the request with this id (JSON, ' for "). */
static inline void host_cancel(struct host *host, const char *id)
{
	host_send(host,
		  "{'jsonrpc':'2.0','method':'notifications/cancelled',"
		  "'params':{'requestId':%s}}",
		  id);
}

static inline int host_put(struct host *host, const char *id, const char *text)
{
	return inbox_put(host->tools.inbox, NULL,
			 &(struct activity_message){
				 .activity_id = id,
				 .text = text,
				 .peer_id = "",
				 .kind = "canvas_user",
				 .method = "message/send",
				 .created_at = "2026-01-01T00:00:00Z" });
}

/* How often the log holds `what`. */
static inline int host_logged(struct host *host, const char *what)
{
	char buf[65536];
	ssize_t n = pread(host->log.fd, buf, sizeof(buf) - 1, 0);
	int count = 0;

	buf[n > 0 ? n : 0] = '\0';
	for (const char *at = buf; (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

#endif
