// SPDX-License-Identifier: MIT
#include "app/platform/keymap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16u

/* FNV-1a, 32 bits. */
static uint32_t hash_of(const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * 16777619u;
	return hash;
}

static struct keymap_entry **slot_of(const struct keymap *map, uint32_t hash)
{
	return &map->slots[hash & (map->slot_count - 1)];
}

struct keymap_entry *keymap_find(const struct keymap *map, const char *key)
{
	uint32_t hash = hash_of(key);
	struct keymap_entry *entry;

	if (map->count == 0)
		return NULL;
	for (entry = *slot_of(map, hash); entry; entry = entry->next) {
		if (entry->hash == hash && strcmp(entry->key, key) == 0)
			return entry;
	}
	return NULL;
}

static void put(struct keymap *map, struct keymap_entry *entry)
{
	struct keymap_entry **slot = slot_of(map, entry->hash);

	entry->next = *slot;
	*slot = entry;
}

static int grow(struct keymap *map)
{
	struct keymap bigger = { .count = map->count };

	bigger.slot_count = map->slot_count ? map->slot_count * 2 : SLOTS_MIN;
	bigger.slots = calloc(bigger.slot_count, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->slot_count; i++) {
		struct keymap_entry *entry = map->slots[i], *next;

		for (; entry; entry = next) {
			next = entry->next;
			put(&bigger, entry);
		}
	}
	free(map->slots);
	*map = bigger;
	return 0;
}

int keymap_add(struct keymap *map, struct keymap_entry *entry, const char *key)
{
	if (map->count >= map->slot_count && grow(map) < 0)
		return -ENOMEM;
	entry->key = key;
	entry->hash = hash_of(key);
	put(map, entry);
	map->count++;
	return 0;
}

void keymap_remove(struct keymap *map, struct keymap_entry *entry)
{
	struct keymap_entry **at;

	if (!entry->key)
		return;
	at = slot_of(map, entry->hash);
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->key = NULL;
	map->count--;
}

void keymap_free(struct keymap *map)
{
	free(map->slots);
	*map = (struct keymap){ 0 };
}
