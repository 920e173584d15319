// SPDX-License-Identifier: MIT
/*
 * https_client - the side of molecule-mcp in `https`: its HTTP client, pool and
 * TLS, in tasks of one runtime. See https.h.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/https.h"
#include "net/http_client.h"
#include "net/pool.h"
#include "net/trust.h"
#include "net/url.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define ANSWER_MS 10000

struct run {
	const char *mode;
	struct url url;
	struct trust_options roots;
	struct pool *pool;
	long count;    /* requests to measure */
	long left;     /* of them, not begun */
	bool watching; /* the watcher is to go on */
	struct https_result result;
};

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
	fprintf(stderr, "https_client: %s: %s\n", what, why);
	exit(1);
}

static void fetch(struct rt *rt, struct run *run, const char *target)
{
	struct http_request request = {
		.method = "GET",
		.url = &run->url,
		.target = target,
		.fields = { { "Authorization", HTTPS_TOKEN } },
		.field_count = 1,
	};
	struct http_response response;
	int err = http_fetch(run->pool, &request, &response, NULL,
			     deadline_in_ms(rt, ANSWER_MS));

	if (err) {
		char why[512];

		pool_refusal(run->pool, why, sizeof(why));
		die(http_error_text(err), why);
	}
	if (response.status != 200)
		die(target, "the answer is not 200");
	if (strcmp(target, "/what") == 0)
		https_note(&run->result, response.body);
	else if (response.body_len != HTTPS_JSON_BYTES)
		die(target, "the answer has another length");
	http_response_free(&response);
}

static void fetch_while_left(struct rt *rt, void *arg)
{
	struct run *run = arg;

	while (run->left > 0) {
		run->left--;
		fetch(rt, run, "/json");
	}
}

static void fetch_all(struct rt *rt, struct run *run, long count)
{
	struct scope scope;

	run->left = count;
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < HTTPS_CONNECTIONS; i++)
		if (task_spawn(&scope, "fetch", TASK_STACK_NORMAL,
			       fetch_while_left, run) != 0)
			die("task_spawn", rt_limit_message(rt));
	(void)scope_join(&scope);
}

static void load(struct rt *rt, struct run *run)
{
	fetch(rt, run, "/what");
	fetch_all(rt, run, (long)HTTPS_CONNECTIONS * 16);
	https_begin(&run->result);
	fetch_all(rt, run, run->count);
	https_end(&run->result, run->count);
	if (pool_counters(run->pool)->opened != HTTPS_CONNECTIONS)
		die("load", "connections were not kept, or not all used");
}

/* One request on a connection that is then closed. */
static void turn_once(struct rt *rt, struct run *run)
{
	fetch(rt, run, "/what");
	pool_expire(run->pool, INT64_MAX);
	(void)task_yield(rt); /* to the task that closes it */
}

static void turn(struct rt *rt, struct run *run)
{
	turn_once(rt, run);
	run->result.resumed = 0;
	https_begin(&run->result);
	for (long i = 0; i < run->count; i++)
		turn_once(rt, run);
	https_end(&run->result, run->count);
}

/* Runs whenever it may, or whenever an operation that never blocks is done,
 * and notes how much CPU others had between. */
static void watch(struct rt *rt, void *arg)
{
	struct run *run = arg;
	bool io = strcmp(run->mode, "stall") == 0;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	double longest = 0;

	while (run->watching) {
		int64_t before = https_clock(CLOCK_THREAD_CPUTIME_ID);
		if (io)
			(void)io_write(rt, fd, "", 1, DEADLINE_NEVER);
		else
			(void)task_yield(rt);
		double us = (double)(https_clock(CLOCK_THREAD_CPUTIME_ID) -
				     before) /
			    1000;
		longest = us > longest ? us : longest;
	}
	run->result.gap_us = longest;
	close(fd);
}

static void gap(struct rt *rt, struct run *run)
{
	struct scope scope;

	turn_once(rt, run);
	run->watching = true;
	scope_open(rt, &scope, DEADLINE_NEVER);
	if (task_spawn(&scope, "watch", TASK_STACK_SMALL, watch, run) != 0)
		die("task_spawn", rt_limit_message(rt));
	turn(rt, run);
	run->watching = false;
	(void)scope_join(&scope);
}

static int run_mode(struct rt *rt, void *arg)
{
	struct run *run = arg;

	run->pool = pool_new(rt, NULL);
	if (!run->pool)
		die("pool_new", "out of memory");
	pool_set_roots(run->pool, &run->roots);
	if (strcmp(run->mode, "load") == 0)
		load(rt, run);
	else if (strcmp(run->mode, "turn") == 0)
		turn(rt, run);
	else
		gap(rt, run);
	pool_free(run->pool);
	return 0;
}

int main(int argc, char **argv)
{
	static struct run run;
	struct rt *rt;
	const char *why;

	if (argc != 6)
		die("usage", "https_client MODE URL ROOTS COUNT TLS");
	run.mode = argv[1];
	if (url_parse(&run.url, argv[2], &why) != 0)
		die(argv[2], why);
	run.roots.file = argv[3];
	run.count = strtol(argv[4], NULL, 10);
	if (rt_new(&rt, &(struct rt_options){ 0 }) != 0 ||
	    rt_run(rt, "client", run_mode, &run) != 0)
		die("runtime", "it did not start");
	rt_free(rt);
	https_print(&run.result);
	return 0;
}
