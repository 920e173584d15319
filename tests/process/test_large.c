// SPDX-License-Identifier: MIT
/*
 * Rows, pages and answers that are larger or deeper than is good for anyone.
 * None may block what comes after it, and no line to the host may be so long
 * that the host hangs up.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANNEL "notifications/claude/channel"
#define MIB ((size_t)1 << 20)
/* The official clients end the session at 10 MiB. */
#define HOST_LINE_MAX (8 * MIB)

static char *filled(size_t size, char with)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memset(text, with, size);
	text[size] = '\0';
	return text;
}

static void start_at(struct rig *rig, int n)
{
	char id[40];

	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.mcp_inbox_cursor", rig->configs),
		   row_id(n, id), 0600);
	fake_message(rig->fake, n, NULL, "start");
}

static void large_row(struct rig *rig, int n, size_t size)
{
	char *text = filled(size, 'x');

	fake_message(rig->fake, n, NULL, text);
	free(text);
}

static size_t longest_line(struct child *c)
{
	const char *text = child_stdout(c);
	size_t longest = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		longest = len > longest ? len : longest;
		text += len + (text[len] == '\n');
	}
	return longest;
}

/* The message with this number has arrived. */
static void expect_message(struct child *mcp, int n)
{
	char want[40];
	const char *has;
	json_t *note;

	row_id(n, want);
	for (int i = 0;; i++) {
		note = child_notification(mcp, CHANNEL, i);
		has = json_string_value(json_object_get(
			json_object_get(json_object_get(note, "params"),
					"meta"),
			"activity_id"));
		if (has && !strcmp(has, want))
			return;
	}
}

static void a_deep_row_blocks_nothing(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char *opened = filled(200, '['), *closed = filled(200, ']');
	char id[40];

	start_at(rig, 1);
	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'message/send',"
		 "'summary':'deep','request_body':%s%s}",
		 row_id(2, id), opened, closed);
	free(opened);
	free(closed);
	fake_message(rig->fake, 3, NULL, "after");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	expect_message(mcp, 3);
}

static void a_row_of_many_values_blocks_nothing(void **state)
{
	struct rig *rig = *state;
	size_t count = 400000;
	char *values = malloc(2 * count + 2);
	struct child *mcp;
	char id[40];

	assert_non_null(values);
	for (size_t i = 0; i < count; i++)
		memcpy(values + 2 * i, "1,", 2);
	memcpy(values + 2 * count, "1", 2);
	start_at(rig, 1);
	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'message/send',"
		 "'summary':'many','request_body':[%s]}",
		 row_id(2, id), values);
	free(values);
	fake_message(rig->fake, 3, NULL, "after");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	expect_message(mcp, 3);
}

/* The platform takes messages of up to 16 MB. */
static void a_large_row_blocks_nothing(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	start_at(rig, 1);
	large_row(rig, 2, 9 * MIB);
	fake_message(rig->fake, 3, NULL, "after");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	expect_message(mcp, 3);
	assert_true(longest_line(mcp) < HOST_LINE_MAX);
}

/* A page that is too large as a whole is taken in pieces. */
static void a_large_page_arrives(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	start_at(rig, 0);
	for (int i = 1; i <= 30; i++)
		large_row(rig, i, MIB / 2);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	/* Its room for messages is bounded, so some are popped. */
	for (int i = 1; i <= 30; i++) {
		char id[40];

		mcp_call(mcp, 100 + i, "wait_for_message",
			 "{'timeout_secs':60}");
		assert_string_equal(
			json_string_value(json_object_get(
				mcp_json(mcp, 100 + i), "activity_id")),
			row_id(i, id));
		mcp_call(mcp, 200 + i, "inbox_pop", "{'activity_id':'%s'}", id);
		mcp_ok(mcp, 200 + i);
	}
	assert_int_equal(child_notifications(mcp, CHANNEL), 30);
}

/* The same with nothing but ten minutes to go by: none is left out. */
static void a_large_first_page_arrives(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	for (int i = 1; i <= 20; i++)
		large_row(rig, i, MIB / 2);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	for (int i = 1; i <= 20; i++)
		expect_message(mcp, i);
}

static void a_long_list_of_messages_keeps_the_host(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	json_t *list, *structured;

	start_at(rig, 0);
	for (int i = 1; i <= 24; i++)
		large_row(rig, i, MIB / 2);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 23);
	mcp_call(mcp, 2, "inbox_peek", "{'limit':200}");
	list = mcp_json(mcp, 2);
	assert_in_range(json_array_size(list), 1, 23);
	assert_true(longest_line(mcp) < HOST_LINE_MAX);
	/* It says so, and both forms have the same messages. */
	structured = json_object_get(child_result(mcp, 2), "structuredContent");
	assert_true(json_is_true(json_object_get(structured, "truncated")));
	assert_int_equal(
		json_array_size(json_object_get(structured, "messages")),
		json_array_size(list));
}

/* One message that no host could take, of what takes most room in a line. */
static void a_huge_message_keeps_the_host(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char *text = filled(6 * MIB, '\\');
	char id[40];

	start_at(rig, 1);
	fake_message(rig->fake, 2, NULL, text);
	free(text);
	fake_message(rig->fake, 3, NULL, "after");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	expect_message(mcp, 3);
	for (int i = 0; i < 2; i++) {
		json_t *message;

		mcp_call(mcp, 10 + i, i ? "wait_for_message" : "inbox_peek",
			 "{}");
		message = i ? mcp_json(mcp, 11)
			    : json_array_get(mcp_json(mcp, 10), 0);
		assert_string_equal(json_string_value(json_object_get(
					    message, "activity_id")),
				    row_id(2, id));
		assert_non_null(strstr(
			json_string_value(json_object_get(message, "text")),
			"[cut here"));
	}
	assert_true(longest_line(mcp) < HOST_LINE_MAX);
}

/* What a tool gets from the platform may be large, too. */
static void a_large_answer_keeps_the_host(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char *text = filled(7 * MIB, '\\');
	char *body = text_new("[{'scope':'LOCAL','content':'%s'}]", text);

	/* Backslashes: two for each in the text, four in the line. */
	fake_always(rig->fake, "GET", "/workspaces/*/memories",
		    (struct answer){ .body = body });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "recall_memory", NULL);
	mcp_text(mcp, 2, NULL);
	assert_true(longest_line(mcp) < HOST_LINE_MAX);
	free(text);
	free(body);
}

/* One past every limit: a failure in words. */
static void an_endless_answer_is_a_failure(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char *text = filled(40 * MIB, 'x');
	char *body = text_new("[{'scope':'LOCAL','content':'%s'}]", text);

	fake_always(rig->fake, "GET", "/workspaces/*/memories",
		    (struct answer){ .body = body });
	mcp_hello(mcp);
	mcp_call(mcp, 2, "recall_memory", NULL);
	assert_non_null(strstr(mcp_failed(mcp, 2), "Error"));
	free(text);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_deep_row_blocks_nothing),
		TEST(a_row_of_many_values_blocks_nothing),
		TEST(a_large_row_blocks_nothing),
		TEST(a_large_page_arrives),
		TEST(a_large_first_page_arrives),
		TEST(a_long_list_of_messages_keeps_the_host),
		TEST(a_huge_message_keeps_the_host),
		TEST(a_large_answer_keeps_the_host),
		TEST(an_endless_answer_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
