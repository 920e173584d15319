// SPDX-License-Identifier: MIT
/*
 * uploads_fixture - a platform that keeps files for a workspace, and the
 * uploads that fetch them.
 *
 *	bed_open(&b, rt, false);
 *	take(&b, attachment("f-1", "a.txt", 5), ACTIVITY_METHOD_UPLOAD);
 *	CHECK(until_state(&b, attachment("f-1", "a.txt", 5), "ready"));
 *	bed_close(&b);
 *
 * Each file holds five bytes. Contents wait until b.open is set, which it is.
 */
#ifndef TESTS_UNIT_UPLOADS_FIXTURE_H
#define TESTS_UNIT_UPLOADS_FIXTURE_H

#include "tests/unit/app_fixture.h"

#include <fcntl.h>
#include <time.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/upload.h"
#include "app/upload_store.h"
#include "app/uploads.h"
#include "proto/activity.h"
#include "proto/json.h"

#define CONTENT "GET /workspaces/" WORLD_ID "/pending-uploads/"
#define ACK "POST /workspaces/" WORLD_ID "/pending-uploads/"

/* A platform that keeps files. */
struct bed {
	struct world w;
	struct fleet fleet;
	struct member member;
	struct inbox *inbox;
	struct uploads_options options;
	struct uploads *uploads;
	char root[64]; /* a stand-in for /workspace; "": there is none */

	int status;	   /* of a content, unless 0 */
	uint64_t failing;  /* so many contents fail first */
	struct event open; /* contents wait for it */
	uint64_t at_once, most;
	uint64_t contents, acks;
	size_t size; /* of a content, unless 0 */
	bool ack_fails;
};

/* `name` under the directory that is expected to hold the files. */
static inline char *kept(const struct bed *b, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s", *b->root ? b->root : b->w.dir,
		 *b->root ? ".molecule/chat-uploads" : "chat-uploads", name);
	return path;
}

static inline char *kept_name(const char *file_id, const char *name)
{
	static char out[UPLOAD_NAME_MAX + 1];

	upload_name_make(out, WORLD_ID, file_id, name);
	return out;
}

static inline void send_content(struct bed *b, struct http_incoming *request)
{
	size_t size = b->size ? b->size : 5;
	char *bytes = malloc(size);

	memset(bytes, 'c', size);
	http_reply(request->conn, 200, NULL, "text/plain", bytes, size);
	free(bytes);
}

static inline void answer(struct world *w, int number,
			  struct http_incoming *request)
{
	struct bed *b = w->arg;
	const char *target = request->head->target;

	(void)number;
	if (strstr(target, "/ack")) {
		b->acks++;
		world_json(request, b->ack_fails ? 503 : 200, "{}");
		return;
	}
	b->contents++;
	b->at_once++;
	if (b->at_once > b->most)
		b->most = b->at_once;
	event_wait(&b->open, DEADLINE_NEVER);
	b->at_once--;
	if (b->failing) {
		b->failing--;
		world_json(request, 503, "{\"error\":\"later\"}");
	} else if (b->status) {
		world_json(request, b->status, "{\"error\":\"no\"}");
	} else {
		send_content(b, request);
	}
}

static inline void open_uploads(struct bed *b)
{
	b->uploads = uploads_new(&b->options);
	CHECK(b->uploads != NULL);
}

static inline void bed_open(struct bed *b, struct rt *rt, bool root)
{
	*b = (struct bed){ 0 };
	event_init(rt, &b->open);
	event_set(&b->open);
	world_open(&b->w, rt, answer, b);
	b->fleet = (struct fleet){ .members = &b->member, .count = 1 };
	b->member.fleet = &b->fleet;
	b->member.who = b->w.who;
	b->inbox = inbox_new(rt, &b->w.log);
	if (root) {
		strcpy(b->root, "/tmp/molecule-root-XXXXXX");
		CHECK(mkdtemp(b->root) != NULL);
	}
	b->options = (struct uploads_options){
		.rt = rt,
		.log = &b->w.log,
		.client = &b->w.client,
		.fleet = &b->fleet,
		.inbox = b->inbox,
		.state = &b->w.state,
		.workspace = root ? b->root : "/nowhere/at/all",
	};
	open_uploads(b);
}

static inline void empty_dir(const char *path)
{
	char name[1024];
	DIR *dir = opendir(path);

	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		unlink(name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static inline void bed_close(struct bed *b)
{
	char path[128];

	uploads_free(b->uploads);
	inbox_free(b->inbox);
	empty_dir(kept(b, ""));
	if (*b->root) {
		snprintf(path, sizeof(path), "%s/.molecule", b->root);
		empty_dir(path);
		empty_dir(b->root);
	}
	world_close(&b->w);
}

/* The attachments of a message with this file. */
static inline const char *attachment(const char *file_id, const char *name,
				     long long size)
{
	static char text[512];

	snprintf(text, sizeof(text),
		 "[{\"kind\":\"file\",\"uri\":\"platform-pending:" WORLD_ID
		 "/%s\",\"name\":\"%s\",\"size\":%lld}]",
		 file_id, name, size);
	return text;
}

static inline struct activity_message message_of(const char *attachments,
						 const char *method)
{
	return (struct activity_message){
		.activity_id = "a",
		.text = "",
		.peer_id = "",
		.kind = "canvas_user",
		.method = method,
		.created_at = "",
		.arrival_workspace_id = "",
		.peer_name = "",
		.peer_role = "",
		.agent_card_url = "",
		.attachments = attachments,
	};
}

static inline void take(struct bed *b, const char *attachments,
			const char *method)
{
	struct activity_message message = message_of(attachments, method);

	uploads_take(b->uploads, WORLD_ID, &message);
}

static inline void put(struct bed *b, const char *id, const char *attachments)
{
	struct activity_message message =
		message_of(attachments, ACTIVITY_METHOD_UPLOAD);

	message.activity_id = id;
	CHECK_EQ(inbox_put(b->inbox, NULL, &message), 0);
}

/* The only attachment as it is shown, and its state. */
static inline json_t *shown(struct bed *b, const char *attachments)
{
	json_t *list = uploads_resolve(b->uploads, attachments, NULL);
	json_t *item = json_incref(json_array_get(list, 0));

	CHECK_EQ(json_array_size(list), 1);
	json_decref(list);
	return item;
}

static inline bool is_state(struct bed *b, const char *attachments,
			    const char *want)
{
	json_t *item = shown(b, attachments);
	bool is = strcmp(json_get_text_or(item, "state", ""), want) == 0;

	json_decref(item);
	return is;
}

static inline bool until_state(struct bed *b, const char *attachments,
			       const char *want)
{
	struct deadline limit = patience(b->w.rt);

	while (deadline_left_ns(b->w.rt, limit) > 0) {
		if (is_state(b, attachments, want))
			return true;
		task_sleep(b->w.rt, deadline_in_ms(b->w.rt, 1));
	}
	fprintf(stderr, "never %s\n", want);
	return false;
}

static inline void expect_text(const json_t *item, const char *key,
			       const char *want)
{
	const char *got = json_get_text_or(item, key, "(none)");

	if (!CHECK(strcmp(got, want) == 0))
		fprintf(stderr, "%s: %s, not %s\n", key, got, want);
}

static inline void expect_file(const char *path, size_t size)
{
	struct stat st;

	if (CHECK(stat(path, &st) == 0)) {
		CHECK_EQ(st.st_size, size);
		CHECK_EQ(st.st_mode & 0777, 0600);
	}
}

#endif
