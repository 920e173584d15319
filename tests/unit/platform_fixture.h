// SPDX-License-Identifier: MIT
/*
 * platform_fixture - a platform and a raw HTTP client in one runtime.
 *
 *	struct bed b;
 *	bed_open(&b, rt, &(struct platform_options){ 0 });
 *	CHECK_EQ(ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN,
 *		     NULL), 200);
 *	... b.json, b.body, header(&b, "retry-after") ...
 *	bed_close(&b);
 *
 * Ann and Bob have no parent, Cid is Ann's child, Dot is Bob's.
 */
#ifndef TESTS_UNIT_PLATFORM_FIXTURE_H
#define TESTS_UNIT_PLATFORM_FIXTURE_H

#include "tests/unit/net_fixture.h"

#include <jansson.h>
#include <stdlib.h>

#include "app/platform/members.h"
#include "app/platform/platform.h"
#include "app/platform/seed.h"
#include "app/platform/state.h"
#include "net/http_client.h"
#include "net/pool.h"
#include "proto/json.h"

#define ANN "aaaaaaaa-0000-4000-8000-000000000001"
#define BOB "bbbbbbbb-0000-4000-8000-000000000002"
#define CID "cccccccc-0000-4000-8000-000000000003"
#define DOT "dddddddd-0000-4000-8000-000000000004"
#define NEW "eeeeeeee-0000-4000-8000-000000000005"
#define ANN_TOKEN "token-of-ann"
#define BOB_TOKEN "token-of-bob"
#define CID_TOKEN "token-of-cid"
#define DOT_TOKEN "token-of-dot"

struct bed {
	struct rt *rt;
	struct platform *platform;
	struct pool *pool;
	struct url url;
	char origin[64];

	/* The last answer. */
	struct http_response response;
	bool answered;
	json_t *json;
	const char *body;

	/* Headers for the next request only. */
	struct http_field extra[4];
	size_t extra_count;
};

/* 'single' becomes "double", so that JSON is readable here. The caller frees
 * it. */
static inline char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return copy;
}

static inline int seed(struct platform *platform, const char *text,
		       char fault[SEED_FAULT_MAX])
{
	char *json = quoted(text);
	int err = seed_read(platform, json, strlen(json), fault);

	free(json);
	return err;
}

static inline void bed_open(struct bed *b, struct rt *rt,
			    const struct platform_options *options)
{
	char fault[SEED_FAULT_MAX];

	*b = (struct bed){ .rt = rt, .platform = platform_new(rt, options) };
	CHECK_EQ(seed(b->platform,
		      "{'workspaces':["
		      "{'id':'" ANN "','name':'Ann','token':'" ANN_TOKEN "'},"
		      "{'id':'" BOB
		      "','name':'Bob','role':'builder','token':'" BOB_TOKEN
		      "'},"
		      "{'id':'" CID "','name':'Cid','token':'" CID_TOKEN
		      "','parent_id':'" ANN "'},"
		      "{'id':'" DOT "','name':'Dot','token':'" DOT_TOKEN
		      "','parent_id':'" BOB "'}]}",
		      fault),
		 0);
	CHECK_EQ(platform_start(b->platform), 0);
	snprintf(b->origin, sizeof(b->origin), "%s://127.0.0.1:%u",
		 platform_scheme(b->platform), platform_port(b->platform));
	CHECK_EQ(url_parse(&b->url, b->origin, NULL), 0);
	b->pool = pool_new(rt, NULL);
}

static inline void answer_drop(struct bed *b)
{
	json_decref(b->json);
	b->json = NULL;
	b->body = "";
	if (b->answered)
		http_response_free(&b->response);
	b->answered = false;
}

static inline void bed_close(struct bed *b)
{
	answer_drop(b);
	pool_free(b->pool);
	platform_stop(b->platform);
	platform_free(b->platform);
}

