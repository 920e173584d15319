// SPDX-License-Identifier: MIT
#include "app/platform_request.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/pool.h"
#include "runtime/task.h"

#define ORIGIN_SHOWN_MAX 128 /* of a Location, in a message */

char *platform_target(const char *format, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	return n < 0 ? NULL : text;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

void platform_add_encoded(struct text *target, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	while (*value != '\0') {
		size_t plain = 0;

		while (is_unreserved(value[plain]))
			plain++;
		text_add_bytes(target, value, plain);
		value += plain;
		if (*value != '\0') {
			unsigned char c = (unsigned char)*value++;
			char coded[] = { '%', hex[c >> 4], hex[c & 15] };

			text_add_bytes(target, coded, sizeof(coded));
		}
	}
}

static void add_field(struct http_request *http, const char *name,
		      const char *value)
{
	http->fields[http->field_count++] =
		(struct http_field){ .name = name, .value = value };
}

/* Where a redirect points, without what is secret or long in it. */
static char *redirect_detail(const char *location)
{
	const char *host = location != NULL ? strstr(location, "://") : NULL;
	char *text = NULL;
	int len;

	if (host == NULL)
		return strdup("a redirect, which is not followed; check "
			      "PLATFORM_URL");
	len = (int)(host - location + 3) + (int)strcspn(host + 3, "/?#@");
	if (len > ORIGIN_SHOWN_MAX)
		len = ORIGIN_SHOWN_MAX;
	if (asprintf(&text,
		     "a redirect to %.*s, which is not followed; if that is "
		     "the platform, set PLATFORM_URL to it",
		     len, location) < 0)
		return NULL;
	return text;
}

static char *token_detail(const struct identity *who)
{
	char name[TOKEN_NAME_MAX];
	char *text;

	token_source_name(&who->token, name, sizeof(name));
	return asprintf(&text, "the token came from %s", name) < 0 ? NULL
								   : text;
}

/* A field that is a plain number, else -1. */
static int64_t number_field(const struct http1_parser *head, const char *name)
{
	const char *value = http1_field(head, name);
	int64_t number = 0;

	if (value == NULL || *value == '\0')
		return -1;
	for (; *value >= '0' && *value <= '9'; value++)
		if (number < INT32_MAX)
			number = number * 10 + (*value - '0');
	return *value == '\0' ? number : -1;
}

static int64_t date_of(struct platform_client *client, const char *value)
{
	size_t len = value != NULL ? strlen(value) : 0;

	if (len == 0 || len >= sizeof(client->date))
		return -1;
	if (memcmp(client->date, value, len + 1) != 0) {
		client->date_s = platform_date_s(value);
		memcpy(client->date, value, len + 1);
	}
	return client->date_s;
}

/* What an answer's head says. */
static void take_head(struct platform_reply *reply,
		      const struct platform_request *request, int status,
		      const struct http1_parser *head)
{
	struct rt *rt = request->client->rt;

	reply->status = status;
	reply->date_s = date_of(request->client, http1_field(head, "date"));
	/* A date is by the platform's clock. */
	reply->retry_after_ms = platform_retry_after_ms(
		http1_field(head, "retry-after"),
		reply->date_s >= 0 ? reply->date_s * CLOCK_NS_PER_S
				   : clock_wall(rt));
	reply->rate_limit = number_field(head, "x-ratelimit-limit");
	reply->rate_remaining = number_field(head, "x-ratelimit-remaining");
	reply->rate_reset_s = number_field(head, "x-ratelimit-reset");
	if (status >= 300 && status < 400)
		reply->detail = redirect_detail(http1_field(head, "location"));
	else if (platform_unauthorised(reply))
		reply->detail = token_detail(request->who);
}

/* Moves what an answer holds into the reply. */
static void take_answer(struct platform_reply *reply,
			const struct platform_request *request,
			struct http_response *response)
{
	take_head(reply, request, response->status, &response->head);
	reply->body = response->body;
	reply->body_len = response->body_len;
	response->body = NULL;
	response->body_len = 0;
	http_response_free(response);
	if (!request->unparsed || !platform_ok(reply))
		platform_reply_json(reply);
}

/* Why no connection came about, where more is known than an errno. */
static void take_refusal(struct platform_reply *reply, const struct pool *pool)
{
	char text[PLATFORM_TEXT_MAX];

	pool_refusal(pool, text, sizeof(text));
	reply->detail = *text != '\0' ? strdup(text) : NULL;
	reply->mark = pool_refusal_mark(pool);
}

/* Makes it the request as HTTP has it; everything borrowed. */
static void as_http(struct http_request *http,
		    const struct platform_request *request,
		    const struct token *token)
{
	/* But for the room for fields, which is most of it. */
	memset(http, 0, offsetof(struct http_request, fields));
	http->method = request->method;
	http->url = request->who->url;
	http->target = request->target;
	http->body = request->body;
	http->body_len = request->body_len;
	http->source = request->source;
	http->source_arg = request->source_arg;
	http->idempotent = request->idempotent;
	http->urgent = request->class == PACE_BEAT;
	if (request->class == PACE_POLL)
		http->lanes = &request->client->lanes;
	if (request->timeout_ms > HTTP_IDLE_MS)
		http->idle_ms = (uint32_t)request->timeout_ms;
	http->body_max = request->answer_max;

	if (token->bearer != NULL)
		add_field(http, "Authorization", token->bearer);
	add_field(http, "Origin", request->who->origin);
	if (request->who->org_id != NULL)
		add_field(http, "X-Molecule-Org-Id", request->who->org_id);
	if (request->type != NULL)
		add_field(http, "Content-Type", request->type);
	if (request->as_workspace)
		add_field(http, "X-Workspace-ID", request->who->workspace_id);
}

static void fetch(const struct platform_request *request,
		  const struct token *token, struct platform_reply *reply)
{
	struct http_request http;
	struct http_response response;

	as_http(&http, request, token);
	reply->err = http_fetch(
		request->client->pool, &http, &response, &reply->phase,
		deadline_in_ms(request->client->rt, request->timeout_ms));
	if (reply->err == 0)
		take_answer(reply, request, &response);
	else if (reply->phase == HTTP_PHASE_CONNECT)
		take_refusal(reply, request->client->pool);
}

static void open_stream(const struct platform_request *request,
			const struct token *token, struct platform_reply *reply,
			struct http_stream **stream)
{
	struct http_request http;
	int status;

	as_http(&http, request, token);
	reply->err = http_open(
		request->client->pool, &http, stream, &status,
		deadline_in_ms(request->client->rt, request->timeout_ms));
	if (reply->err == 0)
		take_head(reply, request, status, http_head(*stream));
	else
		take_refusal(reply, request->client->pool);
}

/* There is no token to send. */
static void refuse_token(struct platform_reply *reply,
			 const struct identity *who, int err)
{
	char text[TOKEN_NAME_MAX + 128];

	token_problem(&who->token, err, text, sizeof(text));
	platform_reply_refuse(reply, -EKEYREJECTED, text);
}

/* Begins *reply and reads the token. False: the reply says why not. */
static bool prepare(const struct platform_request *request, struct token *token,
		    struct platform_reply *reply)
{
	const struct token_source *source = &request->who->token;

	*reply = (struct platform_reply){
		.date_s = -1,
		.retry_after_ms = -1,
		.rate_limit = -1,
		.rate_remaining = -1,
		.rate_reset_s = -1,
		.token = token_source_kind(source),
	};
	token->bearer = NULL;
	if (request->target == NULL) {
		reply->err = -ENOMEM;
		return false;
	}
	if (request->without_token)
		return true;
	reply->err = token_get(source, token);
	if (reply->err == 0)
		return true;
	if (reply->err != -ECANCELED && reply->err != -ETIMEDOUT &&
	    reply->err != -ENOMEM)
		refuse_token(reply, request->who, reply->err);
	return false;
}

static char *busy_detail(const struct pace *pace, int64_t wait_ns)
{
	char *text;

	if (asprintf(&text,
		     "the platform lets this machine ask %u times a minute, "
		     "which is used up; try again in %lld s",
		     pace->limit,
		     (long long)(wait_ns / CLOCK_NS_PER_S + 1)) < 0)
		return NULL;
	return text;
}

/* Waits for the request's turn where the platform limits how much it is asked.
 * False: that would take too long, and the reply says so. */
static bool admit(const struct platform_request *request,
		  struct platform_reply *reply)
{
	struct rt *rt = request->client->rt;
	struct pace *pace = request->who->pace;
	int64_t now = clock_now(rt, CLOCK_ID_MONOTONIC);
	int64_t until = now + request->timeout_ms * CLOCK_NS_PER_MS;
	int64_t wait;

	while (pace != NULL &&
	       (wait = pace_ask(pace, request->class, now)) > 0) {
		if (wait > until - now) {
			reply->err = -EAGAIN;
			reply->retry_after_ms = wait / CLOCK_NS_PER_MS;
			reply->detail = busy_detail(pace, wait);
			return false;
		}
		reply->err = task_sleep(
			rt, deadline_in_ms(rt, wait / CLOCK_NS_PER_MS + 1));
		if (reply->err < 0)
			return false;
		now = clock_now(rt, CLOCK_ID_MONOTONIC);
	}
	return true;
}

/* Counts it, and tells the pace what came of it. */
static void account(const struct platform_request *request,
		    const struct platform_reply *reply)
{
	struct platform_counters *counters = &request->client->counters;

	counters->sent++;
	counters->failed += reply->err != 0;
	counters->refused += reply->err == 0 && reply->status >= 400;
	counters->limited += reply->err == 0 && reply->status == 429;
	if (request->who->pace == NULL)
		return;
	pace_done(request->who->pace,
		  &(struct pace_answer){
			  .status = reply->err == 0 ? reply->status : 0,
			  .limit = reply->rate_limit,
			  .remaining = reply->rate_remaining,
			  .reset_s = reply->rate_reset_s,
			  .retry_after_ms = reply->retry_after_ms },
		  clock_now(request->client->rt, CLOCK_ID_MONOTONIC));
}

/* Gets it ready. False: the reply says why it does not go out. */
static bool may_go(const struct platform_request *request, struct token *token,
		   struct platform_reply *reply)
{
	if (prepare(request, token, reply) && admit(request, reply))
		return true;
	request->client->counters.not_sent++;
	return false;
}

static void finish(struct platform_request *request, struct token *token)
{
	token_release(token);
	free(request->target);
	free(request->body);
	request->target = request->body = NULL;
}

void platform_request_send(struct platform_request *request,
			   struct platform_reply *reply)
{
	struct token token;

	if (may_go(request, &token, reply)) {
		fetch(request, &token, reply);
		account(request, reply);
	}
	finish(request, &token);
}

bool platform_request_open(struct platform_request *request,
			   struct platform_reply *reply,
			   struct http_stream **stream)
{
	struct token token;

	*stream = NULL;
	if (may_go(request, &token, reply)) {
		open_stream(request, &token, reply, stream);
		account(request, reply);
	}
	finish(request, &token);
	return *stream != NULL;
}
