// SPDX-License-Identifier: MIT
/*
 * What the receiver keeps over a restart: what was fetched and not popped is
 * there again, in order; what was popped is not; and a disk that is full costs
 * nothing but having to fetch again.
 */
#include "tests/unit/receiver_fixture.h"

/* What stands on the disk when somebody learns of a message. */
struct witness {
	struct post *p;
	int told;
	bool in_journal, cursor_moved;
};

static bool cursor_is(struct post *p, const char *want)
{
	char path[256], buf[64] = "";
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->w.dir, STATE_DIR_CURSOR);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, sizeof(buf) - 1);
		close(fd);
	}
	return n >= 0 && strcmp(buf, want) == 0;
}

static void bear_witness(void *arg)
{
	struct witness *v = arg;

	v->told++;
	v->in_journal = post_in_file(v->p, row_id(2));
	v->cursor_moved = !cursor_is(v->p, row_id(0));
}

/* A notification may go out once the journal is written; the cursor's file
 * follows when that is safe. */
static int written_before_it_is_told(struct rt *rt, void *arg)
{
	struct post p;
	struct witness v = { .p = &p };

	(void)arg;
	post_open(&p, rt, 1);
	post_begin(&p);
	post_drain(&p);
	CHECK(cursor_is(&p, row_id(0)));
	p.rows.end = 3;
	inbox_on_put(p.inbox, bear_witness, &v);
	post_drain(&p);
	CHECK_EQ(v.told, 2);
	CHECK(v.in_journal);
	CHECK(!v.cursor_moved);
	CHECK(cursor_is(&p, row_id(2)));
	CHECK(post_in_file(&p, "\"seen\":\"" ROWS_ID "000000000002\""));
	post_close(&p);
	return 0;
}

static int after_a_restart(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 6);
	post_begin(&p);
	post_drain(&p);
	CHECK_EQ(post_pop(&p, 1), 1);
	CHECK_EQ(post_pop(&p, 4), 1);
	post_end(&p);

	/* Those that were not popped are there before anything is fetched. */
	p.rows.status = 503;
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "0 2 3 5");
	CHECK(strncmp(inbox_first(p.inbox)->text, "m0", 2) == 0);
	CHECK(strcmp(inbox_first(p.inbox)->created_at,
		     rows_time(p.rows.when(0))) == 0);
	CHECK_EQ(post_pop(&p, 0), 1);
	p.rows.status = 0;
	p.rows.end = 8;
	post_drain(&p);
	expect_inbox(&p, "2 3 5 6 7");
	post_end(&p);

	/* The window shows all of them again, and brings none of them twice. */
	CHECK_EQ(state_dir_remove(&p.w.state, STATE_DIR_CURSOR), 0);
	p.rows.first = 1;
	post_begin(&p);
	post_drain(&p);
	CHECK_EQ(state_dir_write(&p.w.state, STATE_DIR_CURSOR, row_id(0), 36),
		 0);
	post_end(&p);
	post_begin(&p);
	CHECK(post_poll(&p)); /* 410 */
	post_drain(&p);
	expect_inbox(&p, "2 3 5 6 7");
	CHECK(cursor_is(&p, row_id(7)));
	post_close(&p);
	return 0;
}

/* The cursor that the journal knows serves where the file is lost. */
static int without_the_file(struct rt *rt, void *arg)
{
	struct post p;
	char cursor[64];

	(void)arg;
	post_open(&p, rt, 3);
	post_begin(&p);
	post_drain(&p);
	post_end(&p);
	CHECK_EQ(state_dir_remove(&p.w.state, STATE_DIR_CURSOR), 0);
	post_begin(&p);
	post_drain(&p);
	rows_query(p.w.seen[p.w.count - 1].line, "since_id", cursor,
		   sizeof(cursor));
	CHECK(strcmp(cursor, row_id(2)) == 0);
	expect_inbox(&p, "0 1 2");
	CHECK(cursor_is(&p, row_id(2)));
	post_close(&p);
	return 0;
}

/* The journal cannot be written: messages come, the file stays behind and
 * catches up as soon as that is over, though nothing new comes. */
static int a_full_disk(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 1);
	post_begin(&p);
	post_drain(&p);
	post_limit_files((rlim_t)post_file_size(&p) + 10);
	p.rows.end = 3;
	post_drain(&p);
	expect_inbox(&p, "0 1 2");
	CHECK(cursor_is(&p, row_id(0)));
	CHECK_EQ(world_logged(&p.w, "cannot write the journal"), 1);
	post_drain(&p);
	CHECK(cursor_is(&p, row_id(0)));
	post_limit_files(RLIM_INFINITY);
	post_drain(&p);
	CHECK(cursor_is(&p, row_id(2)));
	CHECK_EQ(world_logged(&p.w, "can be written again"), 1);
	post_end(&p);
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "0 1 2");
	post_close(&p);
	return 0;
}

