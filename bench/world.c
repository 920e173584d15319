// SPDX-License-Identifier: MIT
#include "bench/world.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN "bench-token-0123456789"

static void write_seed(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		bench_die("%s: %s", path, strerror(errno));
	fprintf(file,
		"{\"workspaces\":[{\"id\":\"%s\",\"name\":\"bench\","
		"\"token\":\"%s\"}]}\n",
		WORLD_WORKSPACE, TOKEN);
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
	world_set(world, world->roots);
}

void world_set(struct world *world, char *variable)
{
	size_t name = strcspn(variable, "=") + 1, count = 0;

	while (world->env[count] &&
	       strncmp(world->env[count], variable, name) != 0)
		count++;
	if (world->env[count]) {
		world->env[count] = variable;
		return;
	}
	if (count + 1 >= sizeof(world->env) / sizeof(world->env[0]))
		bench_die("too many variables");
	world->env[count] = variable;
	world->env[count + 1] = NULL;
}

void world_open(struct world *world)
{
	world_open_with(world, (const char *[]){ NULL });
}

void world_open_with(struct world *world, const char *const *flags)
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
	char *argv[WORLD_FLAGS_MAX + 6] = { path, (char *)"--listen",
					    (char *)"127.0.0.1:0",
					    (char *)"--seed", seed };
	for (size_t i = 0; i < WORLD_FLAGS_MAX && flags[i]; i++)
		argv[5 + i] = (char *)flags[i];
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
	world->env[2] = (char *)"WORKSPACE_ID=" WORLD_WORKSPACE;
	world->env[3] = (char *)"MOLECULE_WORKSPACE_TOKEN=" TOKEN;
	world->env[4] = NULL;
}

void world_close(struct world *world)
{
	kill(world->platform.pid, SIGTERM);
	child_end(&world->platform);
	bench_remove(world->dir);
}
