// SPDX-License-Identifier: MIT
/* The platform's small parts: stamps, maps, forms, limits, seeds. */
#include "tests/unit/platform_fixture.h"

#include "app/platform/keymap.h"
#include "app/platform/multipart.h"
#include "app/platform/stamp.h"

static void stamps(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2000-02-29T12:00:00.5Z", INT64_C(951825600500000) },
		{ "2026-05-01T09:30:00.000001Z", INT64_C(1777627800000001) },
		{ "2026-05-01t09:30:00.0000019z", INT64_C(1777627800000001) },
		{ "2026-05-01T11:30:00.000001+02:00",
		  INT64_C(1777627800000001) },
		{ "2026-05-01 04:00:00.000001-05:30",
		  INT64_C(1777627800000001) },
		{ "2026-05-01T11:30:00.000001 02:00",
		  INT64_C(1777627800000001) },
		{ "1969-12-31T23:59:59.999999Z", -1 },
		{ "2100-03-01T00:00:00Z", INT64_C(4107542400000000) },
	};
	static const char *const bad[] = {
		"",
		"now",
		"2026-05-01",
		"2026-05-01T09:30:00",
		"2026-05-01T09:30:00.Z",
		"2026-00-01T00:00:00Z",
		"2026-01-32T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:00:00ZZ",
		"2026-01-01T00:00:00+2:00",
		"2026-01-01T00:00:00+24:00",
		"12026-01-01T00:00:00Z",
	};
	char text[STAMP_TEXT_MAX];
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(stamp_parse(&us, good[i].text));
		assert_int_equal(us, good[i].us);
		stamp_format(text, us);
		assert_int_equal(strlen(text), 27);
		assert_true(stamp_parse(&us, text));
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(stamp_parse(&us, bad[i]));
	/* Every day of four centuries. */
	for (int64_t day = -80000; day < 80000; day += 7) {
		stamp_format(text, day * INT64_C(86400000000));
		assert_true(stamp_parse(&us, text));
		assert_int_equal(us, day * INT64_C(86400000000));
	}
}

struct thing {
	struct keymap_entry entry;
	char key[12];
};

static void maps(void **state)
{
	static struct thing things[500];
	struct keymap map = { 0 };

	(void)state;
	assert_null(keymap_find(&map, "0"));
	for (int i = 0; i < 500; i++) {
		snprintf(things[i].key, sizeof(things[i].key), "%d", i);
		assert_int_equal(
			keymap_add(&map, &things[i].entry, things[i].key), 0);
	}
	for (int i = 0; i < 500; i += 2)
		keymap_remove(&map, &things[i].entry);
	keymap_remove(&map, &things[0].entry);
	assert_int_equal(map.count, 250);
	for (int i = 0; i < 500; i++) {
		struct keymap_entry *found = keymap_find(&map, things[i].key);

		assert_ptr_equal(found, i % 2 ? &things[i].entry : NULL);
		if (found)
			assert_ptr_equal(
				KEYMAP_OWNER(found, struct thing, entry),
				&things[i]);
	}
	keymap_free(&map);
}

static void forms(void **state)
{
	static const char body[] =
		"preamble\r\n--b;b\r\n"
		"content-disposition: form-data; x=\"a;name=z\"; NAME=files; "
		"filename=\"a \\\"q\\\".txt\"\r\n\r\n"
		"one\r\n--b;\r\n--b;b  \r\n"
		"Content-Type: text/plain; charset=x\r\n\r\n"
		"\r\n--b;b\r\n\r\n--b;b--";
	struct multipart_part part;
	struct multipart m;

	(void)state;
	assert_int_equal(
		multipart_begin(&m,
				"Multipart/Form-Data; q=1; boundary=\"b;b\"",
				body, sizeof(body) - 1),
		0);
	assert_int_equal(multipart_next(&m, &part), 1);
	assert_string_equal(part.name, "files");
	assert_string_equal(part.filename, "a \"q\".txt");
	assert_int_equal(part.len, 9);
	assert_memory_equal(part.data, "one\r\n--b;", 9);
	assert_int_equal(multipart_next(&m, &part), 1);
	assert_string_equal(part.name, "");
	assert_string_equal(part.type, "text/plain");
	assert_int_equal(part.len, 0);
	assert_int_equal(multipart_next(&m, &part), 1);
	assert_int_equal(part.len, 0);
	assert_int_equal(multipart_next(&m, &part), 0);
}

/* No end of a form is a way out of its memory. */
static void forms_cut_short(void **state)
{
	static const char body[] =
		"--b\r\nContent-Disposition: form-data; name=\"files\"; "
		"filename=\"f\"\r\n\r\nx\r\n--b--";
	struct multipart_part part;
	struct multipart m;

	(void)state;
	for (size_t len = 0; len < sizeof(body) - 1; len++) {
		char *copy = malloc(len ? len : 1);
		int n = 1;

		memcpy(copy, body, len);
		if (multipart_begin(&m, "multipart/form-data; boundary=b", copy,
				    len) == 0) {
			while (n > 0)
				n = multipart_next(&m, &part);
			assert_int_equal(n, -EBADMSG);
		}
		free(copy);
	}
}

