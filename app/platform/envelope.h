// SPDX-License-Identifier: MIT
/*
 * envelope - A2A messages as they are stored: a JSON-RPC request around a
 * message, whatever shape it came in.
 *
 * Senders give a whole request, or only its params, or only a message; they
 * leave out ids, roles and methods; they write `content` instead of `parts`
 * and `type` instead of `kind`. All of that is put right here.
 */
#ifndef APP_PLATFORM_ENVELOPE_H
#define APP_PLATFORM_ENVELOPE_H

#include <jansson.h>

struct rt;

#define ENVELOPE_METHOD_MAX 64

/* A normalised message; what it borrows lives in `json`. */
struct envelope {
	json_t *json; /* owned: envelope_free */
	const char *method;
	const char *message_id;
	char *text; /* its text, "" when it has none; owned */
	const json_t *parts;
};

/* Normalises `body` (borrowed, an object) into *out. Returns 0, -EINVAL with
 * *why (static) when it holds neither parts nor content, or -ENOMEM. */
int envelope_read(struct envelope *out, struct rt *rt, const json_t *body,
		  const char **why);

/* An envelope around a text. `message_id` NULL: a new one. 0 or -ENOMEM. */
int envelope_make(struct envelope *out, struct rt *rt, const char *text,
		  const char *message_id);

void envelope_free(struct envelope *envelope);

#endif
