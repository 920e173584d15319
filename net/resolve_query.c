// SPDX-License-Identifier: MIT
/*
 * How c-ares meets the runtime.
 *
 * c-ares owns the protocol and asks for sockets through the functions below;
 * the lookup owns the sockets. Each has a slot with a watch. A watch that
 * fires notes what is ready and sets the lookup's event; the looking-up task
 * waits for that event until c-ares wants to retry, then lets c-ares work.
 *
 * c-ares closes sockets in the middle of its work, where nobody may park, and
 * while a watch may still be on them. So closing only marks the slot; the task
 * stops the watch and closes the descriptor afterwards (lookup_sweep). Until
 * then the number cannot be given out again.
 *
 * Channels are destroyed before resolve_query returns, by whatever way, and
 * c-ares calls back for everything that is still under way when it is. So the
 * struct lookup can live on the caller's stack.
 *
 * c-ares reads resolv.conf, nsswitch.conf and hosts with blocking calls:
 * small local files, at most once for each new connection to a name, which is
 * rare. What in it uses the C library's service database, and so NSS, is never
 * reached: no service is passed.
 */
#include "net/resolve_query.h"

#include <ares.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/task.h"

/* Sockets of one lookup: UDP and TCP for each name server; resolv.conf seldom
 * has more than three servers. Further ones are passed over. */
#define LOOKUP_SOCKETS_MAX 8

struct slot {
	struct io_watch watch;
	struct lookup *lookup;
	int fd;		/* -1: the slot is free */
	short want;	/* what c-ares waits for */
	short watching; /* what the armed watch waits for */
	short ready;	/* what has fired and is not handled yet */
	bool closing;	/* c-ares has closed it */
};

struct lookup {
	struct rt *rt;
	ares_channel channel;
	struct slot slots[LOOKUP_SOCKETS_MAX];
	struct event *ready; /* a slot is */
	bool open;	     /* the channel is there */
	bool done;
	int status;		   /* when done: an ARES_ code */
	struct ares_addrinfo *res; /* when done well, ours to free */
};

/* --- What c-ares calls. None of it parks. --- */

static struct slot *slot_find(struct lookup *lookup, int fd, bool closing)
{
	for (size_t i = 0; i < LOOKUP_SOCKETS_MAX; i++) {
		struct slot *slot = &lookup->slots[i];

		if (slot->fd == fd && slot->closing == closing)
			return slot;
	}
	return NULL;
}

static ares_socket_t sock_open(int domain, int type, int protocol, void *arg)
{
	struct lookup *lookup = arg;
	struct slot *slot = slot_find(lookup, -1, false);
	int fd;

	if (!slot) {
		errno = EMFILE;
		return ARES_SOCKET_BAD;
	}
	fd = io_socket(lookup->rt, domain, type | SOCK_NONBLOCK, protocol);
	if (fd < 0) {
		errno = -fd;
		return ARES_SOCKET_BAD;
	}
	if (type == SOCK_STREAM)
		io_setsockopt(lookup->rt, fd, IPPROTO_TCP, TCP_NODELAY, 1);
	*slot = (struct slot){ .lookup = lookup, .fd = fd };
	return fd;
}

static int sock_close(ares_socket_t fd, void *arg)
{
	struct slot *slot = slot_find(arg, fd, false);

	if (slot)
		slot->closing = true;
	return 0;
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *addr,
			ares_socklen_t len, void *arg)
{
	(void)arg;
	return connect(fd, addr, len);
}

static ares_ssize_t sock_recv(ares_socket_t fd, void *buf, size_t len,
			      int flags, struct sockaddr *from,
			      ares_socklen_t *from_len, void *arg)
{
	(void)arg;
	return recvfrom(fd, buf, len, flags, from, from_len);
}

static ares_ssize_t sock_send(ares_socket_t fd, const struct iovec *iov,
			      int count, void *arg)
{
	struct msghdr msg = {
		/* sendmsg only reads them, its type cannot say so. */
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)count,
	};

	ares_ssize_t sent = sendmsg(fd, &msg, MSG_NOSIGNAL);

	(void)arg;
	/* The refusal of an earlier datagram. This one's shows when c-ares
	 * reads, as does the earlier one's for the query that sent it. */
	if (sent < 0 && errno == ECONNREFUSED)
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	return sent;
}

static void sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct slot *slot = slot_find(arg, fd, false);

	if (slot)
		slot->want = (short)((readable ? POLLIN : 0) |
				     (writable ? POLLOUT : 0));
}

static void answered(void *arg, int status, int timeouts,
		     struct ares_addrinfo *res)
{
	struct lookup *lookup = arg;

	(void)timeouts;
	lookup->done = true;
	lookup->status = status;
	lookup->res = res;
}

