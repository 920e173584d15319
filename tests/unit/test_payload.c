// SPDX-License-Identifier: MIT
/* Bodies for the platform, lists from it, and UUIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/listing.h"
#include "proto/payload.h"
#include "proto/utf8.h"
#include "proto/uuid.h"

/* Compares a tree, which is released, with its text. */
static void expect(json_t *body, const char *expected)
{
	char *line = json_dump_line(body, NULL);

	assert_non_null(line);
	assert_string_equal(line, expected);
	free(line);
	json_decref(body);
}

static void cards(void **state)
{
	(void)state;
	expect(payload_agent_card("n", NULL, NULL),
	       "{\"name\":\"n\",\"skills\":[]}");
	expect(payload_agent_card("n", "", " , ,"),
	       "{\"name\":\"n\",\"skills\":[]}");
	expect(payload_agent_card("n\xFF", "d", " one, two words ,,three"),
	       "{\"name\":\"n\\uFFFD\",\"skills\":[{\"name\":\"one\"},{"
	       "\"name\":\"two words\"},{\"name\":\"three\"}],"
	       "\"description\":\"d\"}");
}

static void registration(void **state)
{
	(void)state;
	expect(payload_register("w", payload_agent_card("n", NULL, NULL)),
	       "{\"id\":\"w\",\"url\":\"\",\"agent_card\":{\"name\":\"n\","
	       "\"skills\":[]},\"delivery_mode\":\"poll\"}");
	assert_null(payload_register("w", NULL));
}

static void expect_beat(const struct payload_heartbeat *beat,
			const char *expected)
{
	size_t len;
	char *text = payload_heartbeat(beat, &len);

	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
	free(text);
}

static void heartbeats(void **state)
{
	struct payload_heartbeat beat = { .workspace_id = "w",
					  .uptime_secs = 1234 };

	(void)state;
	expect_beat(&beat, "{\"workspace_id\":\"w\",\"error_rate\":0.0,"
			   "\"sample_error\":\"\",\"active_tasks\":0,"
			   "\"uptime_seconds\":1234}");
	beat.workspace_id = "\"w\xFF";
	beat.active_tasks = UINT32_MAX;
	beat.uptime_secs = UINT64_MAX;
	expect_beat(&beat, "{\"workspace_id\":\"\\\"w\\uFFFD\","
			   "\"error_rate\":0.0,\"sample_error\":\"\","
			   "\"active_tasks\":4294967295,"
			   "\"uptime_seconds\":18446744073709551615}");
}

static void activities(void **state)
{
	char long_text[5000];
	struct payload_activity activity = {
		.type = "a2a_send",
		.source_id = "w",
		.target_id = "p",
		.summary = "s",
		.status = "ok",
		.task = "t",
	};
	json_t *body;

	(void)state;
	expect(payload_activity(&activity),
	       "{\"activity_type\":\"a2a_send\",\"source_id\":\"w\","
	       "\"target_id\":\"p\",\"method\":\"message/send\",\"summary\":"
	       "\"s\",\"status\":\"ok\",\"request_body\":{\"task\":\"t\"}}");
	for (size_t i = 0; i < sizeof(long_text) - 1; i += 2)
		memcpy(long_text + i, "\xC3\xA9", 2);
	long_text[sizeof(long_text) - 2] = '\0';
	activity.summary = long_text;
	activity.task = NULL;
	activity.result = "r";
	activity.error_detail = long_text;
	body = payload_activity(&activity);
	assert_int_equal(utf8_count(json_get_text(body, "summary"),
				    strlen(json_get_text(body, "summary"))),
			 PAYLOAD_SUMMARY_MAX);
	assert_int_equal(strlen(json_get_text(body, "error_detail")),
			 strlen(long_text));
	assert_string_equal(
		json_get_text(json_object_get(body, "response_body"), "result"),
		"r");
	assert_null(json_object_get(body, "request_body"));
	json_decref(body);
}

