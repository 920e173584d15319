// SPDX-License-Identifier: MIT
/*
 * letters - what users and peers have written, and what has become of it.
 *
 * Each letter has a number, which stands in its text, and the rest of the text
 * follows from the number. What must hold:
 *
 *	- the agent gets each letter as it was written, at least once;
 *	- after a pop of it was answered, it does not get it again;
 *	- of one workspace it gets them in the order in which they came, but for
 *	  those that answer a delegation, which may be held back;
 *	- while everything works it does not wait long;
 *	- a pop of a letter that is there removes it;
 *	- in the end all of them have been popped, but for those that the inbox
 *	  gave up, of which there are no more than it has counted.
 *
 * Where a server has never been able to keep a cursor, the one that follows it
 * begins with the letters of the last ten minutes: older ones are excused.
 */
#ifndef TESTS_WORLD_LETTERS_H
#define TESTS_WORLD_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/uuid.h"

struct life;

#define LETTERS_MAX 6000
#define LETTER_TEXT_MAX 3000

struct letter {
	char id[UUID_LEN + 1]; /* of its row */
	uint8_t workspace;
	bool by_peer;	   /* may answer a delegation */
	bool streamed;	   /* an event told of it while all was well */
	bool pop_asked;	   /* somebody has tried to pop it */
	bool popped;	   /* and has been told that it is gone */
	bool answered;	   /* it was the result of a delegation */
	bool fleeting;	   /* the disk took nothing when it was got */
	unsigned session;  /* in which it was written */
	int64_t written;   /* when */
	int64_t got;	   /* when first; 0: not yet */
	unsigned shown_by; /* the server that gave it last */
	unsigned told_by;  /* the server that announced it last */
};

struct letters {
	struct letter *all;
	unsigned count;
	/* The first letter of each workspace that is not known to have been
	 * got. */
	unsigned first[3];
	uint64_t given_up; /* by servers that have ended */
	/* When the workspace's cursor was kept first, 0: not yet; and the first
	 * session that could use it. */
	int64_t kept[3];
	unsigned kept_in[3];
};

void letters_init(struct letters *letters);
void letters_free(struct letters *letters);

/* The text of letter `number`. */
void letters_text(char text[LETTER_TEXT_MAX], unsigned number);

/* Somebody is about to write the next letter: its number, or -1 when there have
 * been enough. Then it has been written, to the workspace, and is the row
 * `id`. */
int letters_next(const struct life *life);
void letters_written(struct life *life, int workspace, const char *id,
		     bool by_peer, bool streamed);

/* How the agent gets one. */
enum letters_way {
	LETTERS_WAIT,	/* from wait_for_message, or inbox_peek */
	LETTERS_PUSHED, /* in a notification */
	LETTERS_ANSWER, /* as the result of delegate_task */
};

/* The agent gets a message; waiting_ns: for so long it has waited for one. A
 * message that is no letter is passed over. Returns the letter or NULL. */
struct letter *letters_got(struct life *life, enum letters_way way,
			   const char *id, const char *text,
			   int64_t waiting_ns);

/* The workspace's cursor has been kept. */
void letters_kept(struct life *life, int workspace);

/* It was written before there was a cursor, and in an earlier session, which
 * could not keep it either. */
bool letters_excused(const struct life *life, const struct letter *letter);

/* The letter that is this row, or NULL. */
struct letter *letters_find(const struct life *life, const char *id);

/* The id of one that the agent has been given by this server, and has not tried
 * to pop; NULL when there is none. */
const char *letters_some(const struct life *life);

/* A pop has been sent; it has been answered. */
void letters_pop_asked(struct life *life, const char *id);
void letters_pop_answered(struct life *life, const char *id, bool removed);

/* The agent's end came while it waited for answers of peers: nobody knows which
 * letters have been among them. */
void letters_unheard(struct life *life);

/* The agent was told that there is none. */
void letters_none(struct life *life);

/* At the end of the day. */
void letters_settle(struct life *life);

#endif
