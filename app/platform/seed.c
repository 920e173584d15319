// SPDX-License-Identifier: MIT
#include "app/platform/seed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/platform/members.h"
#include "app/platform/state.h"
#include "proto/json.h"

#define TIER_MAX 100

/* Which members a description may have, and of what type. */
static const struct {
	const char *name;
	json_type type;
} known[] = {
	{ "id", JSON_STRING },
	{ "name", JSON_STRING },
	{ "role", JSON_STRING },
	{ "tier", JSON_INTEGER },
	{ "parent_id", JSON_STRING },
	{ "token", JSON_STRING },
	{ "delivery_mode", JSON_STRING },
	{ "url", JSON_STRING },
	{ "answer", JSON_STRING },
	{ "talk_to_user", JSON_TRUE },
	{ "broadcast", JSON_TRUE },
	{ "delegate", JSON_TRUE },
	{ "platform_url", JSON_STRING },
};

static bool type_fits(const json_t *value, json_type type)
{
	return json_is_null(value) || json_typeof(value) == type ||
	       (type == JSON_TRUE && json_is_false(value));
}

static bool members_are_known(const json_t *object, char fault[SEED_FAULT_MAX])
{
	const size_t count = sizeof(known) / sizeof(known[0]);
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;

		while (i < count && strcmp(known[i].name, key) != 0)
			i++;
		(void)snprintf(fault, SEED_FAULT_MAX, "%s \"%.60s\"",
			       i == count ? "unknown member" : "wrong type of",
			       key);
		if (i == count || !type_fits(value, known[i].type))
			return false;
	}
	return true;
}

static void fault_set(char fault[SEED_FAULT_MAX], const char *text)
{
	(void)snprintf(fault, SEED_FAULT_MAX, "%s", text);
}

/* Fills the draft; what is wrong with the description, NULL if nothing. */
static const char *draft_read(struct platform *platform, const json_t *object,
			      struct member_draft *draft)
{
	const char *id = json_get_text(object, "id");
	const char *parent = json_get_text(object, "parent_id");
	const char *mode = json_get_text_or(object, "delivery_mode", "poll");
	const json_t *tier = json_object_get(object, "tier");

	if (!id)
		ident_random(platform->rt, &draft->id);
	else if (!ident_parse(&draft->id, id))
		return "id must be a UUID";
	if (parent && !ident_parse(&draft->parent, parent))
		return "parent_id must be a UUID";
	draft->tier = 1;
	if (json_is_integer(tier)) {
		if (json_integer_value(tier) < 0 ||
		    json_integer_value(tier) > TIER_MAX)
			return "tier must be 0 to 100";
		draft->tier = (int)json_integer_value(tier);
	}
	draft->name = json_get_text(object, "name");
	draft->role = json_get_text(object, "role");
	draft->url = json_get_text(object, "url");
	draft->token = json_get_text(object, "token");
	draft->answer = json_get_text(object, "answer");
	draft->mute = json_is_false(json_object_get(object, "talk_to_user"));
	draft->aside = json_is_false(json_object_get(object, "delegate"));
	draft->broadcast = platform->options.allow_broadcast;
	if (json_is_boolean(json_object_get(object, "broadcast")))
		draft->broadcast = json_get_true(object, "broadcast");
	draft->push = strcmp(mode, "push") == 0;
	if (!draft->push && strcmp(mode, "poll") != 0)
		return "delivery_mode must be poll or push";
	if (draft->push && (!draft->url || !*draft->url) && !draft->answer)
		return "delivery_mode push needs a url or an answer";
	if (!draft->push && draft->answer)
		return "only one in delivery_mode push has an answer";
	return NULL;
}

static const char *add_fault(int err)
{
	switch (err) {
	case -EEXIST:
		return "a workspace with this id exists already";
	case -ENOSPC:
		return "too many workspaces";
	case -EINVAL:
		return "token, name, role, url or answer is not usable: a "
		       "token is 1 to 256 visible ASCII characters, the others "
		       "at most 200 bytes (url: 2048, answer: 1 MiB)";
	default:
		return "out of memory";
	}
}

struct member *seed_member(struct platform *platform, const json_t *object,
			   char fault[SEED_FAULT_MAX])
{
	struct member_draft draft = { 0 };
	struct member *member = NULL;
	const char *wrong;
	int err;

	if (!json_is_object(object)) {
		fault_set(fault, "a workspace must be an object");
		return NULL;
	}
	if (!members_are_known(object, fault))
		return NULL;
	wrong = draft_read(platform, object, &draft);
	if (!wrong) {
		err = members_add(platform, &draft, &member);
		wrong = err < 0 ? add_fault(err) : NULL;
	}
	if (wrong)
		fault_set(fault, wrong);
	return wrong ? NULL : member;
}

/* Says which entry a fault is about. */
static int entry_fault(char fault[SEED_FAULT_MAX], size_t i)
{
	char text[SEED_FAULT_MAX];

	(void)snprintf(text, sizeof(text), "workspaces[%zu]: %.200s", i, fault);
	fault_set(fault, text);
	return -EINVAL;
}

static int workspaces_read(struct platform *platform, const json_t *list,
			   char fault[SEED_FAULT_MAX])
{
	size_t i;
	json_t *object;

	json_array_foreach(list, i, object)
	{
		if (json_is_object(object) && !json_get_text(object, "id")) {
			fault_set(fault, "id is required");
			return entry_fault(fault, i);
		}
		if (!seed_member(platform, object, fault))
			return entry_fault(fault, i);
	}
	return 0;
}

/* Every parent must be there, and no workspace its own ancestor. */
static int parents_check(const struct platform *platform,
			 char fault[SEED_FAULT_MAX])
{
	const struct member *member = platform->members.first;

	for (; member; member = member->next) {
		const struct member *above = member;
		uint32_t steps = 0;

		while (above && !ident_none(&above->parent) &&
		       steps++ <= platform->members.count)
			above = members_find(platform, &above->parent);
		if (above && steps <= platform->members.count)
			continue;
		(void)snprintf(fault, SEED_FAULT_MAX,
			       "workspace %s: parent_id %s", member->id.text,
			       above ? "leads back to itself"
				     : "is no workspace of the seed");
		return -EINVAL;
	}
	return 0;
}

int seed_read(struct platform *platform, const char *text, size_t len,
	      char fault[SEED_FAULT_MAX])
{
	json_error_t where;
	json_t *seed = json_parse_bounded(text, len, NULL);
	const json_t *list = json_is_array(seed)
				     ? seed
				     : json_object_get(seed, "workspaces");
	int err;

	if (!seed) {
		/* Once more, by the parser that says where it stumbled. */
		json_decref(json_loadb(text, len, JSON_DECODE_ANY, &where));
		(void)snprintf(fault, SEED_FAULT_MAX,
			       "line %d, column %d: %.180s", where.line,
			       where.column, where.text);
		return -EINVAL;
	}
	fault_set(fault, "expected {\"workspaces\": [...]}");
	err = json_is_array(list) ? workspaces_read(platform, list, fault)
				  : -EINVAL;
	if (err == 0)
		err = parents_check(platform, fault);
	json_decref(seed);
	return err;
}
