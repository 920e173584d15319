// SPDX-License-Identifier: MIT
/*
 * A connection is in one of four places: held by somebody; in its origin's
 * list of idle ones, newest first; handed to a waiter; or doomed. The origin's
 * `conns` counts it wherever it is, from before it is opened until after it is
 * closed, and `conns` never passes POOL_PER_ORIGIN_MAX. Such a place is passed
 * on to the first waiter before it becomes free for everybody, so there are
 * waiters only while all places are taken and none is idle.
 *
 * The watch of a connection is for its end only. One for bytes as well, which
 * nobody has asked for while it is idle, would also fire with every answer, and
 * as often as not in a wake-up of its own.
 *
 * A watch or a timer finds out that an idle connection must go, but runs where
 * nobody may park. It dooms the connection; a task, which exists only while
 * there is something to do, closes it.
 */
#include "net/pool.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "net/dial.h"
#include "net/proxy.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "proto/text.h"
#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "runtime/timer.h"

#define REFUSAL_MAX 1024 /* bytes of proxy_error_text */
#define POOL_IDLE_NS (POOL_IDLE_MS * CLOCK_NS_PER_MS)

struct entry {
	struct pool_conn conn; /* first: pool_give casts it back */
	struct origin *origin;
	struct io_watch end;
	int64_t idle_since; /* on CLOCK_BOOTTIME, while idle */
	/* Links of the idle list; `older` also of the doomed. */
	struct entry *newer, *older;
	bool idle;
	bool closed; /* the other side has closed, or the watch failed */
};

/* A task that waits for a connection, or for the right to open one. Lives on
 * its stack. */
struct waiter {
	struct waiter *prev, *next;
	struct event granted;
	struct entry *entry; /* when granted; NULL: the right to open one */
};

/* Exists while it has connections. */
struct origin {
	struct origin *next;
	struct pool *pool;
	struct entry *newest, *oldest; /* idle */
	struct waiter *first, *last;
	const struct proxy *proxy; /* that leads there; NULL: none */
	uint32_t conns;
	uint16_t port;
	bool https;
	char host[];
};

struct pool {
	struct rt *rt;
	struct resolver *resolver;
	struct origin *origins;
	struct entry *doomed;
	struct scope reapers;
	bool reaping;	     /* a reaper task is alive */
	uint32_t idle;	     /* connections idle, all origins */
	struct timer expiry; /* armed only while some are */
	struct pool_counters counters;
	struct trust_options roots;
	struct tls_client *tls; /* from the first https connection on */
	const struct proxy_options *proxies; /* or NULL */
	/* Of the take that failed last; at most one of the two. */
	struct tls_error refusal;
	struct proxy_error proxy_refusal;
};

/* --- Origins --- */

static struct origin *origin_get(struct pool *pool, const struct url *url)
{
	size_t size = strlen(url->host) + 1;
	struct origin *origin;

	for (origin = pool->origins; origin; origin = origin->next) {
		if (origin->https == url->https && origin->port == url->port &&
		    strcmp(origin->host, url->host) == 0)
			return origin;
	}
	origin = calloc(1, sizeof(*origin) + size);
	if (!origin)
		return NULL;
	origin->pool = pool;
	origin->https = url->https;
	origin->port = url->port;
	if (pool->proxies)
		origin->proxy = proxy_for(pool->proxies, url);
	memcpy(origin->host, url->host, size);
	origin->next = pool->origins;
	pool->origins = origin;
	return origin;
}

static void origin_free(struct origin *origin)
{
	struct origin **link = &origin->pool->origins;

	while (*link != origin)
		link = &(*link)->next;
	*link = origin->next;
	free(origin);
}

/* --- The idle list --- */

static void idle_push(struct entry *entry)
{
	struct origin *origin = entry->origin;

	entry->idle = true;
	entry->newer = NULL;
	entry->older = origin->newest;
	if (origin->newest)
		origin->newest->newer = entry;
	else
		origin->oldest = entry;
	origin->newest = entry;
	origin->pool->idle++;
}

