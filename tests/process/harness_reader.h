// SPDX-License-Identifier: MIT
/*
 * A client of the inbox that checks what it gets. Messages are numbered within
 * series: their text is "m SERIES NUMBER", from 1, and a series is written to
 * one workspace in the order of its numbers. Whatever molecule-mcp says is
 * looked at in the order in which it said it:
 *
 *	- a message whose pop was answered never comes again;
 *	- a list begins with the oldest message that was not popped, and leaves
 *	  none out: one that is missing was popped, or its pop is under way, or
 *	  was when a process ended;
 *	- the notifications of a process come in order, each once.
 *
 * What is wrong fails the test.
 */
#ifndef PROCESS_HARNESS_READER_H
#define PROCESS_HARNESS_READER_H

#include "harness.h"

#define READER_SERIES 2
#define READER_ROWS_MAX 12000 /* of a series */
#define READER_LISTED_MAX 200 /* messages of one list */

struct reader_row {
	char id[40];   /* "" until it came */
	int popped;    /* the process that answered its pop, from 1; 0: none */
	bool sent;     /* its pop is under way */
	bool doubtful; /* it was when a process ended; not seen since */
};

struct reader {
	struct child *c;
	int lives; /* processes so far */
	int taken; /* messages of the child that were looked at */
	struct reader_row rows[READER_SERIES][READER_ROWS_MAX + 1];
	int written[READER_SERIES];   /* the largest number that exists */
	int told_last[READER_SERIES]; /* by a notification of this process */
	int popped;		      /* messages of all series */
	int lost;		      /* pops that got no answer */
	json_int_t next_id;	      /* of requests */
	json_int_t list_id;	      /* of the peek under way; 0: none */
	struct reader_row *sent[READER_LISTED_MAX];
	int sent_count;
	struct reader_row *listed[READER_LISTED_MAX]; /* by the last peek */
	int listed_count;
};

/* All zero is ready. Begins with a new process: what the last one was asked
 * and did not answer is in doubt. */
void reader_begin(struct reader *r, struct child *c);
/* That many more messages of the series exist. */
void reader_wrote(struct reader *r, int series, int count);
/* Asks for the list, READER_LISTED_MAX at most; none may be under way. */
void reader_peek(struct reader *r, int limit);
/* Pops the i-th of the last list, unless that was done. */
void reader_pop(struct reader *r, int i);
/* Looks at what has come. */
void reader_take(struct reader *r);
/* The list is here, and all pops are answered. */
bool reader_settled(const struct reader *r);
/* Peeks and pops until all that was written has been popped, or may have been
 * by a process that ended, and nothing is left; at_each (may be NULL) is
 * called for each list. Fails when nothing comes any more. */
void reader_drain(struct reader *r, int limit, void (*at_each)(void *arg),
		  void *arg);

#endif
