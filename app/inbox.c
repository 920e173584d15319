// SPDX-License-Identifier: MIT
#include "app/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/activity.h"
#include "runtime/event.h"

/* A message and its strings are one block of memory. */
struct entry {
	struct activity_message message; /* first: handed out as it is */
	struct entry *next;
	uint64_t hash; /* of the id */
	size_t size;   /* of the whole block */
	bool held;     /* held back */
	bool announced;
};

/* A popped id: a block of its own, `id` behind the hash. */
struct popped {
	uint64_t hash;
	char id[];
};

struct inbox {
	struct entry *first, *last;
	struct entry *fresh; /* the first one not announced */
	uint32_t count;
	size_t bytes;
	struct cond arrived; /* waited on while there is no message */
	struct cond room;    /* waited on while there are too many */
	void (*hook)(void *arg);
	void *hook_arg;
	bool (*claim)(void *arg, const struct activity_message *message);
	void *claim_arg;
	struct popped **popped; /* a ring, allocated at the first pop */
	uint32_t popped_at;	/* the slot to be overwritten next */
};

/* FNV-1a: spreads ids well enough to skip most comparisons. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash;
}

struct inbox *inbox_new(struct rt *rt)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox)
		return NULL;
	cond_init(rt, &inbox->arrived);
	cond_init(rt, &inbox->room);
	return inbox;
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
	if (inbox->popped) {
		for (uint32_t i = 0; i < INBOX_REMEMBERED; i++)
			free(inbox->popped[i]);
		free(inbox->popped);
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

static bool was_popped(const struct inbox *inbox, const char *id, uint64_t hash)
{
	if (!inbox->popped)
		return false;
	for (uint32_t i = 0; i < INBOX_REMEMBERED; i++) {
		const struct popped *popped = inbox->popped[i];

		if (popped && popped->hash == hash && !strcmp(popped->id, id))
			return true;
	}
	return false;
}

static bool is_here(const struct inbox *inbox, const char *id, uint64_t hash)
{
	for (const struct entry *e = inbox->first; e; e = e->next)
		if (e->hash == hash && !strcmp(e->message.activity_id, id))
			return true;
	return false;
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

int inbox_put(struct inbox *inbox, const struct activity_message *message,
	      struct deadline deadline)
{
	const char *id = message->activity_id;
	uint64_t hash = hash_of(id);
	struct entry *entry;

	if (!*id)
		return -EINVAL;
	for (;;) {
		int err;

		if (is_here(inbox, id, hash) || was_popped(inbox, id, hash))
			return -EEXIST;
		if (!inbox_full(inbox))
			break;
		err = cond_wait(&inbox->room, deadline);
		if (err)
			return err;
	}
	entry = entry_new(message, hash);
	if (!entry)
		return -ENOMEM;
	append(inbox, entry);
	if (inbox->claim)
		entry->held = inbox->claim(inbox->claim_arg, &entry->message);
	if (!entry->held)
		tell(inbox);
	return 0;
}

/* Forgetting an id for want of memory only means that it could come back. */
static void remember(struct inbox *inbox, const char *id, uint64_t hash)
{
	size_t size = strlen(id) + 1;
	struct popped *popped = malloc(sizeof(*popped) + size);

	if (!popped)
		return;
	if (!inbox->popped)
		inbox->popped =
			calloc(INBOX_REMEMBERED, sizeof(*inbox->popped));
	if (!inbox->popped) {
		free(popped);
		return;
	}
	popped->hash = hash;
	memcpy(popped->id, id, size);
	free(inbox->popped[inbox->popped_at]);
	inbox->popped[inbox->popped_at] = popped;
	inbox->popped_at = (inbox->popped_at + 1) % INBOX_REMEMBERED;
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
	uint64_t hash = hash_of(activity_id);
	struct entry *before = NULL, *entry = inbox->first;

	while (entry && (entry->hash != hash ||
			 strcmp(entry->message.activity_id, activity_id))) {
		before = entry;
		entry = entry->next;
	}
	if (!entry)
		return 0;
	if (before)
		before->next = entry->next;
	else
		inbox->first = entry->next;
	if (inbox->last == entry)
		inbox->last = before;
	if (inbox->fresh == entry)
		inbox->fresh = entry->next;
	inbox->count--;
	inbox->bytes -= entry->size;
	remember(inbox, activity_id, hash);
	free(entry);
	/* All of them: room for one small message may be room for several. */
	cond_broadcast(&inbox->room);
	return 1;
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

bool inbox_full(const struct inbox *inbox)
{
	return inbox->count >= INBOX_CAPACITY ||
	       inbox->bytes >= INBOX_BYTES_MAX;
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
