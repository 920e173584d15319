// SPDX-License-Identifier: MIT
/*
 * upload - one file that the platform keeps, or has kept, for the agent.
 *
 * It is wanted, then it is here and the platform is to be told so; or it turns
 * out to be gone, or is refused for good. What fails in between is put off.
 * For uploads.c, which knows them all and decides when one is worked on.
 */
#ifndef APP_UPLOAD_H
#define APP_UPLOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/log.h"
#include "app/upload_store.h"

struct member;
struct platform_client;

#define UPLOAD_REPEAT_MS 60000 /* the same warning again */

/* What all of them work with; the pointers are borrowed. */
struct upload_means {
	struct rt *rt;
	struct log *log;
	struct platform_client *client;
	struct upload_store store;
	struct log_limit say; /* of what fails at the platform */
	bool disk_warned;     /* until a file could be kept again */
};

enum upload_state {
	UPLOAD_WANTED,	/* to be fetched, when it is due */
	UPLOAD_HERE,	/* at `path` */
	UPLOAD_GONE,	/* the platform does not have it */
	UPLOAD_REFUSED, /* it will not be fetched */
	UPLOAD_IDLE,	/* given up for now: nothing in the inbox names it */
};

struct upload {
	struct upload *next; /* a younger one */
	struct upload_means *means;
	const struct member *member; /* in whose name it is fetched */
	char *uri;		     /* platform-pending:… */
	const char *file_id;	     /* the end of it */
	uint32_t mark;		     /* of the uri (text_mark) */
	char name[UPLOAD_NAME_MAX + 1];
	enum upload_state state;
	bool unacked;	   /* HERE, and the platform is to be told */
	bool active;	   /* a task works on it */
	uint32_t failures; /* in a row */
	int64_t due_ns;	   /* MONOTONIC: not before */
	char *path;	   /* HERE: where */
	char *problem;	   /* what went wrong, or NULL */
};

/* A wanted one. `attachment` (borrowed) has its uri, which ends in a slash and
 * `file_id`, and maybe name and size. NULL when out of memory. Does not park.
 */
struct upload *upload_new(struct upload_means *means,
			  const struct member *member, const json_t *attachment,
			  const char *file_id);
void upload_free(struct upload *upload);

/* Nobody works on it, and somebody should, now or when it is due. */
bool upload_has_work(const struct upload *upload);
/* Does that work, once: fetches it, tells the platform. Parks. */
void upload_work(struct upload *upload);

/* Looks for it where it would have been kept before; `unacked`: the platform
 * may not know. True when it is here. Does not park. */
bool upload_look(struct upload *upload, bool unacked);

/* Another attempt, after a pause that grows with each failure; at least
 * `retry_ms` (-1: no matter). Does not park. */
void upload_put_off(struct upload *upload, int64_t retry_ms);
/* No more attempts for now; and: again, at once. Do not park. */
void upload_give_up(struct upload *upload);
void upload_revive(struct upload *upload);

/* Adds to an attachment what is known (uploads_resolve). A file that has been
 * removed meanwhile is noticed. False when out of memory. Does not park. */
bool upload_show(struct upload *upload, json_t *attachment);

#endif
