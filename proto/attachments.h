// SPDX-License-Identifier: MIT
/*
 * attachments - the files that a row of the activity list names.
 *
 * They stand as parts of a message (kind or type file, image, audio or video;
 * described by a member `file` or by the part itself), or as the flat manifest
 * of an upload, or as a list that the platform made of either. Whatever the
 * shape, an attachment comes out as
 *
 *	{"kind": "file", "uri": …, "mime_type": …, "name": …, "size": …}
 *
 * where all but kind may be missing, and one of uri and name is there. What
 * does not fit this is passed over.
 */
#ifndef PROTO_ATTACHMENTS_H
#define PROTO_ATTACHMENTS_H

#include <jansson.h>

#define ATTACHMENTS_MAX 64	 /* of one message */
#define ATTACHMENTS_URI_MAX 2048 /* bytes; a longer one is left out */
#define ATTACHMENTS_NAME_MAX 255 /* characters; a longer one is cut */
#define ATTACHMENTS_TYPE_MAX 127 /* bytes; a longer one is left out */
#define ATTACHMENTS_PENDING "platform-pending:"

/* Reads what `row` and its request body (decoded; may be NULL) name. Of an
 * upload that only has a file id the uri is made, for this workspace. *out is
 * a new array, or NULL when there are none. 0 or -ENOMEM. */
int attachments_read(json_t **out, const json_t *row, const json_t *body,
		     const char *workspace_id);

#endif
