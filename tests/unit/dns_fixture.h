// SPDX-License-Identifier: MIT
/*
 * dns_fixture - a small name server on the loopback that answers by the first
 * letters of the name, see answer(), and lookups in tasks of the smallest
 * size. No real server is asked.
 */
#ifndef TESTS_DNS_FIXTURE_H
#define TESTS_DNS_FIXTURE_H

#include "tests/unit/net_fixture.h"

#include <poll.h>

#include "net/resolve.h"
#include "runtime/event.h"

/* c-ares's own first wait, and one it does not meet in these tests. */
#define TRY_SOON_MS 20
#define TRY_LATE_MS 600000

#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3
#define FLAG_TRUNCATED 0x02

struct server {
	struct rt *rt;
	int udp, tcp;
	uint16_t port;
	char address[32];
	uint64_t queries;     /* that came by UDP */
	uint64_t tcp_queries; /* by TCP */
	uint64_t unanswered;  /* of them */
	uint8_t last_octet;   /* of the records given */
	uint8_t ttl_s;	      /* of the records given, see put_record */
	bool mute;	      /* answers nothing */
	bool held;	      /* the second answer waits for server_release */
	struct event released;
	struct scope scope;
};

struct message {
	uint8_t data[1024];
	size_t len;
};

static inline void put16(struct message *msg, unsigned value)
{
	msg->data[msg->len++] = (uint8_t)(value >> 8);
	msg->data[msg->len++] = (uint8_t)value;
}

static inline bool starts(const struct message *msg, const char *label)
{
	return memcmp(msg->data + 13, label, strlen(label)) == 0;
}

static inline void put_head(struct message *msg, unsigned type, unsigned ttl_s,
			    unsigned len)
{
	put16(msg, 0xc00c); /* the name at offset 12 */
	put16(msg, type);
	put16(msg, 1);
	put16(msg, 0);
	put16(msg, ttl_s);
	put16(msg, len);
	msg->data[7]++;
}

/* The name of the question is another name for itself, for no time at all. */
static inline void put_alias(struct message *msg)
{
	put_head(msg, TYPE_CNAME, 0, 2);
	put16(msg, 0xc00c);
}

/* One address record for the name of the question: a documentation address
 * that ends in `last`, or the loopback for "here" names. "mixed" names have
 * IPv6 addresses without time to live. */
static inline void put_record(struct message *msg, unsigned type, uint8_t ttl_s,
			      uint8_t last)
{
	static const uint8_t four[] = { 192, 0, 2 }, here[] = { 127, 0, 0 };
	static const uint8_t six[15] = { 0x20, 0x01, 0x0d, 0xb8 };
	static const uint8_t here6[15] = { 0 };
	bool local = starts(msg, "here");

	if (starts(msg, "mixed") && type == TYPE_AAAA)
		ttl_s = 0;
	put_head(msg, type, ttl_s, type == TYPE_A ? 4 : 16);
	if (type == TYPE_A)
		memcpy(msg->data + msg->len, local ? here : four, 3);
	else
		memcpy(msg->data + msg->len, local ? here6 : six, 15);
	msg->len += type == TYPE_A ? 3 : 15;
	msg->data[msg->len++] = local ? 1 : last;
}

/* Turns a query into its answer; false when there is to be none. */
static inline bool answer(struct server *server, struct message *msg, bool tcp)
{
	size_t end = 12;
	unsigned type;

	while (end < msg->len && msg->data[end] != 0)
		end += msg->data[end] + 1u;
	if (end + 5 > msg->len || msg->len > 512)
		return false;
	type = msg->data[end + 2];
	msg->len = end + 5;
	msg->data[2] |= 0x80;
	if (server->mute || starts(msg, "silent") ||
	    (starts(msg, "half") && type == TYPE_AAAA) ||
	    (starts(msg, "lossy") && server->queries <= 2))
		return false;
	if (starts(msg, "nx"))
		msg->data[3] = RCODE_NXDOMAIN;
	else if (starts(msg, "fail"))
		msg->data[3] = RCODE_SERVFAIL;
	else if ((starts(msg, "long") || starts(msg, "late")) && !tcp)
		msg->data[2] |= FLAG_TRUNCATED;
	else if (starts(msg, "many"))
		for (uint8_t i = 0; i < 10; i++)
			put_record(msg, type, server->ttl_s, i);
	else if (!starts(msg, "none") &&
		 (type == TYPE_A || !starts(msg, "four"))) {
		if (starts(msg, "alias"))
			put_alias(msg);
		put_record(msg, type, server->ttl_s, server->last_octet);
	}
	return true;
}

