// SPDX-License-Identifier: MIT
#include "app/inbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/journal.h"
#include "app/log.h"
#include "proto/activity.h"
#include "runtime/defect.h"
#include "runtime/event.h"

#define GIVEN_UP_EVERY_MS 60000

/* A message and its strings are one block of memory. */
struct entry {
	struct activity_message message; /* first: handed out as it is */
	struct entry *next;
	struct inbox_source *source; /* NULL: none */
	uint64_t hash;		     /* of the id */
	size_t size;		     /* of the whole block */
	bool held;		     /* held back */
	bool announced;
	int64_t shown; /* BOOTTIME, when somebody was given it; 0: never */
};

struct inbox {
	struct rt *rt;
	struct log *log;
	struct entry *first, *last;
	struct entry *fresh; /* the first one not announced */
	uint32_t count;
	size_t bytes;
	struct cond arrived; /* waited on while there is no message */
	void (*hook)(void *arg);
	void *hook_arg;
	bool (*claim)(void *arg, const struct activity_message *message);
	void *claim_arg;
	struct inbox_source *waiting; /* for room */
	uint64_t popped, given_up;
	int64_t grace_ns;
	struct log_limit told; /* of what was given up */
};

/* FNV-1a: spreads ids well enough to skip most comparisons. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash;
}

struct inbox *inbox_new(struct rt *rt, struct log *log)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox)
		return NULL;
	inbox->rt = rt;
	inbox->log = log;
	inbox_set_grace(inbox, INBOX_GRACE_MS);
	cond_init(rt, &inbox->arrived);
	return inbox;
}

void inbox_set_grace(struct inbox *inbox, uint32_t ms)
{
	inbox->grace_ns = ms * CLOCK_NS_PER_MS;
}

void inbox_free(struct inbox *inbox)
{
	if (!inbox)
		return;
	while (inbox->first) {
		struct entry *entry = inbox->first;

		inbox->first = entry->next;
		free(entry);
	}
	free(inbox);
}

static struct entry *entry_new(const struct activity_message *from,
			       uint64_t hash)
{
	size_t size = sizeof(struct entry) + activity_message_size(from);
	struct entry *entry = malloc(size);

	if (!entry)
		return NULL;
	*entry = (struct entry){ .hash = hash, .size = size };
	activity_message_copy(&entry->message, (char *)(entry + 1), from);
	return entry;
}

static struct entry *find(const struct inbox *inbox, const char *id)
{
	uint64_t hash = hash_of(id);
	struct entry *entry = inbox->first;

	while (entry && (entry->hash != hash ||
			 strcmp(entry->message.activity_id, id) != 0))
		entry = entry->next;
	return entry;
}

/* Calls those who wait for room; who finds none waits again. */
static void tell_room(struct inbox *inbox)
{
	struct inbox_source *source = inbox->waiting;

	inbox->waiting = NULL;
	while (source) {
		struct inbox_source *next = source->next_waiting;

		source->waits = false;
		if (source->room)
			source->room(source->arg);
		source = next;
	}
}

/* Takes an entry out and frees it. */
static void take_out(struct inbox *inbox, struct entry *entry)
{
	struct entry **at = &inbox->first, *before = NULL;

	while (*at != entry) {
		before = *at;
		at = &before->next;
	}
	*at = entry->next;
	if (inbox->last == entry)
		inbox->last = before;
	if (inbox->fresh == entry)
		inbox->fresh = entry->next;
	inbox->count--;
	inbox->bytes -= entry->size;
	if (entry->source)
		entry->source->count--;
	free(entry);
}

/* Messages that may be given up for one of `source`: its own, or any when all
 * of them together are too much. *oldest is NULL when there are none. */
static uint32_t expendable(const struct inbox *inbox,
			   const struct inbox_source *source,
			   struct entry **oldest)
{
	bool any = inbox->bytes >= INBOX_BYTES_MAX;
	int64_t past =
		clock_now(inbox->rt, CLOCK_ID_BOOTTIME) - inbox->grace_ns;
	uint32_t count = 0;

