// SPDX-License-Identifier: MIT
/*
 * molecule-mcp as an HTTP client: addresses of every form, and servers that
 * answer slowly, oddly, or not at all.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* list_peers is the request that each test looks at. */
#define PEERS "/registry/" WS_ID "/peers"
#define PEER_JSON "[{'id':'p','name':'Odd','status':'online','role':'r'}]"

static struct child *start(struct rig *rig)
{
	struct child *mcp;

	rig_env(rig, "MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS", NULL);
	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static void expect_peers(struct child *mcp, json_int_t id)
{
	mcp_call(mcp, id, "list_peers", NULL);
	assert_non_null(strstr(mcp_ok(mcp, id), "Odd"));
}

/* A path in the address goes before every path, and into Origin not at all
 * or as it stands. */
static void an_address_may_have_a_path(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "%s/base/v1/", fake_url(rig->fake)));
	fake_always(rig->fake, "GET", "/base/v1" PEERS,
		    (struct answer){ .body = PEER_JSON });
	fake_always(rig->fake, "POST", "/base/v1/registry/*",
		    (struct answer){ .body = "{'status':'ok'}" });
	mcp = start(rig);
	fake_expect(rig->fake, "POST", "/base/v1" REGISTER, 0);
	fake_expect(rig->fake, "POST", "/base/v1" HEARTBEAT, 0);
	expect_peers(mcp, 2);
}

static void names_and_cases_of_addresses(void **state)
{
	static const char *const forms[] = { "http://localhost:%d",
					     "HTTP://LocalHost:%d/",
					     "http://127.0.0.1:0%d" };
	struct rig *rig = *state;

	fake_always(rig->fake, "GET", PEERS,
		    (struct answer){ .body = PEER_JSON });
	for (int i = 0; i < 3; i++) {
		char *url = strdup(forms[i]);
		char *at = strstr(url, "%d");
		struct child *mcp;

		*at = '\0';
		rig_env(rig, "PLATFORM_URL",
			rig_text(rig, "%s%d%s", url, fake_port(rig->fake),
				 at + 2));
		free(url);
		mcp = start(rig);
		expect_peers(mcp, 2);
	}
}

/* A name that does not exist is said, and is no end. */
static void a_name_that_does_not_exist(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;
	const char *text;

	rig_env(rig, "PLATFORM_URL", "http://no-such-host.invalid");
	mcp = start(rig);
	mcp_call(mcp, 2, "list_peers", NULL);
	child_send(mcp, "{'jsonrpc':'2.0','id':3,'method':'ping'}");
	child_result(mcp, 3);
	text = mcp_failed(mcp, 2);
	assert_true(has_word(text, "resol") || has_word(text, "name") ||
		    has_word(text, "host") || has_word(text, "DNS"));
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

static void odd_but_right_answers_are_read(void **state)
{
#define OK "HTTP/1.1 200 OK\r\n"
	static const char *const answers[] = {
		OK "Content-Length: 54\r\n\r\n" PEER_JSON,
		OK "content-length:54   \r\nX-Empty:\r\n\r\n" PEER_JSON,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
		"Link: </x>\r\n\r\n" OK "Content-Length: 54\r\n\r\n" PEER_JSON,
		"HTTP/1.1 200\r\nContent-Length: 54\r\n\r\n" PEER_JSON,
		"HTTP/1.0 200 OK\r\n\r\n" PEER_JSON,
		OK "Connection: close\r\n\r\n" PEER_JSON,
		OK "Transfer-Encoding: Chunked\r\n\r\n"
		   "36;a=\"b\"\r\n" PEER_JSON "\r\n0\r\nT: x\r\n\r\n",
		OK "Content-Length: 57\r\n\r\n\xef\xbb\xbf" PEER_JSON,
	};
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	assert_int_equal(strlen(PEER_JSON), 54);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		fake_once(
			rig->fake, "GET", PEERS,
			(struct answer){ .kind = ANSWER_RAW,
					 .body = rig_quoted(rig, answers[i]) });
		expect_peers(mcp, 10 + (json_int_t)i);
	}
}

static void wrong_answers_are_failures(void **state)
{
	static const char *const answers[] = {
		"",
		"\r\n\r\n",
		"HTTP/2 200 OK\r\n\r\n[]",
		"HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\n[]",
		"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n[]",
		OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
		OK "Content-Length: -1\r\n\r\n[]",
		OK "Content-Length: 99999999999999999999\r\n\r\n[]",
		OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "zz\r\n",
		OK "Content-Length : 2\r\n\r\n[]",
		OK "No colon\r\n\r\n[]",
		OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
		OK "Transfer-Encoding: chunked\r\n\r\n2\r\n[]xx0\r\n\r\n",
		OK "Content-Length: 500\r\n\r\n[]",
		"SSH-2.0-OpenSSH_9.2\r\n",
	};
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		json_int_t id = 10 + (json_int_t)i;

		fake_always(rig->fake, "GET", PEERS,
			    (struct answer){ .kind = ANSWER_RAW,
					     .body = answers[i] });
		mcp_call(mcp, id, "list_peers", NULL);
		mcp_failed(mcp, id);
	}
	fake_always(rig->fake, "GET", PEERS,
		    (struct answer){ .body = PEER_JSON });
	expect_peers(mcp, 100);
}

/* A head without end. */
static void a_head_without_end_is_a_failure(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);
	size_t count = 20000;
	char *head = malloc(count * 12 + 64);
	char *at = head;

	assert_non_null(head);
	at = stpcpy(at, OK);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, "X-Long: y\r\n");
	fake_always(rig->fake, "GET", PEERS,
		    (struct answer){ .kind = ANSWER_RAW, .body = head });
	free(head);
	mcp_call(mcp, 2, "list_peers", NULL);
	mcp_failed(mcp, 2);
}

/* What is left over on a connection is no answer to the next request. */
static void surplus_bytes_are_no_answer(void **state)
{
	struct rig *rig = *state;
	struct child *mcp = start(rig);

	for (int i = 0; i < 5; i++) {
		fake_once(rig->fake, "GET", PEERS,
			  (struct answer){ .kind = ANSWER_RAW,
					   .body = OK
					   "Content-Length: 2\r\n\r\n[]" OK
					   "Content-Length: 4\r\n\r\nevil" });
		mcp_call(mcp, 10 + 2 * i, "list_peers", NULL);
		assert_non_null(strstr(mcp_ok(mcp, 10 + 2 * i), "No peers"));
		fake_once(rig->fake, "GET", PEERS,
			  (struct answer){ .body = PEER_JSON });
		expect_peers(mcp, 11 + 2 * i);
	}
}

/* A listener that accepts, and says nothing for ever: the heartbeat has its
 * deadline, and the next one comes. */
static void a_silent_platform_is_given_up(void **state)
{
	struct rig *rig = *state;
	const struct request *first, *next;

	fake_once(rig->fake, "POST", HEARTBEAT,
		  (struct answer){ .kind = ANSWER_HANG });
	rig_env(rig, "MOLECULE_MCP_DISABLE_INBOX", "1");
	rig_start(rig);
	first = fake_expect(rig->fake, "POST", HEARTBEAT, 0);
	next = fake_expect(rig->fake, "POST", HEARTBEAT, 1);
	assert_int_not_equal(first->connection, next->connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_may_have_a_path),
		TEST(names_and_cases_of_addresses),
		TEST(a_name_that_does_not_exist),
		TEST(odd_but_right_answers_are_read),
		TEST(wrong_answers_are_failures),
		TEST(a_head_without_end_is_a_failure),
		TEST(surplus_bytes_are_no_answer),
		TEST(a_silent_platform_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
