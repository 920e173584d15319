// SPDX-License-Identifier: MIT
/*
 * Stream sockets of simulated processes: addresses, listening, connecting, and
 * the ends of connections (sim_link.h).
 *
 * A machine has one address of each family and its own loopback. Ports are
 * given out in order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_impl.h"
#include "runtime/sim_link.h"

/* A lost request to connect is sent again after 1 s, 2 s, 4 s, …; then it is
 * given up. */
#define SYN_TRIES 6
#define UNREACHABLE_MAX (3 * SIM_S)

enum sock_state {
	SOCK_FRESH,
	SOCK_LISTENS,
	SOCK_CONNECTS,
	SOCK_IS_CONNECTED,
	SOCK_BROKEN,
};

struct address {
	sa_family_t family;
	uint16_t port;
	unsigned machine; /* by number; 0: any of its own */
	bool loopback;
};

struct sim_sock {
	struct sim_file file; /* first */
	struct sim_machine *machine;
	struct sim_sock *next; /* of those that listen, or of those to accept */
	struct address local, remote;
	sa_family_t family;
	enum sock_state state;
	int err; /* to be told once */
	bool bound, deaf;
	/* SOCK_CONNECTS */
	struct sim_event step;
	int tries;
	/* SOCK_LISTENS */
	struct sim_sock *first, *last;
	int count, backlog;
	/* SOCK_IS_CONNECTED, and SOCK_BROKEN if it was */
	struct sim_side *side;
};

static struct sim_sock *sock_of(const struct sim_file *file)
{
	return (struct sim_sock *)(uintptr_t)file;
}

/* --- Addresses --- */

/* fd00::number, or 10.0.0.number. */
static int read_address(const struct sockaddr *addr, struct address *out)
{
	static const unsigned char net[15] = { 0xfd };
	const struct sockaddr_in *four = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)addr;
	const unsigned char *bytes = six->sin6_addr.s6_addr;
	uint32_t host;

	*out = (struct address){ .family = addr->sa_family };
	if (addr->sa_family == AF_INET) {
		host = ntohl(four->sin_addr.s_addr);
		out->port = ntohs(four->sin_port);
		out->loopback = host >> 24 == 127;
		if (host >> 8 == 0x0a0000)
			out->machine = host & 0xff;
		else if (host != 0 && !out->loopback)
			return -ENETUNREACH;
		return 0;
	}
	if (addr->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	out->port = ntohs(six->sin6_port);
	out->loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	if (memcmp(bytes, net, sizeof(net)) == 0)
		out->machine = bytes[15];
	else if (!out->loopback && !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
		return -ENETUNREACH;
	return 0;
}

static socklen_t write_address(const struct address *from,
			       struct sockaddr *addr)
{
	struct sockaddr_in *four = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)addr;

	if (from->family == AF_INET) {
		memset(four, 0, sizeof(*four));
		four->sin_family = AF_INET;
		four->sin_port = htons(from->port);
		four->sin_addr.s_addr =
			htonl(from->loopback  ? INADDR_LOOPBACK
			      : from->machine ? 0x0a000000 | from->machine
					      : INADDR_ANY);
		return sizeof(*four);
	}
	memset(six, 0, sizeof(*six));
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(from->port);
	if (from->loopback)
		six->sin6_addr = in6addr_loopback;
	if (from->machine) {
		six->sin6_addr.s6_addr[0] = 0xfd;
		six->sin6_addr.s6_addr[15] = (unsigned char)from->machine;
	}
	return sizeof(*six);
}

static uint16_t new_port(struct sim_world *world)
{
	world->next_port = world->next_port == UINT16_MAX
				   ? 32768
				   : (uint16_t)(world->next_port + 1);
	return world->next_port;
}

/* The machine that a socket means when it connects to the address. */
static unsigned machine_meant(const struct sim_sock *sock,
			      const struct address *to)
{
	return to->machine ? to->machine : sock->machine->number;
}

