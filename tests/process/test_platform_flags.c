// SPDX-License-Identifier: MIT
/*
 * What molecule-platform's flags change, seen from outside.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PEER_TOKEN "tok-peer-9876543210"
#define LISTENING "listening on http://127.0.0.1:"
#define FLAGS_MAX 8

/* A running platform with Alpha (WS_ID) and Beta (PEER_ID). */
struct world {
	struct rig *rig;
	struct child *p;
	int port;
	const char *answer; /* the last one */
};

static bool is_listening(void *arg)
{
	const struct world *w = arg;
	const char *hit = strstr(child_stdout(w->p), LISTENING);

	return hit && strchr(hit, '\n');
}

static const char *new_seed(struct rig *rig)
{
	const char *path = rig_text(rig, "%s/seed.json", rig->dir);

	file_write(path,
		   rig_quoted(rig,
			      "{'workspaces':[{'id':'" WS_ID
			      "','name':'Alpha','token':'" TOKEN "'},"
			      "{'id':'" PEER_ID
			      "','name':'Beta','token':'" PEER_TOKEN "'}]}"),
		   0600);
	return path;
}

/* Starts one with more flags, which end with NULL. */
static struct world start(struct rig *rig, const char *const *flags)
{
	const char *args[FLAGS_MAX + 5] = { "--listen", "127.0.0.1:0", "--seed",
					    new_seed(rig) };
	struct world w = { .rig = rig };

	for (size_t i = 0; i < FLAGS_MAX && flags[i]; i++)
		args[4 + i] = flags[i];
	w.p = rig_spawn(rig, (struct child_how){ .exe = harness_program(
							 "MOLECULE_PLATFORM"),
						 .args = args,
						 .text_stdout = true });
	if (!wait_until(is_listening, &w, BOUND_MS))
		child_fail(w.p, "molecule-platform is not listening");
	w.port = atoi(strstr(child_stdout(w.p), LISTENING) + strlen(LISTENING));
	return w;
}

#define START(rig, ...) start(rig, (const char *[]){ __VA_ARGS__, NULL })

static int ask(struct world *w, const char *method, const char *path,
	       const char *token, const char *body)
{
	return http_ask(w->rig, w->port, method, path, token, body, &w->answer);
}

static json_t *answer_json(struct world *w)
{
	json_t *json = json_loads(w->answer, 0, NULL);

	if (!json)
		child_fail(w->p, "no JSON: %s", w->answer);
	return child_keep_json(w->p, json);
}

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "(absent)";
}

/* A thousand, each with a token of its own that opens it and no other. */
static void a_thousand_workspaces(void **state)
{
	struct rig *rig = *state;
	const char *path = rig_text(rig, "%s/list.json", rig->dir);
	struct world w =
		START(rig, "--workspaces", "1000", "--workspaces-file", path);
	json_t *list = json_load_file(path, 0, NULL), *last, *first;
	struct stat st;

	assert_non_null(list);
	child_keep_json(w.p, list);
	assert_int_equal(json_array_size(list), 1002);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* As a variable it must fit into one string of an environment. */
	assert_true(st.st_size < 128 * 1024);
	first = json_array_get(list, 2);
	last = json_array_get(list, 1001);
	path = rig_text(rig, "/workspaces/%s/activity", field(last, "id"));
	assert_int_equal(ask(&w, "GET", path, field(last, "token"), NULL), 200);
	assert_int_equal(ask(&w, "GET", path, field(first, "token"), NULL),
			 401);
	path = rig_text(rig, "/registry/%s/peers", field(last, "id"));
	assert_int_equal(ask(&w, "GET", path, field(last, "token"), NULL), 200);
	assert_int_equal(json_array_size(answer_json(&w)), 1001);
	/* No token is shown anywhere else. */
	assert_int_equal(ask(&w, "GET", "/demo/state", NULL, NULL), 200);
	assert_null(strstr(w.answer, field(last, "token")));
	assert_null(strstr(child_stdout(w.p), field(last, "token")));
	assert_string_equal(child_stderr(w.p), "");
}

static void delegations_are_as_on_the_true_platform(void **state)
{
	struct rig *rig = *state;
	struct world w = START(rig, "--push-results");
	json_t *row;

	assert_int_equal(ask(&w, "POST", "/workspaces/" WS_ID "/delegate",
			     TOKEN,
			     "{'target_id':'" PEER_ID "','task':'count'}"),
			 202);
	assert_int_equal(ask(&w, "GET",
			     "/workspaces/" WS_ID "/activity?type=a2a_receive",
			     TOKEN, NULL),
			 200);
	row = json_array_get(answer_json(&w), 0);
	assert_string_equal(field(row, "method"), "delegate_result");
	assert_int_equal(ask(&w, "GET", "/workspaces/" WS_ID "/delegations",
			     TOKEN, NULL),
			 200);
	row = json_array_get(answer_json(&w), 1);
	assert_string_equal(field(row, "status"), "completed");
	assert_non_null(strstr(field(row, "response_preview"), "queued"));
}

static void tenants_and_edges(void **state)
{
	struct rig *rig = *state;
	const char *door = "/workspaces/" WS_ID "/activity";
	struct world w = START(rig, "--org-id", "org-1");

	assert_int_equal(ask(&w, "GET", door, TOKEN, NULL), 400);
	assert_non_null(strstr(w.answer, "TENANT_ORG_HEADER_REQUIRED"));
	w = START(rig, "--require-origin");
	assert_int_equal(ask(&w, "GET", door, TOKEN, NULL), 404);
	assert_string_equal(w.answer, "");
	w = START(rig, "--allow-broadcast");
	assert_int_equal(ask(&w, "POST", "/workspaces/" WS_ID "/broadcast",
			     TOKEN, "{'message':'hear'}"),
			 200);
	assert_int_equal(json_integer_value(
				 json_object_get(answer_json(&w), "delivered")),
			 1);
}

static void streams_fare_as_told(void **state)
{
	static const char door[] = "/workspaces/" WS_ID "/events/stream";
	struct rig *rig = *state;
	struct world w = START(rig, "--no-stream", "--silent-stream",
			       "--cut-streams", "1.5");
	json_t *how;

	assert_int_equal(ask(&w, "GET", door, TOKEN, NULL), 404);
	assert_int_equal(ask(&w, "PATCH", "/demo/streams", NULL, "{}"), 200);
	how = answer_json(&w);
	assert_true(json_is_true(json_object_get(how, "refused")));
	assert_true(json_is_true(json_object_get(how, "silent")));
	assert_true(json_number_value(
			    json_object_get(how, "cut_mean_seconds")) == 1.5);
	/* One that is cut ends by itself. */
	assert_int_equal(ask(&w, "PATCH", "/demo/streams", NULL,
			     "{'refused':false,'cut_mean_seconds':0.01}"),
			 200);
	(void)ask(&w, "GET", door, TOKEN, NULL);
	assert_int_equal(ask(&w, "GET", "/demo/counters", NULL, NULL), 200);
	how = json_object_get(answer_json(&w), "streams");
	assert_int_equal(json_integer_value(json_object_get(how, "refused")),
			 1);
	assert_int_equal(json_integer_value(json_object_get(how, "cut")), 1);
	assert_int_equal(json_integer_value(json_object_get(how, "open")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_thousand_workspaces),
		TEST(delegations_are_as_on_the_true_platform),
		TEST(tenants_and_edges),
		TEST(streams_fare_as_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
