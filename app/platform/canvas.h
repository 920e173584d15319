// SPDX-License-Identifier: MIT
/*
 * canvas - what the user does at the canvas: writes to an agent and sends it
 * files.
 *
 *	POST /demo/workspaces/:id/messages
 *	{"text": "have a look", "files": [{"name": "a.csv", "text": "1,2"}]}
 *
 *	text         what is written
 *	message_id   its messageId; else a new one
 *	files        files that are uploaded first, as the canvas does, and that
 *	             the message then refers to: {"name", "mimeType"?, and
 *	             "text" (what is in it) or "size" (so many bytes)}
 *	attachments  files that were uploaded before (POST …/uploads,
 *	             multipart), as that answered: {"uri", "name", …}
 *	system       no user wrote it but this part of the platform, which
 *	             looks like a user but for params.metadata.source
 *	count        so many messages, "text 1", "text 2", …
 *	age_secs     written so long ago
 *
 * The answer names the row of the (last) message.
 */
#ifndef APP_PLATFORM_CANVAS_H
#define APP_PLATFORM_CANVAS_H

#include <jansson.h>
#include <stdint.h>

struct exchange;
struct member;
struct platform;
struct row;

#define CANVAS_COUNT_MAX 20000
#define CANVAS_FILE_MAX ((size_t)64 * 1024 * 1024)
#define CANVAS_AGE_MAX_SECS (366 * 86400)

/* A message; all of it is borrowed, and all but `text` may be NULL or 0. */
struct canvas_words {
	const char *text;
	const char *message_id, *system;
	const json_t *attachments; /* [{uri, name, …}] */
	int64_t created_us;	   /* 0: now */
};

/* The user writes to a workspace: the row, or NULL when out of memory. Does
 * not park. */
struct row *canvas_say(struct platform *platform, struct member *member,
		       const struct canvas_words *words);

/* Handles POST /demo/workspaces/:id/messages. */
void canvas_message(struct exchange *x);

/* The stamp of what the member `age_secs` of an operator's request says, 0
 * when it has none, -1 when it is none. */
int64_t canvas_age(const struct platform *platform, const json_t *body);

/* Answers with what became of a row; 500 when it is NULL. */
void canvas_answer(struct exchange *x, const struct row *row);

#endif
