// SPDX-License-Identifier: MIT
/*
 * names - who knows names in the simulated world: what net/resolve asks in the
 * place of the system.
 */
#ifndef TESTS_WORLD_NAMES_H
#define TESTS_WORLD_NAMES_H

#include "net/resolve.h"

struct life;

/* The platform's name, unless it is known by its address. */
#define NAMES_PLATFORM "platform.example"

/* For struct resolve_names; `arg` is the life. */
int names_ask(struct rt *rt, void *arg, const char *host,
	      struct resolve_answer *answer);

#endif