static void windows(void **state)
{
	static struct ratelimit limit = { .limit = 2 };
	struct ratelimit_state got_state;
	struct sockaddr_storage one, other;

	(void)state;
	loopback(&one, AF_INET, 1);
	loopback(&other, AF_INET6, 1);
	got_state = ratelimit_take(&limit, &one, 1000);
	assert_true(got_state.allowed);
	assert_int_equal(got_state.remaining, 1);
	assert_int_equal(got_state.reset_s, 60);
	got_state = ratelimit_take(&limit, &one, 1000 + 59500000000);
	assert_true(got_state.allowed);
	assert_int_equal(got_state.reset_s, 0);
	assert_false(ratelimit_take(&limit, &one, 1000 + 59600000000).allowed);
	assert_true(ratelimit_take(&limit, &other, 1000).allowed);
	assert_true(ratelimit_take(&limit, &one, 1000 + RATELIMIT_WINDOW_NS)
			    .allowed);
	/* More clients than there are places: the oldest is forgotten. */
	for (uint32_t i = 0; i < 2 * RATELIMIT_CLIENTS_MAX; i++) {
		((struct sockaddr_in *)&one)->sin_addr.s_addr = i;
		assert_true(
			ratelimit_take(&limit, &one, INT64_C(1000000000000) + i)
				.allowed);
	}
	loopback(&one, AF_INET, 1);
	assert_true(ratelimit_is_loopback(&one));
	assert_true(ratelimit_is_loopback(&other));
	((struct sockaddr_in *)&one)->sin_addr.s_addr = htonl(0x0a000001);
	assert_false(ratelimit_is_loopback(&one));
	one.ss_family = AF_UNIX;
	assert_false(ratelimit_is_loopback(&one));
}

static int seeds(struct rt *rt, void *arg)
{
	static const struct {
		const char *text, *fault;
	} bad[] = {
		{ "", "line 1" },
		{ "{'workspaces':[\n  {'id' 'x'}]}", "line 2, column" },
		{ "7", "workspaces" },
		{ "[{'id':'" ANN "','token':7}]", "wrong type of \"token\"" },
		{ "[{'id':'" ANN "','answer':'x'}]", "push has an answer" },
		{ "[{'id':'" ANN "','delivery_mode':'push'}]", "needs a url" },
		{ "{'workspaces':{}}", "workspaces" },
		{ "{'workspaces':[7]}", "workspaces[0]: a workspace must" },
		{ "{'workspaces':[{}]}", "workspaces[0]: id is required" },
		{ "{'workspaces':[{'id':'x'}]}", "must be a UUID" },
		{ "{'workspaces':[{'id':'" ANN "'},{'id':'" ANN "'}]}",
		  "workspaces[1]: a workspace with this id exists" },
		{ "{'workspaces':[{'id':'" ANN "','nmae':'x'}]}",
		  "unknown member \"nmae\"" },
		{ "{'workspaces':[{'id':'" ANN "','tier':'1'}]}",
		  "wrong type of \"tier\"" },
		{ "{'workspaces':[{'id':'" ANN "','tier':-1}]}", "tier" },
		{ "{'workspaces':[{'id':'" ANN "','token':'a b'}]}", "token" },
		{ "{'workspaces':[{'id':'" ANN "','delivery_mode':'x'}]}",
		  "delivery_mode" },
		{ "{'workspaces':[{'id':'" ANN "','parent_id':'" BOB "'}]}",
		  "is no workspace of the seed" },
		{ "{'workspaces':[{'id':'" ANN "','parent_id':'" BOB
		  "'},{'id':'" BOB "','parent_id':'" ANN "'}]}",
		  "leads back to itself" },
	};
	char fault[SEED_FAULT_MAX];

	(void)arg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct platform *platform =
			platform_new(rt, &(struct platform_options){ 0 });

		CHECK_EQ(seed(platform, bad[i].text, fault), -EINVAL);
		if (!CHECK(strstr(fault, bad[i].fault) != NULL))
			fprintf(stderr, "%s: %s\n", bad[i].text, fault);
		platform_free(platform);
	}
	struct platform *platform =
		platform_new(rt, &(struct platform_options){ 0 });

	CHECK_EQ(seed(platform,
		      "{'workspaces':[{'id':'" BOB "','parent_id':'" ANN
		      "','tier':0,'role':null,'talk_to_user':false},"
		      "{'id':'AAAAAAAA-0000-4000-8000-000000000001'}]}",
		      fault),
		 0);
	CHECK_EQ(members_find(platform, &(struct ident){ BOB })->tier, 0);
	CHECK_EQ(members_find(platform, &(struct ident){ ANN })->tier, 1);
	CHECK_TEXT(members_find(platform, &(struct ident){ ANN })->name,
		   "workspace-aaaaaaaa");
	platform_free(platform);
	return 0;
}

CASE(seeds)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps),  cmocka_unit_test(maps),
		cmocka_unit_test(forms),   cmocka_unit_test(forms_cut_short),
		cmocka_unit_test(windows), cmocka_unit_test(seeds_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
