// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/a2a.h"
#include "proto/json.h"
#include "proto/text.h"
#include "proto/utf8.h"

/* Characters of a body that a failure quotes. */
#define QUOTE_MAX 200

/* What is being read. */
struct source {
	int status;
	const json_t *json;
	const char *body;
	size_t body_len;
};

static bool equal(const json_t *object, const char *key, const char *text)
{
	return strcmp(json_get_text_or(object, key, ""), text) == 0;
}

static void quote_body(struct text *text, const struct source *from)
{
	size_t len = from->body ? from->body_len : 0;
	char *clean;

	len = utf8_prefix(from->body, len, QUOTE_MAX);
	if (len == 0)
		return;
	clean = utf8_clean(from->body, len, &len);
	text->failed |= clean == NULL;
	if (clean) {
		text_add(text, ": ");
		text_add_bytes(text, clean, len);
	}
	free(clean);
}

/* ": " and the words of an error member: an object with a message, or a
 * string. Adds nothing when there are none. */
static bool add_error_words(struct text *text, const json_t *error)
{
	const char *words = json_is_string(error)
				    ? json_string_value(error)
				    : json_get_text(error, "message");
	const char *data = json_get_text(error, "data");

	if (!words || !*words)
		return false;
	text_add(text, ": ");
	text_add(text, words);
	if (data && *data && strcmp(data, words) != 0)
		text_format(text, " (%s)", data);
	return true;
}

const char *a2a_status_meaning(int status)
{
	switch (status) {
	case 401:
		return "the platform does not accept this workspace's token";
	case 402:
		return "the budget of the workspace is used up, so it takes no "
		       "more tasks until somebody raises it";
	case 403:
		return "the platform does not allow these two workspaces to "
		       "talk: only parent, children and siblings may";
	case 404:
		return "the platform does not know the workspace";
	case 409:
		return "the state of the workspace does not allow it now (it "
		       "may be paused, or just being changed)";
	case 410:
		return "the workspace has been removed from the platform and "
		       "will not come back";
	case 413:
		return "the message is larger than the platform takes";
	case 429:
		return "too many requests come from here";
	case 502:
		return "the platform could not reach the workspace's agent";
	default:
		return NULL;
	}
}

bool a2a_text_queued(const char *text)
{
	json_t *json = NULL;
	bool queued;

	if (text && *text == '{')
		json = json_parse_bounded(text, strlen(text), NULL);
	queued = equal(json, "status", "queued") &&
		 equal(json, "delivery_mode", "poll");
	json_decref(json);
	return queued;
}

/* Adds what the platform says about trying again, from `object`. A peer that
 * is busy may have taken the message; the others have not got it. */
static void add_advice(struct a2a_reply *reply, struct text *text,
		       const json_t *object)
{
	static const char *const states[] = { "busy", "restarting", "waking",
					      "warming" };
	double secs;

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (!json_get_true(object, states[i]))
			continue;
		text_format(text, "; the peer is %s", states[i]);
		if (i == 0)
			reply->may_have_arrived = true;
		else if (!reply->may_have_arrived)
			reply->try_again = true;
	}
	if (json_get_number(object, "retry_after", &secs) && secs >= 0) {
		reply->retry_after_secs = secs;
		text_format(text, "; try again in %.15g s", secs);
	}
}

static void read_http_failure(struct a2a_reply *reply, struct text *text,
			      const struct source *from)
{
	const char *hint = json_get_text(from->json, "hint");
	const char *meaning = a2a_status_meaning(from->status);

	reply->kind = A2A_REPLY_FAILED;
	reply->may_have_arrived = from->status == 500 || from->status == 502 ||
				  from->status == 504;
	reply->try_again = from->status == 429;
	text_format(text, "HTTP %d", from->status);
	if (!add_error_words(text, json_object_get(from->json, "error")) &&
	    !add_error_words(text, from->json))
		quote_body(text, from);
	if (hint && *hint)
		text_format(text, " (%s)", hint);
	if (meaning)
		text_format(text, "; %s", meaning);
	add_advice(reply, text, from->json);
}

/* An error object of JSON-RPC, with HTTP status 200. */
static void read_error(struct a2a_reply *reply, struct text *text,
		       const struct source *from)
{
	const json_t *error = json_object_get(from->json, "error");
	const json_t *data = json_object_get(error, "data");
	char buf[32];
	const char *code = json_get_scalar(error, "code", buf, sizeof(buf));

	reply->kind = A2A_REPLY_FAILED;
	reply->may_have_arrived = true;
	text_add(text, code ? "error " : "error");
	if (code)
		text_add(text, code);
	if (!add_error_words(text, error))
		quote_body(text, from);
	add_advice(reply, text, from->json);
	add_advice(reply, text, error);
	add_advice(reply, text, data);
}

