// SPDX-License-Identifier: MIT
#include "app/platform_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/platform_request.h"
#include "proto/a2a.h"
#include "proto/json.h"
#include "runtime/io.h"

void platform_client_init(struct platform_client *client, struct rt *rt,
			  struct pool *pool)
{
	*client = (struct platform_client){ .rt = rt,
					    .pool = pool,
					    .lanes = { .rt = rt } };
	cond_init(rt, &client->uploaded);
}

void platform_client_fini(struct platform_client *client)
{
	for (size_t i = 0; i < PLATFORM_UPLOADS_KEPT; i++)
		free(client->uploads[i]);
}

bool platform_id_valid(const char *id)
{
	return config_id_valid(id);
}

void platform_new_id(struct rt *rt, char out[UUID_LEN + 1])
{
	uint8_t random[16];

	io_random(rt, random, sizeof(random));
	uuid_v4(out, random);
}

/* GET of a target, which is taken. */
static void get_within(struct platform_client *client,
		       const struct identity *who, char *target,
		       bool as_workspace, int64_t timeout_ms,
		       struct platform_reply *reply)
{
	platform_request_send(
		&(struct platform_request){
			.client = client,
			.who = who,
			.method = "GET",
			.target = target,
			.as_workspace = as_workspace,
			.idempotent = true,
			.timeout_ms = timeout_ms,
		},
		reply);
}

static void get(struct platform_client *client, const struct identity *who,
		char *target, bool as_workspace, struct platform_reply *reply)
{
	get_within(client, who, target, as_workspace, PLATFORM_TIMEOUT_MS,
		   reply);
}

/* POST of JSON as text of request->body_len bytes; target and text are taken,
 * NULL is out of memory. The rest of the request is filled in by the caller. */
static void post_text(struct platform_request *request, char *target,
		      char *text, struct platform_reply *reply)
{
	request->method = "POST";
	request->target = target;
	request->type = "application/json";
	request->body = text;
	if (request->timeout_ms == 0)
		request->timeout_ms = PLATFORM_TIMEOUT_MS;
	if (request->body == NULL) {
		free(request->target);
		request->target = NULL;
	}
	platform_request_send(request, reply);
}

/* The same of a tree, which is taken. */
static void post(struct platform_request *request, char *target, json_t *json,
		 struct platform_reply *reply)
{
	char *text = json_dump_line(json, &request->body_len);

	json_decref(json);
	post_text(request, target, text, reply);
}

/* False, with the reply saying so, when the id cannot stand in a path. */
static bool check_id(const char *id, struct platform_reply *reply)
{
	if (id != NULL && platform_id_valid(id))
		return true;
	platform_reply_refuse(reply, -EINVAL,
			      "this is not a workspace id (letters, digits, "
			      "'-', '_' and '.' are expected)");
	return false;
}

void platform_health(struct platform_client *client, const struct identity *who,
		     int64_t timeout_ms, struct platform_reply *reply)
{
	platform_request_send(
		&(struct platform_request){ .client = client,
					    .who = who,
					    .method = "GET",
					    .target =
						    platform_target("/health"),
					    .without_token = true,
					    .idempotent = true,
					    .timeout_ms = timeout_ms },
		reply);
}

void platform_register(struct platform_client *client,
		       const struct identity *who, json_t *card,
		       struct platform_reply *reply)
{
	struct platform_request request = { .client = client,
					    .who = who,
					    .idempotent = true };

	post(&request, platform_target("/registry/register"),
	     payload_register(who->workspace_id, json_incref(card)), reply);
}

void platform_heartbeat(struct platform_client *client,
			const struct identity *who,
			const struct payload_heartbeat *beat,
			int64_t timeout_ms, struct platform_reply *reply)
{
	struct platform_request request = { .client = client,
					    .who = who,
					    .class = PACE_BEAT,
					    .idempotent = true,
					    .unparsed = true,
					    .timeout_ms = timeout_ms };
	struct payload_heartbeat own = *beat;
	char *text;

	own.workspace_id = who->workspace_id;
	text = payload_heartbeat(&own, &request.body_len);
	post_text(&request, strdup("/registry/heartbeat"), text, reply);
}

