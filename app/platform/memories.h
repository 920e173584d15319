// SPDX-License-Identifier: MIT
/*
 * memories - what agents asked to have remembered.
 *
 * A memory belongs to the workspace that wrote it and is seen, by its scope:
 * LOCAL by that workspace alone, TEAM by those with the same parent and the
 * parent itself, GLOBAL by all. Only a workspace without a parent may write
 * GLOBAL. A workspace that is full is told so; nothing is forgotten silently.
 */
#ifndef APP_PLATFORM_MEMORIES_H
#define APP_PLATFORM_MEMORIES_H

#include <stdint.h>

#include "app/platform/ident.h"

struct exchange;

#define MEMORIES_MAX 1000 /* of one workspace */
#define MEMORY_CONTENT_MAX (64u * 1024)
#define MEMORIES_SHOWN 50

enum memory_scope { MEMORY_LOCAL, MEMORY_TEAM, MEMORY_GLOBAL };

struct memory {
	struct memory *older;
	struct ident id;
	enum memory_scope scope;
	int64_t created_us;
	char content[];
};

/* All zero is empty. */
struct memory_list {
	struct memory *newest;
	uint32_t count;
};

/* Handle POST and GET /workspaces/:id/memories. */
void memories_post(struct exchange *x);
void memories_get(struct exchange *x);

void memories_free(struct memory_list *list);

#endif
