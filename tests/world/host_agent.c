// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/task.h"
#include "tests/world/host.h"
#include "tests/world/life.h"
#include "tests/world/town.h"

#define MINUTE (60 * SIM_S)
/* Within so many seconds a tool answers that asks nobody; and one that does. */
#define LOCAL_S 5
#define REMOTE_S 400
#define PEEK_MAX 15
#define PEEK_ALL 250

/* --- What it does with a message --- */

static bool in_a_hurry(const struct host *host)
{
	return host->life->late;
}

static void think(struct host *host)
{
	int64_t mean = in_a_hurry(host) ? 5 * SIM_MS : 8 * SIM_S;

	host_rest(host, plan_about(sim_lot(host->life->world), mean));
}

static void pop(struct host *host, const char *id)
{
	char arguments[128];
	struct ask ask;

	snprintf(arguments, sizeof(arguments), "\"activity_id\":\"%s\"", id);
	letters_pop_asked(host->life, id);
	host_call(host, &ask, "inbox_pop", arguments);
	host_await(host, &ask, LOCAL_S);
	host_forget(host, &ask);
}

static void tell_user(struct host *host)
{
	struct ask ask;

	host_call(host, &ask, "send_message_to_user", "\"message\":\"Done.\"");
	host_await(host, &ask, REMOTE_S);
	host_forget(host, &ask);
}

static void delegate(struct host *host, const char *peer)
{
	char arguments[160];
	struct ask ask;

	snprintf(arguments, sizeof(arguments),
		 "\"workspace_id\":\"%s\",\"task\":\"Do it.\"", peer);
	if (strcmp(peer, TOWN_PEER_POLL) == 0)
		town_asked(host->life->town, 0);
	host_call(host, &ask, "delegate_task", arguments);
	host_await(host, &ask, REMOTE_S);
	host_forget(host, &ask);
}

static void reply(struct host *host, const json_t *message)
{
	const char *kind = json_string_value(json_object_get(message, "kind"));

	if (in_a_hurry(host) || host_lot(host, 3) == 0)
		return;
	if (kind && strcmp(kind, "peer_agent") == 0)
		delegate(host, TOWN_PEER_POLL);
	else
		tell_user(host);
}

static void deal_with(struct host *host, const json_t *message)
{
	const char *id =
		json_string_value(json_object_get(message, "activity_id"));

	if (!id)
		return;
	think(host);
	reply(host, message);
	if (in_a_hurry(host) || host_lot(host, 100) >= host->life->plan.forgets)
		pop(host, id);
	else
		host_rest(host, 20 * SIM_S);
}

/* --- How it gets messages --- */

static int wait_secs(const struct host *host)
{
	static const int some[] = { 0, 2, 55, 55, 60, 120, 300, 300 };

	return some[host_lot(host, 8)];
}

static void wait_for_message(struct host *host)
{
	int secs = wait_secs(host);
	char arguments[64];
	struct ask ask;
	json_t *result;
	bool none;

	snprintf(arguments, sizeof(arguments), "\"timeout_secs\":%d", secs);
	host_call(host, &ask, "wait_for_message", arguments);
	result = host_result(host_await(host, &ask, secs + LOCAL_S));
	none = !json_object_get(result, "activity_id");
	deal_with(host, result);
	json_decref(result);
	host_forget(host, &ask);
	if (secs < 10 && none)
		host_rest(host, 30 * SIM_S);
}

static void peek(struct host *host)
{
	char arguments[64];
	struct ask ask;
	json_t *result, *messages;
	uint32_t count;

	snprintf(arguments, sizeof(arguments), "\"limit\":%u",
		 1 + host_lot(host, host_lot(host, 10) ? PEEK_MAX : PEEK_ALL));
	host_call(host, &ask, "inbox_peek", arguments);
	result = host_result(host_await(host, &ask, LOCAL_S));
	messages = host_messages(result);
	count = (uint32_t)json_array_size(messages);
	if (count > 0)
		deal_with(host,
			  json_array_get(messages, host_lot(host, count)));
	json_decref(result);
	host_forget(host, &ask);
}

void host_agent_task(struct rt *rt, void *arg)
{
	struct host *host = arg;

	while (task_cancelled(rt) == 0 && !host->gone && !host->leaving) {
		if (host_lot(host, 5))
			wait_for_message(host);
		else
			peek(host);
		host_rest(host, in_a_hurry(host) ? SIM_MS : SIM_S);
	}
}

