// SPDX-License-Identifier: MIT
#include "proto/payload.h"

#include <bearssl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "proto/utf8.h"

/* The object if everything went in, else NULL; then it is released. */
static json_t *complete(json_t *object, int err)
{
	if (err == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

/* object[key] = {name: text}; left out when text is NULL. */
static int set_wrapped(json_t *object, const char *key, const char *name,
		       const char *text)
{
	json_t *inner;
	int err;

	if (!text)
		return 0;
	inner = json_object();
	err = json_set_text(inner, name, text);
	return set(object, key, complete(inner, err));
}

/* object[key] = the first `chars` characters; left out when text is NULL. */
static int set_cut(json_t *object, const char *key, const char *text,
		   size_t chars)
{
	size_t len;

	if (!text)
		return 0;
	len = utf8_prefix(text, strlen(text), chars);
	return set(object, key, json_string_clean(text, len));
}

static int add_skill(json_t *skills, const char *name, size_t len)
{
	static const char space[] = " \t\r\n\v\f";
	json_t *skill;

	while (len > 0 && strchr(space, *name)) {
		name++;
		len--;
	}
	while (len > 0 && strchr(space, name[len - 1]))
		len--;
	if (len == 0)
		return 0;
	skill = json_object();
	skill = complete(skill,
			 set(skill, "name", json_string_clean(name, len)));
	return json_array_append_new(skills, skill) < 0 ? -ENOMEM : 0;
}

json_t *payload_agent_card(const char *name, const char *description,
			   const char *skills)
{
	json_t *card = json_object();
	json_t *list = json_array();
	int err = json_set_text(card, "name", name);

	while (skills && *skills && err == 0) {
		size_t len = strcspn(skills, ",");

		err = add_skill(list, skills, len);
		skills += len + (skills[len] == ',');
	}
	if (err < 0)
		json_decref(list);
	else
		err = set(card, "skills", list);
	if (err == 0 && description && *description)
		err = json_set_text(card, "description", description);
	return complete(card, err);
}

json_t *payload_register(const char *workspace_id, json_t *agent_card)
{
	return json_pack("{s:o, s:s, s:o, s:s}", "id",
			 json_string_clean_z(workspace_id), "url", "",
			 "agent_card", agent_card, "delivery_mode", "poll");
}

char *payload_heartbeat(const struct payload_heartbeat *beat, size_t *len)
{
	struct text body = { 0 };

	text_add(&body, "{\"workspace_id\":");
	json_add_text(&body, beat->workspace_id);
	text_add(&body, ",\"error_rate\":0.0,\"sample_error\":\"\","
			"\"active_tasks\":");
	text_add_number(&body, beat->active_tasks);
	text_add(&body, ",\"uptime_seconds\":");
	text_add_number(&body, beat->uptime_secs);
	text_add(&body, "}");
	return text_take_len(&body, len);
}

json_t *payload_activity(const struct payload_activity *activity)
{
	json_t *body = json_object();
	int err = json_set_text(body, "activity_type", activity->type);

	if (err == 0)
		err = json_set_text(body, "source_id", activity->source_id);
	if (err == 0)
		err = json_set_text(body, "target_id", activity->target_id);
	if (err == 0)
		err = json_set_text(body, "method", "message/send");
	if (err == 0)
		err = set_cut(body, "summary", activity->summary,
			      PAYLOAD_SUMMARY_MAX);
	if (err == 0)
		err = json_set_text(body, "status", activity->status);
	if (err == 0)
		err = set_wrapped(body, "request_body", "task", activity->task);
	if (err == 0)
		err = set_wrapped(body, "response_body", "result",
				  activity->result);
	if (err == 0)
		err = set_cut(body, "error_detail", activity->error_detail,
			      PAYLOAD_ERROR_MAX);
	return complete(body, err);
}

json_t *payload_notify(const char *message, json_t *attachments)
{
	json_t *body = json_object();
	int err = json_set_text(body, "message", message);

	if (json_array_size(attachments) == 0 || err < 0)
		json_decref(attachments);
	else
		err = set(body, "attachments", attachments);
	return complete(body, err);
}

json_t *payload_delegate(const char *target_id, const char *task,
			 const char *idempotency_key)
{
	json_t *body = json_object();
	int err = json_set_text(body, "target_id", target_id);

	if (err == 0)
		err = json_set_text(body, "task", task);
	if (err == 0)
		err = json_set_text(body, "idempotency_key", idempotency_key);
	return complete(body, err);
}

void payload_idempotency_key(char out[PAYLOAD_KEY_LEN + 1],
			     const char *target_id, const char *task,
			     const char *again)
{
	unsigned char digest[br_sha256_SIZE];
	br_sha256_context hash;

	br_sha256_init(&hash);
	br_sha256_update(&hash, target_id, strlen(target_id));
	br_sha256_update(&hash, ":", 1);
	br_sha256_update(&hash, task, strlen(task));
	if (again) {
		br_sha256_update(&hash, ":", 1);
		br_sha256_update(&hash, again, strlen(again));
	}
	br_sha256_out(&hash, digest);
	for (size_t i = 0; i < PAYLOAD_KEY_LEN / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

bool payload_delegation_over(const char *status)
{
	return status && (strcmp(status, "completed") == 0 ||
			  strcmp(status, "failed") == 0);
}

json_t *payload_memory(const char *workspace_id, const char *content,
		       const char *scope)
{
	json_t *body = json_object();
	int err = json_set_text(body, "content", content);

	if (err == 0)
		err = json_set_text(body, "scope", scope);
	if (err == 0)
		err = json_set_text(body, "workspace_id", workspace_id);
	return complete(body, err);
}
