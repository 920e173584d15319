// SPDX-License-Identifier: MIT
/*
 * The streams a host may give to molecule-mcp: pipes, sockets, terminals,
 * plain files, nothing at all.
 */
#include "harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define HELLO                                                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{" \
	"\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"              \
	"\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}\n"                \
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}"

static void talk(struct child *mcp)
{
	mcp_hello(mcp);
	child_send(mcp, "{'jsonrpc':'2.0','id':2,'method':'ping'}");
	child_result(mcp, 2);
	mcp_call(mcp, 3, "list_peers", NULL);
	mcp_ok(mcp, 3);
}

static void sockets(void **state)
{
	struct rig *rig = *state;
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .in = STDIO_SOCKET,
						   .out = STDIO_SOCKET,
						   .err = STDIO_SOCKET });

	talk(mcp);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void a_terminal(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_spawn(
		rig, (struct child_how){ .in = STDIO_PTY, .out = STDIO_PTY });

	talk(mcp);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

/* EAGAIN means to wait: it is no end and no error. */
static void streams_that_do_not_block(void **state)
{
	static const enum stdio_kind kinds[] = { STDIO_PIPE, STDIO_SOCKET,
						 STDIO_PTY };
	struct rig *rig = *state;

	for (int k = 0; k < 3; k++) {
		int beats = fake_count(rig->fake, "POST", HEARTBEAT);
		struct child *mcp = rig_spawn(
			rig, (struct child_how){ .in = kinds[k],
						 .out = kinds[k],
						 .err = kinds[k],
						 .non_blocking = true,
						 .hold_stdout = true });

		mcp_initialize(mcp, "2025-06-18");
		mcp_initialized(mcp);
		for (int id = 100; id < 200; id++)
			child_send(mcp,
				   "{'jsonrpc':'2.0','id':%d,'method':"
				   "'tools/list'}",
				   id);
		fake_expect(rig->fake, "POST", HEARTBEAT, beats + 2);
		child_unhold(mcp);
		for (int id = 100; id < 200; id++)
			child_result(mcp, id);
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	}
}

/* The streams are shared with the host: their flags are not ours to set. */
static void flags_are_left_alone(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	talk(mcp);
	for (int fd = 0; fd < 3; fd++) {
		char *text = file_read(rig_text(rig, "/proc/%d/fdinfo/%d",
						(int)child_pid(mcp), fd));
		const char *flags = text ? strstr(text, "flags:") : NULL;
		unsigned long value = flags ? strtoul(flags + 6, NULL, 8) : 0;

		free(text);
		if (!flags)
			skip(); /* not ours to look at */
		assert_int_equal(value & O_NONBLOCK, 0);
	}
}

/* Answers to what a plain file asks land in a plain file, then exit 0. */
static void plain_files(void **state)
{
	/* With and without a newline at the end of the last line. */
	static const char *const ends[] = { PING "\n", PING };
	struct rig *rig = *state;
	const char *in = rig_text(rig, "%s/in", rig->dir);
	const char *out = rig_text(rig, "%s/out", rig->dir);

	for (int i = 0; i < 2; i++) {
		struct child *mcp;
		char *text;

		file_write(in, rig_text(rig, "%s%s", HELLO, ends[i]), 0600);
		mcp = rig_spawn(rig, (struct child_how){ .in = STDIO_FILE,
							 .out = STDIO_FILE,
							 .in_path = in,
							 .out_path = out });
		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
		text = file_read(out);
		assert_non_null(text);
		assert_int_equal(lines_with(text, "\"id\":1"), 1);
		assert_int_equal(lines_with(text, "protocolVersion"), 1);
		if (i == 0)
			assert_int_equal(lines_with(text, "\"id\":2"), 1);
		assert_true(*text && text[strlen(text) - 1] == '\n');
		free(text);
	}
}

static void an_empty_file_ends_it(void **state)
{
	struct rig *rig = *state;
	const char *in = rig_text(rig, "%s/in", rig->dir);
	struct child *mcp;

	file_write(in, "", 0600);
	mcp = rig_spawn(rig,
			(struct child_how){ .in = STDIO_FILE, .in_path = in });
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	mcp = rig_spawn(rig, (struct child_how){ .in = STDIO_NULL,
						 .out = STDIO_NULL,
						 .err = STDIO_NULL });
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void closed_stdin_is_its_end(void **state)
{
	struct rig *rig = *state;
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .in = STDIO_CLOSED });

	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_string_equal(child_stdout(mcp), "");
}

/* No socket of ours may become fd 1 or 2 and get what is meant for them. */
static void closed_stdout_and_stderr_harm_nothing(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_VERBOSE", "1");
	mcp = rig_spawn(rig, (struct child_how){ .out = STDIO_CLOSED,
						 .err = STDIO_CLOSED });
	child_send_bytes(mcp, HELLO, strlen(HELLO));
	fake_expect(rig->fake, "GET", ACTIVITY, 2);
	fake_expect(rig->fake, "POST", HEARTBEAT, 2);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	mcp = rig_spawn(rig, (struct child_how){ .err = STDIO_CLOSED });
	talk(mcp);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void all_three_closed(void **state)
{
	struct rig *rig = *state;
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .in = STDIO_CLOSED,
						   .out = STDIO_CLOSED,
						   .err = STDIO_CLOSED });

	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sockets),
		TEST(a_terminal),
		TEST(streams_that_do_not_block),
		TEST(flags_are_left_alone),
		TEST(plain_files),
		TEST(an_empty_file_ends_it),
		TEST(closed_stdin_is_its_end),
		TEST(closed_stdout_and_stderr_harm_nothing),
		TEST(all_three_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
