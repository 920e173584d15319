// SPDX-License-Identifier: MIT
/* What the user does: writes, sends files; and what the system does. */
#include "tests/unit/platform_fixture.h"

#define SAY "/demo/workspaces/" ANN "/messages"
#define POLL "/workspaces/" ANN "/activity?type=a2a_receive"

static int say(struct bed *b, const char *body)
{
	return ask(b, "POST", SAY, NULL, body);
}

static int poll(struct bed *b)
{
	return ask(b, "GET", POLL "&include=peer_info", ANN_TOKEN, NULL);
}

static json_t *params_of(struct bed *b, size_t i)
{
	return AT(row(b, i), "request_body", "params");
}

static int users_are_known_from_systems(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(say(&b, "{'text':'hello','message_id':'m'}"), 200);
	CHECK_EQ(number_in(b.json, "seq"), 1);
	CHECK_EQ(say(&b, "{'text':'tick','system':'system:clock'}"), 200);
	CHECK_EQ(poll(&b), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(AT(params_of(&b, 0), "metadata"), "source"),
		   "system:clock");
	CHECK_TEXT(text_in(AT(params_of(&b, 1), "metadata"), "source"),
		   "canvas_user");
	CHECK_TEXT(text_in(AT(params_of(&b, 1), "message"), "messageId"), "m");
	CHECK_TEXT(text_in(AT(params_of(&b, 1), "message"), "contextId"),
		   "canvas-" ANN);
	/* Neither has a source. */
	CHECK(json_is_null(AT(row(&b, 0), "source_id")));
	CHECK(json_is_null(AT(row(&b, 1), "source_id")));
	bed_close(&b);
	return 0;
}

/* The file first, then the message that refers to it, as the canvas does. */
static int files_come_before_their_message(struct rt *rt, void *arg)
{
	char uri[128], target[256];
	struct bed b;
	json_t *part, *manifest, *attachment;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(say(&b, "{'text':'look','files':[{'name':'a b.csv',"
			 "'mimeType':'text/csv','text':'1,2'}]}"),
		 200);
	CHECK_EQ(poll(&b), 200);
	CHECK_EQ(rows(&b), 2);
	manifest = AT(row(&b, 1), "request_body");
	CHECK_TEXT(text_in(row(&b, 1), "method"), "chat_upload_receive");
	CHECK_TEXT(text_in(row(&b, 1), "summary"),
		   "chat_upload_receive: a_b.csv");
	CHECK_TEXT(text_in(manifest, "mimeType"), "text/csv");
	CHECK_EQ(number_in(manifest, "size"), 3);
	snprintf(uri, sizeof(uri), "platform-pending:" ANN "/%s",
		 text_in(manifest, "file_id"));
	CHECK_TEXT(text_in(manifest, "uri"), uri);
	snprintf(target, sizeof(target),
		 "/workspaces/" ANN "/pending-uploads/%s/content",
		 text_in(manifest, "file_id"));
	CHECK_TEXT(said(row(&b, 0)), "look");
	part = json_array_get(AT(params_of(&b, 0), "message", "parts"), 1);
	CHECK_TEXT(text_in(part, "kind"), "file");
	CHECK_TEXT(text_in(AT(part, "file"), "uri"), uri);
	CHECK_TEXT(text_in(AT(part, "file"), "mimeType"), "text/csv");
	CHECK_EQ(number_in(AT(part, "file"), "size"), 3);
	attachment = json_array_get(AT(row(&b, 0), "attachments"), 0);
	CHECK_TEXT(text_in(attachment, "uri"), uri);
	CHECK_TEXT(text_in(attachment, "mime_type"), "text/csv");
	CHECK_EQ(ask(&b, "GET", target, ANN_TOKEN, NULL), 200);
	CHECK_TEXT(b.body, "1,2");
	CHECK_TEXT(header(&b, "content-type"), "text/csv");
	bed_close(&b);
	return 0;
}

