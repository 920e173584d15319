// SPDX-License-Identifier: MIT
/*
 * world - a molecule-platform with one workspace, and the environment in which
 * molecule-mcp finds it: what the benches of it measure in.
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "bench/util.h"

struct world {
	struct child platform;
	int port;     /* of the platform, on 127.0.0.1 */
	char dir[64]; /* temporary; holds the state directory */
	char *env[8]; /* for molecule-mcp, without PLATFORM_URL at env[0] */
	char url[64]; /* "PLATFORM_URL=…", what env[0] points to */
	char configs[96];
	char roots[128]; /* "SSL_CERT_FILE=…", once world_set_https was called
			  */
};

/* The handshake's first line, and what follows its answer. */
#define WORLD_INITIALIZE                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{" \
	"\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"              \
	"\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}\n"
#define WORLD_INITIALIZED                                                      \
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"

/* The workspace. */
#define WORLD_WORKSPACE "3f0c6c3e-7b1e-4f57-9d43-1c0a5b8e2d11"

#define WORLD_FLAGS_MAX 8

/* Starts the platform; the environment names its port. */
void world_open(struct world *world);
/* The same with more flags for it, WORLD_FLAGS_MAX at most, and then NULL. */
void world_open_with(struct world *world, const char *const *flags);
/* Adds "NAME=value", borrowed, to the environment. */
void world_set(struct world *world, char *variable);
/* Lets the environment name another port, such as a relay's. */
void world_set_port(struct world *world, int port);
/* The same, over https, with the roots in that file. */
void world_set_https(struct world *world, int port, const char *roots);
void world_close(struct world *world);

#endif
