// SPDX-License-Identifier: MIT
/*
 * https - what https costs the client: CPU for each request on connections
 * kept alive, for each connection with a full and with a resumed handshake,
 * and the longest step of a handshake. https_client is our side, https_curl
 * the peer; they take turns at one nginx on CPU 0 and run on the last CPU.
 *
 * BENCH_REPS (11) repetitions of BENCH_REQUESTS (20000) requests and of
 * BENCH_HANDSHAKES (100) connections. With BENCH_SERVE set it only serves,
 * and prints the URLs, for a look with a profiler.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/https.h"
#include "bench/nginx.h"
#include "bench/util.h"

#define REPS_MOST 200

/* Who measures what is told by https.h. */
enum side { OURS, CURL_12, CURL_13, SIDES };

static const char *const side_names[SIDES] = {
	"molecule-mcp's client",
	"libcurl, TLS 1.2",
	"libcurl, TLS 1.3 (default)",
};

struct figure {
	const char *title, *mode;
	enum nginx_door door;
	long count;
	bool gap; /* the longest one counts, not CPU for each */
	double values[SIDES][REPS_MOST];
	struct https_result last[SIDES];
};

static struct nginx nginx;
static char client_path[PATH_MAX], curl_path[PATH_MAX];

/* Reads what https_print wrote. */
static void read_result(const char *line, struct https_result *result)
{
	char *at;

	result->cpu_us = strtod(line, &at);
	result->wall_us = strtod(at, &at);
	result->gap_us = strtod(at, &at);
	result->resumed = strtol(at, &at, 10);
	if (result->cpu_us <= 0 || *at != ' ')
		bench_die("a client said: %s", line);
	snprintf(result->session, sizeof(result->session), "%s", at + 1);
}

static struct https_result once(const struct figure *figure, enum side side)
{
	static struct child child;
	struct https_result result = { 0 };
	char url[64], count[24], line[256];

	snprintf(url, sizeof(url), "%s://127.0.0.1:%d/",
		 figure->door == NGINX_HTTP ? "http" : "https",
		 nginx.ports[figure->door]);
	snprintf(count, sizeof(count), "%ld", figure->count);
	char *argv[] = { side == OURS ? client_path : curl_path,
			 (char *)figure->mode,
			 url,
			 nginx.roots,
			 count,
			 (char *)(side == CURL_13 ? "1.3" : "1.2"),
			 NULL };
	child_start(&child, argv, environ, 0);
	child_line(&child, line, sizeof(line));
	child_end(&child);
	read_result(line, &result);
	return result;
}

/* Only https has versions to tell apart. */
static int sides_of(const struct figure *figure)
{
	return figure->door == NGINX_HTTP ? CURL_13 : SIDES;
}

static void repeat(struct figure *figure, size_t rep)
{
	for (int side = 0; side < sides_of(figure); side++) {
		struct https_result *last = &figure->last[side];

		*last = once(figure, (enum side)side);
		figure->values[side][rep] = figure->gap ? last->gap_us
							: last->cpu_us;
	}
}

static void report(const struct figure *figure, size_t reps)
{
	double copy[REPS_MOST], ratio[REPS_MOST];
	int sides = sides_of(figure);

	printf("%s\n", figure->title);
	for (int side = 0; side < sides; side++) {
		const struct https_result *last = &figure->last[side];
		const char *name = sides == SIDES ? side_names[side]
				   : side == OURS ? side_names[OURS]
						  : "libcurl";

		memcpy(copy, figure->values[side], reps * sizeof(*copy));
		bench_row(name, bench_spread(copy, reps), "us");
		if (!strchr(last->session, 'T'))
			continue;
		printf("    %s", last->session);
		if (strcmp(figure->mode, "load") != 0)
			printf(", %ld of %ld resumed", last->resumed,
			       figure->count);
		printf("\n");
	}
	for (int side = CURL_12; side < sides; side++) {
		for (size_t i = 0; i < reps; i++)
			ratio[i] = figure->values[OURS][i] /
				   figure->values[side][i];
		struct spread spread = bench_spread(ratio, reps);
		printf("  ratio to %-27s %9.2f  [%.2f..%.2f]  p90 %.2f\n",
		       sides == SIDES ? side_names[side] : "libcurl",
		       spread.median, spread.min, spread.max, spread.p90);
	}
}

static void serve(void)
{
	printf("http %d, ecdsa %d (full %d), rsa %d (full %d), roots %s\n",
	       nginx.ports[NGINX_HTTP], nginx.ports[NGINX_ECDSA],
	       nginx.ports[NGINX_ECDSA_FULL], nginx.ports[NGINX_RSA],
	       nginx.ports[NGINX_RSA_FULL], nginx.roots);
	fflush(stdout);
	(void)getchar();
	nginx_close(&nginx);
}

int main(void)
{
	long reps = bench_setting("BENCH_REPS", 11);
	long requests = bench_setting("BENCH_REQUESTS", 20000);
	long turns = bench_setting("BENCH_HANDSHAKES", 100);
	static struct figure figures[] = {
		{ .title = "CPU per request, 64 connections, http",
		  .mode = "load",
		  .door = NGINX_HTTP },
		{ .title = "CPU per request, 64 connections, https",
		  .mode = "load",
		  .door = NGINX_ECDSA },
		{ .title = "CPU per connection of one request, http",
		  .mode = "turn",
		  .door = NGINX_HTTP },
		{ .title = "the same with a resumed handshake",
		  .mode = "turn",
		  .door = NGINX_ECDSA },
		{ .title = "the same with a full handshake, ECDSA",
		  .mode = "turn",
		  .door = NGINX_ECDSA_FULL },
		{ .title = "the same with a full handshake, RSA",
		  .mode = "turn",
		  .door = NGINX_RSA_FULL },
		{ .title = "longest step of full handshakes, CPU, ECDSA",
		  .mode = "gap",
		  .gap = true,
		  .door = NGINX_ECDSA_FULL },
		{ .title = "longest step of full handshakes, CPU, RSA",
		  .mode = "gap",
		  .gap = true,
		  .door = NGINX_RSA_FULL },
		{ .title = "longest wait of others for I/O, CPU, ECDSA",
		  .mode = "stall",
		  .gap = true,
		  .door = NGINX_ECDSA_FULL },
		{ .title = "longest wait of others for I/O, CPU, RSA",
		  .mode = "stall",
		  .gap = true,
		  .door = NGINX_RSA_FULL },
	};
	size_t count = sizeof(figures) / sizeof(figures[0]);

	if (reps > REPS_MOST)
		bench_die("BENCH_REPS: %d at most", REPS_MOST);
	bench_beside(client_path, sizeof(client_path), 0, "https_client");
	bench_beside(curl_path, sizeof(curl_path), 0, "https_curl");
	nginx_open(&nginx, 0);
	if (getenv("BENCH_SERVE")) {
		serve();
		return 0;
	}
	bench_pin();
	for (size_t i = 0; i < count; i++)
		figures[i].count =
			strcmp(figures[i].mode, "load") == 0 ? requests : turns;
	for (long rep = 0; rep < reps; rep++)
		for (size_t i = 0; i < count; i++)
			repeat(&figures[i], (size_t)rep);
	nginx_close(&nginx);
	printf("https beside libcurl, %ld repetitions in turn\n", reps);
	for (size_t i = 0; i < count; i++)
		report(&figures[i], (size_t)reps);
	return 0;
}