/* Adds "name=value&" to a query, the value encoded; without one nothing. */
static void add_condition(struct text *target, const char *name,
			  const char *value)
{
	if (value == NULL)
		return;
	text_add(target, name);
	text_add(target, "=");
	platform_add_encoded(target, value);
	text_add(target, "&");
}

/* The same for a number; 0 is none. */
static void add_number(struct text *target, const char *name, uint32_t value)
{
	if (value == 0)
		return;
	text_add(target, name);
	text_add(target, "=");
	text_add_number(target, value);
	text_add(target, "&");
}

void platform_activity(struct platform_client *client,
		       const struct identity *who,
		       const struct platform_activity_query *query,
		       struct platform_reply *reply)
{
	struct platform_request request = {
		.client = client,
		.who = who,
		.method = "GET",
		.class = query->poll ? PACE_POLL : PACE_CALL,
		.unparsed = query->poll,
		.idempotent = true,
		.timeout_ms = PLATFORM_TIMEOUT_MS,
		.answer_max = PLATFORM_PAGE_BYTES,
	};
	struct text target = { 0 };

	/* Asked very often: without the cost of printf. */
	text_add(&target, "/workspaces/");
	text_add(&target, who->workspace_id);
	text_add(&target, "/activity?");
	add_condition(&target, "type", query->type);
	add_condition(&target, "since_id", query->cursor);
	add_number(&target, "since_secs", query->since_secs);
	add_condition(&target, "before_ts", query->before_ts);
	add_condition(&target, "peer_id", query->peer_id);
	add_number(&target, "limit", query->limit);
	if (query->peer_info)
		text_add(&target, "include=peer_info&");
	request.target = text_take(&target);
	if (request.target != NULL) /* the last '&' or '?' */
		request.target[strlen(request.target) - 1] = '\0';
	platform_request_send(&request, reply);
}

void platform_report_activity(struct platform_client *client,
			      const struct identity *who,
			      const struct payload_activity *activity,
			      struct platform_reply *reply)
{
	struct platform_request request = { .client = client,
					    .who = who,
					    .timeout_ms = PLATFORM_REPORT_MS };
	struct payload_activity own = *activity;

	own.source_id = who->workspace_id;
	post(&request,
	     platform_target("/workspaces/%s/activity", who->workspace_id),
	     payload_activity(&own), reply);
}

void platform_notify(struct platform_client *client, const struct identity *who,
		     const char *message, json_t *attachments,
		     struct platform_reply *reply)
{
	struct platform_request request = { .client = client,
					    .who = who,
					    .timeout_ms = PLATFORM_NOTIFY_MS };

	post(&request,
	     platform_target("/workspaces/%s/notify", who->workspace_id),
	     payload_notify(message, json_incref(attachments)), reply);
}

void platform_upload(struct platform_client *client, const struct identity *who,
		     const struct platform_file *files, size_t count,
		     struct platform_reply *reply)
{
	platform_upload_send(client, who,
			     platform_target("/workspaces/%s/chat/uploads",
					     who->workspace_id),
			     files, count, reply);
}

void platform_upload_content(struct platform_client *client,
			     const struct identity *who, const char *file_id,
			     int fd, uint64_t *size, int *write_err,
			     struct platform_reply *reply)
{
	*size = 0;
	*write_err = 0;
	if (check_id(file_id, reply))
		platform_download(
			client, who,
			platform_target(
				"/workspaces/%s/pending-uploads/%s/content",
				who->workspace_id, file_id),
			fd, size, write_err, reply);
}

void platform_upload_ack(struct platform_client *client,
			 const struct identity *who, const char *file_id,
			 struct platform_reply *reply)
{
	struct platform_request request = {
		.client = client,
		.who = who,
		.method = "POST",
		.idempotent = true,
		.timeout_ms = PLATFORM_TIMEOUT_MS,
	};

	if (!check_id(file_id, reply))
		return;
	request.target =
		platform_target("/workspaces/%s/pending-uploads/%s/ack",
				who->workspace_id, file_id);
	platform_request_send(&request, reply);
}

void platform_events(struct platform_client *client, const struct identity *who,
		     struct http_stream **stream, struct platform_reply *reply)
{
	struct platform_request request = {
		.client = client,
		.who = who,
		.method = "GET",
		.target = platform_target("/workspaces/%s/events/stream",
					  who->workspace_id),
		.timeout_ms = PLATFORM_TIMEOUT_MS,
	};

