// SPDX-License-Identifier: MIT
#include "harness_tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX 64
#define HEADER 5

/* Where in a stream of records one is. */
struct records {
	uint8_t head[HEADER];
	size_t have;	  /* of the header */
	size_t len, left; /* of the record's body */
};

struct link {
	int client, server; /* -1: none */
	struct tap_how how;
	struct records up, down;
	size_t passed; /* bytes from the server */
	bool said;
	bool data; /* the server has sent some */
};

struct tap {
	pthread_t thread;
	pthread_mutex_t lock; /* over all below, but the constant ends */
	int listener, port;
	int wake[2]; /* closed to end; a byte to look again */
	struct tap_how how;
	struct link links[LINKS_MAX];
	int connections, cuts;
	int types[256]; /* of the records of clients */
};

/* ---- ports ------------------------------------------------------------ */

static struct sockaddr_in at_port(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons((uint16_t)port) };
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in a = at_port(0);
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) ||
	    listen(fd, LINKS_MAX) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

int tap_free_port(void)
{
	int port;

	close(listen_somewhere(&port));
	return port;
}

static int dial(int port)
{
	struct sockaddr_in a = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool tap_can_dial(int port)
{
	int fd = dial(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ---- records ---------------------------------------------------------- */

/* Takes one byte; true when it is the first of a record. */
static bool records_step(struct records *r, uint8_t byte)
{
	if (r->left) {
		r->left--;
		return false;
	}
	r->head[r->have++] = byte;
	if (r->have < HEADER)
		return r->have == 1;
	r->have = 0;
	r->len = r->left = (size_t)r->head[3] << 8 | r->head[4];
	return false;
}

/* ---- links ------------------------------------------------------------ */

static void link_end(struct link *l)
{
	if (l->client >= 0)
		close(l->client);
	if (l->server >= 0)
		close(l->server);
	*l = (struct link){ .client = -1, .server = -1 };
}

/* How many of the bytes from the server pass before the cut, if *cut. */
static size_t before_cut(struct link *l, const uint8_t *data, size_t len,
			 bool *cut)
{
	*cut = true;
	for (size_t i = 0; i < len; i++) {
		bool first = records_step(&l->down, data[i]);

		if (first && data[i] == RECORD_ALERT && l->data &&
		    l->how.cut == TAP_CUT_BEHIND)
			return i;
		if (first && data[i] == RECORD_DATA)
			l->data = true;
		if (l->how.cut == TAP_CUT_DATA &&
		    l->down.head[0] == RECORD_DATA && !l->down.have &&
		    l->down.left == l->down.len / 2)
			return i + 1;
		if (++l->passed == l->how.at && l->how.cut == TAP_CUT_BYTES)
			return i + 1;
	}
	*cut = false;
	return len;
}

static bool send_all(int fd, const void *data, size_t len)
{
	return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Something has come from the server, or its end. */
static void link_down(struct tap *t, struct link *l)
{
	uint8_t buf[4096];
	ssize_t n = read(l->server, buf, sizeof buf);
	size_t pass;
	bool cut = false;

	if (n <= 0) {
		link_end(l);
		return;
	}
	if (l->how.cut == TAP_STALL) {
		pass = l->how.at - l->passed;
		pass = pass < (size_t)n ? pass : (size_t)n;
		l->passed += pass;
		send_all(l->client, buf, pass);
		return;
	}
	pass = before_cut(l, buf, (size_t)n, &cut);
	if (!send_all(l->client, buf, pass) || cut)
		link_end(l);
	t->cuts += cut;
}

/* Something has come from the client, or its end. */
static void link_up(struct tap *t, struct link *l)
{
	uint8_t buf[4096];
	ssize_t n = read(l->client, buf, sizeof buf);

	for (ssize_t i = 0; i < n; i++)
		if (records_step(&l->up, buf[i]))
			t->types[buf[i]]++;
	if (n <= 0 ||
	    (l->server >= 0 && !send_all(l->server, buf, (size_t)n))) {
		link_end(l);
		return;
	}
	if (l->server < 0 && l->how.say && !l->said)
		send_all(l->client, l->how.say,
			 l->how.say_len ? l->how.say_len : strlen(l->how.say));
	l->said = true;
	if (l->server < 0 && l->how.close)
		link_end(l);
}

static void link_new(struct tap *t)
{
	int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	t->connections++;
	for (int i = 0; i < LINKS_MAX; i++) {
		struct link *l = &t->links[i];

		if (l->client >= 0)
			continue;
		l->how = t->how;
		l->client = fd;
		if (l->how.to)
			l->server = dial(l->how.to);
		if (l->how.to && l->server < 0)
			link_end(l);
		return;
	}
	close(fd);
}

/* ---- the thread ------------------------------------------------------- */

struct watch {
	struct pollfd p[2 * LINKS_MAX + 2];
};

static void look(struct tap *t, struct watch *w)
{
	for (int i = 0; i < LINKS_MAX; i++) {
		w->p[2 * i].fd = t->links[i].client;
		w->p[2 * i + 1].fd = t->links[i].server;
	}
	w->p[2 * LINKS_MAX].fd = t->listener;
	w->p[2 * LINKS_MAX + 1].fd = t->wake[0];
	for (int i = 0; i < 2 * LINKS_MAX + 2; i++)
		w->p[i].events = POLLIN;
}

static void serve(struct tap *t, const struct watch *w)
{
	for (int i = 0; i < LINKS_MAX; i++) {
		struct link *l = &t->links[i];

		/* What is not any more what was waited for is left alone. */
		if (w->p[2 * i].revents && l->client >= 0 &&
		    l->client == w->p[2 * i].fd)
			link_up(t, l);
		if (w->p[2 * i + 1].revents && l->server >= 0 &&
		    l->server == w->p[2 * i + 1].fd)
			link_down(t, l);
	}
	if (w->p[2 * LINKS_MAX].revents)
		link_new(t);
}

static void *tap_run(void *arg)
{
	struct tap *t = arg;
	struct watch w;
	char byte;

	for (;;) {
		pthread_mutex_lock(&t->lock);
		look(t, &w);
		pthread_mutex_unlock(&t->lock);
		if (poll(w.p, 2 * LINKS_MAX + 2, -1) < 0)
			continue;
		if (w.p[2 * LINKS_MAX + 1].revents) {
			if (read(t->wake[0], &byte, 1) <= 0)
				return NULL;
			continue;
		}
		pthread_mutex_lock(&t->lock);
		serve(t, &w);
		pthread_mutex_unlock(&t->lock);
	}
}

struct tap *tap_new(const struct tap_how *how)
{
	struct tap *t = calloc(1, sizeof *t);

	if (!t || pipe2(t->wake, O_CLOEXEC))
		abort();
	pthread_mutex_init(&t->lock, NULL);
	for (int i = 0; i < LINKS_MAX; i++)
		t->links[i].client = t->links[i].server = -1;
	t->how = *how;
	t->listener = listen_somewhere(&t->port);
	if (pthread_create(&t->thread, NULL, tap_run, t))
		abort();
	return t;
}

void tap_free(struct tap *t)
{
	if (!t)
		return;
	close(t->wake[1]);
	pthread_join(t->thread, NULL);
	close(t->wake[0]);
	close(t->listener);
	for (int i = 0; i < LINKS_MAX; i++)
		link_end(&t->links[i]);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void tap_set(struct tap *t, const struct tap_how *how)
{
	pthread_mutex_lock(&t->lock);
	t->how = *how;
	for (int i = 0; i < LINKS_MAX; i++)
		link_end(&t->links[i]);
	pthread_mutex_unlock(&t->lock);
	if (write(t->wake[1], "", 1) != 1)
		abort();
}

/* ---- what was seen ---------------------------------------------------- */

int tap_port(const struct tap *t)
{
	return t->port;
}

static int peek(struct tap *t, const int *value)
{
	int now;

	pthread_mutex_lock(&t->lock);
	now = *value;
	pthread_mutex_unlock(&t->lock);
	return now;
}

int tap_connections(struct tap *t)
{
	return peek(t, &t->connections);
}

int tap_cuts(struct tap *t)
{
	return peek(t, &t->cuts);
}

int tap_records(struct tap *t, int type)
{
	return peek(t, &t->types[type]);
}

bool tap_only_handshakes(struct tap *t)
{
	int others = 0;

	for (int i = 0; i < 256; i++)
		if (i < 20 || i > RECORD_HANDSHAKE)
			others += tap_records(t, i);
	return tap_records(t, RECORD_HANDSHAKE) > 0 && others == 0;
}

struct tap_wait {
	struct tap *t;
	int (*value)(struct tap *t);
	int least;
};

static bool has_come(void *arg)
{
	struct tap_wait *w = arg;

	return w->value(w->t) >= w->least;
}

void tap_expect_connections(struct tap *t, int count)
{
	struct tap_wait w = { t, tap_connections, count };

	if (!wait_until(has_come, &w, BOUND_MS))
		fail_msg("%d connections, not %d", tap_connections(t), count);
}

void tap_expect_cuts(struct tap *t, int count)
{
	struct tap_wait w = { t, tap_cuts, count };

	if (!wait_until(has_come, &w, BOUND_MS))
		fail_msg("%d connections were cut, not %d", tap_cuts(t), count);
}
