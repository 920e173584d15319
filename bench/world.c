// SPDX-License-Identifier: MIT
#include "bench/world.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKSPACE "3f0c6c3e-7b1e-4f57-9d43-1c0a5b8e2d11"
#define TOKEN "bench-token-0123456789"

static void write_seed(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		bench_die("%s: %s", path, strerror(errno));
	fprintf(file,
		"{\"workspaces\":[{\"id\":\"%s\",\"name\":\"bench\","
		"\"token\":\"%s\"}]}\n",
		WORKSPACE, TOKEN);
	fclose(file);
}

void world_set_port(struct world *world, int port)
{
	snprintf(world->url, sizeof(world->url),
		 "PLATFORM_URL=http://127.0.0.1:%d", port);
}

void world_set_https(struct world *world, int port, const char *roots)
{
	snprintf(world->url, sizeof(world->url),
		 "PLATFORM_URL=https://127.0.0.1:%d", port);
	snprintf(world->roots, sizeof(world->roots), "SSL_CERT_FILE=%s", roots);
	world->env[4] = world->roots;
	world->env[5] = NULL;
}

void world_open(struct world *world)
{
	static char path[PATH_MAX];
	char seed[96], line[1024];
	const char *url;

	snprintf(world->dir, sizeof(world->dir), "/tmp/bench-XXXXXX");
	if (!mkdtemp(world->dir))
		bench_die("%s: %s", world->dir, strerror(errno));
	snprintf(seed, sizeof(seed), "%s/seed.json", world->dir);
	write_seed(seed);
	bench_beside(path, sizeof(path), 1, "molecule-platform");
	char *argv[] = {
		path, "--listen", "127.0.0.1:0", "--seed", seed, NULL
	};
	child_start(&world->platform, argv, (char *[]){ NULL }, 0);
	do
		child_line(&world->platform, line, sizeof(line));
	while (!(url = strstr(line, "http://127.0.0.1:")));
	world->port = (int)strtol(strrchr(url, ':') + 1, NULL, 10);

	snprintf(world->configs, sizeof(world->configs), "CONFIGS_DIR=%s",
		 world->dir);
	world_set_port(world, world->port);
	world->env[0] = world->url;
	world->env[1] = world->configs;
	world->env[2] = (char *)"WORKSPACE_ID=" WORKSPACE;
	world->env[3] = (char *)"MOLECULE_WORKSPACE_TOKEN=" TOKEN;
	world->env[4] = NULL;
}

void world_close(struct world *world)
{
	kill(world->platform.pid, SIGTERM);
	child_end(&world->platform);
	bench_remove(world->dir);
}
