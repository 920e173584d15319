// SPDX-License-Identifier: MIT
/* Rows of the activity list: which are messages, which move the cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/activity.h"
#include "proto/json.h"

#define OWN "8dad3e29-0000-4000-8000-00000000000a"
#define PEER "11111111-2222-4333-8444-555555555555"

static const struct activity_reader reader = { .workspace_id = OWN };

static void read_row(struct activity *out, const char *text,
		     const struct activity_reader *who)
{
	json_t *row = json_loads(text, JSON_DECODE_ANY, NULL);

	print_message("%s\n", text);
	assert_non_null(row);
	assert_int_equal(activity_read(out, row, who), 0);
	json_decref(row);
}

static void expect(const char *text, enum activity_verdict verdict)
{
	struct activity row;

	read_row(&row, text, &reader);
	assert_int_equal(row.verdict, verdict);
	assert_int_equal(row.message != NULL, verdict == ACTIVITY_MESSAGE);
	assert_int_equal(row.id[0] != '\0', verdict != ACTIVITY_IGNORE);
	free(row.message);
}

static void a_peer(void **state)
{
	struct activity row;
	json_t *object;
	char *text;

	(void)state;
	read_row(&row,
		 "{\"id\":\"r1\",\"source_id\":\"" PEER "\",\"method\":"
		 "\"message/send\",\"summary\":\"s\",\"created_at\":"
		 "\"2026-05-01T10:00:00.5Z\",\"request_body\":{\"params\":{"
		 "\"message\":{\"parts\":[{\"kind\":\"text\",\"text\":\"hi\"}]"
		 "}}}}",
		 &reader);
	assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
	assert_string_equal(row.id, "r1");
	object = activity_message_json(row.message);
	text = json_dump_text(object, 0);
	assert_string_equal(
		text, "{\"activity_id\": \"r1\", \"text\": \"hi\", "
		      "\"peer_id\": \"" PEER "\", \"kind\": \"peer_agent\", "
		      "\"method\": \"message/send\", "
		      "\"created_at\": \"2026-05-01T10:00:00.5Z\"}");
	free(text);
	json_decref(object);
	free(row.message);
}

static void a_user(void **state)
{
	struct activity row;

	(void)state;
	read_row(&row,
		 "{\"id\":42,\"source_id\":null,\"method\":null,"
		 "\"summary\":\"words\"}",
		 &reader);
	assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
	assert_string_equal(row.id, "42");
	assert_string_equal(row.message->activity_id, "42");
	assert_string_equal(row.message->text, "words");
	assert_string_equal(row.message->peer_id, "");
	assert_string_equal(row.message->kind, "canvas_user");
	assert_string_equal(row.message->method, "");
	assert_string_equal(row.message->created_at, "");
	free(row.message);
}

static void verdicts(void **state)
{
	(void)state;
	/* own notes to the user */
	expect("{\"id\":\"a\",\"method\":\"notify\",\"source_id\":null}",
	       ACTIVITY_SKIP);
	expect("{\"id\":\"a\",\"method\":\"notify\",\"source_id\":\"\"}",
	       ACTIVITY_SKIP);
	expect("{\"id\":\"a\",\"method\":\"notify\"}", ACTIVITY_SKIP);
	expect("{\"id\":\"a\",\"method\":\"notify\",\"source_id\":\"" PEER
	       "\"}",
	       ACTIVITY_MESSAGE);
	/* own echo */
	expect("{\"id\":\"a\",\"method\":\"message/send\",\"source_id\":\"" OWN
	       "\",\"request_body\":{\"task\":\"t\"}}",
	       ACTIVITY_SKIP);
	expect("{\"id\":\"a\",\"source_id\":"
	       "\"8DAD3E29-0000-4000-8000-00000000000A\"}",
	       ACTIVITY_SKIP);
	expect("{\"id\":\"a\",\"method\":\"delegate_result\",\"source_id\":"
	       "\"" OWN "\"}",
	       ACTIVITY_MESSAGE);
	/* no rows, or none with an id */
	expect("7", ACTIVITY_IGNORE);
	expect("null", ACTIVITY_IGNORE);
	expect("[]", ACTIVITY_IGNORE);
	expect("{}", ACTIVITY_IGNORE);
	expect("{\"id\":\"\"}", ACTIVITY_IGNORE);
	expect("{\"id\":null}", ACTIVITY_IGNORE);
	expect("{\"id\":\"a b\"}", ACTIVITY_IGNORE);
	expect("{\"id\":\"a\\n\"}", ACTIVITY_IGNORE);
	expect("{\"id\":\"\",\"method\":\"notify\"}", ACTIVITY_IGNORE);
	/* malformed inside */
	expect("{\"id\":\"a\",\"method\":7,\"source_id\":{},\"summary\":[],"
	       "\"request_body\":[null],\"created_at\":false}",
	       ACTIVITY_MESSAGE);
	expect("{\"id\":\"a\",\"request_body\":{\"params\":{\"message\":"
	       "{\"parts\":[{\"kind\":\"text\",\"text\":null}]}}}}",
	       ACTIVITY_MESSAGE);
}

