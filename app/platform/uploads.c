// SPDX-License-Identifier: MIT
#include "app/platform/uploads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/multipart.h"
#include "app/platform/rows.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"

#define EXTENSION_MAX 16
#define DEFAULT_TYPE "application/octet-stream"

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* The base name with everything unusual replaced, cut so that a short
 * extension stays. */
static void name_clean(char out[UPLOAD_NAME_MAX + 1], const char *filename)
{
	const char *slash = strrchr(filename, '/');
	const char *base = slash ? slash + 1 : filename;
	size_t len, extension = 0;
	const char *dot;

	if (strrchr(base, '\\'))
		base = strrchr(base, '\\') + 1;
	len = strlen(base);
	dot = strrchr(base, '.');
	if (len > UPLOAD_NAME_MAX && dot && strlen(dot) <= EXTENSION_MAX)
		extension = strlen(dot);
	if (len > UPLOAD_NAME_MAX)
		len = UPLOAD_NAME_MAX;
	(void)snprintf(out, UPLOAD_NAME_MAX + 1, "%.*s%s",
		       (int)(len - extension), base, extension ? dot : "");
	for (char *c = out; *c; c++)
		*c = is_plain(*c) ? *c : '_';
	if (strspn(out, ".") == strlen(out) && strlen(out) <= 2)
		memcpy(out, "file", sizeof("file"));
}

/* "type/subtype" in printable ASCII, else the default. */
static void type_clean(char out[UPLOAD_MIME_MAX + 1], const char *type)
{
	const char *c = type;

	while (*c > 0x20 && *c < 0x7f)
		c++;
	if (!*type || *c || !strchr(type, '/') ||
	    strlen(type) > UPLOAD_MIME_MAX)
		type = DEFAULT_TYPE;
	(void)snprintf(out, UPLOAD_MIME_MAX + 1, "%.*s", UPLOAD_MIME_MAX, type);
}

static void drop_bytes(struct upload_list *list, struct upload *upload)
{
	if (upload->data)
		list->bytes -= upload->size;
	free(upload->data);
	upload->data = NULL;
}

static void drop_oldest(struct upload_list *list)
{
	struct upload *upload = list->oldest;

	list->oldest = upload->newer;
	if (!list->oldest)
		list->newest = NULL;
	list->count--;
	drop_bytes(list, upload);
	free(upload);
}

static void append(struct upload_list *list, struct upload *upload)
{
	while (list->oldest && (list->count >= UPLOADS_MAX ||
				list->bytes + upload->size > UPLOADS_BYTES_MAX))
		drop_oldest(list);
	if (list->newest)
		list->newest->newer = upload;
	else
		list->oldest = upload;
	list->newest = upload;
	list->count++;
	list->bytes += upload->size;
}

static struct upload *upload_new(struct rt *rt, const void *data, size_t len)
{
	struct upload *upload = calloc(1, sizeof(*upload));

	if (upload)
		upload->data = malloc(len + 1);
	if (!upload || !upload->data) {
		free(upload);
		return NULL;
	}
	memcpy(upload->data, data, len);
	upload->size = len;
	ident_random(rt, &upload->id);
	return upload;
}

static json_t *uri_of(const struct member *member, const struct upload *upload)
{
	return json_sprintf("platform-pending:%s/%s", member->id.text,
			    upload->id.text);
}

json_t *uploads_json(const struct member *member, const struct upload *upload)
{
	return json_pack("{s:o, s:s, s:s, s:I}", "uri", uri_of(member, upload),
			 "name", upload->name, "mimeType", upload->mime, "size",
			 (json_int_t)upload->size);
}

/* The row that tells the agent of the file. */
static int announce(struct platform *platform, struct member *member,
		    const struct upload *upload)
{
	char summary[UPLOAD_NAME_MAX + 32];
	json_t *manifest = uploads_json(member, upload);
	struct row *row;

	if (!manifest || json_set_text(manifest, "file_id", upload->id.text)) {
		json_decref(manifest);
		return -ENOMEM;
	}
	(void)snprintf(summary, sizeof(summary), "chat_upload_receive: %s",
		       upload->name);
	row = rows_add(platform, member,
		       &(struct row_draft){
			       .method = "chat_upload_receive",
			       .target = &member->id,
			       .summary = summary,
			       .request = manifest,
		       });
	json_decref(manifest);
	if (!row)
		return -ENOMEM;
	rows_announce(platform, member, row, NULL);
	return 0;
}