/* --- Other ideas --- */

/* At once, while something is on its way, or after a while. */
static void rest_before_cancel(struct host *host)
{
	static const int64_t means[] = { 100 * SIM_MS, 2 * SIM_S };
	uint32_t which = host_lot(host, 3);

	if (which < 2)
		host_rest(host,
			  plan_about(sim_lot(host->life->world), means[which]));
}

static void call_and_cancel(struct host *host, const char *tool,
			    const char *arguments)
{
	struct ask ask;

	host_call(host, &ask, tool, arguments);
	rest_before_cancel(host);
	if (!ask.answer)
		host_cancel(host, &ask);
	host_forget(host, &ask);
}

static void change_its_mind(struct host *host)
{
	static const char *const tools[][2] = {
		{ "wait_for_message", "\"timeout_secs\":60" },
		{ "list_peers", "" },
		{ "send_message_to_user", "\"message\":\"Never mind.\"" },
		{ "delegate_task", "\"workspace_id\":\"" TOWN_PEER_POLL
				   "\",\"task\":\"Wait.\"" },
		{ "commit_memory", "\"content\":\"this\",\"scope\":\"LOCAL\"" },
		{ "inbox_peek", "\"limit\":1" },
	};
	uint32_t which = host_lot(host, sizeof(tools) / sizeof(tools[0]));

	call_and_cancel(host, tools[which][0], tools[which][1]);
}

static void pop_and_cancel(struct host *host)
{
	const char *id = letters_some(host->life);
	char arguments[128];

	if (!id)
		return;
	snprintf(arguments, sizeof(arguments), "\"activity_id\":\"%s\"", id);
	letters_pop_asked(host->life, id);
	call_and_cancel(host, "inbox_pop", arguments);
}

static void ask_for(struct host *host, const char *method, const char *params,
		    int secs)
{
	struct ask ask;

	host_ask(host, &ask, method, params);
	host_await(host, &ask, secs);
	host_forget(host, &ask);
}

static void call_for(struct host *host, const char *tool, const char *arguments)
{
	struct ask ask;

	host_call(host, &ask, tool, arguments);
	host_await(host, &ask, REMOTE_S);
	host_forget(host, &ask);
}

static void talk_nonsense(struct host *host)
{
	static const char *const lines[] = {
		"\n",
		"{\n",
		"[]\n",
		"null\n",
		"\"\"\n",
		"{}\n",
		"\xff\xfe\n",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":7}\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/no\"}\n",
	};
	const char *line =
		lines[host_lot(host, sizeof(lines) / sizeof(lines[0]))];

	host_send(host, line, strlen(line));
}

static void be_deaf(struct host *host)
{
	host->deaf = true;
	host->heard = sim_time(host->life->world);
	host_rest(host, plan_about(sim_lot(host->life->world), MINUTE));
	host->deaf = false;
}

static void fidget(struct host *host)
{
	switch (host_lot(host, 14)) {
	case 0:
		ask_for(host, "tools/list", "", LOCAL_S);
		break;
	case 1:
		ask_for(host, host->modern ? "server/discover" : "ping", "",
			LOCAL_S);
		break;
	case 2:
		ask_for(host, "resources/list", "", LOCAL_S);
		break;
	case 3:
		call_for(host, "list_peers", "");
		break;
	case 4:
		call_for(host, "get_workspace_info", "");
		break;
	case 5:
		call_for(host, "commit_memory",
			 "\"content\":\"that\",\"scope\":\"LOCAL\"");
		break;
	case 6:
		call_for(host, "recall_memory", "\"query\":\"that\"");
		break;
	case 7:
		delegate(host,
			 host_lot(host, 2) ? TOWN_PEER_PUSH : TOWN_PEER_POLL);
		break;
	case 8:
		talk_nonsense(host);
		break;
	case 9:
		be_deaf(host);
		break;
	case 10:
		pop_and_cancel(host);
		break;
	default:
		change_its_mind(host);
	}
}

void host_fidget_task(struct rt *rt, void *arg)
{
	struct host *host = arg;
	struct sim_random *lot = sim_lot(host->life->world);

	while (host_rest(host, plan_about(lot, 10 * MINUTE)) == 0 &&
	       !host->gone && !host->leaving && !in_a_hurry(host))
		fidget(host);
	(void)rt;
}
