// SPDX-License-Identifier: MIT
#include "app/peers.h"

#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "app/platform_client.h"
#include "proto/json.h"
#include "proto/uuid.h"
#include "runtime/clock.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define BUCKETS 256u

struct entry {
	struct entry *chain;	     /* in its bucket */
	struct entry *newer, *older; /* by use */
	char id[UUID_LEN + 1];	     /* in lower case */
	char *name, *role;	     /* NULL: unknown */
	struct member *via;	     /* NULL: none */
	int64_t until_ns;	     /* MONOTONIC: so long names are kept */
	bool looking;		     /* a lookup is under way */
	bool failed;		     /* the last one came to nothing */
};

struct peers {
	struct rt *rt;
	struct platform_client *client;
	struct scope lookups;
	unsigned int looking;
	struct entry *newest, *oldest;
	unsigned int count;
	struct entry *buckets[BUCKETS];
};

/* A lookup: what its task owns. */
struct lookup {
	struct peers *peers;
	struct member *via;
	char id[UUID_LEN + 1];
};

struct peers *peers_new(struct rt *rt, struct platform_client *client)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return NULL;
	peers->rt = rt;
	peers->client = client;
	scope_open(rt, &peers->lookups, DEADLINE_NEVER);
	return peers;
}

static void entry_free(struct entry *entry)
{
	free(entry->name);
	free(entry->role);
	free(entry);
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	scope_close(&peers->lookups);
	while (peers->oldest) {
		struct entry *entry = peers->oldest;

		peers->oldest = entry->newer;
		entry_free(entry);
	}
	free(peers);
}

/* UUIDs are random, or at least differ in their digits. */
static struct entry **bucket_of(struct peers *peers, const char *id)
{
	unsigned int hash = 0;

	for (; *id; id++)
		hash = hash * 31 + (unsigned char)*id;
	return &peers->buckets[hash % BUCKETS];
}

static void unlink_use(struct peers *peers, struct entry *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		peers->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		peers->oldest = entry->newer;
}

static void link_newest(struct peers *peers, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = peers->newest;
	if (peers->newest)
		peers->newest->newer = entry;
	else
		peers->oldest = entry;
	peers->newest = entry;
}

/* The entry of an id in lower case, which counts as used now. */
static struct entry *find(struct peers *peers, const char *id)
{
	struct entry *entry = *bucket_of(peers, id);

	while (entry && strcmp(entry->id, id) != 0)
		entry = entry->chain;
	if (!entry)
		return NULL;
	unlink_use(peers, entry);
	link_newest(peers, entry);
	return entry;
}

static void forget_oldest(struct peers *peers)
{
	struct entry *entry = peers->oldest;
	struct entry **at = bucket_of(peers, entry->id);

	while (*at && *at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	unlink_use(peers, entry);
	peers->count--;
	entry_free(entry);
}

static struct entry *find_or_add(struct peers *peers, const char *id)
{
	struct entry *entry = find(peers, id);
	struct entry **bucket = bucket_of(peers, id);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	if (peers->count == PEERS_MAX)
		forget_oldest(peers);
	memcpy(entry->id, id, sizeof(entry->id));
	entry->chain = *bucket;
	*bucket = entry;
	link_newest(peers, entry);
	peers->count++;
	return entry;
}

static bool is_fresh(const struct peers *peers, const struct entry *entry)
{
	return clock_now(peers->rt, CLOCK_ID_MONOTONIC) < entry->until_ns;
}

static void keep(struct peers *peers, struct entry *entry)
{
	entry->until_ns = clock_now(peers->rt, CLOCK_ID_MONOTONIC) +
			  PEERS_LIFE_S * CLOCK_NS_PER_S;
}

static void set_text(char **to, const char *text)
{
	char *copy;

	if (!text || !*text || (*to && strcmp(*to, text) == 0))
		return;
	copy = strdup(text);
	if (!copy)
		return;
	free(*to);
	*to = copy;
}

void peers_seen(struct peers *peers, const char *peer_id, const char *name,
		const char *role, struct member *via)
{
	char id[UUID_LEN + 1];
	struct entry *entry;

	if (!uuid_normalise(id, peer_id))
		return;
	entry = find_or_add(peers, id);
	if (!entry)
		return;
	if (via)
		entry->via = via;
	if ((!name || !*name) && (!role || !*role))
		return;
	set_text(&entry->name, name);
	set_text(&entry->role, role);
	entry->failed = false;
	keep(peers, entry);
}

bool peers_find(struct peers *peers, const char *peer_id, struct peer *out)
{
	char id[UUID_LEN + 1];
	struct entry *entry;
	bool fresh;

	*out = (struct peer){ .name = "", .role = "" };
	if (!uuid_normalise(id, peer_id))
		return false;
	entry = find(peers, id);
	if (!entry)
		return false;
	fresh = is_fresh(peers, entry);
	if (fresh && entry->name)
		out->name = entry->name;
	if (fresh && entry->role)
		out->role = entry->role;
	out->via = entry->via;
	return *out->name || *out->role || out->via;
}

/* The entry may be gone, or newly told of, when the answer comes. */
static void conclude(const struct lookup *lookup,
		     const struct platform_reply *reply)
{
	struct peers *peers = lookup->peers;
	struct entry *entry = find_or_add(peers, lookup->id);
	const char *name = platform_ok(reply)
				   ? json_get_text_or(reply->json, "name", "")
				   : "";

	if (!entry)
		return;
	entry->looking = false;
	if (*name) {
		peers_seen(peers, lookup->id, name, NULL, NULL);
	} else if (!is_fresh(peers, entry)) {
		entry->failed = true;
		keep(peers, entry);
	}
}

static void look_up(struct rt *rt, void *arg)
{
	struct lookup *lookup = arg;
	struct peers *peers = lookup->peers;
	struct platform_reply reply;

	(void)rt;
	platform_discover(peers->client, &lookup->via->who, lookup->id,
			  PEERS_LOOKUP_MS, &reply);
	conclude(lookup, &reply);
	platform_reply_free(&reply);
	peers->looking--;
	free(lookup);
}

void peers_want(struct peers *peers, const char *peer_id, struct member *via)
{
	char id[UUID_LEN + 1];
	struct lookup *lookup;
	struct entry *entry;

	if (peers->looking == PEERS_LOOKUPS_MAX || !uuid_normalise(id, peer_id))
		return;
	entry = find_or_add(peers, id);
	if (!entry || entry->looking ||
	    (is_fresh(peers, entry) && (entry->name || entry->failed)))
		return;
	lookup = malloc(sizeof(*lookup));
	if (!lookup)
		return;
	*lookup = (struct lookup){ .peers = peers, .via = via };
	memcpy(lookup->id, id, sizeof(id));
	if (task_spawn(&peers->lookups, "peer", TASK_STACK_LARGE, look_up,
		       lookup) != 0) {
		free(lookup);
		return;
	}
	entry->looking = true;
	peers->looking++;
}
