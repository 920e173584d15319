// SPDX-License-Identifier: MIT
/* mcp_server: two eras side by side, when a client has begun, and what is said
 * to it without being asked. */
#include "tests/unit/mcp_fixture.h"

#include "app/config.h"
#include "app/mcp_listen.h"
#include "proto/mcp_modern.h"

#define META                                                                   \
	"'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28',"     \
	"'io.modelcontextprotocol/clientCapabilities':{}}"
/* A request of the modern era; `more` begins with a comma or is empty. */
#define MODERN(id, method, more)                                               \
	"{'jsonrpc':'2.0','id':" id ",'method':'" method                       \
	"','params':{" META more "}}"
#define LEGACY(id, method) "{'jsonrpc':'2.0','id':" id ",'method':'" method "'}"
#define CHANNEL "notifications/claude/channel"
#define OPENCLAW "notifications/openclaw/channel"

/* The result of the next message, which must have this id. */
static json_t *result_for(struct host *host, json_int_t id)
{
	json_t *json = host_message(host);
	json_t *result = json_incref(json_object_get(json, "result"));

	if (!CHECK(json_integer_value(json_object_get(json, "id")) == id) ||
	    !CHECK(json_is_object(result)))
		fprintf(stderr, "got %s\n", json_dumps(json, 0));
	json_decref(json);
	return result;
}

static bool is_complete(const json_t *result)
{
	const json_t *info =
		json_object_get(json_object_get(result, "_meta"),
				"io.modelcontextprotocol/serverInfo");

	return strcmp(text_at(result, "resultType"), "complete") == 0 &&
	       strcmp(text_at(info, "name"), "molecule") == 0;
}

static int modern_body(struct rt *rt, void *arg)
{
	static const char *const gone[] = {
		"initialize",	    "ping",
		"logging/setLevel", "resources/list",
		"prompts/list",	    "resources/subscribe",
		"tasks/get",	    "completion/complete",
		"unknown/method",
	};
	struct host host;
	json_t *result;

	(void)arg;
	host_open(&host, rt, true, 0);
	host_send(&host, MODERN("1", "server/discover", ""));
	result = result_for(&host, 1);
	CHECK(is_complete(result));
	CHECK(*text_at(result, "instructions"));
	json_decref(result);

	host_send(&host, MODERN("2", "tools/list", ""));
	result = result_for(&host, 2);
	CHECK(is_complete(result));
	CHECK(json_array_size(json_object_get(result, "tools")) > 0);
	json_decref(result);
	ask(&host, MODERN("3", "tools/list", ",'cursor':'x'"), "-32602");

	host_send(&host, MODERN("4", "tools/call", ",'name':'inbox_peek'"));
	result = result_for(&host, 4);
	CHECK(is_complete(result));
	CHECK(json_is_array(json_object_get(
		json_object_get(result, "structuredContent"), "messages")));
	CHECK(json_is_true(json_object_get(json_object_get(result, "_meta"),
					   "molecule/untrusted")));
	json_decref(result);
	/* Failures have it, too. */
	host_send(&host, MODERN("5", "tools/call", ",'name':'inbox_pop'"));
	result = result_for(&host, 5);
	CHECK(is_complete(result));
	CHECK(json_is_true(json_object_get(result, "isError")));
	json_decref(result);
	ask(&host, MODERN("6", "tools/call", ",'name':'nothing'"), "-32602");
	ask(&host, MODERN("6", "tools/call", ""), "-32602");

	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
		char line[512];

		snprintf(line, sizeof(line),
			 "{'jsonrpc':'2.0','id':7,'method':'%s','params':{" META
			 "}}",
			 gone[i]);
		ask(&host, line, "\"code\":-32601");
	}
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void modern_requests(void **state)
{
	(void)state;
	in_runtime(modern_body, NULL);
}

static int refused_body(struct rt *rt, void *arg)
{
	struct host host;

	(void)arg;
	host_open(&host, rt, true, 0);
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/list','params':{'_meta':{"
	    "'io.modelcontextprotocol/protocolVersion':'2026-07-28'}}}",
	    "\"code\":-32602");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/list','params':{'_meta':{"
	    "'io.modelcontextprotocol/clientCapabilities':{}}}}",
	    "\"code\":-32602");
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/list','params':{'_meta':{"
	    "'io.modelcontextprotocol/protocolVersion':'1900-01-01'}}}",
	    "\"code\":-32022,\"message\":\"Unsupported protocol version\","
	    "\"data\":{\"supported\":[\"2026-07-28\"],\"requested\":"
	    "\"1900-01-01\"}");
	/* The tool is not called. */
	ask(&host,
	    "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':"
	    "'inbox_peek','_meta':{'io.modelcontextprotocol/protocolVersion':"
	    "'1900-01-01'}}}",
	    "\"code\":-32022");
	CHECK_EQ(host.ready, 0);
	/* Without any of it: what nobody else has needs it. */
	ask(&host, LEGACY("1", "server/discover"), "\"code\":-32602");
	ask(&host, LEGACY("1", "subscriptions/listen"), "\"code\":-32602");
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void bad_meta_is_refused(void **state)
{
	(void)state;
	in_runtime(refused_body, NULL);
}

