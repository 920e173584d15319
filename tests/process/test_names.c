// SPDX-License-Identifier: MIT
/*
 * PLATFORM_URL with an address, with localhost, and with a name.
 *
 * So that a name means what a test says, molecule-mcp runs in a mount
 * namespace of its own, with other files in place of /etc/hosts and
 * /etc/resolv.conf: this program starts itself, goes into the namespace and
 * becomes molecule-mcp there.
 */
#include "harness.h"
#include "harness_space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME "platform.test"

/* ---- in the namespace ------------------------------------------------- */

/* `dir`/hosts and `dir`/resolv.conf are those of the system there. */
static int mount_names(const char *dir)
{
	static const char *const names[] = { "hosts", "resolv.conf" };

	for (int i = 0; i < 2; i++) {
		char *ours = text_new("%s/%s", dir, names[i]);
		char *theirs = text_new("/etc/%s", names[i]);
		int err = space_bind(ours, theirs);

		free(ours);
		free(theirs);
		if (err)
			return -1;
	}
	return 0;
}

/* ---- a molecule-mcp that knows the name ------------------------------- */

static void write_hosts(struct rig *rig, const char *hosts)
{
	file_write(rig_text(rig, "%s/hosts", rig->dir), hosts, 0644);
}

static struct child *start_with(struct rig *rig, const char *hosts)
{
	const char *args[] = { rig->dir, harness_program("MOLECULE_MCP"),
			       NULL };

	write_hosts(rig, hosts);
	/* Nobody answers there. */
	file_write(rig_text(rig, "%s/resolv.conf", rig->dir),
		   "nameserver 127.1.2.3\n", 0644);
	space_need(mount_names, rig->dir);
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://" NAME ":%d", fake_port(rig->fake)));
	return rig_spawn(rig, (struct child_how){ .exe = "/proc/self/exe",
						  .args = args });
}

/* ---- listeners -------------------------------------------------------- */

/* A listening socket, or -1 where there is no such address. */
static int listen_at(const struct sockaddr *addr, socklen_t len, int backlog)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, addr, len) || listen(fd, backlog)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A listener on ::1 that takes no more connections and refuses none. */
struct pit {
	int listener, fill[8];
	int filled;
};

static struct sockaddr_in6 six_at(int port)
{
	return (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_addr = in6addr_loopback,
				      .sin6_port = htons((uint16_t)port) };
}

/* Is this connection still not there when it should long be? */
static bool is_stuck(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 100) == 0;
}

static bool pit_open(struct pit *pit, int port)
{
	struct sockaddr_in6 addr = six_at(port);
	bool stuck = false;

	pit->filled = 0;
	pit->listener = listen_at((struct sockaddr *)&addr, sizeof addr, 0);
	if (pit->listener < 0)
		return false;
	while (!stuck && pit->filled < 8) {
		int fd = socket(AF_INET6,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		pit->fill[pit->filled++] = fd;
		if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
			continue;
		stuck = errno == EINPROGRESS && is_stuck(fd);
	}
	return stuck;
}

static void pit_close(struct pit *pit)
{
	if (pit->listener >= 0)
		close(pit->listener);
	while (pit->filled > 0)
		close(pit->fill[--pit->filled]);
}

static bool has_six(void)
{
	struct sockaddr_in6 addr = six_at(0);
	int fd = listen_at((struct sockaddr *)&addr, sizeof addr, 1);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void need_six(void)
{
	if (has_six())
		return;
	print_message("no IPv6 here: skipped\n");
	skip();
}

/* ---- tests ------------------------------------------------------------ */

/* It registers with `host` and the port in its Host header, and serves. */
static void serves(struct rig *rig, struct child *c, const char *host)
{
	char header[128] = "";
	const struct request *r = fake_expect(rig->fake, "POST", REGISTER, 0);

	request_header(r, "Host", header, sizeof header);
	assert_string_equal(header,
			    rig_text(rig, "%s:%d", host, fake_port(rig->fake)));
	mcp_hello(c);
}

static void an_address_needs_no_names(void **state)
{
	struct rig *rig = *state;

	need_six();
	fake_move(rig->fake, "::1");
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://[::1]:%d", fake_port(rig->fake)));
	serves(rig, rig_start(rig), "[::1]");
}

static void localhost_may_be_either(void **state)
{
	struct rig *rig = *state;
	struct child *c;

	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://localhost:%d", fake_port(rig->fake)));
	c = rig_start(rig);
	serves(rig, c, "localhost");
	if (!has_six())
		return;
	/* The same name leads to the other one when that is what there is. */
	int before = fake_count(rig->fake, "POST", HEARTBEAT);
	fake_move(rig->fake, "::1");
	fake_expect(rig->fake, "POST", HEARTBEAT, before);
}

static void a_stuck_first_address_costs_little(void **state)
{
	struct rig *rig = *state;
	struct pit pit;
	int64_t start;
	const struct request *r;
	struct child *c;

	need_six();
	if (!pit_open(&pit, fake_port(rig->fake))) {
		pit_close(&pit);
		print_message("cannot fill a backlog here: skipped\n");
		skip();
	}
	start = now_ms();
	c = start_with(rig, "::1 " NAME "\n127.0.0.1 " NAME "\n");
	r = fake_expect(rig->fake, "POST", REGISTER, 0);
	if (getenv("HARNESS_VERBOSE"))
		print_message("registered %d ms after the start\n",
			      (int)(r->at_ms - start));
	serves(rig, c, NAME);
	pit_close(&pit);
}

/* A name that moves, while its old address still takes connections. */
static void a_changed_hosts_file_counts_at_once(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1),
		.sin_port = htons((uint16_t)fake_port(rig->fake)),
	};
	struct pollfd moved = { .events = POLLIN };
	struct child *c = start_with(rig, "127.0.0.1 " NAME "\n");

	serves(rig, c, NAME);
	moved.fd = listen_at((struct sockaddr *)&addr, sizeof addr, 8);
	assert_true(moved.fd >= 0);
	write_hosts(rig, "127.0.0.2 " NAME "\n");
	fake_cut(rig->fake);
	assert_int_equal(poll(&moved, 1, BOUND_MS), 1);
	close(moved.fd);
}

/* What it says, and that it goes on asking. */
static void a_name_may_come_later(void **state)
{
	struct rig *rig = *state;
	struct child *c = start_with(rig, "127.0.0.1 another.test\n");

	child_expect_stderr(c, "cannot be looked up");
	assert_int_equal(fake_count(rig->fake, "POST", REGISTER), 0);
	write_hosts(rig, "127.0.0.1 " NAME "\n");
	serves(rig, c, NAME);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_needs_no_names),
		TEST(localhost_may_be_either),
		TEST(a_stuck_first_address_costs_little),
		TEST(a_changed_hosts_file_counts_at_once),
		TEST(a_name_may_come_later),
	};

	if (argc > 2)
		return space_become(mount_names, argv[1], argv + 2);
	/* Or one that starts itself wrongly would do so without end. */
	if (argc > 1)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
