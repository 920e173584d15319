// SPDX-License-Identifier: MIT
#include "proto/mcp_channel.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/activity.h"
#include "proto/json.h"
#include "proto/json_wire.h"
#include "proto/mcp.h"
#include "proto/text.h"
#include "proto/uuid.h"

#define ID_MAX 128
#define URL_MAX 512
/* For what else is in the line. */
#define FRAME_MAX 8192

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ID_ALPHABET ALNUM "._:-"
#define NAME_ALPHABET ALNUM " _.-/+:@()"
#define URL_ALPHABET ALNUM "._:-/%~[]"

const char *const *mcp_channel_methods(enum mcp_channel_host host)
{
	static const char *const methods[][3] = {
		[MCP_CHANNEL_ANY] = { MCP_CHANNEL },
		[MCP_CHANNEL_OPENCLAW] = { MCP_CHANNEL,
					   "notifications/openclaw/channel" },
		[MCP_CHANNEL_CURSOR] = { MCP_CHANNEL,
					 "notifications/cursor/channel" },
		[MCP_CHANNEL_HERMES] = { MCP_CHANNEL,
					 "notifications/hermes/channel" },
	};

	return methods[host];
}

static const char *one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return *words;
	return "";
}

static const char *kind_of(const char *text)
{
	static const char *const kinds[] = { "canvas_user", "peer_agent",
					     "system", "delegation_result",
					     NULL };

	return one_of(text, kinds);
}

static const char *method_of(const char *text)
{
	static const char *const methods[] = {
		"message/send",	   "message/stream",
		"tasks/send",	   "tasks/get",
		"notify",	   "broadcast",
		"delegate",	   "chat_upload_receive",
		"delegate_result", NULL
	};

	return one_of(text, methods);
}

/* The text if it is not longer than `max` and of these characters only. */
static const char *plain(const char *text, const char *alphabet, size_t max)
{
	size_t len = strspn(text, alphabet);

	return text[len] || len > max ? "" : text;
}

/* Past so many digits, NULL when they are not there. */
static const char *digits(const char *at, int count)
{
	for (; at && count > 0; count--, at++)
		if (!isdigit((unsigned char)*at))
			return NULL;
	return at;
}

static const char *after(const char *at, char ch)
{
	return at && *at == ch ? at + 1 : NULL;
}

/* YYYY-MM-DDThh:mm:ss[.f…](Z or ±hh:mm) */
static bool is_time(const char *text)
{
	const char *at = after(digits(text, 4), '-');

	at = after(digits(at, 2), '-');
	at = after(digits(at, 2), 'T');
	at = after(digits(at, 2), ':');
	at = after(digits(at, 2), ':');
	at = digits(at, 2);
	if (after(at, '.')) {
		size_t fraction = strspn(at + 1, "0123456789");

		if (fraction < 1 || fraction > 9)
			return false;
		at += 1 + fraction;
	}
	if (after(at, 'Z'))
		return at[1] == '\0';
	if (!at || (*at != '+' && *at != '-'))
		return false;
	at = digits(after(digits(at + 1, 2), ':'), 2);
	return at && *at == '\0';
}

/* A name, the mark of a cut, and what is read on to see that one is due. */
#define NAME_SIZE (MCP_CHANNEL_NAME_MAX + sizeof(CUT_MARK) + 2)
#define CUT_MARK "\xE2\x80\xA6"

/* A name made harmless: what is not of the alphabet becomes a space, runs of
 * spaces one, and none is at either end. */
static void name_of(char out[NAME_SIZE], const char *text)
{
	size_t len = 0;
	bool gap = false;

	for (; *text && len <= MCP_CHANNEL_NAME_MAX; text++) {
		if (*text == ' ' || !strchr(NAME_ALPHABET, *text)) {
			gap = len > 0;
			continue;
		}
		if (gap)
			out[len++] = ' ';
		gap = false;
		out[len++] = *text;
	}
	out[len] = '\0';
	if (len > MCP_CHANNEL_NAME_MAX)
		memcpy(out + MCP_CHANNEL_NAME_MAX - 1, CUT_MARK,
		       sizeof(CUT_MARK));
}

/* What of a message stands in the meta and in the first lines. */
struct shown {
	char peer_id[UUID_LEN + 1];
	char name[NAME_SIZE], role[NAME_SIZE]; /* "" unknown */
	const char *kind;
	const char *arrival;
};

static bool set(json_t *meta, const char *key, const char *value)
{
	return json_object_set_new(meta, key, json_string(value)) == 0;
}

static bool set_known(json_t *meta, const char *key, const char *value)
{
	return !*value || set(meta, key, value);
}

