// SPDX-License-Identifier: MIT
/*
 * keymap - things by their name: a chained hash table whose links lie in the
 * things themselves, so that only growing it allocates.
 *
 * Keys are NUL-terminated, compared byte by byte, and borrowed: the key must
 * stay put for as long as its entry is in the map.
 */
#ifndef APP_PLATFORM_KEYMAP_H
#define APP_PLATFORM_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

/* The link; `key` is NULL while it is in no map. */
struct keymap_entry {
	struct keymap_entry *next;
	const char *key;
	uint32_t hash;
};

/* All zero is an empty map. */
struct keymap {
	struct keymap_entry **slots;
	uint32_t slot_count; /* 0 or a power of two */
	uint32_t count;
};

/* The thing of type `type` whose member `member` is `entry`. */
#define KEYMAP_OWNER(entry, type, member)                                      \
	((type *)(void *)((char *)(entry)-offsetof(type, member)))

/* The entry with this key, NULL when there is none. */
struct keymap_entry *keymap_find(const struct keymap *map, const char *key);

/* Adds an entry; the key must not be in the map. 0 or -ENOMEM. */
int keymap_add(struct keymap *map, struct keymap_entry *entry, const char *key);

/* Takes the entry out; harmless when it is in no map. */
void keymap_remove(struct keymap *map, struct keymap_entry *entry);

/* Releases the map, not what was in it. */
void keymap_free(struct keymap *map);

#endif