static void idle_remove(struct entry *entry)
{
	struct origin *origin = entry->origin;
	struct pool *pool = origin->pool;

	if (entry->newer)
		entry->newer->older = entry->older;
	else
		origin->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		origin->oldest = entry->newer;
	entry->idle = false;
	entry->newer = NULL;
	entry->older = NULL;
	pool->idle--;
	if (pool->idle == 0)
		timer_disarm(pool->rt, &pool->expiry);
}

/* --- Waiters --- */

static void waiter_push(struct origin *origin, struct waiter *waiter)
{
	waiter->prev = origin->last;
	waiter->next = NULL;
	if (origin->last)
		origin->last->next = waiter;
	else
		origin->first = waiter;
	origin->last = waiter;
}

static void waiter_remove(struct origin *origin, struct waiter *waiter)
{
	if (waiter->prev)
		waiter->prev->next = waiter->next;
	else
		origin->first = waiter->next;
	if (waiter->next)
		waiter->next->prev = waiter->prev;
	else
		origin->last = waiter->prev;
}

/* Grants the first waiter, if any, a connection or (NULL) a place. */
static bool waiter_grant(struct origin *origin, struct entry *entry)
{
	struct waiter *waiter = origin->first;

	if (!waiter)
		return false;
	waiter_remove(origin, waiter);
	waiter->entry = entry;
	event_set(&waiter->granted);
	return true;
}

/* Gives up a place at the origin, which may be gone afterwards. */
static void place_release(struct origin *origin)
{
	if (waiter_grant(origin, NULL))
		return;
	origin->conns--;
	if (origin->conns == 0)
		origin_free(origin);
}

/* --- Closing --- */

/* Closes a connection that is in no list. Its place stays taken. Parks. */
static void entry_close(struct entry *entry)
{
	struct rt *rt = entry->origin->pool->rt;

	io_watch_stop(rt, &entry->end);
	stream_close(entry->conn.stream);
	free(entry);
}

/* Closes the doomed. Parks; always completes. */
static void reap(struct pool *pool)
{
	while (pool->doomed) {
		struct entry *entry = pool->doomed;
		struct origin *origin = entry->origin;

		pool->doomed = entry->older;
		entry_close(entry);
		place_release(origin);
	}
}

static void reaper(struct rt *rt, void *arg)
{
	struct pool *pool = arg;

	(void)rt;
	reap(pool);
	pool->reaping = false;
}

/* Marks an idle connection for closing. Does not park. */
static void entry_doom(struct entry *entry)
{
	struct pool *pool = entry->origin->pool;

	idle_remove(entry);
	entry->older = pool->doomed;
	pool->doomed = entry;
	/* Without a task they wait for the next take or give. */
	if (!pool->reaping)
		pool->reaping = task_spawn(&pool->reapers, "pool reaper",
					   TASK_STACK_SMALL, reaper, pool) == 0;
}

static void reap_leftovers(struct pool *pool)
{
	if (pool->doomed && !pool->reaping)
		reap(pool);
}

static void end_seen(struct io_watch *watch, int events)
{
	struct entry *entry =
		(struct entry *)((char *)watch - offsetof(struct entry, end));

	(void)events;
	entry->closed = true;
	if (entry->idle) {
		entry->origin->pool->counters.dropped++;
		entry_doom(entry);
	}
}

static void watch_end(struct entry *entry)
{
	io_watch_start(entry->origin->pool->rt, &entry->end,
		       stream_fd(entry->conn.stream), POLLRDHUP, end_seen);
}

/* --- Expiry --- */

static void expiry_fire(struct timer *timer)
{
	struct pool *pool =
		(struct pool *)((char *)timer - offsetof(struct pool, expiry));

	pool_expire(pool, clock_now(pool->rt, CLOCK_ID_BOOTTIME));
}

