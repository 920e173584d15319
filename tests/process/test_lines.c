// SPDX-License-Identifier: MIT
/*
 * Lines on stdin of every kind: broken ones, huge ones, in bursts and in
 * pieces. None ends the program, none gets an answer that is no JSON-RPC
 * message, and none keeps the next one from being answered.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static void assert_alive(struct child *mcp, json_int_t id)
{
	child_send(mcp, "{'jsonrpc':'2.0','id':%lld,'method':'ping'}",
		   (long long)id);
	assert_int_equal(json_object_size(child_result(mcp, id)), 0);
}

struct piece {
	const char *bytes;
	size_t len;
};

#define PIECE(text)                                                            \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

static const struct piece broken[] = {
	PIECE(""),
	PIECE("\r"),
	PIECE("   \t "),
	PIECE("hello"),
	PIECE("{"),
	PIECE("}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":9001,\"method\":\"ping\""),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":9001,\"method\":\"ping\"}}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":9001,\"method\":\"ping\"} x"),
	PIECE("null"),
	PIECE("true"),
	PIECE("-1.5e308"),
	PIECE("\"text\""),
	PIECE("[]"),
	PIECE("[1,2"),
	PIECE("[[[]]]"),
	PIECE("{}"),
	PIECE("{\"jsonrpc\":\"2.0\"}"),
	PIECE("{\"jsonrpc\":2.0,\"method\":\"x\"}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"method\":7}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"ping\"}"),
	PIECE("{\"a\":1e99999,\"b\":-0,\"c\":123456789012345678901234567890}"),
	PIECE("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":\"\xff\xfe\"}"),
	PIECE("\xc3("),
	PIECE("\xed\xa0\x80"),
	PIECE("\xef\xbb\xbf"),
	PIECE("{\"jsonrpc\":\"2.0\",\"method\":\"\\ud800\"}"),
	PIECE("a\0b"),
	PIECE("{\"jsonrpc\":\"2.0\",\"method\":\"a\0b\"}"),
	PIECE("Content-Length: 40"),
	PIECE("\x1b[31m\x07"),
};

#define BROKEN (sizeof broken / sizeof *broken)

/* One burst: a ping before and after each broken line. */
static void broken_lines_in_one_burst(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char *all = malloc(BROKEN * 512);
	size_t len = 0;

	assert_non_null(all);
	mcp_hello(mcp);
	for (size_t i = 0; i < BROKEN; i++) {
		memcpy(all + len, broken[i].bytes, broken[i].len);
		len += broken[i].len;
		len += (size_t)snprintf(all + len, 100,
					"\n{\"jsonrpc\":\"2.0\",\"id\":%zu,"
					"\"method\":\"ping\"}\n",
					1000 + i);
	}
	child_send_bytes(mcp, all, len);
	free(all);
	for (size_t i = 0; i < BROKEN; i++)
		child_result(mcp, (json_int_t)(1000 + i));
	assert_alive(mcp, 20);
	assert_int_equal(child_responses(mcp, 9001), 0);
}

static void many_pings_in_one_burst(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char *all = malloc(2000 * 64);
	size_t len = 0;

	assert_non_null(all);
	mcp_hello(mcp);
	for (int i = 0; i < 2000; i++)
		len += (size_t)sprintf(all + len,
				       "{\"jsonrpc\":\"2.0\",\"id\":%d,"
				       "\"method\":\"ping\"}\n",
				       10000 + i);
	child_send_bytes(mcp, all, len);
	free(all);
	child_result(mcp, 11999);
	for (int i = 0; i < 2000; i += 37)
		child_result(mcp, 10000 + i);
}

static void byte_by_byte_and_crlf(void **state)
{
	static const char text[] =
		"\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
		"\"params\":{\"protocolVersion\":\"2025-03-26\",\"clientInfo\":"
		"{\"name\":\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"}}}\r\n"
		" \t{ \"method\" : \"ping\" , \"id\" : 2 , \"jsonrpc\" : "
		"\"2.0\" } \r\n"
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\",\"params\":"
		"{\"x\":\"\xe2\x80\xa8\xe2\x80\xa9\"}}\n";
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	for (size_t i = 0; i < sizeof text - 1; i++) {
		child_send_bytes(mcp, text + i, 1);
		if (i % 16 == 0)
			pause_ms(1);
	}
	child_result(mcp, 1);
	child_result(mcp, 2);
	child_result(mcp, 3);
}

