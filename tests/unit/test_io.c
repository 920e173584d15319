// SPDX-License-Identifier: MIT
#include "tests/unit/rt_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io.h"
#include "runtime/scope.h"

#define BIG ((size_t)4 * 1024 * 1024)

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct deadline soon(struct rt *rt)
{
	return deadline_in_ms(rt, 3);
}

/* Reading from anything an inherited descriptor can be: it waits, times out
 * without harm, and O_NONBLOCK is as it was. */
static void read_waits(struct rt *rt, int in, int out)
{
	char buf[16];
	int flags = fcntl(in, F_GETFL);

	assert_int_equal(io_read(rt, in, buf, sizeof(buf), soon(rt)),
			 -ETIMEDOUT);
	assert_int_equal(write(out, "ab\n", 3), 3);
	assert_int_equal(io_read(rt, in, buf, sizeof(buf), DEADLINE_NEVER), 3);
	assert_memory_equal(buf, "ab\n", 3);
	assert_int_equal(io_read(rt, in, buf, sizeof(buf), soon(rt)),
			 -ETIMEDOUT);
	assert_int_equal(fcntl(in, F_GETFL), flags);
}

static void pipes_sockets_and_terminals_wait(struct rt *rt)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	read_waits(rt, fds[0], fds[1]);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	read_waits(rt, fds[0], fds[1]);
	close(fds[1]);
	char byte;
	assert_int_equal(io_read(rt, fds[0], &byte, 1, DEADLINE_NEVER), 0);
	close(fds[0]);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	read_waits(rt, fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);

	assert_int_equal(openpty(&fds[0], &fds[1], NULL, NULL, NULL), 0);
	read_waits(rt, fds[1], fds[0]);
	close(fds[0]);
	close(fds[1]);
}
RT_TEST(pipes_sockets_and_terminals_wait)

static void plain_files_are_read_in_order(struct rt *rt)
{
	char path[] = "/tmp/test-io-XXXXXX";
	char buf[8];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(
		io_write_all(rt, fd, "hello world", 11, NULL, DEADLINE_NEVER),
		0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(io_read(rt, fd, buf, 6, DEADLINE_NEVER), 6);
	assert_int_equal(io_read(rt, fd, buf, 8, DEADLINE_NEVER), 5);
	assert_memory_equal(buf, "world", 5);
	assert_int_equal(io_read(rt, fd, buf, 8, DEADLINE_NEVER), 0);
	io_close(rt, fd);
	unlink(path);
}
RT_TEST(plain_files_are_read_in_order)

struct tube {
	int fd;
	size_t want, got;
	int result;
};

static void swallow(struct rt *rt, void *arg)
{
	struct tube *tube = arg;
	char *buf = malloc(65536);

	while (tube->got < tube->want) {
		ssize_t n = io_recv(rt, tube->fd, buf, 65536, DEADLINE_NEVER);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (char)(tube->got + (size_t)i))
				tube->result = -EBADMSG;
		tube->got += (size_t)n;
	}
	if (tube->result == 0)
		tube->result = io_send_all(rt, tube->fd, "done", 4, NULL,
					   DEADLINE_NEVER);
	free(buf);
}

static char *pattern(size_t len)
{
	char *data = malloc(len);

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = (char)i;
	return data;
}

/* Large writes go out whole whatever the socket's buffer is. */
static void exchange_sends_all_and_then_receives(struct rt *rt)
{
	static const size_t sizes[] = { 1, 1000, 200000, BIG };
	char *data = pattern(BIG);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tube tube = { .want = sizes[i] };
		struct scope scope;
		int pair[2];
		char in[16];
		bool sent = false;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		tube.fd = pair[1];
		scope_open(rt, &scope, DEADLINE_NEVER);
		task_spawn(&scope, "peer", TASK_STACK_SMALL, swallow, &tube);
		ssize_t n = io_exchange(rt, pair[0], data, sizes[i], in,
					sizeof(in), &sent, DEADLINE_NEVER);
		assert_int_equal(n, 4);
		assert_memory_equal(in, "done", 4);
		assert_true(sent);
		scope_join(&scope);
		assert_int_equal(tube.result, 0);
		assert_int_equal(tube.got, sizes[i]);
		close(pair[0]);
		close(pair[1]);
	}
	free(data);
}
RT_TEST(exchange_sends_all_and_then_receives)

