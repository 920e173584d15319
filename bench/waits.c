// SPDX-License-Identifier: MIT
/*
 * waits - BENCH_WAITS (10000) calls of wait_for_message in flight at once from
 * one client, twice: the first time all of them time out, the second time a
 * message answers all. Each must be answered once, and the memory of the second
 * burst must be given back: resident 10 s after it, against before the first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/console.h"
#include "bench/cost.h"
#include "bench/util.h"
#include "bench/world.h"

#define WAITS_MOST 100000
#define REQUEST_MAX 192
#define TIMEOUT_S 5
#define LONG_S 300
#define SETTLE_S 10
#define PATIENCE_MS 60000 /* of silence */

/* The bar of issue 4. */
#define GROWTH_MOST_KB 1024

struct burst {
	long first, count; /* the ids first … first + count - 1 */
	long sent, answered;
	bool seen[WAITS_MOST];
	char *requests;
	size_t len, written;
	char line[65536]; /* the answer that is coming in */
	size_t line_len;
};

static struct child mcp;

static long rss_kb(void)
{
	struct cost cost;

	cost_read(mcp.pid, &cost);
	return cost.rss_kb;
}

static void fill(struct burst *burst, long first, long count, int timeout)
{
	*burst = (struct burst){ .first = first, .count = count };
	burst->requests = malloc((size_t)count * REQUEST_MAX);
	if (!burst->requests)
		bench_die("out of memory");
	for (long i = 0; i < count; i++)
		burst->len += (size_t)snprintf(
			burst->requests + burst->len, REQUEST_MAX,
			"{\"jsonrpc\":\"2.0\",\"id\":%ld,"
			"\"method\":\"tools/call\",\"params\":{"
			"\"name\":\"wait_for_message\","
			"\"arguments\":{\"timeout_secs\":%d}}}\n",
			first + i, timeout);
}

/* An answer, or a notification, which does not count. */
static void take_line(struct burst *burst, const char *line)
{
	static const char start[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	long id;

	if (strncmp(line, start, strlen(start)) != 0)
		return;
	id = strtol(line + strlen(start), NULL, 10) - burst->first;
	if (id < 0 || id >= burst->count || burst->seen[id])
		bench_die("an answer to nothing: %.200s", line);
	if (strstr(line, "\"isError\":true") || strstr(line, "\"error\":"))
		bench_die("not an answer: %.200s", line);
	burst->seen[id] = true;
	burst->answered++;
}

static void take(struct burst *burst)
{
	static char buf[65536];
	ssize_t n = read(mcp.out, buf, sizeof(buf));

	if (n <= 0)
		bench_die("molecule-mcp ended early");
	for (ssize_t i = 0; i < n; i++) {
		if (burst->line_len == sizeof(burst->line))
			bench_die("an answer is too long");
		burst->line[burst->line_len++] = buf[i];
		if (buf[i] != '\n')
			continue;
		burst->line[burst->line_len - 1] = '\0';
		take_line(burst, burst->line);
		burst->line_len = 0;
	}
}

static void give(struct burst *burst)
{
	ssize_t n = write(mcp.in, burst->requests + burst->written,
			  burst->len - burst->written);

	if (n < 0 && errno != EAGAIN)
		bench_die("write: %s", strerror(errno));
	if (n > 0)
		burst->written += (size_t)n;
}

/* Writes and reads until all is written and `answered` answers have come. */
static void run(struct burst *burst, long answered)
{
	while (burst->written < burst->len || burst->answered < answered) {
		bool more = burst->written < burst->len;
		struct pollfd fds[] = {
			{ .fd = mcp.out, .events = POLLIN },
			{ .fd = more ? mcp.in : -1, .events = POLLOUT },
		};

		if (poll(fds, 2, PATIENCE_MS) == 0)
			bench_die("%ld of %ld answered, and then silence",
				  burst->answered, burst->count);
		if (fds[0].revents)
			take(burst);
		if (fds[1].revents)
			give(burst);
	}
}

static void done(const struct burst *burst, const char *what, int64_t start)
{
	printf("  %-36s %9ld  answered in %.2f s, RSS %ld KiB\n", what,
	       burst->answered, (double)(bench_now() - start) / 1e9, rss_kb());
}

static void start(struct world *world)
{
	static char path[PATH_MAX], line[16384];

	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	child_start(&mcp, (char *[]){ path, NULL }, world->env, 0);
	child_write(&mcp, WORLD_INITIALIZE);
	child_line(&mcp, line, sizeof(line));
	child_write(&mcp, WORLD_INITIALIZED);
	if (fcntl(mcp.in, F_SETFL, O_NONBLOCK) != 0)
		bench_die("fcntl: %s", strerror(errno));
	sleep(2); /* it registers, polls, follows */
}

/* The user writes to the workspace. */
static void say(struct world *world)
{
	struct console console;

	console_open(&console, world->port);
	json_decref(console_ask(&console, "POST",
				"/demo/workspaces/" WORLD_WORKSPACE "/messages",
				"{\"text\":\"for all\"}"));
	console_close(&console);
}

int main(void)
{
	static struct world world;
	static struct burst burst;
	long waits = bench_setting("BENCH_WAITS", 10000);
	int64_t began;

	if (waits > WAITS_MOST)
		bench_die("BENCH_WAITS: %d at most", WAITS_MOST);
	world_open(&world);
	start(&world);
	long before = rss_kb();
	printf("%ld calls of wait_for_message at once, RSS %ld KiB before\n",
	       waits, before);

	fill(&burst, 2, waits, TIMEOUT_S);
	began = bench_now();
	run(&burst, waits);
	done(&burst, "timed out", began);
	free(burst.requests);

	fill(&burst, 2 + waits, waits, LONG_S);
	run(&burst, 0);
	sleep(1); /* the last of them are read */
	printf("  %-36s %9ld  in flight, RSS %ld KiB\n", "waiting", waits,
	       rss_kb());
	began = bench_now();
	say(&world);
	run(&burst, waits);
	done(&burst, "answered by a message", began);
	free(burst.requests);

	sleep(SETTLE_S);
	long growth = rss_kb() - before;
	printf("  %-36s %9ld  at most %d: %s\n", "grown after 10 s, KiB",
	       growth, GROWTH_MOST_KB,
	       growth <= GROWTH_MOST_KB ? "holds" : "MISSED");
	child_end(&mcp);
	world_close(&world);
	return 0;
}
