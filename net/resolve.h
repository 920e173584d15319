// SPDX-License-Identifier: MIT
/*
 * resolve - host names to addresses.
 *
 * What a name stands for is remembered for its time to live (resolve_cache.h)
 * and otherwise asked for (resolve_query.h). Tasks that want one name at the
 * same time share one query; it goes on while any of them waits for it, and
 * ends with the last that gives up. Names in /etc/hosts are read anew each
 * time, so that a change counts at once. Programs that dial literals never
 * pay for any of it.
 *
 * A query runs on a small task of its own. For lookups TASK_STACK_SMALL is
 * enough.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "runtime/clock.h"

struct resolve_answer;
struct rt;
struct resolver;

/* The first wait for a name server; it doubles with each further try. */
#define RESOLVE_TRY_MS 2000
/* How long the answer for IPv6 may take before IPv4 does without it. */
#define RESOLVE_SLOW_MS 300
/* Queries under way at once; more of them wait their turn. A query takes
 * some 80 KiB while it lasts. */
#define RESOLVE_PARALLEL_MAX 8

/* Somebody who knows names, in the place of c-ares and the system's files: for
 * worlds in which there are none. ask() does what resolve_query does
 * (resolve_query.h), in the task of the query. */
struct resolve_names {
	int (*ask)(struct rt *rt, void *arg, const char *host,
		   struct resolve_answer *answer);
	void *arg;
};

/* One resolver for a runtime; lookups share it. NULL when out of memory. Does
 * not park. */
struct resolver *resolver_new(struct rt *rt);

/* As resolver_new, but asks `names`, which is borrowed for the resolver's life;
 * NULL is resolver_new. */
struct resolver *resolver_new_names(struct rt *rt,
				    const struct resolve_names *names);

/* As resolver_new, but asks `servers` ("address:port", commas between;
 * borrowed for the resolver's life) instead of those of resolv.conf, and waits
 * `try_ms` for them at first, for IPv6 as long as for IPv4. For tests. */
struct resolver *resolver_new_servers(struct rt *rt, const char *servers,
				      uint32_t try_ms);

/* Frees it; nobody may be parked in a lookup. Does not park. */
void resolver_free(struct resolver *resolver);

/* Looks `host` up and writes at most `max` addresses with `port` set, IPv6
 * first and families alternating (RFC 8305 section 4). Returns how many (>= 1)
 * or -ENOENT (no such name, or no address), -EAGAIN (servers unreachable or
 * unwilling), -ETIMEDOUT (no answer, or the deadline), -ENOMEM, or the
 * cancellation's reason. Parks, unless the answer is remembered. */
int resolve(struct resolver *resolver, const char *host, uint16_t port,
	    struct sockaddr_storage *out, int max, struct deadline deadline);

/* Forgets what is remembered of `host`: nothing could be reached at its
 * addresses, so the next lookup asks whether it has moved. Does not park. */
void resolve_forget(struct resolver *resolver, const char *host);

#endif
