// SPDX-License-Identifier: MIT
/*
 * idle - what molecule-mcp costs while nothing happens: requests, connections,
 * memory, context switches, and by strace the system calls. Its requests go
 * through a relay that counts them and writes them down; then idle_curl, a
 * libcurl multi client, sends the same ones at the same times and is measured
 * in the same way.
 *
 * Each is measured for BENCH_SECONDS (60) undisturbed, after it has
 * settled, and then for as long under strace, whose stops would show up as
 * context switches.
 *
 * With BENCH_HTTPS=1 both speak https, to nginx, and every root of the system
 * is in the file that they are given. What they open is counted by a second
 * relay, in front of nginx.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/nginx.h"
#include "bench/relay.h"
#include "bench/util.h"
#include "bench/world.h"

#define SETTLE_MS 25000	     /* past the first beat that meets a poll */
#define PEER_SETTLE_MS 21000 /* past its first heartbeat */
#define CALLS_MOST 64

struct call {
	char name[32];
	long count;
};

struct figures {
	long requests, handshakes, opened, open;
	long rss_kb, anon_kb, threads, workers;
	long yielded, forced; /* context switches, voluntary and not */
	long traced_requests;
	struct call calls[CALLS_MOST];
	size_t kinds;
	bool traced;
};

/* The number after `field` in /proc/PID/status. */
static long status_of(pid_t pid, const char *field)
{
	char path[64], line[256];
	long value = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		bench_die("process %d has ended", (int)pid);
	while (value < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0 &&
		    line[strlen(field)] == ':')
			value = strtol(line + strlen(field) + 1, NULL, 10);
	fclose(file);
	return value;
}

/* Threads that io_uring made for what it cannot do without blocking. */
static long workers_of(pid_t pid)
{
	char pattern[64], name[32];
	glob_t threads;
	long workers = 0;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/comm", (int)pid);
	if (glob(pattern, 0, NULL, &threads) != 0)
		return -1;
	for (size_t i = 0; i < threads.gl_pathc; i++) {
		FILE *file = fopen(threads.gl_pathv[i], "re");

		if (!file)
			continue;
		if (fgets(name, sizeof(name), file))
			workers += strncmp(name, "iou-", 4) == 0;
		fclose(file);
	}
	globfree(&threads);
	return workers;
}

/* The figures of strace -c, between two rules: % time, seconds, us/call,
 * calls, errors (may be missing), name. */
static void read_calls(const char *path, struct figures *figures)
{
	FILE *file = fopen(path, "re");
	char line[256];
	int rules = 0;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		struct call *call = &figures->calls[figures->kinds];
		char *words[6], *save;
		size_t n = 0;

		if (line[0] == '-') {
			rules++;
			continue;
		}
		for (char *word = strtok_r(line, " \n", &save); word && n < 6;
		     word = strtok_r(NULL, " \n", &save))
			words[n++] = word;
		if (rules != 1 || n < 5 || figures->kinds == CALLS_MOST)
			continue;
		call->count = strtol(words[3], NULL, 10);
		snprintf(call->name, sizeof(call->name), "%s", words[n - 1]);
		figures->kinds++;
	}
	fclose(file);
	figures->traced = rules > 0;
}

static void trace(pid_t pid, struct relay *relay, int64_t ms, const char *dir,
		  struct figures *figures)
{
	char file[96], target[16];
	pid_t tracer = fork();

	snprintf(file, sizeof(file), "%s/strace", dir);
	snprintf(target, sizeof(target), "%d", (int)pid);
	if (tracer == 0) {
		execlp("strace", "strace", "-c", "-f", "-qq", "-o", file, "-p",
		       target, (char *)NULL);
		_exit(127);
	}
	while (status_of(pid, "TracerPid") == 0) {
		if (waitpid(tracer, NULL, WNOHANG) != 0)
			return;
		relay_run(relay, 1);
	}
	relay_reset(relay, NULL);
	relay_run(relay, ms);
	figures->traced_requests = relay->requests;
	kill(tracer, SIGINT);
	waitpid(tracer, NULL, 0);
	read_calls(file, figures);
}

/* The relay that the client itself is connected to. */
static struct relay *front_of(struct relay *relay)
{
	return relay->with ? relay->with : relay;
}

static void measure(pid_t pid, struct relay *relay, int64_t ms, FILE *record,
		    const char *dir, struct figures *figures)
{
	relay_reset(relay, record);
	relay_reset(front_of(relay), relay->with ? NULL : record);
	long yielded = status_of(pid, "voluntary_ctxt_switches");
	long forced = status_of(pid, "nonvoluntary_ctxt_switches");
	relay_run(relay, ms);
	figures->yielded = status_of(pid, "voluntary_ctxt_switches") - yielded;
	figures->forced = status_of(pid, "nonvoluntary_ctxt_switches") - forced;
	figures->requests = relay->requests;
	figures->handshakes = front_of(relay)->handshakes;
	figures->opened = front_of(relay)->opened;
	figures->open = front_of(relay)->open;
	figures->rss_kb = status_of(pid, "VmRSS");
	figures->anon_kb = status_of(pid, "RssAnon");
	figures->threads = status_of(pid, "Threads");
	figures->workers = workers_of(pid);
	trace(pid, relay, ms, dir, figures);
}