static const struct ares_socket_functions sock_functions = {
	.asocket = sock_open,
	.aclose = sock_close,
	.aconnect = sock_connect,
	.arecvfrom = sock_recv,
	.asendv = sock_send,
};

/* --- Watching the sockets --- */

static void slot_fired(struct io_watch *watch, int events)
{
	struct slot *slot =
		(struct slot *)((char *)watch - offsetof(struct slot, watch));

	/* A socket in error is handed to c-ares too, which will notice. */
	slot->ready = events < 0 ? POLLERR : (short)events;
	event_set(slot->lookup->ready);
}

/* Makes every open socket watched for what c-ares wants of it. */
static void lookup_watch(struct lookup *lookup)
{
	for (size_t i = 0; i < LOOKUP_SOCKETS_MAX; i++) {
		struct slot *slot = &lookup->slots[i];

		if (slot->fd < 0 || slot->closing || slot->ready)
			continue;
		if (slot->watch.armed && slot->watching == slot->want)
			continue;
		io_watch_stop(lookup->rt, &slot->watch);
		if (slot->ready || !slot->want)
			continue;
		slot->watching = slot->want;
		io_watch_start(lookup->rt, &slot->watch, slot->fd, slot->want,
			       slot_fired);
	}
}

/* Closes the sockets that c-ares is done with. */
static void lookup_sweep(struct lookup *lookup)
{
	for (size_t i = 0; i < LOOKUP_SOCKETS_MAX; i++) {
		struct slot *slot = &lookup->slots[i];

		if (slot->fd < 0 || !slot->closing)
			continue;
		io_watch_stop(lookup->rt, &slot->watch);
		io_close(lookup->rt, slot->fd);
		*slot = (struct slot){ .fd = -1 };
	}
}

/* Lets c-ares handle what is ready and what has timed out. */
static void lookup_process(struct lookup *lookup)
{
	for (size_t i = 0; i < LOOKUP_SOCKETS_MAX; i++) {
		struct slot *slot = &lookup->slots[i];
		short ready = slot->ready;

		slot->ready = 0;
		if (slot->fd < 0 || slot->closing || !ready)
			continue;
		/* What is broken shows when it is read. */
		ares_process_fd(lookup->channel,
				(ready & ~POLLOUT) ? slot->fd : ARES_SOCKET_BAD,
				(ready & POLLOUT) ? slot->fd : ARES_SOCKET_BAD);
	}
	ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* --- One lookup --- */

static struct deadline lookup_retry(struct lookup *lookup)
{
	struct timeval left;

	if (!ares_timeout(lookup->channel, NULL, &left))
		return DEADLINE_NEVER;
	/* A millisecond more, so that c-ares agrees that the time has come. */
	return deadline_in_ms(lookup->rt, (int64_t)left.tv_sec * 1000 +
						  left.tv_usec / 1000 + 1);
}

static int lookup_error(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_ENONAME:
	case ARES_EBADNAME:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_ENOMEM:
		return -ENOMEM;
	default:
		return -EAGAIN;
	}
}

static void lookup_init(struct lookup *lookup, struct rt *rt,
			struct event *ready)
{
	*lookup = (struct lookup){ .rt = rt, .ready = ready };
	for (size_t i = 0; i < LOOKUP_SOCKETS_MAX; i++)
		lookup->slots[i].fd = -1;
}

static int lookup_open(struct lookup *lookup,
		       const struct resolve_servers *servers)
{
	struct ares_options options = {
		/* HOSTALIASES is a relic that reads another file. */
		.flags = ARES_FLAG_NOALIASES, .timeout = (int)servers->try_ms,
		.tries = RESOLVE_TRIES,	      .sock_state_cb = sock_state,
		.sock_state_cb_data = lookup,
	};
	int status = ares_init_options(&lookup->channel, &options,
				       ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
					       ARES_OPT_TRIES |
					       ARES_OPT_SOCK_STATE_CB);

	if (status != ARES_SUCCESS)
		return lookup_error(status);
	ares_set_socket_functions(lookup->channel, &sock_functions, lookup);
	if (servers->list)
		status = ares_set_servers_ports_csv(lookup->channel,
						    servers->list);
	if (status != ARES_SUCCESS)
		ares_destroy(lookup->channel);
	lookup->open = status == ARES_SUCCESS;
	return lookup_error(status);
}

/* Begins to look for addresses of that family, or of both (AF_UNSPEC). */
static int lookup_start(struct lookup *lookup,
			const struct resolve_servers *servers, const char *host,
			int family)
{
	const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
	};
	int err = lookup_open(lookup, servers);

	if (err == 0)
		ares_getaddrinfo(lookup->channel, host, NULL, &hints, answered,
				 lookup);
	return err;
}

static void lookup_close(struct lookup *lookup)
{
	if (lookup->open)
		ares_destroy(lookup->channel);
	lookup->open = false;
	lookup_sweep(lookup);
}

