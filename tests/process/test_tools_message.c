// SPDX-License-Identifier: MIT
/*
 * send_message_to_user: the message, its attachments, and each way to fail.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPLOADS "/workspaces/" WS_ID "/chat/uploads"
#define TOOL "send_message_to_user"

static struct child *start(struct rig *rig)
{
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", NULL);
	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static const char *new_file(struct rig *rig, const char *name,
			    const char *content)
{
	const char *path = rig_text(rig, "%s/%s", rig->dir, name);

	file_write(path, content, 0600);
	return path;
}

static void assert_begins(const char *text, const char *start_)
{
	if (strncmp(text, start_, strlen(start_)))
		fail_msg("\"%s\" does not begin with \"%s\"", text, start_);
}

static void a_message_is_sent(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const struct request *r;

	mcp_call(mcp, 2, TOOL,
		 "{'message':'h\\u00e9llo \\\"w\\\"\\n\\ud83d\\ude00'}");
	assert_string_equal(mcp_ok(mcp, 2), "Message sent to user");
	r = fake_seen(rig->fake, "POST", NOTIFY, 0);
	assert_string_equal(
		json_string_value(json_object_get(r->json, "message")),
		"h\xc3\xa9llo \"w\"\n\xf0\x9f\x98\x80");
	assert_null(json_object_get(r->json, "attachments"));
}

static void attachments_are_uploaded_first(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *one = new_file(rig, "one.txt", "first file");
	const char *two = new_file(rig, "t \xc3\xbc.bin", "second file");
	const struct request *up, *notify;
	const json_t *list;
	char buf[256];

	mcp_call(mcp, 2, TOOL,
		 "{'message':'see','attachments':['%s','%s',"
		 "7,'']}",
		 one, two);
	assert_string_equal(mcp_ok(mcp, 2),
			    "Message sent to user with 2 attachment(s)");
	up = fake_seen(rig->fake, "POST", UPLOADS, 0);
	notify = fake_seen(rig->fake, "POST", NOTIFY, 0);
	assert_true(up->order < notify->order);
	assert_begins(request_header(up, "Content-Type", buf, sizeof buf),
		      "multipart/form-data; boundary=");
	assert_non_null(strstr(up->body, "filename=\"one.txt\""));
	assert_non_null(strstr(up->body, "first file"));
	assert_non_null(strstr(up->body, "second file"));
	assert_null(strstr(up->body, rig->dir));
	list = json_object_get(notify->json, "attachments");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(list, 0), "uri")),
			    "platform-pending:" WS_ID "/file-1");
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(list, 0), "name")),
			    "one.txt");
}

/* A large file arrives whole. */
static void a_large_file_arrives_whole(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	size_t size = 3 << 20;
	char *content = malloc(size + 1);
	const struct request *up;
	const char *path;

	assert_non_null(content);
	for (size_t i = 0; i < size; i++)
		content[i] = (char)('a' + i % 23);
	content[size] = '\0';
	path = new_file(rig, "large.bin", content);
	mcp_call(mcp, 2, TOOL, "{'message':'m','attachments':['%s']}", path);
	mcp_ok(mcp, 2);
	up = fake_seen(rig->fake, "POST", UPLOADS, 0);
	assert_non_null(memmem(up->body, up->body_len, content, size));
	free(content);
}

/* The most memory that a process ever had, in KiB. */
static long peak_kib(pid_t pid)
{
	char path[64];
	char *status, *line;
	long kib;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	status = file_read(path);
	assert_non_null(status);
	line = strstr(status, "VmHWM:");
	assert_non_null(line);
	kib = strtol(line + 6, NULL, 10);
	free(status);
	return kib;
}

/* F-44: a file is never in memory as a whole. */
static void f44_files_are_streamed(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *path = new_file(rig, "large.bin", "");
	const off_t size = 24 << 20;
	const struct request *up;
	long before;

	assert_int_equal(truncate(path, size), 0);
	mcp_call(mcp, 2, TOOL, "{'message':'warm up'}");
	mcp_ok(mcp, 2);
	before = peak_kib(child_pid(mcp));
	mcp_call(mcp, 3, TOOL, "{'message':'m','attachments':['%s','%s']}",
		 path, path);
	mcp_ok(mcp, 3);
	up = fake_seen(rig->fake, "POST", UPLOADS, 0);
	assert_non_null(up);
	assert_true(up->body_len > (size_t)(2 * size));
	assert_true(peak_kib(child_pid(mcp)) - before < 8 << 10);
}

/* F-44: the size is looked at before anything is sent. */
static void f44_too_large_is_not_sent(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *large = new_file(rig, "large.bin", "");
	const char *half = new_file(rig, "half.bin", "");

	assert_int_equal(truncate(large, (25 << 20) + 1), 0);
	assert_int_equal(truncate(half, 17 << 20), 0);
	mcp_call(mcp, 2, TOOL, "{'message':'m','attachments':['%s']}", large);
	assert_begins(mcp_failed(mcp, 2),
		      rig_text(rig, "Error reading %s: it is larger than 25 MB",
			       large));
	mcp_call(mcp, 3, TOOL, "{'message':'m','attachments':['%s','%s','%s']}",
		 half, half, half);
	assert_begins(mcp_failed(mcp, 3),
		      "Error uploading attachments: together they are larger "
		      "than 50 MB");
	assert_int_equal(fake_count(rig->fake, "POST", UPLOADS), 0);
	assert_int_equal(fake_count(rig->fake, "POST", NOTIFY), 0);
}

