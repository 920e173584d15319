// SPDX-License-Identifier: MIT
/*
 * registry - workspaces come, beat, and find each other.
 *
 * Registering makes a workspace online, and makes it known if it was not. The
 * first registration of a workspace without a token mints one. A heartbeat
 * keeps it online; when none comes for too long, the sweep lets it await its
 * agent. Both answers carry the workspace's inbound secret.
 */
#ifndef APP_PLATFORM_REGISTRY_H
#define APP_PLATFORM_REGISTRY_H

#include <stddef.h>

struct exchange;
struct rt;

#define REGISTRY_BODY_MAX ((size_t)256 * 1024)

/* Handle POST /registry/register, heartbeat, update-card and GET
 * /registry/discover/:id, /registry/:id/peers, /workspaces/:id. */
void registry_register(struct exchange *x);
void registry_heartbeat(struct exchange *x);
void registry_update_card(struct exchange *x);
void registry_discover(struct exchange *x);
void registry_peers(struct exchange *x);
void registry_info(struct exchange *x);

/* The task that looks for workspaces that fell silent; `arg` is the platform.
 * Runs until its scope is cancelled. */
void registry_sweep_task(struct rt *rt, void *arg);

#endif
