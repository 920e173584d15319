// SPDX-License-Identifier: MIT
/*
 * A feed without a cursor: how far back it begins, and that it reads a window
 * of any length to its end, in order.
 */
#include "tests/unit/feed_fixture.h"

/* F-8: a cursor that the platform has lost. */
static int gone(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 30);
	k.rows.first = 10;
	left(&k, row_id(5));
	CHECK_EQ(ask(&k), FEED_AGAIN);
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, NULL));
	CHECK_EQ(feed_save(&k.feed), 0); /* there is none to save */
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, NULL));
	CHECK_EQ(world_logged(&k.w, "no longer has the row of the cursor; "
				    "taking the last 10 minutes"),
		 1);
	drain(&k);
	expect_window(&k, 1, 600);
	expect_query(&k, 1, "since_id", "");
	expect_query(&k, 1, "limit", "500");
	expect_rows(&k, 10, 30);
	CHECK_EQ(k.feed.failures.count, 0);
	kit_close(&k);
	return 0;
}

/* The window reaches back to the last row that is known, from the journal or
 * from this life. */
static int window_since(struct kit *k, int64_t known_s, long want)
{
	k->rows.first = 20;
	feed_known(&k->feed, row_id(5), rows_time(known_s));
	CHECK_EQ(ask(k), FEED_AGAIN);
	CHECK_EQ(ask(k), FEED_ROWS);
	expect_window(k, 1, want);
	kit_close(k);
	return 0;
}

static int the_window_reaches_to_what_is_known(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 30);
	window_since(&k, now_s(&k) - 2 * HOUR, 2 * HOUR);
	kit_open(&k, rt, 30);
	window_since(&k, now_s(&k) - 60, 600);
	kit_open(&k, rt, 30);
	window_since(&k, now_s(&k) + 2 * HOUR, 600);
	kit_open(&k, rt, 30);
	window_since(&k, now_s(&k) - 999 * 24 * HOUR, FEED_WINDOW_MAX_S);

	kit_open(&k, rt, 30);
	k.rows.first = 20;
	CHECK_EQ(
		feed_moved(&k.feed, row_id(4), rows_time(now_s(&k) - 3 * HOUR)),
		0);
	CHECK_EQ(feed_moved(&k.feed, row_id(5), "yesterday"), 0);
	CHECK_EQ(ask(&k), FEED_AGAIN);
	CHECK_EQ(world_logged(&k.w, "taking the last 180 minutes"), 1);
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_window(&k, 1, 3 * HOUR);
	kit_close(&k);
	return 0;
}

/* The window is counted by the platform's clock, which may differ from ours:
 * its rows' times are by that one. */
static int clocks_that_differ(struct rt *rt, void *arg)
{
	struct kit k;
	int64_t now;

	(void)arg;
	kit_open(&k, rt, 30);
	now = now_s(&k);
	k.rows.first = 20;
	k.rows.clock_s = now + 5 * HOUR;
	feed_known(&k.feed, "", rows_time(now + 3 * HOUR));
	drain(&k);
	CHECK_EQ(k.w.count, 2);
	expect_window(&k, 0, 600); /* what the first answer tells is new */
	expect_window(&k, 1, 2 * HOUR);
	expect_rows(&k, 20, 30);
	kit_close(&k);

	/* A platform that is behind: nothing is asked for twice. */
	kit_open(&k, rt, 30);
	now = now_s(&k);
	k.rows.clock_s = now - 5 * HOUR;
	feed_known(&k.feed, "", rows_time(now - 7 * HOUR));
	drain(&k);
	CHECK_EQ(k.w.count, 1);
	expect_window(&k, 0, 7 * HOUR);
	kit_close(&k);
	return 0;
}

static int64_t in_sevens(int n)
{
	return ROWS_START + n / 7;
}

/* F-8: a window of several pages, borders within rows of the same time. */
static int a_window_is_read_to_its_end(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 1712);
	k.rows.when = in_sevens;
	CHECK_EQ(ask(&k), FEED_ROWS);
	CHECK(k.more);
	CHECK_EQ(k.got[0], 0); /* from the oldest on */
	CHECK_EQ(k.w.count, 4);
	for (uint64_t i = 0; i < 4; i++) {
		expect_window(&k, i, 600);
		expect_query(&k, i, "limit", "500");
	}
	expect_query(&k, 0, "before_ts", "");
	/* The rows of 1212 / 7 are not all on the first page. */
	expect_query(&k, 1, "before_ts", rows_time(in_sevens(1219)));
	drain(&k);
	expect_rows(&k, 0, 1712);
	kit_close(&k);
	return 0;
}