/* Arms the timer for the connection that has been idle longest. One that is
 * armed is left alone: at worst it fires early and is armed again. */
static void expiry_arm(struct pool *pool)
{
	int64_t since = INT64_MAX;

	if (pool->idle == 0 || pool->expiry.armed)
		return;
	for (struct origin *origin = pool->origins; origin;
	     origin = origin->next) {
		if (origin->oldest && origin->oldest->idle_since < since)
			since = origin->oldest->idle_since;
	}
	timer_arm(pool->rt, &pool->expiry,
		  deadline_cadence(since + POOL_IDLE_NS, POOL_IDLE_SLACK_MS),
		  expiry_fire);
}

void pool_expire(struct pool *pool, int64_t boot_ns)
{
	for (struct origin *origin = pool->origins; origin;
	     origin = origin->next) {
		while (origin->oldest &&
		       origin->oldest->idle_since + POOL_IDLE_NS <= boot_ns) {
			pool->counters.expired++;
			entry_doom(origin->oldest);
		}
	}
	expiry_arm(pool);
}

/* --- Opening --- */

/* Forgets why an earlier connection failed: this one did for another reason. */
static void forget_refusal(struct pool *pool)
{
	pool->refusal = (struct tls_error){ 0 };
	pool->proxy_refusal = (struct proxy_error){ 0 };
}

/* The stream that an origin speaks, over the connected `fd`, which is taken
 * in any case. Parks. This is where TLS goes around the socket. */
static int carry(const struct origin *origin, int fd, struct deadline deadline,
		 struct stream **out)
{
	struct pool *pool = origin->pool;
	struct stream *plain = stream_plain(pool->rt, fd);
	if (!plain)
		return -ENOMEM;
	*out = plain;
	if (!origin->https)
		return 0;
	if (!pool->tls)
		pool->tls = tls_client_new(pool->rt, &pool->roots);
	if (!pool->tls) {
		stream_close(plain);
		return -ENOMEM;
	}
	struct tls_error error;
	int err = tls_connect(pool->tls, plain, origin->host, origin->port,
			      deadline, out, &error);
	forget_refusal(pool);
	pool->refusal = error;
	return err;
}

/* A socket that is connected with the origin, directly or through its proxy,
 * or a negative errno. Parks. */
static int reach(const struct origin *origin, struct deadline deadline)
{
	struct pool *pool = origin->pool;
	struct proxy_error error = { 0 };
	int fd;

	if (origin->proxy)
		fd = proxy_connect(pool->rt, pool->resolver, origin->proxy,
				   origin->host, origin->port, &error,
				   deadline);
	else
		fd = dial(pool->rt, pool->resolver, origin->host, origin->port,
			  deadline);
	forget_refusal(pool);
	pool->proxy_refusal = error;
	return fd;
}

/* Opens a connection in a place that the caller holds. Parks. */
static int entry_open(struct origin *origin, struct deadline deadline,
		      struct entry **out)
{
	struct pool *pool = origin->pool;
	struct entry *entry = calloc(1, sizeof(*entry));
	int result;

	if (!entry)
		return -ENOMEM;
	entry->origin = origin;
	result = reach(origin, deadline);
	if (result >= 0) {
		result = carry(origin, result, deadline, &entry->conn.stream);
		/* Whoever answered may not be whom the name means by now. */
		if (result == -EKEYREJECTED && pool->resolver)
			resolve_forget(pool->resolver, origin->host);
	}
	if (result < 0) {
		free(entry);
		return result;
	}
	pool->counters.opened++;
	watch_end(entry);
	*out = entry;
	return 0;
}

/* --- Taking and giving --- */

/* Waits in line: 0 with a place taken and *entry set or NULL. */
static int place_wait(struct origin *origin, struct entry **entry,
		      struct deadline deadline)
{
	struct waiter waiter = { 0 };
	int err;