/* Who listens at the address as seen from the socket, or NULL. */
static struct sim_sock *listener_at(const struct sim_sock *from,
				    const struct address *to)
{
	struct sim_sock *sock = from->machine->world->listeners;

	while (sock) {
		const struct address *at = &sock->local;
		bool any = !at->machine && !at->loopback;

		if (at->family == to->family && at->port == to->port &&
		    sock->machine->number == machine_meant(from, to) &&
		    (any || at->loopback == to->loopback))
			break;
		sock = sock->next;
	}
	return sock;
}

/* --- Connecting --- */

static void set_state(struct sim_sock *sock, enum sock_state state, int err)
{
	sock->state = state;
	sock->err = err;
	sim_poke(&sock->file);
}

static void take_step(struct sim_sock *sock, int64_t later,
		      void (*fire)(struct sim_event *event))
{
	struct sim_world *world = sock->file.world;

	sim_at(world, &sock->step, world->time + later, fire);
}

static struct sim_sock *sock_at(struct sim_event *event)
{
	return (struct sim_sock *)((char *)event -
				   offsetof(struct sim_sock, step));
}

static void refusal_comes(struct sim_event *event)
{
	set_state(sock_at(event), SOCK_BROKEN, ECONNREFUSED);
}

static void unreachable_comes(struct sim_event *event)
{
	set_state(sock_at(event), SOCK_BROKEN, EHOSTUNREACH);
}

static void consent_comes(struct sim_event *event)
{
	struct sim_sock *sock = sock_at(event);

	/* It may have been reset meanwhile. */
	if (sock->state == SOCK_CONNECTS)
		set_state(sock, SOCK_IS_CONNECTED, 0);
}

static struct sim_sock *sock_make(struct sim_machine *machine,
				  sa_family_t family);

static void join(struct sim_sock *client, struct sim_sock *listener)
{
	struct sim_world *world = client->file.world;
	struct sim_sock *server =
		sock_make(listener->machine, listener->family);
	struct sim_link *link = sim_link_new(world, client, server);

	client->side = &link->sides[0];
	server->side = &link->sides[1];
	server->state = SOCK_IS_CONNECTED;
	server->local = client->remote;
	server->remote = client->local;
	if (listener->last)
		listener->last->next = server;
	else
		listener->first = server;
	listener->last = server;
	listener->count++;
	sim_poke(&listener->file);
}

static void request_comes(struct sim_event *event)
{
	struct sim_sock *sock = sock_at(event);
	struct sim_world *world = sock->file.world;
	struct sim_sock *listener = listener_at(sock, &sock->remote);
	bool lost = world->faults.net_down ||
		    sim_luck(world, world->faults.lost) ||
		    (listener && listener->count >= listener->backlog);

	if (lost && ++sock->tries > SYN_TRIES)
		set_state(sock, SOCK_BROKEN, ETIMEDOUT);
	else if (lost)
		take_step(sock, SIM_S << (sock->tries - 1), request_comes);
	else if (!listener || sim_luck(world, world->faults.refused))
		take_step(sock, sim_latency(world), refusal_comes);
	else {
		join(sock, listener);
		take_step(sock, sim_latency(world), consent_comes);
	}
}

int sim_sock_connect(struct sim_sock *sock, const struct sockaddr *addr,
		     socklen_t len)
{
	struct sim_world *world = sock->file.world;
	int err = sock->err;

	if (sock->state == SOCK_CONNECTS)
		return SIM_AGAIN;
	if (sock->state == SOCK_IS_CONNECTED)
		return 0;
	if (sock->state == SOCK_BROKEN) {
		sock->err = 0;
		return err ? -err : -ECONNABORTED;
	}
	if (sock->state != SOCK_FRESH || len < sizeof(struct sockaddr_in))
		return -EINVAL;
	err = read_address(addr, &sock->remote);
	if (err < 0)
		return err;
	if (!sock->bound)
		sock->local = (struct address){
			.family = sock->remote.family,
			.port = new_port(world),
			.loopback = sock->remote.loopback,
			.machine = sock->remote.loopback
					   ? 0
					   : sock->machine->number,
		};
	sock->state = SOCK_CONNECTS;
	if (sim_luck(world, world->faults.unreachable))
		take_step(sock, sim_between(world, 0, UNREACHABLE_MAX),
			  unreachable_comes);
	else
		take_step(sock, sim_latency(world), request_comes);
	return SIM_AGAIN;
}