/* It can be given up in either half, says which, and comes back each time. */
static void exchange_can_be_given_up(struct rt *rt)
{
	char *data = pattern(BIG);
	char in[4];
	bool sent;
	int pair[2];

	for (int i = 0; i < 20; i++) {
		struct deadline when = i % 2 ? soon(rt) : DEADLINE_NOW;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(
			io_exchange(rt, pair[0], data, BIG, in, 4, &sent, when),
			-ETIMEDOUT);
		assert_false(sent);
		close(pair[0]);
		close(pair[1]);

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(
			io_exchange(rt, pair[0], data, 10, in, 4, &sent, when),
			-ETIMEDOUT);
		assert_int_equal(recv(pair[1], data, 20, MSG_DONTWAIT), 10);
		close(pair[0]);
		close(pair[1]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(io_exchange(rt, pair[0], data, 10, in, 4, &sent,
				     DEADLINE_NEVER),
			 -EPIPE);
	assert_false(sent);
	close(pair[0]);
	free(data);
}
RT_TEST(exchange_can_be_given_up)

struct listener {
	int fd;
	struct sockaddr_in addr;
};

static struct listener listen_somewhere(struct rt *rt)
{
	struct listener listener = {
		.addr = { .sin_family = AF_INET,
			  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	};
	struct sockaddr_storage bound;
	socklen_t len;

	listener.fd = io_socket(rt, AF_INET, SOCK_STREAM, 0);
	assert_true(listener.fd >= 0);
	assert_int_equal(io_bind(rt, listener.fd,
				 (struct sockaddr *)&listener.addr,
				 sizeof(listener.addr)),
			 0);
	assert_int_equal(io_listen(rt, listener.fd, 8), 0);
	assert_int_equal(io_getsockname(rt, listener.fd, &bound, &len), 0);
	memcpy(&listener.addr, &bound, sizeof(listener.addr));
	return listener;
}

static void connect_and_accept(struct rt *rt)
{
	struct listener listener = listen_somewhere(rt);
	struct sockaddr_storage peer;
	int client = io_socket(rt, AF_INET, SOCK_STREAM, 0);
	char byte = 'x';

	assert_int_equal(io_accept(rt, listener.fd, NULL, soon(rt)),
			 -ETIMEDOUT);
	assert_int_equal(io_connect(rt, client,
				    (struct sockaddr *)&listener.addr,
				    sizeof(listener.addr), DEADLINE_NEVER),
			 0);
	int server = io_accept(rt, listener.fd, &peer, DEADLINE_NEVER);
	assert_true(server >= 0);
	assert_int_equal(peer.ss_family, AF_INET);
	assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(io_send(rt, client, &byte, 1, DEADLINE_NEVER), 1);
	assert_int_equal(io_recv(rt, server, &byte, 1, DEADLINE_NEVER), 1);
	io_close(rt, client);
	assert_int_equal(io_recv(rt, server, &byte, 1, DEADLINE_NEVER), 0);
	io_close(rt, server);
	io_close(rt, listener.fd);

	client = io_socket(rt, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(io_connect(rt, client,
				    (struct sockaddr *)&listener.addr,
				    sizeof(listener.addr), DEADLINE_NEVER),
			 -ECONNREFUSED);
	io_close(rt, client);
}
RT_TEST(connect_and_accept)

static void files_are_made_renamed_and_removed(struct rt *rt)
{
	char dir[] = "/tmp/test-io-XXXXXX";
	struct stat st;

	assert_non_null(mkdtemp(dir));
	int at = io_openat(rt, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
			   DEADLINE_NEVER);
	assert_true(at >= 0);
	assert_int_equal(io_mkdirat(rt, at, "d", 0700, DEADLINE_NEVER), 0);
	assert_int_equal(io_mkdirat(rt, at, "d", 0700, DEADLINE_NEVER),
			 -EEXIST);
	int fd = io_openat(rt, at, "d/a", O_WRONLY | O_CREAT | O_EXCL, 0600,
			   DEADLINE_NEVER);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(rt, fd, "x", 1, NULL, DEADLINE_NEVER), 0);
	assert_int_equal(io_fsync(rt, fd, DEADLINE_NEVER), 0);
	assert_int_equal(io_fchmod(rt, fd, 0640), 0);
	assert_int_equal(io_fstat(rt, fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	io_close(rt, fd);
	assert_int_equal(io_renameat(rt, at, "d/a", at, "b", DEADLINE_NEVER),
			 0);
	assert_int_equal(io_fstatat(rt, at, "d/a", &st, 0), -ENOENT);
	assert_int_equal(io_fstatat(rt, at, "b", &st, 0), 0);
	assert_int_equal(io_unlinkat(rt, at, "b", 0, DEADLINE_NEVER), 0);
	assert_int_equal(io_unlinkat(rt, at, "d", AT_REMOVEDIR, DEADLINE_NEVER),
			 0);
	io_close(rt, at);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(
		io_openat(rt, AT_FDCWD, dir, O_RDONLY, 0, DEADLINE_NEVER),
		-ENOENT);
}
RT_TEST(files_are_made_renamed_and_removed)

struct seen {
	struct io_watch watch;
	int times, events;
};

static void see(struct io_watch *watch, int events)
{
	struct seen *seen = (struct seen *)watch;

	seen->times++;
	seen->events = events;
}

/* A watch for the peer's end is not disturbed by data. */
static void watches_tell_the_end_only(struct rt *rt)
{
	struct seen seen = { .times = 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	io_watch_start(rt, &seen.watch, pair[0], POLLRDHUP, see);
	assert_int_equal(write(pair[1], "data", 4), 4);
	task_sleep(rt, soon(rt));
	assert_int_equal(seen.times, 0);
	close(pair[1]);
	while (seen.times == 0)
		task_sleep(rt, soon(rt));
	assert_true(seen.events & POLLRDHUP);
	assert_false(seen.watch.armed);
	io_watch_stop(rt, &seen.watch);
	assert_int_equal(seen.times, 1);
	close(pair[0]);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	io_watch_start(rt, &seen.watch, pair[0], POLLRDHUP, see);
	io_watch_stop(rt, &seen.watch);
	close(pair[1]);
	task_sleep(rt, soon(rt));
	assert_int_equal(seen.times, 1);
	close(pair[0]);
}
RT_TEST(watches_tell_the_end_only)

static void polls_report_what_is_ready(struct rt *rt)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(io_poll(rt, pair[0], POLLIN, soon(rt)), -ETIMEDOUT);
	assert_int_equal(io_poll(rt, pair[0], POLLOUT, DEADLINE_NEVER),
			 POLLOUT);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(io_poll(rt, pair[0], POLLIN, DEADLINE_NEVER), POLLIN);
	close(pair[0]);
	close(pair[1]);
}
RT_TEST(polls_report_what_is_ready)

struct storm {
	int fd, peer;
	uint32_t seed;
	size_t sent, received;
};

static void storm_reader(struct rt *rt, void *arg)
{
	struct storm *storm = arg;
	char buf[700];
	ssize_t n;

	while ((n = io_recv(rt, storm->fd, buf, sizeof(buf), DEADLINE_NEVER)) >
	       0)
		storm->received += (size_t)n;
}

static void storm_writer(struct rt *rt, void *arg)
{
	struct storm *storm = arg;
	char buf[500] = { 0 };
	ssize_t n;

	while ((n = io_send(rt, storm->peer, buf, sizeof(buf),
			    DEADLINE_NEVER)) > 0)
		storm->sent += (size_t)n;
}

/* Readers and writers are cancelled at any moment; what was sent and not yet
 * received is still in the socket, to the byte. */
static void cancelling_loses_no_bytes(struct rt *rt)
{
	int before = open_fds();

	for (int round = 0; round < 200; round++) {
		struct storm storm = { .seed = (uint32_t)round };
		struct scope reading, writing;
		int pair[2];
		char rest[4096];
		ssize_t n;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		storm.fd = pair[0];
		storm.peer = pair[1];
		scope_open(rt, &reading, DEADLINE_NEVER);
		scope_open(rt, &writing, DEADLINE_NEVER);
		task_spawn(&reading, "reader", TASK_STACK_SMALL, storm_reader,
			   &storm);
		task_spawn(&writing, "writer", TASK_STACK_SMALL, storm_writer,
			   &storm);
		for (int i = 0; i < round % 17; i++)
			task_yield(rt);
		if (round % 3 == 0)
			task_sleep(rt, DEADLINE_NOW);
		scope_close(&reading);
		for (int i = 0; i < round % 5; i++)
			task_yield(rt);
		scope_close(&writing);
		while ((n = recv(pair[0], rest, sizeof(rest), MSG_DONTWAIT)) >
		       0)
			storm.received += (size_t)n;
		assert_int_equal(storm.received, storm.sent);
		io_close(rt, pair[0]);
		io_close(rt, pair[1]);
	}
	assert_int_equal(open_fds(), before);
}
RT_TEST(cancelling_loses_no_bytes)

static void recv_one(struct rt *rt, void *arg)
{
	struct tube *tube = arg;
	char byte;

	tube->result = (int)io_recv(rt, tube->fd, &byte, 1, DEADLINE_NEVER);
}

/* More operations at once than the ring has room for. */
static void a_small_ring_carries_many_operations(struct rt *rt)
{
	enum { COUNT = 500 };
	struct tube *tubes = calloc(COUNT, sizeof(*tubes));
	int(*pairs)[2] = calloc(COUNT, sizeof(*pairs));
	struct scope scope;

	assert_non_null(tubes);
	assert_non_null(pairs);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]),
				 0);
		tubes[i].fd = pairs[i][0];
		task_spawn(&scope, "recv", TASK_STACK_SMALL, recv_one,
			   &tubes[i]);
	}
	task_sleep(rt, soon(rt));
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(write(pairs[i][1], "x", 1), 1);
	assert_int_equal(scope_join(&scope), 0);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(tubes[i].result, 1);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	free(tubes);
	free(pairs);
}

static void test_a_small_ring_carries_many_operations(void **state)
{
	(void)state;
	rt_test_run(a_small_ring_carries_many_operations,
		    &(struct rt_options){ .ring_entries = 8 });
}

static void test_the_smallest_ring_exchanges(void **state)
{
	(void)state;
	rt_test_run(exchange_can_be_given_up,
		    &(struct rt_options){ .ring_entries = 1 });
	rt_test_run(a_small_ring_carries_many_operations,
		    &(struct rt_options){ .ring_entries = 1 });
}

struct ticker {
	int ticks;
};

static void tick(struct rt *rt, void *arg)
{
	struct ticker *ticker = arg;

	while (task_sleep(rt, deadline_in_ms(rt, 1)) == 0)
		ticker->ticks++;
}

/* A terminal that nobody reads holds up who writes to it, and nobody else. */
static void a_stuck_terminal_stops_only_its_writer(struct rt *rt)
{
	struct ticker ticker = { 0 };
	struct scope scope;
	int pty, tty;
	int kept = dup(STDOUT_FILENO);
	char *data = malloc(65536);

	assert_non_null(data);
	memset(data, 'x', 65536);
	assert_int_equal(openpty(&pty, &tty, NULL, NULL, NULL), 0);
	dup2(tty, STDOUT_FILENO);
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "tick", TASK_STACK_SMALL, tick, &ticker);
	task_sleep(rt, soon(rt));
	int err = io_write_all(rt, STDOUT_FILENO, data, 65536, NULL,
			       deadline_in_ms(rt, 200));
	scope_close(&scope);
	dup2(kept, STDOUT_FILENO);
	assert_int_equal(err, -ETIMEDOUT);
	assert_true(ticker.ticks > 0);
	close(kept);
	close(pty);
	close(tty);
	free(data);
}
RT_TEST(a_stuck_terminal_stops_only_its_writer)

