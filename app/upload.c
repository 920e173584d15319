// SPDX-License-Identifier: MIT
#include "app/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/fleet.h"
#include "app/platform_client.h"
#include "app/state_dir.h"
#include "app/uploads.h"
#include "proto/json.h"
#include "proto/text.h"
#include "runtime/io.h"
#include "runtime/task.h"

static int64_t now_ns(const struct upload *upload)
{
	return clock_now(upload->means->rt, CLOCK_ID_MONOTONIC);
}

bool upload_has_work(const struct upload *upload)
{
	return !upload->active &&
	       (upload->state == UPLOAD_WANTED ||
		(upload->state == UPLOAD_HERE && upload->unacked));
}

void upload_give_up(struct upload *upload)
{
	if (upload->state == UPLOAD_WANTED)
		upload->state = UPLOAD_IDLE;
	upload->unacked = false;
}

void upload_revive(struct upload *upload)
{
	upload->state = UPLOAD_WANTED;
	upload->failures = 0;
	upload->due_ns = 0;
}

/* Notes what went wrong; `format` NULL: nothing. */
static void set_problem(struct upload *upload, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void set_problem(struct upload *upload, const char *format, ...)
{
	va_list args;

	free(upload->problem);
	upload->problem = NULL;
	if (format == NULL)
		return;
	va_start(args, format);
	if (vasprintf(&upload->problem, format, args) < 0)
		upload->problem = NULL;
	va_end(args);
}

void upload_put_off(struct upload *upload, int64_t retry_ms)
{
	int64_t pause = UPLOADS_PAUSE_MS;

	for (uint32_t i = 0;
	     i < upload->failures && pause < UPLOADS_PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > UPLOADS_PAUSE_MAX_MS)
		pause = UPLOADS_PAUSE_MAX_MS;
	if (pause < retry_ms)
		pause = retry_ms;
	upload->failures++;
	upload->due_ns = now_ns(upload) + pause * CLOCK_NS_PER_MS;
}

/* The file lies at `path`, which is taken. */
static void set_here(struct upload *upload, char *path, bool unacked)
{
	free(upload->path);
	upload->path = path;
	upload->state = UPLOAD_HERE;
	upload->unacked = unacked;
	upload->failures = 0;
	set_problem(upload, NULL);
}

static void refuse(struct upload *upload, const char *why)
{
	upload->state = UPLOAD_REFUSED;
	set_problem(upload, "%s", why);
	log_warning(upload->means->log,
		    "inbox_uploads: a file from the chat is not fetched: %s",
		    why);
}

static void disk_failed(struct upload *upload, int err)
{
	struct upload_means *means = upload->means;

	if (err == -ECANCELED)
		return;
	set_problem(upload, "the file cannot be kept on this machine: %s",
		    strerrordesc_np(-err));
	upload_put_off(upload, -1);
	if (means->disk_warned || err == -EBUSY || err == -ESTALE)
		return;
	means->disk_warned = true;
	log_warning(means->log,
		    "inbox_uploads: cannot keep a file from the chat: %s; its "
		    "message arrives without it, and it is tried again. Set "
		    "CONFIGS_DIR to a directory that can be written",
		    strerrordesc_np(-err));
}

/* Something that may go better later. */
static void request_failed(struct upload *upload, const char *what,
			   const struct platform_reply *reply)
{
	struct upload_means *means = upload->means;
	char text[PLATFORM_TEXT_MAX];

	if (reply->err == -ECANCELED)
		return;
	platform_reply_text(reply, text, sizeof(text));
	set_problem(upload, "%s: %s", what, text);
	upload_put_off(upload, reply->retry_after_ms);
	if (log_limit_pass(&means->say, now_ns(upload), UPLOAD_REPEAT_MS, NULL))
		log_warning(means->log,
			    "inbox_uploads: %s: %s; it is tried again", what,
			    text);
}

static bool is_gone(const struct platform_reply *reply)
{
	return reply->err == 0 &&
	       (reply->status == 404 || reply->status == 410);
}

/* The platform did not give the content. */
static void fetch_failed(struct upload *upload,
			 const struct platform_reply *reply)
{
	char text[PLATFORM_TEXT_MAX];

	if (is_gone(reply)) {
		upload->state = UPLOAD_GONE;
		set_problem(upload, NULL);
		log_info(upload->means->log,
			 "inbox_uploads: the platform has no file %s any more",
			 upload->file_id);
	} else if (reply->err == -EFBIG) {
		refuse(upload, "it is larger than 25 MiB");
	} else if (reply->err == 0 && reply->status == 400) {
		refuse(upload, platform_reply_text(reply, text, sizeof(text)));
	} else {
		request_failed(upload, "cannot fetch a file from the chat",
			       reply);
	}
}

/* Fetches into an open file. Returns whether it is whole. */
static bool fill(struct upload *upload, int fd)
{
	struct platform_reply reply;
	uint64_t size;
	int write_err;
	bool ok;

	platform_upload_content(upload->means->client, &upload->member->who,
				upload->file_id, fd, &size, &write_err, &reply);
	ok = platform_ok(&reply);
	if (write_err < 0)
		disk_failed(upload, write_err);
	else if (!ok)
		fetch_failed(upload, &reply);
	platform_reply_free(&reply);
	return ok;
}

static void fetch(struct upload *upload)
{
	struct upload_means *means = upload->means;
	struct upload_file file;
	char *path;
	int err;

	state_dir_path(means->store.state); /* chosen from here on */
	path = upload_store_find(&means->store, upload->name);
	if (path != NULL) {
		set_here(upload, path, true);
		return;
	}
	err = upload_store_begin(&means->store, upload->name, &file);
	if (err == 0 && !fill(upload, file.fd)) {
		upload_store_abort(&file);
		return;
	}
	if (err == 0)
		err = upload_store_commit(&file);
	if (err == 0) {
		means->disk_warned = false;
		path = upload_store_find(&means->store, upload->name);
		err = path != NULL ? 0 : -ESTALE;
	}
	if (err == 0)
		set_here(upload, path, true);
	else
		disk_failed(upload, err);
}

static void acknowledge(struct upload *upload)
{
	struct platform_reply reply;

	platform_upload_ack(upload->means->client, &upload->member->who,
			    upload->file_id, &reply);
	if (platform_ok(&reply) || is_gone(&reply)) {
		upload->unacked = false;
		upload->failures = 0;
		set_problem(upload, NULL);
	} else {
		request_failed(upload,
			       "cannot acknowledge a file from the chat",
			       &reply);
	}
	platform_reply_free(&reply);
}

/* The address of a local file; NULL when out of memory. */
static json_t *uri_of(const struct upload_means *means, const char *path)
{
	size_t root = strlen(means->store.root);
	struct text text = { 0 };
	char *uri;
	json_t *json;

	if (strncmp(path, means->store.root, root) == 0 && path[root] == '/')
		return json_sprintf("workspace:%s", path);
	text_add(&text, "file://");
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (c > ' ' && c < 0x7f &&
		    strchr("\"#%?<>[]\\^`{|}", c) == NULL)
			text_add_bytes(&text, path, 1);
		else
			text_format(&text, "%%%02X", c);
	}
	uri = text_take(&text);
	json = json_string_clean_z(uri);
	free(uri);
	return json;
}

