// SPDX-License-Identifier: MIT
#include "tests/world/host.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "runtime/io.h"
#include "runtime/task.h"
#include "tests/world/heap.h"
#include "tests/world/life.h"
#include "tests/world/server.h"

#define HANDSHAKE_S 20
#define DEAF_MS 1000

/* --- The beginning --- */

static void shake_hands(struct host *host)
{
	static const char *const protocols[] = { "2024-11-05", "2025-03-26",
						 "2025-06-18", "2025-11-25" };
	char params[256];
	struct ask ask;

	host->protocol = protocols[host_lot(host, 4)];
	snprintf(params, sizeof(params),
		 "\"protocolVersion\":\"%s\",\"capabilities\":{},"
		 "\"clientInfo\":{\"name\":\"simulation\",\"version\":\"1\"}",
		 host->protocol);
	host_ask(host, &ask, "initialize", params);
	host_await(host, &ask, HANDSHAKE_S);
	host_forget(host, &ask);
	host_notify(host, "notifications/initialized", "");
}

static void discover(struct host *host)
{
	struct ask ask;

	host_ask(host, &ask, "server/discover", "");
	host_await(host, &ask, HANDSHAKE_S);
	host_forget(host, &ask);
}

static void begin_task(struct rt *rt, void *arg)
{
	struct host *host = arg;

	(void)rt;
	if (host->modern)
		discover(host);
	else
		shake_hands(host);
	if (host->gone || host->leaving)
		return;
	task_spawn(&host->agents, "agent", TASK_STACK_LARGE, host_agent_task,
		   host);
	if (host_lot(host, 100) < host->life->plan.fidgets)
		task_spawn(&host->agents, "fidget", TASK_STACK_LARGE,
			   host_fidget_task, host);
}

/* --- The end --- */

static void send_signal(struct host *host)
{
	struct signalfd_siginfo info = { .ssi_signo = SIGTERM };

	io_write_all(host->rt, host->signals, &info, sizeof(info), NULL,
		     DEADLINE_NEVER);
}

/* Ends the session as it was planned; or the server has ended it. */
static void leave(struct host *host)
{
	host->leaving = true;
	if (host->end == PLAN_END_DEAF)
		host->deaf = true;
	if (host->end == PLAN_END_DEAF)
		task_sleep(host->rt, deadline_in_ms(host->rt, DEAF_MS));
	scope_close(&host->agents);
	if (host->gone)
		return;
	server_asked(host->life);
	if (host->end == PLAN_END_SIGNAL)
		send_signal(host);
	else
		io_close(host->rt, host->to);
	if (host->end != PLAN_END_SIGNAL)
		host->to = -1;
}

static int host_main(struct rt *rt, void *arg)
{
	struct host *host = arg;
	struct deadline end = deadline_in_ms(rt, host->lasts / SIM_MS);
	struct scope ears;

	host->rt = rt;
	event_init(rt, &host->over);
	cond_init(rt, &host->quiet);
	scope_open(rt, &ears, DEADLINE_NEVER);
	scope_open(rt, &host->agents, DEADLINE_NEVER);
	task_spawn(&ears, "ear", TASK_STACK_LARGE, host_ear_task, host);
	task_spawn(&ears, "log", TASK_STACK_NORMAL, host_log_task, host);
	task_spawn(&host->agents, "begin", TASK_STACK_LARGE, begin_task, host);
	event_wait(&host->over, end);
	leave(host);
	scope_join(&ears);
	return 0;
}

static void ended(struct sim_process *process, void *arg, int result,
		  bool killed)
{
	struct host *host = arg;
	struct life *life = host->life;

	(void)process;
	(void)result;
	if (killed && host->delegates > 0)
		letters_unheard(life);
	heap_drop(host->owner);
	life->host = NULL;
	free(host);
	life_host_ended(life);
}

void host_start(struct life *life)
{
	struct host *host = calloc(1, sizeof(*host));
	struct sim_process *server = life->server->process;
	struct sim_random *lot = sim_lot(life->world);
	uint32_t room = sim_random_below(lot, 4) ? 65536 : 4096;
	int in = 0, out = 1, err = 2;

	if (!host)
		abort();
	life->host = host;
	host->life = life;
	host->to = host->from = host->log = host->signals = -1;
	host->modern = sim_random_below(lot, 100) < life->plan.modern;
	host->end = sim_random_below(lot, PLAN_END_COUNT);
	host->lasts = plan_about(lot, life->plan.session_ns) + SIM_S;
	host->process = sim_process_start(
		life->laptop, &(struct sim_program){ .name = "host",
						     .main = host_main,
						     .arg = host,
						     .ended = ended,
						     .max_tasks = 256 });
	host->owner = sim_process_owner(host->process);
	sim_pipe(server, &in, host->process, &host->to, room);
	sim_pipe(host->process, &host->from, server, &out, room);
	sim_pipe(host->process, &host->log, server, &err, 65536);
	life->server->signal_fd = -1;
	sim_pipe(server, &life->server->signal_fd, host->process,
		 &host->signals, 4096);
	sim_records(server, life->server->signal_fd);
	sim_records(host->process, host->signals);
}
