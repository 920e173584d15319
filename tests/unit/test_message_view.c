// SPDX-License-Identifier: MIT
/* How a message is shown: with the names that are known by now, the address of
 * the sender's card, its attachments, and never too long for a host. */
#include "tests/unit/mcp_fixture.h"

#include "app/message_view.h"
#include "app/peers.h"
#include "proto/json_wire.h"
#include "proto/mcp.h"

#define PEER "5b1c0e77-7d0e-4f3c-8a51-3a6f0c2d4e02"
#define OTHER_ID "22222222-2222-4222-8222-222222222222"

static struct activity_message peer_message(void)
{
	return (struct activity_message){ .activity_id = "m1",
					  .text = "hello",
					  .peer_id = PEER,
					  .kind = "peer_agent",
					  .method = "message/send",
					  .created_at = "2026-01-01T00:00:00Z",
					  .arrival_workspace_id = "",
					  .peer_name = "",
					  .peer_role = "",
					  .agent_card_url = "",
					  .attachments = "" };
}

/* A member of the message as it is shown; "" when it is not there. */
static void expect_field(struct host *host,
			 const struct activity_message *message,
			 const char *key, const char *want)
{
	json_t *json = message_view_json(&host->tools, message);

	if (!CHECK(strcmp(text_at(json, key), want) == 0))
		fprintf(stderr, "%s is %s, not %s\n", key, text_at(json, key),
			want);
	json_decref(json);
}

static int names_body(struct rt *rt, void *arg)
{
	struct activity_message message = peer_message();
	char url[256];
	struct host host;

	(void)arg;
	host_tools(&host, rt, 0);
	snprintf(url, sizeof(url), "%s/registry/discover/" PEER, host.origin);
	/* Nothing is known. */
	expect_field(&host, &message, "peer_name", "");
	expect_field(&host, &message, "peer_role", "");
	expect_field(&host, &message, "agent_card_url", url);
	host.tools.peers = peers_new(rt, &host.client);
	peers_seen(host.tools.peers, PEER, "Bob", "Planner", &host.member);
	expect_field(&host, &message, "peer_name", "Bob");
	expect_field(&host, &message, "peer_role", "Planner");
	/* What came with the row counts, and the platform's address is not
	 * taken from it. */
	message.peer_name = "Robert";
	message.agent_card_url = "https://elsewhere.example/";
	expect_field(&host, &message, "peer_name", "Robert");
	expect_field(&host, &message, "peer_role", "Planner");
	expect_field(&host, &message, "agent_card_url", url);
	/* Users have no card, and neither has an id that is none. */
	message = peer_message();
	message.kind = "canvas_user";
	message.peer_id = "";
	expect_field(&host, &message, "agent_card_url", "");
	message = peer_message();
	message.peer_id = "../x";
	expect_field(&host, &message, "agent_card_url", "");
	expect_field(&host, &message, "peer_name", "");
	peers_free(host.tools.peers);
	host_tools_free(&host);
	return 0;
}

static void names_and_cards(void **state)
{
	(void)state;
	in_runtime(names_body, NULL);
}

/* The card is on the platform that the message came from. */
static int arrival_body(struct rt *rt, void *arg)
{
	struct activity_message message = peer_message();
	struct member members[2];
	struct host host;

	(void)arg;
	host_tools(&host, rt, 0);
	members[0] = host.member;
	members[1] = host.member;
	members[1].who.workspace_id = OTHER_ID;
	members[1].who.origin = "https://other.example";
	host.fleet.members = members;
	host.fleet.count = 2;
	message.arrival_workspace_id = OTHER_ID;
	expect_field(&host, &message, "agent_card_url",
		     "https://other.example/registry/discover/" PEER);
	expect_field(&host, &message, "arrival_workspace_id", OTHER_ID);
	host_tools_free(&host);
	return 0;
}

static void cards_of_the_right_platform(void **state)
{
	(void)state;
	in_runtime(arrival_body, NULL);
}

static int attachments_body(struct rt *rt, void *arg)
{
	struct activity_message message = peer_message();
	struct host host;
	json_t *json, *list;

	(void)arg;
	host_tools(&host, rt, 0);
	message.attachments = "[{\"kind\":\"file\",\"name\":\"a.txt\"}]";
	json = message_view_json(&host.tools, &message);
	list = json_object_get(json, "attachments");
	CHECK_EQ(json_array_size(list), 1);
	CHECK(strcmp(text_at(json_array_get(list, 0), "name"), "a.txt") == 0);
	json_decref(json);
	message.attachments = "no list";
	json = message_view_json(&host.tools, &message);
	CHECK(json && !json_object_get(json, "attachments"));
	json_decref(json);
	host_tools_free(&host);
	return 0;
}

static void attachments(void **state)
{
	(void)state;
	in_runtime(attachments_body, NULL);
}

static char *filled(size_t size, char with)
{
	char *text = malloc(size + 1);

	memset(text, with, size);
	text[size] = '\0';
	return text;
}

/* As text and as an object it fits into one line, whatever it consists of. */
static int long_body(struct rt *rt, void *arg)
{
	static const char with[] = { 'x', '"', '\x01' };
	struct host host;

	(void)arg;
	host_tools(&host, rt, 0);
	for (size_t i = 0; i < sizeof(with); i++) {
		struct activity_message message = peer_message();
		char *text = filled((size_t)9 << 20, with[i]);
		char *field = filled(5000, with[i]);
		char *line, *shown;
		size_t len = 0, size;
		json_t *json;

		message.text = text;
		message.method = field;
		message.peer_role = field;
		json = message_view_json(&host.tools, &message);
		line = json_dump_line(json, &len);
		shown = json_dump_text(json, 0);
		size = len +
		       json_wire_size(shown, strlen(shown), JSON_WIRE_STRING);
		CHECK(size < MCP_LINE_MAX - 1024u * 1024);
		CHECK(size > MCP_LINE_MAX / 2);
		CHECK(strstr(text_at(json, "text"),
			     "\n[cut here: the message is too long]") != NULL);
		CHECK_EQ(strlen(text_at(json, "method")), 1024);
		json_decref(json);
		free(line);
		free(shown);
		free(text);
		free(field);
	}
	host_tools_free(&host);
	return 0;
}

static void long_messages(void **state)
{
	(void)state;
	in_runtime(long_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_cards),
		cmocka_unit_test(cards_of_the_right_platform),
		cmocka_unit_test(attachments),
		cmocka_unit_test(long_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
