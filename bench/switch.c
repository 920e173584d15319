// SPDX-License-Identifier: MIT
/*
 * switch - what a task costs: to yield among 64, to spawn and finish, to
 * park 30,000 of. Beside it, in the same run and on the same CPU, what
 * switch_boost measures of Boost.Fiber and Boost.Context.
 *
 * The linker sends the allocating calls listed below through here, so that a
 * warm spawn can be shown to make none.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/util.h"
#include "runtime/event.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define TASKS 64
#define YIELDS 40000L /* by each task */
#define SPAWNS 400000L
#define PARKED 30000
#define ROUNDS_MOST 101

static uint64_t allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset);
int __real_mprotect(void *addr, size_t len, int prot);
int __wrap_mprotect(void *addr, size_t len, int prot);
int __real_madvise(void *addr, size_t len, int advice);
int __wrap_madvise(void *addr, size_t len, int advice);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	allocations++;
	return __real_realloc(old, size);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t offset)
{
	allocations++;
	return __real_mmap(addr, len, prot, flags, fd, offset);
}

int __wrap_mprotect(void *addr, size_t len, int prot)
{
	allocations++;
	return __real_mprotect(addr, len, prot);
}

int __wrap_madvise(void *addr, size_t len, int advice)
{
	allocations++;
	return __real_madvise(addr, len, advice);
}

/* The yields. */

static void yielder(struct rt *rt, void *arg)
{
	(void)arg;
	for (long i = 0; i < YIELDS; i++)
		task_yield(rt);
}

static int yield_main(struct rt *rt, void *arg)
{
	double *ns = arg;
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < TASKS; i++)
		if (task_spawn(&scope, "yielder", TASK_STACK_SMALL, yielder,
			       NULL) != 0)
			bench_die("spawn: %s", rt_limit_message(rt));
	int64_t start = bench_now();
	scope_join(&scope);
	*ns = (double)(bench_now() - start) / (TASKS * YIELDS);
	return 0;
}

/* Spawning and finishing. */

struct spawned {
	double ns;
	uint64_t allocations;
};

static void nothing(struct rt *rt, void *arg)
{
	(void)rt;
	(void)arg;
}

static void spawn_and_join(struct rt *rt)
{
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	if (task_spawn(&scope, "nothing", TASK_STACK_SMALL, nothing, NULL) != 0)
		bench_die("spawn: %s", rt_limit_message(rt));
	scope_join(&scope);
}

static int spawn_main(struct rt *rt, void *arg)
{
	struct spawned *spawned = arg;

	spawn_and_join(rt);
	uint64_t before = allocations;
	int64_t start = bench_now();
	for (long i = 0; i < SPAWNS; i++)
		spawn_and_join(rt);
	spawned->ns = (double)(bench_now() - start) / SPAWNS;
	spawned->allocations = allocations - before;
	return 0;
}

/* Parking. */

struct parked {
	struct event go;
	long woken;
	int spawned;
	double rss;  /* bytes for each */
	double maps; /* memory maps for each */
	char limit[256];
};

