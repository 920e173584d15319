// SPDX-License-Identifier: MIT
/*
 * tools_fixture - what the tests of the tools share: a platform that answers by
 * rules and keeps what it was asked, and a tool run against it.
 *
 *	fake_open(&fake, rt);
 *	RULES(&fake, { "GET /x", 200, "{'id':'a'}", 0, 0 });
 *	want(&fake, "list_peers", "{}", false, "the whole answer");
 *	CHECK_EQ(seen(&fake, "GET /x"), 1);
 *	fake_close(&fake);
 *
 * What was asked is kept as "METHOD target [token]", a line, and the body.
 * Several fakes are several platforms: fake_join makes one fleet of them.
 */
#ifndef TESTS_UNIT_TOOLS_FIXTURE_H
#define TESTS_UNIT_TOOLS_FIXTURE_H

#include "tests/unit/mcp_fixture.h"

#include "app/config.h"
#include "app/peers.h"
#include "app/turns.h"
#include "net/http_server.h"
#include "proto/tools.h"

/* What the platform answers to requests that begin so; ' stands for ". */
struct rule {
	const char *request;
	int status;
	const char *body;
	uint32_t times; /* the rule holds for so many requests; 0: always */
	uint32_t used;
};

struct fake {
	struct host host;
	struct config config;	 /* all zero but for what a test sets */
	const char *retry_after; /* the header of a 503; NULL: none */
	/* Called for each request, before it is answered; may be NULL. */
	void (*on_request)(struct fake *fake, const char *line);
	struct http_server server;
	struct scope scope;
	struct rule rules[12];
	char *seen; /* each request: its line, its body */
	size_t seen_len;
};

static inline struct rule *fake_rule(struct fake *fake, const char *request)
{
	for (size_t i = 0; i < 12; i++) {
		struct rule *rule = &fake->rules[i];

		if (rule->request &&
		    strncmp(request, rule->request, strlen(rule->request)) ==
			    0 &&
		    (!rule->times || rule->used < rule->times))
			return rule;
	}
	return NULL;
}

static inline void fake_note(struct fake *fake, const char *line,
			     const char *body, size_t len)
{
	size_t line_len = strlen(line);
	char *seen = realloc(fake->seen, fake->seen_len + line_len + len + 3);

	memcpy(seen + fake->seen_len, line, line_len);
	fake->seen_len += line_len;
	seen[fake->seen_len++] = '\n';
	for (size_t i = 0; i < len; i++)
		seen[fake->seen_len++] = body[i] ? body[i] : '0';
	seen[fake->seen_len++] = '\n';
	seen[fake->seen_len] = '\0';
	fake->seen = seen;
}

static inline void fake_handle(void *arg, struct http_incoming *request)
{
	struct fake *fake = arg;
	const char *bearer = http1_field(request->head, "authorization");
	const char *fields[] = { "Retry-After", NULL, NULL };
	char line[512], body[4096] = "";
	struct rule *rule;

	snprintf(line, sizeof(line), "%s %s [%s]", request->head->method,
		 request->head->target,
		 bearer && strlen(bearer) > 7 ? bearer + 7 : "");
	fake_note(fake, line, request->body, request->body_len);
	if (fake->on_request)
		fake->on_request(fake, line);
	rule = fake_rule(fake, line);
	if (!rule) {
		http_reply(request->conn, 404, NULL, "application/json",
			   "{\"error\":\"no rule\"}", 19);
		return;
	}
	rule->used++;
	snprintf(body, sizeof(body), "%s", rule->body);
	for (char *at = body; *at; at++)
		if (*at == '\'')
			*at = '"';
	fields[1] = rule->status == 503 ? fake->retry_after : NULL;
	http_reply(request->conn, rule->status, fields[1] ? fields : NULL,
		   "application/json", body, strlen(body));
}

