// SPDX-License-Identifier: MIT
/*
 * scale - BENCH_WORKSPACES (1000) workspaces in one molecule-mcp, on a platform
 * whose counters say what it got. Cases, of which BENCH_CASES chooses:
 *
 *	start	 the time to the answer of `initialize`, beside one workspace's
 *	polling	 without event streams, and then scale_curl with the same
 *		 requests
 *	streams	 with BENCH_STREAMS (100) event streams; the rest polls
 *	limit	 the platform allows BENCH_LIMIT (600) requests a minute
 *
 * What it costs is taken for BENCH_SECONDS (60) after BENCH_SETTLE (75), and
 * then its system calls for as long.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/console.h"
#include "bench/cost.h"
#include "bench/util.h"
#include "bench/world.h"

#define STARTS 11
#define PEER_SETTLE_S 25 /* it has opened its connections */
#define LIMIT_MINUTES 2
#define GAP_MOST_S 25
#define BEAT_MOST_S 60
#define LOG_LINES 4 /* the last ones are shown */
#define LOG_WIDTH 300

static struct {
	struct world world;
	struct console console;
	struct child mcp;
	long workspaces, seconds, settle;
	char list[64];	    /* the file of workspaces */
	char variable[112]; /* that names it to molecule-mcp */
	char streams[48];   /* the bound of streams, "" the preset */
	char log[96];	    /* molecule-mcp's stderr */
} run;

/* What is measured of one process, the platform's side included. */
struct figures {
	struct cost cost;
	struct cost_calls calls;
	double requests, traced, opened, open, streams;
	double gap_s, late, answers_4xx, answers_5xx;
};

static void pause_s(long seconds)
{
	struct timespec wait = { .tv_sec = seconds };

	while (nanosleep(&wait, &wait) != 0)
		;
}

/* Starts the platform with those flags; the environment is for all its
 * workspaces. */
static void begin(const char *const *flags)
{
	static char more[24];
	const char *all[WORLD_FLAGS_MAX + 1] = { "--workspaces", more,
						 "--workspaces-file",
						 run.list };

	snprintf(more, sizeof(more), "%ld", run.workspaces - 1);
	for (int i = 0; flags[i]; i++)
		all[4 + i] = flags[i];
	world_open_with(&run.world, all);
	snprintf(run.log, sizeof(run.log), "%s/log", run.world.dir);
	snprintf(run.variable, sizeof(run.variable),
		 "MOLECULE_WORKSPACES_FILE=%s", run.list);
	console_open(&run.console, run.world.port);
}

static void end(void)
{
	fflush(stdout);
	console_close(&run.console);
	world_close(&run.world);
	unlink(run.list);
}

/* Starts molecule-mcp, as a client that begins; its stderr goes to the log. */
static void start_ours(void)
{
	static char path[PATH_MAX], line[16384];

	world_set(&run.world, run.variable);
	if (*run.streams)
		world_set(&run.world, run.streams);
	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	child_start(&run.mcp,
		    (char *[]){ (char *)"/bin/sh", (char *)"-c",
				(char *)"exec \"$0\" 2> \"$1\"", path, run.log,
				NULL },
		    run.world.env, 0);
	child_write(&run.mcp, WORLD_INITIALIZE);
	child_line(&run.mcp, line, sizeof(line));
	child_write(&run.mcp, WORLD_INITIALIZED);
}

static json_t *counters(void)
{
	return console_ask(&run.console, "GET", "/demo/counters", NULL);
}

static void count_anew(void)
{
	json_decref(
		console_ask(&run.console, "DELETE", "/demo/counters", NULL));
}

/* The platform's side of a stretch. */
static void take_counters(struct figures *figures)
{
	json_t *all = counters();

	figures->requests = console_number(all, "requests");
	/* Without the operator's own. */
	figures->open = console_number(all, "connections_open") - 1;
	figures->opened = console_number(all, "connections_accepted");
	figures->streams = console_number(all, "streams.open");
	figures->gap_s = console_number(all, "heartbeats.max_gap_seconds");
	figures->late = console_number(all, "heartbeats.workspaces_over_25s");
	figures->answers_4xx = console_number(all, "responses.4xx");
	figures->answers_5xx = console_number(all, "responses.5xx");
	json_decref(all);
}

static void trace(pid_t pid, struct figures *figures)
{
	struct cost_trace strace;
	int ready;

	cost_trace_begin(&strace, pid, run.world.dir);
	while ((ready = cost_trace_ready(&strace)) == 0)
		usleep(1000);
	count_anew();
	if (ready > 0)
		pause_s(run.seconds);
	json_t *all = counters();
	figures->traced = console_number(all, "requests");
	json_decref(all);
	cost_trace_end(&strace, &figures->calls);
}

static void measure(pid_t pid, long settle, struct figures *figures)
{
	struct cost before, after;

	pause_s(settle);
	count_anew();
	cost_read(pid, &before);
	pause_s(run.seconds);
	cost_read(pid, &after);
	take_counters(figures);
	figures->cost = cost_since(&after, &before);
	trace(pid, figures);
}

