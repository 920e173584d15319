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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/platform/ident.h"

struct exchange;

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

/* Handle POST /workspaces/:id/chat/uploads, and of
 * /workspaces/:id/pending-uploads/:file GET content and POST ack. */
void uploads_post(struct exchange *x);
void uploads_content(struct exchange *x);
void uploads_ack(struct exchange *x);

void uploads_free(struct upload_list *list);

#endif