static int artifacts_text(char **out, const json_t *artifacts)
{
	struct text text = { 0 };
	const json_t *artifact;
	size_t i;

	*out = NULL;
	json_array_foreach(artifacts, i, artifact)
	{
		char *piece;

		if (a2a_parts_text(&piece, json_object_get(artifact, "parts"),
				   "\n") < 0)
			text.failed = true;
		if (!piece)
			continue;
		if (text.len > 0)
			text_add(&text, "\n");
		text_add(&text, piece);
		free(piece);
	}
	if (text.len == 0 && !text.failed) {
		text_free(&text);
		return 0;
	}
	*out = text_take(&text);
	return *out ? 0 : -ENOMEM;
}

/* The text of a result: a message, or a task. */
static int result_text(char **out, const json_t *result)
{
	const json_t *message = json_object_get(result, "message");
	const json_t *status = json_object_get(result, "status");
	const json_t *said = json_object_get(status, "message");
	int err;

	err = a2a_parts_text(out, json_object_get(result, "parts"), "\n");
	if (err == 0 && !*out)
		err = a2a_parts_text(out, json_object_get(message, "parts"),
				     "\n");
	if (err == 0 && !*out)
		err = artifacts_text(out, json_object_get(result, "artifacts"));
	if (err == 0 && !*out)
		err = a2a_parts_text(out, json_object_get(said, "parts"), "\n");
	return err;
}

static bool among(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

static void read_result(struct a2a_reply *reply, struct text *text,
			const json_t *result)
{
	static const char *const ended_badly[] = { "failed", "rejected",
						   "canceled", "cancelled",
						   NULL };
	static const char *const under_way[] = { "submitted", "working", NULL };
	const json_t *status = json_object_get(result, "status");
	const char *state = json_get_text_or(status, "state", "");
	char *said = NULL;

	if (json_is_string(result))
		text_add(text, json_string_value(result));
	else if (result_text(&said, result) < 0)
		text->failed = true;
	if (said)
		text_add(text, said);
	free(said);

	reply->kind = A2A_REPLY_TEXT;
	if (among(state, ended_badly) ||
	    (text->len > 0 && strncmp(text->data, A2A_AGENT_ERROR,
				      strlen(A2A_AGENT_ERROR)) == 0))
		reply->kind = A2A_REPLY_FAILED;
	else if (among(state, under_way))
		reply->kind = A2A_REPLY_WORKING;
	reply->may_have_arrived = reply->kind == A2A_REPLY_FAILED;
	if (text->len > 0)
		return;
	if (reply->kind == A2A_REPLY_TEXT)
		text_add(text, A2A_NO_RESPONSE);
	else
		text_format(text, "the peer's task is %s", state);
}

/* Whether an object without `result` is itself what a result would be. */
static bool is_bare_result(const json_t *json)
{
	return json_is_array(json_object_get(json, "parts")) ||
	       json_is_array(json_object_get(json, "artifacts")) ||
	       json_is_object(json_object_get(json, "message"));
}

static void read_success(struct a2a_reply *reply, struct text *text,
			 const struct source *from)
{
	const json_t *result = json_object_get(from->json, "result");
	const json_t *error = json_object_get(from->json, "error");

	if (json_get_true(from->json, "queued")) {
		reply->kind = A2A_REPLY_QUEUED_BUSY;
		text_add(text, "the peer is busy; the platform keeps the "
			       "message for it");
	} else if (equal(from->json, "status", "queued")) {
		reply->kind = A2A_REPLY_QUEUED_POLL;
		text_add(text, "the peer polls for its messages; this one is "
			       "queued for it");
	} else if (error && !json_is_null(error)) {
		read_error(reply, text, from);
	} else if (result && !json_is_null(result)) {
		read_result(reply, text, result);
	} else if (is_bare_result(from->json)) {
		read_result(reply, text, from->json);
	} else {
		reply->kind = A2A_REPLY_FAILED;
		reply->may_have_arrived = true;
		text_add(text, from->json ? "unexpected response"
					  : "the response is not JSON");
		quote_body(text, from);
	}
}

int a2a_reply_read(struct a2a_reply *out, int status, const json_t *json,
		   const char *body, size_t body_len)
{
	const struct source from = { status, json, body, body_len };
	struct text text = { 0 };

	*out = (struct a2a_reply){ .kind = A2A_REPLY_FAILED };
	if (status >= 200 && status <= 299)
		read_success(out, &text, &from);
	else
		read_http_failure(out, &text, &from);
	out->text = text_take(&text);
	return out->text ? 0 : -ENOMEM;
}

void a2a_reply_free(struct a2a_reply *reply)
{
	free(reply->text);
	*reply = (struct a2a_reply){ .kind = A2A_REPLY_FAILED };
}
