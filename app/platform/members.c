// SPDX-License-Identifier: MIT
#include "app/platform/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/events.h"
#include "app/platform/state.h"

static bool token_is_sound(const char *token)
{
	size_t len = strlen(token);

	if (len == 0 || len > MEMBER_TOKEN_LEN_MAX)
		return false;
	for (; *token; token++) {
		if (*token < 0x21 || *token > 0x7e)
			return false;
	}
	return true;
}

static void wipe_token(char **token)
{
	if (!*token)
		return;
	explicit_bzero(*token, strlen(*token));
	free(*token);
	*token = NULL;
}

int member_set_text(char **slot, const char *text)
{
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*slot);
	*slot = copy;
	return 0;
}

static void member_free(struct member *member)
{
	rows_free(&member->log);
	delegation_free(&member->delegations);
	memories_free(&member->memories);
	upload_list_free(&member->uploads);
	member_token_revoke_all(member);
	explicit_bzero(member->secret, sizeof(member->secret));
	json_decref(member->card);
	free(member->name);
	free(member->role);
	free(member->url);
	free(member->answer);
	free(member->current_task);
	free(member);
}

static int member_fill(struct member *member, const struct member_draft *draft)
{
	char name[32];
	int err;

	(void)snprintf(name, sizeof(name), "workspace-%.8s", draft->id.text);
	member->id = draft->id;
	member->parent = draft->parent;
	member->tier = draft->tier;
	member->push = draft->push;
	member->may_talk = !draft->mute;
	member->may_broadcast = draft->broadcast;
	member->may_delegate = !draft->aside;
	err = member_set_text(&member->name, draft->name ? draft->name : name);
	if (err == 0)
		err = member_set_text(&member->role, draft->role);
	if (err == 0)
		err = member_set_text(&member->url,
				      draft->url ? draft->url : "");
	if (err == 0)
		err = member_set_text(&member->answer, draft->answer);
	if (err == 0 && draft->token)
		err = member_token_add(member, draft->token);
	return err;
}

static bool too_long(const char *text, size_t max)
{
	return text && strlen(text) > max;
}

int members_add(struct platform *platform, const struct member_draft *draft,
		struct member **out)
{
	struct members *members = &platform->members;
	struct member *member;
	int err;

	*out = NULL;
	if (members_find(platform, &draft->id))
		return -EEXIST;
	if (members->count >= MEMBERS_MAX)
		return -ENOSPC;
	if (too_long(draft->name, MEMBER_NAME_MAX) ||
	    too_long(draft->role, MEMBER_NAME_MAX) ||
	    too_long(draft->url, MEMBER_URL_MAX) ||
	    too_long(draft->answer, MEMBER_ANSWER_MAX))
		return -EINVAL;
	member = calloc(1, sizeof(*member));
	if (!member)
		return -ENOMEM;
	err = member_fill(member, draft);
	if (err == 0)
		err = keymap_add(&members->by_id, &member->by_id,
				 member->id.text);
	if (err < 0) {
		member_free(member);
		return err;
	}
	ident_secret(platform->rt, member->secret, MEMBER_SECRET_BYTES);
	if (members->last)
		members->last->next = member;
	else
		members->first = member;
	members->last = member;
	members->count++;
	*out = member;
	return 0;
}

struct member *members_find(const struct platform *platform,
			    const struct ident *id)
{
	struct keymap_entry *entry =
		keymap_find(&platform->members.by_id, id->text);

	return entry ? KEYMAP_OWNER(entry, struct member, by_id) : NULL;
}

void members_remove(struct platform *platform, struct member *member)
{
	if (member->status == MEMBER_REMOVED)
		return;
	member->status = MEMBER_REMOVED;
	member->removed_us = platform_stamp(platform);
	member_token_revoke_all(member);
	events_end(member);
	delegation_target_gone(platform, member);
}

