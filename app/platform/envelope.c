// SPDX-License-Identifier: MIT
#include "app/platform/envelope.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/ident.h"
#include "proto/a2a.h"
#include "proto/json.h"

#define MESSAGE_SEND "message/send"

static int set_new_id(struct rt *rt, json_t *object, const char *key)
{
	struct ident id;

	ident_random(rt, &id);
	return json_object_set_new(object, key, json_string(id.text));
}

/* A deep copy of the body with everything beneath an envelope: the body is
 * one, or its params, or the message of its params. */
static json_t *wrapped(const json_t *body)
{
	json_t *copy = json_deep_copy(body);

	if (json_is_object(json_object_get(body, "params")))
		return copy;
	if (json_is_object(json_object_get(body, "message")))
		return json_pack("{s:o}", "params", copy);
	return json_pack("{s:{s:o}}", "params", "message", copy);
}

/* The part with `kind`, whichever name it came under. */
static void part_normalise(json_t *part)
{
	json_t *type = json_object_get(part, "type");

	if (json_is_string(type) && !json_object_get(part, "kind"))
		json_object_set(part, "kind", type);
	if (json_is_string(type))
		json_object_del(part, "type");
}

/* Turns `content`, a text or an array of parts, into parts. */
static int content_to_parts(json_t *message)
{
	json_t *content = json_object_get(message, "content");
	int err;

	if (json_is_array(content))
		err = json_object_set(message, "parts", content);
	else if (json_is_string(content))
		err = json_object_set_new(message, "parts",
					  json_pack("[{s:s, s:O}]", "kind",
						    "text", "text", content));
	else
		return -EINVAL;
	json_object_del(message, "content");
	return err < 0 ? -ENOMEM : 0;
}

static int message_normalise(struct rt *rt, json_t *message)
{
	int err = 0;
	size_t i;
	json_t *part;

	if (!json_is_array(json_object_get(message, "parts")))
		err = content_to_parts(message);
	if (err < 0)
		return err;
	json_array_foreach(json_object_get(message, "parts"), i, part)
		part_normalise(part);
	if (!json_get_text_or(message, "messageId", "")[0])
		err = set_new_id(rt, message, "messageId");
	if (err == 0)
		err = json_object_set_new(message, "role", json_string("user"));
	return err < 0 ? -ENOMEM : 0;
}

/* The members of the request itself. */
static int request_normalise(struct rt *rt, json_t *request)
{
	const char *method = json_get_text(request, "method");
	int err = json_object_set_new(request, "jsonrpc", json_string("2.0"));

	if (err == 0 && !json_object_get(request, "id"))
		err = set_new_id(rt, request, "id");
	if (err == 0 &&
	    (!method || !*method || strlen(method) > ENVELOPE_METHOD_MAX))
		err = json_object_set_new(request, "method",
					  json_string(MESSAGE_SEND));
	return err < 0 ? -ENOMEM : 0;
}

static int envelope_index(struct envelope *envelope)
{
	json_t *params = json_object_get(envelope->json, "params");
	json_t *message = json_object_get(params, "message");

	envelope->method = json_get_text(envelope->json, "method");
	envelope->message_id = json_get_text(message, "messageId");
	envelope->parts = json_object_get(message, "parts");
	if (a2a_parts_text(&envelope->text, envelope->parts, "") < 0)
		return -ENOMEM;
	if (!envelope->text)
		envelope->text = strdup("");
	return envelope->text ? 0 : -ENOMEM;
}

int envelope_read(struct envelope *out, struct rt *rt, const json_t *body,
		  const char **why)
{
	json_t *message;
	int err;

	*out = (struct envelope){ .json = wrapped(body) };
	*why = NULL;
	message = json_object_get(json_object_get(out->json, "params"),
				  "message");
	err = out->json ? request_normalise(rt, out->json) : -ENOMEM;
	/* Other methods may carry anything. */
	if (err == 0 && (message || strcmp(json_get_text(out->json, "method"),
					   MESSAGE_SEND) == 0))
		err = json_is_object(message) ? message_normalise(rt, message)
					      : -EINVAL;
	if (err == 0)
		err = envelope_index(out);
	if (err == -EINVAL)
		*why = "params.message must have parts (an array) or content "
		       "(text or an array of parts)";
	if (err < 0)
		envelope_free(out);
	return err;
}

int envelope_make(struct envelope *out, struct rt *rt, const char *text,
		  const char *message_id)
{
	const char *why;
	json_t *body = json_pack("{s:s, s:s*}", "content", text, "messageId",
				 message_id);
	int err = body ? envelope_read(out, rt, body, &why) : -ENOMEM;

	json_decref(body);
	return err;
}

void envelope_free(struct envelope *envelope)
{
	json_decref(envelope->json);
	free(envelope->text);
	*envelope = (struct envelope){ 0 };
}