	*oldest = NULL;
	for (struct entry *e = inbox->first; e; e = e->next) {
		if (e->shown == 0 || e->shown > past || e->held ||
		    (!any && e->source != source))
			continue;
		if (!*oldest)
			*oldest = e;
		count++;
	}
	return count;
}

static uint32_t room_of(const struct inbox *inbox,
			const struct inbox_source *source)
{
	bool few = source->count < INBOX_CAPACITY;
	struct entry *oldest;
	uint32_t count;

	if (few && inbox->bytes < INBOX_BYTES_MAX)
		return INBOX_CAPACITY - source->count;
	count = expendable(inbox, source, &oldest);
	if (few && count > 0)
		return INBOX_CAPACITY - source->count;
	return count < INBOX_CAPACITY ? count : INBOX_CAPACITY;
}

uint32_t inbox_room(struct inbox *inbox, struct inbox_source *source)
{
	uint32_t room = room_of(inbox, source);

	if (room == 0 && !source->waits) {
		source->waits = true;
		source->next_waiting = inbox->waiting;
		inbox->waiting = source;
	}
	return room;
}

static void tell_given_up(struct inbox *inbox)
{
	uint32_t withheld;

	inbox->given_up++;
	if (!log_limit_pass(&inbox->told,
			    clock_now(inbox->rt, CLOCK_ID_MONOTONIC),
			    GIVEN_UP_EVERY_MS, &withheld))
		return;
	log_warning(inbox->log,
		    "inbox: full: gave up the oldest message that had been "
		    "shown and not popped, %" PRIu64 " so far. Messages are to "
		    "be popped (inbox_pop) when they have been dealt with",
		    inbox->given_up);
}

/* Makes room for one message more of the source. Bytes are inbox_room's to
 * watch: what has been fetched, and what an earlier process left, is let in. */
static bool make_room(struct inbox *inbox, struct inbox_source *source)
{
	while (inbox->bytes >= INBOX_BYTES_MAX ||
	       (source && source->count >= INBOX_CAPACITY)) {
		struct entry *entry;

		if (expendable(inbox, source, &entry) == 0)
			return !source || source->count < INBOX_CAPACITY;
		if (entry->source && entry->source->journal)
			journal_pop(entry->source->journal,
				    entry->message.activity_id);
		take_out(inbox, entry);
		tell_given_up(inbox);
	}
	return true;
}

static void append(struct inbox *inbox, struct entry *entry)
{
	if (inbox->last)
		inbox->last->next = entry;
	else
		inbox->first = entry;
	inbox->last = entry;
	if (!inbox->fresh)
		inbox->fresh = entry;
	inbox->count++;
	inbox->bytes += entry->size;
}

/* There is something to see. */
static void tell(struct inbox *inbox)
{
	cond_broadcast(&inbox->arrived);
	if (inbox->hook)
		inbox->hook(inbox->hook_arg);
}

int inbox_put(struct inbox *inbox, struct inbox_source *source,
	      const struct activity_message *message)
{
	const char *id = message->activity_id;
	struct entry *entry;

	if (!*id)
		return -EINVAL;
	if (find(inbox, id) ||
	    (source && source->journal && journal_popped(source->journal, id)))
		return -EEXIST;
	if (!make_room(inbox, source))
		return -ENOSPC;
	entry = entry_new(message, hash_of(id));
	if (!entry)
		return -ENOMEM;
	entry->source = source;
	if (source)
		source->count++;
	append(inbox, entry);
	if (inbox->claim)
		entry->held = inbox->claim(inbox->claim_arg, &entry->message);
	if (!entry->held)
		tell(inbox);
	return 0;
}

void inbox_show(struct inbox *inbox, const struct activity_message *message)
{
	/* The message is the first member of its entry. */
	struct entry *entry = (struct entry *)(uintptr_t)message;

	if (entry->shown != 0)
		return;
	entry->shown = clock_now(inbox->rt, CLOCK_ID_BOOTTIME);
	tell_room(inbox);
}