static void long_ids(void **state)
{
	char text[ACTIVITY_ID_MAX + 32];

	(void)state;
	strcpy(text, "{\"id\":\"");
	memset(text + 7, 'x', ACTIVITY_ID_MAX);
	strcpy(text + 7 + ACTIVITY_ID_MAX, "\"}");
	expect(text, ACTIVITY_MESSAGE);
	strcpy(text + 7 + ACTIVITY_ID_MAX, "x\"}");
	expect(text, ACTIVITY_IGNORE);
}

static bool mine(void *arg, const char *uri, const char *name)
{
	(*(int *)arg)++;
	return strcmp(uri, "platform-pending:w/mine") == 0 &&
	       strcmp(name, "a.txt") == 0;
}

static void uploads(void **state)
{
	int asked = 0;
	const struct activity_reader who = { .workspace_id = OWN,
					     .own_upload = mine,
					     .arg = &asked };
	struct activity row;

	(void)state;
	read_row(&row,
		 "{\"id\":\"a\",\"method\":\"chat_upload_receive\","
		 "\"request_body\":{\"uri\":\"platform-pending:w/mine\","
		 "\"name\":\"a.txt\"}}",
		 &who);
	assert_int_equal(row.verdict, ACTIVITY_SKIP);
	read_row(&row,
		 "{\"id\":\"a\",\"method\":\"chat_upload_receive\","
		 "\"request_body\":\"{\\\"uri\\\":\\\"platform-pending:w/"
		 "mine\\\",\\\"name\\\":\\\"a.txt\\\"}\"}",
		 &who);
	assert_int_equal(row.verdict, ACTIVITY_SKIP);
	read_row(&row,
		 "{\"id\":\"a\",\"method\":\"chat_upload_receive\","
		 "\"summary\":\"chat_upload_receive: b.txt\","
		 "\"request_body\":{\"uri\":\"platform-pending:w/theirs\"}}",
		 &who);
	assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
	assert_string_equal(row.message->text, "chat_upload_receive: b.txt");
	free(row.message);
	assert_int_equal(asked, 3);
	read_row(&row,
		 "{\"id\":\"a\",\"method\":\"message/send\","
		 "\"request_body\":{\"uri\":\"platform-pending:w/mine\","
		 "\"name\":\"a.txt\"}}",
		 &who);
	assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
	free(row.message);
	assert_int_equal(asked, 3);
}

static void expect_kind(const char *text, const char *kind, const char *peer_id)
{
	struct activity row;

	read_row(&row, text, &reader);
	assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
	assert_string_equal(row.message->kind, kind);
	assert_string_equal(row.message->peer_id, peer_id);
	free(row.message);
}

#define BODY(more)                                                             \
	"{\"id\":\"a\",\"source_id\":null,\"method\":\"message/send\","        \
	"\"request_body\":" more "}"

