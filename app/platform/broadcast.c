// SPDX-License-Identifier: MIT
#include "app/platform/broadcast.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/platform/events.h"
#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/rows.h"
#include "app/platform/state.h"
#include "proto/json.h"
#include "proto/utf8.h"

#define SUMMARY_MAX (MEMBER_NAME_MAX + 4 * BROADCAST_SUMMARY_CHARS + 64)

/* What receivers see of it in their logs. */
static void summary_of(char out[SUMMARY_MAX], const struct member *from,
		       const char *message)
{
	size_t all = strlen(message);
	size_t len = utf8_prefix(message, all, BROADCAST_SUMMARY_CHARS);

	(void)snprintf(out, SUMMARY_MAX, "Broadcast from %s: %.*s%s",
		       from->name, (int)len, message, len < all ? "…" : "");
}

static int leave(struct platform *platform, const struct member *from,
		 struct member *to, const char *message)
{
	char summary[SUMMARY_MAX];

	summary_of(summary, from, message);
	if (!rows_add(platform, to,
		      &(struct row_draft){ .type = "broadcast_receive",
					   .method = "broadcast",
					   .source = &from->id,
					   .summary = summary }))
		return -ENOMEM;
	events_publish(platform, to, "BROADCAST_MESSAGE",
		       json_pack("{s:s, s:s, s:s}", "message", message,
				 "sender_id", from->id.text, "sender",
				 from->name));
	return 0;
}

static void send_all(struct exchange *x, const char *message)
{
	struct member *to = x->platform->members.first;
	char summary[64];
	int delivered = 0;

	for (; to; to = to->next) {
		if (to != x->member && to->status != MEMBER_REMOVED &&
		    leave(x->platform, x->member, to, message) == 0)
			delivered++;
	}
	(void)snprintf(summary, sizeof(summary),
		       "Broadcast sent to %d workspace(s)", delivered);
	(void)rows_add(x->platform, x->member,
		       &(struct row_draft){ .type = "broadcast_sent",
					    .method = "broadcast",
					    .summary = summary });
	exchange_json(x, 200,
		      json_pack("{s:s, s:i}", "status", "sent", "delivered",
				delivered));
}

void broadcast_post(struct exchange *x)
{
	json_t *body = exchange_body(x);
	const char *message = json_get_text(body, "message");

	if (!message || !*message)
		exchange_error(x, 400, "message is required");
	else if (!x->member->may_broadcast)
		exchange_json(x, 403,
			      json_pack("{s:s, s:s}", "error",
					"broadcast_disabled", "hint",
					"This workspace may not broadcast. A "
					"user or an admin can allow it with "
					"PATCH /workspaces/:id/abilities."));
	else
		send_all(x, message);
	json_decref(body);
}

/* How many of the body's abilities are given, and set; -EINVAL when one is no
 * boolean. */
static int abilities_set(struct member *member, const json_t *body)
{
	const struct {
		const char *name;
		bool *slot;
	} abilities[] = {
		{ "broadcast_enabled", &member->may_broadcast },
		{ "talk_to_user_enabled", &member->may_talk },
		{ "can_delegate", &member->may_delegate },
	};
	int given = 0;

	for (size_t i = 0; i < sizeof(abilities) / sizeof(abilities[0]); i++) {
		const json_t *value = json_object_get(body, abilities[i].name);

		if (!value)
			continue;
		if (!json_is_boolean(value))
			return -EINVAL;
		*abilities[i].slot = json_is_true(value);
		given++;
	}
	return given;
}

void broadcast_abilities(struct exchange *x)
{
	json_t *body = exchange_body(x);
	int given;

	if (!x->member || x->member->status == MEMBER_REMOVED) {
		exchange_error(x, 404, "workspace not found");
	} else {
		given = abilities_set(x->member, body);
		if (given < 0)
			exchange_error(x, 400, "abilities are true or false");
		else if (given == 0)
			exchange_error(x, 400,
				       "at least one ability is required");
		else
			exchange_json(x, 200,
				      json_pack("{s:s}", "status", "updated"));
	}
	json_decref(body);
}
