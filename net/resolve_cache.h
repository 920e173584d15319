// SPDX-License-Identifier: MIT
/*
 * resolve_cache - what names stood for, for as long as that may be believed.
 *
 * A table of a few names, the one used last in front. An answer is kept for
 * its time to live, RESOLVE_CACHE_TTL_MAX_S at most; nothing watches the
 * clock: what is past its time is dropped when it is asked for, or falls off
 * the end. Answers without time to live are not kept, which is how a changed
 * /etc/hosts counts at once, and neither are failures: a name that is missing
 * now is often that of a machine still on its way up, and whoever asks again
 * has waited already.
 *
 * Times are nanoseconds on CLOCK_BOOTTIME, so that answers age while the
 * machine is suspended. Nothing here parks.
 */
#ifndef NET_RESOLVE_CACHE_H
#define NET_RESOLVE_CACHE_H

#include <stdint.h>

#include "net/resolve_query.h"

/* Names kept; the one unused for longest makes room. One of them takes some
 * 600 bytes. */
#define RESOLVE_CACHE_MAX 32
/* A record that claims to hold for longer is asked for again after this. */
#define RESOLVE_CACHE_TTL_MAX_S 300

struct resolve_cached;

/* All zero is empty. */
struct resolve_cache {
	struct resolve_cached *first; /* used last */
	uint32_t count;
};

/* The answer kept for `host`, whatever the case of its letters, or NULL.
 * Borrowed until the cache is used again. */
const struct resolve_answer *resolve_cache_get(struct resolve_cache *cache,
					       const char *host,
					       int64_t now_ns);

/* Keeps a copy of `answer`, in place of what was kept for `host`. Without
 * memory, or with a time to live of 0, nothing is kept for it. */
void resolve_cache_put(struct resolve_cache *cache, const char *host,
		       const struct resolve_answer *answer, int64_t now_ns);

/* Drops what is kept for `host`, if anything. */
void resolve_cache_drop(struct resolve_cache *cache, const char *host);

/* Drops everything. */
void resolve_cache_clear(struct resolve_cache *cache);

#endif
