// SPDX-License-Identifier: MIT
/*
 * Uploads: multipart/form-data (RFC 7578), made piece by piece while it is
 * sent. For each file there is a head, its bytes, and a line end; a closing
 * line follows the last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform_request.h"
#include "proto/json.h"
#include "runtime/io.h"

#define BOUNDARY_LEN 34

struct upload {
	struct rt *rt;
	const struct platform_file *files;
	size_t count;
	char boundary[BOUNDARY_LEN + 1];

	size_t file;	/* the one under way; count: the closing line */
	char *text;	/* of the head or closing line under way; NULL: bytes */
	size_t text_at; /* how much of it has gone */
	uint64_t left;	/* bytes of the file still to go */
};

/* A name as it may stand between quotes in a part's head: the three
 * characters that would end it are percent-encoded (RFC 7578 section 2). */
static char *quote_name(const char *name)
{
	char *out = malloc(strlen(name) * 3 + 1);
	char *p = out;

	if (out == NULL)
		return NULL;
	for (; *name != '\0'; name++) {
		if (*name == '"')
			p = stpcpy(p, "%22");
		else if (*name == '\r')
			p = stpcpy(p, "%0D");
		else if (*name == '\n')
			p = stpcpy(p, "%0A");
		else
			*p++ = *name;
	}
	*p = '\0';
	return out;
}

/* What comes before the bytes of file `i`, or the closing line. */
static char *part_text(const struct upload *upload, size_t i)
{
	const char *line_end = i > 0 ? "\r\n" : "";
	char *name;
	char *text;
	int n;

	if (i == upload->count)
		return platform_target("%s--%s--\r\n", line_end,
				       upload->boundary);
	name = quote_name(upload->files[i].name);
	if (name == NULL)
		return NULL;
	n = asprintf(
		&text,
		"%s--%s\r\nContent-Disposition: form-data; name=\"files\"; "
		"filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
		line_end, upload->boundary, name, upload->files[i].type);
	free(name);
	return n < 0 ? NULL : text;
}

/* The bytes of the whole body, or -ENOMEM. */
static int64_t body_length(const struct upload *upload)
{
	int64_t len = 0;

	for (size_t i = 0; i <= upload->count; i++) {
		char *text = part_text(upload, i);

		if (text == NULL)
			return -ENOMEM;
		len += (int64_t)strlen(text);
		if (i < upload->count)
			len += (int64_t)upload->files[i].size;
		free(text);
	}
	return len;
}

/* Goes to the next text; false when memory ran out. */
static bool enter(struct upload *upload, size_t file)
{
	upload->file = file;
	upload->text = part_text(upload, file);
	upload->text_at = 0;
	upload->left = file < upload->count ? upload->files[file].size : 0;
	return upload->text != NULL;
}

static ssize_t give_text(struct upload *upload, char *buf, size_t cap)
{
	size_t len = strlen(upload->text) - upload->text_at;

	if (len > cap)
		len = cap;
	memcpy(buf, upload->text + upload->text_at, len);
	upload->text_at += len;
	if (upload->text[upload->text_at] == '\0') {
		free(upload->text);
		upload->text = NULL;
	}
	return (ssize_t)len;
}

static ssize_t source(void *arg, void *buf, size_t cap)
{
	struct upload *upload = arg;
	ssize_t n;

	if (upload->text == NULL && upload->left == 0) {
		if (upload->file == upload->count)
			return 0;
		if (!enter(upload, upload->file + 1))
			return -ENOMEM;
	}
	if (upload->text != NULL)
		return give_text(upload, buf, cap);
	if (cap > upload->left)
		cap = (size_t)upload->left;
	n = io_read(upload->rt, upload->files[upload->file].fd, buf, cap,
		    DEADLINE_NEVER);
	if (n == 0)
		return -EIO; /* shorter than it was */
	if (n > 0)
		upload->left -= (uint64_t)n;
	return n;
}

static bool check_sizes(const struct platform_file *files, size_t count,
			struct platform_reply *reply)
{
	uint64_t total = 0;

	if (count == 0 || count > PLATFORM_UPLOAD_FILES_MAX) {
		platform_reply_refuse(reply, -EINVAL,
				      "1 to 64 files can be uploaded at once");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		total += files[i].size;
		if (files[i].size > PLATFORM_UPLOAD_FILE_MAX ||
		    total > PLATFORM_UPLOAD_TOTAL_MAX) {
			platform_reply_refuse(
				reply, -EFBIG,
				"the platform takes files of at most 25 MB, "
				"and at most 50 MB at once");
			return false;
		}
	}
	return true;
}

static void begin(struct upload *upload)
{
	uint64_t random[2];

	io_random(upload->rt, random, sizeof(random));
	snprintf(upload->boundary, sizeof(upload->boundary), "--%016llx%016llx",
		 (unsigned long long)random[0], (unsigned long long)random[1]);
}

/* Remembers the addresses that the platform gave to own files. */
static void remember(struct platform_client *client, const json_t *files)
{
	size_t i;
	json_t *file;

	json_array_foreach(files, i, file)
	{
		const char *uri = json_get_text(file, "uri");
		char **slot = &client->uploads[client->next_upload];

		if (uri == NULL)
			continue;
		free(*slot);
		*slot = strdup(uri);
		client->next_upload =
			(client->next_upload + 1) % PLATFORM_UPLOADS_KEPT;
	}
}

void platform_upload_send(struct platform_client *client,
			  const struct identity *who, char *target,
			  const struct platform_file *files, size_t count,
			  struct platform_reply *reply)
{
	struct upload upload = {
		.rt = client->rt,
		.files = files,
		.count = count,
	};
	struct platform_request request = {
		.client = client,
		.who = who,
		.method = "POST",
		.target = target,
		.source = source,
		.source_arg = &upload,
		.timeout_ms = PLATFORM_NOTIFY_MS,
	};
	char type[sizeof("multipart/form-data; boundary=") + BOUNDARY_LEN];
	int64_t len;

	if (!check_sizes(files, count, reply)) {
		free(target);
		return;
	}
	begin(&upload);
	len = body_length(&upload);
	if (len < 0 || !enter(&upload, 0)) {
		platform_reply_refuse(reply, -ENOMEM, NULL);
		free(target);
		return;
	}
	snprintf(type, sizeof(type), "multipart/form-data; boundary=%s",
		 upload.boundary);
	request.type = type;
	request.body_len = (size_t)len;
	client->uploading++;
	platform_request_send(&request, reply);
	client->uploading--;
	if (platform_ok(reply))
		remember(client, json_object_get(reply->json, "files"));
	else if (reply->err == -EIO && reply->detail == NULL)
		reply->detail = strdup("a file became shorter while it was "
				       "sent");
	cond_broadcast(&client->uploaded);
	free(upload.text);
}

static bool is_known(const struct platform_client *client, const char *uri)
{
	for (size_t i = 0; i < PLATFORM_UPLOADS_KEPT; i++)
		if (client->uploads[i] != NULL &&
		    strcmp(client->uploads[i], uri) == 0)
			return true;
	return false;
}

bool platform_own_upload(void *arg, const char *uri, const char *name)
{
	struct platform_client *client = arg;

	(void)name; /* another file of the same name may be the user's */
	while (!is_known(client, uri) && client->uploading > 0)
		if (cond_wait(&client->uploaded, DEADLINE_NEVER) < 0)
			break;
	return is_known(client, uri);
}
