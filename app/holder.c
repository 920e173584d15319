// SPDX-License-Identifier: MIT
#include "app/holder.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "app/log.h"
#include "app/state_dir.h"
#include "app/state_lock.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define NAME_MAX_LEN (sizeof(HOLDER_NAME) + CONFIG_ID_MAX)
#define HOST_MAX 64
#define EVENTS_AT_ONCE 64
#define SLACK_MS 2000
/* A lock file that is removed again and again is no lock. */
#define STALE_MAX 8

void holders_init(struct holders *holders, struct rt *rt, struct log *log,
		  struct state_dir *state,
		  void (*changed)(void *arg, struct holder *holder), void *arg)
{
	*holders = (struct holders){
		.rt = rt,
		.log = log,
		.state = state,
		.events = -1,
		.changed = changed,
		.arg = arg,
	};
	event_init(rt, &holders->known);
}

void holder_init(struct holder *holder, const char *workspace_id)
{
	*holder = (struct holder){
		.workspace_id = workspace_id,
		.fd = -1,
		.watch = -1,
	};
}

void holders_add(struct holders *holders, struct holder *holder)
{
	if (holders->last != NULL)
		holders->last->next = holder;
	else
		holders->first = holder;
	holders->last = holder;
}

/* Ids are one workspace in any case of letters. */
static void file_name(char name[NAME_MAX_LEN], const struct holder *holder)
{
	size_t len = sizeof(HOLDER_NAME) - 1;

	memcpy(name, HOLDER_NAME, len);
	for (const char *c = holder->workspace_id;
	     *c != '\0' && len < NAME_MAX_LEN - 1; c++)
		name[len++] = (char)tolower((unsigned char)*c);
	name[len] = '\0';
}

static void own_host(char host[HOST_MAX + 1])
{
	if (gethostname(host, HOST_MAX) < 0 || *host == '\0')
		snprintf(host, HOST_MAX, "localhost");
	host[HOST_MAX] = '\0';
	host[strcspn(host, " \t\r\n")] = '\0';
}

