// SPDX-License-Identifier: MIT
/*
 * sim_net_fixture - a server on one simulated machine, clients on another.
 *
 *	struct net net = { .server = echo, .client = talks };
 *	net_open(&net, seed);
 *	sim_faults(net.s.world)->short_io = 1000;
 *	net_run(&net);
 *
 * `client` runs in so many tasks, `server` in one for each connection, which
 * is closed after it.
 */
#ifndef TESTS_SIM_SIM_NET_FIXTURE_H
#define TESTS_SIM_SIM_NET_FIXTURE_H

#include "tests/sim/sim_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#define PORT 80
#define PEERS 8
#define BYTES 20000
#define GUESTS 2048

struct net;

struct guest {
	struct net *net;
	int fd;
};

struct net {
	struct stage s;
	int (*server)(struct rt *rt, struct net *net, int fd);
	int (*client)(struct rt *rt, struct net *net, int number);
	int clients;
	int backlog;
	const char *address; /* to connect to; NULL: b's */
	bool no_server;
	/* What came of it. */
	struct guest guests[GUESTS];
	uint32_t guest_count;
	int served, connected;
	int64_t took[PEERS];
	int result[PEERS];
	char seen[64];
};

static inline socklen_t make_address(struct sockaddr_storage *addr,
				     const char *text)
{
	struct sockaddr_in *four = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(PORT);
		return sizeof(*four);
	}
	CHECK_EQ(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(PORT);
	return sizeof(*six);
}

static inline void serve_one(struct rt *rt, void *arg)
{
	struct guest *guest = arg;

	guest->net->server(rt, guest->net, guest->fd);
	io_close(rt, guest->fd);
	guest->net->served++;
}

static inline int server_main(struct rt *rt, void *arg)
{
	struct net *net = arg;
	struct sockaddr_storage addr;
	socklen_t len = make_address(&addr, "0.0.0.0");
	int fd = io_socket(rt, AF_INET, SOCK_STREAM, 0);
	struct scope scope;

	CHECK_EQ(io_bind(rt, fd, (struct sockaddr *)&addr, len), 0);
	CHECK_EQ(io_listen(rt, fd, net->backlog ? net->backlog : 100), 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (;;) {
		int peer = io_accept(rt, fd, NULL, deadline_in_ms(rt, 2000000));
		struct guest *guest;

		if (peer == -EMFILE)
			continue;
		if (peer < 0)
			break;
		guest = &net->guests[net->guest_count++ % GUESTS];
		*guest = (struct guest){ net, peer };
		CHECK_EQ(task_spawn(&scope, "guest", TASK_STACK_SMALL,
				    serve_one, guest),
			 0);
	}
	scope_join(&scope);
	io_close(rt, fd);
	return 0;
}

static inline int connect_to(struct rt *rt, struct net *net,
			     struct deadline deadline, int *fd)
{
	struct sockaddr_storage addr;
	socklen_t len = make_address(
		&addr,
		net->address ? net->address : sim_machine_address(net->s.b));
	int err;

	*fd = io_socket(rt, addr.ss_family, SOCK_STREAM, 0);
	if (*fd < 0)
		return *fd;
	err = io_connect(rt, *fd, (struct sockaddr *)&addr, len, deadline);
	if (err < 0)
		io_close(rt, *fd);
	return err;
}

struct caller {
	struct net *net;
	int number;
};

static inline void call(struct rt *rt, void *arg)
{
	struct caller *caller = arg;
	struct net *net = caller->net;
	int64_t before = clock_now(rt, CLOCK_ID_MONOTONIC);

	net->result[caller->number] = net->client(rt, net, caller->number);
	net->took[caller->number] = clock_now(rt, CLOCK_ID_MONOTONIC) - before;
}

static inline int client_main(struct rt *rt, void *arg)
{
	struct net *net = arg;
	struct caller callers[PEERS];
	struct scope scope;

	task_sleep(rt, deadline_in_ms(rt, 10));
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < net->clients; i++) {
		callers[i] = (struct caller){ net, i };
		task_spawn(&scope, "caller", TASK_STACK_NORMAL, call,
			   &callers[i]);
	}
	scope_join(&scope);
	CHECK_EQ(sim_descriptors(sim_process_of(rt)), 0);
	CHECK_EQ(sim_inflight(sim_process_of(rt)), 0);
	return 0;
}

static inline void net_open(struct net *net, uint64_t seed)
{
	stage_open(&net->s, seed);
	if (net->clients == 0)
		net->clients = 1;
}

static inline void net_run(struct net *net)
{
	if (!net->no_server)
		stage_start(&net->s, net->s.b, "server", server_main, net);
	stage_start(&net->s, net->s.a, "client", client_main, net);
	stage_run(&net->s);
	stage_close(&net->s);
}

static inline int echo(struct rt *rt, struct net *net, int fd)
{
	char buf[700];
	ssize_t n;

	(void)net;
	while ((n = io_recv(rt, fd, buf, sizeof(buf), DEADLINE_NEVER)) > 0)
		if (io_send_all(rt, fd, buf, (size_t)n, NULL, DEADLINE_NEVER))
			break;
	return (int)n;
}

static inline char nth(int number, int i)
{
	return (char)(number * 31 + i * 7 + i / 256);
}

struct sender {
	int fd, number, err;
};

static inline void send_bytes(struct rt *rt, void *arg)
{
	struct sender *sender = arg;
	char data[BYTES];

	for (int i = 0; i < BYTES; i++)
		data[i] = nth(sender->number, i);
	sender->err =
		io_send_all(rt, sender->fd, data, BYTES, NULL, DEADLINE_NEVER);
	if (sender->err == 0)
		sender->err = io_shutdown(rt, sender->fd, SHUT_WR);
}

/* Sends and receives at once: how many of the bytes came back, all of them in
 * order. *end is what came after them. */
static inline int talk(struct rt *rt, int fd, int number, ssize_t *end)
{
	struct sender sender = { fd, number, 0 };
	struct scope scope;
	char buf[500];
	int got = 0;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "sender", TASK_STACK_LARGE, send_bytes, &sender);
	while ((*end = io_recv(rt, fd, buf, sizeof(buf),
			       deadline_in_ms(rt, 1000000))) > 0)
		for (ssize_t i = 0; i < *end; i++, got++)
			if (buf[i] != nth(number, got))
				CHECK_EQ(buf[i], nth(number, got));
	scope_close(&scope);
	return got;
}

static inline int talks(struct rt *rt, struct net *net, int number)
{
	ssize_t end;
	int fd, got;

	if (connect_to(rt, net, DEADLINE_NEVER, &fd) < 0)
		return -1;
	got = talk(rt, fd, number, &end);
	io_close(rt, fd);
	return end == 0 ? got : (int)end;
}

static inline int ignores(struct rt *rt, struct net *net, int fd)
{
	(void)net;
	(void)fd;
	task_sleep(rt, deadline_in_ms(rt, 3000));
	return 0;
}

#endif