static int64_t at_once(int n)
{
	return ROWS_START + (n < 10 ? n : 100);
}

/* More than a page of rows of one time: those behind the border follow by the
 * cursor. */
static int a_page_of_one_time(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 710);
	k.rows.when = at_once;
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_query(&k, 1, "before_ts", rows_time(at_once(10)));
	expect_rows(&k, 0, 10);
	drain(&k);
	expect_rows(&k, 0, 710);
	kit_close(&k);

	/* And nothing else: the page at the border is empty. */
	kit_open(&k, rt, 510);
	k.rows.first = 10;
	k.rows.when = at_once;
	drain(&k);
	expect_rows(&k, 10, 510);
	CHECK_EQ(k.w.count, 2);
	CHECK(!k.more);
	kit_close(&k);
	return 0;
}

/* Exactly one page: what is further back is only what is known. */
static int a_full_page_and_nothing_else(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 500);
	CHECK_EQ(ask(&k), FEED_ROWS);
	CHECK(!k.more);
	CHECK_EQ(k.w.count, 2);
	expect_rows(&k, 0, 500);
	kit_close(&k);
	return 0;
}

/* A server that does not know before_ts gives the same page again. */
static int a_server_without_before_ts(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 1200);
	k.rows.no_before = true;
	drain(&k);
	CHECK_EQ(k.w.count, 2);
	expect_rows(&k, 700, 1200);
	k.rows.end = 1203;
	drain(&k);
	expect_query(&k, 2, "since_id", row_id(1199));
	expect_rows(&k, 700, 1203);
	kit_close(&k);
	return 0;
}

/* A walk that fails on the way is begun again: no row has been dealt with. */
static int a_walk_that_fails(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 1200);
	k.rows.fail_at = 2;
	CHECK_EQ(ask(&k), FEED_FAILED);
	CHECK_EQ(world_logged(&k.w, "answered 503"), 1);
	CHECK_EQ(k.count, 0);
	drain(&k);
	expect_query(&k, 2, "before_ts", "");
	expect_rows(&k, 0, 1200);
	kit_close(&k);
	return 0;
}

static int narrower_windows(struct rt *rt, void *arg)
{
	static const int most[] = { 25, 5, 1 };
	struct kit k;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		kit_open(&k, rt, 33);
		k.rows.most = most[i];
		for (int j = 0; j <= i; j++)
			CHECK_EQ(ask(&k), FEED_AGAIN);
		CHECK_EQ(ask(&k), FEED_ROWS);
		CHECK_EQ(k.got[0], 0);
		drain(&k);
		expect_rows(&k, 0, 33);
		kit_close(&k);
	}

	/* Not even one row can be read. */
	kit_open(&k, rt, 3);
	k.rows.most = -1;
	for (int j = 0; j < 3; j++)
		CHECK_EQ(ask(&k), FEED_AGAIN);
	CHECK_EQ(ask(&k), FEED_FAILED);
	CHECK_EQ(ask(&k), FEED_FAILED);
	CHECK_EQ(k.w.count, 5);
	CHECK_EQ(world_logged(&k.w, "the feed failed"), 1);
	kit_close(&k);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(gone)
TEST(the_window_reaches_to_what_is_known)
TEST(clocks_that_differ)
TEST(a_window_is_read_to_its_end)
TEST(a_page_of_one_time)
TEST(a_full_page_and_nothing_else)
TEST(a_server_without_before_ts)
TEST(a_walk_that_fails)
TEST(narrower_windows)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_the_window_reaches_to_what_is_known),
		cmocka_unit_test(test_clocks_that_differ),
		cmocka_unit_test(test_a_window_is_read_to_its_end),
		cmocka_unit_test(test_a_page_of_one_time),
		cmocka_unit_test(test_a_full_page_and_nothing_else),
		cmocka_unit_test(test_a_server_without_before_ts),
		cmocka_unit_test(test_a_walk_that_fails),
		cmocka_unit_test(test_narrower_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
