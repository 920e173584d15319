// SPDX-License-Identifier: MIT
/*
 * uploads - files on their way to an agent.
 *
 * A poll-mode workspace has no address to send a file to, so the platform
 * keeps the bytes and names them `platform-pending:<workspace>/<file id>`. For
 * each file a chat_upload_receive row appears in the workspace's log, in the
 * same step; the agent fetches the content and acknowledges it, after which
 * the bytes are gone. What is never fetched makes room, oldest first.
 */
#ifndef APP_PLATFORM_UPLOADS_H
#define APP_PLATFORM_UPLOADS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/platform/ident.h"

struct exchange;
struct member;
struct platform;

#define UPLOAD_REQUEST_MAX ((size_t)50 * 1024 * 1024)
#define UPLOAD_FILE_MAX ((size_t)25 * 1024 * 1024)
#define UPLOAD_FILES_MAX 64 /* in one request */
#define UPLOADS_MAX 1024    /* of one workspace, acknowledged ones too */
#define UPLOADS_BYTES_MAX ((size_t)128 * 1024 * 1024) /* of one workspace */
#define UPLOAD_NAME_MAX 100
#define UPLOAD_MIME_MAX 127

struct upload {
	struct upload *newer;
	struct ident id;
	char name[UPLOAD_NAME_MAX + 1];
	char mime[UPLOAD_MIME_MAX + 1];
	char *data; /* NULL once acknowledged */
	size_t size;
	bool acked;
};

/* All zero is empty. */
struct upload_list {
	struct upload *oldest, *newest;
	uint32_t count;
	size_t bytes;
};

/* Keeps a copy of a file for a workspace, and tells its agent of it. `filename`
 * and `type` are borrowed and cleaned; NULL when out of memory. Does not park.
 */
const struct upload *uploads_add(struct platform *platform,
				 struct member *member, const char *filename,
				 const char *type, const void *data,
				 size_t len);

/* What whoever sent it is told of a file: {uri, name, mimeType, size}; a new
 * reference, NULL when out of memory. */
json_t *uploads_json(const struct member *member, const struct upload *upload);

/* Handle POST /workspaces/:id/chat/uploads, and of
 * /workspaces/:id/pending-uploads/:file GET content and POST ack. */
void uploads_post(struct exchange *x);
void uploads_content(struct exchange *x);
void uploads_ack(struct exchange *x);

void upload_list_free(struct upload_list *list);

#endif
