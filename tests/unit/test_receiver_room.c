// SPDX-License-Identifier: MIT
/*
 * An inbox without room: the receiver pauses and goes on by itself, and what is
 * given up is only what somebody was given.
 */
#include "tests/unit/receiver_fixture.h"

/* Waits until so many messages are in the inbox, this row's among them. */
static bool until_count(struct post *p, uint32_t count, int last)
{
	struct rt *rt = p->w.rt;
	struct deadline limit = patience(rt);

	while ((inbox_count(p->inbox) != count ||
		!inbox_find(p->inbox, row_id(last))) &&
	       deadline_left_ns(rt, limit) > 0)
		task_sleep(rt, deadline_in_ms(rt, 1));
	CHECK_EQ(inbox_count(p->inbox), count);
	return CHECK(inbox_find(p->inbox, row_id(last)) != NULL);
}

/* F-4: nothing is asked for while there is no room; a pop makes some. */
static int a_pop_makes_room(struct rt *rt, void *arg)
{
	struct post p;
	uint64_t polls;

	(void)arg;
	post_open(&p, rt, 215);
	post_begin(&p);
	p.receiver.broadcasts_ns = INT64_MAX; /* are none of this */
	receiver_begin(&p.receiver);
	until_count(&p, INBOX_CAPACITY, 199);
	CHECK(world_file(&p.w, STATE_DIR_CURSOR, row_id(199)));
	task_sleep(rt, deadline_in_ms(rt, 50));
	polls = p.polls;
	CHECK_EQ(world_logged(&p.w, "full: 200 messages wait"), 1);
	receiver_wake(&p.receiver);
	task_sleep(rt, deadline_in_ms(rt, 50));
	CHECK_EQ(p.polls, polls);
	expect_run(&p, 0, 200);
	for (int n = 0; n < 15; n++) {
		CHECK_EQ(post_pop(&p, n), 1);
		if (!until_count(&p, INBOX_CAPACITY, n + 200))
			break;
	}
	expect_run(&p, 15, 215);
	CHECK_EQ(inbox_given_up(p.inbox), 0);
	post_close(&p);
	return 0;
}

/* What was shown and not popped is given up for what comes, oldest first, and
 * does not come back. */
static int showing_makes_room(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 220);
	post_begin(&p);
	inbox_set_grace(p.inbox, 0);
	receiver_begin(&p.receiver);
	until_count(&p, INBOX_CAPACITY, 199);
	/* Seen by a push alone: nothing is given up. */
	while (inbox_announce(p.inbox) != NULL)
		continue;
	receiver_wake(&p.receiver);
	task_sleep(rt, deadline_in_ms(rt, 50));
	expect_run(&p, 0, 200);
	CHECK_EQ(world_logged(&p.w, "gave up"), 0);
	for (int n = 0; n < 15; n++)
		post_show(&p, n);
	until_count(&p, INBOX_CAPACITY, 214);
	expect_run(&p, 15, 215);
	CHECK_EQ(inbox_given_up(p.inbox), 15);
	CHECK_EQ(world_logged(&p.w, "gave up the oldest message that had been "
				    "shown and not popped, 1 so far"),
		 1);
	/* As many as are needed, no more. */
	for (int n = 15; n < 30; n++)
		post_show(&p, n);
	until_count(&p, INBOX_CAPACITY, 219);
	expect_run(&p, 20, 220);
	CHECK_EQ(inbox_given_up(p.inbox), 20);
	post_end(&p);

	post_begin(&p);
	post_drain(&p);
	expect_run(&p, 20, 220);
	CHECK_EQ(state_dir_write(&p.w.state, STATE_DIR_CURSOR, "x", 1), 0);
	post_end(&p);
	post_begin(&p);
	post_drain(&p);
	expect_run(&p, 20, 220);
	post_close(&p);
	return 0;
}

/* One who pops what he was given is left the time for it; the platform keeps
 * what comes until then. */
