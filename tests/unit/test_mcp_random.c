// SPDX-License-Identifier: MIT
/* mcp_server: whatever a line may hold. */
#include "tests/unit/mcp_fixture.h"

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static const char *const seeds[] = {
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
	"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\","
	"\"params\":{\"name\":\"inbox_pop\",\"arguments\":{\"activity_id\":"
	"\"x\"}}}",
	"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":"
	"{\"name\":\"wait_for_message\",\"arguments\":{\"timeout_secs\":0}}}",
	"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":"
	"{\"name\":\"wait_for_message\",\"arguments\":{\"timeout_secs\":1e9}}}",
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
	"cancelled\",\"params\":"
	"{\"requestId\":3}}",
	"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/call\",\"params\":"
	"{\"name\":\"inbox_peek\",\"arguments\":{\"limit\":-1}}}",
	"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"initialize\",\"params\":"
	"{\"protocolVersion\":\"2025-03-26\"}}",
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
	"[{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"ping\"},7,[],{}]",
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":"
	"{\"name\":\"commit_memory\",\"arguments\":{\"content\":null}}}",
	"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/call\",\"params\":"
	"{\"name\":\"send_message_to_user\",\"arguments\":{\"message\":\"m\","
	"\"attachments\":[\"/\",\"\",7,\"/dev/zero\"]}}}",
	"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\",\"params\":"
	"{\"name\":\"delegate_task\",\"arguments\":{\"workspace_id\":\"../x\","
	"\"task\":\"\\ud800\"}}}",
	"\"\\ud800\"",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	"\xFF\xFE\x00\x01",
};

/* A line of the seeds, damaged in a few places. */
static size_t mutate(char *buf, size_t cap, uint64_t *seed)
{
	const char *from =
		seeds[next_random(seed) % (sizeof(seeds) / sizeof(*seeds))];
	size_t len = strlen(from);
	uint32_t edits = next_random(seed) % 4;

	if (len > cap - 1)
		len = cap - 1;
	memcpy(buf, from, len);
	for (uint32_t i = 0; i < edits && len > 1; i++) {
		size_t at = next_random(seed) % len;

		switch (next_random(seed) % 4) {
		case 0:
			buf[at] = (char)next_random(seed);
			break;
		case 1:
			buf[at] = "{}[]\",:\\0\n\0-"[next_random(seed) % 13];
			break;
		case 2:
			len = at + 1;
			break;
		default:
			memmove(buf + at, buf + at + 1, len - at - 1);
			len--;
			break;
		}
	}
	buf[len] = '\n';
	return len + 1;
}

struct flood {
	struct host *host;
	uint64_t seed;
	uint64_t sent;
};

static void send_flood(struct rt *rt, void *arg)
{
	struct flood *flood = arg;
	char buf[1024];

	(void)rt;
	for (int i = 0; i < 4000; i++) {
		size_t len = mutate(buf, sizeof(buf), &flood->seed);

		host_send_bytes(flood->host, buf, len);
	}
	host_send(flood->host,
		  "{'jsonrpc':'2.0','id':'the end','method':'ping'}");
	flood->sent++;
}

static bool is_answer(const json_t *json)
{
	return strcmp(text_at(json, "jsonrpc"), "2.0") == 0 &&
	       (json_is_object(json_object_get(json, "result")) ||
		json_is_object(json_object_get(json, "error")) ||
		json_is_string(json_object_get(json, "method")));
}

static bool is_message(const json_t *json)
{
	for (size_t i = 0; i < json_array_size(json); i++)
		if (!is_answer(json_array_get(json, i)))
			return false;
	return json_is_array(json) || is_answer(json);
}

/* Damaged lines, by thousands: whatever comes out is a message, and the
 * server answers after it. */
static int flood_body(struct rt *rt, void *arg)
{
	struct flood flood = { .seed = *(uint64_t *)arg };
	struct scope scope;
	struct host host;
	bool end = false;

	flood.host = &host;
	host_open(&host, rt, false, 0);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "flood", TASK_STACK_NORMAL, send_flood,
			    &flood),
		 0);
	while (!end) {
		json_t *json = host_message(&host);

		if (!CHECK(json && is_message(json)))
			fprintf(stderr, "seed %llu: %s\n",
				(unsigned long long)*(uint64_t *)arg,
				json ? json_dumps(json, 0) : "");
		end = !json || strcmp(text_at(json, "id"), "the end") == 0;
		json_decref(json);
	}
	CHECK_EQ(scope_join(&scope), 0);
	CHECK(host_logged(&host, "ignored a line") == 1);
	host_stop(&host, 100);
	host_close(&host);
	return 0;
}

static void random_lines(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		in_runtime(flood_body, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_lines),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
