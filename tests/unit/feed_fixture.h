// SPDX-License-Identifier: MIT
/*
 * feed_fixture - a feed, and a platform's list of activity that it reads.
 *
 *	struct kit k;
 *	kit_open(&k, rt, 1200);		// rows 0 … 1199
 *	CHECK_EQ(ask(&k), FEED_ROWS);	// or drain(&k)
 *	expect_rows(&k, 0, 500);
 *	expect_query(&k, 0, "since_secs", "600");
 *	kit_close(&k);
 */
#ifndef TESTS_UNIT_FEED_FIXTURE_H
#define TESTS_UNIT_FEED_FIXTURE_H

#include "tests/unit/rows_fixture.h"

#include "app/feed.h"
#include "proto/json.h"

#define GOT_MAX 4000
#define HOUR 3600

static const struct feed_kind kind = {
	.type = "a2a_receive",
	.cursor = STATE_DIR_CURSOR,
	.what = "the feed",
};

struct kit {
	struct world w;
	struct rows rows;
	struct workspace_deps deps;
	struct feed feed;
	int got[GOT_MAX]; /* the rows, as they came */
	int count;
	bool more; /* what the last answer said of others */
};

static inline void answer(struct world *w, int number,
			  struct http_incoming *request)
{
	struct kit *k = w->arg;

	(void)number;
	rows_answer(&k->rows, request);
}

static inline void kit_open(struct kit *k, struct rt *rt, int rows)
{
	*k = (struct kit){ .rows = { .end = rows, .when = rows_each_second } };
	world_open(&k->w, rt, answer, k);
	k->deps = (struct workspace_deps){
		.rt = rt,
		.log = &k->w.log,
		.config = &k->w.config,
		.who = &k->w.who,
		.client = &k->w.client,
		.state = &k->w.state,
	};
	feed_init(&k->feed, &kind, &k->deps);
}

static inline void kit_close(struct kit *k)
{
	feed_fini(&k->feed);
	world_close(&k->w);
}

/* The cursor's file, as another process left it. */
static inline void left(struct kit *k, const char *cursor)
{
	CHECK_EQ(state_dir_write(&k->w.state, STATE_DIR_CURSOR, cursor,
				 strlen(cursor)),
		 0);
}

/* One question; the rows of its answer have been dealt with. */
static inline enum feed_answer ask(struct kit *k)
{
	struct feed_rows rows;
	int64_t retry_ms;
	enum feed_answer answer = feed_ask(&k->feed, 500, &rows, &retry_ms);
	size_t count = answer == FEED_ROWS ? feed_rows_count(&rows) : 0;

	k->more = rows.more;
	for (size_t i = 0; i < count; i++) {
		json_t *row = feed_row(&rows, i);
		const char *id = json_get_text_or(row, "id", "");

		if (CHECK(k->count < GOT_MAX))
			k->got[k->count++] = row_number(id);
		CHECK_EQ(feed_moved(&k->feed, id,
				    json_get_text_or(row, "created_at", "")),
			 0);
		json_decref(row);
	}
	feed_rows_free(&rows);
	return answer;
}

/* Until there is nothing more. */
static inline void drain(struct kit *k)
{
	enum feed_answer answer;

	for (int i = 0; i < 100; i++) {
		answer = ask(k);
		if (!CHECK(answer != FEED_FAILED) ||
		    (answer == FEED_ROWS && !k->more))
			return;
	}
	CHECK(false && "it ends");
}

/* The rows from `from` up to `to`, each once, in order. */
static inline void expect_rows(const struct kit *k, int from, int to)
{
	CHECK_EQ(k->count, to - from);
	for (int i = 0; i < k->count; i++)
		if (k->got[i] != from + i) {
			CHECK_EQ(k->got[i], from + i);
			return;
		}
}

static inline void expect_query(struct kit *k, uint64_t number,
				const char *name, const char *want)
{
	char got[300];

	rows_query(k->w.seen[number].line, name, got, sizeof(got));
	if (!CHECK(strcmp(got, want) == 0))
		fprintf(stderr, "%s: %s, not %s\n", name, got, want);
}

/* The window of this question is `want` seconds, or a little more. */
static inline void expect_window(struct kit *k, uint64_t number, long want)
{
	char got[300];
	long secs;

	rows_query(k->w.seen[number].line, "since_secs", got, sizeof(got));
	secs = strtol(got, NULL, 10);
	if (!CHECK(secs >= want && secs <= want + 300))
		fprintf(stderr, "since_secs=%s, not %ld\n", got, want);
}

static inline int64_t now_s(struct kit *k)
{
	return clock_wall(k->w.rt) / CLOCK_NS_PER_S;
}

#endif
