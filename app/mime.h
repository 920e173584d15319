// SPDX-License-Identifier: MIT
/*
 * mime - the MIME types that file names suggest.
 *
 * By the last extension, in any case of letters: what the system's tables say
 * (/etc/mime.types, then /usr/share/mime/globs2), else a short table of our
 * own, else application/octet-stream. The system's tables are read when they
 * are needed, a piece at a time, and nothing of them is kept: a message with
 * files is rare.
 */
#ifndef APP_MIME_H
#define APP_MIME_H

#include <stddef.h>

struct rt;

#define MIME_TYPE_MAX 127		  /* bytes; longer ones are no types */
#define MIME_TABLE_MAX (2u * 1024 * 1024) /* bytes of a table that are read */
#define MIME_DEFAULT "application/octet-stream"

/* A question, and its answer. */
struct mime_file {
	const char *name; /* without directories; borrowed */
	char type[MIME_TYPE_MAX + 1];
};

/* Where the system's tables are; tests name others. */
struct mime_tables {
	const char *types; /* "type/subtype extension extension …" */
	const char *globs; /* "weight:type/subtype:*.extension…" */
};
extern const struct mime_tables mime_system_tables;

/* Fills in the types of `count` files. A table that is not there, or cannot be
 * read, says nothing. Parks; when cancelled the types are still valid. */
void mime_guess(struct rt *rt, const struct mime_tables *tables,
		struct mime_file *files, size_t count);

#endif
