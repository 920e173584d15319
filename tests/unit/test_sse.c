// SPDX-License-Identifier: MIT
/* Event streams, in one piece and in any pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/sse.h"
#include "proto/text.h"

/* What a stream holds, as text: type|data; for each event, LARGE for one that
 * is too large. */
static char *events(const char *stream, size_t len, size_t piece)
{
	struct sse sse = { 0 };
	struct text found = { 0 };

	for (size_t at = 0; at < len;) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);
		size_t done = 0, used;

		memcpy(copy, stream + at, n);
		while (done < n) {
			enum sse_found what =
				sse_feed(&sse, copy + done, n - done, &used);

			assert_true(used > 0 && used <= n - done);
			done += used;
			if (what == SSE_EVENT) {
				assert_int_equal(sse.len, strlen(sse.data));
				text_format(&found, "%s|%s;", sse.type,
					    sse.data);
			} else if (what == SSE_LARGE) {
				text_format(&found, "%s|LARGE;", sse.type);
			} else {
				assert_int_equal(what, SSE_NOTHING);
				assert_int_equal(done, n);
			}
		}
		free(copy);
		at += n;
	}
	sse_free(&sse);
	return text_take(&found);
}

static void check(const char *stream, const char *expected)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 1000 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		char *found = events(stream, strlen(stream), pieces[i]);

		assert_string_equal(found, expected);
		free(found);
	}
}

static void plain(void **state)
{
	(void)state;
	check("", "");
	check("data: {\"a\":1}\n\n", "|{\"a\":1};");
	check("data:x\n\ndata: y\n\n", "|x;|y;");
	check("event: add\ndata: 73\n\n", "add|73;");
	check("data: a\ndata: b\n\n", "|a\nb;");
	check("data\n\n", "|;");
	check("data\ndata\n\n", "|\n;");
	check("data:  two spaces\n\n", "| two spaces;");
	check("data: with: colon\n\n", "|with: colon;");
}

static void line_ends(void **state)
{
	(void)state;
	check("data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;");
	check("data: a\r\rdata: b\r\r", "|a;|b;");
	check("data: a\r\ndata: b\n\r\n", "|a\nb;");
	check("data: a\r\n\ndata: b\r\r\n", "|a;|b;");
}

static void passed_over(void **state)
{
	(void)state;
	check(": ping\n\n", "");
	check(": ping\n\ndata: a\n: in between\n\n", "|a;");
	check("id: 7\nretry: 100\nother: x\ndata: a\nid\n\n", "|a;");
	check("event: lost\n\ndata: a\n\n", "|a;");
	check("\xEF\xBB\xBF"
	      "data: bom\n\n\xEF\xBB\xBF"
	      "data: not a field\n\n",
	      "|bom;");
	check("data: no blank line at the end\n", "");
	check("data: nor a line end", "");
	check("\n\n\n", "");
}

static char *repeat(const char *head, size_t n, const char *tail)
{
	size_t head_len = strlen(head), tail_len = strlen(tail);
	char *text = malloc(head_len + n + tail_len + 1);

	memcpy(text, head, head_len);
	memset(text + head_len, 'x', n);
	memcpy(text + head_len + n, tail, tail_len + 1);
	return text;
}

static void large(void **state)
{
	char *fits = repeat("data: ", SSE_EVENT_MAX - 6, "\n\ndata: a\n\n");
	char *line = repeat("event: e\ndata: ", SSE_EVENT_MAX + 10,
			    "\n\ndata: a\n\n");
	char *half = repeat("data: ", SSE_EVENT_MAX / 2 + 1, "\n");
	char *comment = repeat(":", 2 * SSE_EVENT_MAX, "\ndata: a\n\n");
	struct text twice = { 0 };
	char *both, *found;

	(void)state;
	found = events(fits, strlen(fits), 1000);
	assert_int_equal(strlen(found), SSE_EVENT_MAX - 6 + strlen("|;|a;"));
	free(found);
	check(line, "e|LARGE;|a;");
	check(comment, "|a;");
	text_add(&twice, half);
	text_add(&twice, half);
	text_add(&twice, "\ndata: a\n\n");
	both = text_take(&twice);
	check(both, "|LARGE;|a;");
	free(both);
	free(comment);
	free(half);
	free(line);
	free(fits);
}

static void type_is_cut(void **state)
{
	char *stream = repeat("event: ", SSE_TYPE_MAX + 9, "\ndata: a\n\n");
	char *found = events(stream, strlen(stream), 5);

	(void)state;
	assert_int_equal(strlen(found), SSE_TYPE_MAX + strlen("|a;"));
	free(found);
	free(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),       cmocka_unit_test(line_ends),
		cmocka_unit_test(passed_over), cmocka_unit_test(large),
		cmocka_unit_test(type_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
