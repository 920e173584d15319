// SPDX-License-Identifier: MIT
/*
 * journal - what a workspace has received and not dealt with, on disk.
 *
 * An append-only file of the state directory, `.mcp_journal_<workspace id>`,
 * one record a line: a message that was fetched, the id of one that was
 * popped, how far the activity list has been read. Each line begins with a
 * checksum of the rest, so that a reader passes over what is damaged and keeps
 * everything else.
 *
 *	journal_put, journal_pop, journal_seen	add records in memory
 *	journal_write				until they are in the file
 *	journal_sync				until they are on the disk
 *
 * Callers that wait at the same time share one write and one fsync. A task of
 * the journal's own does the work, so that a caller which is cancelled leaves
 * no half record. When the file is much larger than what is alive, or a write
 * failed, it is written anew under a temporary name and renamed.
 *
 * A power cut may have damaged any part of what was not synced, and left what
 * was written after it. So how far the list has been read counts only up to
 * where the damage begins, and messages behind it are told apart.
 *
 * Ids that were popped are remembered (journal_ids.h), also over a restart: a
 * row that is fetched again does not come back.
 *
 * Only the process that holds the workspace (holder.h) opens its journal.
 */
#ifndef APP_JOURNAL_H
#define APP_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/clock.h"

struct activity_message;
struct journal;
struct log;
struct rt;
struct state_dir;

#define JOURNAL_NAME ".mcp_journal_" /* and the workspace's id */
/* A file up to this size is not written anew for being large. */
#define JOURNAL_SMALL (256u * 1024)
#define JOURNAL_FILE_MAX (256u * 1024 * 1024) /* a larger one is not read */

struct journal_options {
	struct rt *rt;
	struct log *log;
	struct state_dir *state;
	const char *workspace_id;
	/* Calls journal_keep for each message that is alive, oldest first: the
	 * file is written anew. Must not park. */
	void (*live)(void *arg, struct journal *journal);
	/* Called by journal_open, in the place of message(), for a message that
	 * stands behind what was damaged: others that came before it may be
	 * missing. NULL: it is a message like any other. Must not park. */
	void (*doubtful)(void *arg, const struct activity_message *message);
	void *arg;
};

/* Everything in *options is borrowed for the journal's life, the struct
 * itself only for the call. NULL when out of memory. Touches no file. */
struct journal *journal_new(const struct journal_options *options);
/* Ends the work under way by `deadline`, then gives it up; frees. NULL is
 * harmless. Parks. */
void journal_free(struct journal *journal, struct deadline deadline);

/* Reads the file, if there is one: message() is called for each message that
 * is alive, oldest first, its strings borrowed for the call; it must not park.
 * What cannot be read is counted and told in one warning, and the file is
 * mended by the next write; one that never can be (no regular file, too large,
 * not permitted) is set aside with a warning. Returns 0; or -ENOMEM or what the
 * system gave: then nothing was read, and the journal is good for journal_free
 * only, for a new one may fare better. Once, before anything else. Parks. */
int journal_open(struct journal *journal,
		 void (*message)(void *arg,
				 const struct activity_message *message),
		 void *arg);

/* Adds a message, or that the one with this id has been dealt with; an id that
 * journal_pop was given before is not remembered twice. 0 or -ENOMEM (nothing
 * was added). Do not park. */
int journal_put(struct journal *journal,
		const struct activity_message *message);
int journal_pop(struct journal *journal, const char *activity_id);
/* From options.live: a message that is alive. */
void journal_keep(struct journal *journal,
		  const struct activity_message *message);

/* Whether the id was popped lately. Does not park. */
bool journal_popped(const struct journal *journal, const char *activity_id);

/* Notes the last row of the activity list that is dealt with: its id, and the
 * time it was made ("" unknown). Does not park. */
int journal_seen(struct journal *journal, const char *row_id,
		 const char *created_at);
/* What was noted, now or before the restart; "" when nothing was. Borrowed
 * until the next journal_seen. */
const char *journal_seen_id(const struct journal *journal);
const char *journal_seen_at(const struct journal *journal);

/* Parks until what has been added is in the file (it survives this process),
 * or on the disk (it survives the machine). 0; a negative errno when it could
 * not be written: it stays in memory and is tried again by the next call, and
 * the first failure in a row is told in the log; -ETIMEDOUT, or the
 * cancellation's reason. */
int journal_write(struct journal *journal, struct deadline deadline);
int journal_sync(struct journal *journal, struct deadline deadline);

#endif
