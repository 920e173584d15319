// SPDX-License-Identifier: MIT
/* The tools for peers, memory, the user and the inbox: what they ask of the
 * platform, and what they tell the agent. */
#include "tests/unit/tools_fixture.h"

#include <sys/stat.h>

#define NOTIFY "POST /workspaces/" OWN_ID "/notify"
#define UPLOADS "POST /workspaces/" OWN_ID "/chat/uploads"
#define MEMORIES "/workspaces/" OWN_ID "/memories"

static int workspace_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	/* F-48: a role that is null is no word; F-33: nor is a missing name. */
	RULES(&fake, { "GET /registry/" OWN_ID "/peers", 200,
		       "[{'id':'a','name':'Al','status':'online','role':"
		       "'coder'},{'id':'b','name':'B','status':'offline',"
		       "'role':null},7,{}]",
		       0, 0 });
	want_part(&fake, "list_peers", "{}", false,
		  "- Al (ID: a, status: online, role: coder)\n"
		  "- B (ID: b, status: offline)");
	RULES(&fake, { "GET /registry/" OWN_ID "/peers", 200, "[]", 0, 0 });
	want_part(&fake, "list_peers", "{}", false,
		  "No peers available (this workspace may be isolated: ");
	/* A failure is not an empty list. */
	RULES(&fake, { "GET /registry/" OWN_ID "/peers", 500, "{}", 0, 0 });
	want_part(&fake, "list_peers", "{}", true,
		  "No peers found. [11111111] the platform failed: ");
	RULES(&fake, { "GET /registry/" OWN_ID "/peers", 200, "{}", 0, 0 });
	want_part(&fake, "list_peers", "{}", true,
		  "the platform's answer is not a list");
	RULES(&fake, { "GET /registry/" OWN_ID "/peers", 200, "<p>", 0, 0 });
	want_part(&fake, "list_peers", "{}", true, "is not JSON");

	RULES(&fake, { "GET /workspaces/" OWN_ID, 200,
		       "{'id':'" OWN_ID "','tier':2}", 0, 0 });
	want(&fake, "get_workspace_info", "{}", false,
	     "{\n  \"id\": \"" OWN_ID "\",\n  \"tier\": 2\n}");
	RULES(&fake, { "GET /workspaces/", 404, "{}", 0, 0 });
	want(&fake, "get_workspace_info", "{}", true,
	     "{\n  \"error\": \"not found\"\n}");
	RULES(&fake, { "GET /workspaces/", 410,
		       "{'id':'" OWN_ID "','removed_at':'2026-01-01','hint':"
		       "'h'}",
		       0, 0 });
	want(&fake, "get_workspace_info", "{}", true,
	     "{\n  \"error\": \"removed\",\n  \"id\": \"" OWN_ID
	     "\",\n  \"removed_at\": \"2026-01-01\",\n  \"hint\": "
	     "\"h\"\n}");
	RULES(&fake, { "GET /workspaces/", 402, "{}", 0, 0 });
	want_part(&fake, "get_workspace_info", "{}", true,
		  "(the budget of the workspace is used up");
	fake_close(&fake);

	/* Nobody is there. */
	host_tools(&fake.host, rt, 0);
	want_part(&fake, "get_workspace_info", "{}", true, "\"error\": ");
	want_part(&fake, "list_peers", "{}", true, "connection refused");
	host_tools_free(&fake.host);
	return 0;
}

static void workspace_tools(void **state)
{
	(void)state;
	in_runtime(workspace_body, NULL);
}

static int memory_body(struct rt *rt, void *arg)
{
	struct fake fake;

	(void)arg;
	fake_open(&fake, rt);
	RULES(&fake,
	      { "POST " MEMORIES, 201, "{'id':'m1','scope':'TEAM'}", 0, 0 });
	want(&fake, "commit_memory", "{'content':'c','scope':'team'}", false,
	     "{\"success\": true, \"id\": \"m1\", \"scope\": \"TEAM\"}");
	CHECK_EQ(seen(&fake, "\"scope\":\"TEAM\""), 1);
	want(&fake, "commit_memory", "{'content':'c','scope':null}", false,
	     "{\"success\": true, \"id\": \"m1\", \"scope\": \"LOCAL\"}");
	want(&fake, "commit_memory", "{'content':'c','scope':'ALL'}", false,
	     "{\"success\": true, \"id\": \"m1\", \"scope\": \"LOCAL\"}");
	want_part(&fake, "commit_memory",
		  "{'content':'it is sk-abcdefghijklmnopqrstuvwxyz'}", false,
		  "true");
	CHECK_EQ(seen(&fake, "sk-abc"), 0);
	CHECK_EQ(seen(&fake, "it is [REDACTED]"), 1);
	want(&fake, "commit_memory", "{}", true, "Error: content is required");
	want(&fake, "commit_memory", "{'content':['c']}", true,
	     "Error: content must be a string");
	RULES(&fake, { "POST " MEMORIES, 403, "{'error':'only roots'}", 0, 0 });
	want(&fake, "commit_memory", "{'content':'c','scope':'GLOBAL'}", true,
	     "Error: only roots");

	RULES(&fake, { "GET " MEMORIES, 200,
		       "[{'id':'1','scope':'LOCAL','content':'one'},"
		       "{'id':'2','scope':'TEAM','content':'two'}]",
		       0, 0 });
	want(&fake, "recall_memory", "{'query':'a&b c','scope':'local'}", false,
	     "[LOCAL] one\n[TEAM] two");
	CHECK_EQ(seen(&fake, "a%26b"), 1);
	CHECK_EQ(seen(&fake, "scope=LOCAL"), 1);
	want(&fake, "recall_memory", "{'query':null,'scope':null}", false,
	     "[LOCAL] one\n[TEAM] two");
	RULES(&fake, { "GET " MEMORIES, 200, "[]", 0, 0 });
	want(&fake, "recall_memory", "{}", false, "No memories found.");
	/* F-49: an error is not a result. */
	RULES(&fake, { "GET " MEMORIES, 401, "{'error':'bad token'}", 0, 0 });
	want(&fake, "recall_memory", "{}", true,
	     "Error recalling memory: bad token");
	fake_close(&fake);
	return 0;
}

