// SPDX-License-Identifier: MIT
#include "net/resolve_cache.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/clock.h"

struct resolve_cached {
	struct resolve_cached *next;
	int64_t until_ns;
	struct resolve_answer answer;
	char host[];
};

/* The link that leads to the entry of `host`, or to NULL. */
static struct resolve_cached **find(struct resolve_cache *cache,
				    const char *host)
{
	struct resolve_cached **link = &cache->first;

	while (*link && strcasecmp((*link)->host, host) != 0)
		link = &(*link)->next;
	return link;
}

static struct resolve_cached *unlink_at(struct resolve_cache *cache,
					struct resolve_cached **link)
{
	struct resolve_cached *entry = *link;

	*link = entry->next;
	cache->count--;
	return entry;
}

static void push(struct resolve_cache *cache, struct resolve_cached *entry)
{
	entry->next = cache->first;
	cache->first = entry;
	cache->count++;
}

static void drop_last(struct resolve_cache *cache)
{
	struct resolve_cached **last = &cache->first;

	while (*last && (*last)->next)
		last = &(*last)->next;
	if (*last)
		free(unlink_at(cache, last));
}

const struct resolve_answer *resolve_cache_get(struct resolve_cache *cache,
					       const char *host, int64_t now_ns)
{
	struct resolve_cached **link = find(cache, host);
	struct resolve_cached *entry;

	if (!*link)
		return NULL;
	entry = unlink_at(cache, link);
	if (entry->until_ns <= now_ns) {
		free(entry);
		return NULL;
	}
	push(cache, entry);
	return &entry->answer;
}

void resolve_cache_put(struct resolve_cache *cache, const char *host,
		       const struct resolve_answer *answer, int64_t now_ns)
{
	size_t size = strlen(host) + 1;
	uint32_t ttl_s = answer->ttl_s;
	struct resolve_cached *entry;

	resolve_cache_drop(cache, host);
	if (ttl_s == 0)
		return;
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return;
	if (ttl_s > RESOLVE_CACHE_TTL_MAX_S)
		ttl_s = RESOLVE_CACHE_TTL_MAX_S;
	entry->until_ns = now_ns + ttl_s * CLOCK_NS_PER_S;
	entry->answer = *answer;
	memcpy(entry->host, host, size);
	if (cache->count == RESOLVE_CACHE_MAX)
		drop_last(cache);
	push(cache, entry);
}

void resolve_cache_drop(struct resolve_cache *cache, const char *host)
{
	struct resolve_cached **link = find(cache, host);

	if (*link)
		free(unlink_at(cache, link));
}

void resolve_cache_clear(struct resolve_cache *cache)
{
	while (cache->first)
		free(unlink_at(cache, &cache->first));
}
