// SPDX-License-Identifier: MIT
/*
 * idle - what molecule-mcp costs while nothing happens: requests, connections,
 * memory, context switches, and by strace the system calls. Its requests go
 * through a relay that counts them and writes them down; then idle_curl, a
 * libcurl multi client, sends the same ones at the same times and is measured
 * in the same way. Before that, molecule-mcp is measured on epoll, too, for
 * what that costs in CPU.
 *
 * Each is measured for BENCH_SECONDS (60) undisturbed, after it has
 * settled, and then for as long under strace, whose stops would show up as
 * context switches.
 *
 * With BENCH_STREAM=0 the platform has no event stream, and they poll more.
 * With BENCH_HTTPS=1 both speak https, to nginx, and every root of the system
 * is in the file that they are given. What they open is counted by a second
 * relay, in front of nginx.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cost.h"
#include "bench/nginx.h"
#include "bench/relay.h"
#include "bench/util.h"
#include "bench/world.h"

/* Past the first beat that meets a poll: with the stream, polls are rare. */
#define SETTLE_MS 25000
#define STREAM_SETTLE_MS 65000
#define PEER_SETTLE_MS 21000 /* past its first heartbeat */

/* The bars of issue 5, a minute: with the event stream and without; 0: none. */
struct bars {
	long wakes, calls, requests;
};
static const struct bars with_stream = { 12, 30, 5 };
static const struct bars without_stream = { 26, 45, 0 };
/* The bar of issue 6: CPU on epoll, times that on io_uring. */
#define OF_URING_MOST 2.0

struct figures {
	struct cost cost;
	struct cost_calls calls;
	long requests, handshakes, opened, open;
	long traced_requests;
};

static void trace(pid_t pid, struct relay *relay, int64_t ms, const char *dir,
		  struct figures *figures)
{
	struct cost_trace strace;
	int ready;

	cost_trace_begin(&strace, pid, dir);
	while ((ready = cost_trace_ready(&strace)) == 0)
		relay_run(relay, 1);
	relay_reset(relay, NULL);
	if (ready > 0)
		relay_run(relay, ms);
	figures->traced_requests = relay->requests;
	cost_trace_end(&strace, &figures->calls);
}

/* The relay that the client itself is connected to. */
static struct relay *front_of(struct relay *relay)
{
	return relay->with ? relay->with : relay;
}

/* Without `dir`, for the files of strace, it is not traced. */
static void measure(pid_t pid, struct relay *relay, int64_t ms, FILE *record,
		    const char *dir, struct figures *figures)
{
	struct cost before, after;

	relay_reset(relay, record);
	relay_reset(front_of(relay), relay->with ? NULL : record);
	cost_read(pid, &before);
	relay_run(relay, ms);
	cost_read(pid, &after);
	figures->cost = cost_since(&after, &before);
	figures->requests = relay->requests;
	figures->handshakes = front_of(relay)->handshakes;
	figures->opened = front_of(relay)->opened;
	figures->open = front_of(relay)->open;
	if (dir)
		trace(pid, relay, ms, dir, figures);
}

static void row(const char *what, long ours, long curl)
{
	printf("  %-34s %12ld %12ld\n", what, ours, curl);
}

/* A row with a bar for a minute. */
static void barred(const char *what, long ours, long curl, long bar,
		   int64_t seconds)
{
	long most = bar * (long)seconds / 60;

	if (bar == 0)
		row(what, ours, curl);
	else
		printf("  %-34s %12ld %12ld  at most %ld: %s\n", what, ours,
		       curl, most, ours <= most ? "holds" : "MISSED");
}

static double per_request(const struct figures *figures)
{
	return figures->traced_requests
		       ? (double)figures->calls.total /
				 (double)figures->traced_requests
		       : 0;
}

static void report_calls(const struct figures *ours, const struct figures *curl,
			 const struct bars *bars, int64_t seconds)
{
	const struct cost_calls *a = &ours->calls, *b = &curl->calls;

	if (!a->traced || !b->traced) {
		printf("  no system calls: strace may not attach here (run as "
		       "root)\n");
		return;
	}
	printf("%lld s under strace -c -f\n", (long long)seconds);
	row("HTTP requests", ours->traced_requests, curl->traced_requests);
	for (size_t i = 0; i < a->kinds; i++)
		row(a->calls[i].name, a->calls[i].count,
		    cost_calls_of(b, a->calls[i].name));
	for (size_t i = 0; i < b->kinds; i++)
		if (cost_calls_of(a, b->calls[i].name) == 0)
			row(b->calls[i].name, 0, b->calls[i].count);
	barred("system calls together", a->total, b->total, bars->calls,
	       seconds);
	printf("  %-34s %12.2f %12.2f\n", "system calls per request",
	       per_request(ours), per_request(curl));
}

static void report(const struct figures *ours, const struct figures *curl,
		   const struct bars *bars, int64_t seconds)
{
	const struct cost *a = &ours->cost, *b = &curl->cost;

	printf("idle for %lld s                       %12s %12s\n",
	       (long long)seconds, "molecule-mcp", "libcurl");
	barred("HTTP requests", ours->requests, curl->requests, bars->requests,
	       seconds);
	row("connections open", ours->open, curl->open);
	row("connections opened meanwhile", ours->opened, curl->opened);
	row("TLS handshakes meanwhile", ours->handshakes, curl->handshakes);
	row("VmRSS, KiB", a->rss_kb, b->rss_kb);
	row("of it anonymous, KiB", a->anon_kb, b->anon_kb);
	row("threads", a->threads, b->threads);
	row("of them the kernel's for io_uring", a->workers, b->workers);
	row("voluntary context switches", a->yielded, b->yielded);
	row("involuntary context switches", a->forced, b->forced);
	row("of them of the kernel's threads", a->of_workers, b->of_workers);
	barred("wake-ups: both together", a->yielded + a->forced,
	       b->yielded + b->forced, bars->wakes, seconds);
	printf("  %-34s %12.2f %12.2f\n", "CPU, ms", a->cpu_ms, b->cpu_ms);
	report_calls(ours, curl, bars, seconds);
}

