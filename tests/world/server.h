// SPDX-License-Identifier: MIT
/*
 * server - molecule-mcp as a process on the laptop: the whole program, but for
 * its main().
 *
 * When it ends by itself, nothing of it may be left: no task but its own, no
 * descriptor but those it was given, no piece of memory. When it is asked to
 * end, it does so within SERVER_STOP; while the disk is bad, it may have to be
 * killed then, as the program does it itself (app.c).
 */
#ifndef TESTS_WORLD_SERVER_H
#define TESTS_WORLD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/resolve.h"
#include "runtime/sim_world.h"

struct app;
struct life;

#define SERVER_STOP (1700 * SIM_MS)
#define SERVER_STATE "/home/agent/.molecule" /* CONFIGS_DIR */

struct server {
	struct life *life;
	struct sim_process *process;
	unsigned owner;
	int64_t begun;	 /* when */
	struct rt *rt;	 /* its own */
	struct app *app; /* its own; NULL: not yet, or not any more */
	struct resolve_names names;
	struct sim_event overdue;
	int64_t asked; /* to end; 0: not yet */
	int signal_fd;
	bool bad_disk; /* when it began */
	bool weak;     /* there was a lack of memory during its life */
	uint64_t given_up;
};

/* Starts it; its descriptors are to be set then. Not from tasks. */
void server_start(struct life *life);

/* It has been asked to end. For tasks, too. */
void server_asked(struct life *life);

/* How many messages its inbox has given up. For tasks, too. */
uint64_t server_given_up(struct life *life);

/* What must not be in any line it writes; NULL beyond the last. */
const char *server_secret(const struct life *life, int i);

#endif
