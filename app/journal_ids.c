// SPDX-License-Identifier: MIT
#include "app/journal_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16u

/* FNV-1a: spreads ids well enough to skip most comparisons. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash;
}

/* The i-th, oldest first. */
static struct journal_id *entry(const struct journal_ids *ids, size_t i)
{
	return &ids->at[(ids->first + i) % ids->cap];
}

/* Doubles the array, with the oldest first. */
static int grow(struct journal_ids *ids)
{
	size_t cap = ids->cap ? 2 * ids->cap : FIRST_CAP;
	struct journal_id *more = malloc(cap * sizeof(*more));

	if (!more)
		return -ENOMEM;
	for (size_t i = 0; i < ids->count; i++)
		more[i] = *entry(ids, i);
	free(ids->at);
	ids->at = more;
	ids->cap = cap;
	ids->first = 0;
	return 0;
}

static void drop_oldest(struct journal_ids *ids)
{
	free(ids->at[ids->first].text);
	ids->first = (ids->first + 1) % ids->cap;
	ids->count--;
}

/* Whether the oldest need not be remembered beside one more. */
static bool is_past(const struct journal_ids *ids, int64_t now_s)
{
	if (ids->count >= JOURNAL_IDS_MOST)
		return true;
	return ids->count >= JOURNAL_IDS_LEAST &&
	       now_s - ids->at[ids->first].time_s > JOURNAL_IDS_KEEP_S;
}

int journal_ids_add(struct journal_ids *ids, const char *id, int64_t now_s)
{
	char *text = strdup(id);

	while (is_past(ids, now_s))
		drop_oldest(ids);
	if (!text || (ids->count == ids->cap && grow(ids) != 0)) {
		free(text);
		return -ENOMEM;
	}
	*entry(ids, ids->count++) = (struct journal_id){ .hash = hash_of(id),
							 .time_s = now_s,
							 .text = text };
	return 0;
}

static bool have_within(const struct journal_ids *ids, size_t from, size_t to,
			uint64_t hash, const char *id)
{
	for (size_t i = from; i < to; i++)
		if (ids->at[i].hash == hash && strcmp(ids->at[i].text, id) == 0)
			return true;
	return false;
}

bool journal_ids_have(const struct journal_ids *ids, const char *id)
{
	uint64_t hash = hash_of(id);
	size_t end = ids->first + ids->count;

	if (end <= ids->cap)
		return have_within(ids, ids->first, end, hash, id);
	return have_within(ids, ids->first, ids->cap, hash, id) ||
	       have_within(ids, 0, end - ids->cap, hash, id);
}

const char *journal_ids_at(const struct journal_ids *ids, size_t i)
{
	return i < ids->count ? entry(ids, i)->text : NULL;
}

void journal_ids_free(struct journal_ids *ids)
{
	for (size_t i = 0; i < ids->count; i++)
		free(entry(ids, i)->text);
	free(ids->at);
	*ids = (struct journal_ids){ 0 };
}
