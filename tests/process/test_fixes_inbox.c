// SPDX-License-Identifier: MIT
/*
 * What the original's inbox does wrong, and ours does right. Each test is
 * named after the row of the list of known faults it answers.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANNEL "notifications/claude/channel"

static const char *id_of(const json_t *message)
{
	return json_string_value(json_object_get(message, "activity_id"));
}

static const char *text_of(const json_t *message)
{
	return json_string_value(json_object_get(message, "text"));
}

/* Lets n more polls come and be answered. */
static void more_polls(struct rig *rig, int n)
{
	int now = fake_count(rig->fake, "GET", ACTIVITY);

	fake_expect(rig->fake, "GET", ACTIVITY, now + n);
}

static void write_cursor(struct rig *rig, const char *content)
{
	mkdir(rig->configs, 0700);
	file_write(rig_text(rig, "%s/.mcp_inbox_cursor", rig->configs), content,
		   0600);
}

/* F-5: a row that was popped does not come back, whatever the server says. */
static void f05_a_popped_message_stays_popped(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	char id[40];

	fake_always(rig->fake, "GET", ACTIVITY,
		    (struct answer){
			    .body = "[{'id':"
				    "'00000000-0000-4000-8000-000000000001',"
				    "'source_id':null,'method':'message/send',"
				    "'summary':'again','created_at':'2026-05-01"
				    "T10:00:00Z'}]" });
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 0);
	mcp_call(mcp, 2, "inbox_pop", "{'activity_id':'%s'}", row_id(1, id));
	assert_true(json_is_true(json_object_get(mcp_json(mcp, 2), "removed")));
	more_polls(rig, 5);
	mcp_call(mcp, 3, "inbox_peek", NULL);
	assert_int_equal(json_array_size(mcp_json(mcp, 3)), 0);
	assert_int_equal(child_notifications(mcp, CHANNEL), 1);
}

/* F-6: rows that make no sense stop neither the batch nor the cursor. */
static void f06_poison_rows_do_not_stop_the_batch(void **state)
{
#define POISON(n, body)                                                        \
	"{'id':'00000000-0000-4000-8000-00000000000" #n "','source_id':null,"  \
	"'method':'message/send','summary':'poison " #n "',"                   \
	"'created_at':'2026-05-01T10:00:0" #n "Z','request_body':" body "}"
	static const char *const poison[] = {
		POISON(1, "{'params':{'message':{'parts':["
			  "{'kind':'text','text':null}]}}}"),
		POISON(2, "{'params':{'message':{'parts':["
			  "{'kind':'text','text':42}]}}}"),
		POISON(3, "{'params':{'message':{'parts':'none'}}}"),
		POISON(4, "{'params':null}"),
		POISON(5, "'{not json'"),
		POISON(6, "{'params':{'message':{'parts':[7,null,[],"
			  "{'kind':5,'text':'x'}]}}}"),
		"7",
		"null",
		"{'no':'id'}",
		"{'id':null,'summary':'null id'}",
		POISON(7, "12"),
	};
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *all;
	char id[40];

	for (size_t i = 0; i < sizeof poison / sizeof *poison; i++)
		fake_row(rig->fake, "%s", rig_quoted(rig, poison[i]));
	fake_message(rig->fake, 8, NULL, "after the poison");
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 7);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(8, id));
	more_polls(rig, 3);
	mcp_call(mcp, 2, "inbox_peek", "{'limit':50}");
	all = mcp_json(mcp, 2);
	assert_int_equal(json_array_size(all), 8);
	for (int i = 0; i < 7; i++)
		assert_string_equal(text_of(json_array_get(all, (size_t)i)),
				    rig_text(rig, "poison %d", i + 1));
	assert_string_equal(text_of(json_array_get(all, 7)),
			    "after the poison");
}

/* F-7: a cursor file that is no id heals by itself. */
static void f07_corrupt_cursor_heals(void **state)
{
	static const char *const broken[] = { "not a uuid \x01\x7f & ?#/%",
					      "12345", "\n\n", "\xff\xfe\x80" };
	struct rig *rig = *state;
	char id[40];

	fake_message(rig->fake, 1, NULL, "hello");
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct child *mcp;

		write_cursor(rig, broken[i]);
		mcp = rig_start(rig);
		mcp_hello(mcp);
		child_notification(mcp, CHANNEL, 0);
		rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
		child_close_stdin(mcp);
		assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	}
}

