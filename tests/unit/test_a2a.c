// SPDX-License-Identifier: MIT
/* Text out of messages and replies, in all the shapes that agents send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/a2a.h"
#include "proto/json.h"
#include "proto/utf8.h"

static void request(void **state)
{
	json_t *body = a2a_message_send("id-1", "m-1", "do \xFF it");
	char *line = json_dump_line(body, NULL);

	(void)state;
	assert_string_equal(
		line,
		"{\"jsonrpc\":\"2.0\",\"id\":\"id-1\",\"method\":"
		"\"message/send\",\"params\":{\"message\":{\"role\":\"user\","
		"\"messageId\":\"m-1\",\"parts\":[{\"kind\":\"text\",\"text\":"
		"\"do \\uFFFD it\"}]}}}");
	free(line);
	json_decref(body);
}

#define PART(text) "{\"kind\":\"text\",\"text\":\"" text "\"}"

static void message_text(void **state)
{
	static const struct {
		const char *body, *summary, *expected;
	} cases[] = {
		{ "{\"params\":{\"message\":{\"parts\":[" PART("a") "]}}}", "s",
		  "a" },
		{ "{\"params\":{\"parts\":[" PART("b") "]}}", "s", "b" },
		{ "{\"parts\":[" PART("c") "]}", "s", "c" },
		{ "{\"parts\":[{\"type\":\"text\",\"text\":\"d\"}]}", "s",
		  "d" },
		/* the first candidate with any text wins */
		{ "{\"params\":{\"message\":{\"parts\":[" PART(
			  "a") "]},"
			       "\"parts\":[" PART("b") "]},\"parts\":[" PART(
				       "c") "]}",
		  "s", "a" },
		{ "{\"params\":{\"message\":{\"parts\":[" PART(
			  "") "]},"
			      "\"parts\":[]},\"parts\":[" PART("c") "]}",
		  "s", "c" },
		{ "{\"params\":{\"message\":{\"parts\":\"x\"},\"parts\":{}},"
		  "\"parts\":[" PART("c") "]}",
		  "s", "c" },
		/* all text parts, no separator */
		{ "{\"parts\":[" PART("a") ",{\"kind\":\"file\",\"text\":"
					   "\"f\"}," PART("b") "]}",
		  "s", "ab" },
		/* malformed parts poison nothing */
		{ "{\"parts\":[{\"kind\":\"text\",\"text\":null},"
		  "{\"kind\":\"text\",\"text\":7},{\"kind\":\"text\"},"
		  "{\"kind\":7,\"text\":\"x\"},null,5,\"t\",[]," PART("a") "]}",
		  "s", "a" },
		{ "{\"parts\":[{\"kind\":\"text\",\"text\":null}]}", "s", "s" },
		/* a string that holds JSON */
		{ "\"{\\\"parts\\\":[{\\\"kind\\\":\\\"text\\\","
		  "\\\"text\\\":\\\"in\\\"}]}\"",
		  "s", "in" },
		{ "\"not json\"", "s", "s" },
		{ "\"[]\"", "s", "s" },
		/* nothing to be found */
		{ "{\"task\":\"x\"}", "sum", "sum" },
		{ "{\"params\":null}", "sum", "sum" },
		{ "[]", "sum", "sum" },
		{ "7", "sum", "sum" },
		{ NULL, "sum", "sum" },
		{ NULL, "", "(empty A2A message)" },
		{ NULL, NULL, "(empty A2A message)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *body = NULL;
		char *text;

		print_message("%s\n", cases[i].body ? cases[i].body : "-");
		if (cases[i].body) {
			body = json_loads(cases[i].body, JSON_DECODE_ANY, NULL);
			assert_non_null(body);
		}
		text = a2a_message_text(body, cases[i].summary);
		assert_string_equal(text, cases[i].expected);
		free(text);
		json_decref(body);
	}
}

static void read_reply(struct a2a_reply *reply, int status, const char *body)
{
	json_t *json = json_loads(body, JSON_DECODE_ANY, NULL);

	print_message("%d %s\n", status, body);
	assert_int_equal(
		a2a_reply_read(reply, status, json, body, strlen(body)), 0);
	json_decref(json);
}

