// SPDX-License-Identifier: MIT
/*
 * What the server says: stdout has whole JSON-RPC messages only, and one answer
 * to each request, and none to one that was cancelled a while ago; no secret is
 * in any line of it, nor of the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io.h"
#include "runtime/task.h"
#include "tests/world/host.h"
#include "tests/world/life.h"
#include "tests/world/server.h"

#define STEP 16384
#define LINE_MAX_BYTES (16u << 20)
/* An answer may cross the cancellation on its way. */
#define CROSSING (5 * SIM_S)

/* --- Lines --- */

struct lines {
	char *data;
	size_t len, cap;
};

static void check_secrets(struct host *host, const char *line, size_t len)
{
	const char *secret;

	for (int i = 0; (secret = server_secret(host->life, i)) != NULL; i++)
		if (memmem(line, len, secret, strlen(secret)))
			sim_fail(host->life->world,
				 "a secret is in the line \"%.*s\"",
				 (int)(len < 300 ? len : 300), line);
}

/* Reads what there is: false at the end. */
static bool read_more(struct host *host, int fd, struct lines *lines)
{
	ssize_t n;

	if (lines->cap - lines->len < STEP) {
		lines->cap = lines->cap * 2 + STEP;
		lines->data = realloc(lines->data, lines->cap);
		if (!lines->data)
			abort();
	}
	n = io_read(host->rt, fd, lines->data + lines->len, STEP,
		    DEADLINE_NEVER);
	if (n > 0)
		lines->len += (size_t)n;
	return n > 0 && lines->len < LINE_MAX_BYTES;
}

/* Calls hear() for each whole line. */
static void take_lines(struct host *host, struct lines *lines,
		       void (*hear)(struct host *host, char *line, size_t len))
{
	char *line = lines->data, *end;
	size_t left = lines->len;

	while ((end = memchr(line, '\n', left)) != NULL) {
		size_t len = (size_t)(end - line);

		*end = '\0';
		check_secrets(host, line, len);
		hear(host, line, len);
		line = end + 1;
		left -= len + 1;
	}
	memmove(lines->data, line, left);
	lines->len = left;
}

/* --- Answers --- */

static bool was_cancelled(const struct host *host, unsigned id)
{
	const struct server *server = host->life->server;
	int64_t now = sim_time(host->life->world);

	/* A notification that there is no memory for is not heard. */
	if (!server || server->weak)
		return false;
	for (unsigned i = 0; i < HOST_CANCELLED; i++)
		if (host->cancelled[i].id == id &&
		    now - host->cancelled[i].at > CROSSING &&
		    host->heard < host->cancelled[i].at)
			return true;
	return false;
}

/* The request that an answer is for; 0: none. */
static unsigned id_of(const json_t *message)
{
	const json_t *id = json_object_get(message, "id");
	unsigned number;

	if (json_is_integer(id)) {
		number = (unsigned)json_integer_value(id);
		return number % 16 ? number : 0;
	}
	if (json_is_string(id) &&
	    sscanf(json_string_value(id), "s%u", &number) == 1)
		return number % 16 ? 0 : number;
	return 0;
}