static void number(double value, bool known)
{
	if (known)
		printf(" %12.0f", value);
	else
		printf(" %12s", "-");
}

/* A row; `curl` is unknown without a peer. A bar of 0 is none. */
static void row(const char *what, double ours, const double *curl, double bar)
{
	printf("  %-34s", what);
	number(ours, true);
	number(curl ? *curl : 0, curl != NULL);
	if (bar > 0)
		printf("  at most %.0f: %s", bar,
		       ours <= bar ? "holds" : "MISSED");
	printf("\n");
}

static void report_calls(const struct figures *ours, const struct figures *curl,
			 double bar)
{
	double theirs = curl ? (double)curl->calls.total : 0;

	if (!ours->calls.traced) {
		printf("  no system calls: strace may not attach here (run as "
		       "root)\n");
		return;
	}
	row("requests under strace -c -f", ours->traced,
	    curl ? &curl->traced : NULL, 0);
	row("system calls", (double)ours->calls.total, curl ? &theirs : NULL,
	    bar);
	for (size_t i = 0; i < ours->calls.kinds && i < 8; i++) {
		const char *name = ours->calls.calls[i].name;

		theirs = curl ? (double)cost_calls_of(&curl->calls, name) : 0;
		printf("  ");
		row(name, (double)ours->calls.calls[i].count,
		    curl ? &theirs : NULL, 0);
	}
}

/* The bars of issue 5 are for a minute of 1000 workspaces. */
struct bars {
	double rss_kb, wakes, calls, cpu_ms;
};
static const struct bars when_polling = { 10240, 500, 3000, 200 };
static const struct bars with_streams = { 14336, 0, 0, 0 };

static void report(const struct figures *ours, const struct figures *curl,
		   const struct bars *bars)
{
	const struct cost *a = &ours->cost, *b = curl ? &curl->cost : NULL;
	double minutes = (double)run.seconds / 60;
	double rss = b ? (double)b->rss_kb : 0;
	double wakes = b ? (double)(b->yielded + b->forced) : 0;
	double cpu = b ? b->cpu_ms : 0;

	printf("  %-34s %12s %12s\n", "", "molecule-mcp", "libcurl");
	row("HTTP requests", ours->requests, curl ? &curl->requests : NULL, 0);
	row("answers 4xx and 5xx", ours->answers_4xx + ours->answers_5xx, NULL,
	    0);
	row("event streams open", ours->streams, NULL, 0);
	row("connections open", ours->open, curl ? &curl->open : NULL, 0);
	row("connections opened meanwhile", ours->opened,
	    curl ? &curl->opened : NULL, 0);
	row("VmRSS, KiB", (double)a->rss_kb, b ? &rss : NULL, bars->rss_kb);
	row("threads", (double)a->threads, NULL, 0);
	row("wake-ups", (double)(a->yielded + a->forced), b ? &wakes : NULL,
	    bars->wakes * minutes);
	row("of them of the kernel's threads", (double)a->of_workers, NULL, 0);
	row("CPU, ms", a->cpu_ms, b ? &cpu : NULL, bars->cpu_ms * minutes);
	printf("  %-34s %12.3f %12s  below %d: %s\n",
	       "longest heartbeat gap, s", ours->gap_s, "-", GAP_MOST_S,
	       ours->gap_s < GAP_MOST_S ? "holds" : "MISSED");
	row("workspaces with one above 25 s", ours->late, NULL, 0);
	report_calls(ours, curl, bars->calls * minutes);
}

/* The end of what molecule-mcp said. */
static void show_log(void)
{
	char line[4096];
	long lines = 0, from;
	FILE *file = fopen(run.log, "re");

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		lines++;
	from = lines - LOG_LINES;
	rewind(file);
	printf("  its log: %ld lines%s\n", lines,
	       from > 0 ? ", the last:" : "");
	for (long i = 0; fgets(line, sizeof(line), file); i++)
		if (i >= from)
			printf("    %.*s%s", LOG_WIDTH, line,
			       strlen(line) > LOG_WIDTH ? "…\n" : "");
	fclose(file);
}

static void polling(void)
{
	static struct figures ours, curl;
	static struct child peer;
	static char path[PATH_MAX];
	char *url;

	begin((const char *[]){ "--no-stream", NULL });
	start_ours();
	measure(run.mcp.pid, run.settle, &ours);
	child_end(&run.mcp);
	url = strchr(run.world.url, '=') + 1;
	bench_beside(path, sizeof(path), 0, "scale_curl");
	child_start(&peer, (char *[]){ path, url, run.list, NULL }, environ, 0);
	measure(peer.pid, PEER_SETTLE_S, &curl);
	kill(peer.pid, SIGTERM);
	child_end(&peer);
	printf("%ld workspaces, polling, for %ld s\n", run.workspaces,
	       run.seconds);
	report(&ours, &curl, &when_polling);
	show_log();
	end();
}

