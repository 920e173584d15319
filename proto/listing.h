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
#include <stdbool.h>

#include "proto/text.h"

/* What list_peers says of an empty list. */
#define LISTING_NO_PEERS                                                       \
	"No peers available (this workspace may be isolated: it has no "       \
	"parent, children or siblings)"
/* What recall_memory says of an empty list. */
#define LISTING_NO_MEMORIES "No memories found."
/* Delegations that an overview shows. */
#define LISTING_DELEGATIONS_MAX 10
/* Bytes of a list of peers after which the others are only counted. */
#define LISTING_PEERS_MAX (1024u * 1024)

/* Peers, collected from one or more workspaces. All zero is empty. */
struct listing {
	struct text text; /* "- NAME (ID: id, status: status, role: role)", */
	json_t *list;	  /* the same as objects; owned; NULL: none */
	size_t left_out;
	bool failed; /* out of memory */
};

/* Adds the answer of GET /registry/:id/peers, an array. A role that is null or
 * absent is left out. `via` is who saw them, when that has to be said: in the
 * text by `short_via`, as ", via: short_via"; else both are NULL. */
void listing_add_peers(struct listing *listing, const json_t *peers,
		       const char *via, const char *short_via);

/* The answer of GET /workspaces/:id/memories, an array, as lines
 *	[SCOPE] content
 * or LISTING_NO_MEMORIES. Line breaks in a content are kept. Owned by the
 * caller: free. NULL when out of memory. */
char *listing_memories(const json_t *memories);

/* {"delegations":[…],"count":n} of GET /workspaces/:id/delegations: the first
 * LISTING_DELEGATIONS_MAX rows, each {delegation_id, target_id, status,
 * summary, response_preview} with "" for what is missing, and how many rows
 * there are. A row that calls a task completed because it is queued says
 * "queued". A new reference, NULL when out of memory. */
json_t *listing_delegations(const json_t *rows);

#endif
