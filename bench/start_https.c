// SPDX-License-Identifier: MIT
/*
 * start_https - what https adds to the start of molecule-mcp: from exec to the
 * answer of initialize, and from exec to the first registration. The platform
 * is behind nginx, by http and by https; a relay behind nginx sees when the
 * registration is there. The file of roots is the system's bundle with the
 * root that matters at its end, so all of it is read.
 *
 * BENCH_PAIRS (100) starts of each kind, in turn.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bench/nginx.h"
#include "bench/relay.h"
#include "bench/util.h"
#include "bench/world.h"

#define PAIRS_MOST 2000
#define REGISTER_MS 5000
#define LINGER_MS 5 /* for the answers of what is under way */

enum kind { HTTP, ECDSA, RSA, KINDS };

static const struct {
	const char *name;
	enum nginx_door door;
} kinds[KINDS] = {
	{ "http", NGINX_HTTP },
	{ "https, ECDSA chain", NGINX_ECDSA_FULL },
	{ "https, RSA chain", NGINX_RSA_FULL },
};

static struct world world;
static struct nginx nginx;
static struct relay relay;
static char mcp_path[PATH_MAX];

static void begin(struct child *child, enum kind kind)
{
	int port = nginx.ports[kinds[kind].door];

	if (kind == HTTP)
		world_set_port(&world, port);
	else
		world_set_https(&world, port, nginx.bundle);
	child_start(child, (char *[]){ mcp_path, NULL }, world.env, 1);
	child_write(child, WORLD_INITIALIZE);
}

static void end(struct child *child)
{
	relay_run(&relay, LINGER_MS);
	child_end(child);
	relay_run(&relay, LINGER_MS);
}

/* Microseconds from exec to the answer. */
static double answered(enum kind kind)
{
	static struct child child;
	static char line[16384];

	int64_t start = bench_now();
	begin(&child, kind);
	child_line(&child, line, sizeof(line));
	double us = (double)(bench_now() - start) / 1000;
	if (!strstr(line, "\"protocolVersion\""))
		bench_die("%s answered: %s", mcp_path, line);
	child_write(&child, WORLD_INITIALIZED);
	end(&child);
	return us;
}

/* Microseconds from exec to the first request at the platform. */
static double registered(enum kind kind)
{
	static struct child child;
	int64_t start = bench_now();

	relay_reset(&relay, NULL);
	begin(&child, kind);
	for (int waited = 0; relay.requests == 0; waited++) {
		if (waited == REGISTER_MS)
			bench_die("%s: no registration", kinds[kind].name);
		relay_run(&relay, 1);
	}
	double us = (double)(relay.first - start) / 1000;
	end(&child);
	return us;
}

static void report(const char *title, double values[KINDS][PAIRS_MOST],
		   size_t pairs)
{
	static double later[KINDS][PAIRS_MOST];
	char name[64];

	printf("%s\n", title);
	for (int kind = ECDSA; kind < KINDS; kind++)
		for (size_t i = 0; i < pairs; i++)
			later[kind][i] = values[kind][i] - values[HTTP][i];
	for (int kind = 0; kind < KINDS; kind++)
		bench_row(kinds[kind].name, bench_spread(values[kind], pairs),
			  "us");
	for (int kind = ECDSA; kind < KINDS; kind++) {
		snprintf(name, sizeof(name), "%s: later by", kinds[kind].name);
		bench_row(name, bench_spread(later[kind], pairs), "us");
	}
}

int main(void)
{
	static double answers[KINDS][PAIRS_MOST];
	static double registrations[KINDS][PAIRS_MOST];
	long pairs = bench_setting("BENCH_PAIRS", 100);

	if (pairs > PAIRS_MOST)
		bench_die("BENCH_PAIRS: %d at most", PAIRS_MOST);
	bench_beside(mcp_path, sizeof(mcp_path), 1, "molecule-mcp");
	world_open(&world);
	relay_open(&relay, world.port);
	nginx_open(&nginx, relay.port);
	for (long i = -3; i < pairs; i++) {
		size_t n = i < 0 ? 0 : (size_t)i; /* below 0: to warm up */

		for (int kind = 0; kind < KINDS; kind++) {
			answers[kind][n] = answered((enum kind)kind);
			registrations[kind][n] = registered((enum kind)kind);
		}
	}
	nginx_close(&nginx);
	world_close(&world);
	printf("start over https, %ld of each in turn\n", pairs);
	report("exec to the answer of initialize", answers, (size_t)pairs);
	report("exec to the first registration", registrations, (size_t)pairs);
	return 0;
}
