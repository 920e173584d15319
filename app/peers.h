// SPDX-License-Identifier: MIT
/*
 * peers - what is known about other workspaces: their names and roles, and
 * through which workspace of this process they were seen.
 *
 * list_peers and the rows of the activity list fill it; a peer that is not
 * known can be looked up in the background. Names are display text from the
 * platform's registry and prove nothing. They are kept for PEERS_LIFE_S, and
 * so is it that a lookup failed; through whom a peer was seen is kept on. This
 * is known of PEERS_MAX peers, and the one unused for longest is forgotten
 * first.
 */
#ifndef APP_PEERS_H
#define APP_PEERS_H

#include <stdbool.h>

struct log;
struct member;
struct peers;
struct platform_client;
struct rt;

#define PEERS_MAX 1024u
#define PEERS_LIFE_S 300
#define PEERS_LOOKUPS_MAX 2 /* in the background at a time */
#define PEERS_LOOKUP_MS 2000

/* Strings are "" when unknown; those that peers_find gives are borrowed until
 * the next call of any function here. */
struct peer {
	const char *name;
	const char *role;
	struct member *via; /* the member that saw it last; NULL: none did */
};

/* NULL when out of memory. Does not park. */
struct peers *peers_new(struct rt *rt, struct platform_client *client);
/* Ends lookups under way. NULL is harmless. Parks. */
void peers_free(struct peers *peers);

/* What the platform said about a peer; strings are copied and may be NULL or
 * "" (what was known stays), `via` may be NULL (likewise). An id that is no
 * UUID is ignored. Out of memory is forgetting. Does not park. */
void peers_seen(struct peers *peers, const char *peer_id, const char *name,
		const char *role, struct member *via);

/* Fills in *out. False when nothing is known, or nothing but that a lookup
 * failed. Does not park. */
bool peers_find(struct peers *peers, const char *peer_id, struct peer *out);

/* Looks the peer up in the name of `via`, in the background, unless it is
 * known or PEERS_LOOKUPS_MAX are under way. Does not park. */
void peers_want(struct peers *peers, const char *peer_id, struct member *via);

#endif
