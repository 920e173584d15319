// SPDX-License-Identifier: MIT
#include "harness_fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- answering -------------------------------------------------------- */

static bool matches(const char *method, const char *pattern,
		    const struct request *r)
{
	return !strcmp(method, r->method) &&
	       !fnmatch(pattern, r->path, FNM_PATHNAME);
}

/* The route that answers r, the newest first; NULL: none. */
static struct route *route_of(struct fake *f, const struct request *r)
{
	for (size_t i = f->route_count; i-- > 0;) {
		struct route *t = &f->routes[i];

		if (matches(t->method, t->pattern, r) &&
		    (t->next_once < t->once_count || t->has_always ||
		     t->handler))
			return t;
	}
	return NULL;
}

static struct answer owned(struct answer a, bool quote)
{
	a.body = a.body ? strdup(a.body) : NULL;
	a.headers = a.headers ? strdup(a.headers) : NULL;
	for (char *p = (char *)a.body; quote && p && *p; p++)
		if (*p == '\'')
			*p = '"';
	return a;
}

static void answer_free(struct answer a)
{
	free((void *)a.body);
	free((void *)a.headers);
}

static struct answer choose(struct fake *f, struct request *r)
{
	fake_handler_fn fn = NULL;
	struct answer a = { 0 };
	struct route *t;
	void *arg = NULL;

	pthread_mutex_lock(&f->lock);
	t = route_of(f, r);
	if (t && t->next_once < t->once_count)
		a = owned(t->once[t->next_once++], true);
	else if (t && t->handler)
		fn = t->handler, arg = t->arg;
	else if (t)
		a = owned(t->always, true);
	else
		a = fake_good_answer(f, r);
	pthread_mutex_unlock(&f->lock);
	return fn ? owned(fn(r, arg), true) : a;
}

/* Waits, at most ms (-1: for ever), for a release or the connection's end. */
static void hold(struct fake *f, struct conn *k, int ms)
{
	int64_t end = now_ms() + ms;
	struct timespec ts;
	int released;

	pthread_mutex_lock(&f->lock);
	released = f->released;
	while (!k->cut &&
	       (ms >= 0 ? now_ms() < end : released == f->released)) {
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_nsec += 20000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_nsec -= 1000000000;
			ts.tv_sec++;
		}
		pthread_cond_timedwait(&f->changed, &f->lock, &ts);
	}
	pthread_mutex_unlock(&f->lock);
}

static bool send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_plain(struct conn *k, const struct answer *a, bool cut)
{
	size_t len = a->body ? strlen(a->body) : 0;
	int status = a->status ? a->status : 200;
	char *text;
	bool ok;

	text = text_new("HTTP/1.1 %d Status\r\n"
			"Content-Type: application/json\r\n"
			"%sContent-Length: %zu\r\n\r\n%s",
			status, a->headers ? a->headers : "",
			cut ? len + 100 : len, a->body ? a->body : "");
	ok = send_all(k->fd, text, strlen(text));
	free(text);
	return ok && !cut;
}

static bool send_reset(struct conn *k)
{
	struct linger now = { 1, 0 };

	setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	return false;
}

/* Sends the answer; false: the connection is to be closed. */
static bool answer_it(struct fake *f, struct conn *k, struct request *r)
{
	struct answer a = choose(f, r);
	bool go_on = false;

	if (a.delay_ms)
		hold(f, k, a.delay_ms);
	if (a.kind == ANSWER_HANG) {
		hold(f, k, -1);
		answer_free(a);
		pthread_mutex_lock(&f->lock);
		a = fake_good_answer(f, r);
		pthread_mutex_unlock(&f->lock);
	}
	switch (a.kind) {
	case ANSWER_PLAIN:
	case ANSWER_HANG:
		go_on = send_plain(k, &a, false);
		break;
	case ANSWER_TRUNCATED:
		go_on = send_plain(k, &a, true);
		break;
	case ANSWER_RAW:
		send_all(k->fd, a.body, strlen(a.body));
		break;
	case ANSWER_RESET:
		go_on = send_reset(k);
		break;
	case ANSWER_CLOSE:
		break;
	}
	answer_free(a);
	return go_on;
}

