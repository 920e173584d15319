// SPDX-License-Identifier: MIT
/*
 * resolve_query - one lookup of a name, by c-ares driven from the runtime.
 *
 * c-ares reads /etc/hosts and resolv.conf and speaks DNS; its sockets are
 * watched by the runtime and its timeouts are the deadlines of the task that
 * looks up, so nothing blocks the thread. Each query has a c-ares channel of
 * its own, made when it begins and gone when it ends. Thus queries share
 * nothing, cancelling one touches no other, between queries no socket, timer
 * or memory is held, and a resolv.conf that changed (another network) is
 * noticed. For resolve.c, which shares and remembers what comes out.
 */
#ifndef NET_RESOLVE_QUERY_H
#define NET_RESOLVE_QUERY_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct rt;

/* How often each server is asked before it is given up. */
#define RESOLVE_TRIES 3
/* Addresses of one name that are of use; further ones are passed over. */
#define RESOLVE_ADDRS_MAX 16

union resolve_addr {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* What a name stands for. */
struct resolve_answer {
	/* Seconds for which all of it holds, the least of its records; 0 for
	 * what came from /etc/hosts, which may change at any time. */
	uint32_t ttl_s;
	int count;
	/* Port 0; IPv6 first and families alternating (RFC 8305 section 4). */
	union resolve_addr addrs[RESOLVE_ADDRS_MAX];
};

/* Whom to ask. */
struct resolve_servers {
	/* "address:port", commas between; NULL: those of resolv.conf. */
	const char *list;
	/* The first wait for one, in milliseconds. */
	uint32_t try_ms;
	/* After so many milliseconds IPv4 alone is asked for as well, and what
	 * comes first is the answer. c-ares waits until it has the addresses
	 * of both families, and some servers and home routers never answer
	 * when asked for IPv6 ones. */
	uint32_t slow_ms;
};

/* Looks `host` up: 0 with *answer set (count >= 1), or -ENOENT (no such name,
 * or no address), -EAGAIN (servers unreachable or unwilling), -ETIMEDOUT (no
 * answer to any try), -ENOMEM, or the cancellation's reason. TASK_STACK_SMALL
 * is enough. Parks. */
int resolve_query(struct rt *rt, const struct resolve_servers *servers,
		  const char *host, struct resolve_answer *answer);

#endif