/* And when the process ends in between, they are fetched again. */
static int a_full_disk_and_the_end(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 1);
	post_begin(&p);
	post_drain(&p);
	post_limit_files((rlim_t)post_file_size(&p) + 10);
	p.rows.end = 3;
	post_drain(&p);
	expect_inbox(&p, "0 1 2");
	post_end(&p);
	post_limit_files(RLIM_INFINITY);
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "0 1 2");
	CHECK(cursor_is(&p, row_id(2)));
	post_close(&p);
	return 0;
}

/* A pop is on the disk before it is answered; what cannot be written has not
 * happened. */
static int popping(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 3);
	post_begin(&p);
	post_drain(&p);
	CHECK_EQ(post_pop(&p, 0), 1);
	CHECK(post_in_file(&p, "\"popped\":\"" ROWS_ID "000000000000\""));
	post_limit_files(10);
	CHECK_EQ(post_pop(&p, 1), -EFBIG);
	CHECK_EQ(post_pop(&p, 1), -EFBIG);
	expect_inbox(&p, "1 2");
	CHECK_EQ(inbox_count(p.inbox), 2);
	post_limit_files(RLIM_INFINITY);
	CHECK_EQ(post_pop(&p, 1), 1);
	CHECK_EQ(post_pop(&p, 1), 0);
	expect_inbox(&p, "2");
	post_end(&p);
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "2");
	post_close(&p);
	return 0;
}

static void poll_task(struct rt *rt, void *arg)
{
	(void)rt;
	post_drain(arg);
}

/* The file is written anew while a page is being read: what that page has
 * brought so far is in the new file, too. */
static int written_anew_meanwhile(struct rt *rt, void *arg)
{
	struct post p;
	struct scope scope;

	(void)arg;
	post_open(&p, rt, 3);
	post_begin(&p);
	post_drain(&p);
	p.rows.end = 5;
	p.rows.pad = JOURNAL_SMALL;
	p.rows.padded = 3;
	p.rows.upload = 4;
	p.w.client.uploading = 1; /* row 4 may be what is under way */
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "poll", TASK_STACK_NORMAL, poll_task, &p),
		 0);
	CHECK(until(rt, &p.polls, 2));
	task_sleep(rt, deadline_in_ms(rt, 50));
	expect_inbox(&p, "0 1 2");
	CHECK_EQ(post_pop(&p, 0), 1); /* row 3 is written with it */
	CHECK(post_file_size(&p) > (off_t)JOURNAL_SMALL);
	CHECK_EQ(post_pop(&p, 1), 1);
	CHECK(!post_in_file(&p, "\"text\":\"m0"));
	p.w.client.uploading = 0;
	cond_broadcast(&p.w.client.uploaded);
	scope_join(&scope);
	expect_inbox(&p, "2 3 4");
	CHECK(cursor_is(&p, row_id(4)));
	post_end(&p);
	p.rows.status = 503;
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "2 3 4");
	post_close(&p);
	return 0;
}

/* The first message of the file has a byte that is not as it was. */
static void damage(struct post *p)
{
	char path[256], byte;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->w.dir, POST_JOURNAL);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &byte, 1, 20), 1);
	byte ^= 1;
	CHECK_EQ(pwrite(fd, &byte, 1, 20), 1);
	close(fd);
}

/* What stands behind a damaged line is there at once, in its order, although
 * the platform has nothing new. */
static int behind_a_damaged_line(struct rt *rt, void *arg)
{
	struct post p;

	(void)arg;
	post_open(&p, rt, 4);
	post_begin(&p);
	post_drain(&p);
	post_end(&p);
	damage(&p);
	post_begin(&p);
	post_drain(&p);
	expect_inbox(&p, "1 2 3");
	p.rows.end = 5;
	post_drain(&p);
	expect_inbox(&p, "1 2 3 4");
	post_close(&p);
	return 0;
}

/* None of it is dropped when there is more than there is room for. */
static int more_than_there_is_room_for(struct rt *rt, void *arg)
{
	const int kept = INBOX_CAPACITY - 5, all = INBOX_CAPACITY + 45;
	struct post p;
	int n = 1;

	(void)arg;
	post_open(&p, rt, kept);
	post_begin(&p);
	post_drain(&p);
	post_end(&p);
	damage(&p);
	p.rows.end = all;
	post_begin(&p);
	post_drain(&p);
	while (n < all && inbox_first(p.inbox) &&
	       row_number(inbox_first(p.inbox)->activity_id) == n) {
		CHECK_EQ(post_pop(&p, n++), 1);
		post_drain(&p);
	}
	CHECK_EQ(n, all);
	post_close(&p);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(written_before_it_is_told)
TEST(after_a_restart)
TEST(without_the_file)
TEST(a_full_disk)
TEST(a_full_disk_and_the_end)
TEST(popping)
TEST(written_anew_meanwhile)
TEST(behind_a_damaged_line)
TEST(more_than_there_is_room_for)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_before_it_is_told),
		cmocka_unit_test(test_after_a_restart),
		cmocka_unit_test(test_without_the_file),
		cmocka_unit_test(test_a_full_disk),
		cmocka_unit_test(test_a_full_disk_and_the_end),
		cmocka_unit_test(test_popping),
		cmocka_unit_test(test_written_anew_meanwhile),
		cmocka_unit_test(test_behind_a_damaged_line),
		cmocka_unit_test(test_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
