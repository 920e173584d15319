// SPDX-License-Identifier: MIT
/*
 * lane_fixture - tasks that ask for something at the same moment, in lanes
 * (net/http_lane.h), for the tests of these.
 */
#ifndef TESTS_UNIT_LANE_FIXTURE_H
#define TESTS_UNIT_LANE_FIXTURE_H

#include "tests/unit/http_peer.h"

#include "net/http_lane.h"

#define ASKERS_MAX 40u
#define ANSWER(body) OK "Content-Length: 1\r\n\r\n" body
#define LAST(body) OK "Connection: close\r\nContent-Length: 1\r\n\r\n" body

/* A connection with one request and its answer. */
#define ALONE                                                                  \
	{ ACCEPT, NULL }, { REQUEST, NULL },                                   \
	{                                                                      \
		ECHO, NULL                                                     \
	}

/* Tasks that ask for "/a", "/b" and so on in one turn, and what they got: a
 * status or an error. */
struct crowd {
	struct rt *rt;
	struct pool *pool;
	const struct url *url;
	struct http_lanes lanes;
	struct scope scope;
	bool hasty, hurried; /* the latter: some have little time */
	uint32_t count;
	uint32_t right; /* whose body was the letter of its target */
	uint32_t wrong; /* and whose was not */
	uint64_t ended;
	struct asker {
		struct crowd *crowd;
		char target[3];
		int result;
	} askers[ASKERS_MAX];
};

static inline void ask(struct rt *rt, void *arg)
{
	struct asker *asker = arg;
	struct crowd *c = asker->crowd;
	struct http_request request = { .method = "GET",
					.url = c->url,
					.target = asker->target,
					.lanes = &c->lanes };
	struct http_response r;

	task_patient(rt, c->hasty ? 0 : 1);
	int err = http_fetch(c->pool, &request, &r, NULL,
			     c->hurried && random() % 8 == 0
				     ? deadline_in_ms(rt, random() % 3)
				     : patience(rt));
	bool right = !err && r.body_len == 1 && r.body[0] == asker->target[1];
	asker->result = err ? err : r.status;
	c->right += right;
	c->wrong += !err && !right;
	CHECK(!err || (!r.body && !r.head.head));
	CHECK_EQ(task_patience(rt), c->hasty ? 0 : 1);
	http_response_free(&r);
	c->ended++;
}

static inline struct crowd *crowd_open(struct peer *p, uint32_t count)
{
	struct crowd *c = calloc(1, sizeof(*c));

	c->rt = p->rt;
	c->pool = p->pool;
	c->url = &p->url;
	c->lanes.rt = p->rt;
	c->count = count;
	return c;
}

static inline void crowd_start(struct crowd *c)
{
	c->right = 0;
	c->ended = 0;
	scope_open(c->rt, &c->scope, DEADLINE_NEVER);
	for (uint32_t i = 0; i < c->count; i++) {
		struct asker *asker = &c->askers[i];

		*asker = (struct asker){
			.crowd = c, .target = { '/', (char)('a' + i % 26), 0 }
		};
		CHECK_EQ(task_spawn(&c->scope, "asker", TASK_STACK_NORMAL, ask,
				    asker),
			 0);
	}
}

/* All of them at once, to the end. */
static inline void crowd_run(struct crowd *c)
{
	crowd_start(c);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(c->ended, c->count);
}

static inline void crowd_close(struct crowd *c, struct peer *p)
{
	free(c);
	peer_free(p);
}

/* A fresh lane may be formed again. */
static inline void crowd_trust(struct crowd *c)
{
	CHECK(c->lanes.alone_until > clock_now(c->rt, CLOCK_ID_MONOTONIC));
	c->lanes.alone_until = 0;
	c->lanes.shared = 0;
}

#endif