/* F-7: the same when a server answers a good-looking cursor that way. */
static void f07_cursor_the_server_cannot_look_up_heals(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	write_cursor(rig, "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz");
	fake_message(rig->fake, 1, NULL, "hello");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 0);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
}

/* F-8: a first poll sees more than the newest hundred. */
static void f08_a_first_poll_sees_all_there_is(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	for (int i = 1; i <= 180; i++)
		fake_message(rig->fake, i, NULL, "early");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 179);
	assert_int_equal(child_notifications(mcp, CHANNEL), 180);
}

/* F-18: a poller that is refused says so a few times, then rarely. */
static void f18_refused_polls_escalate(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	const char *err;

	fake_always(rig->fake, "GET", ACTIVITY,
		    (struct answer){ .status = 401,
				     .body = "{'error':'invalid workspace auth "
					     "token'}" });
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "GET", ACTIVITY, 21);
	err = child_stderr(mcp);
	if (lines_with(err, "401") < 1 || lines_with(err, "401") > 4)
		child_fail(mcp, "%d lines on 401 after 21 polls",
			   lines_with(err, "401"));
	assert_true(has_word(err, "regenerate") || has_word(err, "Tokens") ||
		    has_word(err, "revoked"));
	assert_non_null(strstr(err, WS_ID));

	fake_forget(rig->fake, "GET", ACTIVITY);
	fake_message(rig->fake, 1, NULL, "allowed again");
	child_notification(mcp, CHANNEL, 0);
}

/* F-29: what the agent itself caused does not come back to it. */
static void f29_own_rows_do_not_come_back(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	json_t *all;
	char id[40];

	mcp_hello(mcp);
	more_polls(rig, 1);
	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'notify',"
		 "'summary':'Agent message: mine',"
		 "'response_body':{'result':'mine'}}",
		 row_id(1, id));
	fake_row(rig->fake,
		 "{'id':'%s','source_id':'" WS_ID "','method':'message/send',"
		 "'summary':'Peer responded','request_body':{'task':'t'}}",
		 row_id(2, id));
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(2, id));
	fake_row(rig->fake,
		 "{'id':'%s','source_id':'" PEER_ID "','method':'notify',"
		 "'summary':'a peer notifies'}",
		 row_id(3, id));
	fake_message(rig->fake, 4, NULL, "not mine");
	child_notification(mcp, CHANNEL, 1);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	all = mcp_json(mcp, 2);
	assert_int_equal(json_array_size(all), 2);
	assert_string_equal(text_of(json_array_get(all, 0)), "a peer notifies");
	assert_string_equal(text_of(json_array_get(all, 1)), "not mine");
}

/* F-36: what no person has written is not said to come from one. */
static void f36_a_system_caller_is_no_human(void **state)
{
	static const char *const rows[] = {
		"'source_id':'system:cron','method':'message/send',"
		"'summary':'s'",
		"'source_id':null,'method':'message/send','summary':'s',"
		"'request_body':{'params':{'metadata':{'source':'cron'}}}",
		"'source_id':null,'method':'tasks/send','summary':'s'",
	};
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	size_t count = sizeof rows / sizeof *rows;
	char id[40];

	mcp_hello(mcp);
	for (size_t i = 0; i < count; i++)
		fake_row(rig->fake, "{'id':'%s',%s}", row_id((int)i + 1, id),
			 rig_quoted(rig, rows[i]));
	fake_message(rig->fake, (int)count + 1, NULL, "a person");
	for (size_t i = 0; i <= count; i++) {
		json_t *params = json_object_get(
			child_notification(mcp, CHANNEL, (int)i), "params");
		json_t *kind = json_object_get(json_object_get(params, "meta"),
					       "kind");
		const char *content =
			json_string_value(json_object_get(params, "content"));
		bool person = i == count;

		assert_string_equal(json_string_value(kind),
				    person ? "canvas_user" : "system");
		assert_true(person ==
			    !strncmp(content, "[from canvas user]", 18));
	}
}