const struct activity_message *inbox_find(const struct inbox *inbox,
					  const char *activity_id)
{
	struct entry *entry = find(inbox, activity_id);

	return entry ? &entry->message : NULL;
}

bool inbox_hold(struct inbox *inbox, const char *activity_id)
{
	struct entry *entry = find(inbox, activity_id);

	if (!entry || entry->held)
		return false;
	entry->held = true;
	return true;
}

void inbox_release(struct inbox *inbox, const char *activity_id)
{
	struct entry *entry = find(inbox, activity_id);

	if (!entry || !entry->held)
		return;
	entry->held = false;
	/* It may stand before what has been announced since. */
	if (!entry->announced)
		inbox->fresh = inbox->first;
	tell(inbox);
}

int inbox_pop(struct inbox *inbox, const char *activity_id)
{
	struct entry *entry = find(inbox, activity_id);
	struct journal *journal;
	int err = 0;

	if (!entry)
		return 0;
	if (entry->source && entry->source->journal_away)
		return -EAGAIN;
	journal = entry->source ? entry->source->journal : NULL;
	if (journal) {
		err = journal_pop(journal, activity_id);
		if (!err && !DEFECT(POP_EARLY))
			err = journal_sync(journal, DEADLINE_NEVER);
		if (err)
			return err;
		/* Somebody else may have popped it meanwhile. */
		entry = find(inbox, activity_id);
	}
	if (entry) {
		take_out(inbox, entry);
		inbox->popped++;
	}
	tell_room(inbox);
	return 1;
}

void inbox_each(const struct inbox *inbox, const struct inbox_source *source,
		void (*fn)(void *arg, const struct activity_message *message),
		void *arg)
{
	for (const struct entry *e = inbox->first; e; e = e->next)
		if (e->source == source)
			fn(arg, &e->message);
}

/* The first entry from this one on that everybody may see. */
static struct entry *visible(struct entry *entry)
{
	while (entry && entry->held)
		entry = entry->next;
	return entry;
}

int inbox_wait(struct inbox *inbox, struct deadline deadline)
{
	while (!visible(inbox->first)) {
		int err = cond_wait(&inbox->arrived, deadline);

		if (err)
			return err;
	}
	return 0;
}

const struct activity_message *inbox_first(const struct inbox *inbox)
{
	const struct entry *entry = visible(inbox->first);

	return entry ? &entry->message : NULL;
}

const struct activity_message *
inbox_next(const struct activity_message *message)
{
	/* The message is the first member of its entry. */
	const struct entry *entry = (const struct entry *)message;

	entry = visible(entry->next);
	return entry ? &entry->message : NULL;
}

uint32_t inbox_count(const struct inbox *inbox)
{
	return inbox->count;
}

uint64_t inbox_popped(const struct inbox *inbox)
{
	return inbox->popped;
}

uint64_t inbox_given_up(const struct inbox *inbox)
{
	return inbox->given_up;
}

bool inbox_full(const struct inbox *inbox)
{
	return inbox->waiting != NULL;
}

void inbox_on_put(struct inbox *inbox, void (*hook)(void *arg), void *arg)
{
	inbox->hook = hook;
	inbox->hook_arg = arg;
}

const struct activity_message *inbox_announce(struct inbox *inbox)
{
	struct entry *entry = inbox->fresh;

	while (entry && (entry->held || entry->announced))
		entry = entry->next;
	inbox->fresh = entry ? entry->next : NULL;
	if (!entry)
		return NULL;
	entry->announced = true;
	return &entry->message;
}

void inbox_on_arrival(struct inbox *inbox,
		      bool (*claim)(void *arg,
				    const struct activity_message *message),
		      void *arg)
{
	inbox->claim = claim;
	inbox->claim_arg = arg;
}
