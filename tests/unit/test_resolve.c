// SPDX-License-Identifier: MIT
/*
 * resolve, against a small name server on the loopback that answers by the
 * first letters of the name: see answer(). No real server is asked.
 */
#include "tests/unit/net_fixture.h"

#include <poll.h>

#include "net/dial.h"
#include "net/resolve.h"

/* c-ares's own first wait, and one it does not meet in these tests. */
#define TRY_SOON_MS 20
#define TRY_LATE_MS 600000

#define TYPE_A 1
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
	uint8_t last_octet;   /* of the A records given */
	struct scope scope;
};

struct message {
	uint8_t data[1024];
	size_t len;
};

static void put16(struct message *msg, unsigned value)
{
	msg->data[msg->len++] = (uint8_t)(value >> 8);
	msg->data[msg->len++] = (uint8_t)value;
}

static bool starts(const struct message *msg, const char *label)
{
	return memcmp(msg->data + 13, label, strlen(label)) == 0;
}

/* One address record for the name of the question: a documentation address
 * that ends in `last`, or the loopback for "here" names. */
static void put_record(struct message *msg, unsigned type, uint8_t last)
{
	static const uint8_t four[] = { 192, 0, 2 }, here[] = { 127, 0, 0 };
	static const uint8_t six[15] = { 0x20, 0x01, 0x0d, 0xb8 };
	static const uint8_t here6[15] = { 0 };
	bool local = starts(msg, "here");

	put16(msg, 0xc00c); /* the name at offset 12 */
	put16(msg, type);
	put16(msg, 1);
	put16(msg, 0);
	put16(msg, 60); /* seconds to live */
	put16(msg, type == TYPE_A ? 4 : 16);
	if (type == TYPE_A)
		memcpy(msg->data + msg->len, local ? here : four, 3);
	else
		memcpy(msg->data + msg->len, local ? here6 : six, 15);
	msg->len += type == TYPE_A ? 3 : 15;
	msg->data[msg->len++] = local ? 1 : last;
	msg->data[7]++;
}

/* Turns a query into its answer; false when there is to be none. */
static bool answer(struct server *server, struct message *msg, bool tcp)
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
	if (starts(msg, "silent") ||
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
			put_record(msg, type, i);
	else if (!starts(msg, "none") &&
		 (type == TYPE_A || !starts(msg, "four")))
		put_record(msg, type, server->last_octet);
	return true;
}

static void serve_udp(struct rt *rt, void *arg)
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
		if (answer(server, &msg, false))
			sendto(server->udp, msg.data, msg.len, 0,
			       (struct sockaddr *)&from, from_len);
		else
			server->unanswered++;
	}
}

static bool read_exactly(struct rt *rt, int fd, uint8_t *buf, size_t len)
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