static void streams(void)
{
	static struct figures ours;
	long count = bench_setting("BENCH_STREAMS", 100);

	snprintf(run.streams, sizeof(run.streams),
		 "MOLECULE_MCP_STREAMS_MAX=%ld", count);
	begin((const char *[]){ NULL });
	start_ours();
	measure(run.mcp.pid, run.settle, &ours);
	child_end(&run.mcp);
	printf("%ld workspaces, up to %ld event streams, for %ld s\n",
	       run.workspaces, count, run.seconds);
	report(&ours, NULL, &with_streams);
	show_log();
	*run.streams = '\0';
	end();
}

/* Whether the log names this workspace. */
static bool log_names(const char *id)
{
	char *line = NULL;
	size_t cap = 0;
	bool found = false;
	FILE *file = fopen(run.log, "re");

	while (file && !found && getline(&line, &cap, file) > 0)
		found = strstr(line, id) != NULL;
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* Who beats often enough, and of whom else the log says that it does not. The
 * counters were begun anew LIMIT_MINUTES ago. */
static void report_beats(void)
{
	json_t *state = console_ask(&run.console, "GET", "/demo/state", NULL);
	json_t *list = json_object_get(state, "workspaces"), *member;
	size_t i, well = 0, named = 0, unnamed = 0;
	double worst = 0;

	json_array_foreach(list, i, member)
	{
		const char *id =
			json_string_value(json_object_get(member, "id"));
		double age =
			console_number(member, "last_heartbeat_age_seconds");
		double gap =
			console_number(member, "max_heartbeat_gap_seconds");

		if (age >= 0 && age <= BEAT_MOST_S && gap <= BEAT_MOST_S) {
			well++;
			continue;
		}
		if (id && log_names(id)) {
			named++;
			continue;
		}
		unnamed++;
		worst = gap > worst ? gap : worst;
	}
	printf("  %-34s %12zu  of %zu\n", "workspaces that beat every 60 s",
	       well, json_array_size(list));
	printf("  %-34s %12zu\n", "others that the log names", named);
	printf("  %-34s %12zu  none: %s", "others", unnamed,
	       unnamed == 0 ? "holds" : "MISSED");
	if (unnamed > 0)
		printf(", up to %.1f s without a beat", worst);
	printf("\n");
	json_decref(state);
}

static void limit(void)
{
	static char text[24];
	long most = bench_setting("BENCH_LIMIT", 600);
	struct figures figures = { 0 };

	snprintf(text, sizeof(text), "%ld", most);
	begin((const char *[]){ "--no-stream", "--rate-limit", text, NULL });
	start_ours();
	pause_s(60);
	json_t *all = counters();
	double first = console_number(all, "statuses.429");
	json_decref(all);
	count_anew();
	for (int i = 0; i < LIMIT_MINUTES; i++) {
		pause_s(60);
		take_counters(&figures);
	}
	all = counters();
	double later = console_number(all, "statuses.429");
	printf("%ld workspaces, %ld requests a minute allowed\n",
	       run.workspaces, most);
	printf("  %-34s %12.0f\n", "429s in the first minute",
	       first < 0 ? 0 : first);
	printf("  %-34s %12.0f  none: %s\n", "429s in the two minutes after it",
	       later < 0 ? 0 : later, later <= 0 ? "holds" : "MISSED");
	printf("  %-34s %12.0f\n", "requests in these", figures.requests);
	printf("  %-34s %12.0f\n", "of them heartbeats",
	       console_number(all, "heartbeats.received"));
	json_decref(all);
	report_beats();
	show_log();
	child_end(&run.mcp);
	end();
}

/* Milliseconds from the start of a process to its answer. */
static double start_once(char *const *env)
{
	static char path[PATH_MAX], line[16384];
	static struct child mcp;

	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	int64_t begun = bench_now();
	child_start(&mcp, (char *[]){ path, NULL }, env, 1);
	child_write(&mcp, WORLD_INITIALIZE);
	child_line(&mcp, line, sizeof(line));
	double ms = (double)(bench_now() - begun) / 1e6;
	child_end(&mcp);
	return ms;
}

static void start(void)
{
	double one[STARTS], many[STARTS];
	char *single[8];

	begin((const char *[]){ "--no-stream", NULL });
	memcpy(single, run.world.env, sizeof(single));
	world_set(&run.world, run.variable);
	for (int i = 0; i < STARTS; i++) {
		one[i] = start_once(single);
		many[i] = start_once(run.world.env);
	}
	printf("from the start to the answer of initialize\n");
	bench_row("one workspace", bench_spread(one, STARTS), "ms");
	bench_row("all workspaces", bench_spread(many, STARTS), "ms");
	end();
}

int main(void)
{
	run.workspaces = bench_setting("BENCH_WORKSPACES", 1000);
	run.seconds = bench_setting("BENCH_SECONDS", 60);
	run.settle = bench_setting("BENCH_SETTLE", 75);
	snprintf(run.list, sizeof(run.list), "/tmp/bench-list-%d",
		 (int)getpid());
	if (bench_chosen("start"))
		start();
	if (bench_chosen("polling"))
		polling();
	if (bench_chosen("streams"))
		streams();
	if (bench_chosen("limit"))
		limit();
	return 0;
}