static void replies(void **state)
{
	static const struct {
		const char *body;
		enum a2a_reply_kind kind;
		const char *text;
	} cases[] = {
		/* a message */
		{ "{\"result\":{\"parts\":[" PART("a") "]}}", A2A_REPLY_TEXT,
		  "a" },
		{ "{\"result\":{\"parts\":[" PART("a") "," PART("b") "]}}",
		  A2A_REPLY_TEXT, "a\nb" },
		{ "{\"result\":{\"parts\":[{\"kind\":\"text\",\"text\":null}"
		  "," PART("b") "]}}",
		  A2A_REPLY_TEXT, "b" },
		{ "{\"result\":{\"message\":{\"parts\":[" PART("m") "]}}}",
		  A2A_REPLY_TEXT, "m" },
		/* a task */
		{ "{\"result\":{\"artifacts\":[{\"parts\":[" PART("x") "," PART(
			  "y") "]},{\"parts\":[]},{\"parts\":"
			       "[" PART("z") "]}],\"status\":{"
					     "\"state\":"
					     "\"completed\"}}}",
		  A2A_REPLY_TEXT, "x\ny\nz" },
		{ "{\"result\":{\"status\":{\"state\":\"completed\","
		  "\"message\":{\"parts\":[" PART("done") "]}}}}",
		  A2A_REPLY_TEXT, "done" },
		{ "{\"result\":{\"status\":{\"state\":\"input-required\","
		  "\"message\":{\"parts\":[" PART("which?") "]}}}}",
		  A2A_REPLY_TEXT, "which?" },
		{ "{\"result\":{\"status\":{\"state\":\"failed\","
		  "\"message\":{\"parts\":[" PART("no") "]}}}}",
		  A2A_REPLY_FAILED, "no" },
		{ "{\"result\":{\"status\":{\"state\":\"rejected\"}}}",
		  A2A_REPLY_FAILED, "the peer's task is rejected" },
		{ "{\"result\":{\"status\":{\"state\":\"working\"}}}",
		  A2A_REPLY_WORKING, "the peer's task is working" },
		/* odd, but readable */
		{ "{\"result\":\"plain\"}", A2A_REPLY_TEXT, "plain" },
		{ "{\"parts\":[" PART("bare") "]}", A2A_REPLY_TEXT, "bare" },
		/* nothing said */
		{ "{\"result\":{\"parts\":[]}}", A2A_REPLY_TEXT,
		  "(no response)" },
		{ "{\"result\":{}}", A2A_REPLY_TEXT, "(no response)" },
		{ "{\"result\":{\"parts\":[" PART("") "]}}", A2A_REPLY_TEXT,
		  "(no response)" },
		/* failures */
		{ "{\"result\":{\"parts\":[" PART("Agent error: boom") "]}}",
		  A2A_REPLY_FAILED, "Agent error: boom" },
		{ "{\"error\":{\"code\":-32000,\"message\":\"boom\"}}",
		  A2A_REPLY_FAILED, "error -32000: boom" },
		{ "{\"error\":{\"code\":-32000,\"message\":\"boom\",\"data\":"
		  "\"more\"},\"result\":null}",
		  A2A_REPLY_FAILED, "error -32000: boom (more)" },
		{ "{\"error\":\"boom\"}", A2A_REPLY_FAILED, "error: boom" },
		{ "{\"error\":{\"message\":\"boom\",\"data\":{\"restarting\":"
		  "true,\"retry_after\":15}}}",
		  A2A_REPLY_FAILED,
		  "error: boom; the peer is restarting; try again in 15 s" },
		{ "{\"error\":{}}", A2A_REPLY_FAILED, "error: {\"error\":{}}" },
		{ "{\"x\":1}", A2A_REPLY_FAILED,
		  "unexpected response: {\"x\":1}" },
		{ "<html>", A2A_REPLY_FAILED,
		  "the response is not JSON: <html>" },
		{ "", A2A_REPLY_FAILED, "the response is not JSON" },
	};
	struct a2a_reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		read_reply(&reply, 200, cases[i].body);
		assert_int_equal(reply.kind, cases[i].kind);
		assert_string_equal(reply.text, cases[i].text);
		assert_int_equal(reply.may_have_arrived,
				 reply.kind == A2A_REPLY_FAILED);
		a2a_reply_free(&reply);
	}
}

static void queued(void **state)
{
	struct a2a_reply reply;

	(void)state;
	read_reply(&reply, 200,
		   "{\"status\":\"queued\",\"delivery_mode\":\"poll\","
		   "\"method\":\"message/send\"}");
	assert_int_equal(reply.kind, A2A_REPLY_QUEUED_POLL);
	assert_non_null(reply.text);
	a2a_reply_free(&reply);
	read_reply(&reply, 202,
		   "{\"queued\":true,\"queue_id\":\"q\",\"queue_depth\":2,"
		   "\"message\":\"busy\"}");
	assert_int_equal(reply.kind, A2A_REPLY_QUEUED_BUSY);
	a2a_reply_free(&reply);
}

