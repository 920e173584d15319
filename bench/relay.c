// SPDX-License-Identifier: MIT
#include "bench/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/util.h"

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

void relay_open(struct relay *relay, int upstream)
{
	struct sockaddr_in addr = loopback(0);
	socklen_t len = sizeof(addr);

	memset(relay, 0, sizeof(*relay));
	for (int i = 0; i < RELAY_CONNECTIONS; i++)
		relay->connections[i].client = -1;
	relay->upstream = upstream;
	relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (relay->listener < 0 ||
	    bind(relay->listener, (struct sockaddr *)&addr, len) != 0 ||
	    listen(relay->listener, RELAY_CONNECTIONS) != 0 ||
	    getsockname(relay->listener, (struct sockaddr *)&addr, &len) != 0)
		bench_die("the relay cannot listen: %s", strerror(errno));
	relay->port = ntohs(addr.sin_port);
}

void relay_reset(struct relay *relay, FILE *record)
{
	relay->requests = 0;
	relay->handshakes = 0;
	relay->opened = 0;
	relay->first = 0;
	relay->record = record;
	relay->origin = bench_now();
}

static void admit(struct relay *relay)
{
	struct sockaddr_in addr = loopback(relay->upstream);
	struct relay_connection *free_one = NULL;
	int one = 1;
	int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; i < RELAY_CONNECTIONS && !free_one; i++)
		if (relay->connections[i].client < 0)
			free_one = &relay->connections[i];
	if (client < 0 || !free_one)
		bench_die("the relay cannot take another connection");
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0 ||
	    connect(server, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		bench_die("the relay cannot reach the platform: %s",
			  strerror(errno));
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	free_one->client = client;
	free_one->server = server;
	free_one->begun = free_one->sealed = false;
	free_one->len = 0;
	relay->opened++;
	relay->open++;
}

static void drop(struct relay *relay, struct relay_connection *connection)
{
	close(connection->client);
	close(connection->server);
	connection->client = -1;
	relay->open--;
}

/* Passes on what `from` has; how much, 0 at its end. */
static size_t forward(int from, int to, char *buf, size_t cap)
{
	ssize_t n = recv(from, buf, cap, 0);

	if (n <= 0)
		return 0;
	for (ssize_t done = 0; done < n;) {
		ssize_t sent =
			send(to, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (sent < 0)
			return 0;
		done += sent;
	}
	return (size_t)n;
}

/* Counts the requests that are complete in the connection's buffer. */
static void count_requests(struct relay *relay,
			   struct relay_connection *connection)
{
	char *start = connection->request;
	char *end;

	while ((end = memmem(start, connection->len, "\r\n\r\n", 4)) != NULL) {
		size_t head = (size_t)(end - start) + 4, body = 0;
		*end = '\0';
		const char *length = strcasestr(start, "\r\nContent-Length:");
		if (length)
			body = strtoul(length + 17, NULL, 10);
		*end = '\r';
		if (connection->len < head + body)
			break;
		if (relay->requests++ == 0)
			relay->first = bench_now();
		if (relay->record) {
			fprintf(relay->record, "%lld %zu %zu\n",
				(long long)((bench_now() - relay->origin) /
					    1000000),
				head, body);
			fwrite(start, 1, head + body, relay->record);
		}
		start += head + body;
		connection->len -= head + body;
	}
	memmove(connection->request, start, connection->len);
}

/* Counts handshakes among the TLS records that are complete there (RFC 5246,
 * 6.2.1): the first of a connection, and any after data has been sent. */
static void count_handshakes(struct relay *relay,
			     struct relay_connection *connection)
{
	enum { HEADER = 5, HANDSHAKE = 22, DATA = 23 };
	const unsigned char *start = (unsigned char *)connection->request;

	while (connection->len >= HEADER) {
		size_t size = HEADER + ((size_t)start[3] << 8 | start[4]);

		if (connection->len < size)
			break;
		if (start[0] == HANDSHAKE &&
		    (!connection->begun || connection->sealed))
			relay->handshakes++;
		connection->begun = true;
		connection->sealed |= start[0] == DATA;
		start += size;
		connection->len -= size;
	}
	memmove(connection->request, start, connection->len);
}

static void serve(struct relay *relay, struct relay_connection *connection,
		  short from_client, short from_server)
{
	char buf[2048];

	if (from_client) {
		size_t n =
			forward(connection->client, connection->server,
				connection->request + connection->len,
				sizeof(connection->request) - connection->len);
		if (n == 0) {
			drop(relay, connection);
			return;
		}
		connection->len += n;
		if (relay->tls)
			count_handshakes(relay, connection);
		else
			count_requests(relay, connection);
	}
	if (from_server && forward(connection->server, connection->client, buf,
				   sizeof(buf)) == 0)
		drop(relay, connection);
}

/* What one relay polls: its listener, and both ends of each connection. */
#define FDS (1 + 2 * RELAY_CONNECTIONS)

static void ask(const struct relay *relay, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = relay->listener, .events = POLLIN };
	for (int i = 0; i < RELAY_CONNECTIONS; i++) {
		const struct relay_connection *c = &relay->connections[i];
		bool used = c->client >= 0;

		fds[1 + 2 * i] = (struct pollfd){ .fd = used ? c->client : -1,
						  .events = POLLIN };
		fds[2 + 2 * i] = (struct pollfd){ .fd = used ? c->server : -1,
						  .events = POLLIN };
	}
}

static void act(struct relay *relay, const struct pollfd *fds)
{
	for (int i = 0; i < RELAY_CONNECTIONS; i++)
		if (fds[1 + 2 * i].revents || fds[2 + 2 * i].revents)
			serve(relay, &relay->connections[i],
			      fds[1 + 2 * i].revents, fds[2 + 2 * i].revents);
	if (fds[0].revents)
		admit(relay);
}

void relay_run(struct relay *relay, int64_t ms)
{
	int64_t end = bench_now() + ms * 1000000, left;

	while ((left = end - bench_now()) > 0) {
		struct pollfd fds[2 * FDS];

		ask(relay, fds);
		if (relay->with)
			ask(relay->with, fds + FDS);
		if (poll(fds, relay->with ? 2 * FDS : FDS,
			 (int)(left / 1000000) + 1) < 0)
			bench_die("poll: %s", strerror(errno));
		act(relay, fds);
		if (relay->with)
			act(relay->with, fds + FDS);
	}
}
