// SPDX-License-Identifier: MIT
#include "app/uploads.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/platform_client.h"
#include "app/upload.h"
#include "proto/activity.h"
#include "proto/attachments.h"
#include "proto/json.h"
#include "proto/text.h"
#include "runtime/event.h"
#include "runtime/scope.h"
#include "runtime/task.h"

struct uploads {
	struct rt *rt;
	const struct fleet *fleet;
	const struct inbox *inbox;
	struct upload_means means;
	struct upload *oldest, *youngest;
	size_t count;
	struct scope scope;
	bool dispatching;    /* that task lives */
	unsigned int active; /* tasks that work on one */
	struct cond changed; /* there is more to do, or one of them ended */
};

/* The task of one that is active. */
struct job {
	struct uploads *uploads;
	struct upload *upload;
};

struct uploads *uploads_new(const struct uploads_options *options)
{
	struct uploads *uploads = calloc(1, sizeof(*uploads));

	if (uploads == NULL)
		return NULL;
	uploads->rt = options->rt;
	uploads->fleet = options->fleet;
	uploads->inbox = options->inbox;
	uploads->means = (struct upload_means){
		.rt = options->rt,
		.log = options->log,
		.client = options->client,
		.store = { .rt = options->rt,
			   .state = options->state,
			   .root = options->workspace != NULL
					   ? options->workspace
					   : UPLOAD_STORE_ROOT },
	};
	cond_init(options->rt, &uploads->changed);
	scope_open(options->rt, &uploads->scope, DEADLINE_NEVER);
	return uploads;
}

void uploads_free(struct uploads *uploads)
{
	struct upload *upload;

	if (uploads == NULL)
		return;
	scope_close(&uploads->scope);
	while ((upload = uploads->oldest) != NULL) {
		uploads->oldest = upload->next;
		upload_free(upload);
	}
	free(uploads);
}

static int64_t now_ns(const struct uploads *uploads)
{
	return clock_now(uploads->rt, CLOCK_ID_MONOTONIC);
}

/* Whether a message in the inbox names it, or one may that waits for room. */
static bool is_named(const struct uploads *uploads, const struct upload *upload)
{
	const struct activity_message *message;

	if (uploads->inbox == NULL)
		return false;
	for (message = inbox_first(uploads->inbox); message != NULL;
	     message = inbox_next(message))
		if (strstr(message->attachments, upload->uri) != NULL)
			return true;
	return inbox_full(uploads->inbox);
}

static void job_task(struct rt *rt, void *arg)
{
	struct job job = *(struct job *)arg;

	(void)rt;
	free(arg);
	upload_work(job.upload);
	job.upload->active = false;
	job.uploads->active--;
	cond_signal(&job.uploads->changed);
}

static int start(struct uploads *uploads, struct upload *upload)
{
	struct job *job = malloc(sizeof(*job));
	int err;

	if (job == NULL)
		return -ENOMEM;
	*job = (struct job){ .uploads = uploads, .upload = upload };
	err = task_spawn(&uploads->scope, "upload", TASK_STACK_NORMAL, job_task,
			 job);
	if (err < 0) {
		free(job);
		return err;
	}
	upload->active = true;
	uploads->active++;
	return 0;
}

/* Starts what is due, as far as there is room. Returns when the next one is;
 * INT64_MAX: there is none. */
static int64_t start_due(struct uploads *uploads)
{
	int64_t now = now_ns(uploads);
	int64_t next = INT64_MAX;

	for (struct upload *u = uploads->oldest; u != NULL; u = u->next) {
		if (!upload_has_work(u))
			continue;
		if (u->due_ns <= now && u->failures > 0 &&
		    !is_named(uploads, u)) {
			upload_give_up(u);
			continue;
		}
		/* Whoever ends makes room, and says so. */
		if (u->due_ns <= now && uploads->active == UPLOADS_AT_ONCE)
			continue;
		if (u->due_ns <= now && start(uploads, u) < 0)
			upload_put_off(u, -1);
		if (!u->active && u->due_ns < next)
			next = u->due_ns;
	}
	return next;
}

static void dispatch_task(struct rt *rt, void *arg)
{
	struct uploads *uploads = arg;

	while (task_cancelled(rt) == 0) {
		struct deadline until = DEADLINE_NEVER;
		int64_t next = start_due(uploads);

		if (next == INT64_MAX && uploads->active == 0)
			break;
		if (next != INT64_MAX)
			until = deadline_in_ms(
				rt,
				(next - now_ns(uploads)) / CLOCK_NS_PER_MS + 1);
		cond_wait(&uploads->changed, until);
	}
	uploads->dispatching = false;
}

/* There is more to do. */
static void stir(struct uploads *uploads)
{
	if (uploads->dispatching)
		cond_signal(&uploads->changed);
	else
		uploads->dispatching = task_spawn(&uploads->scope, "uploads",
						  TASK_STACK_SMALL,
						  dispatch_task, uploads) == 0;
}