static void http_failures(void **state)
{
	static const struct {
		int status;
		const char *body, *text;
		bool may_have_arrived, try_again;
		double retry_after;
	} cases[] = {
		{ 403, "{\"error\":\"not allowed\"}",
		  "HTTP 403: not allowed; the platform does not allow these "
		  "two workspaces to talk",
		  false, false, 0 },
		{ 402, "{\"error\":\"no\"}",
		  "HTTP 402: no; the budget of the workspace is used up", false,
		  false, 0 },
		{ 409, "{\"error\":\"no\"}",
		  "HTTP 409: no; the state of the workspace does not allow it",
		  false, false, 0 },
		{ 410, "{\"error\":\"no\"}",
		  "HTTP 410: no; the workspace has been removed", false, false,
		  0 },
		{ 400, "{\"error\":\"no parts\",\"hint\":\"add some\"}",
		  "HTTP 400: no parts (add some)", false, false, 0 },
		/* It was not delivered, … */
		{ 503,
		  "{\"error\":\"agent\",\"restarting\":true,\"retry_after\":"
		  "30}",
		  "HTTP 503: agent; the peer is restarting; try again in 30 s",
		  false, true, 30 },
		/* … here it may have been. */
		{ 503, "{\"busy\":true,\"retry_after\":\"5\"}",
		  "HTTP 503: {\"busy\":true,\"retry_after\":\"5\"}; the peer "
		  "is busy; try again in 5 s",
		  true, false, 5 },
		{ 503, "{\"busy\":true,\"restarting\":true}",
		  "HTTP 503: ", true, false, 0 },
		{ 503, "", "HTTP 503", false, false, 0 },
		{ 429, "{\"error\":\"slow\"}", "HTTP 429: slow; too many",
		  false, true, 0 },
		{ 502, "bad gateway", "HTTP 502: bad gateway; ", true, false,
		  0 },
		{ 302, "", "HTTP 302", false, false, 0 },
		{ 404, "{\"error\":{\"message\":\"gone\"}}", "HTTP 404: gone; ",
		  false, false, 0 },
	};
	struct a2a_reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		read_reply(&reply, cases[i].status, cases[i].body);
		assert_int_equal(reply.kind, A2A_REPLY_FAILED);
		if (strncmp(reply.text, cases[i].text, strlen(cases[i].text)))
			assert_string_equal(reply.text, cases[i].text);
		assert_int_equal(reply.may_have_arrived,
				 cases[i].may_have_arrived);
		assert_int_equal(reply.try_again, cases[i].try_again);
		assert_true(reply.retry_after_secs == cases[i].retry_after);
		a2a_reply_free(&reply);
	}
}

static void confirmations(void **state)
{
	(void)state;
	assert_true(a2a_text_queued("{\"status\":\"queued\",\"delivery_mode\":"
				    "\"poll\",\"method\":\"message/send\"}"));
	assert_false(a2a_text_queued("{\"status\":\"queued\"}"));
	assert_false(a2a_text_queued("{\"status\":\"queued"));
	assert_false(a2a_text_queued("queued"));
	assert_false(a2a_text_queued("[]"));
	assert_false(a2a_text_queued(""));
	assert_false(a2a_text_queued(NULL));
	assert_null(a2a_status_meaning(200));
	assert_null(a2a_status_meaning(500));
}

static void quotes_are_cut_and_clean(void **state)
{
	struct a2a_reply reply;
	char body[1000];

	(void)state;
	memset(body, 'x', sizeof(body));
	body[0] = '\xFF';
	body[1] = '\0';
	assert_int_equal(a2a_reply_read(&reply, 500, NULL, body, sizeof(body)),
			 0);
	assert_memory_equal(reply.text, "HTTP 500: \xEF\xBF\xBD\xEF\xBF\xBDxxx",
			    19);
	assert_true(utf8_valid(reply.text, strlen(reply.text)));
	assert_in_range(strlen(reply.text), 200, 300);
	a2a_reply_free(&reply);
	a2a_reply_free(&reply);
	assert_int_equal(a2a_reply_read(&reply, 500, NULL, NULL, 0), 0);
	a2a_reply_free(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request),
		cmocka_unit_test(message_text),
		cmocka_unit_test(replies),
		cmocka_unit_test(queued),
		cmocka_unit_test(http_failures),
		cmocka_unit_test(confirmations),
		cmocka_unit_test(quotes_are_cut_and_clean),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