static bool is_about(const json_t *json, const char *method, const char *id)
{
	return strcmp(text_at(json, "method"), method) == 0 &&
	       strcmp(text_at(json_object_get(json_object_get(json, "params"),
					      "meta"),
			      "activity_id"),
		      id) == 0;
}

/* The next message is this notification about this message. */
static void expect_push(struct host *host, const char *method, const char *id)
{
	json_t *json = host_message(host);

	if (!CHECK(is_about(json, method, id)))
		fprintf(stderr, "got %s\n", json_dumps(json, 0));
	json_decref(json);
}

/* A host may look for the modern era first, in one of these ways, and go on
 * with a handshake: the session is what it would have been. */
static int probe_body(struct rt *rt, void *arg)
{
	static const char *const probes[] = {
		MODERN("1", "server/discover", ""),
		LEGACY("1", "server/discover"),
		"{'jsonrpc':'2.0','id':1,'method':'server/discover','params':{"
		"'_meta':{'io.modelcontextprotocol/protocolVersion':"
		"'2027-01-01','io.modelcontextprotocol/clientCapabilities':{}"
		"}}}",
	};
	static const char *const answers[] = { "\"supportedVersions\"",
					       "\"code\":-32602",
					       "\"code\":-32022" };

	(void)arg;
	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		struct host host;
		json_t *result;

		host_open(&host, rt, true, 0);
		CHECK_EQ(host_put(&host, "m1", "first"), 0);
		ask(&host, probes[i], answers[i]);
		CHECK_EQ(host.ready, 0);
		host_send(&host,
			  "{'jsonrpc':'2.0','id':2,'method':'initialize',"
			  "'params':{'protocolVersion':'2025-06-18'}}");
		result = result_for(&host, 2);
		CHECK(strcmp(text_at(result, "protocolVersion"),
			     "2025-06-18") == 0);
		json_decref(result);
		CHECK_EQ(host.ready, 0);
		host_quiet(&host);
		host_send(&host, "{'jsonrpc':'2.0','method':'notifications/"
				 "initialized'}");
		expect_push(&host, CHANNEL, "m1");
		CHECK_EQ(host.ready, 1);
		/* Results are plain, and a method of the other era is none. */
		host_send(&host, LEGACY("3", "tools/list"));
		result = result_for(&host, 3);
		CHECK_EQ(json_object_size(result), 1);
		json_decref(result);
		ask(&host, LEGACY("4", "server/discover"), "\"code\":-32601");
		/* A modern request is one still. */
		host_send(&host, MODERN("5", "tools/list", ""));
		result = result_for(&host, 5);
		CHECK(is_complete(result));
		json_decref(result);
		CHECK(host_stop(&host, 1000));
		host_close(&host);
	}
	return 0;
}

static void probes_then_handshake(void **state)
{
	(void)state;
	in_runtime(probe_body, NULL);
}

/* Looking at the server does not begin anything; a call of a tool does, and a
 * modern client is told nothing that it did not ask for. */