static inline void fake_open(struct fake *fake, struct rt *rt)
{
	const struct http_server_options options = { .host = "127.0.0.1",
						     .handler = fake_handle,
						     .arg = fake };

	*fake = (struct fake){ 0 };
	CHECK_EQ(http_server_start(&fake->server, rt, &options), 0);
	scope_open(rt, &fake->scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&fake->scope, "platform", TASK_STACK_LARGE,
			    http_server_task, &fake->server),
		 0);
	host_tools(&fake->host, rt, fake->server.port);
	fake->host.tools.config = &fake->config;
	fake->host.tools.peers = peers_new(rt, &fake->host.client);
	fake->host.tools.turns = turns_new(rt, fake->host.tools.inbox);
	fake->seen = calloc(1, 1);
}

static inline void fake_close(struct fake *fake)
{
	/* A member may have been given a card. */
	for (size_t i = 0; i < fake->host.fleet.count; i++)
		json_decref(fake->host.fleet.members[i].workspace.card);
	peers_free(fake->host.tools.peers);
	turns_free(fake->host.tools.turns);
	host_tools_free(&fake->host);
	scope_close(&fake->scope);
	http_server_stop(&fake->server);
	free(fake->seen);
}

/* Makes `first` serve its own workspace and that of `second`, which has this id
 * and token, at the other's platform. `members` are the caller's. */
static inline void fake_join(struct fake *first, struct fake *second,
			     struct member members[2], const char *id,
			     const char *token)
{
	members[0] = first->host.member;
	members[1] = second->host.member;
	members[1].who.workspace_id = id;
	members[1].who.token = (struct token_source){ .value = token };
	members[0].fleet = members[1].fleet = &first->host.fleet;
	first->host.fleet = (struct fleet){ .members = members, .count = 2 };
}

/* The rules from here on; forgets what was seen. */
static inline void fake_rules(struct fake *fake, const struct rule *rules,
			      size_t n)
{
	memset(fake->rules, 0, sizeof(fake->rules));
	memcpy(fake->rules, rules, n * sizeof(*rules));
	fake->seen_len = 0;
	fake->seen[0] = '\0';
}

#define RULES(fake, ...)                                                       \
	fake_rules(fake, (const struct rule[]){ __VA_ARGS__ },                 \
		   sizeof((const struct rule[]){ __VA_ARGS__ }) /              \
			   sizeof(struct rule))

static inline int seen(const struct fake *fake, const char *what)
{
	int count = 0;

	for (const char *at = fake->seen; (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

static inline struct tool_call fake_run(struct fake *fake, const char *tool,
					const char *arguments)
{
	struct tool_call call = { .tools = &fake->host.tools };
	char text[8192];
	json_t *json;

	snprintf(text, sizeof(text), "%s", arguments);
	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_parse_bounded(text, strlen(text), NULL);
	CHECK(json_is_object(json));
	call.arguments = json;
	CHECK(tools_find(tool) >= 0);
	tools_run(&call, tools_find(tool));
	CHECK(call.text != NULL);
	json_decref(json);
	return call;
}

/* The answer has reached the host. */
static inline void fake_done(struct tool_call *call)
{
	tools_settle(call, true);
	free(call->text);
	json_decref(call->structured);
}

/* Runs the tool and compares its whole answer. */
static inline void want(struct fake *fake, const char *tool,
			const char *arguments, bool is_error, const char *text)
{
	struct tool_call call = fake_run(fake, tool, arguments);

	if (!CHECK(call.text && strcmp(call.text, text) == 0))
		fprintf(stderr, "%s %s\ngot  %s\nwant %s\n", tool, arguments,
			call.text, text);
	CHECK_EQ(call.is_error, is_error);
	CHECK(!call.is_error || !call.structured);
	fake_done(&call);
}

/* The same for a part of it. */
static inline void want_part(struct fake *fake, const char *tool,
			     const char *arguments, bool is_error,
			     const char *text)
{
	struct tool_call call = fake_run(fake, tool, arguments);

	if (!CHECK(call.text && strstr(call.text, text)))
		fprintf(stderr, "%s %s\ngot  %s\nwant %s\n", tool, arguments,
			call.text, text);
	CHECK_EQ(call.is_error, is_error);
	CHECK(!call.is_error || !call.structured);
	fake_done(&call);
}

#endif
