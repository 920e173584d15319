// SPDX-License-Identifier: MIT
#include "bench/util.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_WAIT_MS 10000 /* how long a child may take to say something */
#define END_WAIT_MS 5000
#define CHILDREN_MOST 16

/* Those that a bench which dies takes with it; 0: free. */
static pid_t children[CHILDREN_MOST];

static void children_change(pid_t from, pid_t to)
{
	for (size_t i = 0; i < CHILDREN_MOST; i++)
		if (children[i] == from) {
			children[i] = to;
			return;
		}
}

void bench_die(const char *format, ...)
{
	va_list args;

	for (size_t i = 0; i < CHILDREN_MOST; i++)
		if (children[i] > 0)
			kill(children[i], SIGKILL);

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

int64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void bench_pin(void)
{
	cpu_set_t may;
	int last = -1;

	if (sched_getaffinity(0, sizeof(may), &may) != 0)
		bench_die("sched_getaffinity: %s", strerror(errno));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &may))
			last = cpu;
	CPU_ZERO(&may);
	CPU_SET((size_t)last, &may);
	if (sched_setaffinity(0, sizeof(may), &may) != 0)
		bench_die("sched_setaffinity: %s", strerror(errno));
}

long bench_setting(const char *name, long otherwise)
{
	const char *text = getenv(name);
	char *end;

	if (!text || !*text)
		return otherwise;
	long value = strtol(text, &end, 10);
	if (*end || value <= 0)
		bench_die("%s=%s: a positive number is expected", name, text);
	return value;
}

bool bench_chosen(const char *word)
{
	const char *cases = getenv("BENCH_CASES");
	size_t len = strlen(word);

	if (!cases || !*cases)
		return true;
	while (*cases) {
		size_t n = strcspn(cases, " ");

		if (n == len && strncmp(cases, word, n) == 0)
			return true;
		cases += n + strspn(cases + n, " ");
	}
	return false;
}

void bench_beside(char *path, size_t cap, int up, const char *name)
{
	ssize_t len = readlink("/proc/self/exe", path, cap - 1);

	if (len < 0)
		bench_die("/proc/self/exe: %s", strerror(errno));
	path[len] = '\0';
	for (int i = 0; i <= up; i++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	size_t used = strlen(path);
	if ((size_t)snprintf(path + used, cap - used, "/%s", name) >=
	    cap - used)
		bench_die("%s: the path is too long", name);
	if (access(path, X_OK) != 0)
		bench_die("%s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void bench_remove(const char *dir)
{
	if (nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		fprintf(stderr, "bench: %s is left behind\n", dir);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread bench_spread(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), by_value);
	return (struct spread){
		.median = n % 2 ? samples[n / 2]
				: (samples[n / 2 - 1] + samples[n / 2]) / 2,
		.min = samples[0],
		.max = samples[n - 1],
		.p90 = samples[(n - 1) * 9 / 10],
		.p99 = samples[(n - 1) * 99 / 100],
	};
}

void bench_row(const char *what, struct spread spread, const char *unit)
{
	printf("  %-36s %9.1f  [%.1f..%.1f]  p90 %.1f  %s\n", what,
	       spread.median, spread.min, spread.max, spread.p90, unit);
}

void child_start(struct child *child, char *const argv[], char *const env[],
		 int quiet)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		bench_die("pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	if (quiet)
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null",
						 O_WRONLY, 0);
	int err = posix_spawn(&child->pid, argv[0], &actions, NULL, argv, env);
	if (err)
		bench_die("%s: %s", argv[0], strerror(err));
	children_change(0, child->pid);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	child->in = in[1];
	child->out = out[0];
	child->len = 0;
}

void child_write(struct child *child, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = write(child->in, text, len);
		if (n < 0)
			bench_die("write to a child: %s", strerror(errno));
		text += n;
		len -= (size_t)n;
	}
}

void child_line(struct child *child, char *line, size_t cap)
{
	char *newline;

	while (!(newline = memchr(child->buf, '\n', child->len))) {
		struct pollfd fd = { .fd = child->out, .events = POLLIN };
		if (child->len == sizeof(child->buf))
			bench_die("a child's line is too long");
		if (poll(&fd, 1, LINE_WAIT_MS) == 0)
			bench_die("a child said nothing for %d s",
				  LINE_WAIT_MS / 1000);
		ssize_t n = read(child->out, child->buf + child->len,
				 sizeof(child->buf) - child->len);
		if (n <= 0)
			bench_die("a child ended early");
		child->len += (size_t)n;
	}
	size_t len = (size_t)(newline - child->buf);
	size_t take = len < cap ? len : cap - 1;
	memcpy(line, child->buf, take);
	line[take] = '\0';
	child->len -= len + 1;
	memmove(child->buf, newline + 1, child->len);
}

void child_end(struct child *child)
{
	children_change(child->pid, 0);
	close(child->in);
	for (int waited = 0; waitpid(child->pid, NULL, WNOHANG) == 0;
	     waited++) {
		if (waited == END_WAIT_MS)
			kill(child->pid, SIGKILL);
		usleep(1000);
	}
	close(child->out);
}
