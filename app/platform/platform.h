// SPDX-License-Identifier: MIT
/*
 * platform - a local Molecule platform: the HTTP contract that agents use,
 * served from memory, by http or https.
 *
 *	struct platform *platform = platform_new(rt, &options);
 *	err = platform_start(platform);	// binds; the port is then known
 *	…
 *	platform_stop(platform);
 *	platform_free(platform);
 *
 * It is for demonstrations, tests and benchmarks, and for agents on one
 * machine with no cloud at all. Everything hangs on the platform value, so
 * several can live in one process, beside their clients and in one runtime.
 * All sizes are bounded; nothing is kept on disk.
 *
 * Agents see the endpoints of the contract. A person, a test or a bench acts
 * as the user through the endpoints under /demo (operator.h).
 */
#ifndef APP_PLATFORM_PLATFORM_H
#define APP_PLATFORM_PLATFORM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct platform;
struct rt;
struct tls_server;

#define PLATFORM_STALE_AFTER_MS 90000

/* Called for every event that is published, before the call that caused it
 * returns; must not park. Everything is borrowed for the call. */
typedef void (*platform_observer_fn)(void *arg, const char *workspace_id,
				     const char *type, const json_t *data);

/* How event streams fare; the operator can change it at any time. */
struct events_options {
	bool refused;	      /* 404, as by an edge that has none */
	bool silent;	      /* open, and nothing comes: a buffering proxy */
	uint32_t cut_mean_ms; /* cut at random after so long; 0: never */
};

/* Borrowed by platform_new for the call, but for `host`, `tls` and `org_id`,
 * which stay the caller's and must be there until platform_free. */
struct platform_options {
	const char *host;	/* literal or localhost; NULL: 127.0.0.1 */
	uint16_t port;		/* 0: the kernel chooses */
	struct tls_server *tls; /* serve https with it; NULL: http */
	/* Requests a minute that one client address may make; 0: any. */
	uint32_t rate_limit;
	/* A workspace without a heartbeat for so long awaits its agent; 0:
	 * PLATFORM_STALE_AFTER_MS. */
	uint32_t stale_after_ms;
	/* Requests must name this organisation in X-Molecule-Org-Id; NULL: they
	 * need not. */
	const char *org_id;
	/* What an edge in front of the platform does: agents' requests without
	 * an Origin get an empty 404. */
	bool require_origin;
	/* Workspaces may broadcast unless they are told otherwise. */
	bool allow_broadcast;
	/* Delegations stay open until they are answered; see delegation.h. */
	bool track_delegations;
	/* The end of a delegation is left in the inbox of who gave it, too. */
	bool push_results;
	struct events_options events;
	platform_observer_fn observer; /* may be NULL */
	void *observer_arg;
};

/* NULL when out of memory. */
struct platform *platform_new(struct rt *rt,
			      const struct platform_options *options);

/* Binds, listens and serves, in tasks of the platform's own. 0, or why it
 * cannot: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EINVAL (host), -ENOMEM. */
int platform_start(struct platform *platform);

/* "https" or "http", as it serves; a static text. */
const char *platform_scheme(const struct platform *platform);

/* The port that is really bound. */
uint16_t platform_port(const struct platform *platform);

/* Ends every connection and task of it. Parks; always completes. Harmless
 * when it was not started. */
void platform_stop(struct platform *platform);

/* Releases it; it must have been stopped. */
void platform_free(struct platform *platform);

#endif
