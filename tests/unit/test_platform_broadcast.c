// SPDX-License-Identifier: MIT
/* One speaks to all, if it may. */
#include "tests/unit/platform_fixture.h"

#define SHOUT "/workspaces/" ANN "/broadcast"
#define ABILITIES "/workspaces/" ANN "/abilities"

struct heard {
	char to[4][IDENT_LEN + 1];
	char message[400];
	int count;
};

static void hear(void *arg, const char *workspace, const char *type,
		 const json_t *data)
{
	struct heard *heard = arg;

	if (strcmp(type, "BROADCAST_MESSAGE") != 0 || heard->count == 4)
		return;
	snprintf(heard->to[heard->count++], IDENT_LEN + 1, "%s", workspace);
	snprintf(heard->message, sizeof(heard->message), "%s",
		 text_in(data, "message"));
	CHECK_TEXT(text_in(data, "sender_id"), ANN);
	CHECK_TEXT(text_in(data, "sender"), "Ann");
}

static int allow(struct bed *b)
{
	return ask(b, "PATCH", ABILITIES, NULL, "{'broadcast_enabled':true}");
}

static int rows_of_dot(struct bed *b, const char *query)
{
	char target[128];

	snprintf(target, sizeof(target), "/workspaces/" DOT "/activity%s",
		 query);
	return ask(b, "GET", target, DOT_TOKEN, NULL);
}

static int it_takes_an_ability(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN, NULL, NULL), 200);
	CHECK(json_is_false(AT(b.json, "broadcast_enabled")));
	CHECK(json_is_true(AT(b.json, "talk_to_user_enabled")));
	CHECK_EQ(ask(&b, "POST", SHOUT, ANN_TOKEN, "{'message':'hear'}"), 403);
	CHECK_TEXT(got(&b, "error"), "broadcast_disabled");
	CHECK(strstr(got(&b, "hint"), "abilities") != NULL);
	CHECK_EQ(ask(&b, "PATCH", ABILITIES, NULL, "{}"), 400);
	CHECK_EQ(ask(&b, "PATCH", ABILITIES, NULL, "{'broadcast_enabled':1}"),
		 400);
	CHECK_EQ(ask(&b, "PATCH", "/workspaces/" NEW "/abilities", NULL,
		     "{'broadcast_enabled':true}"),
		 404);
	CHECK_EQ(allow(&b), 200);
	CHECK_TEXT(got(&b, "status"), "updated");
	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN, NULL, NULL), 200);
	CHECK(json_is_true(AT(b.json, "broadcast_enabled")));
	CHECK_EQ(ask(&b, "POST", SHOUT, ANN_TOKEN, "{'message':''}"), 400);
	CHECK_EQ(ask(&b, "POST", SHOUT, ANN_TOKEN, "x"), 400);
	CHECK_EQ(ask(&b, "POST", SHOUT, BOB_TOKEN, "{'message':'x'}"), 401);
	CHECK_EQ(ask(&b, "POST", SHOUT, ANN_TOKEN, "{'message':'hear'}"), 200);
	CHECK_EQ(ask(&b, "PATCH", ABILITIES, NULL,
		     "{'talk_to_user_enabled':false}"),
		 200);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/notify", ANN_TOKEN,
		     "{'message':'x'}"),
		 403);
	CHECK_TEXT(got(&b, "error"), "talk_to_user_disabled");
	bed_close(&b);
	return 0;
}

static int all_others_hear(struct rt *rt, void *arg)
{
	struct heard heard = { 0 };
	struct bed b;

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .observer = hear,
					     .observer_arg = &heard });
	CHECK_EQ(allow(&b), 200);
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" CID, NULL, NULL), 200);
	CHECK_EQ(ask(&b, "POST", SHOUT, ANN_TOKEN, "{'message':'hear'}"), 200);
	CHECK_TEXT(got(&b, "status"), "sent");
	CHECK_EQ(number_in(b.json, "delivered"), 2);
	CHECK_EQ(heard.count, 2);
	CHECK_TEXT(heard.to[0], BOB);
	CHECK_TEXT(heard.to[1], DOT);
	CHECK_TEXT(heard.message, "hear");
	CHECK_EQ(rows_of_dot(&b, "?type=broadcast_receive"), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "method"), "broadcast");
	CHECK_TEXT(text_in(row(&b, 0), "source_id"), ANN);
	CHECK_TEXT(text_in(row(&b, 0), "summary"), "Broadcast from Ann: hear");
	/* F-35: a poll for messages does not see it. */
	CHECK_EQ(rows_of_dot(&b, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 0);
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "activity_type"), "broadcast_sent");
	CHECK_TEXT(text_in(row(&b, 0), "summary"),
		   "Broadcast sent to 2 workspace(s)");
	bed_close(&b);
	return 0;
}

/* The log has the beginning, the event has all. */
static int long_ones_are_cut_in_the_log(struct rt *rt, void *arg)
{
	struct heard heard = { 0 };
	char message[400] = "", body[500], want[300];
	struct bed b;

	(void)arg;
	bed_open(&b, rt,
		 &(struct platform_options){ .allow_broadcast = true,
					     .observer = hear,
					     .observer_arg = &heard });
	for (int i = 0; i < 121; i++)
		strcat(message, "é");
	snprintf(body, sizeof(body), "{'message':'%s'}", message);
	snprintf(want, sizeof(want), "Broadcast from Ann: %.240s…", message);
	CHECK_EQ(ask(&b, "POST", SHOUT, ANN_TOKEN, body), 200);
	CHECK_TEXT(heard.message, message);
	CHECK_EQ(rows_of_dot(&b, "?type=broadcast_receive"), 200);
	CHECK_TEXT(text_in(row(&b, 0), "summary"), want);
	bed_close(&b);
	return 0;
}

CASE(it_takes_an_ability)
CASE(all_others_hear)
CASE(long_ones_are_cut_in_the_log)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_an_ability_test),
		cmocka_unit_test(all_others_hear_test),
		cmocka_unit_test(long_ones_are_cut_in_the_log_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