static void the_rest(void **state)
{
	(void)state;
	expect(payload_notify("m", NULL), "{\"message\":\"m\"}");
	expect(payload_notify("m", json_array()), "{\"message\":\"m\"}");
	expect(payload_notify("m", json_pack("[{s:s}]", "uri", "u")),
	       "{\"message\":\"m\",\"attachments\":[{\"uri\":\"u\"}]}");
	expect(payload_delegate("p", "t", "k"),
	       "{\"target_id\":\"p\",\"task\":\"t\",\"idempotency_key\":"
	       "\"k\"}");
	expect(payload_memory("w", "c", "LOCAL"),
	       "{\"content\":\"c\",\"scope\":\"LOCAL\",\"workspace_id\":"
	       "\"w\"}");
}

static void idempotency(void **state)
{
	char key[PAYLOAD_KEY_LEN + 1];

	(void)state;
	/* printf '%s' 'target:task' | sha256sum */
	payload_idempotency_key(key, "target", "task", NULL);
	assert_string_equal(key, "059b2f29bef1485baabc0114e0f75fec");
	payload_idempotency_key(key, "target", "task", "again");
	assert_string_equal(key, "b2f0ff8b153c507999dda5753851ae85");
	assert_true(payload_delegation_over("completed"));
	assert_true(payload_delegation_over("failed"));
	assert_false(payload_delegation_over("queued"));
	assert_false(payload_delegation_over(NULL));
}

static void expect_text(char *text, const char *expected)
{
	assert_string_equal(text, expected);
	free(text);
}

static void peers(void **state)
{
	json_t *list = json_loads(
		"[{\"name\":\"A\",\"id\":\"1\",\"status\":\"online\",\"role\":"
		"\"dev\"},{\"name\":\"B\\n- C\",\"id\":\"2\",\"status\":"
		"\"offline\",\"role\":null},null,{},{\"id\":\"3\"}]",
		0, NULL);
	struct listing listing = { 0 };

	(void)state;
	listing_add_peers(&listing, list, NULL, NULL);
	expect_text(text_take(&listing.text),
		    "- A (ID: 1, status: online, role: dev)\n"
		    "- B - C (ID: 2, status: offline)\n"
		    "- (no name) (ID: unknown, status: unknown)\n"
		    "- 3 (ID: 3, status: unknown)");
	expect(listing.list,
	       "[{\"id\":\"1\",\"name\":\"A\",\"status\":\"online\",\"role\":"
	       "\"dev\"},{\"id\":\"2\",\"name\":\"B\\n- C\",\"status\":"
	       "\"offline\",\"role\":null},{\"id\":\"\",\"name\":\"\","
	       "\"status\":\"unknown\",\"role\":null},{\"id\":\"3\",\"name\":"
	       "\"\",\"status\":\"unknown\",\"role\":null}]");
	assert_false(listing.failed);
	json_decref(list);
}

/* Two workspaces' peers in one list, and more of them than it takes. */
static void peers_of_several(void **state)
{
	json_t *list = json_loads("[{\"name\":\"A\",\"id\":\"1\"}]", 0, NULL);
	struct listing listing = { 0 };
	size_t shown;

	(void)state;
	listing_add_peers(&listing, list, "8dad3e29-xyz", "8dad3e29");
	listing_add_peers(&listing, list, "5b1c0e77-xyz", "5b1c0e77");
	assert_string_equal(listing.text.data,
			    "- A (ID: 1, status: unknown, via: 8dad3e29)\n"
			    "- A (ID: 1, status: unknown, via: 5b1c0e77)");
	assert_string_equal(
		json_get_text(json_array_get(listing.list, 1), "via"),
		"5b1c0e77-xyz");
	for (int i = 0; i < 40000; i++)
		json_array_append_new(
			list, json_pack("{s:s}", "id", "a-peer-with-an-id"));
	listing_add_peers(&listing, list, NULL, NULL);
	shown = json_array_size(listing.list);
	assert_in_range(listing.text.len, LISTING_PEERS_MAX,
			LISTING_PEERS_MAX + 200);
	assert_int_equal(shown + listing.left_out, 40003);
	assert_true(listing.left_out > 0);
	text_free(&listing.text);
	json_decref(listing.list);
	json_decref(list);
}