static void memory_tools(void **state)
{
	(void)state;
	in_runtime(memory_body, NULL);
}

/* A directory with files to attach. */
struct attic {
	char dir[64];
};

static void attic_file(const struct attic *attic, const char *name,
		       const char *text, off_t size)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", attic->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	if (size)
		CHECK(ftruncate(fd, size) == 0);
	close(fd);
}

static void send_file(struct fake *fake, const struct attic *attic,
		      const char *name, bool is_error, const char *text)
{
	char arguments[512];

	snprintf(arguments, sizeof(arguments),
		 "{'message':'m','attachments':['%s%s%s']}",
		 name[0] == '/' ? "" : attic->dir, name[0] == '/' ? "" : "/",
		 name);
	want_part(fake, "send_message_to_user", arguments, is_error, text);
}

static void attachments(struct fake *fake, const struct attic *attic)
{
	char text[256];

	RULES(fake,
	      { UPLOADS, 200,
		"{'files':[{'uri':'u:1','name':'a.txt','mimeType':"
		"'text/plain','size':5}]}",
		0, 0 },
	      { NOTIFY, 200, "{'status':'sent'}", 0, 0 });
	send_file(fake, attic, "a.txt", false,
		  "Message sent to user with 1 attachment(s)");
	CHECK_EQ(seen(fake, "hello"), 1);
	CHECK_EQ(seen(fake, "filename=\"a.txt\""), 1);
	CHECK_EQ(seen(fake, "\"uri\":\"u:1\""), 1);
	/* Empty entries and what is no string are left out. */
	want(fake, "send_message_to_user",
	     "{'message':'m','attachments':['',7,null]}", false,
	     "Message sent to user");
	want_part(fake, "send_message_to_user",
		  "{'message':'m','attachments':'a.txt'}", true,
		  "Error: attachments must be a list");
	CHECK_EQ(seen(fake, UPLOADS), 1);

	/* Whatever is wrong with a file, nothing is sent. */
	RULES(fake, { UPLOADS, 500, "{}", 0, 0 });
	snprintf(text, sizeof(text), "Error: attachment not found: %s/gone",
		 attic->dir);
	send_file(fake, attic, "gone", true, text);
	send_file(fake, attic, "pipe", true, "(it is not a regular file)");
	send_file(fake, attic, "", true, "(it is not a regular file)");
	send_file(fake, attic, "/dev/zero", true, "(it is not a regular file)");
	send_file(fake, attic, "large", true, "it is larger than 25 MB");
	want_part(fake, "send_message_to_user",
		  "{'message':'m','attachments':['a.txt']}", true,
		  "Error: invalid attachment path a.txt");
	CHECK_EQ(fake->seen_len, 0);
	send_file(fake, attic, "a.txt", true,
		  "Error: chat/uploads returned 500: {}");
	RULES(fake, { UPLOADS, 200, "{'files':[]}", 0, 0 });
	send_file(fake, attic, "a.txt", true,
		  "Error: upload returned 0 entries for 1 files");
	RULES(fake, { UPLOADS, 200, "{'files':[{'name':'n'}]}", 0, 0 });
	send_file(fake, attic, "a.txt", true, "Error parsing upload response:");
	RULES(fake, { UPLOADS, 200, "nonsense", 0, 0 });
	send_file(fake, attic, "a.txt", true, "Error parsing upload response:");
	CHECK_EQ(seen(fake, NOTIFY), 0);
}