static int begun_body(struct rt *rt, void *arg)
{
	struct host host;
	json_t *result;

	(void)arg;
	host_open(&host, rt, true, 0);
	CHECK_EQ(host_put(&host, "m1", "first"), 0);
	host_quiet(&host); /* a ping */
	host_send(&host, LEGACY("1", "tools/list"));
	json_decref(result_for(&host, 1));
	host_send(&host, MODERN("2", "server/discover", ""));
	json_decref(result_for(&host, 2));
	host_send(&host, MODERN("3", "tools/list", ""));
	json_decref(result_for(&host, 3));
	ask(&host, MODERN("4", "tools/call", ",'name':'nothing'"), "-32602");
	host_send(&host, "{'jsonrpc':'2.0','id':5,'method':'initialize'}");
	json_decref(result_for(&host, 5));
	host_quiet(&host);
	CHECK_EQ(host.ready, 0);
	CHECK(host_stop(&host, 1000));
	host_close(&host);

	host_open(&host, rt, true, 0);
	CHECK_EQ(host_put(&host, "m1", "first"), 0);
	host_send(&host, MODERN("1", "tools/call", ",'name':'inbox_peek'"));
	result = result_for(&host, 1);
	CHECK_EQ(host.ready, 1);
	json_decref(result);
	CHECK_EQ(host_put(&host, "m2", "second"), 0);
	/* (A modern client has no ping; it does no harm here.) */
	host_quiet(&host);
	host_send(&host,
		  MODERN("2", "tools/call", ",'name':'wait_for_message'"));
	result = result_for(&host, 2);
	CHECK(strcmp(text_at(json_object_get(result, "structuredContent"),
			     "activity_id"),
		     "m1") == 0);
	json_decref(result);
	host_quiet(&host);
	CHECK_EQ(host.ready, 1);
	CHECK(host_stop(&host, 1000));
	host_close(&host);

	/* A client that calls without a handshake gets no notifications. */
	host_open(&host, rt, true, 0);
	CHECK_EQ(host_put(&host, "m1", "first"), 0);
	ask(&host,
	    "{'id':1,'method':'tools/call','params':{'name':'inbox_peek'}}",
	    "m1");
	CHECK_EQ(host.ready, 1);
	host_quiet(&host);
	/* With one, the first call is as good as notifications/initialized. */
	host_send(&host, "{'jsonrpc':'2.0','id':5,'method':'initialize'}");
	json_decref(result_for(&host, 5));
	host_quiet(&host);
	host_send(&host, "{'id':1,'method':'tools/call','params':{'name':"
			 "'inbox_peek'}}");
	for (int i = 0; i < 2; i++) {
		json_t *json = host_message(&host);

		CHECK(json_object_get(json, "result") != NULL ||
		      is_about(json, CHANNEL, "m1"));
		json_decref(json);
	}
	CHECK_EQ(host.ready, 1);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void when_a_client_has_begun(void **state)
{
	(void)state;
	in_runtime(begun_body, NULL);
}

static int listen_body(struct rt *rt, void *arg)
{
	struct host host;
	json_t *json;

	(void)arg;
	host_open(&host, rt, true, 0);
	ask(&host,
	    MODERN("7", "subscriptions/listen",
		   ",'notifications':{'toolsListChanged':true}"),
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/"
	    "acknowledged\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/"
	    "subscriptionId\":7},\"notifications\":{}}}");
	ask(&host, MODERN("'7'", "subscriptions/listen", ""),
	    "subscriptionId\":\"7\"}");
	/* They are cancelled by type and value, and there can be many, one
	 * after the other. */
	for (int i = 0; i < 3 * MCP_LISTEN_MAX; i++) {
		ask(&host, MODERN("8", "subscriptions/listen", ""),
		    "acknowledged");
		host_cancel(&host, "8");
	}
	for (int i = 0; i < MCP_LISTEN_MAX - 2; i++)
		ask(&host, MODERN("9", "subscriptions/listen", ""),
		    "acknowledged");
	ask(&host, MODERN("10", "subscriptions/listen", ""), "\"code\":-32603");
	host_cancel(&host, "7");
	ask(&host, MODERN("11", "subscriptions/listen", ""), "acknowledged");
	for (int i = 0; i < MCP_LISTEN_MAX - 2; i++)
		host_cancel(&host, "9");
	host_quiet(&host);
	CHECK_EQ(host.ready, 0);
	/* At the end the two that are left are told that it is the end. */
	host_close_end(&host.to);
	CHECK(until(rt, &host.ended, 1));
	CHECK(host_stop(&host, 1000));
	for (int i = 0; i < 2; i++) {
		json = host_message(&host);
		CHECK(is_complete(json_object_get(json, "result")));
		CHECK(json_equal(
			json_object_get(json, "id"),
			json_object_get(
				json_object_get(json_object_get(json, "result"),
						"_meta"),
				"io.modelcontextprotocol/subscriptionId")));
		json_decref(json);
	}
	host_close(&host);
	return 0;
}

static void subscriptions(void **state)
{
	(void)state;
	in_runtime(listen_body, NULL);
}

/* A host with a method of its own is told in both ways. */
static int hosts_body(struct rt *rt, void *arg)
{
	static struct config config = { .host_kind = HOST_KIND_OPENCLAW };
	int in[2], out[2];
	struct host host;

	(void)arg;
	host_tools(&host, rt, 0);
	host.tools.config = &config;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) == 0);
	host.in = in[0];
	host.to = in[1];
	host.from = out[0];
	host.out = out[1];
	CHECK_EQ(mcp_server_new(
			 &host.server,
			 &(struct mcp_server_options){ .rt = rt,
						       .log = &host.log,
						       .tools = &host.tools,
						       .in_fd = host.in,
						       .out_fd = host.out }),
		 0);
	CHECK_EQ(mcp_server_start(host.server), 0);
	host_initialize(&host, "2024-11-05");
	CHECK_EQ(host_put(&host, "m1", "first"), 0);
	expect_push(&host, CHANNEL, "m1");
	expect_push(&host, OPENCLAW, "m1");
	host_quiet(&host);
	CHECK(host_stop(&host, 1000));
	host_close(&host);
	return 0;
}

static void other_hosts(void **state)
{
	(void)state;
	in_runtime(hosts_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modern_requests),
		cmocka_unit_test(bad_meta_is_refused),
		cmocka_unit_test(probes_then_handshake),
		cmocka_unit_test(when_a_client_has_begun),
		cmocka_unit_test(subscriptions),
		cmocka_unit_test(other_hosts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