/* A request and its answer are one wake-up: that is what exchange is for. */
static void an_exchange_costs_one_wait(struct rt *rt)
{
	int pair[2];
	char in[4];
	bool sent;

	if (strcmp(rt_backend_name(rt), "io_uring") != 0)
		return; /* epoll cannot */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], "pong", 4), 4);
	uint64_t before = rt_counters(rt)->enters;
	assert_int_equal(io_exchange(rt, pair[0], "ping", 4, in, 4, &sent,
				     DEADLINE_NEVER),
			 4);
	uint64_t enters = rt_counters(rt)->enters - before;
	assert_in_range(enters, 1, 2); /* 2: kernels that cannot link */
	close(pair[0]);
	close(pair[1]);
}
RT_TEST(an_exchange_costs_one_wait)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipes_sockets_and_terminals_wait),
		cmocka_unit_test(test_plain_files_are_read_in_order),
		cmocka_unit_test(test_exchange_sends_all_and_then_receives),
		cmocka_unit_test(test_exchange_can_be_given_up),
		cmocka_unit_test(test_connect_and_accept),
		cmocka_unit_test(test_files_are_made_renamed_and_removed),
		cmocka_unit_test(test_watches_tell_the_end_only),
		cmocka_unit_test(test_polls_report_what_is_ready),
		cmocka_unit_test(test_cancelling_loses_no_bytes),
		cmocka_unit_test(test_a_small_ring_carries_many_operations),
		cmocka_unit_test(test_the_smallest_ring_exchanges),
		cmocka_unit_test(test_a_stuck_terminal_stops_only_its_writer),
		cmocka_unit_test(test_an_exchange_costs_one_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