json_t *host_result(const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	json_t *json = json_object_get(result, "structuredContent");
	const json_t *first =
		json_array_get(json_object_get(result, "content"), 0);
	const char *text = json_string_value(json_object_get(first, "text"));

	if (json_is_true(json_object_get(result, "isError")))
		return NULL;
	if (json)
		return json_incref(json);
	return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

json_t *host_messages(json_t *result)
{
	return json_is_array(result) ? result
				     : json_object_get(result, "messages");
}

static const char *member(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static void take_message(struct host *host, const json_t *message,
			 int64_t waiting_ns)
{
	const char *id = member(message, "activity_id");
	const char *text = member(message, "text");

	if (id && text)
		letters_got(host->life, LETTERS_WAIT, id, text, waiting_ns);
}

/* The result of delegate_task may be a letter of a peer. */
static void take_reply(struct host *host, const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const json_t *first =
		json_array_get(json_object_get(result, "content"), 0);
	const char *text = member(first, "text");
	const char *letter = text ? strstr(text, "letter ") : NULL;

	if (letter)
		letters_got(host->life, LETTERS_ANSWER, "", letter, 0);
}

/* What the agent learns by an answer, as soon as it is there. */
static void take_result(struct host *host, const json_t *answer,
			const struct ask *ask)
{
	json_t *result = host_result(answer), *message;
	json_t *removed = json_object_get(result, "removed");
	int64_t waiting_ns = 0;
	size_t i;

	if (ask && host->heard < ask->sent && !host->deaf)
		waiting_ns = sim_time(host->life->world) - ask->sent;
	if (removed)
		letters_pop_answered(host->life, member(result, "activity_id"),
				     json_is_true(removed));
	else if (json_is_true(json_object_get(result, "timeout")))
		letters_none(host->life);
	else if (json_object_get(result, "activity_id"))
		take_message(host, result, waiting_ns);
	else if (json_is_array(host_messages(result)))
		json_array_foreach(host_messages(result), i, message)
			take_message(host, message, waiting_ns);
	else
		take_reply(host, answer);
	json_decref(result);
}

static void take_answer(struct host *host, json_t *message)
{
	struct sim_world *world = host->life->world;
	struct ask *ask = host->asks;
	unsigned id = id_of(message);

	if (json_is_null(json_object_get(message, "id")) &&
	    json_object_get(message, "error"))
		return; /* to what could not be read */
	if (id == 0 || id >= HOST_IDS || host->id[id] == HOST_ID_FREE) {
		sim_fail(world, "an answer to what was never asked");
		return;
	}
	if (host->id[id] == HOST_ID_ANSWERED)
		sim_fail(world, "request %u has been answered twice", id);
	if (was_cancelled(host, id))
		sim_fail(world,
			 "request %u has been answered after it was cancelled",
			 id);
	host->id[id] = HOST_ID_ANSWERED;
	while (ask && ask->id != id)
		ask = ask->next;
	take_result(host, message, ask);
	if (!ask || ask->answer)
		return;
	ask->answer = json_incref(message);
	event_set(&ask->answered);
}

/* --- Notifications --- */

static void take_notification(struct host *host, const json_t *message)
{
	const json_t *params = json_object_get(message, "params");
	const json_t *meta = json_object_get(params, "meta");
	const char *id =
		json_string_value(json_object_get(meta, "activity_id"));
	const char *text =
		json_string_value(json_object_get(params, "content"));
	const char *letter = text ? strstr(text, "letter ") : NULL;

	if (id && letter)
		letters_got(host->life, LETTERS_PUSHED, id, letter, 0);
}

static void hear_message(struct host *host, char *line, size_t len)
{
	json_error_t error;
	json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	const char *version =
		json_string_value(json_object_get(message, "jsonrpc"));

	sim_trace(host->life->world, "host", "< %.*s",
		  (int)(len < 2000 ? len : 2000), line);
	if (!json_is_object(message) || !version || strcmp(version, "2.0") != 0)
		sim_fail(host->life->world,
			 "stdout has a line that is no message: \"%.300s\"",
			 line);
	else if (json_object_get(message, "method"))
		take_notification(host, message);
	else
		take_answer(host, message);
	json_decref(message);
	server_given_up(host->life);
}

void host_ear_task(struct rt *rt, void *arg)
{
	struct host *host = arg;
	struct lines lines = { 0 };

	while (read_more(host, host->from, &lines)) {
		take_lines(host, &lines, hear_message);
		while (host->deaf &&
		       task_sleep(rt, deadline_in_ms(rt, 1000)) == 0) {
			host->heard = sim_time(host->life->world);
			if (!host->life->server)
				break;
		}
	}
	/* A server that was killed may have begun a line. */
	if (lines.len > 0 && host->life->server && !host->life->server->weak)
		sim_fail(host->life->world, "stdout ends in half a line");
	free(lines.data);
	host->gone = true;
	for (struct ask *ask = host->asks; ask; ask = ask->next)
		event_set(&ask->answered);
	event_set(&host->over);
}

/* --- The log --- */

static void hear_log(struct host *host, char *line, size_t len)
{
	(void)len;
	sim_trace(host->life->world, "log", "%s", line);
}

void host_log_task(struct rt *rt, void *arg)
{
	struct host *host = arg;
	struct lines lines = { 0 };

	(void)rt;
	while (read_more(host, host->log, &lines))
		take_lines(host, &lines, hear_log);
	free(lines.data);
}