static struct upload *find(const struct uploads *uploads, const char *uri)
{
	uint32_t mark = text_mark(uri);

	for (struct upload *u = uploads->oldest; u != NULL; u = u->next)
		if (u->mark == mark && strcmp(u->uri, uri) == 0)
			return u;
	return NULL;
}

/* Forgets the oldest with which nothing is to be done. */
static bool forget_one(struct uploads *uploads)
{
	struct upload *before = NULL;
	struct upload *u = uploads->oldest;

	while (u != NULL && (u->active || upload_has_work(u))) {
		before = u;
		u = u->next;
	}
	if (u == NULL)
		return false;
	if (before != NULL)
		before->next = u->next;
	else
		uploads->oldest = u->next;
	if (uploads->youngest == u)
		uploads->youngest = before;
	uploads->count--;
	upload_free(u);
	return true;
}

static struct upload *add(struct uploads *uploads, const struct member *member,
			  const json_t *attachment, const char *file_id)
{
	struct upload *upload;

	if (uploads->count == UPLOADS_KNOWN_MAX && !forget_one(uploads))
		return NULL;
	upload = upload_new(&uploads->means, member, attachment, file_id);
	if (upload == NULL)
		return NULL;
	if (uploads->youngest != NULL)
		uploads->youngest->next = upload;
	else
		uploads->oldest = upload;
	uploads->youngest = upload;
	uploads->count++;
	return upload;
}

/* The file id in the address of a file of this member; NULL: it is none. */
static const char *file_id_of(const char *uri, const struct member *member)
{
	const char *own = member->who.workspace_id;
	size_t scheme = strlen(ATTACHMENTS_PENDING);
	size_t len = strlen(own);

	if (strncmp(uri, ATTACHMENTS_PENDING, scheme) != 0 ||
	    strncasecmp(uri + scheme, own, len) != 0 ||
	    uri[scheme + len] != '/' ||
	    !platform_id_valid(uri + scheme + len + 1))
		return NULL;
	return uri + scheme + len + 1;
}

/* The upload that an attachment names, which from here on is seen to; NULL
 * when it names none of this member. `brought`: by the row that announces it,
 * so that it may have been kept, but not acknowledged, before a restart. */
static struct upload *want(struct uploads *uploads, const struct member *member,
			   const json_t *attachment, bool brought)
{
	const char *uri = json_get_text_or(attachment, "uri", "");
	const char *file_id = file_id_of(uri, member);
	struct upload *upload;

	if (file_id == NULL)
		return NULL;
	upload = find(uploads, uri);
	if (upload == NULL) {
		upload = add(uploads, member, attachment, file_id);
		if (upload == NULL)
			return NULL;
		if (upload->state == UPLOAD_WANTED)
			upload_look(upload, brought);
	} else if (upload->state == UPLOAD_IDLE &&
		   !upload_look(upload, false)) {
		upload_revive(upload);
	}
	if (upload_has_work(upload))
		stir(uploads);
	return upload;
}

static const struct member *member_of(const struct uploads *uploads,
				      const char *workspace_id)
{
	if (workspace_id != NULL && *workspace_id != '\0')
		return fleet_find(uploads->fleet, workspace_id);
	return &uploads->fleet->members[0];
}

void uploads_take(struct uploads *uploads, const char *workspace_id,
		  const struct activity_message *message)
{
	bool brought = strcmp(message->method, ACTIVITY_METHOD_UPLOAD) == 0;
	const struct member *member;
	const json_t *item;
	json_t *list;
	size_t i;

	if (uploads == NULL ||
	    strstr(message->attachments, ATTACHMENTS_PENDING) == NULL)
		return;
	member = member_of(uploads, workspace_id);
	if (member == NULL)
		return;
	list = json_parse_bounded(message->attachments,
				  strlen(message->attachments), NULL);
	json_array_foreach(list, i, item) want(uploads, member, item, brought);
	json_decref(list);
}

/* The attachment as it is to be shown. False when out of memory. */
static bool resolve(struct uploads *uploads, const struct member *member,
		    json_t *attachment)
{
	struct upload *upload = want(uploads, member, attachment, false);

	if (upload == NULL)
		return true;
	if (!upload_show(upload, attachment))
		return false;
	if (upload_has_work(upload)) /* it is no longer where it was */
		stir(uploads);
	return true;
}

json_t *uploads_resolve(struct uploads *uploads, const char *attachments,
			const char *workspace_id)
{
	const struct member *member;
	json_t *list, *item;
	size_t i;

	if (*attachments == '\0')
		return NULL;
	list = json_parse_bounded(attachments, strlen(attachments), NULL);
	if (!json_is_array(list) || json_array_size(list) == 0) {
		json_decref(list);
		return NULL;
	}
	member = uploads != NULL ? member_of(uploads, workspace_id) : NULL;
	if (member == NULL)
		return list;
	json_array_foreach(list, i, item)
	{
		if (!resolve(uploads, member, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
