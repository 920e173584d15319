// SPDX-License-Identifier: MIT
/*
 * The log: its lines, what it does when nobody reads them, and the limit on
 * repetitions.
 */
#include "tests/unit/net_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "app/log.h"

static size_t drain(int fd, char *buf, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (len < cap - 1 && (n = read(fd, buf + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return len;
}

static void direct_lines(void **state)
{
	char buf[8192];
	char longer[3 * LOG_LINE_MAX];
	struct log log;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_init(&log, fds[1], LOG_WARNING);
	log_error(&log, "one %d", 1);
	log_info(&log, "not said");
	log_warning(&log, "a\nb\rc\x1b[31m\x7f\xc2\x9b"
			  "d \xc3\xa9");
	log_plain(&log, "plain\ntext\n");
	drain(fds[0], buf, sizeof(buf));
	assert_string_equal(buf, "[molecule-mcp] one 1\n"
				 "[molecule-mcp] a b c [31m   d \xc3\xa9\n"
				 "plain\ntext\n");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	log_error(&log, "%s", longer);
	assert_int_equal(drain(fds[0], buf, sizeof(buf)), LOG_LINE_MAX - 1);
	assert_int_equal(buf[LOG_LINE_MAX - 2], '\n');
	close(fds[0]);
	close(fds[1]);
}

/* A pipe that is full, so that nothing more can be written without blocking.
 */
static void full_pipe(int fds[2])
{
	char byte[4096] = { 0 };

	assert_int_equal(pipe(fds), 0);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (write(fds[1], byte, sizeof(byte)) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
}

static void direct_lines_do_not_block(void **state)
{
	struct log log;
	int fds[2];

	(void)state;
	full_pipe(fds);
	log_init(&log, fds[1], LOG_WARNING);
	log_error(&log, "given up");
	close(fds[0]);
	close(fds[1]);
}

static int queued(struct rt *rt, void *arg)
{
	char buf[1024];
	struct log log;
	int fds[2];

	(void)arg;
	CHECK_EQ(pipe(fds), 0);
	log_init(&log, fds[1], LOG_INFO);
	log_start(&log, rt);
	log_info(&log, "first");
	log_warning(&log, "second");
	CHECK_EQ(drain(fds[0], buf, sizeof(buf)), 0); /* no task has run */
	log_stop(&log, patience(rt));
	drain(fds[0], buf, sizeof(buf));
	CHECK(strcmp(buf, "[molecule-mcp] first\n[molecule-mcp] second\n") ==
	      0);
	log_error(&log, "direct");
	drain(fds[0], buf, sizeof(buf));
	CHECK(strcmp(buf, "[molecule-mcp] direct\n") == 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int stuck(struct rt *rt, void *arg)
{
	size_t cap = 256 * 1024;
	char *buf = malloc(cap);
	struct log log;
	int fds[2];
	const char *said;

	(void)arg;
	full_pipe(fds);
	log_init(&log, fds[1], LOG_INFO);
	log_start(&log, rt);
	for (int i = 0; i < 4000; i++) {
		log_info(&log, "line %d", i);
		if (i == 10)
			task_yield(rt); /* the first are being written */
	}
	CHECK(log.dropped > 0);
	CHECK(log.len <= LOG_QUEUE_MAX);
	drain(fds[0], buf, cap);
	fcntl(fds[0], F_SETFL, 0);
	log_stop(&log, patience(rt));
	drain(fds[0], buf, cap);
	said = strstr(buf, "log lines were lost here\n");
	CHECK(said != NULL);
	CHECK(strstr(buf, "[molecule-mcp] line 11\n") != NULL);
	CHECK(log.dropped == 0);
	close(fds[0]);
	close(fds[1]);
	free(buf);
	return 0;
}

static int stuck_for_good(struct rt *rt, void *arg)
{
	struct log log;
	int fds[2];

	(void)arg;
	full_pipe(fds);
	log_init(&log, fds[1], LOG_INFO);
	log_start(&log, rt);
	log_error(&log, "nobody will see it");
	log_stop(&log, deadline_in_ms(rt, 20));
	CHECK(!log.writing);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int reader_gone(struct rt *rt, void *arg)
{
	struct log log;
	int fds[2];

	(void)arg;
	CHECK_EQ(pipe(fds), 0);
	close(fds[0]);
	log_init(&log, fds[1], LOG_INFO);
	log_start(&log, rt);
	log_error(&log, "one");
	task_yield(rt);
	log_error(&log, "two");
	log_stop(&log, patience(rt));
	close(fds[1]);
	return 0;
}

static void queued_lines(void **state)
{
	(void)state;
	in_runtime(queued, NULL);
}

static void dropped_lines_are_counted(void **state)
{
	(void)state;
	in_runtime(stuck, NULL);
}

static void stop_is_bounded(void **state)
{
	(void)state;
	in_runtime(stuck_for_good, NULL);
}

static void a_gone_reader_is_survived(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	in_runtime(reader_gone, NULL);
}

static void limit(void **state)
{
	struct log_limit l = { 0 };
	uint32_t withheld = 99;

	(void)state;
	assert_true(log_limit_pass(&l, 1000, 1, &withheld));
	assert_int_equal(withheld, 0);
	assert_false(log_limit_pass(&l, 1001, 1, NULL));
	assert_false(log_limit_pass(&l, 1000 + CLOCK_NS_PER_MS - 1, 1, NULL));
	assert_true(log_limit_pass(&l, 1000 + CLOCK_NS_PER_MS, 1, &withheld));
	assert_int_equal(withheld, 2);
	assert_false(log_limit_pass(&l, 1000 + CLOCK_NS_PER_MS, 1, &withheld));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct_lines),
		cmocka_unit_test(direct_lines_do_not_block),
		cmocka_unit_test(queued_lines),
		cmocka_unit_test(dropped_lines_are_counted),
		cmocka_unit_test(stop_is_bounded),
		cmocka_unit_test(a_gone_reader_is_survived),
		cmocka_unit_test(limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