/* F-29: nor does a file that the agent itself sent to the user. */
static void f29_own_upload_does_not_come_back(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const char *file = rig_text(rig, "%s/report.txt", rig->dir);
	json_t *all;
	char id[40];

	file_write(file, "12345", 0600);
	mcp_hello(mcp);
	mcp_call(mcp, 2, "send_message_to_user",
		 "{'message':'see','attachments':['%s']}", file);
	mcp_ok(mcp, 2);
	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'chat_upload_receive',"
		 "'summary':'chat_upload_receive: report.txt','request_body':{"
		 "'file_id':'file-1','name':'report.txt','mimeType':"
		 "'text/plain','size':5,'uri':'platform-pending:" WS_ID
		 "/file-1'}}",
		 row_id(1, id));
	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'chat_upload_receive',"
		 "'summary':'chat_upload_receive: user.txt','request_body':{"
		 "'file_id':'file-9','name':'user.txt','mimeType':"
		 "'text/plain','size':5,'uri':'platform-pending:" WS_ID
		 "/file-9'}}",
		 row_id(2, id));
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(2, id));
	mcp_call(mcp, 3, "inbox_peek", NULL);
	all = mcp_json(mcp, 3);
	assert_int_equal(json_array_size(all), 1);
	assert_string_equal(id_of(json_array_get(all, 0)), row_id(2, id));
}

/* F-42: state files are private, and no temporary file is left beside. */
static void f42_state_files_are_private(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	fake_always(rig->fake, "POST", HEARTBEAT,
		    (struct answer){ .body = "{'status':'ok','platform_inbound_"
					     "secret':'s3cret'}" });
	fake_message(rig->fake, 1, NULL, "hello");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
	rig_expect_state(rig, ".platform_inbound_secret", "s3cret");
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	assert_int_equal(file_mode(rig->configs), 0700);
	assert_int_equal(
		file_mode(rig_text(rig, "%s/.mcp_inbox_cursor", rig->configs)),
		0600);
	assert_int_equal(file_mode(rig_text(rig, "%s/.platform_inbound_secret",
					    rig->configs)),
			 0600);
	assert_int_equal(dir_count(rig->configs, "tmp"), 0);
	assert_null(strstr(child_stderr(mcp), "s3cret"));
}

/* F-47: a full page is followed by the next poll at once. */
static void f47_backlog_drains_at_once(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "3600");
	for (int i = 0; i <= 150; i++)
		fake_message(rig->fake, i, NULL, "backlog");
	write_cursor(rig, row_id(0, id));
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 149);
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(150, id));
	mcp_call(mcp, 2, "inbox_peek", "{'limit':200}");
	assert_int_equal(json_array_size(mcp_json(mcp, 2)), 150);
	assert_int_equal(fake_count(rig->fake, "GET", ACTIVITY), 2);
}

/* F-47, F-8: after 410 the next poll follows at once, without a cursor. */
static void f47_gone_cursor_is_followed_by_a_poll_at_once(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	char id[40];

	rig_env(rig, "MOLECULE_MCP_POLL_INTERVAL_SECS", "3600");
	write_cursor(rig, row_id(999, id));
	fake_message(rig->fake, 1, NULL, "hello");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_notification(mcp, CHANNEL, 0);
	assert_non_null(strstr(fake_seen(rig->fake, "GET", ACTIVITY, 0)->query,
			       row_id(999, id)));
	assert_non_null(strstr(fake_seen(rig->fake, "GET", ACTIVITY, 1)->query,
			       "since_secs=600"));
	assert_null(strstr(fake_seen(rig->fake, "GET", ACTIVITY, 1)->query,
			   "since_id"));
	rig_expect_state(rig, ".mcp_inbox_cursor", row_id(1, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f05_a_popped_message_stays_popped),
		TEST(f06_poison_rows_do_not_stop_the_batch),
		TEST(f07_corrupt_cursor_heals),
		TEST(f07_cursor_the_server_cannot_look_up_heals),
		TEST(f08_a_first_poll_sees_all_there_is),
		TEST(f18_refused_polls_escalate),
		TEST(f29_own_rows_do_not_come_back),
		TEST(f29_own_upload_does_not_come_back),
		TEST(f36_a_system_caller_is_no_human),
		TEST(f42_state_files_are_private),
		TEST(f47_backlog_drains_at_once),
		TEST(f47_gone_cursor_is_followed_by_a_poll_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