	event_init(origin->pool->rt, &waiter.granted);
	waiter_push(origin, &waiter);
	err = event_wait(&waiter.granted, deadline);
	*entry = waiter.entry;
	if (err == 0)
		return 0;
	/* It may have been granted and cancelled in one turn. */
	if (!waiter.granted.set)
		waiter_remove(origin, &waiter);
	else if (waiter.entry)
		pool_give(origin->pool, &waiter.entry->conn, true);
	else
		place_release(origin);
	return err;
}

/* Gets a place at the origin: 0, with *entry an open connection if there is
 * one to use (or, for `fresh`, one to close instead), else NULL. */
static int place_take(struct origin *origin, bool fresh, struct entry **entry,
		      struct deadline deadline)
{
	*entry = NULL;
	if (!fresh && origin->newest) {
		*entry = origin->newest;
		idle_remove(*entry);
		return 0;
	}
	if (origin->conns < POOL_PER_ORIGIN_MAX) {
		origin->conns++;
		return 0;
	}
	if (origin->oldest) {
		*entry = origin->oldest;
		idle_remove(*entry);
		return 0;
	}
	return place_wait(origin, entry, deadline);
}

int pool_take(struct pool *pool, const struct url *url, bool fresh,
	      struct pool_conn **out, struct deadline deadline)
{
	struct origin *origin;
	struct entry *entry;
	int err;

	reap_leftovers(pool);
	if (pool->idle > 0)
		pool_expire(pool, clock_now(pool->rt, CLOCK_ID_BOOTTIME));
	origin = origin_get(pool, url);
	if (!origin)
		return -ENOMEM;
	err = place_take(origin, fresh, &entry, deadline);
	if (err) {
		forget_refusal(pool);
		return err;
	}
	if (entry && !fresh && !entry->closed) {
		entry->conn.reused = true;
		pool->counters.reused++;
		*out = &entry->conn;
		return 0;
	}
	if (entry)
		entry_close(entry);
	err = entry_open(origin, deadline, &entry);
	if (err) {
		place_release(origin);
		return err;
	}
	*out = &entry->conn;
	return 0;
}

void pool_give(struct pool *pool, struct pool_conn *conn, bool reusable)
{
	struct entry *entry = (struct entry *)conn;
	struct origin *origin = entry->origin;

	if (!reusable || entry->closed) {
		entry_close(entry);
		place_release(origin);
	} else if (!waiter_grant(origin, entry)) {
		entry->idle_since = clock_now(pool->rt, CLOCK_ID_BOOTTIME);
		idle_push(entry);
		expiry_arm(pool);
	}
	reap_leftovers(pool);
}

/* --- The pool --- */

struct pool *pool_new(struct rt *rt, struct resolver *resolver)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->rt = rt;
	pool->resolver = resolver;
	scope_open(rt, &pool->reapers, DEADLINE_NEVER);
	return pool;
}

void pool_set_roots(struct pool *pool, const struct trust_options *roots)
{
	pool->roots = *roots;
}

void pool_set_proxies(struct pool *pool, const struct proxy_options *proxies)
{
	pool->proxies = proxies;
}

const char *pool_refusal(const struct pool *pool, char *buf, size_t cap)
{
	if (pool->refusal.fault != TLS_OK)
		return tls_error_text(&pool->refusal, buf, cap);
	return proxy_error_text(&pool->proxy_refusal, buf, cap);
}

uint32_t pool_refusal_mark(const struct pool *pool)
{
	char text[REFUSAL_MAX];

	if (pool->refusal.fault != TLS_OK)
		return tls_error_mark(&pool->refusal);
	proxy_error_text(&pool->proxy_refusal, text, sizeof(text));
	return *text ? text_mark(text) : 0;
}

void pool_free(struct pool *pool)
{
	pool_expire(pool, INT64_MAX);
	reap(pool);
	scope_close(&pool->reapers);
	assert(!pool->origins);
	tls_client_free(pool->tls);
	free(pool);
}

const struct pool_counters *pool_counters(const struct pool *pool)
{
	return &pool->counters;
}
