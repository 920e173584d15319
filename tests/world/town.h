// SPDX-License-Identifier: MIT
/*
 * town - the platform, and everybody who uses it: a process on `cloud` that
 * runs for the whole day.
 *
 * Users write to the workspaces, and peers do. One peer answers at once
 * (push mode, played by the platform); the other polls, and its answers come as
 * messages some time later, or not at all.
 */
#ifndef TESTS_WORLD_TOWN_H
#define TESTS_WORLD_TOWN_H

#include <stdbool.h>

struct life;
struct town;

#define TOWN_PORT 8787

/* Workspace `i` of the plan: its id and token. */
const char *town_id(int i);
const char *town_token(int i);
/* The peer that answers at once, and the one that polls. */
#define TOWN_PEER_PUSH "aaaaaaaa-0000-4000-8000-00000000000a"
#define TOWN_PEER_POLL "bbbbbbbb-0000-4000-8000-00000000000b"
#define TOWN_ANSWER "That is done."

/* The i-th secret that the platform has handed out, NULL beyond the last. */
const char *town_secret(const struct town *town, int i);

/* Starts the process. */
void town_start(struct life *life);
void town_free(struct town *town);

/* The user and the peers go home. */
void town_night(struct town *town);

/* The agent has sent a task to the peer that polls. */
void town_asked(struct town *town, int workspace);

/* What the platform does in bad weather. Not for tasks of other processes. */
void town_fault(struct town *town); /* some answer is another, from now on */
void town_no_faults(struct town *town);
void town_streams(struct town *town, bool refused, bool silent);
void town_revoke(struct town *town);
void town_restore(struct town *town);

#endif