static int message_body(struct rt *rt, void *arg)
{
	static const char *const names[] = { "a.txt", "large", "pipe" };
	struct attic attic = { "/tmp/test_tools.XXXXXX" };
	struct fake fake;
	char path[128];

	(void)arg;
	CHECK(mkdtemp(attic.dir) != NULL);
	attic_file(&attic, "a.txt", "hello", 0);
	attic_file(&attic, "large", "x", 25 * 1024 * 1024 + 1);
	snprintf(path, sizeof(path), "%s/pipe", attic.dir);
	CHECK(mkfifo(path, 0600) == 0);

	fake_open(&fake, rt);
	RULES(&fake, { NOTIFY, 200, "{'status':'sent'}", 0, 0 });
	want(&fake, "send_message_to_user", "{'message':'hi'}", false,
	     "Message sent to user");
	CHECK_EQ(seen(&fake, "\"message\":\"hi\""), 1);
	want(&fake, "send_message_to_user", "{}", true,
	     "Error: message is required");
	want(&fake, "send_message_to_user", "{'message':''}", true,
	     "Error: message is required");
	RULES(&fake, { NOTIFY, 500, "oops", 0, 0 });
	want(&fake, "send_message_to_user", "{'message':'hi'}", true,
	     "Error: platform returned 500");
	attachments(&fake, &attic);
	fake_close(&fake);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", attic.dir, names[i]);
		unlink(path);
	}
	rmdir(attic.dir);
	return 0;
}

static void send_message_to_user(void **state)
{
	int before = fd_count();

	(void)state;
	in_runtime(message_body, NULL);
	assert_int_equal(fd_count(), before);
}

#define MESSAGE(id, text)                                                      \
	"{\"activity_id\": \"" id "\", \"text\": \"" text                      \
	"\", \"peer_id\": \"\", \"kind\": \"canvas_user\", \"method\": "       \
	"\"message/send\", \"created_at\": \"2026-01-01T00:00:00Z\"}"

static int inbox_body(struct rt *rt, void *arg)
{
	struct fake fake;
	char *large;

	(void)arg;
	host_tools(&fake.host, rt, 0);
	want(&fake, "wait_for_message", "{'timeout_secs':0}", false,
	     "{\"timeout\": true, \"timeout_secs\": 0.0}");
	want(&fake, "wait_for_message", "{'timeout_secs':-3}", false,
	     "{\"timeout\": true, \"timeout_secs\": 0.0}");
	want(&fake, "wait_for_message", "{'timeout_secs':'0.01'}", false,
	     "{\"timeout\": true, \"timeout_secs\": 0.01}");
	want(&fake, "inbox_peek", "{}", false, "[]");
	host_put(&fake.host, "a", "first");
	host_put(&fake.host, "b", "second");
	/* At once whatever the time is, and the message stays. */
	want(&fake, "wait_for_message", "{'timeout_secs':1e300}", false,
	     MESSAGE("a", "first"));
	want(&fake, "wait_for_message", "{'timeout_secs':'soon'}", false,
	     MESSAGE("a", "first"));
	want(&fake, "wait_for_message", "{}", false, MESSAGE("a", "first"));
	want(&fake, "inbox_peek", "{}", false,
	     "[" MESSAGE("a", "first") ", " MESSAGE("b", "second") "]");
	want(&fake, "inbox_peek", "{'limit':1}", false,
	     "[" MESSAGE("a", "first") "]");
	want(&fake, "inbox_peek", "{'limit':0}", false,
	     "[" MESSAGE("a", "first") ", " MESSAGE("b", "second") "]");
	want(&fake, "inbox_peek", "{'limit':'many'}", false,
	     "[" MESSAGE("a", "first") ", " MESSAGE("b", "second") "]");

	want(&fake, "inbox_pop", "{'activity_id':'a'}", false,
	     "{\"removed\": true, \"activity_id\": \"a\"}");
	want(&fake, "inbox_pop", "{'activity_id':'a'}", false,
	     "{\"removed\": false, \"activity_id\": \"a\"}");
	want(&fake, "inbox_pop", "{'activity_id':''}", true,
	     "Error: activity_id is required.");
	want(&fake, "inbox_pop", "{'activity_id':7}", true,
	     "Error: activity_id is required.");
	want(&fake, "inbox_pop", "{}", true, "Error: activity_id is required.");
	want(&fake, "wait_for_message", "{}", false, MESSAGE("b", "second"));

	/* A host could not take this whole, nor all of it at once. */
	large = malloc(9000001);
	memset(large, 'l', 9000000);
	large[9000000] = '\0';
	host_put(&fake.host, "c", large);
	want_part(&fake, "inbox_peek", "{'limit':5}", false,
		  "[" MESSAGE("b", "second") "]");
	want(&fake, "inbox_pop", "{'activity_id':'b'}", false,
	     "{\"removed\": true, \"activity_id\": \"b\"}");
	want_part(&fake, "inbox_peek", "{'limit':5}", false, "[cut here: ");
	free(large);
	host_tools_free(&fake.host);
	return 0;
}

static void inbox_tools(void **state)
{
	(void)state;
	in_runtime(inbox_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workspace_tools),
		cmocka_unit_test(memory_tools),
		cmocka_unit_test(send_message_to_user),
		cmocka_unit_test(inbox_tools),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
