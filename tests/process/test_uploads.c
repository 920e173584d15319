// SPDX-License-Identifier: MIT
/*
 * Files that the user sends: on the agent's disk, named by the message, and in
 * nobody's way.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT "/workspaces/" WS_ID "/pending-uploads/*/content"
#define ACK "/workspaces/" WS_ID "/pending-uploads/*/ack"
#define PENDING "platform-pending:" WS_ID "/"

/* The row of an upload, and the message of the user that refers to it. */
static void upload_row(struct rig *rig, int n, const char *file,
		       const char *name)
{
	char id[40];

	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'chat_upload_receive',"
		 "'summary':'chat_upload_receive: %s','request_body':{"
		 "'file_id':'%s','name':'%s','mimeType':'text/plain','size':5,"
		 "'uri':'" PENDING "%s'}}",
		 row_id(n, id), name, file, name, file);
}

static void message_row(struct rig *rig, int n, const char *file,
			const char *name)
{
	char id[40];

	fake_row(rig->fake,
		 "{'id':'%s','source_id':null,'method':'message/send',"
		 "'request_body':{'params':{'message':{'parts':["
		 "{'kind':'text','text':'see the file'},{'kind':'file','file':"
		 "{'uri':'" PENDING "%s','name':'%s','mimeType':'text/plain'}}]"
		 "}}}}",
		 row_id(n, id), file, name);
}

/* A laptop has no /workspace; where there is one, it holds the files. */
static const char *place(struct rig *rig)
{
	return access("/workspace", W_OK) == 0
		       ? "/workspace/.molecule/chat-uploads"
		       : rig_text(rig, "%s/chat-uploads", rig->configs);
}

/* The attachment of the n-th message in the inbox, once it has this state. */
static json_t *attachment(struct rig *rig, struct child *mcp, size_t n,
			  const char *state)
{
	static json_int_t id = 1000;
	int64_t until = now_ms() + BOUND_MS;
	json_t *item;

	do {
		mcp_call(mcp, ++id, "inbox_peek", NULL);
		item = json_array_get(
			json_object_get(json_array_get(mcp_json(mcp, id), n),
					"attachments"),
			0);
		if (item &&
		    strcmp(json_string_value(json_object_get(item, "state")),
			   state) == 0)
			return item;
		pause_ms(20);
	} while (now_ms() < until);
	(void)rig;
	child_fail(mcp, "no attachment is %s", state);
	return NULL;
}

static const char *member(const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));

	assert_non_null(text);
	return text;
}

static void assert_content(const char *path, const char *want)
{
	char *text = file_read(path);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

/* F-31: the file is kept although there is no /workspace, and named. */
static void f31_the_attachment_names_the_local_file(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const struct request *content, *ack;
	const json_t *item;
	const char *path;

	fake_always(rig->fake, "GET", CONTENT,
		    (struct answer){ .body = "hello" });
	mcp_hello(mcp);
	upload_row(rig, 1, "file-7", "my notes.txt");
	message_row(rig, 2, "file-7", "my notes.txt");
	item = attachment(rig, mcp, 0, "ready");
	path = member(item, "path");
	assert_int_equal(strncmp(path, place(rig), strlen(place(rig))), 0);
	assert_non_null(strstr(path, "-my_notes.txt"));
	assert_content(path, "hello");
	assert_int_equal(file_mode(path), 0600);
	assert_int_equal(file_mode(place(rig)), 0700);
	assert_string_equal(member(item, "mime_type"), "text/plain");
	assert_non_null(strstr(member(item, "uri"), path));
	/* So does the message that refers to it. */
	item = attachment(rig, mcp, 1, "ready");
	assert_string_equal(member(item, "path"), path);
	/* Acknowledged, last, once. */
	ack = fake_expect(rig->fake, "POST", ACK, 0);
	content = fake_seen(rig->fake, "GET", CONTENT, 0);
	assert_true(content->order < ack->order);
	assert_int_equal(fake_count(rig->fake, "GET", CONTENT), 1);
	assert_int_equal(dir_count(place(rig), ".tmp"), 0);
	unlink(path);
}

/* F-32: a file that does not come holds up no message, and is tried again. */
static void f32_a_failed_fetch_is_retried(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const json_t *item;
	json_t *all;

	fake_always(rig->fake, "GET", CONTENT,
		    (struct answer){ .body = "hello" });
	fake_once(rig->fake, "GET", CONTENT, (struct answer){ .status = 503 });
	fake_once(rig->fake, "GET", CONTENT,
		  (struct answer){ .body = "hel", .kind = ANSWER_TRUNCATED });
	mcp_hello(mcp);
	upload_row(rig, 1, "file-8", "a.txt");
	fake_message(rig->fake, 2, PEER_ID, "unhindered");
	fake_expect(rig->fake, "GET", CONTENT, 0);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	all = mcp_json(mcp, 2);
	assert_int_equal(json_array_size(all), 2);
	item = attachment(rig, mcp, 0, "ready");
	assert_content(member(item, "path"), "hello");
	assert_int_equal(fake_count(rig->fake, "GET", CONTENT), 3);
	fake_expect(rig->fake, "POST", ACK, 0);
	child_expect_stderr(mcp, "inbox_uploads: cannot fetch");
	unlink(member(item, "path"));
}

/* One that hangs holds up neither the others nor the end. */
static void a_hanging_fetch_is_in_nobodys_way(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const json_t *item;

	fake_always(rig->fake, "GET", CONTENT,
		    (struct answer){ .body = "hello" });
	fake_once(rig->fake, "GET", CONTENT,
		  (struct answer){ .kind = ANSWER_HANG });
	mcp_hello(mcp);
	upload_row(rig, 1, "slow", "slow.txt");
	fake_expect(rig->fake, "GET", CONTENT, 0);
	upload_row(rig, 2, "fast", "fast.txt");
	item = attachment(rig, mcp, 1, "ready");
	unlink(member(item, "path"));
	attachment(rig, mcp, 0, "pending");
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
}

/* F-32: a file that an earlier process could not fetch. */
static void f32_retried_after_a_restart(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const json_t *item;

	fake_always(rig->fake, "GET", CONTENT,
		    (struct answer){ .status = 503 });
	mcp_hello(mcp);
	upload_row(rig, 1, "file-10", "a.txt");
	fake_expect(rig->fake, "GET", CONTENT, 0);
	attachment(rig, mcp, 0, "pending");
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, STOP_BOUND_MS), 0);
	fake_always(rig->fake, "GET", CONTENT,
		    (struct answer){ .body = "hello" });
	mcp = rig_start(rig);
	mcp_hello(mcp);
	fake_expect(rig->fake, "POST", ACK, 0);
	item = attachment(rig, mcp, 0, "ready");
	assert_content(member(item, "path"), "hello");
	unlink(member(item, "path"));
}

static void what_the_platform_no_longer_has(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);

	fake_always(rig->fake, "GET", CONTENT,
		    (struct answer){ .status = 404 });
	mcp_hello(mcp);
	upload_row(rig, 1, "file-9", "a.txt");
	attachment(rig, mcp, 0, "gone");
	assert_int_equal(fake_count(rig->fake, "POST", ACK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f31_the_attachment_names_the_local_file),
		TEST(f32_a_failed_fetch_is_retried),
		TEST(f32_retried_after_a_restart),
		TEST(a_hanging_fetch_is_in_nobodys_way),
		TEST(what_the_platform_no_longer_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
