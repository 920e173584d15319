// SPDX-License-Identifier: MIT
/*
 * A connection is in one of four places: held by somebody; in its origin's
 * list of idle ones, newest first; handed to a waiter; or doomed. The origin's
 * `conns` counts it wherever it is, from before it is opened until after it is
 * closed, and `conns` never passes POOL_PER_ORIGIN_MAX. Such a place is passed
 * on to the first waiter before it becomes free for everybody. `common` counts
 * those that are held, or being opened, by somebody who is not urgent, and
 * never passes POOL_COMMON_MAX: so who is not urgent waits only while that many
 * are, or while all places are taken and none is idle, which is all that an
 * urgent one waits for. A connection that is kept for long has left all that;
 * its origin counts it in `kept`.
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
#include "net/pool_line.h"
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
	bool common; /* held, and counted so */
	bool kept;   /* for long */
	bool closed; /* the other side has closed, or the watch failed */
};

/* Exists while it has connections. */
struct origin {
	struct origin *next;
	struct pool *pool;
	struct entry *newest, *oldest; /* idle */
	struct pool_line line;	   /* given an entry, or NULL: may open one */
	const struct proxy *proxy; /* that leads there; NULL: none */
	uint32_t conns, common, kept;
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

/* --- Places --- */

/* Grants the first waiter that may have it, if any, a connection or (NULL) a
 * place. */
static bool grant(struct origin *origin, struct entry *entry)
{
	struct pool_waiter *waiter = pool_line_grant(
		&origin->line, origin->common < POOL_COMMON_MAX, entry);

	if (!waiter)
		return false;
	origin->common += !waiter->urgent;
	if (entry)
		entry->common = !waiter->urgent;
	return true;
}

/* Gives up a place at the origin, which may be gone afterwards. */
static void place_release(struct origin *origin)
{
	if (grant(origin, NULL))
		return;
	origin->conns--;
	if (origin->conns == 0 && origin->kept == 0)
		origin_free(origin);
}

/* --- Closing --- */

/* Closes a connection that is in no list. Its place stays taken. Parks. */
static void entry_close(struct entry *entry)
{
	struct rt *rt = entry->origin->pool->rt;

	io_watch_stop(rt, &entry->end);
	stream_close(entry->conn.stream);
	free(entry->conn.scratch);
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
	pool->counters.handshakes++;
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
static int place_wait(struct origin *origin, bool urgent, struct entry **entry,
		      struct deadline deadline)
{
	struct pool_waiter waiter = { .urgent = urgent };
	int err = pool_line_wait(origin->pool->rt, &origin->line, &waiter,
				 deadline);

	*entry = waiter.given;
	if (err == 0 || !waiter.granted.set)
		return err;
	/* It has been granted and cancelled in one turn. */
	if (*entry) {
		pool_give(origin->pool, &(*entry)->conn, true);
	} else {
		origin->common -= !urgent;
		place_release(origin);
	}
	return err;
}

/* Gets a place at the origin: 0, with *entry an open connection if there is
 * one to use (or, for a fresh one, one to close instead), else NULL. */
static int place_take(struct origin *origin, unsigned int how,
		      struct entry **entry, struct deadline deadline)
{
	bool urgent = (how & POOL_URGENT) != 0;

	*entry = NULL;
	if (!urgent && origin->common >= POOL_COMMON_MAX)
		return place_wait(origin, urgent, entry, deadline);
	if ((how & POOL_FRESH) == 0 && origin->newest)
		*entry = origin->newest;
	else if (origin->conns < POOL_PER_ORIGIN_MAX)
		origin->conns++;
	else if (origin->oldest)
		*entry = origin->oldest;
	else
		return place_wait(origin, urgent, entry, deadline);
	origin->common += !urgent;
	if (*entry)
		idle_remove(*entry);
	return 0;
}

int pool_take(struct pool *pool, const struct url *url, unsigned int how,
	      struct pool_conn **out, struct deadline deadline)
{
	bool common = (how & POOL_URGENT) == 0;
	struct origin *origin;
	struct entry *entry;
	int err;

	reap_leftovers(pool);
	if (pool->idle > 0)
		pool_expire(pool, clock_now(pool->rt, CLOCK_ID_BOOTTIME));
	origin = origin_get(pool, url);
	if (!origin)
		return -ENOMEM;
	err = place_take(origin, how, &entry, deadline);
	if (err) {
		forget_refusal(pool);
		return err;
	}
	if (entry && (how & POOL_FRESH) == 0 && !entry->closed) {
		entry->common = common;
		entry->conn.reused = true;
		pool->counters.reused++;
		*out = &entry->conn;
		return 0;
	}
	if (entry)
		entry_close(entry);
	err = entry_open(origin, deadline, &entry);
	if (err) {
		origin->common -= common;
		place_release(origin);
		return err;
	}
	entry->common = common;
	*out = &entry->conn;
	return 0;
}

void pool_keep(struct pool_conn *conn)
{
	struct entry *entry = (struct entry *)conn;
	struct origin *origin = entry->origin;

	if (entry->kept)
		return;
	origin->common -= entry->common;
	entry->common = false;
	entry->kept = true;
	origin->kept++;
	place_release(origin);
}

/* Closes a connection that was kept, which has no place. Parks. */
static void end_kept(struct entry *entry)
{
	struct origin *origin = entry->origin;

	entry_close(entry);
	origin->kept--;
	if (origin->conns == 0 && origin->kept == 0)
		origin_free(origin);
}

/* For the first in line, or for who comes next. */
static void leave_idle(struct origin *origin, struct entry *entry)
{
	struct pool *pool = origin->pool;

	origin->common -= entry->common;
	entry->common = false;
	if (grant(origin, entry))
		return;
	entry->idle_since = clock_now(pool->rt, CLOCK_ID_BOOTTIME);
	idle_push(entry);
	expiry_arm(pool);
}

void pool_give(struct pool *pool, struct pool_conn *conn, bool reusable)
{
	struct entry *entry = (struct entry *)conn;
	struct origin *origin = entry->origin;
	bool common = entry->common;

	if (entry->kept) {
		end_kept(entry);
	} else if (!reusable || entry->closed) {
		/* Whoever comes while it closes must not pass those in line. */
		entry_close(entry);
		origin->common -= common;
		place_release(origin);
	} else {
		leave_idle(origin, entry);
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
