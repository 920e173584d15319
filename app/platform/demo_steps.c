// SPDX-License-Identifier: MIT
/* The steps in which messages pass: the user's, and the other agent's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/canvas.h"
#include "app/platform/demo_state.h"
#include "app/platform/members.h"
#include "net/http_client.h"
#include "net/trust.h"
#include "proto/json.h"

static const char question[] = "Good morning! Which day is it?";
static const char reply_text[] = "Good morning. It is a fine day.";
static const char task_text[] = "How many moons has Mars?";
static const char task_reply[] = "Two: Phobos and Deimos.";

static bool has_delegation_come(const struct demo *demo)
{
	return demo->arrivals >= 1 &&
	       strcmp(demo->arrival.peer_id, demo->peer->id.text) == 0;
}

static bool is_delegation_over(const struct demo *demo)
{
	return demo->completed_ns != 0;
}

/* POST /workspaces/<peer>/delegate, as the other agent. */
static int send_delegation(struct demo *demo, struct pool *pool)
{
	char *body = NULL, bearer[MEMBER_TOKEN_LEN_MAX + 16], target[96];
	json_t *json = json_pack("{s:s, s:s}", "target_id",
				 demo->agent->id.text, "task", task_text);
	struct http_response response = { 0 };
	struct url url;
	size_t len = 0;
	int err = -ENOMEM;

	(void)snprintf(target, sizeof(target), "/workspaces/%s/delegate",
		       demo->peer->id.text);
	(void)snprintf(bearer, sizeof(bearer), "Bearer %s",
		       demo->peer->tokens[0]);
	if (json)
		body = json_dump_line(json, &len);
	if (body)
		err = url_parse(&url, demo->url, NULL);
	if (err == 0)
		err = http_fetch(
			pool,
			&(struct http_request){
				.method = "POST",
				.url = &url,
				.target = target,
				.fields = { { "Authorization", bearer },
					    { "Content-Type",
					      "application/json" } },
				.field_count = 2,
				.body = body,
				.body_len = len,
			},
			&response, NULL,
			deadline_in_ms(demo->rt, DEMO_STEP_MS));
	explicit_bzero(bearer, sizeof(bearer));
	json_decref(json);
	free(body);
	if (err < 0)
		return err;
	err = response.status == 202 ? 0 : -EPROTO;
	http_response_free(&response);
	return err;
}

static int delegate(struct demo *demo)
{
	struct trust_options roots = { .file = demo->certificate };
	struct pool *pool = pool_new(demo->rt, NULL); /* the URL is literal */
	int err = -ENOMEM;

	if (pool) {
		pool_set_roots(pool, &roots);
		err = send_delegation(demo, pool);
		pool_free(pool);
	}
	return err < 0 ? demo_failed(demo, DEMO_PEER " delegates", err) : 0;
}

static int pop(struct demo *demo)
{
	char *text;
	int err = demo_tool(
		demo, "inbox_pop",
		json_pack("{s:s}", "activity_id", demo->arrival.activity_id),
		&text);

	if (err == 0)
		narrate_step(&demo->narrator, 0, "agent → mcp", "inbox_pop: %s",
			     text);
	free(text);
	return err;
}

int demo_peer_asks(struct demo *demo)
{
	int64_t sent = demo_now(demo);
	char *text;
	int err;

	if (delegate(demo) < 0)
		return -1;
	narrate_step(&demo->narrator, sent, DEMO_PEER " → platform",
		     "delegates to " DEMO_AGENT ": “%s”", task_text);
	err = demo_wait(demo, has_delegation_come);
	if (err < 0)
		return demo_failed(demo, "waiting for the delegation", err);
	narrate_step(&demo->narrator, demo->arrival.at_ns, "mcp → host",
		     "%s: “%s”, after %.0f ms", demo->arrival.kind,
		     demo->arrival.text, demo_ms(sent, demo->arrival.at_ns));
	narrate_step(&demo->narrator, 0, "agent → mcp",
		     "delegate_task to " DEMO_PEER ": “%s”", task_reply);
	err = demo_tool(demo, "delegate_task",
			json_pack("{s:s, s:s}", "workspace_id",
				  demo->arrival.peer_id, "task", task_reply),
			&text);
	if (err < 0)
		return -1;
	free(text);
	err = demo_wait(demo, is_delegation_over);
	if (err < 0)
		return demo_failed(demo, "waiting for the delegation's end",
				   err);
	narrate_step(&demo->narrator, demo->completed_ns,
		     "platform → " DEMO_PEER,
		     "the delegation is completed, with that answer");
	return pop(demo);
}

static bool has_answered(const struct demo *demo)
{
	return demo->answered_ns != 0;
}

static bool has_arrived(const struct demo *demo)
{
	return demo->arrivals >= 1;
}

int demo_conversation(struct demo *demo, const char *message,
		      const char *answer)
{
	int64_t sent = demo_now(demo);
	int err;

	demo->arrivals = 0;
	demo->answered_ns = 0;
	if (!canvas_say(demo->platform, demo->agent,
			&(struct canvas_words){ .text = message }))
		return demo_failed(demo, "the user writes", -ENOMEM);
	narrate_step(&demo->narrator, sent, "user → platform", "“%s”", message);
	err = demo_wait(demo, has_arrived);
	if (err < 0)
		return demo_failed(demo, "waiting for the user's message", err);
	narrate_step(&demo->narrator, demo->arrival.at_ns, "mcp → host",
		     "%s: “%s”, after %.0f ms", demo->arrival.kind,
		     demo->arrival.text, demo_ms(sent, demo->arrival.at_ns));
	narrate_step(&demo->narrator, 0, "agent → mcp",
		     "send_message_to_user: “%s”", answer);
	if (demo_tool(demo, "send_message_to_user",
		      json_pack("{s:s}", "message", answer), NULL) < 0)
		return -1;
	err = demo_wait(demo, has_answered);
	if (err < 0)
		return demo_failed(demo, "waiting for the agent's answer", err);
	narrate_step(&demo->narrator, demo->answered_ns, "platform → user",
		     DEMO_AGENT " says: “%s”", demo->answer);
	return pop(demo);
}

int demo_first_words(struct demo *demo)
{
	return demo_conversation(demo, question, reply_text);
}
