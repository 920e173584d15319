// SPDX-License-Identifier: MIT
/*
 * journal_ids - the ids that a journal (journal.h) remembers, so that what was
 * popped does not come back.
 *
 * A row may be fetched again for two reasons: the cursor of an earlier process
 * was behind by a page, or the platform has forgotten it and a window of time
 * is read, which is FEED_WINDOW_S or begins with the last known row (feed.h).
 * So the latest JOURNAL_IDS_LEAST are remembered always, and others for
 * JOURNAL_IDS_KEEP_S, but never more than JOURNAL_IDS_MOST.
 */
#ifndef APP_JOURNAL_IDS_H
#define APP_JOURNAL_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two of the largest pages that the platform gives, and more. */
#define JOURNAL_IDS_LEAST 1024u
#define JOURNAL_IDS_MOST 16384u /* 27 a second for ten minutes */
#define JOURNAL_IDS_KEEP_S 1200 /* twice the window: clocks differ */

struct journal_id {
	uint64_t hash;
	int64_t time_s;
	char *text;
};

/* All zero is empty. */
struct journal_ids {
	struct journal_id *at; /* oldest at `first`, round the array's end */
	size_t count, cap, first;
};

/* Adds one at `now_s`, seconds of a clock that goes on, and forgets what need
 * not be remembered. 0 or -ENOMEM (nothing was added). */
int journal_ids_add(struct journal_ids *ids, const char *id, int64_t now_s);
bool journal_ids_have(const struct journal_ids *ids, const char *id);
/* The i-th, oldest first; NULL beyond the last. Borrowed. */
const char *journal_ids_at(const struct journal_ids *ids, size_t i);
void journal_ids_free(struct journal_ids *ids);

#endif