static void reply_tcp(struct rt *rt, struct server *server, int fd,
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
static void serve_tcp(struct rt *rt, void *arg)
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

static bool server_open(struct rt *rt, struct server *server)
{
	*server = (struct server){ .rt = rt, .last_octet = 7, .tcp = -1 };
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
	scope_open(rt, &server->scope, DEADLINE_NEVER);
	task_spawn(&server->scope, "udp", TASK_STACK_NORMAL, serve_udp, server);
	task_spawn(&server->scope, "tcp", TASK_STACK_NORMAL, serve_tcp, server);
	return CHECK(server->tcp >= 0);
}

static void server_close(struct server *server)
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

static void lookup_task(struct rt *rt, void *arg)
{
	struct lookup *lookup = arg;

	(void)rt;
	lookup->result = resolve(lookup->resolver, lookup->name, 80,
				 lookup->out, lookup->max, lookup->deadline);
}

static void look_up(struct rt *rt, struct lookup *lookup)
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

static int look_up_name(struct rt *rt, struct resolver *resolver,
			const char *name)
{
	struct lookup lookup = { .resolver = resolver, .name = name };

	look_up(rt, &lookup);
	return lookup.result;
}

static bool is_address(const struct sockaddr_storage *addr, const char *want,
		       uint16_t port)
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

static int addresses(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *resolver;
	struct lookup both = { .name = "both.test" };
	struct lookup four = { .name = "four.test" };
	struct lookup many = { .name = "many.test", .max = 5 };

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	both.resolver = four.resolver = many.resolver = resolver;

	look_up(rt, &both);
	CHECK_EQ(both.result, 2);
	CHECK(is_address(&both.out[0], "2001:db8::7", 80));
	CHECK(is_address(&both.out[1], "192.0.2.7", 80));

	look_up(rt, &four);
	CHECK_EQ(four.result, 1);
	CHECK(is_address(&four.out[0], "192.0.2.7", 80));

	look_up(rt, &many);
	CHECK_EQ(many.result, 5);
	for (int i = 0; i < many.result; i++)
		CHECK_EQ(many.out[i].ss_family, i % 2 ? AF_INET : AF_INET6);

	CHECK_EQ(server.unanswered, 0);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

static int refusals(struct rt *rt, void *arg)
{
	char long_name[300];
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	CHECK_EQ(look_up_name(rt, resolver, "nx.test"), -ENOENT);
	CHECK_EQ(look_up_name(rt, resolver, "none.test"), -ENOENT);
	CHECK_EQ(look_up_name(rt, resolver, "fail.test"), -EAGAIN);
	CHECK_EQ(look_up_name(rt, resolver, "bad..test"), -ENOENT);
	CHECK_EQ(look_up_name(rt, resolver, "secret.onion"), -ENOENT);
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	CHECK_EQ(look_up_name(rt, resolver, long_name), -ENOENT);
	server_close(&server);

	/* Nobody listens there any more. */
	CHECK_EQ(look_up_name(rt, resolver, "both.test"), -EAGAIN);
	resolver_free(resolver);
	return 0;
}

static int no_answer(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *patient, *hasty;
	struct lookup lookup = { .name = "silent.test" };

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	patient = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	hasty = resolver_new_servers(rt, server.address, TRY_SOON_MS);

	/* The caller's deadline; then c-ares's own patience. */
	lookup.resolver = patient;
	lookup.deadline = deadline_in_ms(rt, 30);
	look_up(rt, &lookup);
	CHECK_EQ(lookup.result, -ETIMEDOUT);
	CHECK_EQ(server.queries, 2);

	server.queries = 0;
	CHECK_EQ(look_up_name(rt, hasty, "silent.test"), -ETIMEDOUT);
	CHECK_EQ(server.queries, (uint64_t)2 * RESOLVE_TRIES);

	server.queries = 0;
	CHECK_EQ(look_up_name(rt, hasty, "lossy.test"), 2);

	resolver_free(patient);
	resolver_free(hasty);
	server_close(&server);
	return 0;
}

static int by_tcp(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	CHECK_EQ(look_up_name(rt, resolver, "long.test"), 2);
	CHECK_EQ(server.queries, 2);
	CHECK_EQ(server.tcp_queries, 2);

	/* A second query for the connection while it waits for an answer. */
	server.tcp_queries = 0;
	CHECK_EQ(look_up_name(rt, resolver, "late.test"), 2);
	CHECK_EQ(server.tcp_queries, 2);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

#define CROWD 30

/* Many at once, half of which are cancelled at different moments: the other
 * half gets its answers. */
static int crowd(struct rt *rt, void *arg)
{
	static struct lookup lookups[CROWD];
	struct scope scopes[CROWD];
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	for (int i = 0; i < CROWD; i++) {
		lookups[i] = (struct lookup){
			.resolver = resolver,
			.name = i % 2 ? "both.test" : "silent.test",
			.deadline = patience(rt),
			.max = 8,
		};
		scope_open(rt, &scopes[i], DEADLINE_NEVER);
		task_spawn(&scopes[i], "lookup", TASK_STACK_SMALL, lookup_task,
			   &lookups[i]);
	}
	for (int i = 0; i < CROWD; i += 2) {
		/* The first wait in vain; later ones may still be in line. */
		if (i < RESOLVE_PARALLEL_MAX)
			CHECK(until(rt, &server.unanswered, 1));
		scope_close(&scopes[i]);
		CHECK_EQ(lookups[i].result, -ECANCELED);
	}
	for (int i = 1; i < CROWD; i += 2) {
		scope_join(&scopes[i]);
		CHECK_EQ(lookups[i].result, 2);
	}
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

/* A task in line for its turn goes when its deadline comes. */
static int line(struct rt *rt, void *arg)
{
	static struct lookup lookups[RESOLVE_PARALLEL_MAX];
	struct lookup late = { .name = "both.test" };
	struct scope scope;
	struct server server;
	struct resolver *resolver;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < RESOLVE_PARALLEL_MAX; i++) {
		lookups[i] = (struct lookup){
			.resolver = resolver,
			.name = "silent.test",
			.deadline = patience(rt),
			.max = 8,
		};
		task_spawn(&scope, "lookup", TASK_STACK_SMALL, lookup_task,
			   &lookups[i]);
	}
	CHECK(until(rt, &server.unanswered,
		    (uint64_t)2 * RESOLVE_PARALLEL_MAX));
	late.resolver = resolver;
	late.deadline = deadline_in_ms(rt, 20);
	look_up(rt, &late);
	CHECK_EQ(late.result, -ETIMEDOUT);
	CHECK_EQ(server.queries, server.unanswered);
	scope_close(&scope);
	CHECK_EQ(look_up_name(rt, resolver, "both.test"), 2);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

/* A name is looked up, and what was found is dialled: here ::1, where nobody
 * listens, then 127.0.0.1. */
static int dialled(struct rt *rt, void *arg)
{
	struct server server;
	struct resolver *resolver;
	int fd;

	(void)arg;
	if (!server_open(rt, &server))
		return 0;
	resolver = resolver_new_servers(rt, server.address, TRY_LATE_MS);
	CHECK_EQ(dial(rt, resolver, "nx.test", server.port, patience(rt)),
		 -ENOENT);
	fd = dial(rt, resolver, "here.test", server.port, patience(rt));
	CHECK(fd >= 0);
	CHECK_EQ(peer_port(fd), server.port);
	CHECK_EQ(server.queries, 4);
	if (fd >= 0)
		io_close(rt, fd);
	resolver_free(resolver);
	server_close(&server);
	return 0;
}

static void run(int (*body)(struct rt *rt, void *arg))
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

TEST(addresses)
TEST(refusals)
TEST(no_answer)
TEST(by_tcp)
TEST(crowd)
TEST(line)
TEST(dialled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_by_tcp),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_dialled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
