// SPDX-License-Identifier: MIT
/*
 * listing - lists from the platform as a model reads them.
 *
 * The lists are borrowed; entries that are not objects are passed over, and a
 * member that is missing or null shows as something readable. Line breaks and
 * control characters in names become spaces, so that one entry is one line.
 */
#ifndef PROTO_LISTING_H
#define PROTO_LISTING_H

#include <jansson.h>

/* What list_peers says of an empty list. */
#define LISTING_NO_PEERS "No peers available (this workspace may be isolated)"
/* What recall_memory says of an empty list. */
#define LISTING_NO_MEMORIES "No memories found."
/* Delegations that an overview shows. */
#define LISTING_DELEGATIONS_MAX 10

/* The answer of GET /registry/:id/peers, an array, as lines
 *	- NAME (ID: id, status: status, role: role)
 * without a final newline, or LISTING_NO_PEERS. A role that is null or absent
 * is left out. Owned by the caller: free. NULL when out of memory. */
char *listing_peers(const json_t *peers);

/* The answer of GET /workspaces/:id/memories, an array, as lines
 *	[SCOPE] content
 * or LISTING_NO_MEMORIES. Line breaks in a content are kept. Owned by the
 * caller: free. NULL when out of memory. */
char *listing_memories(const json_t *memories);

/* The row of GET /workspaces/:id/delegations with this delegation_id: one
 * that has ended if there is, else the first (newest). Borrowed from `rows`;
 * NULL when there is none. */
json_t *listing_delegation(const json_t *rows, const char *delegation_id);

/* {"delegations":[…],"count":n}: the first LISTING_DELEGATIONS_MAX rows, each
 * {delegation_id, target_id, status, summary, response_preview} with "" for
 * what is missing, and how many rows there are. A new reference, NULL when out
 * of memory. */
json_t *listing_delegations(const json_t *rows);

#endif