static void f36_only_a_person_is_canvas_user(void **state)
{
	static const char *const people[] = {
		"{\"id\":\"a\"}",
		"{\"id\":\"a\",\"method\":\"message/send\",\"source_id\":\"\"}",
		"{\"id\":\"a\",\"method\":\"chat_upload_receive\"}",
		BODY("null"),
		BODY("{\"params\":{\"metadata\":{\"source\":\"canvas_user\","
		     "\"user_id\":\"u\"},\"message\":{\"role\":\"user\"}}}"),
		BODY("\"{\\\"params\\\":{\\\"metadata\\\":{\\\"source"
		     "\\\":\\\"canvas_user\\\"}}}\""),
	};
	static const char *const systems[] = {
		"{\"id\":\"a\",\"method\":\"tasks/get\"}",
		"{\"id\":\"a\",\"method\":\"delegate_result\"}",
		"{\"id\":\"a\",\"method\":\"message/send\","
		"\"source_id\":\"system:scheduler\"}",
		"{\"id\":\"a\",\"method\":\"notify\","
		"\"source_id\":\"SYSTEM:x\"}",
		"{\"id\":\"a\",\"source_id\":7}",
		"{\"id\":\"a\",\"source_id\":{}}",
		BODY("{\"params\":{\"metadata\":{\"source\":\"cron\"}}}"),
		BODY("\"{\\\"params\\\":{\\\"metadata\\\":{\\\"source"
		     "\\\":\\\"cron\\\"}}}\""),
		BODY("{\"params\":{\"message\":{\"metadata\":"
		     "{\"source\":\"webhook\"}}}}"),
		BODY("{\"params\":{\"metadata\":{\"systemKind\":"
		     "\"notice\"}}}"),
		BODY("{\"params\":{\"message\":{\"role\":\"system\"}}}"),
		BODY("{\"systemKind\":\"notice\"}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(people) / sizeof(*people); i++)
		expect_kind(people[i], "canvas_user", "");
	for (size_t i = 0; i < sizeof(systems) / sizeof(*systems); i++)
		expect_kind(systems[i], "system", "");
	expect_kind("{\"id\":\"a\",\"method\":\"tasks/get\",\"source_id\":"
		    "\"" PEER "\"}",
		    "peer_agent", PEER);
	/* The outcome of an own delegation; a peer cannot make one. */
	expect_kind("{\"id\":\"a\",\"method\":\"delegate_result\","
		    "\"source_id\":\"" OWN "\"}",
		    "delegation_result", OWN);
	expect_kind("{\"id\":\"a\",\"method\":\"delegate_result\","
		    "\"source_id\":\"" PEER "\"}",
		    "peer_agent", PEER);
}

static void f35_a_broadcast_is_a_message(void **state)
{
	struct activity row;

	(void)state;
	read_row(&row,
		 "{\"id\":\"b\",\"activity_type\":\"broadcast_receive\","
		 "\"source_id\":\"" PEER "\",\"method\":\"x\","
		 "\"summary\":\"to all\",\"request_body\":{\"parts\":"
		 "[{\"kind\":\"text\",\"text\":\"not this\"}]}}",
		 &reader);
	assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
	assert_string_equal(row.message->text, "to all");
	assert_string_equal(row.message->kind, "peer_agent");
	assert_string_equal(row.message->peer_id, PEER);
	assert_string_equal(row.message->method, "broadcast");
	free(row.message);
	expect_kind("{\"id\":\"b\",\"activity_type\":\"broadcast_receive\"}",
		    "system", "");
	expect("{\"id\":\"b\",\"activity_type\":\"broadcast_receive\","
	       "\"source_id\":\"" OWN "\"}",
	       ACTIVITY_SKIP);
}

static void what_is_known_of_a_peer(void **state)
{
	struct activity_reader who = reader;
	struct activity row;
	char text[2048] = "";

	(void)state;
	who.arrival = OWN;
	read_row(&row,
		 "{\"id\":\"a\",\"source_id\":\"" PEER "\","
		 "\"peer_name\":\"  Ann \\t\",\"peer_role\":\" \","
		 "\"agent_card_url\":\"http://p/c\"}",
		 &who);
	assert_string_equal(row.message->peer_name, "Ann");
	assert_string_equal(row.message->peer_role, "");
	assert_string_equal(row.message->agent_card_url, "http://p/c");
	assert_string_equal(row.message->arrival_workspace_id, OWN);
	assert_string_equal(row.message->attachments, "");
	free(row.message);
	/* Too much of it: names are cut between characters. */
	strcpy(text, "{\"id\":\"a\",\"peer_name\":\"x");
	for (int i = 0; i < ACTIVITY_NAME_MAX / 2 + 1; i++)
		strcat(text, "\xc3\xa9");
	strcat(text, "\",\"agent_card_url\":\"");
	memset(text + strlen(text), 'u', ACTIVITY_URL_MAX + 1);
	strcat(text, "\"}");
	read_row(&row, text, &reader);
	assert_int_equal(strlen(row.message->peer_name), ACTIVITY_NAME_MAX);
	assert_string_equal(row.message->peer_name + ACTIVITY_NAME_MAX - 2,
			    "\xc3\xa9");
	assert_string_equal(row.message->agent_card_url, "");
	free(row.message);
	read_row(&row, "{\"id\":\"a\",\"peer_name\":7,\"peer_role\":[]}",
		 &reader);
	assert_string_equal(row.message->peer_name, "");
	free(row.message);
}

/* F-6: whatever a row holds, it is a message or none, and never an error. */
static void f6_poison_rows(void **state)
{
	static const char *const rows[] = {
		BODY("{\"params\":{\"message\":{\"parts\":[{\"kind\":"
		     "\"text\",\"text\":null},null,7,[],{\"kind\":\"file\","
		     "\"file\":7},{\"kind\":[],\"file\":{}}]}}}"),
		BODY("{\"params\":7,\"metadata\":[],\"parts\":{}}"),
		BODY("\"not json\""),
		BODY("\"\""),
		BODY("[]"),
		BODY("{\"uri\":7,\"file_id\":[],\"name\":null}"),
		"{\"id\":\"a\",\"attachments\":7}",
		"{\"id\":\"a\",\"attachments\":[null,7,{\"kind\":7},{}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct activity row;

		read_row(&row, rows[i], &reader);
		assert_int_equal(row.verdict, ACTIVITY_MESSAGE);
		assert_string_equal(row.message->attachments, "");
		free(row.message);
	}
}

static void attachments_are_shown(void **state)
{
	struct activity row;
	json_t *object;
	char *text;

	(void)state;
	read_row(&row,
		 "{\"id\":\"a\",\"method\":\"chat_upload_receive\","
		 "\"request_body\":{\"file_id\":\"f\",\"name\":\"n.png\","
		 "\"mimeType\":\"image/png\",\"size\":3}}",
		 &reader);
	object = activity_message_json(row.message);
	text = json_dump_text(json_object_get(object, "attachments"), 0);
	assert_string_equal(text, "[{\"kind\": \"image\", "
				  "\"uri\": \"platform-pending:" OWN "/f\", "
				  "\"mime_type\": \"image/png\", "
				  "\"name\": \"n.png\", \"size\": 3}]");
	free(text);
	json_decref(object);
	free(row.message);
}

static void copies(void **state)
{
	struct activity_message *message =
		activity_message_new(&(struct activity_message){ .text = "t" });

	(void)state;
	assert_string_equal(message->text, "t");
	assert_string_equal(message->activity_id, "");
	assert_string_equal(message->created_at, "");
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer),
		cmocka_unit_test(a_user),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(long_ids),
		cmocka_unit_test(uploads),
		cmocka_unit_test(copies),
		cmocka_unit_test(f36_only_a_person_is_canvas_user),
		cmocka_unit_test(f35_a_broadcast_is_a_message),
		cmocka_unit_test(what_is_known_of_a_peer),
		cmocka_unit_test(f6_poison_rows),
		cmocka_unit_test(attachments_are_shown),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