/* A ping with so much in it that the line has this many bytes. */
static void send_long_ping(struct child *mcp, int id, size_t size)
{
	char *line = malloc(size + 200);
	int head;

	assert_non_null(line);
	head = sprintf(line,
		       "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"ping\","
		       "\"params\":{\"fill\":\"",
		       id);
	memset(line + head, 'x', size - (size_t)head);
	memcpy(line + size - 3, "\"}}\n", 4);
	child_send_bytes(mcp, line, size + 1);
	free(line);
}

static void long_lines_are_read(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	send_long_ping(mcp, 2, 100);
	send_long_ping(mcp, 3, 4096);
	send_long_ping(mcp, 4, 65536);
	send_long_ping(mcp, 5, 8 * MIB);
	for (int id = 2; id < 6; id++)
		child_result(mcp, id);
}

/* Past the limit a line is dropped as a whole; the next one is read. */
static void too_long_a_line_is_dropped(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	send_long_ping(mcp, 2, 40 * MIB);
	assert_alive(mcp, 3);
	assert_int_equal(child_responses(mcp, 2), 0);
	child_expect_stderr(mcp, "[molecule-mcp]");
}

/* Deep nesting costs no stack that is not there. */
static void deep_nesting_is_survived(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	static const char *const kinds[] = { "[", "{\"a\":" };

	mcp_hello(mcp);
	for (int k = 0; k < 2; k++) {
		size_t one = strlen(kinds[k]);
		size_t n = 200000;
		char *line = malloc(n * one + 1);

		assert_non_null(line);
		for (size_t i = 0; i < n; i++)
			memcpy(line + i * one, kinds[k], one);
		line[n * one] = '\n';
		child_send_bytes(mcp, line, n * one + 1);
		free(line);
		assert_alive(mcp, 20 + k);
	}
}

/* A nested value inside a request that makes sense. */
static void deep_params_are_survived(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char *deep = malloc(4001);

	assert_non_null(deep);
	for (int i = 0; i < 2000; i++)
		deep[i] = '[', deep[2000 + i] = ']';
	deep[4000] = '\0';
	mcp_hello(mcp);
	child_send(mcp,
		   "{'jsonrpc':'2.0','id':2,'method':'tools/call','params':{"
		   "'name':'inbox_pop','arguments':{'activity_id':%s}}}",
		   deep);
	free(deep);
	assert_alive(mcp, 3);
}

static void batches_of_2025_03_26_are_answered(void **state)
{
	struct rig *rig = *state;
	struct child *mcp =
		rig_spawn(rig, (struct child_how){ .arrays = true });

	mcp_initialize(mcp, "2025-03-26");
	child_result(mcp, 1);
	mcp_initialized(mcp);
	child_send(mcp, "[{'jsonrpc':'2.0','id':2,'method':'ping'},"
			"{'jsonrpc':'2.0','method':'notifications/x'},"
			"{'jsonrpc':'2.0','id':3,'method':'tools/call',"
			"'params':{'name':'inbox_peek','arguments':{}}},"
			"{'jsonrpc':'2.0','id':4,'method':'nope'}]");
	child_result(mcp, 2);
	mcp_ok(mcp, 3);
	child_error(mcp, 4);
	assert_alive(mcp, 5);
}

static void batches_are_survived_elsewhere(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	mcp_hello(mcp);
	child_send(mcp, "[{'jsonrpc':'2.0','id':2,'method':'ping'}]");
	child_send(mcp, "[]");
	child_send(mcp, "[1,null,[],{}]");
	assert_alive(mcp, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(broken_lines_in_one_burst),
		TEST(many_pings_in_one_burst),
		TEST(byte_by_byte_and_crlf),
		TEST(long_lines_are_read),
		TEST(too_long_a_line_is_dropped),
		TEST(deep_nesting_is_survived),
		TEST(deep_params_are_survived),
		TEST(batches_of_2025_03_26_are_answered),
		TEST(batches_are_survived_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