static long resident(void)
{
	char line[128], *end;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || !fgets(line, sizeof(line), file))
		bench_die("/proc/self/statm cannot be read");
	fclose(file);
	(void)strtol(line, &end, 10);
	return strtol(end, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static long maps(void)
{
	long lines = 0;
	FILE *file = fopen("/proc/self/maps", "re");

	if (!file)
		bench_die("/proc/self/maps: %s", strerror(errno));
	for (int c; (c = getc(file)) != EOF;)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static void parker(struct rt *rt, void *arg)
{
	struct parked *parked = arg;

	(void)rt;
	if (event_wait(&parked->go, DEADLINE_NEVER) == 0)
		parked->woken++;
}

static int park_main(struct rt *rt, void *arg)
{
	struct parked *parked = arg;
	struct scope scope;
	long rss = resident(), mapped = maps();

	event_init(rt, &parked->go);
	scope_open(rt, &scope, DEADLINE_NEVER);
	while (parked->spawned < PARKED &&
	       task_spawn(&scope, "parker", TASK_STACK_SMALL, parker, parked) ==
		       0)
		parked->spawned++;
	snprintf(parked->limit, sizeof(parked->limit), "%s",
		 rt_limit_message(rt));
	task_yield(rt);
	parked->rss = (double)(resident() - rss) / parked->spawned;
	parked->maps = (double)(maps() - mapped) / parked->spawned;
	event_set(&parked->go);
	return scope_join(&scope);
}

static void run(const struct rt_options *options,
		int (*main_task)(struct rt *, void *), void *arg)
{
	struct rt *rt;
	char buf[256];
	int err = rt_new(&rt, options);

	if (err)
		bench_die("%s", rt_refusal(err, buf, sizeof(buf)));
	err = rt_run(rt, "main", main_task, arg);
	if (err)
		bench_die("a task failed: %s", strerror(-err));
	rt_free(rt);
}

static void park(const char *what, const struct rt_options *options)
{
	struct parked parked = { 0 };

	run(options, park_main, &parked);
	printf("  %-36s %d of %d parked and woken, RSS %.0f B and %.2f maps "
	       "each\n",
	       what, (int)parked.woken, PARKED, parked.rss, parked.maps);
	if (parked.spawned < PARKED)
		printf("  %-36s %s\n", "", parked.limit);
}

static double ask(struct child *peer, const char *what)
{
	char line[64];

	child_write(peer, what);
	child_line(peer, line, sizeof(line));
	return strtod(line, NULL);
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

int main(void)
{
	static double yield[4][ROUNDS_MOST], spawn[2][ROUNDS_MOST];
	const struct rt_options defaults = { 0 };
	struct spawned spawned = { 0 };
	static struct child peer;
	static char path[PATH_MAX];
	long rounds = bench_setting("BENCH_ROUNDS", 15);

	if (rounds > ROUNDS_MOST)
		bench_die("BENCH_ROUNDS: %d at most", ROUNDS_MOST);
	bench_pin();
	bench_beside(path, sizeof(path), 0, "switch_boost");
	child_start(&peer, (char *[]){ path, NULL }, environ, 0);
	for (long i = -1; i < rounds; i++) {
		size_t n = i < 0 ? 0 : (size_t)i; /* -1: to warm up */
		run(&defaults, yield_main, &yield[0][n]);
		yield[1][n] = ask(&peer, "yield-fiber\n");
		yield[2][n] = ask(&peer, "yield-context\n");
		yield[3][n] = ask(&peer, "yield-fcontext\n");
		run(&defaults, spawn_main, &spawned);
		spawn[0][n] = spawned.ns;
		spawn[1][n] = ask(&peer, "spawn-fiber\n");
	}
	child_end(&peer);

	size_t n = (size_t)rounds;
	struct spread yields[4], spawns[2];
	for (int i = 0; i < 4; i++)
		yields[i] = bench_spread(yield[i], n);
	for (int i = 0; i < 2; i++)
		spawns[i] = bench_spread(spawn[i], n);
	double best = least(yields[1].median,
			    least(yields[2].median, yields[3].median));

	printf("yield, %d runnable tasks, %ld rounds in turn on one CPU\n",
	       TASKS, rounds);
	bench_row("task_yield", yields[0], "ns");
	bench_row("Boost.Fiber", yields[1], "ns");
	bench_row("Boost.Context fiber + ready list", yields[2], "ns");
	bench_row("Boost.Context fcontext + ready list", yields[3], "ns");
	printf("  %-36s %9.2f\n", "ratio to the best peer",
	       yields[0].median / best);
	printf("spawn + finish + join\n");
	bench_row("task_spawn", spawns[0], "ns");
	bench_row("Boost.Fiber, pooled stacks", spawns[1], "ns");
	printf("  %-36s %7llu\n", "allocating calls of them all",
	       (unsigned long long)spawned.allocations);
	printf("parked tasks\n");
	park("guard regions where there are any", &defaults);
	park("mprotect guards",
	     &(struct rt_options){ .mprotect_guards = true });
	return 0;
}
