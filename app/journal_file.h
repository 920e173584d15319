// SPDX-License-Identifier: MIT
/*
 * journal_file - the text of a journal (journal.h): records to lines and back.
 * Pure: no file is touched.
 *
 * A line is the CRC-32C of the rest in eight hexadecimal digits, a space, and
 * a JSON object:
 *
 *	{"message":{"activity_id":…,"text":…,…}}
 *	{"popped":"<activity id>"}
 *	{"seen":"<row id>","at":"<created_at>"}
 *
 * A newline ends it, and JSON on a line has none inside, so that a reader
 * finds its way again after anything.
 */
#ifndef APP_JOURNAL_FILE_H
#define APP_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/activity.h"

/* Bytes that grow; all zero is empty. */
struct journal_bytes {
	char *data;
	size_t len, cap;
};

/* Adds at the end: 0, or -ENOMEM and nothing was added. */
int journal_bytes_add(struct journal_bytes *bytes, const char *data,
		      size_t len);
/* Drops the first `len` bytes. */
void journal_bytes_cut(struct journal_bytes *bytes, size_t len);
void journal_bytes_free(struct journal_bytes *bytes);

enum journal_kind { JOURNAL_MESSAGE, JOURNAL_POPPED, JOURNAL_SEEN };

/* A record; strings are borrowed. */
struct journal_record {
	enum journal_kind kind;
	struct activity_message message; /* fields may be NULL when added */
	const char *id;			 /* POPPED, SEEN */
	const char *at;			 /* SEEN; "" unknown */
	bool doubtful; /* when read: a line before it was damaged */
};

/* Adds a record's line. 0 or -ENOMEM (nothing was added). */
int journal_file_add(struct journal_bytes *bytes,
		     const struct journal_record *record);

/* Calls on_record for each line that can be read, its strings borrowed for the
 * call and none of them NULL. Returns how many whole lines could not, or
 * -ENOMEM, and then the rest was not looked at; *whole
 * is false when bytes without a newline stand at the end: half a record, of a
 * process that was killed. */
int journal_file_parse(const char *data, size_t len,
		       void (*on_record)(void *arg,
					 const struct journal_record *),
		       void *arg, bool *whole);

#endif
