// SPDX-License-Identifier: MIT
#include "bench/cost.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/util.h"

/* The number after `field` in a file of lines "Field: number"; -1 when the
 * file is gone. */
static long field_of(const char *path, const char *field)
{
	char line[256];
	long value = -1;
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0 &&
		    line[strlen(field)] == ':')
			value = strtol(line + strlen(field) + 1, NULL, 10);
	fclose(file);
	return value;
}

/* The beginning of a file of one thread, "" when that is gone. */
static void thread_file(const char *dir, const char *name, char *text, int cap)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "re");
	*text = '\0';
	if (!file)
		return;
	if (!fgets(text, cap, file))
		*text = '\0';
	fclose(file);
}

static void add_thread(struct cost *cost, const char *dir)
{
	char path[128], text[128];

	snprintf(path, sizeof(path), "%s/status", dir);
	long yielded = field_of(path, "voluntary_ctxt_switches");
	long forced = field_of(path, "nonvoluntary_ctxt_switches");
	if (yielded < 0 || forced < 0)
		return;
	cost->yielded += yielded;
	cost->forced += forced;
	thread_file(dir, "comm", text, sizeof(text));
	if (strncmp(text, "iou-", 4) == 0) {
		cost->workers++;
		cost->of_workers += yielded + forced;
	}
	thread_file(dir, "schedstat", text, sizeof(text));
	cost->cpu_ms += (double)strtoll(text, NULL, 10) / 1e6;
}

void cost_read(pid_t pid, struct cost *cost)
{
	char path[64];
	glob_t threads;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	*cost = (struct cost){
		.rss_kb = field_of(path, "VmRSS"),
		.anon_kb = field_of(path, "RssAnon"),
		.threads = field_of(path, "Threads"),
	};
	if (cost->rss_kb < 0)
		bench_die("process %d has ended", (int)pid);
	snprintf(path, sizeof(path), "/proc/%d/task/*", (int)pid);
	if (glob(path, 0, NULL, &threads) != 0)
		bench_die("process %d has no threads", (int)pid);
	for (size_t i = 0; i < threads.gl_pathc; i++)
		add_thread(cost, threads.gl_pathv[i]);
	globfree(&threads);
}

struct cost cost_since(const struct cost *now, const struct cost *before)
{
	struct cost since = *now;

	since.yielded -= before->yielded;
	since.forced -= before->forced;
	since.of_workers -= before->of_workers;
	since.cpu_ms -= before->cpu_ms;
	return since;
}

void cost_trace_begin(struct cost_trace *trace, pid_t pid, const char *dir)
{
	char target[16];

	trace->pid = pid;
	snprintf(trace->file, sizeof(trace->file), "%s/strace", dir);
	snprintf(target, sizeof(target), "%d", (int)pid);
	trace->tracer = fork();
	if (trace->tracer == 0) {
		execlp("strace", "strace", "-c", "-f", "-qq", "-o", trace->file,
		       "-p", target, (char *)NULL);
		_exit(127);
	}
}

int cost_trace_ready(const struct cost_trace *trace)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)trace->pid);
	long tracer = field_of(path, "TracerPid");
	if (tracer < 0)
		bench_die("process %d has ended", (int)trace->pid);
	if (tracer > 0)
		return 1;
	return kill(trace->tracer, 0) == 0 &&
			       waitpid(trace->tracer, NULL, WNOHANG) == 0
		       ? 0
		       : -1;
}

/* The figures of strace -c, between two rules: % time, seconds, us/call,
 * calls, errors (may be missing), name. */
static void read_calls(const char *path, struct cost_calls *calls)
{
	FILE *file = fopen(path, "re");
	char line[256];
	int rules = 0;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		char *words[6], *save;
		size_t n = 0;

		if (line[0] == '-') {
			rules++;
			continue;
		}
		for (char *word = strtok_r(line, " \n", &save); word && n < 6;
		     word = strtok_r(NULL, " \n", &save))
			words[n++] = word;
		if (rules != 1 || n < 5 || calls->kinds == COST_CALLS_MOST)
			continue;
		long count = strtol(words[3], NULL, 10);
		calls->calls[calls->kinds].count = count;
		snprintf(calls->calls[calls->kinds].name,
			 sizeof(calls->calls[0].name), "%s", words[n - 1]);
		calls->kinds++;
		calls->total += count;
	}
	fclose(file);
	calls->traced = rules > 0;
}

void cost_trace_end(struct cost_trace *trace, struct cost_calls *calls)
{
	*calls = (struct cost_calls){ 0 };
	kill(trace->tracer, SIGINT);
	waitpid(trace->tracer, NULL, 0);
	read_calls(trace->file, calls);
	unlink(trace->file);
}

long cost_calls_of(const struct cost_calls *calls, const char *name)
{
	for (size_t i = 0; i < calls->kinds; i++)
		if (strcmp(calls->calls[i].name, name) == 0)
			return calls->calls[i].count;
	return 0;
}
