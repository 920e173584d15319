// SPDX-License-Identifier: MIT
/*
 * message_view - an inbox message as it is shown: by the inbox tools and by
 * what is pushed.
 *
 * A message is kept as it came. When it is shown, the sender's name and role
 * are added if the row had none and they are known by now, the address of the
 * sender's card, and what has become of its attachments.
 */
#ifndef APP_MESSAGE_VIEW_H
#define APP_MESSAGE_VIEW_H

#include <jansson.h>

#include "proto/activity.h"

struct tools;

#define MESSAGE_VIEW_URL_MAX 512

struct message_view {
	struct activity_message message;
	char card_url[MESSAGE_VIEW_URL_MAX];
};

/* Fills in *out, whose strings are borrowed from the message, from *out and
 * from what is known about peers: to be used up before anything parks. A
 * sender that is not known is looked up in the background. Does not park. */
void message_view(struct message_view *out, const struct tools *tools,
		  const struct activity_message *message);

/* The message as JSON (activity_message_json). A text that no host could take
 * is cut, and says so; other strings of absurd length are cut. A new reference;
 * NULL when out of memory. Does not park. */
json_t *message_view_json(const struct tools *tools,
			  const struct activity_message *message);

#endif
