// SPDX-License-Identifier: MIT
/* What the platform keeps for agents: memories and uploads. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/memories.h"
#include "app/platform/uploads.h"

static int commit(struct bed *b, const char *id, const char *token,
		  const char *content, const char *scope)
{
	char target[128], body[256];

	snprintf(target, sizeof(target), "/workspaces/%s/memories", id);
	snprintf(body, sizeof(body), "{'content':'%s','scope':'%s'}", content,
		 scope);
	return ask(b, "POST", target, token, body);
}

/* The first letters of what a workspace recalls, newest first. */
static void recall(struct bed *b, const char *id, const char *token,
		   const char *query, char out[16])
{
	char target[256];
	size_t n;

	snprintf(target, sizeof(target), "/workspaces/%s/memories%s", id,
		 query);
	CHECK_EQ(ask(b, "GET", target, token, NULL), 200);
	for (n = 0; n < rows(b) && n < 15; n++)
		out[n] = text_in(row(b, n), "content")[0];
	out[n] = '\0';
}

static int memories_have_scopes(struct rt *rt, void *arg)
{
	static const struct {
		const char *id, *token, *query, *seen;
	} recalls[] = {
		{ ANN, ANN_TOKEN, "", "gtl" },
		{ ANN, ANN_TOKEN, "?scope=LOCAL", "l" },
		{ ANN, ANN_TOKEN, "?scope=TEAM", "t" },
		{ ANN, ANN_TOKEN, "?scope=GLOBAL", "g" },
		{ ANN, ANN_TOKEN, "?workspace_id=" ANN "&q=&scope=", "gtl" },
		{ ANN, ANN_TOKEN, "?q=EAM", "t" },
		{ ANN, ANN_TOKEN, "?q=a%20t", "t" },
		{ ANN, ANN_TOKEN, "?q=nothing", "" },
		{ CID, CID_TOKEN, "", "gt" },
		{ BOB, BOB_TOKEN, "", "g" },
		{ DOT, DOT_TOKEN, "", "g" },
	};
	char seen[16];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "local one", "LOCAL"), 201);
	CHECK_TEXT(got(&b, "scope"), "LOCAL");
	CHECK_TEXT(got(&b, "namespace"), "workspace:" ANN);
	CHECK_EQ(strlen(got(&b, "id")), IDENT_LEN);
	CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "the a team", "TEAM"), 201);
	CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "global", "GLOBAL"), 201);
	CHECK_EQ(commit(&b, CID, CID_TOKEN, "g", "GLOBAL"), 403);
	CHECK(json_get_text(b.json, "error") != NULL);
	CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "", "LOCAL"), 400);
	CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "x", "WORLD"), 400);
	CHECK_EQ(
		ask(&b, "POST", "/workspaces/" ANN "/memories", ANN_TOKEN, "x"),
		400);
	for (size_t i = 0; i < sizeof(recalls) / sizeof(recalls[0]); i++) {
		recall(&b, recalls[i].id, recalls[i].token, recalls[i].query,
		       seen);
		CHECK_TEXT(seen, recalls[i].seen);
	}
	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN "/memories?scope=WORLD",
		     ANN_TOKEN, NULL),
		 400);
	bed_close(&b);
	return 0;
}

static int memories_are_bounded(struct rt *rt, void *arg)
{
	char *large = malloc(MEMORY_CONTENT_MAX + 64);
	struct bed b;
	size_t len;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	len = (size_t)sprintf(large, "{\"content\":\"");
	memset(large + len, 'x', MEMORY_CONTENT_MAX + 1);
	len += MEMORY_CONTENT_MAX + 1;
	len += (size_t)sprintf(large + len, "\"}");
	CHECK_EQ(ask_bytes(&b, "POST", "/workspaces/" ANN "/memories",
			   ANN_TOKEN, large, len),
		 400);
	free(large);
	for (int i = 0; i < MEMORIES_MAX; i++)
		CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "m", "LOCAL"), 201);
	CHECK_EQ(commit(&b, ANN, ANN_TOKEN, "m", "LOCAL"), 507);
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/memories", ANN_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), MEMORIES_SHOWN);
	bed_close(&b);
	return 0;
}

#define TYPE "multipart/form-data; boundary=XX"
#define PART(name, type)                                                       \
	"Content-Disposition: form-data; name=\"files\"; filename=\"" name     \
	"\"\r\nContent-Type: " type "\r\n\r\n"

static int upload(struct bed *b, const char *type, const char *body)
{
	with(b, "Content-Type", type);
	return ask_bytes(b, "POST", "/workspaces/" ANN "/chat/uploads",
			 ANN_TOKEN, body, strlen(body));
}

