// SPDX-License-Identifier: MIT
#include "harness.h"

#include <stdlib.h>
#include <string.h>

struct message_wait {
	struct child *c;
	const json_t *id;   /* a response with this id, or */
	const char *method; /* a notification of this method */
	int nth;
	json_t *found;
};

static bool fits(const struct message_wait *w, const json_t *m)
{
	const char *method = json_string_value(json_object_get(m, "method"));

	if (w->method)
		return method && !strcmp(method, w->method);
	return !method && json_equal(json_object_get(m, "id"), w->id);
}

static bool find(void *arg)
{
	struct message_wait *w = arg;
	int left = w->nth;
	json_t *m;

	for (int i = 0; (m = child_message(w->c, i)); i++)
		if (fits(w, m) && left-- == 0) {
			w->found = m;
			return true;
		}
	return false;
}

static int count(struct message_wait w)
{
	json_t *m;
	int n = 0;

	for (int i = 0; (m = child_message(w.c, i)); i++)
		n += fits(&w, m);
	return n;
}

static bool find_or_end(void *arg)
{
	struct message_wait *w = arg;

	return find(w) || !child_running(w->c);
}

json_t *child_response_text(struct child *c, const char *id)
{
	json_t *value = json_loads(id, JSON_DECODE_ANY, NULL);
	struct message_wait w = { .c = c, .id = child_keep_json(c, value) };

	wait_until(find_or_end, &w, BOUND_MS);
	if (!w.found && !find(&w))
		child_fail(c, "no response with id %s", id);
	return w.found;
}

json_t *child_response(struct child *c, json_int_t id)
{
	char *text = text_new("%lld", (long long)id);
	json_t *m;

	m = child_response_text(c, text);
	free(text);
	return m;
}

json_t *child_result(struct child *c, json_int_t id)
{
	json_t *result = json_object_get(child_response(c, id), "result");

	if (!result)
		child_fail(c, "response %lld is an error", (long long)id);
	return result;
}

json_t *child_error(struct child *c, json_int_t id)
{
	json_t *error = json_object_get(child_response(c, id), "error");

	if (!error)
		child_fail(c, "response %lld is no error", (long long)id);
	return error;
}

int child_responses(struct child *c, json_int_t id)
{
	json_t *value = child_keep_json(c, json_integer(id));

	return count((struct message_wait){ .c = c, .id = value });
}

json_t *child_notification(struct child *c, const char *method, int n)
{
	struct message_wait w = { .c = c, .method = method, .nth = n };

	if (!wait_until(find, &w, BOUND_MS))
		child_fail(c, "no notification %s number %d", method, n);
	return w.found;
}

int child_notifications(struct child *c, const char *method)
{
	return count((struct message_wait){ .c = c, .method = method });
}

void mcp_initialize(struct child *c, const char *version)
{
	child_send(c,
		   "{'jsonrpc':'2.0','id':1,'method':'initialize','params':{"
		   "'protocolVersion':'%s','capabilities':{},"
		   "'clientInfo':{'name':'process-test','version':'1'}}}",
		   version);
}

void mcp_initialized(struct child *c)
{
	child_send(c, "{'jsonrpc':'2.0','method':'notifications/initialized'}");
}

void mcp_hello(struct child *c)
{
	mcp_initialize(c, "2025-06-18");
	child_result(c, 1);
	mcp_initialized(c);
}

void mcp_call(struct child *c, json_int_t id, const char *tool,
	      const char *args, ...)
{
	va_list ap;
	char *text;
	char *line;

	va_start(ap, args);
	text = args ? quoted_new(args, ap) : strdup("{}");
	va_end(ap);
	line = text_new("{\"jsonrpc\":\"2.0\",\"id\":%lld,"
			"\"method\":\"tools/call\",\"params\":{"
			"\"name\":\"%s\",\"arguments\":%s}}\n",
			(long long)id, tool, text);
	child_send_bytes(c, line, strlen(line));
	free(text);
	free(line);
}

const char *mcp_text(struct child *c, json_int_t id, bool *is_error)
{
	json_t *result = child_result(c, id);
	json_t *content = json_object_get(result, "content");
	json_t *first = json_array_get(content, 0);
	const char *text = json_string_value(json_object_get(first, "text"));
	const char *type = json_string_value(json_object_get(first, "type"));

	if (!text || !type || strcmp(type, "text"))
		child_fail(c, "result %lld has no text", (long long)id);
	if (is_error)
		*is_error = json_is_true(json_object_get(result, "isError"));
	return text;
}

const char *mcp_ok(struct child *c, json_int_t id)
{
	bool is_error;
	const char *text = mcp_text(c, id, &is_error);

	if (is_error)
		child_fail(c, "call %lld failed: %s", (long long)id, text);
	return text;
}

const char *mcp_failed(struct child *c, json_int_t id)
{
	bool is_error;
	const char *text = mcp_text(c, id, &is_error);

	if (!is_error)
		child_fail(c, "call %lld should fail, but says: %s",
			   (long long)id, text);
	return text;
}

json_t *mcp_json(struct child *c, json_int_t id)
{
	const char *text = mcp_ok(c, id);
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!value)
		child_fail(c, "call %lld is no JSON: %s", (long long)id, text);
	return child_keep_json(c, value);
}
