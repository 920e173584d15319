// SPDX-License-Identifier: MIT
/*
 * follower - follows a workspace's event stream (contract G), for one purpose:
 * to know at once that there is something to fetch.
 *
 * Events carry no row and no cursor, so nothing is taken from them; they only
 * say that a poll is worth while. A stream may be open and yet deaf (a proxy
 * that buffers, another replica), so it is trusted only while it shows the
 * workspace's own heartbeats: then polls can be rare. One that stays silent is
 * closed and tried again.
 *
 * A stream that ends or cannot be had is tried again after a pause that grows
 * and has jitter; longer where the platform says that it has none. Whenever one
 * is open there is news, since what happened before it was open is not told.
 */
#ifndef APP_FOLLOWER_H
#define APP_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity;
struct log;
struct platform_client;
struct rt;
struct scope;

#define FOLLOWER_BACKOFF_MS 1000
#define FOLLOWER_BACKOFF_MAX_MS 300000
/* Where there is no such endpoint, or it is not for us. */
#define FOLLOWER_ABSENT_MS 60000
#define FOLLOWER_ABSENT_MAX_MS 1800000

enum follower_news {
	FOLLOWER_OPEN,	    /* the stream is open: look at everything once */
	FOLLOWER_MESSAGE,   /* a row of the inbox has come */
	FOLLOWER_BROADCAST, /* a broadcast has */
};

/* Borrowed for the follower's life. */
struct follower_deps {
	struct rt *rt;
	struct log *log;
	struct platform_client *client;
	const struct identity *who;
	/* A stream on which no own heartbeat was seen for so long is silent; 0:
	 * there are no heartbeats, and no stream is ever trusted. */
	uint32_t silence_ms;
	/* Must not park. */
	void (*news)(void *arg, enum follower_news news);
	/* The stream is trusted now, or not any more. Must not park. */
	void (*trust)(void *arg, bool trusted);
	void *arg;
};

struct follower {
	struct follower_deps deps;
	bool open;
	bool trusted;
	bool absent;	   /* the platform has no stream for us */
	uint32_t failures; /* since the last proof */
	int64_t proof_ns;  /* BOOTTIME of the last own heartbeat, or opening */
	uint64_t opened;   /* streams so far */
	uint64_t events;
};

void follower_init(struct follower *follower, const struct follower_deps *deps);

/* Spawns its task into `scope`: 0 or -ENOMEM. Does not park. */
int follower_start(struct follower *follower, struct scope *scope);

/* What an event says: the type of its data and its payload decide. Returns
 * whether it is news, in *news. Sees to the follower's trust. Does not park;
 * for the task and for tests. */
bool follower_event(struct follower *follower, const char *data, size_t len,
		    enum follower_news *news);

/* The pause after so many failures in a row (1 the first), with ±25 % by
 * `random`. Pure. */
int64_t follower_pause_ms(uint32_t failures, bool absent, uint32_t random);

#endif