/* Takes apart what a holder has written. */
static bool read_sign(const char *sign, int *pid, char host[HOST_MAX + 1])
{
	char *end;
	long number = strtol(sign, &end, 10);
	size_t len;

	if (end == sign || *end != ' ' || number <= 0 || number > INT_MAX)
		return false;
	len = strcspn(++end, " \r\n");
	if (len == 0 || len > HOST_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (end[i] < '!' || end[i] > '~')
			return false;
	memcpy(host, end, len);
	host[len] = '\0';
	*pid = (int)number;
	return true;
}

const char *holder_text(const struct holder *holder, char *buf, size_t cap)
{
	char host[HOST_MAX + 1];
	int pid;

	if (holder->by != NULL && read_sign(holder->by, &pid, host))
		snprintf(buf, cap, "process %d on the host %s", pid, host);
	else
		snprintf(buf, cap, "another process");
	return buf;
}

/* Puts this process's name into a file that it has locked. A name that cannot
 * be written is only missing. */
static void sign(struct holders *holders, struct holder *holder)
{
	char host[HOST_MAX + 1], line[STATE_LOCK_SIGN];

	own_host(host);
	snprintf(line, sizeof(line), "%d %s", io_getpid(holders->rt), host);
	state_lock_sign(holders->state, holder->fd, line);
}

static void close_file(struct holders *holders, struct holder *holder)
{
	if (holder->watch >= 0)
		state_lock_unwatch(holders->state, holders->events,
				   holder->watch);
	if (holder->fd >= 0)
		io_close(holders->rt, holder->fd);
	holder->watch = holder->fd = -1;
}

/* One attempt: 0 with the lock, -EBUSY, or why there can be none. */
static int take(struct holders *holders, struct holder *holder)
{
	char name[NAME_MAX_LEN];
	int err = -ESTALE;

	file_name(name, holder);
	for (int i = 0; i < STALE_MAX && err == -ESTALE; i++) {
		if (holder->fd < 0)
			holder->fd = state_lock_open(holders->state, name);
		if (holder->fd < 0)
			return holder->fd;
		err = state_lock_take(holders->state, name, holder->fd);
		if (err == -ESTALE)
			close_file(holders, holder);
	}
	return err;
}

static void set_here(struct holders *holders, struct holder *holder)
{
	if (holder->watch >= 0)
		state_lock_unwatch(holders->state, holders->events,
				   holder->watch);
	holder->watch = -1;
	holder->due = false;
	holder->told = !holder->late;
	holder->state = HOLDER_HERE;
	event_set(&holders->known);
	free(holder->by);
	holder->by = NULL;
	holders->changed(holders->arg, holder);
}

static void go_without(struct holders *holders, struct holder *holder, int err)
{
	const char *dir = state_dir_path(holders->state);

	if (!holders->no_locks)
		log_warning(holders->log,
			    "molecule-mcp: cannot lock %s/" HOLDER_NAME
			    "%s: %s; going on without. Another process for "
			    "the same workspace would receive its messages, "
			    "too",
			    dir != NULL ? dir : "CONFIGS_DIR",
			    holder->workspace_id, strerrordesc_np(-err));
	holders->no_locks = true;
	close_file(holders, holder);
	set_here(holders, holder);
}

static void set_elsewhere(struct holders *holders, struct holder *holder)
{
	if (holder->state == HOLDER_ELSEWHERE)
		return;
	holder->late = true;
	holder->state = HOLDER_ELSEWHERE;
	holders->changed(holders->arg, holder);
}

/* Looks who holds it; true when that is news. */
static bool look(struct holders *holders, struct holder *holder)
{
	char name[NAME_MAX_LEN], text[4 * STATE_LOCK_SIGN];
	ssize_t n;
	char *copy;

	file_name(name, holder);
	n = state_dir_read(holders->state, name, text, sizeof(text));
	if (n <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	if (holder->by != NULL && strcmp(holder->by, text) == 0)
		return false;
	copy = strdup(text);
	if (copy == NULL)
		return false;
	free(holder->by);
	holder->by = copy;
	holder->told = false;
	return true;
}

/* From now on events tell when to try again, if there can be any. */
static void arm(struct holders *holders, struct holder *holder)
{
	char name[NAME_MAX_LEN];
	int err = 0;

	file_name(name, holder);
	if (holders->events < 0 && !holders->no_events)
		err = holders->events = state_lock_watch_open(holders->state);
	if (holders->events >= 0)
		err = holder->watch =
			state_lock_watch(holders->state, holders->events, name);
	if (err >= 0 || holders->no_events)
		return;
	holders->no_events = true;
	log_warning(holders->log,
		    "molecule-mcp: no events of files are to be had (inotify: "
		    "%s); looking every %d s whether the workspace is free",
		    strerrordesc_np(-err), HOLDER_RETRY_MS / 1000);
}

/* One attempt for a workspace, and what follows from it. */
static void try_one(struct holders *holders, struct holder *holder)
{
	int err = take(holders, holder);

	if (err == -EBUSY && holder->watch < 0) {
		/* Its end may have come before the watch. */
		arm(holders, holder);
		err = take(holders, holder);
	}
	if (err == 0) {
		sign(holders, holder);
		set_here(holders, holder);
	} else if (err == -EBUSY) {
		set_elsewhere(holders, holder);
		/* Who holds it has signed a moment after locking it; and who
		 * ended is the holder still for a moment. */
		if (look(holders, holder))
			holder->due = false;
	} else if (task_cancelled(holders->rt) == 0) {
		go_without(holders, holder, err);
	}
}

static bool any_due(const struct holders *holders)
{
	const struct holder *holder = holders->first;

	while (holder != NULL && !holder->due)
		holder = holder->next;
	return holder != NULL;
}

/* Tries what is due until it is clear who holds it, or for long enough. */
static void try_due(struct holders *holders)
{
	struct rt *rt = holders->rt;

	for (int i = 0; i < HOLDER_TRIES && any_due(holders); i++) {
		if (i > 0 && task_sleep(rt, deadline_in_ms(rt, 1 << (i - 1))))
			return;
		for (struct holder *h = holders->first; h != NULL; h = h->next)
			if (h->due)
				try_one(holders, h);
	}
	for (struct holder *h = holders->first; h != NULL; h = h->next)
		h->due = false;
}

static bool is_like(const struct holder *a, const struct holder *b)
{
	if (b->told || a->state != b->state)
		return false;
	return a->by == b->by ||
	       (a->by != NULL && b->by != NULL && strcmp(a->by, b->by) == 0);
}

/* Says what is new, in one line for all to which the same has happened. */
static void tell(struct holders *holders)
{
	char by[HOLDER_TEXT_MAX], more[40];

	for (struct holder *h = holders->first; h != NULL; h = h->next) {
		size_t others = 0;

		if (h->told)
			continue;
		for (struct holder *o = h->next; o != NULL; o = o->next)
			if (is_like(h, o)) {
				o->told = true;
				others++;
			}
		h->told = true;
		*more = '\0';
		if (others > 0)
			snprintf(more, sizeof(more), " (and %zu more)", others);
		if (h->state == HOLDER_ELSEWHERE)
			log_warning(holders->log,
				    "molecule-mcp: %s receives and heartbeats "
				    "for workspace %s%s; this one serves the "
				    "tools, and takes over when that one ends",
				    holder_text(h, by, sizeof(by)),
				    h->workspace_id, more);
		else
			log_warning(holders->log,
				    "molecule-mcp: the process that received "
				    "for workspace %s%s has ended; this one "
				    "does from now on",
				    h->workspace_id, more);
	}
}

static struct holder *first_waiting(const struct holders *holders)
{
	struct holder *holder = holders->first;

	while (holder != NULL && holder->state != HOLDER_ELSEWHERE)
		holder = holder->next;
	return holder;
}

/* Whether all that this process waits for will be told by events. */
static bool events_suffice(const struct holders *holders)
{
	char own[HOST_MAX + 1], host[HOST_MAX + 1];
	int pid;

	own_host(own);
	for (struct holder *h = holders->first; h != NULL; h = h->next)
		if (h->state == HOLDER_ELSEWHERE &&
		    (h->watch < 0 || h->by == NULL ||
		     !read_sign(h->by, &pid, host) || strcmp(own, host) != 0))
			return false;
	return true;
}

static void mark_all(struct holders *holders)
{
	for (struct holder *h = holders->first; h != NULL; h = h->next)
		h->due = h->state == HOLDER_ELSEWHERE;
}

static void take_events(struct holders *holders)
{
	int watches[EVENTS_AT_ONCE];
	ssize_t n = state_lock_ended(holders->state, holders->events, watches,
				     EVENTS_AT_ONCE);

	if (n < 0)
		mark_all(holders);
	for (ssize_t i = 0; i < n; i++)
		for (struct holder *h = holders->first; h != NULL; h = h->next)
			if (h->watch == watches[i])
				h->due = h->state == HOLDER_ELSEWHERE;
}

/* A descriptor that tells of the end of the process that has the first
 * workspace; for want of events. */
static int watch_process(const struct holders *holders)
{
	const struct holder *holder = first_waiting(holders);
	char own[HOST_MAX + 1], host[HOST_MAX + 1];
	int pid;

	own_host(own);
	if (holder->by == NULL || !read_sign(holder->by, &pid, host) ||
	    strcmp(own, host) != 0)
		return -ESRCH;
	return state_lock_process(holders->state, pid);
}

/* Parks until something is to be tried: 0, or the cancellation's reason. */
static int wait_for_end(struct holders *holders)
{
	struct rt *rt = holders->rt;
	struct deadline retry = DEADLINE_NEVER;
	bool events = holders->events >= 0;
	int fd = events ? holders->events : watch_process(holders);
	int err;

	if (!events || !events_suffice(holders))
		retry = deadline_cadence(clock_now(rt, CLOCK_ID_BOOTTIME) +
						 HOLDER_RETRY_MS *
							 CLOCK_NS_PER_MS,
					 SLACK_MS);
	err = fd >= 0 ? io_poll(rt, fd, POLLIN, retry) : task_sleep(rt, retry);
	if (err > 0 && events)
		take_events(holders);
	else if (task_cancelled(rt) == 0)
		mark_all(holders);
	if (!events && fd >= 0)
		io_close(rt, fd);
	return task_cancelled(rt);
}

static void holders_task(struct rt *rt, void *arg)
{
	struct holders *holders = arg;

	for (struct holder *h = holders->first; h != NULL; h = h->next) {
		h->due = true;
		try_one(holders, h);
		if (task_cancelled(rt) != 0)
			return;
	}
	try_due(holders);
	event_set(&holders->known);
	tell(holders);
	while (first_waiting(holders) != NULL && wait_for_end(holders) == 0) {
		try_due(holders);
		tell(holders);
	}
}

int holders_begin(struct holders *holders, struct scope *scope)
{
	return task_spawn(scope, "holder", TASK_STACK_SMALL, holders_task,
			  holders);
}

void holders_fini(struct holders *holders)
{
	for (struct holder *h = holders->first; h != NULL; h = h->next) {
		close_file(holders, h);
		free(h->by);
		h->by = NULL;
	}
	if (holders->events >= 0)
		io_close(holders->rt, holders->events);
	holders->events = -1;
}
