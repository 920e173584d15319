// SPDX-License-Identifier: MIT
/*
 * upload_store - where files that came from the platform are kept.
 *
 * In /workspace/.molecule/chat-uploads where there is a /workspace and it can
 * be written, else in `chat-uploads` of the state directory; directories have
 * mode 0700, files 0600. Their names are made by upload_name.h. No link is
 * followed on the way to them.
 *
 * A file is whole or not there: it is written under a temporary name, synced
 * and renamed. Temporary files that a killed process left are removed when the
 * same file is written again.
 *
 *	err = upload_store_begin(&store, name, &file);
 *	... write to file.fd ...
 *	err = upload_store_commit(&file);	// or upload_store_abort(&file)
 */
#ifndef APP_UPLOAD_STORE_H
#define APP_UPLOAD_STORE_H

#include <stddef.h>

#include "proto/upload_name.h"

struct rt;
struct state_dir;

#define UPLOAD_STORE_ROOT "/workspace"
#define UPLOAD_STORE_TEMP_MAX (UPLOAD_NAME_MAX + 8)
/* A temporary file that nobody has written to for so long is abandoned: a
 * download ends after a silence that is shorter (PLATFORM_SILENCE_MS). */
#define UPLOAD_STORE_STALE_S 180

/* All borrowed for the structure's life. */
struct upload_store {
	struct rt *rt;
	struct state_dir *state;
	const char *root; /* UPLOAD_STORE_ROOT; tests choose another */
};

/* One that is being written. */
struct upload_file {
	struct rt *rt;
	int dirfd;
	int fd; /* to write to */
	char name[UPLOAD_NAME_MAX + 1];
	char temp[UPLOAD_STORE_TEMP_MAX + 1];
};

/* The absolute path of the file `name` if it is there: malloc'd, else NULL.
 * Does not park. */
char *upload_store_find(const struct upload_store *store, const char *name);

/* Makes a temporary file. 0 with *file to be committed or aborted; -EBUSY when
 * others are writing the same file; or what the system gave. Parks. */
int upload_store_begin(const struct upload_store *store, const char *name,
		       struct upload_file *file);
/* Puts the file in its place. 0, or what the system gave; -ESTALE when
 * somebody took the temporary file away. Ends *file either way. Parks. */
int upload_store_commit(struct upload_file *file);
/* Throws it away. Parks. */
void upload_store_abort(struct upload_file *file);

#endif