static bool lookup_found(const struct lookup *lookup)
{
	return lookup->done && lookup->status == ARES_SUCCESS;
}

/* One name: its addresses of both families and, if that takes long, of IPv4
 * alone. */
struct query {
	struct rt *rt;
	const struct resolve_servers *servers;
	const char *host;
	struct event ready; /* a slot of either is */
	struct deadline slow;
	struct lookup both, four;
};

/* Waits for what comes next of either: 0, or the cancellation's reason. */
static int query_step(struct query *query)
{
	struct lookup *both = &query->both, *four = &query->four;
	struct deadline until = lookup_retry(both);
	bool started = four->open || four->done;

	lookup_watch(both);
	if (four->open) {
		lookup_watch(four);
		until = deadline_earlier(query->rt, until, lookup_retry(four));
	} else if (!started) {
		until = deadline_earlier(query->rt, until, query->slow);
	}
	int err = event_wait(&query->ready, until);
	if (err && task_cancelled(query->rt))
		return err;
	event_clear(&query->ready);
	lookup_process(both);
	lookup_sweep(both);
	if (four->open) {
		lookup_process(four);
		lookup_sweep(four);
	} else if (!started && deadline_left_ns(query->rt, query->slow) == 0) {
		if (lookup_start(four, query->servers, query->host, AF_INET)) {
			four->done = true;
			four->status = ARES_ENOMEM;
		}
	}
	return 0;
}

/* Waits for the answer, which comes in the end since c-ares gives up by
 * itself: 0, or why there is none. *found is who has it. */
static int query_wait(struct query *query, struct lookup **found)
{
	while (!query->both.done && !lookup_found(&query->four)) {
		int err = query_step(query);

		if (err)
			return err;
	}
	*found = lookup_found(&query->four) && !lookup_found(&query->both)
			 ? &query->four
			 : &query->both;
	return lookup_error((*found)->status);
}

static const struct ares_addrinfo_node *
node_of(const struct ares_addrinfo_node *node, int family)
{
	while (node && node->ai_family != family)
		node = node->ai_next;
	return node;
}

static const struct ares_addrinfo_node *
node_take(const struct ares_addrinfo_node *node, struct resolve_answer *answer)
{
	union resolve_addr *addr = &answer->addrs[answer->count++];
	size_t len = (size_t)node->ai_addrlen;

	*addr = (union resolve_addr){ 0 };
	memcpy(addr, node->ai_addr, len < sizeof(*addr) ? len : sizeof(*addr));
	return node_of(node->ai_next, node->ai_family);
}

static int addresses(const struct ares_addrinfo *res,
		     struct resolve_answer *answer)
{
	const struct ares_addrinfo_node *six = node_of(res->nodes, AF_INET6);
	const struct ares_addrinfo_node *four = node_of(res->nodes, AF_INET);

	answer->count = 0;
	while (answer->count < RESOLVE_ADDRS_MAX && (six || four)) {
		if (six)
			six = node_take(six, answer);
		if (four && answer->count < RESOLVE_ADDRS_MAX)
			four = node_take(four, answer);
	}
	return answer->count > 0 ? 0 : -ENOENT;
}

/* The least of all, those of the aliases on the way included. A time with the
 * highest bit set counts as 0 (RFC 2181 section 8). */
static uint32_t time_to_live(const struct ares_addrinfo *res)
{
	int least = INT_MAX;

	for (const struct ares_addrinfo_node *node = res->nodes; node;
	     node = node->ai_next)
		least = node->ai_ttl < least ? node->ai_ttl : least;
	for (const struct ares_addrinfo_cname *cname = res->cnames; cname;
	     cname = cname->next)
		least = cname->ttl < least ? cname->ttl : least;
	return least > 0 ? (uint32_t)least : 0;
}

int resolve_query(struct rt *rt, const struct resolve_servers *servers,
		  const char *host, struct resolve_answer *answer)
{
	struct query query = { .rt = rt, .servers = servers, .host = host };
	struct lookup *found = &query.both;
	int result;

	event_init(rt, &query.ready);
	lookup_init(&query.both, rt, &query.ready);
	lookup_init(&query.four, rt, &query.ready);
	query.slow = deadline_in_ms(rt, servers->slow_ms);
	result = lookup_start(&query.both, servers, host, AF_UNSPEC);
	if (result < 0)
		return result;
	result = query_wait(&query, &found);
	lookup_close(&query.both);
	lookup_close(&query.four);
	if (result == 0)
		result = addresses(found->res, answer);
	if (result == 0)
		answer->ttl_s = time_to_live(found->res);
	ares_freeaddrinfo(query.both.res);
	ares_freeaddrinfo(query.four.res);
	return result;
}