static void record(struct fake *f, struct request *r)
{
	pthread_mutex_lock(&f->lock);
	f->seen = realloc(f->seen, (f->seen_count + 1) * sizeof(*f->seen));
	if (!f->seen)
		abort();
	r->order = (int)f->seen_count;
	f->seen[f->seen_count++] = r;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void *conn_main(void *arg)
{
	struct conn *k = arg;
	struct fake *f = k->fake;
	struct request *r;

	while ((r = fake_read_request(k))) {
		record(f, r);
		if (!answer_it(f, k, r))
			break;
	}
	pthread_mutex_lock(&f->lock);
	k->cut = true;
	close(k->fd);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct fake *f = arg;
	int one = 1;

	for (;;) {
		int fd = accept(f->listener, NULL, NULL);
		struct conn *k;

		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0)
			return NULL;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		k = calloc(1, sizeof *k);
		if (!k)
			abort();
		k->fake = f;
		k->fd = fd;
		pthread_mutex_lock(&f->lock);
		k->number = ++f->accepted;
		k->next = f->conns;
		f->conns = k;
		pthread_mutex_unlock(&f->lock);
		if (pthread_create(&k->thread, NULL, conn_main, k))
			abort();
	}
}

/* ---- life ------------------------------------------------------------- */

/* A port is in the same place in both families. */
union place {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static union place place_of(const char *host, int port)
{
	union place p = { .six = { .sin6_family = AF_INET6 } };

	if (inet_pton(AF_INET6, host, &p.six.sin6_addr) != 1) {
		p = (union place){ .four = { .sin_family = AF_INET } };
		if (inet_pton(AF_INET, host, &p.four.sin_addr) != 1)
			fail_msg("%s is no address", host);
	}
	p.four.sin_port = htons((uint16_t)port);
	return p;
}

void fake_up(struct fake *f)
{
	union place p = place_of(f->host, f->port);
	socklen_t len = sizeof p;
	int one = 1;

	f->listener = socket(p.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(f->listener, &p.any, len) || listen(f->listener, 128))
		fail_msg("cannot listen on %s port %d: %s", f->host, f->port,
			 strerror(errno));
	getsockname(f->listener, &p.any, &len);
	f->port = ntohs(p.four.sin_port);
	if (pthread_create(&f->acceptor, NULL, accept_main, f))
		abort();
	f->up = true;
}

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->rows = json_array();
	f->host = "127.0.0.1";
	fake_up(f);
	f->url = text_new("http://127.0.0.1:%d", f->port);
	return f;
}

void fake_cut(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	for (struct conn *k = f->conns; k; k = k->next)
		if (!k->cut) {
			k->cut = true;
			shutdown(k->fd, SHUT_RDWR);
		}
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

void fake_down(struct fake *f)
{
	if (!f->up)
		return;
	f->up = false;
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->acceptor, NULL);
	close(f->listener);
	fake_cut(f);
}

void fake_move(struct fake *f, const char *host)
{
	fake_down(f);
	f->host = host;
	fake_up(f);
}

static void route_free(struct route *t)
{
	for (size_t i = 0; i < t->once_count; i++)
		answer_free(t->once[i]);
	free(t->once);
	answer_free(t->always);
	free(t->method);
	free(t->pattern);
}

void fake_free(struct fake *f)
{
	struct conn *k, *next;

	fake_down(f);
	for (k = f->conns; k; k = next) {
		next = k->next;
		pthread_join(k->thread, NULL);
		free(k->buf);
		free(k);
	}
	for (size_t i = 0; i < f->seen_count; i++)
		fake_request_free(f->seen[i]);
	for (size_t i = 0; i < f->route_count; i++)
		route_free(&f->routes[i]);
	json_decref(f->rows);
	free(f->seen);
	free(f->routes);
	free(f->url);
	free(f);
}