static void row(const char *what, long ours, long curl)
{
	printf("  %-34s %12ld %12ld\n", what, ours, curl);
}

static long calls_named(const struct figures *figures, const char *name)
{
	for (size_t i = 0; i < figures->kinds; i++)
		if (strcmp(figures->calls[i].name, name) == 0)
			return figures->calls[i].count;
	return 0;
}

static double per_request(const struct figures *figures)
{
	long calls = 0;

	for (size_t i = 0; i < figures->kinds; i++)
		calls += figures->calls[i].count;
	return figures->traced_requests
		       ? (double)calls / (double)figures->traced_requests
		       : 0;
}

static void report(const struct figures *ours, const struct figures *curl,
		   int64_t seconds)
{
	printf("idle for %lld s                       %12s %12s\n",
	       (long long)seconds, "molecule-mcp", "libcurl");
	row("HTTP requests", ours->requests, curl->requests);
	row("connections open", ours->open, curl->open);
	row("connections opened meanwhile", ours->opened, curl->opened);
	row("TLS handshakes meanwhile", ours->handshakes, curl->handshakes);
	row("VmRSS, KiB", ours->rss_kb, curl->rss_kb);
	row("of it anonymous, KiB", ours->anon_kb, curl->anon_kb);
	row("threads", ours->threads, curl->threads);
	row("of them the kernel's for io_uring", ours->workers, curl->workers);
	row("voluntary context switches", ours->yielded, curl->yielded);
	row("involuntary context switches", ours->forced, curl->forced);
	if (!ours->traced || !curl->traced) {
		printf("  no system calls: strace may not attach here (run as "
		       "root)\n");
		return;
	}
	printf("%lld s under strace -c -f\n", (long long)seconds);
	row("HTTP requests", ours->traced_requests, curl->traced_requests);
	for (size_t i = 0; i < ours->kinds; i++)
		row(ours->calls[i].name, ours->calls[i].count,
		    calls_named(curl, ours->calls[i].name));
	for (size_t i = 0; i < curl->kinds; i++)
		if (calls_named(ours, curl->calls[i].name) == 0)
			row(curl->calls[i].name, 0, curl->calls[i].count);
	printf("  %-34s %12.2f %12.2f\n", "system calls per request",
	       per_request(ours), per_request(curl));
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

static void measure_ours(struct world *world, struct relay *relay,
			 int64_t seconds, const char *trace_path,
			 struct figures *ours)
{
	static struct child mcp;
	static char path[PATH_MAX], line[16384];

	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	child_start(&mcp, (char *[]){ path, NULL }, world->env, 0);
	child_write(&mcp, WORLD_INITIALIZE);
	child_line(&mcp, line, sizeof(line));
	child_write(&mcp, WORLD_INITIALIZED);
	FILE *record = fopen(trace_path, "we");
	if (!record)
		bench_die("%s: %s", trace_path, strerror(errno));
	relay_run(relay, SETTLE_MS);
	measure(mcp.pid, relay, seconds * 1000, record, world->dir, ours);
	fclose(record);
	child_end(&mcp);
	relay_run(relay, 100);
}

static void measure_curl(struct world *world, struct relay *relay,
			 int64_t seconds, char *trace_path, char *roots,
			 struct figures *curl)
{
	static struct child peer;
	static char path[PATH_MAX];
	char window[24], url[48];

	snprintf(window, sizeof(window), "%lld", (long long)seconds * 1000);
	snprintf(url, sizeof(url), "%s://127.0.0.1:%d",
		 roots ? "https" : "http", front_of(relay)->port);
	bench_beside(path, sizeof(path), 0, "idle_curl");
	child_start(&peer,
		    (char *[]){ path, trace_path, window, url, roots, NULL },
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
	static struct figures ours, curl;
	char trace_path[96];
	int64_t seconds = bench_setting("BENCH_SECONDS", 60);
	bool https = getenv("BENCH_HTTPS") != NULL;

	world_open(&world);
	relay_open(&relay, world.port);
	world_set_port(&world, relay.port);
	if (https)
		secure(&world, &relay, &nginx);
	snprintf(trace_path, sizeof(trace_path), "%s/trace", world.dir);
	measure_ours(&world, &relay, seconds, trace_path, &ours);
	measure_curl(&world, &relay, seconds, trace_path,
		     https ? nginx.bundle : NULL, &curl);
	if (https)
		nginx_close(&nginx);
	world_close(&world);
	if (https)
		printf("over https\n");
	report(&ours, &curl, seconds);
	return 0;
}
