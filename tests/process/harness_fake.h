// SPDX-License-Identifier: MIT
/*
 * The inside of the fake platform, shared by the server (harness_fake.c), by
 * the reading of requests (harness_request.c) and by what it answers when a
 * test says nothing (harness_good.c).
 */
#ifndef PROCESS_HARNESS_FAKE_H
#define PROCESS_HARNESS_FAKE_H

#include "harness.h"

#include <pthread.h>
#include <stdio.h>

/* A connection; its thread is the only one that reads it. */
struct conn {
	struct fake *fake;
	struct conn *next;
	pthread_t thread;
	int fd;
	int number;
	bool cut; /* closed or to be closed; under the fake's lock */
	char *buf;
	size_t len, cap;
};

/* What to answer to one method and pattern. */
struct route {
	char *method, *pattern;
	struct answer *once;
	size_t once_count, next_once;
	struct answer always;
	bool has_always;
	fake_handler_fn handler;
	void *arg;
};

struct fake {
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t changed;
	pthread_t acceptor;
	int listener, port;
	const char *host; /* where it listens */
	bool up;
	char *url;
	struct conn *conns;
	int accepted;
	int released;
	struct route *routes;
	size_t route_count;
	struct request **seen;
	size_t seen_count;
	json_t *rows; /* activity, oldest first */
};

/* The next request of the connection, or NULL at its end; the caller's. */
struct request *fake_read_request(struct conn *k);
void fake_request_free(struct request *r);

/* The plain good answer, its texts owned by the caller. Holds f->lock. */
struct answer fake_good_answer(struct fake *f, const struct request *r);

#endif
