// SPDX-License-Identifier: MIT
/*
 * net_fixture - what the tests of net/ share: running a test's body as a task
 * of a runtime of its own, checks that are safe inside tasks (cmocka's own
 * jump out, which a task cannot), listening sockets, and counting descriptors.
 */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* No wait in these tests lasts this long unless something is broken. */
#define PATIENCE_MS 20000

static int check_failures;

static inline bool check_that(bool holds, const char *what, const char *file,
			      int line)
{
	if (!holds) {
		fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
		check_failures++;
	}
	return holds;
}

static inline void check_equal(long long got, long long want, const char *what,
			       const char *file, int line)
{
	if (got != want) {
		fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line,
			what, got, want);
		check_failures++;
	}
}

#define CHECK(cond) check_that((cond), #cond, __FILE__, __LINE__)
#define CHECK_EQ(got, want)                                                    \
	check_equal((long long)(got), (long long)(want), #got, __FILE__,       \
		    __LINE__)

/* Runs `body` as the first task of a new runtime; fails the test when a check
 * in it failed. */
static inline void in_runtime(int (*body)(struct rt *rt, void *arg), void *arg)
{
	struct rt *rt;
	char why[256];
	int err = rt_new(&rt, &(struct rt_options){ 0 });

	if (err) {
		fprintf(stderr, "%s\n", rt_refusal(err, why, sizeof(why)));
		skip();
	}
	check_failures = 0;
	rt_run(rt, "test", body, arg);
	rt_free(rt);
	assert_int_equal(check_failures, 0);
}

/* A deadline that a working program does not meet. */
static inline struct deadline patience(struct rt *rt)
{
	return deadline_in_ms(rt, PATIENCE_MS);
}

/* Lets the other tasks run until `*flag` is at least `want`. */
static inline bool until(struct rt *rt, const uint64_t *flag, uint64_t want)
{
	struct deadline limit = patience(rt);

	while (*flag < want && deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	return *flag >= want;
}

/* Open descriptors of the process. */
static inline int fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static inline socklen_t loopback(struct sockaddr_storage *addr, int family,
				 uint16_t port)
{
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)addr;

		six->sin6_addr = in6addr_loopback;
		six->sin6_port = htons(port);
		return sizeof(*six);
	}
	struct sockaddr_in *four = (struct sockaddr_in *)addr;

	four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	four->sin_port = htons(port);
	return sizeof(*four);
}

/* A socket bound to the loopback of `family`, on *port or, when that is 0, on
 * a port that it sets; listening if it is a stream. -1 on failure. */
static inline int bound_socket(int family, int type, uint16_t *port,
			       int backlog)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(&addr, family, *port);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&addr, len) != 0 ||
	    (type == SOCK_STREAM && listen(fd, backlog) != 0) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(family == AF_INET6
			      ? ((struct sockaddr_in6 *)&addr)->sin6_port
			      : ((struct sockaddr_in *)&addr)->sin_port);
	return fd;
}

/* The port of the other end of a connected socket. */
static inline uint16_t peer_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0)
		return 0;
	return ntohs(addr.ss_family == AF_INET6
			     ? ((struct sockaddr_in6 *)&addr)->sin6_port
			     : ((struct sockaddr_in *)&addr)->sin_port);
}

static inline int peer_family(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0)
		return -1;
	return addr.ss_family;
}

#endif