static const char *state_word(const struct upload *upload)
{
	switch (upload->state) {
	case UPLOAD_HERE:
		return "ready";
	case UPLOAD_GONE:
		return "gone";
	case UPLOAD_REFUSED:
		return "refused";
	default:
		return "pending";
	}
}

/* Whether the file still lies where it was put; else it is gone. */
static void check_here(struct upload *upload)
{
	struct stat st;

	if (upload->state != UPLOAD_HERE ||
	    io_fstatat(upload->means->rt, AT_FDCWD, upload->path, &st,
		       AT_SYMLINK_NOFOLLOW) != -ENOENT)
		return;
	upload->state = upload->unacked ? UPLOAD_WANTED : UPLOAD_GONE;
	set_problem(upload, "the local file has been removed");
}

bool upload_show(struct upload *upload, json_t *attachment)
{
	check_here(upload);
	if (json_set_text(attachment, "state", state_word(upload)) < 0)
		return false;
	if (upload->state != UPLOAD_HERE)
		return upload->problem == NULL ||
		       json_set_text(attachment, "problem", upload->problem) ==
			       0;
	return json_object_set_new(attachment, "uri",
				   uri_of(upload->means, upload->path)) == 0 &&
	       json_object_set_new(attachment, "path",
				   json_string_clean_z(upload->path)) == 0;
}

struct upload *upload_new(struct upload_means *means,
			  const struct member *member, const json_t *attachment,
			  const char *file_id)
{
	struct upload *upload = calloc(1, sizeof(*upload));
	json_int_t size = 0;

	if (upload == NULL)
		return NULL;
	upload->means = means;
	upload->member = member;
	upload->uri = strdup(json_get_text(attachment, "uri"));
	if (upload->uri == NULL) {
		free(upload);
		return NULL;
	}
	upload->file_id = strrchr(upload->uri, '/') + 1;
	upload->mark = text_mark(upload->uri);
	upload_name_make(upload->name, member->who.workspace_id, file_id,
			 json_get_text_or(attachment, "name", ""));
	if (json_get_integer(attachment, "size", &size) &&
	    size > PLATFORM_UPLOAD_FILE_MAX)
		refuse(upload, "it is larger than 25 MiB");
	return upload;
}

void upload_free(struct upload *upload)
{
	free(upload->uri);
	free(upload->path);
	free(upload->problem);
	free(upload);
}

bool upload_look(struct upload *upload, bool unacked)
{
	char *path = upload_store_find(&upload->means->store, upload->name);

	if (path != NULL)
		set_here(upload, path, unacked);
	return path != NULL;
}

void upload_work(struct upload *upload)
{
	if (upload->state == UPLOAD_WANTED)
		fetch(upload);
	if (upload->state == UPLOAD_HERE && upload->unacked &&
	    task_cancelled(upload->means->rt) == 0)
		acknowledge(upload);
}