static inline void serve_udp(struct rt *rt, void *arg)
{
	struct server *server = arg;

	while (io_poll(rt, server->udp, POLLIN, DEADLINE_NEVER) >= 0) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		struct message msg;
		ssize_t n = recvfrom(server->udp, msg.data, 512, MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 12)
			continue;
		msg.len = (size_t)n;
		server->queries++;
		if (starts(&msg, "late") && server->queries % 2 == 0)
			until(rt, &server->tcp_queries, 1);
		if (server->held && server->queries == 2)
			event_wait(&server->released, DEADLINE_NEVER);
		if (answer(server, &msg, false))
			sendto(server->udp, msg.data, msg.len, 0,
			       (struct sockaddr *)&from, from_len);
		else
			server->unanswered++;
	}
}

static inline bool read_exactly(struct rt *rt, int fd, uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = io_recv(rt, fd, buf, len, patience(rt));

		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

static inline void reply_tcp(struct rt *rt, struct server *server, int fd,
			     struct message *msg)
{
	uint8_t size[2];

	answer(server, msg, true);
	size[0] = (uint8_t)(msg->len >> 8);
	size[1] = (uint8_t)msg->len;
	io_send_all(rt, fd, size, 2, NULL, patience(rt));
	io_send_all(rt, fd, msg->data, msg->len, NULL, patience(rt));
}

/* One connection at a time, as many queries as it brings. For "late" names
 * the first of two is answered after the second has come. */
static inline void serve_tcp(struct rt *rt, void *arg)
{
	struct server *server = arg;
	int fd;

	while ((fd = io_accept(rt, server->tcp, NULL, DEADLINE_NEVER)) >= 0) {
		struct message msg, held = { .len = 0 };
		uint8_t size[2];

		while (read_exactly(rt, fd, size, 2)) {
			msg.len = (size_t)(size[0] << 8 | size[1]);
			if (msg.len > 512 ||
			    !read_exactly(rt, fd, msg.data, msg.len))
				break;
			server->tcp_queries++;
			if (starts(&msg, "late") && held.len == 0) {
				held = msg;
				continue;
			}
			if (held.len > 0)
				reply_tcp(rt, server, fd, &held);
			reply_tcp(rt, server, fd, &msg);
		}
		io_close(rt, fd);
	}
}

static inline bool server_open(struct rt *rt, struct server *server)
{
	*server = (struct server){
		.rt = rt, .last_octet = 7, .ttl_s = 60, .tcp = -1
	};
	/* The port must be free for both. */
	for (int i = 0; i < 20 && server->tcp < 0; i++) {
		server->port = 0;
		server->udp =
			bound_socket(AF_INET, SOCK_DGRAM, &server->port, 0);
		server->tcp =
			bound_socket(AF_INET, SOCK_STREAM, &server->port, 8);
		if (server->tcp < 0)
			close(server->udp);
	}
	snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
		 server->port);
	event_init(rt, &server->released);
	scope_open(rt, &server->scope, DEADLINE_NEVER);
	task_spawn(&server->scope, "udp", TASK_STACK_NORMAL, serve_udp, server);
	task_spawn(&server->scope, "tcp", TASK_STACK_NORMAL, serve_tcp, server);
	return CHECK(server->tcp >= 0);
}

static inline void server_release(struct server *server)
{
	event_set(&server->released);
}

static inline void server_close(struct server *server)
{
	scope_close(&server->scope);
	close(server->udp);
	close(server->tcp);
}

/* One lookup, in a task of the smallest size. */
struct lookup {
	struct resolver *resolver;
	const char *name;
	struct deadline deadline;
	struct sockaddr_storage out[8];
	int max;
	int result;
};

static inline void lookup_task(struct rt *rt, void *arg)
{
	struct lookup *lookup = arg;

	(void)rt;
	lookup->result = resolve(lookup->resolver, lookup->name, 80,
				 lookup->out, lookup->max, lookup->deadline);
}

static inline void look_up(struct rt *rt, struct lookup *lookup)
{
	struct scope scope;

	if (lookup->max == 0)
		lookup->max = 8;
	if (lookup->deadline.ns == 0)
		lookup->deadline = patience(rt);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "lookup", TASK_STACK_SMALL, lookup_task, lookup);
	scope_join(&scope);
}

static inline int look_up_name(struct rt *rt, struct resolver *resolver,
			       const char *name)
{
	struct lookup lookup = { .resolver = resolver, .name = name };

	look_up(rt, &lookup);
	return lookup.result;
}

static inline bool is_address(const struct sockaddr_storage *addr,
			      const char *want, uint16_t port)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)addr;
	char text[INET6_ADDRSTRLEN] = "";

	if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
		return strcmp(text, want) == 0 && ntohs(six->sin6_port) == port;
	}
	inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text));
	return strcmp(text, want) == 0 && ntohs(four->sin_port) == port;
}

static inline void run(int (*body)(struct rt *rt, void *arg))
{
	int before = fd_count();

	in_runtime(body, NULL);
	assert_int_equal(fd_count(), before);
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		run(name);                                                     \
	}

#endif
