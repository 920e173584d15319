// SPDX-License-Identifier: MIT
/*
 * Ten thousand calls that wait, from one client at once: all are answered, and
 * the memory that they took is given back.
 */
#include "harness.h"

#include <stdlib.h>

#define MANY 10000
#define ALLOWED_KIB 1024
/* So long after the last answer memory is looked at. */
#define SETTLE_MS 10000
#define PATIENCE_MS 60000

#ifdef __SANITIZE_ADDRESS__
#define MEASURED 0 /* what is freed is kept for a while */
#else
#define MEASURED 1
#endif

struct burst {
	struct child *mcp;
	int messages; /* when it has come to an end */
};

static bool all_in(void *arg)
{
	const struct burst *burst = arg;

	return child_messages(burst->mcp) >= burst->messages ||
	       !child_running(burst->mcp);
}

/* Each id from `from` on has one answer with this text among the messages from
 * `first` on. */
static void assert_each(struct child *mcp, int first, json_int_t from,
			const char *text)
{
	char *seen = calloc(1, MANY);
	json_t *message;
	int count = 0;

	assert_non_null(seen);
	for (int i = first; (message = child_message(mcp, i)); i++) {
		json_int_t id =
			json_integer_value(json_object_get(message, "id"));
		const json_t *structured =
			json_object_get(json_object_get(message, "result"),
					"structuredContent");

		if (id < from || id >= from + MANY)
			continue;
		assert_string_equal(
			json_string_value(json_object_get(structured, "text")),
			text);
		assert_int_equal(seen[id - from], 0);
		seen[id - from] = 1;
		count++;
	}
	assert_int_equal(count, MANY);
	free(seen);
}

static void burst(struct rig *rig, struct child *mcp, int n)
{
	json_int_t from = (json_int_t)(n + 1) * 100000;
	int first = child_messages(mcp);
	struct burst wanted = { mcp, first + MANY + 2 };
	const char *text = rig_text(rig, "burst %d", n);
	char id[40];

	for (json_int_t i = from; i < from + MANY; i++)
		child_send(mcp,
			   "{'jsonrpc':'2.0','id':%lld,'method':'tools/call',"
			   "'params':{'name':'wait_for_message','arguments':{"
			   "'timeout_secs':300}}}",
			   (long long)i);
	child_send(mcp, "{'jsonrpc':'2.0','id':%d,'method':'ping'}", 10 + n);
	child_result(mcp, 10 + n);
	/* All of them wait. */
	assert_int_equal(child_messages(mcp), first + 1);
	fake_message(rig->fake, n, NULL, text);
	/* And the message itself is announced. */
	wait_until(all_in, &wanted, PATIENCE_MS);
	assert_each(mcp, first, from, text);
	mcp_call(mcp, 20 + n, "inbox_pop", "{'activity_id':'%s'}",
		 row_id(n, id));
	mcp_ok(mcp, 20 + n);
}

static void ten_thousand_waits_leave_nothing_behind(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = rig_start(rig);
	long before, after;

	mcp_hello(mcp);
	mcp_call(mcp, 2, "inbox_peek", NULL);
	mcp_ok(mcp, 2);
	fake_expect(rig->fake, "GET", ACTIVITY, 0);
	before = proc_rss_kib(child_pid(mcp));
	burst(rig, mcp, 1);
	burst(rig, mcp, 2);
	if (!MEASURED)
		return;
	pause_ms(SETTLE_MS);
	after = proc_rss_kib(child_pid(mcp));
	print_message("%ld KiB before, %ld KiB after\n", before, after);
	if (before < 0 || after < 0)
		skip(); /* not ours to look at */
	assert_true(after <= before + ALLOWED_KIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ten_thousand_waits_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
