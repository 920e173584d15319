// SPDX-License-Identifier: MIT
#include "app/platform/memories.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/stamp.h"
#include "app/platform/state.h"
#include "proto/json.h"

#define SCOPE_COUNT 3

static const char *const scope_names[SCOPE_COUNT] = {
	[MEMORY_LOCAL] = "LOCAL",
	[MEMORY_TEAM] = "TEAM",
	[MEMORY_GLOBAL] = "GLOBAL",
};

static bool scope_read(enum memory_scope *scope, const char *text)
{
	for (int i = 0; i < SCOPE_COUNT; i++) {
		if (strcasecmp(scope_names[i], text) == 0) {
			*scope = (enum memory_scope)i;
			return true;
		}
	}
	return false;
}

/* "workspace:<id>", "team:<id of its head>" or "global". */
static json_t *namespace_of(const struct member *member,
			    enum memory_scope scope)
{
	if (scope == MEMORY_GLOBAL)
		return json_string("global");
	if (scope == MEMORY_TEAM)
		return json_sprintf("team:%s", member_team(member)->text);
	return json_sprintf("workspace:%s", member->id.text);
}

static struct memory *keep(struct exchange *x, enum memory_scope scope,
			   const char *content)
{
	struct memory_list *list = &x->member->memories;
	size_t size = strlen(content) + 1;
	struct memory *memory = malloc(sizeof(*memory) + size);

	if (!memory)
		return NULL;
	ident_random(x->platform->rt, &memory->id);
	memory->scope = scope;
	memory->created_us = platform_stamp(x->platform);
	memcpy(memory->content, content, size);
	memory->older = list->newest;
	list->newest = memory;
	list->count++;
	return memory;
}

static void commit(struct exchange *x, enum memory_scope scope,
		   const char *content)
{
	struct memory *memory;

	if (scope == MEMORY_GLOBAL && !ident_none(&x->member->parent)) {
		exchange_error(x, 403,
			       "only a workspace without a parent may write "
			       "GLOBAL memories");
		return;
	}
	if (x->member->memories.count >= MEMORIES_MAX) {
		exchange_error(x, 507,
			       "this workspace holds as many memories as it "
			       "may");
		return;
	}
	memory = keep(x, scope, content);
	if (!memory) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	exchange_json(x, 201,
		      json_pack("{s:s, s:s, s:o}", "id", memory->id.text,
				"scope", scope_names[scope], "namespace",
				namespace_of(x->member, scope)));
}

void memories_post(struct exchange *x)
{
	json_t *body = exchange_body(x);
	const char *content = json_get_text(body, "content");
	enum memory_scope scope = MEMORY_LOCAL;

	if (!content || !*content)
		exchange_error(x, 400, "content is required");
	else if (strlen(content) > MEMORY_CONTENT_MAX)
		exchange_error(x, 400, "content is longer than 65536 bytes");
	else if (!scope_read(&scope, json_get_text_or(body, "scope", "LOCAL")))
		exchange_error(x, 400, "scope must be LOCAL, TEAM or GLOBAL");
	else
		commit(x, scope, content);
	json_decref(body);
}

/* Whether `reader` may see a memory that `owner` wrote. */
static bool may_see(const struct member *reader, const struct member *owner,
		    const struct memory *memory)
{
	switch (memory->scope) {
	case MEMORY_LOCAL:
		break;
	case MEMORY_TEAM:
		return owner->status != MEMBER_REMOVED &&
		       (ident_equal(member_team(owner), member_team(reader)) ||
			ident_equal(&owner->parent, &reader->id) ||
			ident_equal(&owner->id, &reader->parent));
	case MEMORY_GLOBAL:
		return owner->status != MEMBER_REMOVED;
	}
	return reader == owner;
}

/* What a reader asked for. */
struct search {
	const char *words; /* "" for all */
	bool any_scope;
	enum memory_scope scope;
};

static bool matches(const struct search *search, const struct memory *memory)
{
	if (!search->any_scope && memory->scope != search->scope)
		return false;
	return strcasestr(memory->content, search->words) != NULL;
}

static json_t *memory_json(const struct member *owner,
			   const struct memory *memory)
{
	char created[STAMP_TEXT_MAX];

	stamp_format(created, memory->created_us);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:s}", "id", memory->id.text,
		"workspace_id", owner->id.text, "content", memory->content,
		"scope", scope_names[memory->scope], "namespace",
		namespace_of(owner, memory->scope), "created_at", created);
}

/* A memory that was found, and whose it is. */
struct found {
	const struct member *owner;
	const struct memory *memory;
};

/* Puts a memory in its place, newest first, dropping what is beyond the most
 * that is shown. Returns the new count. */
static size_t insert(struct found *found, size_t count, struct found item)
{
	size_t at = count;

	while (at > 0 &&
	       found[at - 1].memory->created_us < item.memory->created_us)
		at--;
	if (at == MEMORIES_SHOWN)
		return count;
	if (count < MEMORIES_SHOWN)
		count++;
	memmove(&found[at + 1], &found[at], (count - at - 1) * sizeof(*found));
	found[at] = item;
	return count;
}

static json_t *recall(const struct platform *platform,
		      const struct member *reader, const struct search *search)
{
	struct found found[MEMORIES_SHOWN];
	size_t count = 0;
	const struct member *owner = platform->members.first;
	json_t *list = json_array();

	for (; owner; owner = owner->next) {
		const struct memory *memory = owner->memories.newest;

		for (; memory; memory = memory->older) {
			if (may_see(reader, owner, memory) &&
			    matches(search, memory))
				count = insert(found, count,
					       (struct found){ owner, memory });
		}
	}
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list, memory_json(found[i].owner, found[i].memory));
	return list;
}

void memories_get(struct exchange *x)
{
	char words[EXCHANGE_QUERY_VALUE_MAX] = "";
	char scope[16] = "";
	struct search search = { .words = words, .any_scope = true };

	(void)exchange_query(x, "q", words, sizeof(words));
	(void)exchange_query(x, "scope", scope, sizeof(scope));
	if (*scope) {
		search.any_scope = false;
		if (!scope_read(&search.scope, scope)) {
			exchange_error(x, 400,
				       "scope must be LOCAL, TEAM or GLOBAL");
			return;
		}
	}
	exchange_json(x, 200, recall(x->platform, x->member, &search));
}

void memories_free(struct memory_list *list)
{
	struct memory *memory = list->newest, *older;

	for (; memory; memory = older) {
		older = memory->older;
		free(memory);
	}
	*list = (struct memory_list){ 0 };
}
