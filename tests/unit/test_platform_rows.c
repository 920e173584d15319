// SPDX-License-Identifier: MIT
/* The activity rows: order, cursors, filters and limits. */
#include "tests/unit/platform_fixture.h"

#define DOOR "/workspaces/" ANN "/activity"

static int get(struct bed *b, const char *query)
{
	char target[512];

	snprintf(target, sizeof(target), DOOR "%s", query);
	return ask(b, "GET", target, ANN_TOKEN, NULL);
}

static int after(struct bed *b, const char *id, const char *more)
{
	char query[256];

	snprintf(query, sizeof(query), "?type=a2a_receive&since_id=%s%s", id,
		 more);
	return get(b, query);
}

static void say_numbers(struct bed *b, int from, int to)
{
	for (int i = from; i < to; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		user_says(b, ANN, text, NULL);
	}
}

static int order_depends_on_the_cursor(struct rt *rt, void *arg)
{
	struct bed b;
	char second[IDENT_LEN + 1], upper[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(get(&b, ""), 200);
	CHECK_TEXT(b.body, "[]");
	say_numbers(&b, 0, 5);
	CHECK_EQ(get(&b, "?type=a2a_receive&since_secs=600"), 200);
	CHECK_EQ(rows(&b), 5);
	CHECK_TEXT(said(row(&b, 0)), "4");
	CHECK_TEXT(said(row(&b, 4)), "0");
	for (size_t i = 1; i < 5; i++)
		CHECK(strcmp(text_in(row(&b, i - 1), "created_at"),
			     text_in(row(&b, i), "created_at")) > 0);
	CHECK_EQ(strlen(text_in(row(&b, 0), "created_at")),
		 strlen("2026-05-01T09:30:00.000001Z"));
	snprintf(second, sizeof(second), "%s", text_in(row(&b, 3), "id"));
	CHECK_EQ(after(&b, second, ""), 200);
	CHECK_EQ(rows(&b), 3);
	CHECK_TEXT(said(row(&b, 0)), "2");
	CHECK_TEXT(said(row(&b, 2)), "4");
	CHECK_EQ(after(&b, second, "&limit=2"), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK_TEXT(said(row(&b, 1)), "3");
	for (size_t i = 0; i <= IDENT_LEN; i++)
		upper[i] = (char)(second[i] >= 'a' && second[i] <= 'f'
					  ? second[i] - 'a' + 'A'
					  : second[i]);
	CHECK_EQ(after(&b, upper, ""), 200);
	CHECK_EQ(rows(&b), 3);
	CHECK_EQ(after(&b, second, "&since_secs=600"), 200);
	CHECK_EQ(rows(&b), 3);
	bed_close(&b);
	return 0;
}

static int a_lost_cursor_is_said(struct rt *rt, void *arg)
{
	struct bed b;
	char id[IDENT_LEN + 1], other[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	user_says(&b, ANN, "x", id);
	user_says(&b, BOB, "x", other);
	CHECK_EQ(after(&b, id, ""), 200);
	CHECK_TEXT(b.body, "[]");
	CHECK_EQ(after(&b, other, ""), 410);
	CHECK(json_get_text(b.json, "error") != NULL);
	CHECK_EQ(after(&b, NEW, ""), 410);
	CHECK_EQ(after(&b, "garbage", ""), 500);
	CHECK_TEXT(got(&b, "error"), "cursor lookup failed");
	CHECK_EQ(ask(&b, "DELETE", "/demo/workspaces/" ANN "/activity", NULL,
		     NULL),
		 200);
	CHECK_EQ(after(&b, id, ""), 410);
	CHECK_EQ(get(&b, "?since_secs=600"), 200);
	CHECK_TEXT(b.body, "[]");
	bed_close(&b);
	return 0;
}

static int pages_are_bounded(struct rt *rt, void *arg)
{
	static const struct {
		const char *query;
		size_t count;
	} pages[] = { { "", 100 },	     { "?limit=7", 7 },
		      { "?limit=0", 100 },   { "?limit=-3", 100 },
		      { "?limit=x", 100 },   { "?limit=500", 500 },
		      { "?limit=5000", 500 } };
	struct bed b;
	char first[IDENT_LEN + 1];

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	user_says(&b, ANN, "first", first);
	say_numbers(&b, 0, 505);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		CHECK_EQ(get(&b, pages[i].query), 200);
		CHECK_EQ(rows(&b), pages[i].count);
		CHECK_TEXT(said(row(&b, 0)), "504");
	}
	CHECK_EQ(after(&b, first, ""), 200);
	CHECK_EQ(rows(&b), 100);
	CHECK_TEXT(said(row(&b, 0)), "0");
	CHECK_TEXT(said(row(&b, 99)), "99");
	bed_close(&b);
	return 0;
}

static void one_of_each(struct bed *b)
{
	user_says(b, ANN, "from the user", NULL);
	with(b, "X-Workspace-ID", BOB);
	CHECK_EQ(ask(b, "POST", "/workspaces/" ANN "/a2a", BOB_TOKEN,
		     "{'message':{'content':'from Bob'}}"),
		 200);
	CHECK_EQ(ask(b, "POST", DOOR, ANN_TOKEN,
		     "{'activity_type':'a2a_send','source_id':'" ANN
		     "','target_id':'" CID "','summary':'to Cid',"
		     "'request_body':{'task':'t'}}"),
		 200);
	CHECK_TEXT(got(b, "status"), "logged");
}

static int filters_choose(struct rt *rt, void *arg)
{
	static const struct {
		const char *query, *summaries;
	} filters[] = {
		{ "?source=canvas", "u" },
		{ "?source=agent", "cb" },
		{ "?type=a2a_receive", "bu" },
		{ "?type=a2a_send", "c" },
		{ "?type=nothing", "" },
		{ "?peer_id=" BOB, "b" },
		{ "?peer_id=" CID, "c" },
		{ "?peer_id=" ANN, "cbu" },
		{ "?peer_id=" BOB "&type=a2a_send", "" },
		{ "?type=a2a%5Freceive", "bu" },
		{ "?limit=1&unknown=1", "c" },
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	one_of_each(&b);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		char seen[8] = "";

		CHECK_EQ(get(&b, filters[i].query), 200);
		for (size_t j = 0; j < rows(&b) && j < 7; j++) {
			const char *text = said(row(&b, j));

			seen[j] = strcmp(text, "from the user") == 0 ? 'u'
				  : strcmp(text, "from Bob") == 0    ? 'b'
								     : 'c';
		}
		CHECK_TEXT(seen, filters[i].summaries);
	}
	bed_close(&b);
	return 0;
}

static int bad_parameters_are_refused(struct rt *rt, void *arg)
{
	static const char *const bad[] = {
		"?source=user",	    "?peer_id=bob",
		"?before_ts=today", "?before_ts=2026-13-01T00:00:00Z",
		"?since_secs=0",    "?since_secs=-1",
		"?since_secs=x",    "?since_secs=1.5",
		"?source=%zz",	    "?peer_id=%",
	};
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(get(&b, bad[i]), 400);
	CHECK_EQ(get(&b, "?since_secs=99999999999999999999"), 200);
	bed_close(&b);
	return 0;
}

static int time_bounds_hold(struct rt *rt, void *arg)
{
	char query[128], middle[64];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	say_numbers(&b, 0, 3);
	CHECK_EQ(get(&b, ""), 200);
	snprintf(middle, sizeof(middle), "%s",
		 text_in(row(&b, 1), "created_at"));
	snprintf(query, sizeof(query), "?before_ts=%s", middle);
	CHECK_EQ(get(&b, query), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(said(row(&b, 0)), "0");
	/* Rows of an hour ago are older than a minute. */
	for (struct row *r = members_find(b.platform, &(struct ident){ ANN })
				     ->log.oldest;
	     r; r = r->newer)
		r->created_us -= INT64_C(3600000000);
	CHECK_EQ(get(&b, "?since_secs=60"), 200);
	CHECK_EQ(rows(&b), 0);
	CHECK_EQ(get(&b, "?since_secs=7200"), 200);
	CHECK_EQ(rows(&b), 3);
	bed_close(&b);
	return 0;
}

static int peers_are_introduced(struct rt *rt, void *arg)
{
	char url[128];
	struct bed b;
	json_t *file;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	with(&b, "X-Workspace-ID", BOB);
	CHECK_EQ(ask(&b, "POST", "/workspaces/" ANN "/a2a", BOB_TOKEN,
		     "{'message':{'parts':[{'type':'text','text':'t'},"
		     "{'kind':'file','file':{'uri':'u','name':'n',"
		     "'mimeType':'image/png'}}]}}"),
		 200);
	user_says(&b, ANN, "x", NULL);
	CHECK_EQ(get(&b, ""), 200);
	CHECK(json_object_get(row(&b, 1), "peer_name") == NULL);
	CHECK_EQ(get(&b, "?include=other,peer_info"), 200);
	CHECK(json_object_get(row(&b, 0), "peer_name") == NULL);
	CHECK_TEXT(text_in(row(&b, 1), "peer_name"), "Bob");
	CHECK_TEXT(text_in(row(&b, 1), "peer_role"), "builder");
	snprintf(url, sizeof(url), "%s/registry/discover/" BOB, b.origin);
	CHECK_TEXT(text_in(row(&b, 1), "agent_card_url"), url);
	file = json_array_get(json_object_get(row(&b, 1), "attachments"), 0);
	CHECK_TEXT(text_in(file, "kind"), "file");
	CHECK_TEXT(text_in(file, "uri"), "u");
	CHECK_TEXT(text_in(file, "mime_type"), "image/png");
	/* The kept row has not been added to. */
	CHECK_EQ(get(&b, ""), 200);
	CHECK(json_object_get(row(&b, 1), "peer_name") == NULL);
	bed_close(&b);
	return 0;
}

static int reports_are_checked(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", DOOR, ANN_TOKEN, "x"), 400);
	CHECK_EQ(ask(&b, "POST", DOOR, ANN_TOKEN, "{'summary':'s'}"), 400);
	CHECK_EQ(ask(&b, "POST", DOOR, ANN_TOKEN, "{'activity_type':'gossip'}"),
		 400);
	CHECK_EQ(ask(&b, "POST", DOOR, ANN_TOKEN,
		     "{'activity_type':'error','source_id':'" BOB "'}"),
		 403);
	CHECK_EQ(ask(&b, "POST", DOOR, ANN_TOKEN,
		     "{'activity_type':'error','error_detail':'e',"
		     "'status':'error','response_body':{'r':1}}"),
		 200);
	CHECK_EQ(get(&b, ""), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(text_in(row(&b, 0), "source_id"), ANN);
	CHECK_TEXT(text_in(row(&b, 0), "status"), "error");
	CHECK_TEXT(text_in(row(&b, 0), "error_detail"), "e");
	CHECK(json_object_get(row(&b, 0), "request_body") == NULL);
	CHECK(json_is_object(json_object_get(row(&b, 0), "response_body")));
	bed_close(&b);
	return 0;
}

/* The operator's rows may be as odd as they like. */
static int odd_rows_are_kept(struct rt *rt, void *arg)
{
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" ANN "/activity", NULL,
		     "{'request_body':{'params':{'message':{'parts':"
		     "[{'kind':'text','text':null}]}}}}"),
		 200);
	CHECK_EQ(ask(&b, "POST", "/demo/workspaces/" ANN "/activity", NULL,
		     "{'request_body':'{}','source_id':'" BOB "'}"),
		 200);
	CHECK_EQ(get(&b, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 2);
	CHECK(json_is_string(json_object_get(row(&b, 0), "request_body")));
	CHECK_EQ(get(&b, "?include=peer_info"), 200);
	CHECK_EQ(rows(&b), 2);
	bed_close(&b);
	return 0;
}

/* What is older takes its place, and seq tells that it came later. */
static int old_rows_are_sorted_in(struct rt *rt, void *arg)
{
	static const char door[] = "/demo/workspaces/" ANN "/activity";
	char first[IDENT_LEN + 1];
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	user_says(&b, ANN, "first", first);
	user_says(&b, ANN, "second", NULL);
	CHECK_EQ(ask(&b, "POST", door, NULL,
		     "{'summary':'old','age_secs':3600}"),
		 200);
	CHECK_EQ(ask(&b, "POST", door, NULL, "{'age_secs':'x'}"), 400);
	CHECK_EQ(ask(&b, "POST", door, NULL, "{'age_secs':-1}"), 400);
	CHECK_EQ(get(&b, "?type=a2a_receive"), 200);
	CHECK_EQ(rows(&b), 3);
	CHECK_TEXT(text_in(row(&b, 2), "summary"), "old");
	CHECK_EQ(number_in(row(&b, 0), "seq"), 2);
	CHECK_EQ(number_in(row(&b, 1), "seq"), 1);
	CHECK_EQ(number_in(row(&b, 2), "seq"), 3);
	CHECK_EQ(get(&b, "?type=a2a_receive&since_secs=600"), 200);
	CHECK_EQ(rows(&b), 2);
	/* From a cursor it is not seen. */
	CHECK_EQ(after(&b, first, ""), 200);
	CHECK_EQ(rows(&b), 1);
	CHECK_TEXT(said(row(&b, 0)), "second");
	bed_close(&b);
	return 0;
}

static int acknowledgements_only_grow(struct rt *rt, void *arg)
{
	static const char door[] = DOOR "/ack";
	struct bed b;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, "{'acked_seq':5}"), 200);
	CHECK_EQ(number_in(b.json, "last_acked_seq"), 5);
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, "{'acked_seq':3}"), 200);
	CHECK_EQ(number_in(b.json, "last_acked_seq"), 5);
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, "{'acked_seq':-1}"), 400);
	CHECK_EQ(ask(&b, "POST", door, ANN_TOKEN, "{}"), 400);
	CHECK_EQ(ask(&b, "POST", door, BOB_TOKEN, "{'acked_seq':5}"), 401);
	bed_close(&b);
	return 0;
}