static void report_epoll(const struct figures *uring,
			 const struct figures *epoll)
{
	const struct cost *a = &uring->cost, *b = &epoll->cost;
	double times = b->cpu_ms / a->cpu_ms;

	printf("molecule-mcp, not traced                %12s %12s\n",
	       "io_uring", "epoll");
	row("HTTP requests", uring->requests, epoll->requests);
	row("threads", a->threads, b->threads);
	row("wake-ups: context switches", a->yielded + a->forced,
	    b->yielded + b->forced);
	printf("  %-34s %12.2f %12.2f\n", "CPU, ms", a->cpu_ms, b->cpu_ms);
	printf("  %-34s %25.2f  at most %.1f: %s\n", "epoll, times io_uring",
	       times, OF_URING_MOST,
	       times <= OF_URING_MOST ? "holds" : "MISSED");
}

/* Puts nginx and a relay before it in front of `relay`. */
static void secure(struct world *world, struct relay *relay,
		   struct nginx *nginx)
{
	static struct relay front;

	nginx_open(nginx, relay->port);
	relay_open(&front, nginx->ports[NGINX_ECDSA]);
	front.tls = true;
	relay->with = &front;
	world_set_https(world, front.port, nginx->bundle);
}

/* On io_uring it is traced, and its requests are written to `trace_path`. */
static void measure_ours(struct world *world, struct relay *relay,
			 int64_t settle_ms, int64_t seconds, bool uring,
			 const char *trace_path, struct figures *ours)
{
	static char on_uring[] = "MOLECULE_IO_BACKEND=uring";
	static char on_epoll[] = "MOLECULE_IO_BACKEND=epoll";
	static struct child mcp;
	static char path[PATH_MAX], line[16384];
	FILE *record = NULL;

	world_set(world, uring ? on_uring : on_epoll);

	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	child_start(&mcp, (char *[]){ path, NULL }, world->env, 0);
	child_write(&mcp, WORLD_INITIALIZE);
	child_line(&mcp, line, sizeof(line));
	child_write(&mcp, WORLD_INITIALIZED);
	if (uring)
		record = fopen(trace_path, "we");
	if (uring && !record)
		bench_die("%s: %s", trace_path, strerror(errno));
	relay_run(relay, settle_ms);
	measure(mcp.pid, relay, seconds * 1000, record,
		uring ? world->dir : NULL, ours);
	if (record)
		fclose(record);
	child_end(&mcp);
	relay_run(relay, 100);
}

static void measure_curl(struct world *world, struct relay *relay,
			 int64_t seconds, char *trace_path, char *roots,
			 bool stream, struct figures *curl)
{
	static char events[] = "/workspaces/" WORLD_WORKSPACE "/events/stream";
	static struct child peer;
	static char path[PATH_MAX];
	char window[24], url[48];

	snprintf(window, sizeof(window), "%lld", (long long)seconds * 1000);
	snprintf(url, sizeof(url), "%s://127.0.0.1:%d",
		 roots ? "https" : "http", front_of(relay)->port);
	bench_beside(path, sizeof(path), 0, "idle_curl");
	child_start(&peer,
		    (char *[]){ path, trace_path, window, url,
				roots ? roots : (char *)"-",
				stream ? events : NULL, NULL },
		    environ, 0);
	relay_run(relay, PEER_SETTLE_MS);
	measure(peer.pid, relay, seconds * 1000, NULL, world->dir, curl);
	kill(peer.pid, SIGTERM);
	child_end(&peer);
}

int main(void)
{
	static struct world world;
	static struct relay relay;
	static struct nginx nginx;
	static struct figures ours, epoll, curl;
	char trace_path[96];
	int64_t seconds = bench_setting("BENCH_SECONDS", 60);
	bool https = getenv("BENCH_HTTPS") != NULL;
	const char *choice = getenv("BENCH_STREAM");
	bool stream = !choice || strcmp(choice, "0") != 0;
	int64_t settle_ms = stream ? STREAM_SETTLE_MS : SETTLE_MS;

	world_open_with(&world, (const char *[]){ stream ? NULL : "--no-stream",
						  NULL });
	relay_open(&relay, world.port);
	world_set_port(&world, relay.port);
	if (https)
		secure(&world, &relay, &nginx);
	snprintf(trace_path, sizeof(trace_path), "%s/trace", world.dir);
	measure_ours(&world, &relay, settle_ms, seconds, true, trace_path,
		     &ours);
	measure_ours(&world, &relay, settle_ms, seconds, false, NULL, &epoll);
	measure_curl(&world, &relay, seconds, trace_path,
		     https ? nginx.bundle : NULL, stream, &curl);
	if (https)
		nginx_close(&nginx);
	world_close(&world);
	printf("over %s, %s event stream\n", https ? "https" : "http",
	       stream ? "with the" : "without");
	report(&ours, &curl, stream ? &with_stream : &without_stream, seconds);
	report_epoll(&ours, &epoll);
	return 0;
}