const struct upload *uploads_add(struct platform *platform,
				 struct member *member, const char *filename,
				 const char *type, const void *data, size_t len)
{
	struct upload *upload = upload_new(platform->rt, data, len);

	if (!upload)
		return NULL;
	name_clean(upload->name, filename);
	type_clean(upload->mime, type);
	append(&member->uploads, upload);
	return announce(platform, member, upload) < 0 ? NULL : upload;
}

/* Looks at all parts before anything is kept: 0, or the status to answer. */
static int check(struct multipart m)
{
	struct multipart_part *part;
	int files = 0, status = 0, n = 1;

	part = malloc(sizeof(*part));
	if (!part)
		return 500;
	while (status == 0 && (n = multipart_next(&m, part)) > 0) {
		if (strcmp(part->name, "files") != 0)
			continue;
		if (part->len > UPLOAD_FILE_MAX)
			status = 413;
		else if (!part->filename[0] || ++files > UPLOAD_FILES_MAX)
			status = 400;
	}
	free(part);
	if (status == 0 && (n < 0 || files == 0))
		status = 400;
	return status;
}

static json_t *store(struct exchange *x, struct multipart m)
{
	struct multipart_part *part = malloc(sizeof(*part));
	json_t *files = json_array();

	while (part && multipart_next(&m, part) > 0) {
		const struct upload *upload;

		if (strcmp(part->name, "files") != 0)
			continue;
		upload = uploads_add(x->platform, x->member, part->filename,
				     part->type, part->data, part->len);
		if (!upload) {
			json_decref(files);
			files = NULL;
			break;
		}
		json_array_append_new(files, uploads_json(x->member, upload));
	}
	free(part);
	return files;
}

void uploads_post(struct exchange *x)
{
	struct multipart m;
	int status;

	if (!x->member || x->member->status == MEMBER_REMOVED) {
		exchange_error(x, 404, "workspace not found");
		return;
	}
	if (x->in->body_len > UPLOAD_REQUEST_MAX) {
		exchange_error(x, 413, "a request may hold 50 MB");
		return;
	}
	if (multipart_begin(&m, exchange_field(x, "content-type"), x->in->body,
			    x->in->body_len) < 0)
		status = 400;
	else
		status = check(m);
	if (status == 413)
		exchange_error(x, 413, "a file may have 25 MB");
	else if (status == 400)
		exchange_error(x, 400,
			       "expected multipart/form-data with 1 to 64 "
			       "parts named files, each with a filename");
	else if (status)
		exchange_error(x, status, "out of memory");
	else
		exchange_json(x, 200, json_pack("{s:o}", "files", store(x, m)));
}

/* The upload that the path names; NULL: answered. */
static struct upload *named(struct exchange *x)
{
	struct upload *upload = x->member->uploads.oldest;

	if (ident_none(&x->file)) {
		exchange_error(x, 400, "the file id must be a UUID");
		return NULL;
	}
	while (upload && !ident_equal(&upload->id, &x->file))
		upload = upload->newer;
	if (!upload)
		exchange_error(x, 404, "no such pending upload");
	return upload;
}

/* A copy, since sending parks and an acknowledgement may come meanwhile. */
static void send_content(struct exchange *x, const struct upload *upload)
{
	char disposition[UPLOAD_NAME_MAX + 32], mime[UPLOAD_MIME_MAX + 1];
	const char *const fields[] = { "Content-Disposition", disposition,
				       NULL };
	size_t size = upload->size;
	char *data = malloc(size + 1);

	if (!data) {
		exchange_error(x, 500, "out of memory");
		return;
	}
	memcpy(data, upload->data, size);
	memcpy(mime, upload->mime, sizeof(mime));
	(void)snprintf(disposition, sizeof(disposition),
		       "attachment; filename=\"%s\"", upload->name);
	exchange_raw(x, 200, fields, mime, data, size);
	free(data);
}

void uploads_content(struct exchange *x)
{
	const struct upload *upload = named(x);

	if (upload && upload->data)
		send_content(x, upload);
	else if (upload)
		exchange_error(x, 404, "no such pending upload");
}

void uploads_ack(struct exchange *x)
{
	struct upload *upload = named(x);
	bool raced;

	if (!upload)
		return;
	raced = upload->acked;
	upload->acked = true;
	drop_bytes(&x->member->uploads, upload);
	if (raced)
		exchange_json(x, 200,
			      json_pack("{s:b, s:b}", "acked", 1, "raced", 1));
	else
		exchange_json(x, 200, json_pack("{s:b}", "acked", 1));
}

void upload_list_free(struct upload_list *list)
{
	while (list->oldest)
		drop_oldest(list);
}