	platform_request_open(&request, reply, stream);
}

void platform_delegate(struct platform_client *client,
		       const struct identity *who, const char *target_id,
		       const char *task, const char *key,
		       struct platform_reply *reply)
{
	/* The key makes a second arrival harmless. */
	struct platform_request request = { .client = client,
					    .who = who,
					    .idempotent = true };

	if (!check_id(target_id, reply))
		return;
	post(&request,
	     platform_target("/workspaces/%s/delegate", who->workspace_id),
	     payload_delegate(target_id, task, key), reply);
}

void platform_delegations(struct platform_client *client,
			  const struct identity *who,
			  struct platform_reply *reply)
{
	get(client, who,
	    platform_target("/workspaces/%s/delegations", who->workspace_id),
	    false, reply);
}

void platform_a2a(struct platform_client *client, const struct identity *who,
		  const char *peer_id, const char *message_id, const char *text,
		  struct platform_reply *reply)
{
	struct platform_request request = { .client = client,
					    .who = who,
					    .as_workspace = true,
					    .timeout_ms = PLATFORM_A2A_MS };

	if (!check_id(peer_id, reply))
		return;
	post(&request, platform_target("/workspaces/%s/a2a", peer_id),
	     a2a_message_send(message_id, message_id, text), reply);
}

bool platform_card_url(const struct identity *who, const char *peer_id,
		       char *buf, size_t cap)
{
	int len = -1;

	if (platform_id_valid(peer_id))
		len = snprintf(buf, cap, "%s/registry/discover/%s", who->origin,
			       peer_id);
	if (len >= 0 && (size_t)len < cap)
		return true;
	*buf = '\0';
	return false;
}

void platform_discover(struct platform_client *client,
		       const struct identity *who, const char *peer_id,
		       int64_t timeout_ms, struct platform_reply *reply)
{
	if (check_id(peer_id, reply))
		get_within(client, who,
			   platform_target("/registry/discover/%s", peer_id),
			   true, timeout_ms, reply);
}

void platform_peers(struct platform_client *client, const struct identity *who,
		    struct platform_reply *reply)
{
	get(client, who,
	    platform_target("/registry/%s/peers", who->workspace_id), true,
	    reply);
}

void platform_workspace(struct platform_client *client,
			const struct identity *who, const char *workspace_id,
			struct platform_reply *reply)
{
	if (workspace_id == NULL)
		workspace_id = who->workspace_id;
	if (check_id(workspace_id, reply))
		get(client, who,
		    platform_target("/workspaces/%s", workspace_id), false,
		    reply);
}

void platform_memory_commit(struct platform_client *client,
			    const struct identity *who, const char *content,
			    const char *scope, struct platform_reply *reply)
{
	struct platform_request request = { .client = client, .who = who };

	post(&request,
	     platform_target("/workspaces/%s/memories", who->workspace_id),
	     payload_memory(who->workspace_id, content, scope), reply);
}

void platform_memory_recall(struct platform_client *client,
			    const struct identity *who, const char *query,
			    const char *scope, struct platform_reply *reply)
{
	struct text target = { 0 };

	text_format(&target, "/workspaces/%s/memories?workspace_id=%s&q=",
		    who->workspace_id, who->workspace_id);
	platform_add_encoded(&target, query);
	text_add(&target, "&scope=");
	platform_add_encoded(&target, scope);
	get(client, who, text_take(&target), false, reply);
}

void platform_update_card(struct platform_client *client,
			  const struct identity *who, json_t *card,
			  struct platform_reply *reply)
{
	struct platform_request request = { .client = client,
					    .who = who,
					    .idempotent = true };

	post(&request, platform_target("/registry/update-card"),
	     json_pack("{s:s, s:O}", "workspace_id", who->workspace_id,
		       "agent_card", card),
	     reply);
}

void platform_broadcast(struct platform_client *client,
			const struct identity *who, const char *message,
			struct platform_reply *reply)
{
	struct platform_request request = {
		.client = client,
		.who = who,
		.timeout_ms = PLATFORM_BROADCAST_MS,
	};

	post(&request,
	     platform_target("/workspaces/%s/broadcast", who->workspace_id),
	     payload_notify(message, NULL), reply);
}
