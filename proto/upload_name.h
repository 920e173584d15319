// SPDX-License-Identifier: MIT
/*
 * upload_name - under which name a file that came from the platform is kept.
 *
 * `<32 hex digits>-<the name, made harmless>`. The digits are made from the
 * workspace and the platform's file id, so that the file is found again
 * without asking anybody, and two files never share a name.
 */
#ifndef PROTO_UPLOAD_NAME_H
#define PROTO_UPLOAD_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define UPLOAD_NAME_ID 32    /* digits */
#define UPLOAD_NAME_SAFE 100 /* characters of the name at most */
#define UPLOAD_NAME_MAX (UPLOAD_NAME_ID + 1 + UPLOAD_NAME_SAFE)

/* Makes a name harmless: what is behind the last slash (of either kind), each
 * character but letters, digits, '.', '_' and '-' replaced by '_', cut so that
 * an extension of up to 16 characters stays; "file" when nothing usable is
 * left. */
void upload_name_safe(char out[UPLOAD_NAME_SAFE + 1], const char *name);

void upload_name_make(char out[UPLOAD_NAME_MAX + 1], const char *workspace_id,
		      const char *file_id, const char *name);

#endif