/* The oldest rows make room, and their ids are cursors no more. */
static int logs_are_bounded(struct rt *rt, void *arg)
{
	struct member *ann;
	struct ident first = { 0 };
	struct bed b;
	json_t *list;

	(void)arg;
	bed_open(&b, rt, &(struct platform_options){ 0 });
	ann = members_find(b.platform, &(struct ident){ ANN });
	/* Faster than the clock ticks, and yet no two alike. */
	for (int64_t i = 0, last = 0, now; i < 100000; i++, last = now) {
		now = platform_stamp(b.platform);
		CHECK(now > last);
	}
	for (int i = 0; i < ROWS_MAX + 5; i++) {
		struct row *r = rows_add(b.platform, ann,
					 &(struct row_draft){ .summary = "s" });

		CHECK(r != NULL);
		if (i == 4)
			first = r->id;
	}
	CHECK_EQ(ann->log.count, ROWS_MAX);
	CHECK_EQ(ann->log.added, ROWS_MAX + 5);
	CHECK_EQ(rows_select(b.platform, ann,
			     &(struct row_query){ .has_cursor = true,
						  .cursor = first,
						  .limit = 1 },
			     &list),
		 -ENOENT);
	CHECK_EQ(rows_select(b.platform, ann,
			     &(struct row_query){ .has_cursor = true,
						  .cursor = ann->log.oldest->id,
						  .limit = 1 },
			     &list),
		 0);
	json_decref(list);
	for (int i = 0; i < 8; i++)
		rows_add(b.platform, ann,
			 &(struct row_draft){ .bytes = ROWS_BYTES_MAX / 4 });
	CHECK(ann->log.bytes <= ROWS_BYTES_MAX);
	CHECK_EQ(ann->log.count, 3);
	bed_close(&b);
	return 0;
}

CASE(order_depends_on_the_cursor)
CASE(a_lost_cursor_is_said)
CASE(pages_are_bounded)
CASE(filters_choose)
CASE(bad_parameters_are_refused)
CASE(time_bounds_hold)
CASE(peers_are_introduced)
CASE(reports_are_checked)
CASE(odd_rows_are_kept)
CASE(old_rows_are_sorted_in)
CASE(acknowledgements_only_grow)
CASE(logs_are_bounded)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_depends_on_the_cursor_test),
		cmocka_unit_test(a_lost_cursor_is_said_test),
		cmocka_unit_test(pages_are_bounded_test),
		cmocka_unit_test(filters_choose_test),
		cmocka_unit_test(bad_parameters_are_refused_test),
		cmocka_unit_test(time_bounds_hold_test),
		cmocka_unit_test(peers_are_introduced_test),
		cmocka_unit_test(reports_are_checked_test),
		cmocka_unit_test(odd_rows_are_kept_test),
		cmocka_unit_test(old_rows_are_sorted_in_test),
		cmocka_unit_test(acknowledgements_only_grow_test),
		cmocka_unit_test(logs_are_bounded_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