void members_free(struct platform *platform)
{
	struct member *member = platform->members.first, *next;

	for (; member; member = next) {
		next = member->next;
		member_free(member);
	}
	keymap_free(&platform->members.by_id);
	platform->members = (struct members){ 0 };
}

int member_token_add(struct member *member, const char *token)
{
	if (!token_is_sound(token))
		return -EINVAL;
	for (size_t i = 0; i < MEMBER_TOKENS_MAX; i++) {
		if (!member->tokens[i])
			return member_set_text(&member->tokens[i], token);
	}
	return -ENOSPC;
}

const char *member_token_mint(struct platform *platform, struct member *member)
{
	char token[2 * MEMBER_SECRET_BYTES + 1];
	const char *minted = NULL;

	ident_secret(platform->rt, token, MEMBER_SECRET_BYTES);
	if (member_token_add(member, token) == 0) {
		for (size_t i = 0; i < MEMBER_TOKENS_MAX; i++) {
			if (member->tokens[i] &&
			    strcmp(member->tokens[i], token) == 0)
				minted = member->tokens[i];
		}
	}
	explicit_bzero(token, sizeof(token));
	return minted;
}

void member_token_revoke_all(struct member *member)
{
	for (size_t i = 0; i < MEMBER_TOKENS_MAX; i++)
		wipe_token(&member->tokens[i]);
}

bool member_has_token(const struct member *member)
{
	for (size_t i = 0; i < MEMBER_TOKENS_MAX; i++) {
		if (member->tokens[i])
			return true;
	}
	return false;
}

/* Looks at every byte of `token`, whatever it finds. */
static bool same_secret(const char *kept, const char *token)
{
	size_t kept_len = strlen(kept), len = strlen(token);
	volatile unsigned char differ = kept_len != len;

	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(token[i] ^ kept[i % kept_len]);
	return differ == 0;
}

bool member_token_matches(const struct member *member, const char *token)
{
	bool found = false;

	for (size_t i = 0; i < MEMBER_TOKENS_MAX; i++) {
		if (member->tokens[i] && same_secret(member->tokens[i], token))
			found = true;
	}
	return found;
}

struct member *members_by_token(const struct platform *platform,
				const char *token)
{
	struct member *member = platform->members.first, *found = NULL;

	for (; member; member = member->next) {
		if (member_token_matches(member, token))
			found = member;
	}
	return found;
}

bool member_may_reach(const struct member *from, const struct member *to)
{
	if (from->status == MEMBER_REMOVED || to->status == MEMBER_REMOVED)
		return false;
	return from == to || ident_equal(&from->parent, &to->parent) ||
	       ident_equal(&from->parent, &to->id) ||
	       ident_equal(&from->id, &to->parent);
}

void member_beat(struct platform *platform, struct member *member)
{
	int64_t now = clock_now(platform->rt, CLOCK_ID_BOOTTIME);

	if (member->beat_ns && now - member->beat_ns > member->gap_ns)
		member->gap_ns = now - member->beat_ns;
	member->beat_ns = now;
}

int64_t member_gap_ns(const struct platform *platform,
		      const struct member *member)
{
	int64_t lasts = 0;

	if (member->beat_ns && member->status != MEMBER_REMOVED)
		lasts = clock_now(platform->rt, CLOCK_ID_BOOTTIME) -
			member->beat_ns;
	return lasts > member->gap_ns ? lasts : member->gap_ns;
}

const struct ident *member_team(const struct member *member)
{
	return ident_none(&member->parent) ? &member->id : &member->parent;
}

const char *member_status_text(const struct member *member)
{
	switch (member->status) {
	case MEMBER_PROVISIONING:
		return "provisioning";
	case MEMBER_ONLINE:
		return "online";
	case MEMBER_DEGRADED:
		return "degraded";
	case MEMBER_AWAITING_AGENT:
		return "awaiting_agent";
	case MEMBER_REMOVED:
		break;
	}
	return "removed";
}