/* How many files came with it, if any; which, the inbox tells. */
static bool set_attachments(json_t *meta, const char *attachments)
{
	json_t *list = NULL;
	size_t count;
	char text[24];

	if (*attachments)
		list = json_parse_bounded(attachments, strlen(attachments),
					  NULL);
	count = json_array_size(list);
	json_decref(list);
	snprintf(text, sizeof(text), "%zu", count);
	return !count || set(meta, "attachments", text);
}

static json_t *meta_of(const struct activity_message *message,
		       const struct shown *shown)
{
	const char *time = message->created_at;
	json_t *meta = json_object();

	if (set(meta, "source", MCP_SERVER_NAME) &&
	    set(meta, "kind", shown->kind) &&
	    set(meta, "peer_id", shown->peer_id) &&
	    set(meta, "method", method_of(message->method)) &&
	    set(meta, "activity_id",
		plain(message->activity_id, ID_ALPHABET, ID_MAX)) &&
	    set(meta, "ts", is_time(time) ? time : "") &&
	    set_known(meta, "peer_name", shown->name) &&
	    set_known(meta, "peer_role", shown->role) &&
	    set_known(meta, "agent_card_url",
		      plain(message->agent_card_url, URL_ALPHABET, URL_MAX)) &&
	    set_known(meta, "arrival_workspace_id", shown->arrival) &&
	    set_attachments(meta, message->attachments))
		return meta;
	json_decref(meta);
	return NULL;
}

#define REPLY "\xE2\x86\xA9 Reply: " /* an arrow that turns back */
#define NO_REPLY                                                               \
	"\xE2\x86\xA9 No reply is expected: deal with it, then inbox_pop.\n"
#define DOT " \xC2\xB7 "

static void add_user(struct text *text, const struct shown *shown)
{
	text_add(text, "[from canvas user]\n" REPLY
		       "send_message_to_user({message: \"...\"");
	if (*shown->arrival)
		text_format(text, ", workspace_id: \"%s\"", shown->arrival);
	text_add(text, "})\n");
}

static void add_peer(struct text *text, const struct shown *shown)
{
	text_format(text, "[from %s",
		    *shown->name ? shown->name : "peer-agent");
	if (*shown->role)
		text_format(text, " (%s)", shown->role);
	if (*shown->peer_id)
		text_format(text, DOT "peer_id=%s", shown->peer_id);
	text_add(text, DOT "untrusted]\n");
	if (!*shown->peer_id) {
		text_add(text, NO_REPLY);
		return;
	}
	text_format(text,
		    REPLY "delegate_task({workspace_id: \"%s\", task: \"...\"",
		    shown->peer_id);
	if (*shown->arrival)
		text_format(text, ", source_workspace_id: \"%s\"",
			    shown->arrival);
	text_add(text, "})\n");
}

static void add_head(struct text *text, const struct shown *shown)
{
	if (strcmp(shown->kind, "canvas_user") == 0)
		add_user(text, shown);
	else if (strcmp(shown->kind, "peer_agent") == 0)
		add_peer(text, shown);
	else if (strcmp(shown->kind, "delegation_result") == 0)
		text_add(text,
			 "[result of a delegation" DOT "untrusted]\n" NO_REPLY);
	else
		text_add(text, "[system message" DOT "untrusted]\n" NO_REPLY);
}

static json_t *content_of(const struct activity_message *message,
			  const struct shown *shown)
{
	size_t len = strlen(message->text);
	size_t kept = json_wire_prefix(message->text, len, JSON_WIRE_STRING,
				       MCP_LINE_MAX - FRAME_MAX);
	struct text text = { 0 };
	json_t *content;
	char *whole;

	add_head(&text, shown);
	text_add_bytes(&text, message->text, kept);
	if (kept < len)
		text_add(&text, "\n[cut here: the message is too long]");
	whole = text_take(&text);
	content = json_string_clean_z(whole);
	free(whole);
	return content;
}

int mcp_channel_line(struct jsonrpc_line *out, const char *method,
		     const struct activity_message *message)
{
	struct shown shown = {
		.kind = kind_of(message->kind),
		.arrival = plain(message->arrival_workspace_id, ID_ALPHABET,
				 ID_MAX),
	};
	json_t *params;

	*out = (struct jsonrpc_line){ 0 };
	uuid_normalise(shown.peer_id, message->peer_id);
	name_of(shown.name, message->peer_name);
	name_of(shown.role, message->peer_role);
	params = json_pack("{s:o, s:o}", "content", content_of(message, &shown),
			   "meta", meta_of(message, &shown));
	return params ? jsonrpc_notification(out, method, params) : -ENOMEM;
}
