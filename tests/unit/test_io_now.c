// SPDX-License-Identifier: MIT
/* io_write_now: what goes at once goes, and nothing ever waits. */
#include "tests/unit/rt_fixture.h"

#include <errno.h>
#include <pty.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io.h"

/* Until nothing more fits; what was written is there. */
static void fill(struct rt *rt, int to, int from)
{
	static char buf[65536];
	size_t written = 0, read_back = 0;
	ssize_t n;

	while ((n = io_write_now(rt, to, buf, sizeof(buf))) > 0)
		written += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(written > 0);
	while (read_back < written) {
		n = io_read(rt, from, buf, sizeof(buf), DEADLINE_NEVER);
		assert_true(n > 0);
		read_back += (size_t)n;
	}
	assert_int_equal(io_write_now(rt, to, "x", 1), 1);
}

static void what_goes_at_once(struct rt *rt)
{
	int fds[2], plain = memfd_create("plain", MFD_CLOEXEC);
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	fill(rt, fds[1], fds[0]);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fill(rt, fds[1], fds[0]);
	close(fds[0]);
	close(fds[1]);
	/* A terminal that nobody reads blocks nobody. */
	assert_int_equal(openpty(&fds[0], &fds[1], NULL, NULL, NULL), 0);
	assert_int_equal(io_write_now(rt, fds[1], "x", 1), -EOPNOTSUPP);
	close(fds[0]);
	close(fds[1]);
	n = io_write_now(rt, plain, "x", 1);
	assert_true(n == 1 || n == -EOPNOTSUPP);
	close(plain);
	assert_int_equal(io_write_now(rt, -1, "x", 1), -EBADF);
}
RT_TEST(what_goes_at_once)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