int sim_sock_accept(struct sim_sock *sock, struct op *op)
{
	struct sim_world *world = sock->file.world;
	struct sim_sock *server = sock->first;
	int fd;

	if (sock->state != SOCK_LISTENS)
		return -EINVAL;
	if (!server)
		return SIM_AGAIN;
	if (sim_luck(world, world->faults.no_descriptor))
		return -EMFILE;
	fd = sim_file_install(sock->file.process, &server->file, 0);
	if (fd < 0)
		return fd;
	sock->first = server->next;
	if (!sock->first)
		sock->last = NULL;
	sock->count--;
	server->next = NULL;
	if (op->u.sock.addr)
		op->u.sock.len =
			write_address(&server->remote, op->u.sock.addr);
	return fd;
}

/* --- What comes over the connection --- */

void sim_sock_come(struct sim_sock *sock)
{
	sim_poke(&sock->file);
}

void sim_sock_break(struct sim_sock *sock, int err)
{
	if (sock->state == SOCK_BROKEN)
		return;
	sim_at_cancel(sock->file.world, &sock->step);
	set_state(sock, SOCK_BROKEN, err);
}

/* --- As a file --- */

/* The error that has not been told yet, or what comes ever after. */
static int broken(struct sim_sock *sock, int after)
{
	int err = sock->err;

	sock->err = 0;
	return err ? -err : after;
}

static int sock_read(struct sim_file *file, void *buf, uint32_t len)
{
	struct sim_sock *sock = sock_of(file);
	int n;

	if (sock->state != SOCK_BROKEN && sock->state != SOCK_IS_CONNECTED)
		return -ENOTCONN;
	if (sock->deaf)
		return 0;
	if (!sock->side)
		return broken(sock, 0);
	n = sim_link_receive(sock->side, buf, len);
	return n == SIM_AGAIN && sock->state == SOCK_BROKEN ? broken(sock, 0)
							    : n;
}

static int sock_write(struct sim_file *file, const void *buf, uint32_t len)
{
	struct sim_sock *sock = sock_of(file);

	if (sock->state == SOCK_BROKEN)
		return broken(sock, -EPIPE);
	if (sock->state != SOCK_IS_CONNECTED)
		return -ENOTCONN;
	if (sock->side->out.ended && !sock->side->cut)
		return -EPIPE;
	return sim_link_send(sock->side, buf, len);
}

static int sock_ready(const struct sim_file *file)
{
	const struct sim_sock *sock = sock_of(file);
	const struct sim_stream *in;
	int events = 0;

	switch (sock->state) {
	case SOCK_FRESH:
		return POLLHUP | POLLOUT;
	case SOCK_LISTENS:
		return sock->first ? POLLIN : 0;
	case SOCK_CONNECTS:
		return 0;
	case SOCK_BROKEN:
		return POLLIN | POLLOUT | POLLHUP | POLLRDHUP |
		       (sock->err ? POLLERR : 0);
	case SOCK_IS_CONNECTED:
		break;
	}
	in = &sim_other(sock->side)->out;
	if (in->arrived > 0 || in->end_arrived || sock->deaf)
		events |= POLLIN;
	if (in->end_arrived || sock->deaf)
		events |= POLLRDHUP;
	if (sim_stream_room(&sock->side->out) > 0)
		events |= POLLOUT;
	if (in->end_arrived && sock->side->out.ended)
		events |= POLLHUP;
	return events;
}

