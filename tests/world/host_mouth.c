// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io.h"
#include "runtime/task.h"
#include "tests/world/host.h"
#include "tests/world/life.h"
#include "tests/world/server.h"

#define META                                                                   \
	"\"_meta\":{\"io.modelcontextprotocol/"                                \
	"protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/"          \
	"clientCapabilities\":{}}"
/* While files are slow or fail, everything may be. */
#define BAD_DISK_S 120

uint32_t host_lot(const struct host *host, uint32_t below)
{
	return sim_random_below(sim_lot(host->life->world), below);
}

int host_rest(struct host *host, int64_t ns)
{
	int64_t ms = ns / SIM_MS;

	return task_sleep(host->rt, deadline_in_ms(host->rt, ms > 0 ? ms : 1));
}

/* --- Writing --- */

/* All of it, in one piece or in several. */
static int write_pieces(struct host *host, const char *text, size_t len)
{
	size_t first = host_lot(host, 8) ? len : host_lot(host, (uint32_t)len);
	int err = io_write_all(host->rt, host->to, text, first, NULL,
			       DEADLINE_NEVER);

	if (err == 0 && first < len)
		err = host_rest(host, 200 * SIM_MS);
	if (err == 0 && first < len)
		err = io_write_all(host->rt, host->to, text + first,
				   len - first, NULL, DEADLINE_NEVER);
	return err;
}

int host_send(struct host *host, const char *text, size_t len)
{
	int err = 0;

	while (host->writing && err == 0)
		err = cond_wait(&host->quiet, DEADLINE_NEVER);
	if (err < 0)
		return err;
	if (host->to < 0 || host->leaving)
		return -EPIPE;
	host->writing = true;
	err = write_pieces(host, text, len);
	host->writing = false;
	cond_signal(&host->quiet);
	return err;
}

static int send_message(struct host *host, const char *head, const char *method,
			const char *params, bool meta)
{
	char *line;
	int len = asprintf(&line,
			   "{\"jsonrpc\":\"2.0\",%s\"method\":\"%s\","
			   "\"params\":{%s%s%s}}\n",
			   head, method, params, meta && *params ? "," : "",
			   meta ? META : "");
	int err;

	if (len < 0)
		abort();
	sim_trace(host->life->world, "host", "> %.*s", len - 1, line);
	err = host_send(host, line, (size_t)len);
	free(line);
	return err;
}

int host_notify(struct host *host, const char *method, const char *params)
{
	return send_message(host, "", method, params, host->modern);
}

static int ask_as(struct host *host, struct ask *ask, const char *tool,
		  const char *method, const char *params)
{
	char head[64];
	int err;

	*ask = (struct ask){ .id = ++host->ids,
			     .tool = tool,
			     .next = host->asks,
			     .sent = sim_time(host->life->world) };
	event_init(host->rt, &ask->answered);
	host->asks = ask;
	host->id[ask->id] = HOST_ID_ASKED;
	host->life->requests++;
	snprintf(head, sizeof(head),
		 ask->id % 16 ? "\"id\":%u," : "\"id\":\"s%u\",", ask->id);
	err = send_message(host, head, method, params, host->modern);
	ask->sent = sim_time(host->life->world);
	return err;
}

int host_ask(struct host *host, struct ask *ask, const char *method,
	     const char *params)
{
	return ask_as(host, ask, method, method, params);
}

int host_call(struct host *host, struct ask *ask, const char *tool,
	      const char *arguments)
{
	char *params;
	int err;

	if (asprintf(&params, "\"name\":\"%s\",\"arguments\":{%s}", tool,
		     arguments) < 0)
		abort();
	if (strcmp(tool, "delegate_task") == 0)
		host->delegates++;
	err = ask_as(host, ask, tool, "tools/call", params);
	free(params);
	return err;
}

void host_cancel(struct host *host, struct ask *ask)
{
	unsigned i = host->cancels++ % HOST_CANCELLED;
	char params[64];

	snprintf(params, sizeof(params),
		 ask->id % 16 ? "\"requestId\":%u" : "\"requestId\":\"s%u\"",
		 ask->id);
	if (host_notify(host, "notifications/cancelled", params) < 0)
		return;
	host->cancelled[i].id = ask->id;
	host->cancelled[i].at = sim_time(host->life->world);
}

/* --- Waiting --- */

/* Whether somebody is to blame for it that there is no answer. */
static bool is_late(const struct host *host, const struct ask *ask)
{
	const struct life *life = host->life;
	const struct server *server = life->server;

	return !host->gone && !host->leaving && !host->deaf && server &&
	       !server->weak && host->heard < ask->sent;
}

json_t *host_await(struct host *host, struct ask *ask, int secs)
{
	struct life *life = host->life;
	int64_t ms = (int64_t)secs * 1000 + 3000;
	int err;

	if (life->weather.disk)
		ms += (int64_t)BAD_DISK_S * 1000;
	err = event_wait(&ask->answered, deadline_in_ms(host->rt, ms));
	if (err == -ETIMEDOUT && is_late(host, ask) && !life->weather.disk)
		sim_fail(life->world,
			 "request %u (%s) has not been answered for %.0f s",
			 ask->id, ask->tool,
			 (double)(sim_time(life->world) - ask->sent) / 1e9);
	return ask->answer;
}

void host_forget(struct host *host, struct ask *ask)
{
	struct ask **link = &host->asks;

	if (strcmp(ask->tool, "delegate_task") == 0)
		host->delegates--;

	while (*link && *link != ask)
		link = &(*link)->next;
	if (*link)
		*link = ask->next;
	json_decref(ask->answer);
	ask->answer = NULL;
}