static int what_was_just_shown_is_kept(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 260);
	post_begin(&p);
	post_drain(&p);
	for (int n = 0; n < (int)INBOX_CAPACITY; n++)
		post_show(&p, n);
	post_drain(&p);
	expect_run(&p, 0, 200);
	for (int n = 0; n < 40; n++)
		CHECK_EQ(post_pop(&p, n), 1);
	post_drain(&p);
	expect_run(&p, 40, 240);
	CHECK_EQ(inbox_given_up(p.inbox), 0);
	/* The time is up, and only for what was shown. */
	inbox_set_grace(p.inbox, 0);
	post_drain(&p);
	expect_run(&p, 60, 260);
	CHECK_EQ(inbox_given_up(p.inbox), 20);
	post_close(&p);
	return 0;
}

/* A page whose messages are more than all of them together may be: it comes
 * whole, and is the last one for now. */
static int large_messages(struct rt *rt, void *arg)
{
	struct post p;
	uint64_t polls;

	(void)arg;
	post_open(&p, rt, 4);
	p.rows.pad = INBOX_BYTES_MAX;
	p.rows.padded = 1;
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "0 1 2 3");
	p.rows.end = 5;
	polls = p.polls;
	post_drain(&p);
	CHECK_EQ(p.polls, polls);
	CHECK_EQ(world_logged(&p.w, "inbox: full"), 1);
	CHECK_EQ(post_pop(&p, 1), 1);
	post_drain(&p);
	expect_inbox(&p, "0 2 3 4");
	post_end(&p);
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "0 2 3 4");
	post_close(&p);
	return 0;
}

/* What an earlier process left is let in whatever others have brought. */
static int kept_ones_need_no_room(struct rt *rt, void *arg)
{
	struct inbox_source other = { 0 };
	char *text = malloc(INBOX_BYTES_MAX + 1);
	struct activity_message large = { .activity_id = "large",
					  .text = text,
					  .peer_id = "",
					  .kind = "canvas_user",
					  .method = "",
					  .created_at = "" };
	struct post p;

	(void)arg;
	memset(text, 'x', INBOX_BYTES_MAX);
	text[INBOX_BYTES_MAX] = '\0';
	post_open(&p, rt, 3);
	post_begin(&p);
	post_drain(&p);
	post_end(&p);
	post_begin(&p);
	CHECK_EQ(inbox_put(p.inbox, &other, &large), 0);
	p.rows.end = 4;
	post_drain(&p);
	CHECK_EQ(inbox_pop(p.inbox, "large"), 1);
	expect_inbox(&p, "0 1 2");
	post_drain(&p);
	expect_inbox(&p, "0 1 2 3");
	post_close(&p);
	free(text);
	return 0;
}

/* A message that the inbox will not have after all is not passed over: it was
 * shown, and so there was room; but it is held back for somebody. */
static int refused_at_the_door(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, INBOX_CAPACITY);
	post_begin(&p);
	inbox_set_grace(p.inbox, 0);
	post_drain(&p);
	post_show(&p, 0);
	CHECK(inbox_hold(p.inbox, row_id(0)));
	p.rows.end++;
	post_drain(&p);
	CHECK(!inbox_find(p.inbox, row_id(INBOX_CAPACITY)));
	CHECK(world_file(&p.w, STATE_DIR_CURSOR, row_id(INBOX_CAPACITY - 1)));
	CHECK_EQ(post_pop(&p, 0), 1);
	post_drain(&p);
	expect_run(&p, 1, INBOX_CAPACITY + 1);
	post_close(&p);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(a_pop_makes_room)
TEST(showing_makes_room)
TEST(what_was_just_shown_is_kept)
TEST(large_messages)
TEST(kept_ones_need_no_room)
TEST(refused_at_the_door)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pop_makes_room),
		cmocka_unit_test(test_showing_makes_room),
		cmocka_unit_test(test_what_was_just_shown_is_kept),
		cmocka_unit_test(test_large_messages),
		cmocka_unit_test(test_kept_ones_need_no_room),
		cmocka_unit_test(test_refused_at_the_door),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
