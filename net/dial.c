// SPDX-License-Identifier: MIT
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/resolve.h"
#include "runtime/defect.h"
#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* Several addresses, tried at once. Lives on the stack of the task that
 * dials, which joins the attempts before it goes. */
struct race {
	struct cond ended; /* an attempt did */
	struct deadline deadline;
	int winner; /* the first connected descriptor, else -1 */
	int err;    /* of the attempt that failed last */
	int running;
};

struct attempt {
	struct race *race;
	const struct sockaddr_storage *addr;
};

static int connect_one(struct rt *rt, const struct sockaddr_storage *addr,
		       struct deadline deadline)
{
	socklen_t len = addr->ss_family == AF_INET6
				? sizeof(struct sockaddr_in6)
				: sizeof(struct sockaddr_in);
	int fd = io_socket(rt, addr->ss_family, SOCK_STREAM, IPPROTO_TCP);
	int err;

	if (fd < 0)
		return fd;
	err = io_setsockopt(rt, fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (err == 0)
		err = io_connect(rt, fd, (const struct sockaddr *)addr, len,
				 deadline);
	if (err < 0) {
		if (!DEFECT(LEAK_DESCRIPTOR))
			io_close(rt, fd);
		return err;
	}
	return fd;
}

static void attempt_run(struct rt *rt, void *arg)
{
	struct attempt *attempt = arg;
	struct race *race = attempt->race;
	int fd = connect_one(rt, attempt->addr, race->deadline);

	if (fd >= 0 && race->winner < 0)
		race->winner = fd;
	else if (fd >= 0)
		io_close(rt, fd);
	else
		race->err = fd;
	race->running--;
	cond_signal(&race->ended);
}

static void attempt_start(struct scope *scope, struct attempt *attempt)
{
	int err = task_spawn(scope, "dial", TASK_STACK_SMALL, attempt_run,
			     attempt);

	if (err)
		attempt->race->err = err;
	else
		attempt->race->running++;
}

/* Starts attempts as their time comes, until one has won (0), all have failed
 * (0), or the race is off: past its deadline, or cancelled. */
static int race_run(struct rt *rt, struct race *race, struct scope *scope,
		    struct attempt *attempts, int count)
{
	int started = 0;

	while (race->winner < 0) {
		struct deadline until = race->deadline;
		int err;

		if (started < count) {
			attempt_start(scope, &attempts[started++]);
			until = deadline_earlier(
				rt, until, deadline_in_ms(rt, DIAL_ATTEMPT_MS));
		}
		if (race->running == 0 && started < count)
			continue;
		if (race->running == 0)
			return 0;
		err = cond_wait(&race->ended, until);
		if (err && task_cancelled(rt))
			return err;
		if (err && deadline_left_ns(rt, race->deadline) == 0)
			return -ETIMEDOUT;
	}
	return 0;
}

int dial_addrs(struct rt *rt, const struct sockaddr_storage *addrs, int count,
	       struct deadline deadline)
{
	struct attempt attempts[DIAL_ADDRS_MAX];
	struct race race = {
		.deadline = deadline,
		.winner = -1,
		.err = -EHOSTUNREACH,
	};
	struct scope scope;
	int err;

	if (count == 1)
		return connect_one(rt, addrs, deadline);
	if (count > DIAL_ADDRS_MAX)
		count = DIAL_ADDRS_MAX;
	for (int i = 0; i < count; i++)
		attempts[i] =
			(struct attempt){ .race = &race, .addr = &addrs[i] };
	cond_init(rt, &race.ended);
	scope_open(rt, &scope, DEADLINE_NEVER);
	err = race_run(rt, &race, &scope, attempts, count);
	scope_close(&scope);
	if (task_cancelled(rt) && race.winner >= 0) {
		io_close(rt, race.winner);
		return task_cancelled(rt);
	}
	if (race.winner >= 0)
		return race.winner;
	return err ? err : race.err;
}

static bool literal(const char *host, uint16_t port,
		    struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return true;
	}
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		return true;
	}
	return false;
}

/* localhost, anything.localhost, either with the root's dot. */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t want = sizeof(name) - 1;
	size_t len = strlen(host);

	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len < want || strncasecmp(host + len - want, name, want) != 0)
		return false;
	return len == want || host[len - want - 1] == '.';
}

static int dial_name(struct rt *rt, struct resolver *resolver, const char *host,
		     uint16_t port, struct deadline deadline)
{
	struct sockaddr_storage *addrs;
	int result;

	if (!resolver)
		return -ENOENT;
	addrs = malloc(sizeof(*addrs) * DIAL_ADDRS_MAX);
	if (!addrs)
		return -ENOMEM;
	result = resolve(resolver, host, port, addrs, DIAL_ADDRS_MAX, deadline);
	if (result > 0) {
		result = dial_addrs(rt, addrs, result, deadline);
		if (result < 0 && !task_cancelled(rt))
			resolve_forget(resolver, host);
	}
	free(addrs);
	return result;
}

int dial(struct rt *rt, struct resolver *resolver, const char *host,
	 uint16_t port, struct deadline deadline)
{
	struct sockaddr_storage addrs[2];

	if (literal(host, port, &addrs[0]))
		return dial_addrs(rt, addrs, 1, deadline);
	if (!is_localhost(host))
		return dial_name(rt, resolver, host, port, deadline);
	literal("::1", port, &addrs[0]);
	literal("127.0.0.1", port, &addrs[1]);
	return dial_addrs(rt, addrs, 2, deadline);
}
