// SPDX-License-Identifier: MIT
/*
 * uploads - files that users send to the agent, fetched to this machine.
 *
 * The platform keeps such a file and names it in messages by an address that
 * nobody can open, `platform-pending:<workspace>/<file id>`. For each of them
 * that a message brings, the file is fetched in the background, at most
 * UPLOADS_AT_ONCE at a time, kept (upload_store.h), and then acknowledged, upon
 * which the platform forgets it.
 *
 *	receiver:  uploads_take		what a message brings, before it is put
 *	tools:	   uploads_resolve	the attachments as they are shown
 *
 * The message does not wait for its file: until it is here the attachment has
 * the state "pending". What fails is tried again with growing pauses for as
 * long as a message in the inbox names it; after that, and after a restart,
 * the attempts go on as soon as a message is taken or shown that names it. A
 * file that is found where it would be kept is not fetched again.
 *
 * Nothing is fetched from another workspace than the one that the message came
 * to.
 */
#ifndef APP_UPLOADS_H
#define APP_UPLOADS_H

#include <jansson.h>

struct activity_message;
struct fleet;
struct inbox;
struct log;
struct platform_client;
struct rt;
struct state_dir;
struct uploads;

#define UPLOADS_AT_ONCE 4
#define UPLOADS_KNOWN_MAX                                                      \
	1024u		      /* remembered; the oldest is forgotten first     \
			       */
#define UPLOADS_PAUSE_MS 1000 /* after the first failure, then doubling … */
#define UPLOADS_PAUSE_MAX_MS 300000 /* … to this */

/* All borrowed for the life of the uploads. */
struct uploads_options {
	struct rt *rt;
	struct log *log;
	struct platform_client *client;
	struct fleet *fleet;	 /* in whose names files are fetched */
	struct inbox *inbox;	 /* NULL: nothing is tried twice by itself */
	struct state_dir *state; /* for the second place */
	const char *workspace;	 /* the first one's root; NULL: /workspace */
};

/* NULL when out of memory. Starts nothing. Does not park. */
struct uploads *uploads_new(const struct uploads_options *options);
/* Ends what is under way and frees. NULL is harmless. Parks. */
void uploads_free(struct uploads *uploads);

/* Sees to the files that a message names, which came to this workspace.
 * `uploads` may be NULL. Harmless when repeated. Does not park. */
void uploads_take(struct uploads *uploads, const char *workspace_id,
		  const struct activity_message *message);

/* The attachments of a message (a JSON array as text, "" for none) that came
 * to this workspace (NULL or "": the primary), as they are to be shown. Those
 * with a `platform-pending:` address get a member `state`:
 *
 *	"ready"	   `path` is the local file, and `uri` names it too:
 *		   workspace:PATH under /workspace, else file://PATH
 *	"pending"  it is being fetched; `problem` says what went wrong, if
 *		   anything has
 *	"gone"	   the platform does not have it any more
 *	"refused"  it will not be fetched; `problem` says why
 *
 * A new reference; NULL when there are none, or out of memory. `uploads` may
 * be NULL: they are as they came. Does not park. */
json_t *uploads_resolve(struct uploads *uploads, const char *attachments,
			const char *workspace_id);

#endif
