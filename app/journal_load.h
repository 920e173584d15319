// SPDX-License-Identifier: MIT
/*
 * journal_load - what the file of a journal holds, when a process begins.
 *
 * Records are put together to what is alive: a message that was popped later is
 * not. A power cut may have damaged any part of what was not synced, and left
 * what was written behind it. So what stands behind a damaged line says nothing
 * about what has come before it: how far the list has been read does not count
 * there, and messages there are doubtful, since others that came before them
 * may be missing.
 *
 * For journal.c.
 */
#ifndef APP_JOURNAL_LOAD_H
#define APP_JOURNAL_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "app/journal_file.h"
#include "app/journal_ids.h"

struct rt;
struct state_dir;

struct journal_found {
	struct activity_message *message; /* owned */
	bool doubtful;
};

/* All zero is empty. */
struct journal_load {
	size_t size;		    /* of the file */
	int damaged;		    /* whole lines that could not be read */
	bool whole;		    /* no half line stands at its end */
	struct journal_found *live; /* oldest first */
	size_t count, cap;
	struct journal_ids popped;
	int64_t now_s;
	char *seen_id, *seen_at; /* NULL: none */
	int err;
};

/* Reads the file `name`: 0, or a negative errno, and then *load is good for
 * journal_load_free only. Parks. */
int journal_load(struct journal_load *load, struct rt *rt,
		 struct state_dir *state, const char *name);
void journal_load_free(struct journal_load *load);

#endif
