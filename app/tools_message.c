// SPDX-License-Identifier: MIT
/* send_message_to_user: a text for the chat, and files. */
#include "app/tools_call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/fleet.h"
#include "app/mime.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "runtime/io.h"

/* The files of a message, open. */
struct files {
	struct platform_file file[PLATFORM_UPLOAD_FILES_MAX];
	struct mime_file mime[PLATFORM_UPLOAD_FILES_MAX];
	size_t count;
	uint64_t total;
};

static void close_files(struct rt *rt, struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		io_close(rt, files->file[i].fd);
	free(files);
}

static bool path_usable(const char *path)
{
	return *path == '/' && strlen(path) < PATH_MAX;
}

/* Opens what is a regular file; a device or a pipe must not be touched. 0 with
 * *fd and *st, or a negative errno: -EINVAL when it is something else. */
static int open_regular(struct rt *rt, const char *path, int *fd,
			struct stat *st)
{
	int err = io_fstatat(rt, AT_FDCWD, path, st, 0);

	if (err < 0)
		return err;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	*fd = io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
			DEADLINE_NEVER);
	if (*fd < 0)
		return *fd;
	err = io_fstat(rt, *fd, st);
	if (err == 0 && !S_ISREG(st->st_mode))
		err = -EINVAL;
	if (err < 0)
		io_close(rt, *fd);
	return err;
}

static void open_failed(struct tool_call *call, const char *path, int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		tools_call_fail(call, "Error: attachment not found: %s", path);
		break;
	case -EINVAL:
		tools_call_fail(call,
				"Error: attachment not found: %s (it is not a "
				"regular file)",
				path);
		break;
	default:
		tools_call_fail(call, "Error reading %s: %s", path,
				strerror(-err));
		break;
	}
}

/* Adds the file at `path`. False: the error is left. */
static bool add_file(struct tool_call *call, struct files *files,
		     const char *path)
{
	struct platform_file *file = &files->file[files->count];
	struct stat st;
	int fd, err;

	if (!path_usable(path)) {
		tools_call_fail(call,
				"Error: invalid attachment path %s (it must be "
				"the absolute path of a file)",
				path);
		return false;
	}
	if (files->count == PLATFORM_UPLOAD_FILES_MAX) {
		tools_call_fail(call,
				"Error uploading attachments: at most %d files "
				"go with one message",
				PLATFORM_UPLOAD_FILES_MAX);
		return false;
	}
	err = open_regular(call->tools->rt, path, &fd, &st);
	if (err < 0) {
		open_failed(call, path, err);
		return false;
	}
	*file = (struct platform_file){ .name = strrchr(path, '/') + 1,
					.fd = fd,
					.size = (uint64_t)st.st_size };
	files->count++;
	files->total += file->size;
	if (file->size > PLATFORM_UPLOAD_FILE_MAX) {
		tools_call_fail(call,
				"Error reading %s: it is larger than 25 MB, "
				"the most that one file may have",
				path);
		return false;
	}
	if (files->total > PLATFORM_UPLOAD_TOTAL_MAX) {
		tools_call_fail(call, "Error uploading attachments: together "
				      "they are larger than 50 MB, the most "
				      "that one message may have");
		return false;
	}
	return true;
}

/* Opens all files of the argument: strings, empty ones and what is no string
 * left out. False: the error is left. */
static bool open_files(struct tool_call *call, struct files *files)
{
	const json_t *list = json_object_get(call->arguments, "attachments");

	if (list && !json_is_null(list) && !json_is_array(list)) {
		tools_call_fail(call, "Error: attachments must be a list of "
				      "absolute file paths");
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *path = json_string_value(json_array_get(list, i));

		if (path && *path && !add_file(call, files, path))
			return false;
	}
	return true;
}

/* Finds out what the files are, by their names. Parks. */
static void guess_types(struct rt *rt, struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		files->mime[i].name = files->file[i].name;
	mime_guess(rt, &mime_system_tables, files->mime, files->count);
	for (size_t i = 0; i < files->count; i++)
		files->file[i].type = files->mime[i].type;
}