const char *fake_url(const struct fake *f)
{
	return f->url;
}

int fake_port(const struct fake *f)
{
	return f->port;
}

/* ---- what to answer --------------------------------------------------- */

static struct route *route_for(struct fake *f, const char *method,
			       const char *pattern)
{
	struct route *t;

	for (size_t i = 0; i < f->route_count; i++)
		if (!strcmp(f->routes[i].method, method) &&
		    !strcmp(f->routes[i].pattern, pattern))
			return &f->routes[i];
	f->routes = realloc(f->routes, (f->route_count + 1) * sizeof *t);
	if (!f->routes)
		abort();
	t = &f->routes[f->route_count++];
	*t = (struct route){ .method = strdup(method),
			     .pattern = strdup(pattern) };
	return t;
}

void fake_once(struct fake *f, const char *method, const char *pattern,
	       struct answer a)
{
	struct route *t;

	pthread_mutex_lock(&f->lock);
	t = route_for(f, method, pattern);
	t->once = realloc(t->once, (t->once_count + 1) * sizeof(a));
	if (!t->once)
		abort();
	t->once[t->once_count++] = owned(a, false);
	pthread_mutex_unlock(&f->lock);
}

void fake_always(struct fake *f, const char *method, const char *pattern,
		 struct answer a)
{
	struct route *t;

	pthread_mutex_lock(&f->lock);
	t = route_for(f, method, pattern);
	answer_free(t->always);
	t->always = owned(a, false);
	t->has_always = true;
	t->handler = NULL;
	pthread_mutex_unlock(&f->lock);
}

void fake_handle(struct fake *f, const char *method, const char *pattern,
		 fake_handler_fn fn, void *arg)
{
	struct route *t;

	pthread_mutex_lock(&f->lock);
	t = route_for(f, method, pattern);
	t->has_always = false;
	t->handler = fn;
	t->arg = arg;
	pthread_mutex_unlock(&f->lock);
}

void fake_forget(struct fake *f, const char *method, const char *pattern)
{
	struct route *t;

	pthread_mutex_lock(&f->lock);
	t = route_for(f, method, pattern);
	t->has_always = false;
	t->handler = NULL;
	t->next_once = t->once_count;
	pthread_mutex_unlock(&f->lock);
}

void fake_release(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	f->released++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* ---- what was seen ---------------------------------------------------- */

int fake_count(struct fake *f, const char *method, const char *pattern)
{
	int n = 0;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->seen_count; i++)
		n += matches(method, pattern, f->seen[i]);
	pthread_mutex_unlock(&f->lock);
	return n;
}

const struct request *fake_seen(struct fake *f, const char *method,
				const char *pattern, int n)
{
	const struct request *found = NULL;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->seen_count && !found; i++)
		if (matches(method, pattern, f->seen[i]) && n-- == 0)
			found = f->seen[i];
	pthread_mutex_unlock(&f->lock);
	return found;
}

struct seen_wait {
	struct fake *f;
	const char *method, *pattern;
	int n;
};

static bool was_seen(void *arg)
{
	struct seen_wait *w = arg;

	return fake_seen(w->f, w->method, w->pattern, w->n) != NULL;
}

const struct request *fake_expect(struct fake *f, const char *method,
				  const char *pattern, int n)
{
	struct seen_wait w = { f, method, pattern, n };

	if (!wait_until(was_seen, &w, BOUND_MS))
		fail_msg("request %d of %s %s never came", n, method, pattern);
	return fake_seen(f, method, pattern, n);
}

int fake_connections(struct fake *f)
{
	int n;

	pthread_mutex_lock(&f->lock);
	n = f->accepted;
	pthread_mutex_unlock(&f->lock);
	return n;
}