static void memories(void **state)
{
	json_t *list =
		json_loads("[{\"scope\":\"LOCAL\",\"content\":\"one\\ntwo\"},7,"
			   "{\"scope\":null,\"content\":null}]",
			   0, NULL);

	(void)state;
	expect_text(listing_memories(list), "[LOCAL] one\ntwo\n[?] ");
	json_decref(list);
	expect_text(listing_memories(NULL), LISTING_NO_MEMORIES);
}

static void delegations(void **state)
{
	json_t *rows = json_loads(
		"[{\"delegation_id\":\"d1\",\"status\":\"dispatched\"},7,"
		"{\"delegation_id\":\"d2\",\"status\":\"queued\",\"n\":1},"
		"{\"delegation_id\":\"d2\",\"status\":\"pending\",\"n\":2},"
		"{\"delegation_id\":\"d1\",\"status\":\"completed\","
		"\"target_id\":\"p\",\"summary\":null,"
		"\"response_preview\":\"r\"}]",
		0, NULL);
	json_t *many;

	(void)state;
	json_array_remove(rows, 0);
	json_array_remove(rows, 1);
	json_array_remove(rows, 1);
	expect(listing_delegations(rows),
	       "{\"delegations\":[{\"delegation_id\":\"d1\",\"target_id\":"
	       "\"p\",\"status\":\"completed\",\"summary\":\"\","
	       "\"response_preview\":\"r\"}],\"count\":1}");
	/* F-23: what is only queued is not completed. */
	json_object_set_new(json_array_get(rows, 1), "response_preview",
			    json_string("{\"status\":\"queued\","
					"\"delivery_mode\":\"poll\"}"));
	expect(listing_delegations(rows),
	       "{\"delegations\":[{\"delegation_id\":\"d1\",\"target_id\":"
	       "\"p\",\"status\":\"queued\",\"summary\":\"\","
	       "\"response_preview\":\"\"}],\"count\":1}");
	for (int i = 0; i < 20; i++)
		json_array_append_new(rows, json_object());
	many = listing_delegations(rows);
	assert_int_equal(json_array_size(json_object_get(many, "delegations")),
			 LISTING_DELEGATIONS_MAX);
	assert_int_equal(json_integer_value(json_object_get(many, "count")),
			 21);
	json_decref(many);
	json_decref(rows);
}

static void uuids(void **state)
{
	uint8_t random[16];
	char text[UUID_LEN + 1];

	(void)state;
	memset(random, 0xFF, sizeof(random));
	uuid_v4(text, random);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
	for (uint8_t i = 0; i < 16; i++)
		random[i] = (uint8_t)(i * 0x11);
	uuid_v4(text, random);
	assert_string_equal(text, "00112233-4455-4677-8899-aabbccddeeff");
	assert_true(uuid_valid(text));
	assert_true(uuid_valid("8DAD3E29-0000-0000-0000-00000000000a"));
	assert_false(uuid_valid("8dad3e29-0000-0000-0000-00000000000"));
	assert_false(uuid_valid("8dad3e29-0000-0000-0000-00000000000g"));
	assert_false(uuid_valid("8dad3e29-0000-0000-0000-00000000000ab"));
	assert_false(uuid_valid("8dad3e2900000-0000-0000-00000000000ab"));
	assert_false(uuid_valid(""));
	assert_false(uuid_valid(NULL));
	assert_true(uuid_normalise(
		text, "\t8DAD3E29-0000-0000-0000-00000000000A \n"));
	assert_string_equal(text, "8dad3e29-0000-0000-0000-00000000000a");
	assert_false(
		uuid_normalise(text, "8DAD3E29-0000-0000-0000-00000000000A x"));
	assert_string_equal(text, "");
	assert_false(uuid_normalise(text, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards),
		cmocka_unit_test(registration),
		cmocka_unit_test(heartbeats),
		cmocka_unit_test(activities),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(idempotency),
		cmocka_unit_test(peers),
		cmocka_unit_test(peers_of_several),
		cmocka_unit_test(memories),
		cmocka_unit_test(delegations),
		cmocka_unit_test(uuids),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
