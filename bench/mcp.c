// SPDX-License-Identifier: MIT
/*
 * mcp - CPU for each call of molecule-mcp on io_uring, beside the same on
 * epoll, a C program that answers with a canned line and a Node server made
 * with the official SDK. All run the whole time and take turns; their CPU time
 * is what the scheduler counted.
 *
 * Client and servers share one CPU. With BENCH_APART=1 the client has another:
 * then an idle CPU is woken for each call, which on a virtual machine costs ten
 * times what the call does, and hides it.
 *
 * BENCH_ROUNDS (21) rounds of BENCH_CALLS (2000) calls of each kind. Without
 * the packages of tests/interop (npm, a registry) there is no Node server.
 *
 * By then Node has compiled all that it runs, which it does not in a session
 * of some dozen calls. So there are also the first SESSION_CALLS of SESSIONS
 * new servers of each sort.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/util.h"
#include "bench/world.h"

#define ROUNDS_MOST 200
#define DEPTH 64
#define REQUEST_MAX 256
#define ANSWER_MAX 262144
#define SESSIONS 7
#define SESSION_CALLS 100
#define SETTLE_US 500000 /* until a new server has nothing to do */

/* The bars of issues 4 and 6. */
#define OF_CANNED_MOST 1.6
#define DEEP_US_MOST 2.5
#define OF_NODE_LEAST 8.0
#define OF_URING_MOST 2.0

enum side { OURS, EPOLL, CANNED, NODE, SIDES };

static const char *const side_names[SIDES] = {
	"molecule-mcp",
	"the same on epoll",
	"canned, a C program",
	"Node, official SDK",
};

struct kind {
	const char *title;
	const char *rest; /* of the request, behind its id */
	int depth;	  /* requests written at once */
	double us[SIDES][ROUNDS_MOST];
};

