// SPDX-License-Identifier: MIT
/*
 * simulate - days in the life of molecule-mcp, one for each seed.
 *
 *	simulate				seeds 1 to 1000, on all cores
 *	SEEDS=10000 FIRST=1 WORKERS=2 simulate
 *	FOR=60 …				so many seconds at most
 *	SEED=7 simulate				one, with its trace on stdout
 *	DEFECT=3 …				with that defect planted
 *	DEFECTS=1 simulate			each defect: which seed finds it
 *
 * Prints how many seeds a second were lived through, and the first that failed.
 * Exit 0 when none did.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/world/defects.h"
#include "tests/world/life.h"

#define WORKERS_MAX 256
#define FOREVER_S 1000000
#define STUCK_S 60 /* of one seed */

/* What workers share. */
struct board {
	uint64_t next, last; /* seeds to be lived through */
	uint64_t done;
	uint64_t sessions, letters, requests, beats;
	uint64_t failed; /* the first seed that did, 0: none */
	char failure[512];
	bool quiet;
	double until;		  /* no new one is begun */
	uint64_t at[WORKERS_MAX]; /* the seed of each worker */
};

static uint64_t number(const char *name, uint64_t preset)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : preset;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- One --- */

static int replay(uint64_t seed)
{
	struct life_result result;

	life_run(seed, stdout, &result);
	printf("seed %" PRIu64 ": %s, digest %016" PRIx64 "\n", seed,
	       *result.failure ? result.failure : "all is well", result.digest);
	return *result.failure != '\0';
}

/* --- Many --- */

static void fail(struct board *board, uint64_t seed, const char *what)
{
	uint64_t first = __atomic_load_n(&board->failed, __ATOMIC_SEQ_CST);

	if (first != 0 && first <= seed)
		return;
	__atomic_store_n(&board->failed, seed, __ATOMIC_SEQ_CST);
	snprintf(board->failure, sizeof(board->failure), "%s", what);
	if (board->quiet)
		return;
	/* Those before it are still to be looked at. */
	printf("seed %" PRIu64 " failed: %s\n", seed, what);
	fflush(stdout);
}

static void add(uint64_t *sum, uint64_t more)
{
	__atomic_fetch_add(sum, more, __ATOMIC_SEQ_CST);
}

static void work(struct board *board, int worker)
{
	for (;;) {
		uint64_t seed =
			__atomic_fetch_add(&board->next, 1, __ATOMIC_SEQ_CST);
		uint64_t failed =
			__atomic_load_n(&board->failed, __ATOMIC_SEQ_CST);
		struct life_result result;

		if (seed > board->last || now() > board->until ||
		    (failed != 0 && failed < seed))
			return;
		board->at[worker] = seed;
		alarm(STUCK_S);
		life_run(seed, NULL, &result);
		if (*result.failure)
			fail(board, seed, result.failure);
		add(&board->done, 1);
		add(&board->sessions, result.sessions);
		add(&board->letters, result.letters);
		add(&board->requests, result.requests);
		add(&board->beats, result.beats);
	}
}

static void start_worker(struct board *board, int worker, pid_t pids[])
{
	pids[worker] = fork();
	if (pids[worker] != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A server that does not get as far as its log says so there. */
	if (!freopen("/dev/null", "w", stderr))
		_exit(1);
	work(board, worker);
	_exit(0);
}

static void await_worker(struct board *board, int worker, pid_t pids[])
{
	char text[128];
	int status;

	if (waitpid(pids[worker], &status, 0) < 0 || status == 0)
		return;
	snprintf(text, sizeof(text), "the simulation died: %s",
		 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hung"
		 : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
				       : "it gave up");
	fail(board, board->at[worker], text);
}

/* What all workers have used. */
static double processor_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void report(const struct board *board, double took)
{
	double done = (double)board->done;

	printf("%" PRIu64 " seeds in %.1f s: %.2f a second; %.0f in a minute "
	       "of one processor\n",
	       board->done, took, done / took, 60 * done / processor_s());
	printf("a seed: %.1f sessions, %.0f letters, %.0f requests to the "
	       "server, %.0f heartbeats\n",
	       (double)board->sessions / done, (double)board->letters / done,
	       (double)board->requests / done, (double)board->beats / done);
	if (board->failed != 0)
		printf("first seed that failed: %" PRIu64 ": %s\n",
		       board->failed, board->failure);
}

/* Lives through these seeds. The board is the caller's to unmap. */
static struct board *search(uint64_t first, uint64_t count, int workers,
			    bool quiet)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[WORKERS_MAX];

	if (board == MAP_FAILED)
		abort();
	board->quiet = quiet;
	board->until = now() + (double)number("FOR", FOREVER_S);
	board->next = first;
	board->last = first + count - 1;
	for (int i = 0; i < workers; i++)
		start_worker(board, i, pids);
	for (int i = 0; i < workers; i++)
		await_worker(board, i, pids);
	return board;
}

static int run_many(uint64_t first, uint64_t count, int workers)
{
	double begun = now();
	struct board *board = search(first, count, workers, false);
	bool failed = board->failed != 0;

	report(board, now() - begun);
	munmap(board, sizeof(*board));
	return failed;
}

/* Each defect must be found. */
static int run_defects(int workers)
{
	int missed = 0;

	for (int i = 1; i < DEFECT_COUNT; i++) {
		struct board *board;

		defect_planted = (enum defect)i;
		board = search(1, DEFECTS_SEEDS, workers, true);
		missed += board->failed == 0;
		printf("%2d %s: ", i, defects_known[i].name);
		if (board->failed != 0)
			printf("seed %" PRIu64 ", %s\n", board->failed,
			       board->failure);
		else
			printf("NOT FOUND in %d seeds\n", DEFECTS_SEEDS);
		fflush(stdout);
		munmap(board, sizeof(*board));
	}
	printf("%d of %d defects found\n", DEFECT_COUNT - 1 - missed,
	       DEFECT_COUNT - 1);
	return missed > 0;
}

int main(void)
{
	uint64_t seed = number("SEED", 0);
	uint64_t workers =
		number("WORKERS", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));

	life_settle();
	defect_planted = (enum defect)number("DEFECT", DEFECT_NONE);
	if (seed != 0)
		return replay(seed);
	if (workers < 1 || workers > WORKERS_MAX)
		workers = 1;
	if (number("DEFECTS", 0) != 0)
		return run_defects((int)workers);
	return run_many(number("FIRST", 1), number("SEEDS", 1000),
			(int)workers);
}