/* In two steps: a form, and a message with what that answered. */
static int uploads_may_be_referred_to(struct rt *rt, void *arg)
{
	static const char form[] = "--x\r\n"
				   "Content-Disposition: form-data; "
				   "name=\"files\"; filename=\"n.txt\"\r\n\r\n"
				   "hi\r\n"
				   "--x--\r\n";
	char body[512];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	with(&b, "Content-Type", "multipart/form-data; boundary=x");
	CHECK_EQ(ask_bytes(&b, "POST", "/demo/workspaces/" ANN "/uploads", NULL,
			   form, sizeof(form) - 1),
		 200);
	snprintf(body, sizeof(body),
		 "{'text':'that','attachments':[{'name':'n.txt','uri':'%s'}]}",
		 text_in(json_array_get(AT(b.json, "files"), 0), "uri"));
	CHECK_EQ(say(&b, body), 200);
	CHECK_EQ(poll(&b), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_EQ(json_array_size(AT(row(&b, 0), "attachments")), 1);
	bed_close(&b);
	return 0;
}

/* Larger than an agent should take. */
static int files_may_be_too_large(struct rt *rt, void *arg)
{
	char target[256];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(say(&b, "{'text':'big','files':[{'name':'big.bin',"
			 "'size':27262976}]}"),
		 200);
	CHECK_EQ(poll(&b), 200);
	CHECK_EQ(number_in(AT(row(&b, 1), "request_body"), "size"), 27262976);
	snprintf(target, sizeof(target),
		 "/workspaces/" ANN "/pending-uploads/%s/content",
		 text_in(AT(row(&b, 1), "request_body"), "file_id"));
	CHECK_EQ(ask(&b, "GET", target, ANN_TOKEN, NULL), 200);
	CHECK_EQ(b.response.body_len, 27262976);
	bed_close(&b);
	return 0;
}

static int many_at_once(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(say(&b, "{'text':'first'}"), 200);
	CHECK_EQ(say(&b, "{'text':'n','count':150,'age_secs':3600}"), 200);
	CHECK_EQ(ask(&b, "GET", POLL "&limit=500", ANN_TOKEN, NULL), 200);
	CHECK_EQ(rows(&b), 151);
	CHECK_TEXT(said(row(&b, 0)), "first");
	CHECK_TEXT(said(row(&b, 1)), "n 150");
	CHECK_TEXT(said(row(&b, 150)), "n 1");
	CHECK_EQ(ask(&b, "GET", POLL "&since_secs=600", ANN_TOKEN, NULL), 200);
	CHECK_EQ(rows(&b), 1);
	bed_close(&b);
	return 0;
}

static int bad_messages_are_refused(struct rt *rt, void *arg)
{
	static const char *const bad[] = {
		"x",
		"{}",
		"{'text':''}",
		"{'text':'x','count':0}",
		"{'text':'x','count':20001}",
		"{'text':'x','count':2,'message_id':'m'}",
		"{'text':'x','age_secs':'y'}",
		"{'text':'x','attachments':7}",
		"{'text':'x','files':[{'name':'n'}]}",
		"{'text':'x','files':[{'text':'t'}]}",
		"{'text':'x','files':[{'name':'n','size':99999999}]}",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!CHECK(say(&b, bad[i]) == 400))
			fprintf(stderr, "%s\n", bad[i]);
	}
	CHECK_EQ(poll(&b), 200);
	CHECK_EQ(rows(&b), 0);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" NEW "/messages", NULL,
		     "{'text':'x'}"),
		 404);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" NEW "/uploads", NULL, ""),
		 404);
	bed_close(&b);
	return 0;
}

CASE(users_are_known_from_systems)
CASE(files_come_before_their_message)
CASE(uploads_may_be_referred_to)
CASE(files_may_be_too_large)
CASE(many_at_once)
CASE(bad_messages_are_refused)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_known_from_systems_test),
		cmocka_unit_test(files_come_before_their_message_test),
		cmocka_unit_test(uploads_may_be_referred_to_test),
		cmocka_unit_test(files_may_be_too_large_test),
		cmocka_unit_test(many_at_once_test),
		cmocka_unit_test(bad_messages_are_refused_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