static struct kind kinds[] = {
	{ .title = "ping, one at a time",
	  .rest = "\"method\":\"ping\"",
	  .depth = 1 },
	{ .title = "ping, 64 deep",
	  .rest = "\"method\":\"ping\"",
	  .depth = DEPTH },
	{ .title = "tools/list",
	  .rest = "\"method\":\"tools/list\"",
	  .depth = 1 },
	{ .title = "tools/call inbox_peek",
	  .rest = "\"method\":\"tools/call\",\"params\":{"
		  "\"name\":\"inbox_peek\",\"arguments\":{}}",
	  .depth = 1 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct kind beginning = {
	.title = "ping, one at a time, the first of a session",
	.rest = "\"method\":\"ping\"",
	.depth = 1,
};

static struct child ours, epoll, node, canned[KINDS];
static char answers[KINDS][ANSWER_MAX]; /* of molecule-mcp, for the canned */
static char on_uring[] = "MOLECULE_IO_BACKEND=uring";
static char on_epoll[] = "MOLECULE_IO_BACKEND=epoll";
static bool has_node;
static long next_id = 1;

/* CPU that all its threads have had, those that are gone among them. */
static double cpu_us(const struct child *child)
{
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(child->pid, &clock) != 0 ||
	    clock_gettime(clock, &cpu) != 0)
		bench_die("process %d has ended", (int)child->pid);
	return (double)cpu.tv_sec * 1e6 + (double)cpu.tv_nsec / 1e3;
}

/* Reads until that many lines have come; what follows the last is kept
 * nowhere, since nothing follows it. `first` (ANSWER_MAX), unless NULL, gets
 * the beginning of what was read. */
static void read_lines(struct child *child, int lines, char *first)
{
	static char buf[65536];
	size_t kept = 0;

	while (lines > 0) {
		ssize_t n = read(child->out, buf, sizeof(buf));

		if (n <= 0)
			bench_die("a server ended early");
		for (ssize_t i = 0; i < n; i++)
			lines -= buf[i] == '\n';
		if (!first)
			continue;
		if (kept + (size_t)n >= ANSWER_MAX)
			bench_die("an answer is too long");
		memcpy(first + kept, buf, (size_t)n);
		kept += (size_t)n;
		first[kept] = '\0';
	}
}

/* One turn: `depth` requests in one write, and their answers. */
static void exchange(struct child *child, const struct kind *kind, char *first)
{
	static char requests[DEPTH * REQUEST_MAX];
	size_t len = 0;

	for (int i = 0; i < kind->depth; i++)
		len += (size_t)snprintf(requests + len, REQUEST_MAX,
					"{\"jsonrpc\":\"2.0\",\"id\":%ld,%s}\n",
					next_id++, kind->rest);
	child_write(child, requests);
	read_lines(child, kind->depth, first);
}

/* CPU for each of so many calls, in microseconds. */
static double measure(struct child *child, const struct kind *kind, long calls)
{
	double before = cpu_us(child);
	long turns = calls / kind->depth;

	for (long i = 0; i < turns; i++)
		exchange(child, kind, NULL);
	usleep(2000); /* it goes back to sleep, and is counted then */
	return (cpu_us(child) - before) / (double)(turns * kind->depth);
}

static void shake_hands(struct child *child)
{
	child_write(child, WORLD_INITIALIZE);
	read_lines(child, 1, NULL);
	child_write(child, WORLD_INITIALIZED);
}

/* The world has been opened; each has its own, since two would share the
 * workspace of one. */
static void start_ours(struct child *child, struct world *world, char *backend)
{
	static char path[PATH_MAX];

	world_set(world, backend);
	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	child_start(child, (char *[]){ path, NULL }, world->env, 0);
	shake_hands(child);
}

static void start_canned(struct child *child, char *answer)
{
	static char path[PATH_MAX];

	bench_beside(path, sizeof(path), 0, "canned_lines");
	child_start(child, (char *[]){ path, answer, NULL }, (char *[]){ NULL },
		    0);
}

/* One for each kind, with the answer that molecule-mcp gives. */
static void start_all_canned(void)
{
	for (size_t k = 0; k < KINDS; k++) {
		exchange(&ours, &kinds[k], answers[k]);
		*strchr(answers[k], '\n') = '\0';
		if (!strstr(answers[k], "\"result\""))
			bench_die("%s: %s", kinds[k].title, answers[k]);
		start_canned(&canned[k], answers[k]);
	}
}

/* The Node that the interop tests use, with their packages. False: it is not
 * to be had. */
static bool start_node(struct child *child)
{
	static char run[PATH_MAX], root[PATH_MAX], line[PATH_MAX];
	static char server[PATH_MAX], tools[PATH_MAX], packages[PATH_MAX];
	static const char script[] = "tests/interop/run";
	struct child installer;

	bench_beside(run, sizeof(run), 3, script);
	memcpy(root, run, strlen(run) - strlen(script));
	child_start(&installer, (char *[]){ run, "packages", NULL }, environ,
		    0);
	waitpid(installer.pid, NULL, 0); /* it may have to fetch them */
	child_line(&installer, line, sizeof(line));
	child_end(&installer);
	if (*line != '/') {
		printf("no Node server: %s\n", line);
		return false;
	}
	snprintf(server, sizeof(server), "%.*sbench/mcp_server.cjs",
		 PATH_MAX / 2, root);
	snprintf(tools, sizeof(tools), "%.*sproto/tools.json", PATH_MAX / 2,
		 root);
	snprintf(packages, sizeof(packages), "%.*sbuild/interop", PATH_MAX / 2,
		 root);
	child_start(child, (char *[]){ line, server, tools, packages, NULL },
		    environ, 0);
	shake_hands(child);
	return true;
}

/* Binds the client alone to the first CPU. */
static void go_apart(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first) != 0)
		bench_die("CPU 0: %s", strerror(errno));
}

static void take_turns(long rounds, long calls)
{
	for (long i = -1; i < rounds; i++) {
		size_t n = i < 0 ? 0 : (size_t)i; /* below 0: to warm up */

		for (size_t k = 0; k < KINDS; k++) {
			struct kind *kind = &kinds[k];

			kind->us[OURS][n] = measure(&ours, kind, calls);
			kind->us[EPOLL][n] = measure(&epoll, kind, calls);
			kind->us[CANNED][n] = measure(&canned[k], kind, calls);
			if (has_node)
				kind->us[NODE][n] = measure(&node, kind, calls);
		}
	}
}