static int files_pass_through(struct rt *rt, void *arg)
{
	char id[IDENT_LEN + 1], target[160], uri[160];
	struct bed b;
	json_t *file, *manifest;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(upload(&b, TYPE,
			"--XX\r\n" PART(
				"dir/my file.png",
				"image/png") "bytes\r\n--X\r\n--"
					     "XX\r\n" PART(
						     "b",
						     "text/"
						     "plain") "\r\n--XX--\r\n"),
		 200);
	CHECK_EQ(json_array_size(json_object_get(b.json, "files")), 2);
	file = json_array_get(json_object_get(b.json, "files"), 0);
	CHECK_TEXT(text_in(file, "name"), "my_file.png");
	CHECK_TEXT(text_in(file, "mimeType"), "image/png");
	CHECK_EQ(json_integer_value(json_object_get(file, "size")), 10);
	snprintf(uri, sizeof(uri), "%s", text_in(file, "uri"));
	CHECK(strncmp(uri, "platform-pending:" ANN "/", 54) == 0);
	snprintf(id, sizeof(id), "%.36s", uri + 54);

	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(text_in(row(&b, 1), "method"), "chat_upload_receive");
	CHECK_TEXT(text_in(row(&b, 1), "activity_type"), "a2a_receive");
	CHECK_TEXT(text_in(row(&b, 1), "summary"),
		   "chat_upload_receive: my_file.png");
	CHECK(json_is_null(json_object_get(row(&b, 1), "source_id")));
	manifest = json_object_get(row(&b, 1), "request_body");
	CHECK_TEXT(text_in(manifest, "file_id"), id);
	CHECK_TEXT(text_in(manifest, "uri"), uri);
	CHECK_TEXT(text_in(manifest, "mimeType"), "image/png");

	snprintf(target, sizeof(target),
		 "/workspaces/" ANN "/pending-uploads/%s/content", id);
	CHECK_EQ(ask(&b, "GET", target, ANN_TOKEN, NULL), 200);
	CHECK_TEXT(header(&b, "content-type"), "image/png");
	CHECK_TEXT(header(&b, "content-disposition"),
		   "attachment; filename=\"my_file.png\"");
	CHECK_TEXT(b.body, "bytes\r\n--X");
	snprintf(target, sizeof(target),
		 "/workspaces/" BOB "/pending-uploads/%s/content", id);
	CHECK_EQ(ask(&b, "GET", target, BOB_TOKEN, NULL), 404);
	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN "/pending-uploads/x/content",
		     ANN_TOKEN, NULL),
		 400);

	snprintf(target, sizeof(target),
		 "/workspaces/" ANN "/pending-uploads/%s/ack", id);
	CHECK_EQ(ask(&b, "POST", target, ANN_TOKEN, NULL), 200);
	CHECK(json_is_true(json_object_get(b.json, "acked")));
	CHECK(json_object_get(b.json, "raced") == NULL);
	CHECK_EQ(ask(&b, "POST", target, ANN_TOKEN, NULL), 200);
	CHECK(json_is_true(json_object_get(b.json, "raced")));
	snprintf(target, sizeof(target),
		 "/workspaces/" ANN "/pending-uploads/%s/content", id);
	CHECK_EQ(ask(&b, "GET", target, ANN_TOKEN, NULL), 404);
	bed_close(&b);
	return 0;
}

static int bad_forms_are_refused(struct rt *rt, void *arg)
{
	static const char *const bodies[] = {
		"",
		"--XX--\r\n",
		"--XX\r\n",
		"--XX\r\nContent-Disposition: form-data; name=\"files\"\r\n"
		"\r\nno file name\r\n--XX--\r\n",
		"--XX\r\nContent-Disposition: form-data; name=\"other\"; "
		"filename=\"f\"\r\n\r\nx\r\n--XX--\r\n",
		"--XX\r\n" PART("f", "t/t") "never ends",
		"--XX\r\n" PART("f", "t/t") "x\r\n--XX junk\r\n",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		CHECK_EQ(upload(&b, TYPE, bodies[i]), 400);
	CHECK_EQ(upload(&b, "application/json", "{}"), 400);
	CHECK_EQ(upload(&b, "multipart/form-data", "--XX--\r\n"), 400);
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), 0);
	bed_close(&b);
	return 0;
}

static int files_are_bounded(struct rt *rt, void *arg)
{
	static const char head[] = "--XX\r\n" PART("f", "t/t");
	static const char tail[] = "\r\n--XX--\r\n";
	size_t cap = UPLOAD_REQUEST_MAX + 1, len, count = 0;
	char *body = calloc(1, cap);
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	with(&b, "Content-Type", TYPE);
	CHECK_EQ(ask_bytes(&b, "POST", "/workspaces/" ANN "/chat/uploads",
			   ANN_TOKEN, body, cap),
		 413);
	for (size_t size = UPLOAD_FILE_MAX; size <= UPLOAD_FILE_MAX + 1;
	     size++) {
		memset(body, 0, cap);
		memcpy(body, head, sizeof(head) - 1);
		len = sizeof(head) - 1 + size;
		memcpy(body + len, tail, sizeof(tail) - 1);
		len += sizeof(tail) - 1;
		with(&b, "Content-Type", TYPE);
		CHECK_EQ(ask_bytes(&b, "POST",
				   "/workspaces/" ANN "/chat/uploads",
				   ANN_TOKEN, body, len),
			 size > UPLOAD_FILE_MAX ? 413 : 200);
	}
	for (len = 0; count <= UPLOAD_FILES_MAX; count++)
		len += (size_t)sprintf(body + len, "%s%sx", count ? "\r\n" : "",
				       head);
	memcpy(body + len, tail, sizeof(tail));
	CHECK_EQ(upload(&b, TYPE, body), 400);
	free(body);

	CHECK_EQ(
		members_find(b.platform, &(struct ident){ ANN })->uploads.count,
		1);
	bed_close(&b);
	return 0;
}

CASE(memories_have_scopes)
CASE(memories_are_bounded)
CASE(files_pass_through)
CASE(bad_forms_are_refused)
CASE(files_are_bounded)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memories_have_scopes_test),
		cmocka_unit_test(memories_are_bounded_test),
		cmocka_unit_test(files_pass_through_test),
		cmocka_unit_test(bad_forms_are_refused_test),
		cmocka_unit_test(files_are_bounded_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
