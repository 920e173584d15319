// SPDX-License-Identifier: MIT
/*
 * resolve - host names to addresses, by c-ares driven from the runtime.
 *
 * c-ares reads /etc/hosts and resolv.conf and speaks DNS; its sockets are
 * watched by the runtime and its timeouts are the deadlines of the task that
 * looks up, so nothing blocks the thread. Each lookup has a c-ares channel of
 * its own, made when it begins and gone when it ends. Thus lookups share
 * nothing, cancelling one touches no other, between lookups no socket, timer
 * or memory is held, and a resolv.conf that changed (another network) is
 * noticed. Programs that dial literals never pay for any of it.
 *
 * A lookup runs on its caller's stack; TASK_STACK_SMALL is enough.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "runtime/clock.h"

struct rt;
struct resolver;

/* The first wait for a name server; it doubles with each further try. */
#define RESOLVE_TRY_MS 2000
#define RESOLVE_TRIES 3
/* Lookups under way at once; more of them wait their turn. A lookup takes
 * some 80 KiB while it lasts. */
#define RESOLVE_PARALLEL_MAX 8

/* One resolver for a runtime; lookups share it. NULL when out of memory. Does
 * not park. */
struct resolver *resolver_new(struct rt *rt);

/* As resolver_new, but asks `servers` ("address:port", commas between;
 * borrowed for the resolver's life) instead of those of resolv.conf, and waits
 * `try_ms` for them at first. For tests. */
struct resolver *resolver_new_servers(struct rt *rt, const char *servers,
				      uint32_t try_ms);

/* Frees it; nobody may be parked in a lookup. Does not park. */
void resolver_free(struct resolver *resolver);

/* Looks `host` up and writes at most `max` addresses with `port` set, IPv6
 * first and families alternating (RFC 8305 section 4). Returns how many (>= 1)
 * or -ENOENT (no such name, or no address), -EAGAIN (servers unreachable or
 * unwilling), -ETIMEDOUT (no answer, or the deadline), -ENOMEM, or the
 * cancellation's reason. Parks. */
int resolve(struct resolver *resolver, const char *host, uint16_t port,
	    struct sockaddr_storage *out, int max, struct deadline deadline);

#endif