/* How each of them begins. */
static void begin_sessions(struct world *world, struct world *epoll_world)
{
	for (int i = 0; i < SESSIONS; i++)
		for (int side = 0; side < (has_node ? SIDES : NODE); side++) {
			struct child child;

			if (side == OURS)
				start_ours(&child, world, on_uring);
			else if (side == EPOLL)
				start_ours(&child, epoll_world, on_epoll);
			else if (side == CANNED)
				start_canned(&child, answers[0]);
			else if (!start_node(&child))
				continue;
			usleep(SETTLE_US);
			beginning.us[side][i] =
				measure(&child, &beginning, SESSION_CALLS);
			child_end(&child);
		}
}

static void bar(const char *what, double value, const char *how, double limit,
		bool holds)
{
	printf("    %-34s %9.2f  %s %.1f: %s\n", what, value, how, limit,
	       holds ? "holds" : "MISSED");
}

static void report(struct kind *kind, size_t rounds)
{
	double median[SIDES] = { 0 };

	printf("  %s\n", kind->title);
	for (int side = 0; side < SIDES; side++) {
		if (side == NODE && !has_node)
			continue;
		struct spread spread = bench_spread(kind->us[side], rounds);

		median[side] = spread.median;
		printf("    %-34s %9.2f  [%.2f..%.2f] us\n", side_names[side],
		       spread.median, spread.min, spread.max);
	}
	double of_canned = median[OURS] / median[CANNED];
	double of_node = median[NODE] / median[OURS];
	double of_uring = median[EPOLL] / median[OURS];

	if (kind == &kinds[0] || kind == &beginning)
		bar("times canned", of_canned, "at most", OF_CANNED_MOST,
		    of_canned <= OF_CANNED_MOST);
	else
		printf("    %-34s %9.2f\n", "times canned", of_canned);
	if (kind->depth > 1)
		bar("microseconds", median[OURS], "at most", DEEP_US_MOST,
		    median[OURS] <= DEEP_US_MOST);
	bar("epoll, times io_uring", of_uring, "at most", OF_URING_MOST,
	    of_uring <= OF_URING_MOST);
	if (has_node) {
		bar("Node, times molecule-mcp", of_node, "at least",
		    OF_NODE_LEAST, of_node >= OF_NODE_LEAST);
		/* More than that no program can be better. */
		printf("    %-34s %9.2f\n", "Node, times canned",
		       median[NODE] / median[CANNED]);
	}
}

int main(void)
{
	static struct world world, epoll_world;
	long rounds = bench_setting("BENCH_ROUNDS", 21);
	long calls = bench_setting("BENCH_CALLS", 2000);

	if (rounds > ROUNDS_MOST)
		bench_die("BENCH_ROUNDS: %d at most", ROUNDS_MOST);
	if (calls < DEPTH)
		bench_die("BENCH_CALLS: at least %d", DEPTH);
	bench_pin();
	world_open(&world);
	world_open(&epoll_world);
	start_ours(&ours, &world, on_uring);
	start_ours(&epoll, &epoll_world, on_epoll);
	start_all_canned();
	has_node = start_node(&node);
	if (bench_setting("BENCH_APART", 0))
		go_apart();
	take_turns(rounds, calls);
	child_end(&ours);
	child_end(&epoll);
	for (size_t k = 0; k < KINDS; k++)
		child_end(&canned[k]);
	if (has_node)
		child_end(&node);
	begin_sessions(&world, &epoll_world);
	world_close(&world);
	world_close(&epoll_world);
	printf("CPU for each call, medians of %ld rounds of %ld calls\n",
	       rounds, calls);
	for (size_t k = 0; k < KINDS; k++)
		report(&kinds[k], (size_t)rounds);
	printf("medians of %d sessions of %d calls\n", SESSIONS, SESSION_CALLS);
	report(&beginning, SESSIONS);
	return 0;
}