/* The `files` of an upload's answer, borrowed; NULL: the error is left. */
static json_t *uploaded(struct tool_call *call, const json_t *answer,
			size_t count)
{
	json_t *list = json_object_get(answer, "files");

	if (!json_is_array(list)) {
		tools_call_fail(call, "Error parsing upload response: no list "
				      "of files in it");
		return NULL;
	}
	if (json_array_size(list) != count) {
		tools_call_fail(
			call,
			"Error: upload returned %zu entries for %zu files",
			json_array_size(list), count);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *entry = json_array_get(list, i);

		if (json_is_string(json_object_get(entry, "uri")) &&
		    json_is_string(json_object_get(entry, "name")))
			continue;
		tools_call_fail(call,
				"Error parsing upload response: entry %zu has "
				"no uri or no name",
				i + 1);
		return NULL;
	}
	return list;
}

/* A new reference to what goes into the message; NULL: the error is left. */
static json_t *upload(struct tool_call *call, struct files *files)
{
	const struct tools *tools = call->tools;
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX], meaning[PLATFORM_MEANING_MAX];
	json_t *list = NULL;

	guess_types(tools->rt, files);
	platform_upload(tools->client, &call->source->who, files->file,
			files->count, &reply);
	if (reply.err)
		tools_call_fail(
			call, "Error uploading attachments: %s",
			platform_reply_text(&reply, text, sizeof(text)));
	else if (!platform_ok(&reply))
		tools_call_fail(
			call, "Error: chat/uploads returned %d: %s%s",
			reply.status,
			platform_reply_excerpt(&reply, text, sizeof(text)),
			platform_reply_meaning(&reply, meaning,
					       sizeof(meaning)));
	else
		list = json_incref(uploaded(call, reply.json, files->count));
	platform_reply_free(&reply);
	return list;
}

/* The platform does not take the message. */
static void refused(struct tool_call *call, const struct platform_reply *reply)
{
	const char *error = platform_reply_error(reply);
	char text[PLATFORM_TEXT_MAX];

	if (reply->status == 403 && error &&
	    strcmp(error, "talk_to_user_disabled") == 0)
		tools_call_fail(
			call,
			"Error: this workspace may not talk to the user "
			"(talk_to_user_disabled). %.*s%sHand what you have to "
			"say to a workspace that may, usually the parent, with "
			"delegate_task (list_peers finds it).",
			PLATFORM_TEXT_MAX,
			json_get_text_or(reply->json, "hint", ""),
			json_get_text(reply->json, "hint") ? " " : "");
	else
		tools_call_fail(
			call, "Error: platform returned %d%s", reply->status,
			platform_reply_words(reply, text, sizeof(text)));
}

static void notify(struct tool_call *call, const char *message,
		   json_t *attachments)
{
	size_t count = json_array_size(attachments);
	struct platform_reply reply;
	char text[PLATFORM_TEXT_MAX];

	platform_notify(call->tools->client, &call->source->who, message,
			attachments, &reply);
	if (reply.err)
		tools_call_fail(call, "Error sending message: %s%s",
				platform_reply_text(&reply, text, sizeof(text)),
				platform_reply_doubt(&reply));
	else if (!platform_ok(&reply))
		refused(call, &reply);
	else if (count)
		tools_call_answer(call,
				  "Message sent to user with %zu attachment(s)",
				  count);
	else
		tools_call_answer(call, "Message sent to user");
	platform_reply_free(&reply);
}

void tools_send_message_to_user(struct tool_call *call)
{
	struct files *files;
	const char *message;
	json_t *attachments = NULL;

	if (!tools_call_string(call, "message", &message))
		return;
	if (!*message) {
		tools_call_fail(call, "Error: message is required");
		return;
	}
	if (!tools_call_source(call, "workspace_id", NULL))
		return;
	files = calloc(1, sizeof(*files));
	if (!files)
		return;
	if (open_files(call, files)) {
		if (files->count)
			attachments = upload(call, files);
		if (attachments || !files->count)
			notify(call, message, attachments);
	}
	json_decref(attachments);
	close_files(call->tools->rt, files);
}
