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
	const struct activity_reader who = { OWN, mine, &asked };
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
		cmocka_unit_test(a_peer),   cmocka_unit_test(a_user),
		cmocka_unit_test(verdicts), cmocka_unit_test(long_ids),
		cmocka_unit_test(uploads),  cmocka_unit_test(copies),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