static void the_type_is_that_of_the_extension(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *picture = new_file(rig, "p.PNG", "x");
	const char *other = new_file(rig, "p.no-such-type", "x");
	const struct request *up;

	mcp_call(mcp, 2, TOOL, "{'message':'m','attachments':['%s','%s']}",
		 picture, other);
	mcp_ok(mcp, 2);
	up = fake_seen(rig->fake, "POST", UPLOADS, 0);
	assert_non_null(strstr(up->body, "filename=\"p.PNG\"\r\nContent-Type: "
					 "image/png\r\n"));
	assert_non_null(strstr(up->body,
			       "filename=\"p.no-such-type\"\r\n"
			       "Content-Type: application/octet-stream\r\n"));
}

static void one_that_fails(struct child *mcp, json_int_t id, const char *path,
			   const char *says)
{
	mcp_call(mcp, id, TOOL, "{'message':'m','attachments':['%s']}", path);
	assert_begins(mcp_failed(mcp, id), says);
}

static void what_cannot_be_attached_is_named(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *gone = rig_text(rig, "%s/gone.txt", rig->dir);
	const char *fifo = rig_text(rig, "%s/fifo", rig->dir);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	one_that_fails(mcp, 2, gone,
		       rig_text(rig, "Error: attachment not found: %s", gone));
	one_that_fails(mcp, 3, rig->dir, "Error");
	one_that_fails(mcp, 4, fifo, "Error");
	one_that_fails(mcp, 5, "/dev/zero", "Error");
	one_that_fails(mcp, 6, "relative.txt", "Error");
	assert_int_equal(fake_count(rig->fake, "POST", NOTIFY), 0);
	assert_int_equal(fake_count(rig->fake, "POST", UPLOADS), 0);
}

static void a_failed_upload_sends_no_message(void **state)
{
	static const struct {
		struct answer answer;
		const char *says;
	} bad[] = {
		{ { .status = 413, .body = "{'error':'too large'}" },
		  "Error: chat/uploads returned 413: {\"error\":\"too "
		  "large\"" },
		{ { .body = "no json" }, "Error parsing upload response: " },
		{ { .body = "{'files':[]}" },
		  "Error: upload returned 0 entries for 1 files" },
		{ { .kind = ANSWER_RESET }, "Error uploading attachments: " },
	};
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	const char *path = new_file(rig, "f.txt", "x");

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fake_always(rig->fake, "POST", UPLOADS, bad[i].answer);
		one_that_fails(mcp, 10 + (json_int_t)i, path, bad[i].says);
	}
	assert_int_equal(fake_count(rig->fake, "POST", NOTIFY), 0);
}

static void a_message_that_fails_is_said(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	mcp_call(mcp, 2, TOOL, "{'message':''}");
	assert_string_equal(mcp_failed(mcp, 2), "Error: message is required");
	fake_once(rig->fake, "POST", NOTIFY, (struct answer){ .status = 404 });
	mcp_call(mcp, 3, TOOL, "{'message':'m'}");
	assert_string_equal(mcp_failed(mcp, 3), "Error: platform returned 404");
	fake_always(rig->fake, "POST", NOTIFY,
		    (struct answer){ .kind = ANSWER_RESET });
	mcp_call(mcp, 4, TOOL, "{'message':'m'}");
	assert_begins(mcp_failed(mcp, 4), "Error sending message: ");
}

/* A message may not be shown twice because an answer got lost. */
static void a_message_is_not_sent_twice(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	fake_once(rig->fake, "POST", NOTIFY,
		  (struct answer){ .kind = ANSWER_CLOSE });
	mcp_call(mcp, 2, TOOL, "{'message':'m'}");
	mcp_failed(mcp, 2);
	assert_int_equal(fake_count(rig->fake, "POST", NOTIFY), 1);
}

/* A platform that has forgotten the workspace gets the card it has now. */
static void an_updated_card_is_registered_again(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	const struct request *r;
	const json_t *card;

	fake_always(rig->fake, "POST", "/registry/update-card",
		    (struct answer){ .body = "{'status':'updated'}" });
	mcp_hello(mcp);
	fake_expect(rig->fake, "POST", REGISTER, 0);
	mcp_call(mcp, 2, "update_agent_card", "{'card':{'name':'Anew'}}");
	mcp_ok(mcp, 2);
	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .status = 404 });
	r = fake_expect(rig->fake, "POST", REGISTER, 1);
	card = json_object_get(r->json, "agent_card");
	assert_string_equal(json_string_value(json_object_get(card, "name")),
			    "Anew");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_sent),
		TEST(attachments_are_uploaded_first),
		TEST(a_large_file_arrives_whole),
		TEST(f44_files_are_streamed),
		TEST(f44_too_large_is_not_sent),
		TEST(the_type_is_that_of_the_extension),
		TEST(what_cannot_be_attached_is_named),
		TEST(a_failed_upload_sends_no_message),
		TEST(a_message_that_fails_is_said),
		TEST(a_message_is_not_sent_twice),
		TEST(an_updated_card_is_registered_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
