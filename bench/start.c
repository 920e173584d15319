// SPDX-License-Identifier: MIT
/*
 * start - from exec to the first answer: molecule-mcp beside `canned`, a
 * static C program that answers the same line with a fixed one. Both are
 * started in turn by the same posix_spawn with pipes, the request waiting in
 * stdin; the clock stops when the answer's line is whole.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bench/util.h"
#include "bench/world.h"

#define PAIRS_MOST 2000

/* Microseconds from exec to the answer. */
static double once(char *path, char *const env[])
{
	static struct child child;
	static char line[16384];

	int64_t start = bench_now();
	child_start(&child, (char *[]){ path, NULL }, env, 1);
	child_write(&child, WORLD_INITIALIZE);
	child_line(&child, line, sizeof(line));
	double us = (double)(bench_now() - start) / 1000;
	if (!strstr(line, "\"protocolVersion\""))
		bench_die("%s answered: %s", path, line);
	child_write(&child, WORLD_INITIALIZED);
	child_end(&child);
	return us;
}

int main(void)
{
	static double ours[PAIRS_MOST], canned[PAIRS_MOST], ratio[PAIRS_MOST];
	static char mcp_path[PATH_MAX], canned_path[PATH_MAX];
	static struct world world;
	long pairs = bench_setting("BENCH_PAIRS", 300);

	if (pairs > PAIRS_MOST)
		bench_die("BENCH_PAIRS: %d at most", PAIRS_MOST);
	bench_beside(mcp_path, sizeof(mcp_path), 1, "molecule-mcp");
	bench_beside(canned_path, sizeof(canned_path), 0, "canned");
	world_open(&world);
	for (long i = -5; i < pairs; i++) {
		size_t n = i < 0 ? 0 : (size_t)i; /* below 0: to warm up */

		ours[n] = once(mcp_path, world.env);
		canned[n] = once(canned_path, world.env);
		ratio[n] = ours[n] / canned[n];
	}
	world_close(&world);

	size_t n = (size_t)pairs;
	struct spread mcp = bench_spread(ours, n);
	struct spread least = bench_spread(canned, n);
	printf("exec to the answer of initialize, %ld pairs in turn\n", pairs);
	bench_row("molecule-mcp", mcp, "us");
	bench_row("canned, a static C program", least, "us");
	printf("  %-36s %9.2f\n", "ratio of the medians",
	       mcp.median / least.median);
	bench_row("ratio, pair by pair", bench_spread(ratio, n), "");
	return 0;
}
