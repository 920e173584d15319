// SPDX-License-Identifier: MIT
#include "net/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/resolve_cache.h"
#include "net/resolve_query.h"
#include "runtime/event.h"
#include "runtime/scope.h"
#include "runtime/task.h"

struct resolver {
	struct rt *rt;
	struct resolve_servers servers;
	const struct resolve_names *names; /* asked instead; NULL: nobody */
	struct resolve_cache cache;
	struct flight *flights; /* that can still be joined */
	uint32_t running;
	struct cond turn; /* `running` went down */
};

/* A query that is under way, and its task. It belongs to those who share it:
 * the last to leave ends the task and frees it. */
struct flight {
	struct flight *next;
	struct resolver *resolver;
	struct scope scope;
	struct event landed;
	uint32_t sharers;
	int result; /* when landed */
	struct resolve_answer answer;
	char host[];
};

static int64_t boot_now(const struct resolver *resolver)
{
	return clock_now(resolver->rt, CLOCK_ID_BOOTTIME);
}

/* --- The query --- */

static int ask(struct flight *flight)
{
	struct resolver *resolver = flight->resolver;
	const struct resolve_names *names = resolver->names;

	if (names)
		return names->ask(resolver->rt, names->arg, flight->host,
				  &flight->answer);
	return resolve_query(resolver->rt, &resolver->servers, flight->host,
			     &flight->answer);
}

static int flight_query(struct flight *flight)
{
	struct resolver *resolver = flight->resolver;
	int result = 0;

	while (resolver->running >= RESOLVE_PARALLEL_MAX && result == 0)
		result = cond_wait(&resolver->turn, DEADLINE_NEVER);
	if (result == 0) {
		resolver->running++;
		result = ask(flight);
		resolver->running--;
	}
	/* Also after a failed wait: it may have been signalled as well. */
	cond_signal(&resolver->turn);
	return result;
}

/* Nobody joins it from now on. */
static void flight_unlist(struct flight *flight)
{
	struct flight **link = &flight->resolver->flights;

	while (*link && *link != flight)
		link = &(*link)->next;
	if (*link)
		*link = flight->next;
}

static void flight_run(struct rt *rt, void *arg)
{
	struct flight *flight = arg;
	struct resolver *resolver = flight->resolver;

	(void)rt;
	flight->result = flight_query(flight);
	if (flight->result == 0)
		resolve_cache_put(&resolver->cache, flight->host,
				  &flight->answer, boot_now(resolver));
	flight_unlist(flight);
	event_set(&flight->landed);
}

/* --- Those who share it --- */

/* The flight for `host`, a new one if there is none, with the caller as one
 * more sharer. */
static int flight_join(struct resolver *resolver, const char *host,
		       struct flight **out)
{
	size_t size = strlen(host) + 1;
	struct flight *flight = resolver->flights;
	int err;

	while (flight && strcasecmp(flight->host, host) != 0)
		flight = flight->next;
	*out = flight;
	if (flight) {
		flight->sharers++;
		return 0;
	}
	flight = calloc(1, sizeof(*flight) + size);
	if (!flight)
		return -ENOMEM;
	flight->resolver = resolver;
	flight->sharers = 1;
	memcpy(flight->host, host, size);
	event_init(resolver->rt, &flight->landed);
	scope_open(resolver->rt, &flight->scope, DEADLINE_NEVER);
	err = task_spawn(&flight->scope, "resolve", TASK_STACK_SMALL,
			 flight_run, flight);
	if (err) {
		scope_close(&flight->scope);
		free(flight);
		return err;
	}
	flight->next = resolver->flights;
	resolver->flights = flight;
	*out = flight;
	return 0;
}

static void flight_leave(struct flight *flight)
{
	if (--flight->sharers > 0)
		return;
	flight_unlist(flight);
	scope_close(&flight->scope);
	free(flight);
}

/* --- Answers --- */

static int write_out(const struct resolve_answer *answer, uint16_t port,
		     struct sockaddr_storage *out, int max)
{
	int count = answer->count < max ? answer->count : max;

	for (int i = 0; i < count; i++) {
		union resolve_addr addr = answer->addrs[i];

		if (addr.any.sa_family == AF_INET6)
			addr.six.sin6_port = htons(port);
		else
			addr.four.sin_port = htons(port);
		memset(&out[i], 0, sizeof(out[i]));
		memcpy(&out[i], &addr, sizeof(addr));
	}
	return count;
}

int resolve(struct resolver *resolver, const char *host, uint16_t port,
	    struct sockaddr_storage *out, int max, struct deadline deadline)
{
	const struct resolve_answer *known;
	struct flight *flight;
	int result = task_cancelled(resolver->rt);

	if (result)
		return result;
	known = resolve_cache_get(&resolver->cache, host, boot_now(resolver));
	if (known)
		return write_out(known, port, out, max);
	result = flight_join(resolver, host, &flight);
	if (result < 0)
		return result;
	result = event_wait(&flight->landed, deadline);
	if (result == 0)
		result = flight->result;
	if (result == 0)
		result = write_out(&flight->answer, port, out, max);
	flight_leave(flight);
	return result;
}

void resolve_forget(struct resolver *resolver, const char *host)
{
	resolve_cache_drop(&resolver->cache, host);
}

/* --- The resolver --- */

struct resolver *resolver_new_servers(struct rt *rt, const char *servers,
				      uint32_t try_ms)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	resolver->rt = rt;
	resolver->servers.list = servers;
	resolver->servers.try_ms = try_ms;
	resolver->servers.slow_ms = UINT32_MAX;
	cond_init(rt, &resolver->turn);
	return resolver;
}

struct resolver *resolver_new(struct rt *rt)
{
	struct resolver *resolver =
		resolver_new_servers(rt, NULL, RESOLVE_TRY_MS);

	if (resolver)
		resolver->servers.slow_ms = RESOLVE_SLOW_MS;
	return resolver;
}

struct resolver *resolver_new_names(struct rt *rt,
				    const struct resolve_names *names)
{
	struct resolver *resolver = resolver_new(rt);

	if (resolver)
		resolver->names = names;
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	resolve_cache_clear(&resolver->cache);
	free(resolver);
}