static void unlisten(struct sim_sock *sock)
{
	struct sim_sock **link = &sock->file.world->listeners;
	struct sim_sock *next;

	while (*link != sock)
		link = &(*link)->next;
	*link = sock->next;
	for (struct sim_sock *server = sock->first; server; server = next) {
		next = server->next;
		if (server->side)
			sim_link_leave(server->side, SIM_LEAVE_RESET);
		free(server);
	}
}

static void sock_close(struct sim_file *file)
{
	struct sim_sock *sock = sock_of(file);

	sim_at_cancel(file->world, &sock->step);
	if (sock->state == SOCK_LISTENS)
		unlisten(sock);
	if (sock->side)
		sim_link_leave(sock->side, SIM_LEAVE_CLOSE);
	free(sock);
}

static const struct sim_file_ops sock_ops = {
	.name = "socket",
	.read = sock_read,
	.write = sock_write,
	.ready = sock_ready,
	.close = sock_close,
};

static struct sim_sock *sock_make(struct sim_machine *machine,
				  sa_family_t family)
{
	struct sim_sock *sock = sim_alloc(sizeof(*sock));

	sock->file.ops = &sock_ops;
	sock->file.world = machine->world;
	sock->machine = machine;
	sock->family = family;
	return sock;
}

int sim_sock_new(struct sim_process *process, int domain, int type)
{
	struct sim_sock *sock;
	int fd;

	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & 0xf) != SOCK_STREAM)
		return -EPROTONOSUPPORT;
	sock = sock_make(process->machine, (sa_family_t)domain);
	fd = sim_file_install(process, &sock->file, 0);
	if (fd < 0)
		free(sock);
	return fd;
}

struct sim_sock *sim_sock_at(const struct sim_process *process, int fd)
{
	struct sim_file *file = sim_file_at(process, fd);

	return file && file->ops == &sock_ops ? sock_of(file) : NULL;
}

/* --- Calls that do not wait --- */

static int bind_to(struct sim_sock *sock, const struct sockaddr *addr)
{
	struct address at;
	int err = read_address(addr, &at);

	if (err < 0 || (at.machine && at.machine != sock->machine->number))
		return -EADDRNOTAVAIL;
	if (at.port == 0)
		at.port = new_port(sock->file.world);
	else if (listener_at(sock, &at))
		return -EADDRINUSE;
	sock->local = at;
	sock->bound = true;
	return 0;
}

static int listen_on(struct sim_sock *sock, int backlog)
{
	struct sim_world *world = sock->file.world;

	if (!sock->bound || sock->state != SOCK_FRESH)
		return -EINVAL;
	if (listener_at(sock, &sock->local))
		return -EADDRINUSE;
	sock->state = SOCK_LISTENS;
	sock->backlog = backlog;
	sock->next = world->listeners;
	world->listeners = sock;
	return 0;
}

static int shut_down(struct sim_sock *sock, int how)
{
	if (sock->state != SOCK_IS_CONNECTED)
		return -ENOTCONN;
	if (how != SHUT_WR)
		sock->deaf = true;
	if (how != SHUT_RD)
		sim_link_end(sock->side);
	sim_poke(&sock->file);
	return 0;
}

int sim_sock_sys(struct sim_sock *sock, struct sys_call *call)
{
	switch (call->code) {
	case SYS_BIND:
		return bind_to(sock, call->addr);
	case SYS_LISTEN:
		return listen_on(sock, call->a);
	case SYS_GETSOCKNAME:
		call->len = write_address(&sock->local, call->addr);
		return 0;
	case SYS_SHUTDOWN:
		return shut_down(sock, call->a);
	default:
		return 0;
	}
}

void sim_net_power_cut(struct sim_machine *machine)
{
	struct sim_process *process = machine->world->processes;

	for (; process; process = process->next)
		for (int fd = 0;
		     process->machine == machine && fd < process->fd_end;
		     fd++) {
			struct sim_sock *sock = sim_sock_at(process, fd);

			if (!sock || !sock->side)
				continue;
			sim_link_leave(sock->side, SIM_LEAVE_VANISH);
			sock->side = NULL;
		}
}