static inline void with(struct bed *b, const char *name, const char *value)
{
	b->extra[b->extra_count++] = (struct http_field){ name, value };
}

/* A request with a body of bytes; its status, or the error. */
static inline int ask_bytes(struct bed *b, const char *method,
			    const char *target, const char *token,
			    const void *body, size_t len)
{
	char bearer[400];
	struct http_request request = { .method = method,
					.url = &b->url,
					.target = target,
					.body = body,
					.body_len = len };
	int err;

	snprintf(bearer, sizeof(bearer), "Bearer %s", token ? token : "");
	if (token)
		request.fields[request.field_count++] =
			(struct http_field){ "Authorization", bearer };
	for (size_t i = 0; i < b->extra_count; i++)
		request.fields[request.field_count++] = b->extra[i];
	b->extra_count = 0;
	answer_drop(b);
	request.body_max = 64u << 20;
	err = http_fetch(b->pool, &request, &b->response, NULL,
			 patience(b->rt));
	if (err < 0)
		return err;
	b->answered = true;
	b->body = b->response.body ? b->response.body : "";
	b->json = json_parse_bounded(b->body, b->response.body_len, NULL);
	return b->response.status;
}

/* A request; 'single' quotes in the body become double ones. */
static inline int ask(struct bed *b, const char *method, const char *target,
		      const char *token, const char *body)
{
	char *text = body ? quoted(body) : NULL;
	int status = ask_bytes(b, method, target, token, text,
			       text ? strlen(text) : 0);

	free(text);
	return status;
}

static inline const char *header(const struct bed *b, const char *name)
{
	const char *value = b->answered ? http1_field(&b->response.head, name)
					: NULL;

	return value ? value : "(absent)";
}

static inline const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_get_text(object, name);

	return text ? text : "(absent)";
}

static inline long long number_in(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? (long long)json_integer_value(value)
				      : -1;
}

/* What a path of names leads to, which ends with NULL. */
static inline json_t *member_at(json_t *object, const char *const *path)
{
	while (*path)
		object = json_object_get(object, *path++);
	return object;
}

#define AT(object, ...) member_at(object, (const char *[]){ __VA_ARGS__, NULL })

/* A text member of the last answer. */
static inline const char *got(const struct bed *b, const char *name)
{
	return text_in(b->json, name);
}

/* Element i of an array that was answered. */
static inline json_t *row(const struct bed *b, size_t i)
{
	return json_array_get(b->json, i);
}

static inline size_t rows(const struct bed *b)
{
	return json_array_size(b->json);
}

static inline void check_text(const char *got_text, const char *want,
			      const char *file, int line)
{
	if (strcmp(got_text, want) != 0) {
		fprintf(stderr, "%s:%d: \"%s\" is not \"%s\"\n", file, line,
			got_text, want);
		check_failures++;
	}
}

#define CHECK_TEXT(got, want) check_text((got), (want), __FILE__, __LINE__)

/* The user writes to a workspace; its row's id goes to `id` if not NULL. */
static inline void user_says(struct bed *b, const char *workspace,
			     const char *text, char id[IDENT_LEN + 1])
{
	char target[128], body[256];

	snprintf(target, sizeof(target), "/demo/workspaces/%s/messages",
		 workspace);
	snprintf(body, sizeof(body), "{'text':'%s'}", text);
	CHECK_EQ(ask(b, "POST", target, NULL, body), 200);
	if (id)
		snprintf(id, IDENT_LEN + 1, "%s", got(b, "activity_id"));
}

/* What the message of a row says. */
static inline const char *said(const json_t *one)
{
	const json_t *params =
		json_object_get(json_object_get(one, "request_body"), "params");
	const json_t *parts =
		json_object_get(json_object_get(params, "message"), "parts");

	return text_in(json_array_get(parts, 0), "text");
}

/* A cmocka test that runs `name` as the first task of a runtime. */
#define CASE(name)                                                             \
	static void name##_test(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

#endif
