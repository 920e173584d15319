// SPDX-License-Identifier: MIT
/*
 * A feed against a list of activity: where it begins, when its cursor's file
 * moves, and what an unfriendly answer may do to it.
 */
#include "tests/unit/feed_fixture.h"

#include <signal.h>
#include <sys/resource.h>

/* The file is the original program's, too: it may have had its turn. */
static int the_file_goes_before_the_journal(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 10);
	left(&k, " aaaaaaaa-0000-4000-8000-000000000006\n");
	feed_known(&k.feed, row_id(3), rows_time(ROWS_START + 3));
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_query(&k, 0, "since_id", row_id(6));
	expect_query(&k, 0, "since_secs", "");
	expect_query(&k, 0, "type", "a2a_receive");
	expect_rows(&k, 7, 10);
	/* It moves when it is told to. */
	CHECK(world_file(&k.w, STATE_DIR_CURSOR,
			 " aaaaaaaa-0000-4000-8000-000000000006\n"));
	CHECK_EQ(feed_save(&k.feed), 0);
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, row_id(9)));
	kit_close(&k);
	return 0;
}

static int the_journal_where_there_is_no_file(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 10);
	feed_known(&k.feed, row_id(9), "");
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_query(&k, 0, "since_id", row_id(9));
	expect_rows(&k, 0, 0);
	CHECK_EQ(feed_save(&k.feed), 0);
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, row_id(9)));
	kit_close(&k);

	kit_open(&k, rt, 10);
	left(&k, ""); /* an empty one is none */
	feed_known(&k.feed, row_id(8), "");
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_query(&k, 0, "since_id", row_id(8));
	expect_rows(&k, 9, 10);
	kit_close(&k);
	return 0;
}

static int a_file_that_cannot_be_read(struct rt *rt, void *arg)
{
	char longer[FEED_CURSOR_MAX + 10];
	struct kit k;

	(void)arg;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	kit_open(&k, rt, 10);
	left(&k, longer);
	feed_known(&k.feed, row_id(8), "");
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_query(&k, 0, "since_id", row_id(8));
	CHECK_EQ(world_logged(&k.w, "beginning with the journal's"), 1);
	kit_close(&k);

	kit_open(&k, rt, 10);
	left(&k, longer);
	CHECK_EQ(ask(&k), FEED_ROWS);
	expect_window(&k, 0, 600);
	CHECK_EQ(world_logged(&k.w, "beginning with the last ten minutes"), 1);
	kit_close(&k);
	return 0;
}

/* F-7: what is no row's id is forgotten; an id is not blamed. */
static int bad_cursor(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 5);
	left(&k, "gar/ba?ge");
	CHECK_EQ(ask(&k), FEED_AGAIN);
	expect_query(&k, 0, "since_id", "gar/ba?ge");
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, NULL));
	CHECK_EQ(world_logged(&k.w, "was not the id of a row"), 1);
	drain(&k);
	expect_rows(&k, 0, 5);
	kit_close(&k);

	kit_open(&k, rt, 5);
	left(&k, row_id(1));
	k.rows.status = 500;
	CHECK_EQ(ask(&k), FEED_FAILED);
	CHECK_EQ(ask(&k), FEED_FAILED);
	expect_query(&k, 1, "since_id", row_id(1));
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, row_id(1)));
	CHECK_EQ(world_logged(&k.w, "the feed failed"), 1);
	k.rows.status = 0;
	drain(&k);
	expect_rows(&k, 2, 5);
	kit_close(&k);
	return 0;
}

/* Answers too large to be read are asked for in pieces; with a cursor the usual
 * page comes back afterwards. */
static int narrower_with_a_cursor(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 64);
	k.rows.most = 25;
	feed_known(&k.feed, row_id(3), "");
	CHECK_EQ(ask(&k), FEED_AGAIN);
	expect_query(&k, 0, "limit", "");
	drain(&k);
	expect_query(&k, 1, "limit", "25");
	expect_query(&k, 3, "limit", "25");
	CHECK_EQ(k.w.count, 4);
	expect_rows(&k, 4, 64);
	CHECK_EQ(k.feed.failures.count, 0);
	k.rows.most = 0;
	drain(&k);
	expect_query(&k, 4, "limit", "");
	kit_close(&k);
	return 0;
}

/* What makes polls rarer: the platform's trouble, not a refusal. */
static int trouble(struct rt *rt, void *arg)
{
	static const int bad[] = { 500, 503, 429 };
	static const int refusals[] = { 401, 403, 404 };
	struct kit k;

	(void)arg;
	kit_open(&k, rt, 3);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++) {
			k.rows.status = bad[j];
			CHECK_EQ(ask(&k), FEED_FAILED);
			CHECK_EQ(k.feed.trouble, j + 1);
		}
		k.rows.status = refusals[i];
		CHECK_EQ(ask(&k), FEED_FAILED);
		CHECK_EQ(k.feed.trouble, 0);
	}
	CHECK_EQ(k.feed.failures.count, 12);
	k.rows.status = 503;
	CHECK_EQ(ask(&k), FEED_FAILED);
	k.rows.status = 0;
	CHECK_EQ(ask(&k), FEED_ROWS);
	CHECK_EQ(k.feed.trouble, 0);
	CHECK_EQ(k.feed.failures.count, 0);
	/* No answer at all. */
	CHECK_EQ(url_parse(&k.w.url, "http://127.0.0.1:9", NULL), 0);
	CHECK_EQ(ask(&k), FEED_FAILED);
	CHECK_EQ(k.feed.trouble, 1);
	kit_close(&k);
	return 0;
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that could not be written is written as soon as it can. */
static int saved_later(struct rt *rt, void *arg)
{
	struct kit k;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	kit_open(&k, rt, 5);
	left(&k, row_id(1));
	drain(&k);
	limit_files(10);
	CHECK_EQ(feed_save(&k.feed), -EFBIG);
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, row_id(1)));
	limit_files(RLIM_INFINITY);
	CHECK_EQ(feed_save(&k.feed), 0);
	CHECK(world_file(&k.w, STATE_DIR_CURSOR, row_id(4)));
	kit_close(&k);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(the_file_goes_before_the_journal)
TEST(the_journal_where_there_is_no_file)
TEST(a_file_that_cannot_be_read)
TEST(bad_cursor)
TEST(narrower_with_a_cursor)
TEST(trouble)
TEST(saved_later)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_file_goes_before_the_journal),
		cmocka_unit_test(test_the_journal_where_there_is_no_file),
		cmocka_unit_test(test_a_file_that_cannot_be_read),
		cmocka_unit_test(test_bad_cursor),
		cmocka_unit_test(test_narrower_with_a_cursor),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_saved_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
